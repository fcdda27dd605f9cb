# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the files that are wanted and those that are there to an ordered list of changes. No I/O."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODE = re.compile(r"0[0-7]{3,4}")
HIDDEN = "(sensitive)\n"
BEFORE = "/var/lib/ftfw/before"
"""Where files of others are kept that ours have replaced, by their paths."""

# gives the number of a user or a group, or None if nobody has that name
Lookup = Callable[[str], "int | None"]


class ConfigFilesError(Exception):
    """Wrong arguments, or a file that can't be what it should be. Names the path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class FileState:
    """A regular file, or a symbolic link if `link` is its target."""

    content: bytes
    uid: int
    gid: int
    mode: int
    link: str | None = None


@dataclass(frozen=True)
class WantedFile:
    """A file as it should be; no content stands for 'absent', or for 'as it was before ours'."""

    path: str
    content: bytes | None
    owner: str
    group: str
    mode: int
    validate: str | None
    sensitive: bool
    mark: bytes | None = None
    original: bool = False
    essential: bool = False

    def is_foreign(self, state: FileState | None) -> bool:
        """Whether somebody else's file is there: one without the line that ours have."""
        return (
            self.mark is not None
            and state is not None
            and (bool(state.link) or self.mark not in state.content.splitlines())
        )


@dataclass(frozen=True)
class FileChange:
    """One file's way from one state to another; None is an absent file."""

    path: str
    before: FileState | None
    after: FileState | None
    validate: str | None = None
    sensitive: bool = False

    def describe(self) -> str:
        if self.after is None:
            return f"remove {self.path}"
        if self.before is None:
            return f"create {self.path}"
        if (self.before.content, self.before.link) == (self.after.content, self.after.link):
            return f"set owner, group and mode of {self.path}"
        return f"replace {self.path}"


def argument_spec() -> dict[str, Any]:
    """The options of action and module."""
    file = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": "0644"},
        "state": {"type": "str", "default": "present", "choices": ["present", "absent", "original"]},
        "mark": {"type": "str"},
        "essential": {"type": "bool", "default": False},
        "validate": {"type": "str"},
        "sensitive": {"type": "bool", "default": False},
    }
    return {
        "files": {"type": "list", "elements": "dict", "required": True, "options": file},
        "collect": {"type": "bool", "default": False},
    }


def parse(items: Sequence[Mapping[str, Any]]) -> list[WantedFile]:
    """Check the option `files`; raises ConfigFilesError."""
    seen: set[str] = set()
    wanted = []
    for item in items:
        path, present = str(item["path"]), item["state"] == "present"
        if not path.startswith("/") or posixpath.normpath(path) != path or path == "/" or "\n" in path:
            raise ConfigFilesError(path, "not an absolute path in its shortest form")
        if path in seen:
            raise ConfigFilesError(path, "given twice")
        seen.add(path)
        if present and item["content"] is None:
            raise ConfigFilesError(path, "has no content; an empty file needs an empty one")
        if item["state"] == "original" and not item["mark"]:
            raise ConfigFilesError(path, "has no mark, which tells our file from another one")
        # YAML reads an unquoted 0644 as the number 420
        if not MODE.fullmatch(item["mode"]):
            raise ConfigFilesError(path, f"mode {item['mode']} is not octal digits in quotes, such as '0644'")
        if item["validate"] is not None and "%s" not in item["validate"]:
            raise ConfigFilesError(path, "validate has no %s for the name of the file to check")
        wanted.append(
            WantedFile(
                path=path,
                content=item["content"].encode() if present else None,
                owner=item["owner"],
                group=item["group"],
                mode=int(item["mode"], 8),
                validate=item["validate"],
                sensitive=item["sensitive"],
                mark=item["mark"].encode() if item["mark"] else None,
                original=item["state"] == "original",
                essential=item["essential"],
            )
        )
    return wanted


def resolve(wanted: WantedFile, uid: Lookup, gid: Lookup) -> FileState | None:
    """The state that the file should have, with the managed node's numbers of owner and group."""
    if wanted.content is None:
        return None
    return FileState(
        content=wanted.content,
        uid=_number(wanted.path, "user", wanted.owner, uid),
        gid=_number(wanted.path, "group", wanted.group, gid),
        mode=wanted.mode,
    )


def _number(path: str, kind: str, name: str, lookup: Lookup) -> int:
    if name.isdigit():
        return int(name)
    number = lookup(name)
    if number is None:
        raise ConfigFilesError(path, f"unknown {kind} {name}")
    return number


def kept_as(path: str) -> str:
    """Where what was at a path before ours is kept."""
    return BEFORE + path


def also_kept_as(path: str, state: FileState) -> str:
    """Where it is kept when something else of this path is kept already."""
    content = state.link.encode() if state.link else state.content
    return f"{kept_as(path)}.{hashlib.sha256(content).hexdigest()[:12]}"


def paths_of(wanted: Sequence[WantedFile]) -> list[str]:
    """The files that a plan has to know of: the wanted ones, and what is kept of others."""
    return [item.path for item in wanted] + [kept_as(item.path) for item in wanted if item.mark]


def plan(
    wanted: Sequence[WantedFile], current: Mapping[str, FileState | None], uid: Lookup, gid: Lookup
) -> list[FileChange]:
    """What makes the files as wanted, in the order given; `current` has the paths_of them."""
    changes = []
    for item in wanted:
        before = current[item.path]
        if item.original:
            changes += _restore(item, before, current[kept_as(item.path)])
            continue
        after = resolve(item, uid, gid)
        if before != after:
            if before is not None and item.is_foreign(before):
                changes += _keep(item, before, current[kept_as(item.path)])
            changes.append(FileChange(item.path, before, after, item.validate, item.sensitive))
    return changes


def _keep(item: WantedFile, foreign: FileState, kept: FileState | None) -> list[FileChange]:
    """Before the file is replaced. What was kept first is what was there before ours, and stays."""
    if kept == foreign:
        return []
    place = kept_as(item.path) if kept is None else also_kept_as(item.path, foreign)
    return [FileChange(place, None, foreign, sensitive=item.sensitive)]


def _restore(item: WantedFile, before: FileState | None, kept: FileState | None) -> list[FileChange]:
    """Somebody else's file is left alone; ours gives way to what was kept, or goes."""
    if item.is_foreign(before):
        return []
    if kept is not None:
        return [
            FileChange(item.path, before, kept, sensitive=item.sensitive),
            FileChange(kept_as(item.path), kept, None, sensitive=item.sensitive),
        ]
    if before is None or item.essential:
        return []
    return [FileChange(item.path, before, None, sensitive=item.sensitive)]


def fold(
    current: Mapping[str, FileState | None], changes: Sequence[FileChange]
) -> dict[str, FileState | None]:
    """The files after the changes."""
    return {**current, **{change.path: change.after for change in changes}}


def diff(changes: Sequence[FileChange]) -> list[dict[str, str]]:
    """Ansible's diff: one entry per file."""
    return [_diff(change) for change in changes]


def _diff(change: FileChange) -> dict[str, str]:
    before, after = change.before, change.after
    texts = {"before": _text(before), "after": _text(after)}
    if texts["before"] == texts["after"]:
        # a diff of equal texts isn't shown, and neither are its headers
        texts = {"before": _attributes(before) + "\n", "after": _attributes(after) + "\n"}
    elif change.sensitive:
        texts = {
            "before": HIDDEN if before else "",
            "after": f"{HIDDEN}{change.describe()}\n" if after else "",
        }
    return {
        **texts,
        "before_header": f"{change.path} ({_attributes(before)})",
        "after_header": f"{change.path} ({_attributes(after)})",
    }


def _text(state: FileState | None) -> str:
    return "" if state is None else state.content.decode(errors="replace")


def _attributes(state: FileState | None) -> str:
    if state is None:
        return "absent"
    if state.link is not None:
        return f"link to {state.link}"
    return f"owner {state.uid}, group {state.gid}, mode {state.mode:04o}"
