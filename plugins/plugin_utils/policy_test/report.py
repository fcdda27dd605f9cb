# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the tests of a policy: a table, and below it what no test has noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.report import (
    CHECK_COLUMNS,
    CHECK_KEYS,
    check_rows,
)


def report(results: Sequence[Mapping[str, Any]], only_failed: bool = False) -> dict[str, Any]:
    """Turn results of policy_check, each with a firewall's view as `item`, into what `report` takes."""
    rows = _rows(results)
    failed = [str(row["name"]) for row in rows if not row["ok"]]
    mutations = {
        str(result["item"]["name"]): result["mutation"] for result in results if result.get("mutation")
    }
    missed = {
        name: [one for one in mutation["unnoticed"] if not one["reason"]]
        for name, mutation in mutations.items()
    }
    problems = [] if rows else ["nothing was tested"]
    if failed:
        problems.append(f"{len(failed)} of {len(rows)} tests failed: {'; '.join(failed)}")
    problems += [
        f"{name}: {len(unnoticed)} changes of the ruleset are noticed by no test"
        for name, unnoticed in missed.items()
        if unnoticed
    ]
    problems += [
        f"{name}: the time was over before {mutation['untried']} of {mutation['mutants']} changes "
        "were tried; give it more with policy_test_timeout"
        for name, mutation in mutations.items()
        if mutation["untried"]
    ]
    shown = [row for row in rows if not (only_failed and row["ok"])]
    return {
        "columns": ["test" if column == "check" else column for column in CHECK_COLUMNS],
        "rows": [{"test" if key == "check" else key: row[key] for key in row} for row in check_rows(shown)],
        "lines": [
            f"{len(rows)} tests, {len(failed)} failed",
            *(line for name, mutation in mutations.items() for line in _mutation(name, mutation)),
        ],
        "problems": problems,
        "document": {
            "site": results[0]["item"]["site"] if results else "",
            "tests": [{key: row[key] for key in CHECK_KEYS} for row in rows],
            "mutations": mutations,
        },
    }


def _rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all hosts; what is the same on all firewalls is one row, else it says whose it is."""
    found: dict[str, tuple[dict[str, Any], dict[str, None]]] = {}
    for result in results:
        for row in result["rows"]:
            # a firewall may have two that look alike
            found.setdefault(repr(sorted(row.items())), (row, {}))[1][str(result["item"]["name"])] = None
    items = [result["item"] for result in results]
    everybody = [str(item["name"]) for item in items if item.get("firewall", True)]
    return [
        row if list(names) == everybody else {**row, "name": f"{', '.join(names)}: {row['name']}"}
        for row, names in found.values()
    ]


def _mutation(name: str, mutation: Mapping[str, Any]) -> list[str]:
    unnoticed = mutation["unnoticed"]
    excused = [one for one in unnoticed if one["reason"]]
    missed = [one for one in unnoticed if not one["reason"]]
    counts = (
        f"{mutation['mutants']} mutants, {mutation['noticed']} noticed, {len(missed)} not noticed, "
        f"{len(excused)} that no packet can tell, {mutation['refused']} that nft refuses"
    )
    return [
        f"{name}: {counts}",
        *(
            f"NOT NOTICED  {one['chain']}, line {one['line']}: {one['change']}: {one['rule']}"
            for one in missed
        ),
        *_reasons(excused),
    ]


def _reasons(excused: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why no packet tells these mutants: whoever knows the site can say whether it is so there."""
    places: dict[str, list[str]] = {}
    for one in excused:
        places.setdefault(one["reason"], []).append(f"{one['chain']} {one['line']}")
    return [
        f"no packet tells {len(where)}: {reason} ({', '.join(dict.fromkeys(where))})"
        for reason, where in sorted(places.items(), key=lambda item: -len(item[1]))
    ]
