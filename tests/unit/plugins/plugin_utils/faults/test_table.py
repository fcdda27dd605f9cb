# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults itself, its schema, and what its rows become on a site."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.filter.drill_result import drill_result
from ansible_collections.ftfw.pair.plugins.filter.drill_rows import drill_rows
from ansible_collections.ftfw.pair.plugins.filter.drill_steps import drill_steps
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import draw
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.document import lines, not_applicable, rows
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.facts import end_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import for_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import collect, prepare, stamp
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import (
    DrillError,
    choose,
    expand,
    from_data,
    load,
    to_data,
)
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.site_facts import facts, view

PLAYBOOKS = Path(__file__).parents[5] / "playbooks"
TABLE = yaml.safe_load((PLAYBOOKS / "vars" / "faults.yml").read_text())
FAULTS, DEFAULTS = TABLE["drill_table"], TABLE["drill_defaults"]
LEGS = {"data": ["outside", "inside"], "sync": ["sync"]}
ROWS = expand(load(FAULTS, DEFAULTS), LEGS)
NAMES = [row.name for row in ROWS]


def test_priorities_say_which_node_is_preferred() -> None:
    known = facts()
    for node, preferred in zip(known["nodes"], (False, True)):
        node["view"]["pair"]["preferred"] = preferred
    plan = drill_steps(to_data(ROWS[NAMES.index("reboot")]), known, "fw-1")
    assert [step["targets"] for step in plan["steps"]] == [["fw-2"]]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_row_says_what_it_expects(row: Any) -> None:
    assert {"primary", "flows", "healthy_s", "reachable"} <= set(row.expect)
    assert row.expect["flows"] == "all" or row.name == "power_loss_both"
    assert any(step.inject for steps in row.via.values() for step in steps)


@pytest.mark.parametrize("interval", [0.03, 0.07, 0.3, 1.0])
def test_after_a_fault_two_may_be_primary_for_as_long_as_one_goes_unheard(interval: float) -> None:
    """RFC 9568, section 6.1: three intervals, and a skew by the priority, 250 at first."""
    expect = for_site(ROWS[0].expect, interval=interval, usual=0.07)
    assert expect["overlap_after_ms"] >= 1000 * interval * (3 + (256 - 250) / 256)
    assert ROWS[0].expect["overlap_after_ms"] == 212


def test_names_are_there_once_and_the_short_set_is_short() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert [row.name for row in choose(ROWS, [], "short")] == [
        *("power_loss", "freeze", "keepalived_kill", "keepalived_stop", "sync_healed", "split_brain"),
        "vrrp_lost",
    ]
    assert "reboot_ten" in [row.name for row in choose(ROWS, [], "all")]
    assert "reboot_ten" not in [row.name for row in choose(ROWS, [], "long")]


@pytest.mark.parametrize("name", ["silence_outside", "silence_inside", "silence_sync", "carrier_sync"])
def test_a_fault_of_legs_is_a_row_of_each(name: str) -> None:
    assert name in NAMES


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "Kill it"}, "name: Kill it: use small letters"),
        ({"title": ""}, "title: is missing"),
        ({"secnds": 3}, "secnds: is no key of a fault; did you mean seconds?"),
        ({"set": "shrt"}, "set: shrt: use short or long or all"),
        ({"seconds": 0}, "seconds: 0: use 1 to 600"),
        ({"at": "nowhere"}, "at: nowhere: use one of primary"),
        ({"at": "hypervisor"}, "undo: is missing: what is done from outside"),
        ({"inject": "kill {pid}"}, "inject: {pid}: is unknown"),
        ({"steps": []}, "at and steps: a fault has one of at, steps and via"),
        ({"expect": {}}, "expect: is missing"),
        ({"expect": {"gap": 3}}, "expect.gap: is unknown; did you mean gap_ms?"),
        ({"expect": {"gap_ms": "3"}}, "expect.gap_ms: 3: use a number"),
        ({"expect": {"gap_ms": True}}, "expect.gap_ms: True: use a number"),
        ({"expect": {"primary": "both"}}, "expect.primary: both: use any or changed"),
        ({"needs": ["luck"]}, "needs: luck: use lab or kernel"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_place(changed: dict[str, Any], message: str) -> None:
    good = {"name": "x", "title": "X", "at": "primary", "inject": "true", "expect": {"primary": "any"}}
    assert load([good], DEFAULTS)
    with pytest.raises(DrillError) as error:
        load([{**good, **changed}], DEFAULTS)
    assert message in str(error.value)
    assert str(error.value).startswith("faults[0]")


def test_a_fault_that_nobody_knows() -> None:
    told = drill_rows(FAULTS, DEFAULTS, facts(), ["power_los"])
    assert told["rows"] == []
    assert told["problem"].startswith(
        "drill_faults: power_los: is no fault of this site; known are: power_loss, freeze"
    )
    assert (
        "no set of faults; use one of short, long, all"
        in drill_rows(FAULTS, DEFAULTS, facts(), [], "some")["problem"]
    )


def test_what_the_hosts_of_the_probe_have_to_reach() -> None:
    told = drill_rows(FAULTS, DEFAULTS, facts(), ["power_loss"])
    assert (told["client_virtual"], told["server_virtual"]) == ("192.168.2.100", "192.168.0.100")
    lost = facts()
    lost["nodes"][0]["view"]["verify"]["probes"]["client"]["address"] = "10.0.0.1"
    assert "10.0.0.1: no virtual address is on its network" in drill_rows(FAULTS, DEFAULTS, lost)["problem"]


def test_a_row_outlasts_the_way_through_a_playbook() -> None:
    assert [from_data(to_data(row)) for row in ROWS] == ROWS


@pytest.mark.parametrize("kind", ["container", "guest", "machine", "command"])
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_command_is_shell_and_arms_its_undo_first(row: Any, kind: str) -> None:
    plan = drill_steps(to_data(row), facts(kind), "fw-1")
    assert bool(plan["steps"]) == (plan["refused"] is None)
    for step in plan["steps"]:
        for key in ("inject", "undo"):
            subprocess.run(["/bin/sh", "-n", "-c", step[key]], check=True)
            assert "{leg}" not in step[key]
        armed = step["inject"].find("ftfw-drill-undo")
        if "systemd-run" in step["inject"] or "setsid" in step["inject"]:
            assert -1 < armed < step["inject"].index("@@ fault")
    for command in (plan["prepare"], plan["collect"], *plan["count_announcements"].values()):
        subprocess.run(["/bin/sh", "-n", "-c", command], check=True)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("carrier_outside", "machine", "needs nodes of kind guest or container"),
        ("freeze_process", "container", "needs nodes of kind guest"),
        ("full_table", "container", "kernel of their own"),
        ("full_disk", "machine", "only in a lab"),
    ],
)
def test_what_a_site_lacks_is_told_and_counted(name: str, kind: str, why: str) -> None:
    plan = drill_steps(to_data(ROWS[NAMES.index(name)]), facts(kind), "fw-1")
    assert plan["refused"]["result"] == "not applicable"
    assert why in plan["refused"]["note"]


def test_a_hypervisor_that_is_not_in_the_inventory() -> None:
    without = {**facts("guest"), "hosts": ["fw-1", "fw-2"]}
    plan = drill_steps(to_data(ROWS[NAMES.index("power_loss")]), without, "fw-1")
    assert plan["refused"]["note"] == "fw-1: its hypervisor omarine is not in the inventory"


@pytest.mark.parametrize(
    ("name", "kind", "primary", "expected"),
    [
        ("power_loss", "container", "fw-2", [("localhost", ["fw-2"], "podman kill ftfw-native-fw-2")]),
        # it says no word while its end goes on
        ("power_loss", "container", "fw-2", [("localhost", ["fw-2"], "ip -6 rule del pref 0")]),
        ("power_loss", "guest", "fw-1", [("omarine", ["fw-1"], "--signal=SIGKILL guest-fw-1.service")]),
        ("power_loss_both", "guest", "fw-1", [("omarine", ["fw-1", "fw-2"], "guest-fw-2.service")]),
        ("power_loss_both", "command", "fw-1", [("localhost", ["fw-1", "fw-2"], "power off fw-2")]),
        ("power_loss", "command", "fw-2", [("localhost", ["fw-2"], "power off fw-2")]),
        ("reboot", "command", "fw-2", [("fw-1", ["fw-1"], "systemctl reboot")]),
        ("reboot", "guest", "fw-2", [("fw-1", ["fw-1"], "systemctl reboot")]),
        ("conntrackd_kill_backup", "machine", "fw-1", [("fw-2", ["fw-2"], "conntrackd.service")]),
        ("carrier_inside", "container", "fw-2", [("localhost", ["fw-2"], "podman exec ftfw-native-wires")]),
        ("silence_inside", "container", "fw-1", [("fw-1", ["fw-1"], 'hook egress device "eth1"')]),
        ("full_disk", "container", "fw-1", [("fw-2", ["fw-2"], "/run"), ("fw-1", ["fw-1"], "keepalived")]),
    ],
)
def test_where_a_fault_is_made(
    name: str, kind: str, primary: str, expected: list[tuple[str, list[str], str]]
) -> None:
    steps = drill_steps(to_data(ROWS[NAMES.index(name)]), facts(kind), primary)["steps"]
    assert [(step["host"], step["targets"]) for step in steps] == [one[:2] for one in expected]
    assert all(one[2] in step["inject"] for one, step in zip(expected, steps))


PAIRS = [
    (one, other) for index, one in enumerate(ROWS) for other in ROWS[index + 1 :] if draw.agree(one, other)
]


@pytest.mark.parametrize("kind", ["container", "guest", "machine", "command"])
def test_of_faults_that_are_made_together_each_place_has_one_script(kind: str) -> None:
    """A second one would disarm the undo of the first."""
    assert len(PAIRS) > 100
    for pair in PAIRS:
        plan = drill_steps(to_data(draw.together(1, pair)), facts(kind), "fw-2")
        alone = [drill_steps(to_data(row), facts(kind), "fw-2") for row in pair]
        assert (plan["refused"] is None) == all(one["refused"] is None for one in alone)
        places = [(step["host"], "podman exec" in step["inject"]) for step in plan["steps"]]
        assert len(set(places)) == len(places)
        if plan["refused"]:
            continue
        made = "".join(step["inject"] for step in plan["steps"])
        assert made.count("sleep 1; ") == 1
        for step in plan["steps"]:
            subprocess.run(["/bin/sh", "-n", "-c", f"{step['inject']}\n{step['undo']}"], check=True)
        for step in (step for one in alone for step in one["steps"] if "wires" not in step["host"]):
            fault = step["inject"].partition('@@ fault $(date +%s.%N)"; ')[2].rstrip("'")
            assert fault and fault in made
            undo = step["undo"].partition("ftfw_code=0; ")[2].partition('test "$ftfw_code" != 0')[0]
            assert undo in "".join(one["undo"] for one in plan["steps"])


@pytest.mark.parametrize(
    ("drawn", "names", "problem"),
    [
        pytest.param({"seed": 7, "minutes": 2}, [], "", id="all"),
        pytest.param({"seed": 7, "minutes": 2}, ["freeze"], "", id="of-one"),
        pytest.param({"seed": 7, "minutes": 2}, ["full_table"], "none of the faults", id="of-none"),
        pytest.param({"seed": 7}, [], "drill_random.minutes: is missing", id="wrong"),
        pytest.param({}, [], "drill_random.seed: is missing", id="empty"),
    ],
)
def test_faults_are_drawn_of_what_was_asked_for(drawn: Any, names: list[str], problem: str) -> None:
    told = drill_rows(FAULTS, DEFAULTS, facts(), names, "long", drawn)
    assert problem in told["problem"] and bool(problem) == bool(told["problem"])
    assert len(told["rows"]) == len(told["order"]) == (0 if problem else 12)
    if names and not problem:
        assert told["order"] == [f"{number:03d} freeze" for number in range(1, 13)]


@pytest.mark.parametrize(("parts", "at"), [(2, 1009.0), (0, 1004.0)])
def test_faults_that_were_made_together_are_over_with_the_last_of_them(parts: int, at: float) -> None:
    row = draw.together(1, PAIRS[0]) if parts else ROWS[0]
    seen = [{"item": {"host": "fw-1"}, "stdout": f"@@ undo {when}"} for when in (1004.0, 1009.0)]
    assert end_of(row, seen, {}) == at


def test_what_a_script_prints_is_read_again(tmp_path: Path) -> None:
    told = subprocess.run(
        ["/bin/sh", "-c", 'echo "@@ fault $(date +%s.%N)"'], check=True, capture_output=True, text=True
    ).stdout
    assert (stamp(told, "fault") or 0) > 1.7e9
    assert stamp(told, "undo") is None
    assert "ftfw-drill-watch" in collect()
    assert prepare.__doc__


def test_a_pair_that_was_ill_in_between_fails_a_row_that_is_repeated() -> None:
    known = facts()
    probes = {"rate": 1000, "slack": 1, **view(1)["verify"]["probes"]}
    for node in known["nodes"]:
        node["view"]["verify"]["probes"] = probes
        node["view"]["pair_state"]["preempt"] = "never"
        node["view"]["keepalived"] = {"advert_interval": 0.07}
    ill = {"id": "conntrackd-down", "node": "fw-1", "message": "conntrackd does not run"}
    nodes = [
        {"node": name, "virtual_addresses": [], "boot": "1", "counters": {}} for name in ("fw-1", "fw-2")
    ]
    seen = {
        "before": "fw-1",
        "warned": [],
        "nodes_before": nodes,
        "health": {"primary": "fw-2", "nodes": nodes, "findings": []},
        "healthy": [{"after": None, "findings": [ill]}, {"after": 5.0, "findings": []}],
        "client": {},
        "server": {},
        "late": {},
        "late_count": 20,
        "watches": {"fw-1": "@@ start 1000 192.168.2.100/32\n@@ arp 3\n", "fw-2": "@@ start 1000\n"},
        "injected": [],
        "undone": [],
        "seconds": 60.0,
    }
    entry = drill_result(to_data(ROWS[NAMES.index("reboot_ten")]), known, seen)
    checks = {one["name"]: (one["seen"], one["ok"]) for one in entry["checks"]}
    assert checks["nothing is wrong with the pair"] == ("fw-1: conntrackd does not run (time 1 of 2)", False)
    assert entry["result"] == "failed"


def test_the_table_of_results_counts_what_is_not_applicable() -> None:
    faults = [not_applicable("a", "A", "no hypervisor"), {**not_applicable("b", "B", ""), "result": "ok"}]
    assert lines(faults) == ["NOT APPLICABLE  a: no hypervisor", "2 faults: 1 ok, 0 failed, 1 not applicable"]
    assert [row["result"] for row in rows(faults)] == ["not applicable", "ok"]
