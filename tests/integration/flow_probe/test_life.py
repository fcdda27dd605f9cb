# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe is started, refused where something is wrong, and ends: real processes in namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.probe.spec import complete
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import Program, build
from ansible_collections.ftfw.pair.tests.integration.flow_probe.net import (
    CONNECT,
    FTP,
    LISTENERS,
    PING,
    SERVER,
    TCP,
    UDP,
    Net,
)

ENGINE = Program("ansible_collections.ftfw.pair.plugins.module_utils.traffic.program")


@pytest.mark.parametrize("permitted", [True, False])
def test_realtime(net: Net, permitted: bool) -> None:
    """Where the priority is refused there is a note, and the probe runs."""
    command = ["ip", "netns", "exec", net.name("server")]
    if not permitted:
        command += ["setpriv", "--inh-caps=-sys_nice", "--bounding-set=-sys_nice"]
    options = {"name": "server", "directory": net.directory, "listeners": LISTENERS, "realtime": True}
    answer = net.module("flow_probe", options, *command)
    guard = Path(net.directory, "flow-server", "pid").read_text()
    child = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0]
    policy = os.sched_getscheduler(int(child))
    if permitted and not answer["notes"]:
        assert policy == os.SCHED_FIFO
    else:
        assert answer["notes"] == ["no real-time priority: Operation not permitted"]
        # that of the tests, which may run with less than the usual one
        assert policy == os.sched_getscheduler(0)


def test_the_engine_runs_by_itself(net: Net, tmp_path: Path) -> None:
    """One file, and nothing but the standard library."""
    net.probe("server", "started", listeners=LISTENERS)
    spec = {"bin_ms": 10, "lifetime": 30, "timeout": 5, "require_reachable": True, "realtime": False}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**spec, "listeners": [], "flows": [complete(UDP)]}))
    engine = tmp_path / "flow_probe.pyz"
    engine.write_bytes(build(ENGINE).content)
    # -S and -E: without site packages and PYTHONPATH
    command = ["ip", "netns", "exec", net.name("client"), sys.executable, "-S", "-E", str(engine), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "started_at" in json.loads(process.stdout.readline())
        time.sleep(1)
        output, _nothing = process.communicate("\n")
    udp = json.loads(output)["flows"][0]
    assert (udp["lost"], udp["survivors"]) == (0, 1)


def test_a_port_that_is_taken(net: Net) -> None:
    net.probe("server", "started", listeners=LISTENERS[1:2])
    answer = net.probe("server", "started", name="other", listeners=LISTENERS[:2])
    assert answer["msg"] == (
        f"probe other: can't listen at udp port 7002 of {SERVER}: Address already in use (EADDRINUSE)"
    )
    # and nothing listens at the port before it
    again = net.probe("server", "started", name="third", listeners=LISTENERS[:1])
    assert "failed" not in again
    net.probe("server", "stopped", name="third")


def test_a_name_that_is_taken(net: Net) -> None:
    net.probe("server", "started", listeners=LISTENERS)
    answer = net.probe("server", "started", listeners=LISTENERS)
    assert answer["msg"].startswith("probe server: a probe of this name runs already")


@pytest.mark.parametrize(
    ("flow", "rule", "expected"),
    [
        pytest.param(
            TCP, None, "flow tcp (tcp) to 198.51.100.1 7001: refused (10 of 10 flows)", id="refused"
        ),
        pytest.param(CONNECT, None, "flow connect (connect) to 198.51.100.1 7001: refused", id="connect"),
        pytest.param(UDP, None, "flow udp (udp) to 198.51.100.1 7002: refused", id="udp refused"),
        pytest.param(UDP, "policy drop", "flow udp (udp) to 198.51.100.1 7002: timed out", id="udp dropped"),
        pytest.param(PING, "policy drop", "flow ping (ping) to 198.51.100.1: timed out", id="ping dropped"),
        pytest.param(FTP, "policy drop", "flow ftp (ftp) to 198.51.100.1 21: timed out", id="ftp dropped"),
        pytest.param(
            {**TCP, "target": "203.0.113.1", "count": 1},
            None,
            "flow tcp (tcp) to 203.0.113.1 7001: no route",
            id="no route",
        ),
    ],
)
def test_unreachable(net: Net, flow: dict[str, Any], rule: str | None, expected: str) -> None:
    with net.rule(rule) if rule else contextlib.nullcontext():
        answer = net.probe("client", "started", flows=[flow], timeout=1)
    assert answer["msg"].startswith("probe client: no exchange within ")
    assert answer["msg"].endswith(f" s: {expected}")
    assert net.probe("client", "stopped")["changed"] is False


def test_reachability_is_not_required(net: Net) -> None:
    answer = net.probe("client", "started", flows=[UDP, PING, CONNECT], require_reachable=False)
    assert "failed" not in answer
    net.probe("server", "started", listeners=LISTENERS)
    time.sleep(1)
    flows, heard, _client = net.collect()
    assert flows["udp"]["up"]["lost"] > 0
    assert heard["udp"]["name"] == "udp"
    assert flows["connect"]["refused"] > 0
    assert flows["ping"]["lost"] == 0


def test_bad_values_are_named_before_anything_starts(net: Net) -> None:
    flows = [{**UDP, "rate": 0}, {**UDP, "target": "server"}]
    answer = net.probe("client", "started", flows=flows, _ansible_check_mode=True)
    assert answer["msg"] == (
        "probe client: flows[0].rate: 0: use 0.1 a second or more, and up to 20000 with all flows; "
        "flows[1].name: udp: flows[0] has this name too; flows[1].target: server: is no IP address"
    )
    assert (
        "value of kind must be one of"
        in net.probe("client", "started", flows=[{**UDP, "kind": "sctp"}])["msg"]
    )


def test_it_ends_by_itself(net: Net) -> None:
    net.probe("server", "started", listeners=LISTENERS, lifetime=2, timeout=1)
    time.sleep(2.3)
    answer = net.probe("server", "collected")
    assert answer["msg"].endswith("it was never started, or its lifetime is over")
