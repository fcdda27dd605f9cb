# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that are drawn by a seed: their order, what is made at the same time, and what has to hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import draw
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.draw import Wish
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import (
    DrillError,
    FaultRow,
    expand,
    from_data,
    load,
    to_data,
)

TABLE = yaml.safe_load((Path(__file__).parents[5] / "playbooks" / "vars" / "faults.yml").read_text())
ROWS = expand(
    load(TABLE["drill_table"], TABLE["drill_defaults"]), {"data": ["outside", "inside"], "sync": ["sync"]}
)
BY_NAME = {row.name: row for row in ROWS}


def drawn(seed: int = 7, minutes: int = 30, pool: list[FaultRow] | None = None) -> list[FaultRow]:
    return draw.rounds(
        ROWS if pool is None else pool, Wish(seed, minutes), lambda row: "lab" not in row.needs
    )


def parts(rows: list[FaultRow]) -> list[list[str]]:
    return [sorted(part.name for part in row.parts) for row in rows]


def test_the_order_depends_on_the_seed_alone() -> None:
    assert drawn() == drawn()
    assert drawn(minutes=5) == drawn()[:30]
    assert parts(drawn()) != parts(drawn(seed=8))


def test_a_seed_draws_the_same_for_ever() -> None:
    """What has failed on one machine can be run again on another, with another Python."""
    assert [draw.names(row) for row in drawn(pool=ROWS[:12])[:4]] == [
        "001 reboot",
        "002 power_loss",
        "003 freeze",
        "004 keepalived_kill_parent",
    ]


def test_every_fault_has_its_turn_before_one_comes_again() -> None:
    pool = [row for row in ROWS if row.repeat == 1 and "lab" not in row.needs]
    first = [
        next(part.name for part in row.parts if row.name.partition("-")[2].split("-with-")[0] == part.name)
        for row in drawn(minutes=30)[: len(pool)]
    ]
    assert Counter(first) == Counter(row.name for row in pool)


def test_one_or_two_at_a_time_of_what_the_site_can_have() -> None:
    rows = drawn(minutes=180)
    assert {len(row.parts) for row in rows} == {1, 2}
    assert all(draw.agree(*row.parts) for row in rows if len(row.parts) == 2)
    names = {part.name for row in rows for part in row.parts}
    assert not names & {"full_disk", "reboot_ten"}
    assert len({row.name for row in rows}) == len(rows)
    assert [from_data(to_data(row)) for row in rows] == rows


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param("keepalived_kill", "conntrackd_kill_primary", True, id="daemons"),
        pytest.param("keepalived_kill", "keepalived_stop_child", False, id="twice-the-same"),
        pytest.param("keepalived_kill", "keepalived_before_conntrackd", False, id="one-in-common"),
        pytest.param("silence_inside", "sync_loss", False, id="one-table-of-rules"),
        pytest.param("carrier_sync", "keepalived_stop", True, id="wire-and-daemon"),
        pytest.param("power_loss", "conntrackd_kill_backup", True, id="node-and-the-other"),
        pytest.param("power_loss", "conntrackd_kill_primary", False, id="inside-a-node-that-goes"),
        pytest.param("power_loss", "carrier_sync", False, id="wire-of-a-node-that-goes"),
        pytest.param("reboot", "conntrackd_kill_backup", False, id="whichever-is-primary"),
        pytest.param("power_loss_both", "conntrackd_kill_backup", False, id="both"),
        pytest.param("full_table", "keepalived_stop", False, id="alone"),
    ],
)
def test_what_is_made_at_the_same_time(one: str, other: str, expected: bool) -> None:
    assert draw.agree(BY_NAME[one], BY_NAME[other]) is expected
    assert draw.agree(BY_NAME[other], BY_NAME[one]) is expected


@pytest.mark.parametrize(
    ("names", "flows", "healthy_s"),
    [
        pytest.param(["power_loss"], "all", 60, id="one"),
        pytest.param(["power_loss_both"], "any", 90, id="nobody-is-left"),
        pytest.param(["keepalived_kill", "conntrackd_kill_primary"], "all", 60, id="the-other-is-well"),
        pytest.param(["keepalived_kill", "conntrackd_kill_backup"], "any", 60, id="none-is-well"),
        pytest.param(["power_loss", "conntrackd_kill_backup"], "any", 90, id="one-goes-none-is-well"),
        pytest.param(["keepalived_kill", "sync_loss"], "all", 60, id="wire-of-the-same"),
        pytest.param(["conntrackd_kill_backup", "carrier_backup_inside"], "all", 60, id="backup"),
    ],
)
def test_what_has_to_hold(names: list[str], flows: str, healthy_s: int) -> None:
    expect = draw.together(1, [BY_NAME[name] for name in names]).expect
    assert expect == {
        "primary": "any",
        "flows": flows,
        "resets": 0 if flows == "all" else None,
        "reachable": True,
        "overlap_after_ms": 212,
        "healthy_s": healthy_s,
    }


def test_a_node_goes_last_and_the_rest_is_waited_for() -> None:
    row = draw.together(3, [BY_NAME["power_loss"], BY_NAME["conntrackd_stop_signal_backup"]])
    assert [part.name for part in row.parts] == ["conntrackd_stop_signal_backup", "power_loss"]
    assert (row.seconds, row.silent, row.returns) == (6, "primary", True)
    assert row.name == "003-power_loss-with-conntrackd_stop_signal_backup"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("7", "drill_random: 7: use a mapping", id="no-mapping"),
        pytest.param("", "use a mapping", id="empty"),
        pytest.param(
            {}, "seed: is missing; use 0 to 4294967295; drill_random.minutes: is missing", id="none"
        ),
        pytest.param({"seed": 7}, "drill_random.minutes: is missing; use 1 to 180", id="no-minutes"),
        pytest.param(
            {"sed": 7, "minutes": 3}, "drill_random.sed: is unknown; did you mean seed?", id="misspelt"
        ),
        pytest.param({"seed": -1, "minutes": 3}, "drill_random.seed: -1: use a whole number", id="negative"),
        pytest.param({"seed": True, "minutes": 3}, "seed: True: use a whole number", id="truth-value"),
        pytest.param({"seed": 7, "minutes": 0}, "minutes: 0: use a whole number from 1 to 180", id="no-time"),
        pytest.param({"seed": 7, "minutes": 181}, "minutes: 181: use a whole number", id="too-long"),
        pytest.param({"seed": 7, "minutes": 1.5}, "minutes: 1.5: use a whole number", id="half"),
        pytest.param({"seed": "x", "minutes": "y"}, "seed: x: use", id="two-errors"),
    ],
)
def test_what_is_asked_for_wrongly(value: Any, words: str) -> None:
    with pytest.raises(DrillError) as error:
        draw.read(value)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_line_has_numbers_as_texts() -> None:
    assert draw.read({"seed": "7", "minutes": "30"}) == draw.read({"seed": 7, "minutes": 30}) == Wish(7, 30)


def test_a_site_that_can_have_none_of_them() -> None:
    with pytest.raises(DrillError, match="none of the faults"):
        draw.rounds(ROWS, Wish(7, 30), lambda row: False)
