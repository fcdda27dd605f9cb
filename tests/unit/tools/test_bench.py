# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's own rules, and that its documentation has all figures."""

from __future__ import annotations

import argparse
import importlib
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.bench_lab import FakeLab

ROOT = Path(__file__).parents[3]


def test_every_figure_and_measure_is_documented(bench: dict[str, Any]) -> None:
    text = (ROOT / "docs/bench.md").read_text()
    rows = re.findall(r"^\| (`\w+_\w+`.*?) \|.*\| `(\w+)` \|$", text, re.MULTILINE)
    assert {name for names, _rest in rows for name in re.findall(r"`(\w+)`", names)} == set(bench["FIGURES"])
    assert {measure for _rest, measure in rows} == {measure.name for measure in bench["MEASURES"]}


@pytest.mark.parametrize(
    ("name", "profile", "trials", "expected"),
    [
        pytest.param("crash_udp_gap_ms", "default", [200, 210, 290], True, id="within-both-bounds"),
        pytest.param("crash_udp_gap_ms", "default", [301, 310, 302], False, id="over-the-limit"),
        pytest.param("crash_udp_gap_ms", "manual", [8000], None, id="the-manual-has-no-limit"),
        pytest.param("crash_100k_survivors", "fast", [70, 69, 69], False, id="too-few"),
        pytest.param("crash_100k_first_packet_ms", "default", [90], False, id="ratio-missed"),
        pytest.param("crash_100k_first_packet_ms", "default", [50], True, id="ratio-kept"),
        pytest.param("switchover_udp_lost", "default", [0, 9, 1], True, id="the-median-counts"),
        pytest.param("burst_100k_missing", "default", [0, 1, 0], False, id="every-trial-counts"),
        pytest.param("cost_conntrackd_cpu_ms", "default", [50], None, id="nothing-to-compare-with"),
    ],
)
def test_verdict(
    bench: dict[str, Any], name: str, profile: str, trials: list[float], expected: bool | None
) -> None:
    medians = {("crash_udp_gap_ms", "manual"): 8000.0, ("crash_100k_first_packet_ms", "manual"): 600.0}
    medians[name, profile] = sorted(trials)[len(trials) // 2]
    assert bench["verdict"](name, profile, trials, medians) is expected


def test_foreign_profiles_are_complete(bench: dict[str, Any]) -> None:
    profiles = bench["Profiles"](argparse.Namespace(), ROOT, [])
    for profile, advert in (("manual", "advert_int 3"), ("stock", None)):
        for node in ("fw-1", "fw-2"):
            files = profiles.files(profile, node)
            assert set(files) == {"keepalived.conf", "conntrackd.conf", "ruleset.nft", "transition"}
            assert "$" not in files["keepalived.conf"] + files["conntrackd.conf"]
            assert ("advert_int" in files["keepalived.conf"]) is (advert is not None)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        pytest.param(
            "[2026-11-22T10:00:00.500000] 2: eth1    inet 192.168.2.100/32 scope global eth1\n"
            "[2026-11-22T10:00:00.500000] 2: eth1    inet6 2001:db8:2::100/128 scope global\n",
            None,
        ),
        pytest.param(
            "[2026-11-22T10:00:00.500000] 2: eth1    inet 192.168.2.100/32 scope global eth1\n",
            "fw-2 has not been given a virtual address of IPv6",
        ),
        pytest.param("", "fw-2 has not been given a virtual address of IPv4"),
    ],
    ids=["takeover", "one-family-only", "nobody-takes-over"],
)
def test_the_control_needs_a_takeover(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, said: str, error: str | None
) -> None:
    cases = importlib.import_module("cases")
    dead = {"survivors": 0, "resets": 0}
    flows = {f"{mark}{name}": dead for mark in ("", "v6_") for name in ("snat", "dnat")}
    probe = SimpleNamespace(collect=lambda: flows)
    monkeypatch.setattr(cases, "RunningProbe", lambda *_arguments: probe)
    monkeypatch.setattr(cases.time, "sleep", lambda _seconds: None)
    lab = FakeLab(said=said)
    if error is None:
        trial = cases.survival(lab, "default", "fw-1", control=True)
        names = {f"control_{mark}{what}" for mark in ("", "v6_") for what in ("survivors", "resets")}
        assert trial.figures == dict.fromkeys(names, 0)
    else:
        with pytest.raises(bench["LabError"], match=error):
            cases.survival(lab, "default", "fw-1", control=True)
    # the daemons are back all the same
    assert (
        "fw-2",
        "systemctl unmask --quiet --runtime conntrackd.service; systemctl start conntrackd.service",
    ) in lab.scripts


def test_a_direction_that_is_dead_to_the_end_is_a_gap(bench: dict[str, Any]) -> None:
    cases = importlib.import_module("cases")
    assert cases.longest_gap({"longest_gap_ms": 169.5, "complete": True}, 6) == 169.5
    assert cases.longest_gap({"longest_gap_ms": 169.5, "complete": False}, 6) == 6000


def test_the_worst_trial_is_drawn_and_the_first_ones(bench: dict[str, Any]) -> None:
    ran = [
        (figure, {"case": case, "profile": profile, "trial": trial})
        for case, profile, figures in (
            ("crash_udp_gap_ms", "fast", [80, 78, 91, 79]),
            ("crash_100k_survivors", "fast", [70, 70, 69]),
            ("crash_udp_gap_ms", "manual", [9000]),
        )
        for trial, figure in enumerate(figures, 1)
    ]

    def shown(most: int) -> list[tuple[str, str, int]]:
        return [(one["case"], one["profile"], one["trial"]) for one in bench["drawn"](ran, most)]

    assert shown(2) == [
        ("crash_udp_gap_ms", "fast", 1),
        ("crash_udp_gap_ms", "fast", 3),
        ("crash_100k_survivors", "fast", 1),
        ("crash_100k_survivors", "fast", 3),
        ("crash_udp_gap_ms", "manual", 1),
    ]
    assert len(shown(1)) == 3 and shown(0) == [] and len(shown(9)) == len(ran)


@pytest.mark.parametrize(
    ("processors", "busy", "enough"),
    [(2, 118_000, True), (2, 107_000, False), (64, 3_600_000, True), (64, 470_000, False)],
)
def test_busy_loops_have_to_keep_the_processors_busy(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, processors: int, busy: float, enough: bool
) -> None:
    load_cases = importlib.import_module("load_cases")
    told = iter([5000.0, 5000.0 + busy])
    monkeypatch.setattr(load_cases, "machine_ms", lambda stolen: next(told))
    monkeypatch.setattr(load_cases.os, "cpu_count", lambda: processors)
    if enough:
        assert load_cases.flaps(FakeLab(), "default", "fw-1").figures == {"busy_flaps": 0}
    else:
        with pytest.raises(bench["LabError"], match=f"busy for {busy} ms, of"):
            load_cases.flaps(FakeLab(), "default", "fw-1")


def test_time_that_was_stolen_counts_where_asked_for(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_cases = importlib.import_module("load_cases")
    line = "cpu  100 20 30 9000 800 4 5 60 7 8\ncpu0 0\n"
    monkeypatch.setattr(load_cases.Path, "read_text", lambda _path: line)
    assert load_cases.machine_ms() == 1590.0
    assert load_cases.machine_ms(stolen=True) == 2190.0


@pytest.mark.parametrize(
    ("moved", "enough"),
    [(9.9, False), (10.0, False), (10.05, True), (13.8, True), (14.0, False)],
)
def test_flows_are_born_on_both_sides_of_the_hand_over(
    bench: dict[str, Any], moved: float, enough: bool
) -> None:
    load_cases = importlib.import_module("load_cases")
    begun = [10.0 + flow["delay"] for flow in load_cases.born_flows(load_cases.FOUR, True)]
    assert len(begun) == 40 and max(begun) < 14
    if enough:
        load_cases.around(begun, moved, "client")
    else:
        with pytest.raises(bench["LabError"], match="before the hand-over"):
            load_cases.around(begun, moved, "client")


@pytest.mark.parametrize(
    ("late", "error"),
    [
        ("", None),
        ("client", "client began 0 of 40 flows before"),
        ("server", "server began 0 of 40 flows before"),
        ("deaf", "nothing comes through"),
    ],
)
def test_a_switchover_needs_flows_from_both_sides_around_it(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, late: str, error: str | None
) -> None:
    load_cases = importlib.import_module("load_cases")
    moved = "2026-11-22T10:00:00.500000"
    at = load_cases.datetime.datetime.fromisoformat(moved).timestamp()
    fine = {"resets": 0, "lost": 0, "longest_gap_ms": 1, "survivors": 1}
    series = {"series": {"bin_ms": 10, "start": at - 3, "counts": "1*900"}}
    udp = {**fine, **series, "complete": late != "deaf", "up": {"lost": 0}, "down": {"lost": 0}}

    class FakeProbe:
        def __init__(self, lab: Any, host: str, flows: Any, listeners: Any, held: bool = False) -> None:
            self.host, self.flows, self.held, self.gone = host, flows, held, False

        def go(self) -> None:
            assert self.held
            self.gone = True

        def collect(self) -> dict[str, Any]:
            assert self.gone is self.held
            first = at + 1 if self.host == late else at - 1
            born = {one["name"]: {**fine, "begun": first + one.get("delay", 0)} for one in self.flows}
            heard = {"kind": "udp", "address": "192.168.0.3", **series}
            return {**born, "udp": udp, "listeners": {"all": [heard]}}

    for module in ("cases", "load_cases"):
        monkeypatch.setattr(importlib.import_module(module), "RunningProbe", FakeProbe)
    monkeypatch.setattr(load_cases.time, "sleep", lambda _seconds: None)
    lab = FakeLab(said=f"[{moved}] 2: eth1    inet 192.168.2.100/32 scope global eth1\n")
    if error is None:
        figures = load_cases.switchover(lab, "manual", "fw-1").figures
        assert (figures["switchover_born_survivors"], figures["switchover_resets"]) == (80, 0)
    else:
        with pytest.raises(bench["LabError"], match=error):
            load_cases.switchover(lab, "manual", "fw-1")


def test_born_flows_open_one_after_the_other(bench: dict[str, Any], tmp_path: Path) -> None:
    """The program itself, on this machine: nothing before the line, and a flow that fails is a result."""
    probe = importlib.import_module("probe")

    def copy(host: str, file: Path, target: str) -> None:
        shutil.copy(file, tmp_path / Path(target).name)

    def run(host: str, script: str, text: str) -> None:
        (tmp_path / Path(script.removeprefix("cat > ")).name).write_text(text)

    def start(host: str, *words: str) -> subprocess.Popen[str]:
        local = [str(tmp_path / Path(word).name) if word.startswith("/root/") else word for word in words[1:]]
        lab._children.append(
            subprocess.Popen(
                [sys.executable, *local],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return lab._children[-1]

    lab = SimpleNamespace(copy=copy, run=run, start=start, _children=[])
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        port, nobody = one.getsockname()[1], two.getsockname()[1]
    try:
        listener = probe.RunningProbe(lab, "b", [], [{"kind": "tcp", "address": "127.0.0.1", "port": port}])
        flows = [probe.flow(f"born-{n}", "tcp", "127.0.0.1", port, delay=0.3 * n) for n in range(3)]
        flows.append(probe.flow("dead", "tcp", "127.0.0.1", nobody, delay=0))
        held = probe.RunningProbe(lab, "a", flows, [], held=True)
        time.sleep(1)
        asked = time.time()
        held.go()
        time.sleep(1.5)
        seen = held.collect()
        listener.collect()
    finally:
        for process in lab._children:
            process.kill()
            process.communicate()
    begun = [seen[f"born-{number}"]["begun"] - asked for number in range(3)]
    assert begun[0] >= 0
    # none before its time, from the first one on: how late one is depends on the machine's load
    assert all(at - begun[0] >= 0.3 * number - 0.05 for number, at in enumerate(begun)), begun
    assert begun == sorted(begun), begun
    assert [seen[f"born-{number}"]["survivors"] for number in range(3)] == [1, 1, 1]
    assert (seen["dead"]["survivors"], seen["dead"]["refused"]) == (0, 1)


@pytest.mark.parametrize("holder", ["fw-1", "fw-2"])
def test_switchovers_alternate(bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, holder: str) -> None:
    load_cases = importlib.import_module("load_cases")
    monkeypatch.setattr(load_cases.time, "sleep", lambda _seconds: None)
    measure = next(one for one in bench["MEASURES"] if one.name == "switchover")
    seen = []

    def run(_lab: Any, _profile: str, primary: str) -> str:
        seen.append(primary)
        return "trial"

    for number in (1, 2, 3):
        lab = FakeLab(holder)
        profiles = SimpleNamespace(apply=lambda _profile, lab=lab: lab.primary())
        trial = bench["run_trial"](lab, profiles, replace(measure, run=run), "manual", number)
        assert trial == ("trial", []) and lab.holder == seen[-1]
        # the node that was told to hand over is there as a backup
        stops = [host for host, script in lab.scripts if script == "systemctl stop keepalived.service"]
        assert [
            host for host, script in lab.scripts if script == "systemctl start keepalived.service"
        ] == stops
    assert seen == ["fw-1", "fw-2", "fw-1"]


def test_variants_are_measured_by_name_only(bench: dict[str, Any]) -> None:
    measures = {measure.name: measure for measure in bench["MEASURES"]}
    variants = {"external", "kernelspace", "unreliable"}
    assert not any(variants.intersection(measure.among(None)) for measure in measures.values())
    asked = ["external", "manual", "default"]
    assert measures["burst"].among(asked) == ("manual", "default", "external")
    assert measures["cost"].among(["external"]) == ("external",)
    assert measures["control"].among(asked) == ("default",)
    assert measures["policy_apply"].among(["external"]) == ()
    assert measures["flaps"].wants("default", 3) and not measures["flaps"].wants("default", 4)
    assert variants < set(importlib.import_module("cases").RECOVERY)
    medians = {("cost_conntrackd_cpu_ms", "manual"): 1.0, ("cost_conntrackd_cpu_ms", "external"): 2.0}
    assert bench["verdict"]("cost_conntrackd_cpu_ms", "external", [2.0], medians) is None


def test_a_profile_has_all_that_the_roles_write_differently(
    bench: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How pair-state replicates is in its unit: it goes with the profile, and back with the next."""
    module = importlib.import_module("profiles")
    lab = FakeLab()
    profiles = bench["Profiles"](lab, tmp_path, [])
    copied = "default"

    def copy(command: list[str], check: bool) -> None:
        Path(command[-1]).write_text(f"{copied} {command[-2]}")

    monkeypatch.setattr(module.subprocess, "run", copy)
    for copied in ("default", "external"):
        assert not profiles.kept(copied)
        profiles.keep(copied)
        assert profiles.kept(copied)
    unit = "/etc/systemd/system/pair-state.service"
    monkeypatch.setattr(profiles, "_settled", lambda _profile: True)
    for profile in ("external", "default"):
        profiles.apply(profile)
        for node in ("fw-1", "fw-2"):
            assert lab.written[node, unit] == f"{profile} ftfw-bench-{node}:{unit}"
    for node in ("fw-1", "fw-2"):
        own = [script for host, script in lab.scripts if host == node]
        # the service manager reads the unit anew before it starts it
        assert any(
            "daemon-reload" in script
            for script in own[own.index(f"cat > {unit}") : own.index("systemctl start keepalived")]
        )
    (tmp_path / "external/fw-2/pair-state.service").unlink()
    assert not profiles.kept("external")


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        pytest.param(["--dry-run"], None, id="ours-are-built-later"),
        pytest.param(["--dry-run", "--profile", "external"], "external", id="a-variant-is-not"),
        pytest.param(["--profile", "manual", "--profile", "fast"], "fast", id="nor-are-ours-in-a-run"),
    ],
)
def test_what_was_not_kept_is_said_first(
    bench: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    lacks: str | None,
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--folder", str(tmp_path), "run", *words])
    if lacks is None:
        assert bench["main"]() == 0
    else:
        with pytest.raises(SystemExit, match="2"):
            bench["main"]()
        assert f"{lacks} has not been kept" in capsys.readouterr().err
