# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's load, and the trials that are made of it, in both families."""

from __future__ import annotations

import importlib
import socket
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.bench_lab import FakeLab


def test_a_burst_is_valid_in_both_families(bench: dict[str, Any]) -> None:
    load = importlib.import_module("load")
    for family, kind, header in ((4, socket.AF_INET, 20), (6, socket.AF_INET6, 40)):
        made = load.flows(100_000, family)
        assert len(set(made)) == 100_000
        source, port, target, target_port = made[-1]
        packet = load.syn(*made[-1])
        ends = socket.inet_pton(kind, source) + socket.inet_pton(kind, target)
        assert packet[0] >> 4 == family and packet[header - len(ends) : header] == ends
        tcp = packet[header:]
        assert struct.unpack("!HH", tcp[:4]) == (port, target_port) and tcp[13] == 2
        # the pseudo header of RFC 9293, section 3.1, and of RFC 8200, section 8.1
        rest = struct.pack("!BBH", 0, 6, len(tcp)) if family == 4 else struct.pack("!IHBB", len(tcp), 0, 0, 6)
        assert load.checksum(ends + rest + tcp) == 0
    header = load.syn("2001:db8::1", 1, "2001:db8::2", 80)[:8]
    # version, length of what follows, TCP, hops
    assert struct.unpack("!IHBB", header) == (0x60000000, 20, 6, 64)


@pytest.mark.parametrize(("profile", "families"), [("manual", 1), ("default", 2)])
def test_bursts_are_measured_in_the_families_of_the_pair(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, profile: str, families: int
) -> None:
    load_cases = importlib.import_module("load_cases")
    sent = {
        family: {(one[0], str(one[1]), one[2]) for one in load_cases.flows(100_000, family)}
        for family in (4, 6)
    }
    # the primary has not made one of IPv4; the backup lacks it, and two of IPv6
    lacks = {("fw-1", 4): 1, ("fw-1", 6): 0, ("fw-2", 4): 1, ("fw-2", 6): 2}

    def tuples(_lab: Any, node: str, family: int) -> set[tuple[str, str, str]]:
        return set(sorted(sent[family])[lacks[node, family] :])

    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(load_cases, "tuples", tuples)
    monkeypatch.setattr(load_cases.time, "monotonic", lambda: next(clock))
    lab = FakeLab()
    lab.copy = lambda *_: None  # type: ignore[attr-defined]
    expected = {
        "burst_100k_missing": 0,
        "burst_100k_dropped": 1,
        "burst_100k_flaps": 0,
        "burst_100k_v6_missing": 2,
        "burst_100k_v6_dropped": 0,
        "burst_100k_v6_flaps": 0,
    }
    figures = load_cases.burst(lab, profile, "fw-1").figures
    assert figures == dict(list(expected.items())[: 3 * families])
    bursts = [script for host, script in lab.scripts if " burst " in script]
    assert [script.split()[-1] for script in bursts] == ["4", "6"][:families]
    added = [script for _host, script in lab.scripts if "address replace" in script]
    # an address that is tentative answers nobody, and one that is preferred is the source of what follows
    assert [" nodad preferred_lft 0" in script for script in added] == [False, True][:families]
    removed = [script.split()[-3] for _host, script in lab.scripts if "address delete" in script]
    assert removed == ["192.168.0.4/24", "2001:db8::4/64"][:families]


def test_reloads_are_measured_in_both_families(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_cases = importlib.import_module("policy_cases")

    def stream(up: int, down: int) -> dict[str, Any]:
        return {"up": {"lost": up}, "down": {"lost": down}}

    seen = {"udp": stream(0, 1), "v6_udp": stream(3, 2)}
    monkeypatch.setattr(policy_cases, "RunningProbe", lambda *_: SimpleNamespace(collect=lambda: seen))
    monkeypatch.setattr(policy_cases.time, "sleep", lambda _seconds: None)
    figures = policy_cases.reloads(FakeLab(), "default", "fw-1").figures
    assert figures == {"policy_reload_lost": 1, "policy_reload_v6_lost": 3}


@pytest.mark.parametrize(("profile", "marks"), [("manual", [""]), ("fast", ["", "v6_"])])
def test_requests_are_made_in_the_families_of_the_pair(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, profile: str, marks: list[str]
) -> None:
    load_cases = importlib.import_module("load_cases")
    monkeypatch.setattr(load_cases.time, "sleep", lambda _seconds: None)
    lab = FakeLab()
    known = lab.run

    def run(host: str, script: str, **more: Any) -> str:
        known(host, script, **more)
        return "Requests per second:    4000.5 [#/sec]" if script.startswith("ab ") else "10"

    monkeypatch.setattr(lab, "run", run)
    figures = load_cases.cost(lab, profile, "fw-1").figures
    asked = {script.split()[-1] for _host, script in lab.scripts if script.startswith("ab ")}
    assert asked == {
        {"": "http://192.168.0.3/small.bin", "v6_": "http://[2001:db8::3]/small.bin"}[mark] for mark in marks
    }
    whats = ("conntrackd_cpu_ms", "machine_cpu_ms_with", "machine_cpu_ms_without")
    rates = ("requests_per_s_with", "requests_per_s_without")
    assert set(figures) == {f"cost_{mark}{what}" for mark in marks for what in (*whats, *rates)}
    assert all(figures[f"cost_{mark}{rate}"] == 4000.5 for mark in marks for rate in rates)
    # conntrackd runs again afterwards
    started = "systemctl unmask --quiet --runtime conntrackd.service; systemctl start conntrackd.service"
    assert [script for _host, script in lab.scripts][-2:] == [started] * 2
