# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's own rules, and that its documentation has all figures."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, Any]]:
    """The names of the program, and its modules."""
    sys.path.insert(0, str(ROOT / "tools/bench"))
    try:
        yield runpy.run_path(str(ROOT / "tools/bench/__main__.py"), run_name="bench")
    finally:
        sys.path.remove(str(ROOT / "tools/bench"))


def test_the_table_has_what_was_measured(bench: dict[str, Any]) -> None:
    table = bench["table"]
    cases = [
        {"name": name, "profile": profile, "median": 1234.4, "worst": 1234.4 if profile == "manual" else 2000}
        for name in table.ROWS
        for profile in table.PROFILES
    ]
    made = table.table({"cases": cases})
    assert made.splitlines()[2].endswith(
        "| 1,234 | 1,234 (worst 2,000) | 1,234 (worst 2,000) | 1,234 (worst 2,000) |"
    )
    text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    once = table.put(text, made)
    assert "old" not in once and once.startswith("before\n") and once.endswith("\nafter\n")
    assert table.put(once, made) == once


def test_the_readme_has_the_figures_of_the_kept_run(bench: dict[str, Any]) -> None:
    table = bench["table"]
    kept = json.loads((ROOT / "docs/bench.json").read_text())
    text = (ROOT / "README.md").read_text()
    assert table.put(text, table.table(kept)) == text
    # what a run has missed is told with it
    missed = [case for case in kept["cases"] if case["ok"] is False]
    assert all(f"Not reached by `{case['profile']}`: {case['title']}" in text for case in missed)


def test_publishing_needs_a_place_for_the_table(bench: dict[str, Any], tmp_path: Path) -> None:
    table = bench["table"]
    cases = [
        {"name": name, "profile": profile, "median": 1, "worst": 1}
        for name in table.ROWS
        for profile in table.PROFILES
    ]
    run, kept, readme = (tmp_path / name for name in ("run.json", "kept.json", "README.md"))
    run.write_text(json.dumps({"cases": cases, "timelines": [1]}))
    readme.write_text("no marks\n")
    with pytest.raises(SystemExit, match="no place for the table"):
        table.publish(run, kept, readme)
    assert not kept.exists()
    readme.write_text(f"{table.BEGIN}\n{table.END}\n")
    table.publish(run, kept, readme)
    assert json.loads(kept.read_text()) == {"cases": cases, "timelines": []}
    assert table.table({"cases": cases}) in readme.read_text()


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
