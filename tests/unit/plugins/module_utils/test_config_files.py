# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of config_files."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.config_files import (
    Change,
    ConfigFilesError,
    State,
    diff,
    fold,
    parse,
    plan,
)
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = {"root": 0, "daemon": 1}
ITEM = {
    "path": "/etc/x.conf",
    "content": "new\n",
    "owner": "root",
    "group": "root",
    "mode": "0644",
    "state": "present",
    "validate": None,
    "sensitive": False,
}
THERE = State(b"new\n", 0, 0, 0o644)


def item(**values: Any) -> dict[str, Any]:
    return {**ITEM, **values}


@pytest.mark.parametrize(
    ("values", "current", "described"),
    [
        pytest.param({}, None, ["create /etc/x.conf"], id="absent"),
        pytest.param({}, THERE, [], id="same"),
        pytest.param({}, State(b"old\n", 0, 0, 0o644), ["replace /etc/x.conf"], id="other text"),
        pytest.param(
            {}, State(b"new\n", 1, 0, 0o644), ["set owner, group and mode of /etc/x.conf"], id="other owner"
        ),
        pytest.param(
            {"mode": "0600"}, THERE, ["set owner, group and mode of /etc/x.conf"], id="other mode wanted"
        ),
        pytest.param(
            {"content": ""}, State(b"", 0, 0, 0o777, link="y"), ["replace /etc/x.conf"], id="link to nothing"
        ),
        pytest.param({"owner": "1", "group": "daemon"}, State(b"new\n", 1, 1, 0o644), [], id="numbers"),
        pytest.param({"state": "absent", "content": None}, THERE, ["remove /etc/x.conf"], id="unwanted"),
        pytest.param({"state": "absent", "content": None}, None, [], id="unwanted and absent"),
    ],
)
def test_plan(values: dict[str, Any], current: State | None, described: list[str]) -> None:
    changes = plan(parse([item(**values)]), {"/etc/x.conf": current}, NUMBERS.get, NUMBERS.get)
    assert [change.describe() for change in changes] == described


@pytest.mark.parametrize(
    ("items", "message"),
    [
        pytest.param([item(path="x")], "x: not an absolute path in its shortest form", id="relative"),
        pytest.param([item(path="/a/../b")], "/a/../b: not an absolute path", id="roundabout"),
        pytest.param([item(), item()], "/etc/x.conf: given twice", id="twice"),
        pytest.param([item(content=None)], "/etc/x.conf: has no content", id="no content"),
        pytest.param([item(mode="420")], "/etc/x.conf: mode 420 is not octal", id="unquoted mode"),
        pytest.param([item(validate="true")], "/etc/x.conf: validate has no %s", id="check of nothing"),
    ],
)
def test_bad_input(items: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ConfigFilesError) as caught:
        parse(items)
    assert str(caught.value).startswith(message)


def test_unknown_owner() -> None:
    with pytest.raises(ConfigFilesError, match=r"/etc/x.conf: unknown user nobody-such"):
        plan(parse([item(owner="nobody-such")]), {"/etc/x.conf": None}, NUMBERS.get, NUMBERS.get)


@pytest.mark.parametrize("before", [None, State(b"hunter1\n", 0, 0, 0o644)], ids=["absent", "present"])
def test_sensitive_text_is_in_no_diff(before: State | None) -> None:
    (entry,) = diff([Change("/etc/x", before, State(b"hunter2\n", 0, 0, 0o600), sensitive=True)])
    assert entry["before"] != entry["after"]
    assert "hunter" not in str(entry)


def test_diff_shows_a_change_of_attributes_alone() -> None:
    (entry,) = diff([Change("/etc/x", THERE, State(THERE.content, 0, 1, 0o640))])
    assert (entry["before"], entry["after"]) == (
        "owner 0, group 0, mode 0644\n",
        "owner 0, group 1, mode 0640\n",
    )


paths = st.sampled_from(["/a", "/b/c", "/d"])
states = st.none() | st.builds(
    State, st.binary(max_size=2), st.integers(0, 1), st.integers(0, 1), st.sampled_from([0o644, 0o600])
)


@given(
    st.dictionaries(paths, st.none() | st.sampled_from(["", "x"])),
    st.fixed_dictionaries({"/a": states, "/b/c": states, "/d": states}),
)
def test_a_second_plan_is_empty(wanted: dict[str, str | None], current: dict[str, State | None]) -> None:
    files = parse(
        [
            item(path=path, content=text, state="absent" if text is None else "present")
            for path, text in wanted.items()
        ]
    )
    changes = plan(files, current, NUMBERS.get, NUMBERS.get)
    assert plan(files, fold(current, changes), NUMBERS.get, NUMBERS.get) == []
