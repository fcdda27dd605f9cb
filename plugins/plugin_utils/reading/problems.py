# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory: each problem names host, key and value, and says what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path

INVENTORY = "inventory"
"""The host named for what is wrong with the inventory's files themselves."""
SITE = "all"
"""The host named for a site-wide variable: the inventory's group that holds it."""


_LONGEST = 400
"""What is shown of a value, in characters."""


def render(value: object) -> str:
    """Show a value on one line, in YAML's flow style as an inventory would write it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{render(key)}: {render(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(render(item) for item in value) + "]"
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, IPv6Address) and value.ipv4_mapped is not None:
        # as somebody would write it; from Python 3.13 on str() does
        return f"::ffff:{value.ipv4_mapped}"
    if isinstance(value, str) and value != value.strip():
        # what can't be seen is what is wrong with it
        return repr(value)
    return " ".join(str(value).split()) or repr(value)


def shown(path: Path) -> str:
    """A path as somebody in this folder would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the known word that was probably meant."""
    match = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=cutoff)
    return match[0] if match else None


def nearest(word: str, known: Iterable[str]) -> str:
    """Name the known word that was probably meant, or all of them when none is close."""
    words = sorted(known)
    match = closest(word, words)
    if match:
        return f"did you mean {match}?"
    return f"known are: {', '.join(words)}" if words else "none is declared"


@dataclass(frozen=True)
class Cause:
    """What several problems may come of: they are told as this one, with their places behind `wrong`."""

    key: str
    value: object
    wrong: str
    right: str
    host: str = SITE


@dataclass(frozen=True)
class Problem:
    """One error of an inventory; its text is one line."""

    host: str
    key: str
    value: object
    wrong: str
    right: str
    follows: bool = False
    """It may be wrong only because something else could not be read."""
    hole: bool = False
    """The value could not be read, so that whatever needs it would seem wrong, too."""
    silent: bool = False
    """It is about a value whose key is wrong, which is told already."""
    cause: Cause | None = None
    """What it comes of, if others come of the same."""

    def __str__(self) -> str:
        # a mapping's keys are the user's text, too, and may have line breaks
        value = render(self.value)
        if len(value) > _LONGEST:
            value = f"{value[:_LONGEST]}… ({len(value)} characters)"
        return " ".join(f"{self.host}: {self.key}: {value}: {self.wrong}; {self.right}".split())


@dataclass
class Problems:
    """Collects what is wrong, so that one run finds all of it."""

    found: dict[str, Problem] = field(default_factory=dict)
    """By their lines."""
    reading: bool = True
    """Values are being read. Later they are held against each other, and what is wrong then may follow."""

    def add(
        self,
        host: str,
        key: str,
        value: object,
        wrong: str,
        right: str,
        *,
        follows: bool | None = None,
        hole: bool | None = None,
        silent: bool = False,
        cause: Cause | None = None,
    ) -> None:
        """Note a problem. While values are read each is a hole; later, each may follow from one."""
        after = not self.reading if follows is None else follows
        hole = self.reading and not after if hole is None else hole
        self.keep(Problem(host, key, value, wrong, right, after, hole, silent, cause))

    def keep(self, problem: Problem) -> None:
        self.found.setdefault(str(problem), problem)

    def about(self, host: str, variable: str) -> bool:
        """Whether something is wrong with a host's variable, or with a part of it."""
        return any(one.host == host and one.key.startswith(variable) for one in self.found.values())

    def __iter__(self) -> Iterator[Problem]:
        return (problem for problem in self.found.values() if not problem.silent)

    def __len__(self) -> int:
        return len(self.found)

    def lines(self) -> list[str]:
        return [str(problem) for problem in self]


class SiteError(Exception):
    """The inventory does not describe a site that could be built."""

    def __init__(self, problems: Problems) -> None:
        super().__init__("\n".join(problems.lines()))
        self.problems = problems
