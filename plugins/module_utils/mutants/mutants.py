# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ruleset with one mistake: each rule removed, or without one of its matches, and each drop policy lost.

A set, in a rule or named, lacks one of its elements; a map from two interfaces has the way back as well.
Works on the text, line by line, for tables as the policy compiler writes them and as nft lists them. A match
that is not known here stays; a mutant that nft refuses is skipped by whoever loads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# nft(8): what a match begins with, and of how many words its selector is
_ONE = ("iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "pkttype")
_TWO = ("meta", "ip", "ip6", "tcp", "udp", "sctp", "th", "icmp", "icmpv6", "ct", "ether", "socket", "rt")
# after these nothing but statements follows
_LAST = (
    "add",
    "comment",
    "delete",
    "dnat",
    "dup",
    "flow",
    "fwd",
    "goto",
    "jump",
    "log",
    "masquerade",
    "queue",
    "redirect",
    "reject",
    "set",
    "snat",
    "tproxy",
    "update",
)
_PORTS = {
    "tcp": "meta l4proto tcp",
    "udp": "meta l4proto udp",
    "sctp": "meta l4proto sctp",
    "icmp": "meta l4proto icmp",
    "icmpv6": "meta l4proto ipv6-icmp",
}
"""What such a match says beside its value; a rule for a port becomes one for the protocol."""
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
_TOKEN = re.compile(r'"[^"]*"(?:-"[^"]*")?|\{[^}]*\}|\([^)]*\)|[^\s]+')
_BLOCK = re.compile(r"\s*(chain|set|map) (\S+) \{")
_OPENS = re.compile(
    r"\s*(table|chain|set|map|ct helper|ct timeout|ct expectation|counter|limit|quota|flowtable)\b[^{]*\{\s*$"
)
_BRACES = re.compile(r"\{([^{}]*)\}")
_WAY = re.compile(r'("[^"]*") \. ("[^"]*") : ((?:jump|goto) [^\s,}]+)')
_MOST_ELEMENTS = 32
"""Elements of a set that are taken away one by one."""
_HEAD = re.compile(r"\s*type \S+ hook ")


@dataclass(frozen=True)
class Mutant:
    """A ruleset with one change; `line` counts from 1."""

    chain: str
    line: int
    rule: str
    change: str
    text: str

    def __str__(self) -> str:
        return f"{self.chain}, line {self.line}: {self.change}: {self.rule}"


def mutants(ruleset: str) -> Iterator[Mutant]:
    """Make each mutant of a text in turn."""
    lines = list(_joined(re.sub(r"\\\n\s*", "", ruleset).splitlines()))
    block, in_chain = "", False
    for index, line in enumerate(lines):
        begun = _BLOCK.match(line)
        if begun:
            block, in_chain = begun[2], begun[1] == "chain"
            continue
        rule = line.strip()
        if rule == "}":
            block = ""
        if not block or not rule or rule.startswith(("#", "}")):
            continue
        changes = _changes(rule) if in_chain else _without_elements(rule)
        for change, changed in changes:
            text = "\n".join([*lines[:index], changed, *lines[index + 1 :], ""])
            yield Mutant(block, index + 1, rule, change, text)


def _joined(lines: list[str]) -> Iterator[str]:
    """Put what stands in braces on one line, and leave empty ones, so that each line keeps its number."""
    held: list[str] = []
    for line in lines:
        if held or (line.rstrip().endswith("{") and not _OPENS.match(line)):
            held.append(line if not held else line.strip())
            if line.strip().startswith("}"):
                yield " ".join(held)
                yield from [""] * (len(held) - 1)
                held = []
        else:
            yield line
    yield from held


def _changes(rule: str) -> Iterator[tuple[str, str]]:
    if _HEAD.match(rule):
        if "policy drop" in rule:
            yield "policy accept", rule.replace("policy drop", "policy accept")
        return
    yield "removed", ""
    tokens = _TOKEN.findall(rule)
    for start, end in matches(tokens):
        match = " ".join(tokens[start:end])
        rest = _PORTS.get(tokens[start], "") if "." not in tokens[start:end] else ""
        kept = [*tokens[:start], *([rest] if rest else []), *tokens[end:]]
        if rest != match:
            yield f"without {match}", " ".join(kept)
    yield from _without_elements(rule)
    yield from _with_a_way_back(rule)


def _without_elements(rule: str) -> Iterator[tuple[str, str]]:
    """Take one of several elements away; of many only some, the last among them."""
    for braces in _BRACES.finditer(rule):
        elements = [one.strip() for one in braces[1].split(",")]
        places = range(len(elements)) if len(elements) > 1 else range(0)
        for place in (*places[: _MOST_ELEMENTS - 1], *places[_MOST_ELEMENTS - 1 :][-1:]):
            kept = ", ".join(elements[:place] + elements[place + 1 :])
            changed = f"{rule[: braces.start(1)]} {kept} {rule[braces.end(1) :]}"
            yield f"without element {elements[place]}", changed


def _with_a_way_back(rule: str) -> Iterator[tuple[str, str]]:
    """Add the way back to a map from an interface and another one, where it has none."""
    ways = {(way[1], way[2]): way[3] for way in _WAY.finditer(rule)}
    for (source, destination), verdict in ways.items():
        if (destination, source) not in ways:
            element = f"{destination} . {source} : {verdict}"
            yield f"with element {element}", rule.replace("vmap {", f"vmap {{ {element},", 1)


def matches(tokens: list[str]) -> list[tuple[int, int]]:
    """Find the matches of a rule, as (first, behind the last) token."""
    found = []
    place = 0
    while place < len(tokens):
        if tokens[place] in _LAST:
            break
        end = _limit(tokens, place) or _match(tokens, place)
        if end is None:
            break
        if end > place + 1:
            found.append((place, end))
        place = end
    return found


def _limit(tokens: list[str], place: int) -> int | None:
    if tokens[place] != "limit":
        return None
    end = place + 1
    while end < len(tokens) and (
        tokens[end] in ("rate", "over", "burst", "packets", "name") or tokens[end][0] in '0123456789"'
    ):
        end += 1
    return end


def _match(tokens: list[str], place: int) -> int | None:
    """Find the end of the match or the word that begins here; None when only statements follow."""
    end = _selector(tokens, place)
    if end is None:
        return place + 1
    while end < len(tokens) and tokens[end] == ".":
        end = _selector(tokens, end + 1) or len(tokens)
    if end >= len(tokens) or tokens[end] in ("set", "vmap", "map"):
        return None
    if tokens[end] == "&":
        end += 2
    if end < len(tokens) and tokens[end] in _COMPARISONS:
        end += 1
    end += 1
    while end < len(tokens) and (tokens[end] in ("|", "/", ".") or tokens[end - 1].endswith(",")):
        end += 1 if tokens[end - 1].endswith(",") else 2
    return min(end, len(tokens))


def _selector(tokens: list[str], place: int) -> int | None:
    word = tokens[place] if place < len(tokens) else ""
    if word in _ONE:
        return place + 1
    if word == "ct" and tokens[place + 1 : place + 2] in (["original"], ["reply"]):
        return place + (4 if tokens[place + 2] in ("ip", "ip6") else 3)
    if word in _TWO:
        return place + 2
    if word == "fib":
        return next(
            (
                at + 1
                for at in range(place + 1, len(tokens))
                if tokens[at] in ("type", "oif", "oifname") and tokens[at - 1] != "."
            ),
            None,
        )
    return None
