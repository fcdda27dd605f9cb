# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of config_files."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    FileChange,
    FileState,
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
    "mark": None,
    "essential": False,
}
THERE = FileState(b"new\n", 0, 0, 0o644)


def item(**values: Any) -> dict[str, Any]:
    return {**ITEM, **values}


@pytest.mark.parametrize(
    ("values", "current", "described"),
    [
        pytest.param({}, None, ["create /etc/x.conf"], id="absent"),
        pytest.param({}, THERE, [], id="same"),
        pytest.param({}, FileState(b"old\n", 0, 0, 0o644), ["replace /etc/x.conf"], id="other text"),
        pytest.param(
            {},
            FileState(b"new\n", 1, 0, 0o644),
            ["set owner, group and mode of /etc/x.conf"],
            id="other owner",
        ),
        pytest.param(
            {"mode": "0600"}, THERE, ["set owner, group and mode of /etc/x.conf"], id="other mode wanted"
        ),
        pytest.param(
            {"content": ""},
            FileState(b"", 0, 0, 0o777, link="y"),
            ["replace /etc/x.conf"],
            id="link to nothing",
        ),
        pytest.param({"owner": "1", "group": "daemon"}, FileState(b"new\n", 1, 1, 0o644), [], id="numbers"),
        pytest.param({"state": "absent", "content": None}, THERE, ["remove /etc/x.conf"], id="unwanted"),
        pytest.param({"state": "absent", "content": None}, None, [], id="unwanted and absent"),
    ],
)
def test_plan(values: dict[str, Any], current: FileState | None, described: list[str]) -> None:
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
        pytest.param([item(state="original")], "/etc/x.conf: has no mark", id="whose is it"),
        pytest.param([item(validate="true")], "/etc/x.conf: validate has no %s", id="check of nothing"),
    ],
)
def test_bad_input(items: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ConfigFilesError) as caught:
        parse(items)
    assert str(caught.value).startswith(message)


OURS, THEIRS, LINK = (
    FileState(b"ours\n", 0, 0, 0o644),
    FileState(b"theirs\n", 1, 1, 0o600),
    FileState(b"", 0, 0, 0o777, "x"),
)
KEPT = "/var/lib/ftfw/before/etc/x.conf"


@pytest.mark.parametrize(
    ("values", "there", "kept", "changed"),
    [
        pytest.param({}, None, None, {"/etc/x.conf": "new"}, id="nothing was there"),
        pytest.param({}, OURS, None, {"/etc/x.conf": "new"}, id="ours is not kept"),
        pytest.param({}, THEIRS, None, {KEPT: "theirs", "/etc/x.conf": "new"}, id="theirs is kept"),
        pytest.param(
            {},
            FileState(b"not ours\n", 0, 0, 0o644),
            None,
            {KEPT: "not", "/etc/x.conf": "new"},
            id="a line, not a part of one",
        ),
        pytest.param({}, LINK, None, {KEPT: "-> x", "/etc/x.conf": "new"}, id="a link is theirs"),
        pytest.param({}, THEIRS, THEIRS, {"/etc/x.conf": "new"}, id="the same is kept"),
        pytest.param(
            {},
            THEIRS,
            LINK,
            {f"{KEPT}.ed9c86a61e05": "theirs", "/etc/x.conf": "new"},
            id="another one is kept",
        ),
        pytest.param({"state": "original"}, OURS, THEIRS, {"/etc/x.conf": "theirs", KEPT: None}, id="back"),
        pytest.param(
            {"state": "original"}, None, LINK, {"/etc/x.conf": "-> x", KEPT: None}, id="a link back"
        ),
        pytest.param({"state": "original"}, OURS, None, {"/etc/x.conf": None}, id="ours goes"),
        pytest.param({"state": "original", "essential": True}, OURS, None, {}, id="what is needed stays"),
        pytest.param({"state": "original"}, THEIRS, None, {}, id="theirs is left alone"),
        pytest.param({"state": "original"}, THEIRS, LINK, {}, id="a later one of theirs, too"),
        pytest.param({"state": "original"}, None, None, {}, id="gone already"),
    ],
)
def test_nothing_of_others_is_lost(
    values: dict[str, Any], there: FileState | None, kept: FileState | None, changed: dict[str, str | None]
) -> None:
    content = None if "state" in values else "new\nours\n"
    wanted = parse([item(**{"content": content, "mark": "ours", **values})])
    changes = plan(wanted, {"/etc/x.conf": there, KEPT: kept}, NUMBERS.get, NUMBERS.get)
    assert {
        change.path: change.after
        and (f"-> {change.after.link}" if change.after.link else first(change.after))
        for change in changes
    } == changed
    after = fold({"/etc/x.conf": there, KEPT: kept}, changes)
    assert plan(wanted, after, NUMBERS.get, NUMBERS.get) == []


def first(state: FileState) -> str:
    return state.content.decode().split()[0]


def test_unknown_owner() -> None:
    with pytest.raises(ConfigFilesError, match=r"/etc/x.conf: unknown user nobody-such"):
        plan(parse([item(owner="nobody-such")]), {"/etc/x.conf": None}, NUMBERS.get, NUMBERS.get)


@pytest.mark.parametrize("before", [None, FileState(b"hunter1\n", 0, 0, 0o644)], ids=["absent", "present"])
def test_sensitive_text_is_in_no_diff(before: FileState | None) -> None:
    (entry,) = diff([FileChange("/etc/x", before, FileState(b"hunter2\n", 0, 0, 0o600), sensitive=True)])
    assert entry["before"] != entry["after"]
    assert "hunter" not in str(entry)


def test_diff_shows_a_change_of_attributes_alone() -> None:
    (entry,) = diff([FileChange("/etc/x", THERE, FileState(THERE.content, 0, 1, 0o640))])
    assert (entry["before"], entry["after"]) == (
        "owner 0, group 0, mode 0644\n",
        "owner 0, group 1, mode 0640\n",
    )


paths = st.sampled_from(["/a", "/b/c", "/d"])
states = st.none() | st.builds(
    FileState, st.binary(max_size=2), st.integers(0, 1), st.integers(0, 1), st.sampled_from([0o644, 0o600])
)


@given(
    st.dictionaries(paths, st.none() | st.sampled_from(["", "x"])),
    st.fixed_dictionaries({"/a": states, "/b/c": states, "/d": states}),
)
def test_a_second_plan_is_empty(wanted: dict[str, str | None], current: dict[str, FileState | None]) -> None:
    files = parse(
        [
            item(path=path, content=text, state="absent" if text is None else "present")
            for path, text in wanted.items()
        ]
    )
    changes = plan(files, current, NUMBERS.get, NUMBERS.get)
    assert plan(files, fold(current, changes), NUMBERS.get, NUMBERS.get) == []
