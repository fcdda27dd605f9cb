# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a survival, and what a takeover."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.probe.session_judge import (
    Beat,
    SessionVerdict,
    Takeover,
    flow_row,
    judge,
    takeovers,
)


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        pytest.param([(99, 99.5), (100, 101)], SessionVerdict(True, 1.0, 1.5), id="goes on"),
        pytest.param(
            [(99, 99.5), (99.8, 103), (103.25, 103.5)],
            SessionVerdict(True, 3.5, 3.5),
            id="after an interrupted one",
        ),
        pytest.param(
            [(99, 99.5), (99.8, 103)], SessionVerdict(False, None, 3.5), id="only the interrupted one"
        ),
        pytest.param([(99, 99.5), (100.1, 110)], SessionVerdict(True, 10.0, 10.5), id="just in time"),
        pytest.param([(99, 99.5), (100.1, 110.5)], SessionVerdict(False, 10.5, 11.0), id="too late"),
        pytest.param([(98, 98.5), (99, 99.5)], SessionVerdict(False, None, 1.0), id="dies"),
        pytest.param([], SessionVerdict(False, None, None), id="never lived"),
    ],
)
def test_judge(beats: list[tuple[float, float]], expected: SessionVerdict) -> None:
    assert judge([Beat(*beat) for beat in beats], takeover=100, window=10) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([(1.0, "a")], [], id="none"),
        pytest.param([(1.0, "a"), (2.0, "b")], [Takeover(2.0, "a", "b")], id="one"),
        pytest.param(
            [(1.0, "a"), (2.0, "b"), (3.0, "a")],
            [Takeover(2.0, "a", "b"), Takeover(3.0, "b", "a")],
            id="flap",
        ),
    ],
)
def test_takeovers(seen: list[tuple[float, str]], expected: list[Takeover]) -> None:
    assert takeovers(seen) == expected


@pytest.mark.parametrize(
    ("expected", "verdict", "seen", "ok"),
    [
        pytest.param("survives", SessionVerdict(True, 1.0, 1.5), "survives", True, id="as it should"),
        pytest.param("survives", SessionVerdict(False, None, None), "dies", False, id="dies"),
        pytest.param("dies", SessionVerdict(True, 1.0, 1.5), "survives", False, id="a control that survives"),
        pytest.param("dies", SessionVerdict(False, None, None), "dies", True, id="a control that dies"),
        pytest.param("survives", None, "no takeover seen", False, id="nothing happened"),
        pytest.param("dies", None, "no takeover seen", False, id="nothing happened to the control"),
    ],
)
def test_flow_row(expected: str, verdict: SessionVerdict | None, seen: str, ok: bool) -> None:
    row = flow_row("flow", expected, verdict, "")
    assert (row.seen, row.ok) == (seen, ok)
