# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the health check asks its node: the peer's silence, stopped processes, the ruleset that is expected."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.health import node, rules
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import AskError
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import content

NETWORK = """\
network statistics:
\trecv:
\t\tMalformed messages:\t 0
\t\tWrong protocol version:\t 0
\t\tMalformed header:\t 0
\t\tMalformed payload:\t 0
\t\tBad message type:\t 0
\t\tTruncated message:\t 0
\t\tBad message size:\t 0
\tsend:
\t\tMalformed messages:\t 0

sequence tracking statistics:
\trecv:
\t\tPackets lost:\t\t 0
\t\tPackets before:\t\t 0

UDP traffic (active device=eth2):
 524 Bytes sent  64 Bytes recv
 8 Pckts sent  {} Pckts recv
 0 Error send  0 Error recv
"""
CONFIG = node.HealthConfig("ftfw", "fw-1", "fw-2", ["192.168.2.100"], {})


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, packets: Iterator[object]) -> None:
        self.now = 100.0
        monkeypatch.setattr(node.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(node.time, "sleep", self.sleep)
        monkeypatch.setattr(node, "ask", lambda _command: NETWORK.format(next(packets)))

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("packets", "heard", "silent"),
    [
        pytest.param([4, 4, 5], {}, 0.3, id="heard-within-a-poll"),
        pytest.param([4] * 40, {}, 5.1, id="nothing"),
        pytest.param([4] * 40, {"packets": 4, "monotonic": 40.0}, 65.1, id="nothing-for-long"),
        pytest.param([4] * 40, {"packets": 3, "monotonic": 40.0}, 5.1, id="the-last-check-knew-less"),
        pytest.param([1], {"packets": 4, "monotonic": 40.0}, 0.0, id="started-again"),
    ],
)
def test_silence(
    monkeypatch: pytest.MonkeyPatch, packets: list[object], heard: dict[str, Any], silent: float
) -> None:
    Time(monkeypatch, iter(packets))
    assert node.NodeFacts(CONFIG, heard).silence(100.0, 4) == pytest.approx(silent, abs=0.15)


def test_a_stopped_process_and_its_stopped_child() -> None:
    child = subprocess.Popen(["sh", "-c", "sleep 60 & wait"])
    try:
        assert node.is_stopped(child.pid) is False
        child.send_signal(signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        assert node.is_stopped(child.pid) is True
    finally:
        children = (content(Path(f"/proc/{child.pid}/task/{child.pid}/children")) or "").split()
        child.kill()
        child.wait()
        for each in children:
            os.kill(int(each), signal.SIGKILL)


def test_expected_ruleset_is_listed_in_a_namespace_and_remembered(tmp_path: Path) -> None:
    """The real nft: another spelling of the same table is the same, another table is not."""
    ruleset = tmp_path / "ruleset.nft"
    config = node.HealthConfig("ftfw", "fw-1", "fw-2", [], {}, ruleset=str(ruleset), memory=str(tmp_path))
    texts = (
        "table inet ftfw {{ chain input {{ type filter hook input priority {}; tcp dport {} accept; }}\n }}\n"
    )
    listings = []
    for priority, port in (("filter", "22"), ("0", "ssh"), ("filter", "23")):
        ruleset.write_text(texts.format(priority, port))
        listings.append(node.NodeFacts(config).rules().expected(ruleset.read_text()))
        assert node.NodeFacts(config).rules().expected(ruleset.read_text()) == listings[-1]
    assert listings[0] == listings[1] != listings[2]
    ruleset.write_text("table inet ftfw { nonsense }\n")
    with pytest.raises(AskError, match="ended with 1"):
        node.NodeFacts(config).rules().expected(ruleset.read_text())


def test_the_devices_of_flowtables_are_there_where_the_file_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[str]] = []

    def ask(command: Sequence[str], *_seconds: float) -> str:
        asked.append(command)
        return "table inet ftfw {\n}\n"

    monkeypatch.setattr(rules, "ask", ask)
    text = "table inet ftfw {\n flowtable f {\n  hook ingress priority 0\n  devices = { eth0, eth1 }\n }\n}\n"
    ruleset = tmp_path / "ruleset.nft"
    ruleset.write_text(text)
    config = node.HealthConfig(
        "ftfw", "fw-1", "fw-2", ["192.168.2.100"], {}, ruleset=str(ruleset), memory=str(tmp_path)
    )
    assert node.NodeFacts(config).rules().expected(text)
    assert list(asked[-1][-4:]) == ["sh", str(ruleset), "eth0", "eth1"]
    assert 'ip link add name "$device" type' in asked[-1][-5]
