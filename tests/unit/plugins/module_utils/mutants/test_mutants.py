# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants of rules, and the arguments for those that no packet can tell."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.mutants.mutants import Mutant, mutants
from ansible_collections.ftfw.pair.plugins.module_utils.mutants.reasons import REASONS, reason_for

HEAD = "table inet t {\n    chain forward {\n        type filter hook forward priority 0; policy drop;\n"
TAIL = "    }\n}\n"


def made(rule: str) -> list[str]:
    """The rules that one rule becomes; an empty one where it is removed."""
    found = []
    for mutant in mutants(f"{HEAD}        {rule}\n{TAIL}"):
        if mutant.change != "policy accept" and " element " not in mutant.change:
            found.append(mutant.text.splitlines()[3].strip())
    return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("accept", [""]),
        ('iifname "a" drop', ["", "drop"]),
        ('iifname != { "a", "b" } drop', ["", "drop"]),
        (
            'iifname "a" tcp dport { 1, 2-3 } accept',
            ["", "tcp dport { 1, 2-3 } accept", 'iifname "a" meta l4proto tcp accept'],
        ),
        (
            "tcp flags & (fin | syn) == syn ct state new accept",
            ["", "meta l4proto tcp ct state new accept", "tcp flags & (fin | syn) == syn accept"],
        ),
        ("ct state established,related accept", ["", "accept"]),
        ("ct state established, related accept", ["", "accept"]),
        (
            "icmp type echo-request limit rate over 1/second burst 3 packets drop",
            [
                "",
                "meta l4proto icmp limit rate over 1/second burst 3 packets drop",
                "icmp type echo-request drop",
            ],
        ),
        ("icmpv6 type echo-request accept", ["", "meta l4proto ipv6-icmp accept"]),
        ("meta l4proto . th dport @ports accept", ["", "accept"]),
        ("ip saddr . ip daddr @pairs counter accept", ["", "counter accept"]),
        ("fib daddr type != { local, broadcast } drop", ["", "drop"]),
        ("fib saddr . iif oif missing drop", ["", "drop"]),
        ('tcp dport 21 ct helper set "ftp"', ["", 'meta l4proto tcp ct helper set "ftp"']),
        ('ct helper "ftp" accept', ["", "accept"]),
        ("meta mark set 1", [""]),
        ("ct original ip daddr 192.0.2.1 accept", ["", "accept"]),
        ("ct reply proto-src 80 accept", ["", "accept"]),
        ("tcp dport vmap { 80: accept }", [""]),
        ("ip saddr 192.0.2.0/24 snat ip to 192.0.2.9", ["", "snat ip to 192.0.2.9"]),
        ("dnat ip to ip daddr . th dport map @forwards", [""]),
        ('meta hour "08:00"-"17:00" accept', ["", "accept"]),
        ('log prefix "tcp dport 22" accept', [""]),
        ("meta l4proto tcp accept", ["", "accept"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rules(rule: str, expected: list[str]) -> None:
    assert made(rule) == expected


def changed(text: str) -> dict[str, str]:
    """What happens to elements, with the line that it happens on."""
    found = mutants(text)
    return {
        one.change: " ".join(one.text.splitlines()[one.line - 1].split())
        for one in found
        if " element " in one.change
    }


def test_elements_of_a_rule() -> None:
    assert changed(f"{HEAD}        tcp dport {{ 1, 2-3 }} accept\n{TAIL}") == {
        "without element 1": "tcp dport { 2-3 } accept",
        "without element 2-3": "tcp dport { 1 } accept",
    }


def test_elements_on_several_lines() -> None:
    text = f"{HEAD}        tcp dport {{\n            1, 2,\n            3\n        }} accept\n{TAIL}"
    found = list(mutants(text))
    assert [mutant.line for mutant in found if mutant.change == "removed"] == [4]
    assert changed(text)["without element 3"] == "tcp dport { 1, 2 } accept"


def test_elements_of_a_named_set() -> None:
    text = "table inet t {\n    set s {\n        type ipv4_addr\n        elements = {\n"
    text += "            192.0.2.1,\n            192.0.2.9\n        }\n    }\n}\n"
    assert changed(text) == {
        "without element 192.0.2.1": "elements = { 192.0.2.9 }",
        "without element 192.0.2.9": "elements = { 192.0.2.1 }",
    }


def test_of_many_elements_some_are_taken() -> None:
    numbers = ", ".join(map(str, range(1, 1001)))
    found = changed(f"{HEAD}        tcp dport {{ {numbers} }} accept\n{TAIL}")
    assert len(found) == 32
    assert "without element 1000" in found


def test_a_way_is_added() -> None:
    rule = 'iifname . oifname vmap { "a" . "b" : jump a_to_b }'
    [(change, line)] = changed(f"{HEAD}        {rule}\n{TAIL}").items()
    assert change == 'with element "b" . "a" : jump a_to_b'
    assert line == 'iifname . oifname vmap { "b" . "a" : jump a_to_b, "a" . "b" : jump a_to_b }'


def test_a_policy_is_lost() -> None:
    [policy] = mutants(HEAD + TAIL)
    assert (policy.chain, policy.change) == ("forward", "policy accept")
    assert "policy accept;" in policy.text


def test_comments_sets_and_helpers_stay() -> None:
    text = 'table inet t {\n    ct helper f {\n        type "ftp" protocol tcp\n    }\n'
    text += "    set s {\n        type inet_service\n    }\n"
    assert list(mutants(text + "    # tcp dport 1 accept\n}\n")) == []


def test_a_rule_on_two_lines_is_one() -> None:
    assert made("tcp dport 21 \\\n            accept") == ["", "meta l4proto tcp accept"]


def test_line_and_chain_are_told() -> None:
    removed = [mutant for mutant in mutants(f"{HEAD}        accept\n{TAIL}") if mutant.change == "removed"]
    assert [str(mutant) for mutant in removed] == ["forward, line 4: removed: accept"]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.because[:40])
def test_each_reason_is_an_argument(reason: object) -> None:
    assert len(reason.because.split()) > 5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("chain", "change", "rule", "has"),
    [
        ("forward", "removed", "ct state established accept", False),
        ("forward", "without ct state new", "tcp dport 22 ct state new accept", True),
        ("inside_to_outside", "without ct state new", "udp dport 53 ct state new accept", True),
        ("input", "without ct state new", "tcp dport 22 ct state new accept", False),
        ("prerouting", "removed", "meta l4proto tcp ct event set new", True),
        ("forward", "without tcp dport 22", "tcp dport 22 ct state new accept", False),
    ],
)
def test_reasons(chain: str, change: str, rule: str, has: bool) -> None:
    assert bool(reason_for(Mutant(chain, 1, rule, change, ""))) is has
