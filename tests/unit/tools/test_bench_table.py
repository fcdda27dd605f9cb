# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of the bench that is kept, and its table in the README."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.page import document as result_document

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    """The module."""
    sys.path.insert(0, str(ROOT / "tools/bench"))
    try:
        yield importlib.import_module("table")
    finally:
        sys.path.remove(str(ROOT / "tools/bench"))


def case(name: str, profile: str, trials: list[float], note: str = "") -> dict[str, Any]:
    """What the table needs of one figure."""
    median, worst = sorted(trials)[len(trials) // 2], max(trials)
    return {
        "name": name,
        "profile": profile,
        "trials": trials,
        "median": median,
        "worst": worst,
        "note": note,
    }


def run_of(table: Any, *more: dict[str, Any], trials: int = 3) -> dict[str, Any]:
    """A run that has measured all rows in IPv4, and more."""
    cases = [case(name, profile, [1234.4] * trials) for name in table.ROWS for profile in table.PROFILES]
    own = {(one["name"], one["profile"]): one for one in [*cases, *more]}
    return {"created": "2025-02-01T12:00:00+00:00", "machine": {}, "cases": list(own.values())}


def rows(made: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in made.splitlines() if line[:1] == "|"
    ]


def test_a_cell_has_both_families(table: Any) -> None:
    four, six = "crash_udp_gap_ms", "crash_v6_udp_gap_ms"
    measured = (
        case(four, "manual", [9000, 9100, 9200]),
        case(four, "default", [160, 170, 210]),
        case(six, "default", [160.2, 170.1, 210.3]),
        case(four, "fast", [70, 80, 80]),
        case(six, "fast", [75, 90, 95]),
    )
    made = rows(table.table(run_of(table, *measured)))
    assert made[0] == ["", "manual", "stock", "ours", "ours, `fast`", "trials"]
    assert made[2][1:] == [
        "9,100 (worst 9,200)",
        "1,234",
        "170 (worst 210)",
        "80; IPv6 90 (worst 95)",
        "3, 2025-02-01",
    ]
    # what was not measured is not told to be alike
    assert made[3][1:5] == ["1,234", "1,234", "1,234 (IPv4)", "1,234 (IPv4)"]


def test_a_row_has_its_number_of_trials_and_its_days(table: Any) -> None:
    older = case("switchover_udp_lost", "fast", [0] * 7, "run of 2025-01-31T12:00; trial 1 done again: why")
    made = rows(table.table(run_of(table, older)))
    assert [row[-1] for row in made[2:]] == ["3, 2025-02-01"] * 3 + ["3 to 7, 2025-01-31 and 2025-02-01"]


def test_what_was_not_reached_is_told(table: Any) -> None:
    missed = {**case("crash_udp_gap_ms", "fast", [99, 101, 1100.2]), "ok": False, "title": "The gap"}
    assert table.table(run_of(table, missed)).splitlines()[-2:] == [
        "",
        "Not reached by `fast`: The gap: 99, 101, 1,100.",
    ]


def test_all_figures_and_what_was_done_again(table: Any) -> None:
    again = "trial 2 done again: fw-2 has not been given a virtual address"
    more = (
        case("policy_compile_growth", "default", [0.7839, 0.7839, 0.8], f"run of 2025-01-31T12:00; {again}"),
        case("two_holders_ms", "fast", [14.4], again),
        case("two_holders_v6_ms", "fast", [7.25], again),
    )
    made = table.whole(run_of(table, *more))
    assert "| `policy_compile_growth` |  |  | 0.784 (worst 0.8) (IPv4) |  | 3, 2025-01-31 |" in made
    # the manual's system was not put through it, and ours in one profile only
    assert "| `two_holders_ms` |  |  |  | 14; IPv6 7.25 | 1, 2025-02-01 |" in made
    assert "`crash_udp_gap_ms`" in made and "`burst" not in made
    assert made.splitlines()[-4:] == ["", f"`default`, {again}.", "", f"`fast`, {again}."]


def test_the_table_has_its_place(table: Any) -> None:
    made = table.table(run_of(table))
    text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    once = table.put(text, made)
    assert "old" not in once and once.startswith("before\n") and once.endswith("\nafter\n")
    assert table.put(once, made) == once


def test_the_readme_has_the_figures_of_the_kept_run(table: Any) -> None:
    kept = json.loads((ROOT / "docs/bench.json").read_text())
    text, page = ((ROOT / name).read_text() for name in ("README.md", "docs/bench.md"))
    assert table.put(text, table.table(kept)) == text
    assert table.put(page, table.whole(kept)) == page
    # what a run has missed is told with it
    missed = [one for one in kept["cases"] if one["ok"] is False]
    assert all(f"Not reached by `{one['profile']}`: {one['title']}" in text for one in missed)


def test_the_kept_run_agrees_with_itself(table: Any) -> None:
    kept = json.loads((ROOT / "docs/bench.json").read_text())
    result_document.load(kept, "bench.json")
    # figures of one name are compared, so they are of one run and as many trials
    for name in {one["name"] for one in kept["cases"]}:
        row = [one for one in kept["cases"] if one["name"] == name]
        assert len({table._ran(one["note"], kept["created"]) for one in row}) == 1, name


def test_publishing_needs_a_place_for_the_table(table: Any, tmp_path: Path) -> None:
    whole = run_of(table)
    run, kept, readme, page = (tmp_path / name for name in ("run.json", "kept.json", "README.md", "bench.md"))
    page.write_text(f"{table.BEGIN}\n{table.END}\n")
    run.write_text(json.dumps({**whole, "timelines": [1]}))
    readme.write_text("no marks\n")
    with pytest.raises(SystemExit, match="no place for the table"):
        table.publish(run, kept, readme, page)
    assert not kept.exists()
    readme.write_text(f"{table.BEGIN}\n{table.END}\n")
    table.publish(run, kept, readme, page)
    assert json.loads(kept.read_text()) == {**whole, "timelines": []}
    assert table.table(whole) in readme.read_text()
    assert table.whole(whole) in page.read_text()


def kept_and_run() -> tuple[dict[str, Any], dict[str, Any]]:
    """A kept run of three figures, and one of the second of them."""
    names = [
        ("crash", "manual"),
        ("crash", "default"),
        ("lost", "manual"),
        ("lost", "default"),
        ("last", "fast"),
    ]
    cases = [{"name": name, "profile": profile, "median": 1, "note": ""} for name, profile in names]
    kept = {"created": "2025-01-31T12:00:00+00:00", "machine": {"kernel": "6"}, "cases": cases}
    again = [{**case, "median": 2} for case in cases if case["name"] == "lost"]
    return kept, {**kept, "created": "2025-02-01T12:00:00+00:00", "cases": again}


def test_a_run_of_some_measures_leaves_the_figures_of_the_others(table: Any) -> None:
    kept, run = kept_and_run()
    both = table.joined(run, kept)
    old = "run of 2025-01-31T12:00"
    told = [(case["name"], case["profile"], case["median"], case["note"]) for case in both["cases"]]
    assert told == [
        ("crash", "manual", 1, old),
        ("crash", "default", 1, old),
        ("lost", "manual", 2, ""),
        ("lost", "default", 2, ""),
        ("last", "fast", 1, old),
    ]
    assert both["created"] == run["created"]
    # the note of the first run stays through later ones
    again = table.joined({**run, "created": "2025-02-02T12:00:00+00:00"}, both)
    assert [case["note"] for case in again["cases"]] == [old, old, "", "", old]


def test_figures_of_different_runs_or_machines_are_not_compared(table: Any) -> None:
    kept, run = kept_and_run()
    with pytest.raises(SystemExit, match=r"lacks profiles of what it has measured: lost: manual$"):
        table.joined({**run, "cases": run["cases"][1:]}, kept)
    other = {**run, "machine": {"kernel": "7"}}
    with pytest.raises(SystemExit, match="of another machine, or of other versions"):
        table.joined(other, kept)
    # a whole run replaces all
    whole = {**other, "cases": kept["cases"]}
    assert table.joined(whole, kept) == whole


def test_a_figure_of_ipv6_stands_behind_that_of_ipv4(table: Any) -> None:
    kept = run_of(table)
    new = [
        case(name, profile, [1, 1, 1])
        for name in ("crash_udp_gap_ms", "crash_v6_udp_gap_ms")
        for profile in ("default", "manual", "stock", "fast")
    ]
    names = [one["name"] for one in table.joined({**kept, "cases": new}, kept)["cases"]]
    assert list(dict.fromkeys(names))[:3] == [
        "crash_udp_gap_ms",
        "crash_v6_udp_gap_ms",
        "crash_100k_survivors",
    ]
