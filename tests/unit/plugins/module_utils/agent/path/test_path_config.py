# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What path tracking reads from files: claims, what an earlier run has left, and its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import config as reading
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import plan, program


@pytest.mark.parametrize(
    ("text", "claims"),
    [("100.0\n", True), ("97.5\n", True), ("96.5\n", False), ("101\n", False), ("x", False), (None, False)],
)
def test_a_claim_stands_for_a_moment(tmp_path: Path, text: str | None, claims: bool) -> None:
    file = tmp_path / "claim"
    if text is not None:
        file.write_text(text)
    assert program.read_claim(file, 100.0) is claims
    assert program.read_claim(None, 100.0) is False


# --- the program's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [("0\n", False), ("1\n", True), ("", False), ("x", False), ("7", True), (None, False)],
)
def test_what_an_earlier_run_has_left(tmp_path: Path, text: str | None, fault: bool) -> None:
    file = tmp_path / "fault"
    if text is not None:
        file.write_text(text)
    assert program.read_fault(file) is fault
    for value in (True, False):
        program.write_fault(file, value)
        assert file.read_text() == f"{int(value)}\n"


CONFIG: dict[str, Any] = {
    "port": 3781,
    "preferred": True,
    "yields": False,
    "claim_file": "",
    "interval": 0.1,
    "hold": 0.4,
    "recovery": 2,
    "virtual_addresses": ["192.0.2.100"],
    "targets": {},
    "links": [
        {
            "network": name,
            "interface": interface,
            "local": f"192.0.{number}.1",
            "peer": f"192.0.{number}.2",
            "leg": leg,
            "targets": [],
        }
        for number, (name, interface, leg) in enumerate((("inside", "eth1", True), ("sync", "eth2", False)))
    ],
}


def check(tmp_path: Path, config: dict[str, Any]) -> Any:
    file = tmp_path / "path.json"
    file.write_text(json.dumps(config))
    return reading.read_config(file)


def test_config(tmp_path: Path) -> None:
    config = check(tmp_path, {**CONFIG, "targets": {"eth1": ["192.0.0.7"]}})
    assert [link.targets for link in config.links] == [("192.0.0.7",), ()]
    assert config.timing == plan.Timing(0.1, 0.4, 1.0, 2)
    assert check(tmp_path, {**CONFIG, "interval": 0.5, "hold": 2}).timing.peer_timeout == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": 0}, "interval is 0 s, it must be between 0.01 and 1"),
        ({"interval": "x"}, "could not convert string to float"),
        ({"hold": 0.2}, r"hold is 0.2 s, it must be between three intervals \(0.3\) and 3600"),
        ({"recovery": -1}, "recovery is -1 s, it must be more than 0"),
        ({"links": []}, "links has no leg"),
        ({"links": [CONFIG["links"][0]] * 2}, "a network is there twice"),
        ({"targets": {"eth2": ["192.0.1.7"]}}, "targets: eth2 is no leg, it must be one of eth1"),
        (
            {"targets": {"eth1": ["192.0.0.777"]}},
            "'192.0.0.777' does not appear to be an IPv4 or IPv6 address",
        ),
        (
            {"targets": {"eth1": ["2001:db8::1"]}},
            "inside: 2001:db8::1 and 192.0.0.1 are of different families",
        ),
    ],
)
def test_bad_config(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(tmp_path, {**CONFIG, **change})
