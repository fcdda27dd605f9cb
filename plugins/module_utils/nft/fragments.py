# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks around what a site has written itself in a ruleset, and what nft says of it, in the site's lines."""

from __future__ import annotations

import re

_BEGIN, _END = "fragment: ", "end of fragment: "
_MARK = re.compile(rf"\s*# (?P<mark>{_BEGIN}|{_END})(?P<where>.+)")
_ERROR = re.compile(r"(?:^|\s)[^\s:]*:(\d+):\d+-\d+: Error: (.*)$", re.MULTILINE)
_SHOWN = 200


def begin(where: str) -> str:
    """The comment before a fragment, without its #; `where` says which one, and in which file."""
    return f"{_BEGIN}{where}"


def end(where: str) -> str:
    return f"{_END}{where}"


def origin(lines: list[str], number: int) -> str | None:
    """Where the site has written a line of a ruleset, counted from 1; None for what it has not."""
    for above in range(number - 1, 0, -1):
        match = _MARK.fullmatch(lines[above - 1])
        if match:
            return f"{match['where']} line {number - above}" if match["mark"] == _BEGIN else None
    return None


def explain(stderr: str, text: str, added: int = 0) -> tuple[int, str]:
    """The first error of nft(8) about a text: its line, 0 for none or one of a fragment, and a sentence.

    `added` is how many lines nft was given before the text.
    """
    match = _ERROR.search(stderr)
    if match is None:
        return 0, " ".join(stderr.split())
    line, lines = int(match[1]) - added, text.splitlines()
    if not 0 < line <= len(lines):
        return 0, f"nft refuses it, {match[2]}"
    told = f"nft refuses it, {match[2]}: {lines[line - 1].strip()[:_SHOWN]}"
    place = origin(lines, line)
    return (line, told) if place is None else (0, f"{place}: {told}")
