# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who had a virtual address when, from what `ip -ts monitor address` prints."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.holders import Held, overlap_ms, read, without

VIRTUAL = ["192.168.2.100", "192.168.0.100"]
END = float("inf")
AT = 1795271700.0  # 2026-11-21T14:35:00 UTC


def came(second: float, address: str) -> str:
    tail = "scope global eth1\\       valid_lft forever preferred_lft forever"
    return f"[2026-11-21T14:35:{second:09.6f}] 2: eth1    inet {address} {tail}\n"


def went(second: float, address: str) -> str:
    return came(second, address).replace("] ", "] Deleted ")


def test_a_backup_takes_the_addresses() -> None:
    text = (
        f"@@ start {AT} 127.0.0.1/8 192.168.2.2/24 \n" + came(1.5, f"{VIRTUAL[0]}/32") + came(1.6, VIRTUAL[1])
    )
    assert read(text, VIRTUAL) == Held(((AT + 1.5, END),), (AT + 1.5,), ())


def test_a_primary_gives_them_up_when_the_last_is_gone() -> None:
    text = (
        f"@@ start {AT} {VIRTUAL[0]}/32 {VIRTUAL[1]}/32\n"
        + went(2, f"{VIRTUAL[0]}/32")
        + went(2.25, f"{VIRTUAL[1]}/32")
        + f"@@ end {AT + 5} 192.168.2.2/24\n"
    )
    assert read(text, VIRTUAL) == Held(((AT, AT + 2.25),), (), (AT + 2.25,))


def test_other_addresses_are_nobody_s_business() -> None:
    text = f"@@ start {AT}\n" + came(1, "192.168.2.10/32") + came(2, "192.168.2.1/24") + "noise\n@@ arp 4\n"
    assert read(text, VIRTUAL) == Held((), ())


def test_after_a_reboot_the_watch_begins_again() -> None:
    text = f"@@ start {AT} {VIRTUAL[0]}/32\n@@ start {AT + 20} 127.0.0.1/8\n" + came(25, VIRTUAL[0])
    assert read(text, VIRTUAL) == Held(((AT, AT + 20), (AT + 25, END)), (AT + 25,), (AT + 20,))


def test_the_clock_of_the_node_is_ahead() -> None:
    assert read(f"@@ start {AT + 30} {VIRTUAL[0]}\n", VIRTUAL, offset=30).spans == ((AT, END),)


@pytest.mark.parametrize(
    ("one", "other", "between", "expected"),
    [
        pytest.param([(0, 5)], [(5, END)], (0, 10), 0.0, id="one after the other"),
        pytest.param([(0, 5.25)], [(5, END)], (0, 10), 250.0, id="both for a while"),
        pytest.param([(0, END)], [(1, END)], (4, 6), 2000.0, id="only what is between the moments"),
        pytest.param([(0, 1), (3, 4)], [(0, 4)], (0, END), 2000.0, id="two spans"),
        pytest.param([], [(0, END)], (0, END), 0.0, id="one never"),
    ],
)
def test_overlap(
    one: list[tuple[float, float]],
    other: list[tuple[float, float]],
    between: tuple[float, float],
    expected: float,
) -> None:
    assert overlap_ms(Held(tuple(one), ()), Held(tuple(other), ()), *between) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        pytest.param((2.0, 3.0), ((0.0, 2.0), (3.0, END)), id="in the middle"),
        pytest.param((-1.0, 3.0), ((3.0, END),), id="from before"),
        pytest.param((2.0, END), ((0.0, 2.0),), id="for ever"),
    ],
)
def test_a_node_that_stands_still_answers_nobody(
    span: tuple[float, float], expected: tuple[tuple[float, float], ...]
) -> None:
    assert without(Held(((0.0, END),), (0.0,)), span) == Held(expected, (0.0,))
