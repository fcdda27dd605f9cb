# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks around what a site has written itself in a ruleset, and what nft says of it, in the site's lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import FragmentLines

_BEGIN, _END = "fragment: ", "end of fragment: "
_ERROR = re.compile(r"(?:^|\s)[^\s:]*:(\d+):\d+-\d+: Error: (.*)$", re.MULTILINE)
_SHOWN = 200


def begin(where: str) -> str:
    """The comment before a fragment, without its #; `where` says which one, and in which file."""
    return f"{_BEGIN}{where}"


def end(where: str) -> str:
    return f"{_END}{where}"


def marked(comment: str) -> tuple[str, bool] | None:
    """Which fragment a comment, without its #, marks, and whether it begins; None for any other comment."""
    for mark in (_BEGIN, _END):
        if comment.startswith(mark) and len(comment) > len(mark):
            return comment[len(mark) :], mark == _BEGIN
    return None


def origin(fragments: Sequence[FragmentLines], number: int) -> str | None:
    """Where the site has written a line of a ruleset, counted from 1; None for what it has not."""
    for one in fragments:
        if one.first <= number <= one.last:
            return f"{one.where} line {number - one.first + 1}"
    return None


def fragments_of(lines: Sequence[str]) -> tuple[FragmentLines, ...]:
    """Where marks stand in the lines of a text of which nothing else is known."""
    found: list[FragmentLines] = []
    for number, line in enumerate(lines, 1):
        words = line.strip()
        mark = marked(words[1:].strip()) if words.startswith("#") else None
        if mark is not None and mark[1]:
            found.append(FragmentLines(mark[0], number + 1, len(lines)))
        elif mark is not None and found:
            found[-1] = FragmentLines(found[-1].where, found[-1].first, number - 1)
    return tuple(found)


def explain(
    stderr: str, text: str, added: int = 0, fragments: Sequence[FragmentLines] | None = None
) -> tuple[int, str]:
    """The first error of nft(8) about a text: its line, 0 for none or one of a fragment, and a sentence.

    `added` is how many lines nft was given before the text. Without `fragments` they are looked for in it.
    """
    match = _ERROR.search(stderr)
    if match is None:
        return 0, " ".join(stderr.split())
    line, lines = int(match[1]) - added, text.splitlines()
    if not 0 < line <= len(lines):
        return 0, f"nft refuses it, {match[2]}"
    told = f"nft refuses it, {match[2]}: {lines[line - 1].strip()[:_SHOWN]}"
    place = origin(fragments_of(lines) if fragments is None else fragments, line)
    return (line, told) if place is None else (0, f"{place}: {told}")
