# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ruleset with one mistake: each rule removed, or without one of its matches, and each drop policy lost.

Works on the text, line by line, for tables as the policy compiler writes them and as nft lists them. A match
that is not known here stays; a mutant that nft refuses is skipped by whoever loads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# nft(8): what a match begins with, and of how many words its selector is
_ONE = ("iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "pkttype")
_TWO = ("meta", "ip", "ip6", "tcp", "udp", "th", "icmp", "icmpv6", "ct", "ether", "socket", "rt")
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
    "icmp": "meta l4proto icmp",
    "icmpv6": "meta l4proto ipv6-icmp",
}
"""What such a match says beside its value; a rule for a port becomes one for the protocol."""
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
_TOKEN = re.compile(r'"[^"]*"(?:-"[^"]*")?|\{[^}]*\}|\([^)]*\)|[^\s]+')
_CHAIN = re.compile(r"\s*chain (\S+) \{")
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
    lines = re.sub(r"\\\n\s*", "", ruleset).splitlines()
    chain = ""
    for index, line in enumerate(lines):
        begun = _CHAIN.match(line)
        if begun:
            chain = begun[1]
            continue
        rule = line.strip()
        if rule == "}":
            chain = ""
        if not chain or not rule or rule.startswith(("#", "}")):
            continue
        for change, changed in _changes(rule):
            text = "\n".join([*lines[:index], changed, *lines[index + 1 :], ""])
            yield Mutant(chain, index + 1, rule, change, text)


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
