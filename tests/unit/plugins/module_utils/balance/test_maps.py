# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps and sets in nft's words, and as nft lists them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import (
    cover,
    member,
    read_map,
    read_set,
    replace_map,
    replace_set,
    split_member,
)


def listing(kind: str, **more: Any) -> str:
    head = {"metainfo": {"version": "1.0.6"}}
    return json.dumps({"nftables": [head, {kind: {"family": "inet", "name": "x", "table": "ftfw", **more}}]})


def test_what_nft_is_given() -> None:
    assert replace_map("ftfw", "m", ["192.0.2.1", "192.0.2.2"]) == (
        "flush map inet ftfw m\nadd element inet ftfw m { 0 : 192.0.2.1, 1 : 192.0.2.2 }\n"
    )
    assert replace_map("ftfw", "m", []) == "flush map inet ftfw m\n"
    assert replace_set("ftfw", "s", {"b", "a"}) == "flush set inet ftfw s\nadd element inet ftfw s { a, b }\n"


def test_what_nft_lists() -> None:
    assert read_map(listing("map", elem=[[1, "2001:db8::2"], [0, "2001:db8::1"]])) == [
        "2001:db8::1",
        "2001:db8::2",
    ]
    assert read_map(listing("map")) == [] and read_set(listing("set")) == frozenset()
    timed = {"elem": {"val": "192.0.2.1", "timeout": 60, "expires": 59}}
    assert read_set(listing("set", elem=[timed, "192.0.2.2"])) == {"192.0.2.1", "192.0.2.2"}


def test_members_with_ports() -> None:
    """nft lists the two parts of such an element apart."""
    assert member("192.0.2.1", None) == "192.0.2.1" and split_member("192.0.2.1") == ("192.0.2.1", "")
    both = member("2001:db8::1", 8080)
    assert both == "2001:db8::1 . 8080" and split_member(both) == ("2001:db8::1", "8080")
    assert read_map(listing("map", elem=[[0, {"concat": ["2001:db8::1", 8080]}]])) == [both]
    timed = {"elem": {"val": {"concat": ["2001:db8::1", 8080]}, "timeout": 60, "expires": 59}}
    assert read_set(listing("set", elem=[timed])) == {both}


@pytest.mark.parametrize(
    ("addresses", "slots", "expected"),
    [
        (["a", "b"], 0, ["a", "b"]),
        (["a", "b"], 2, ["a", "b"]),
        (["a", "b"], 1, ["a", "b"]),
        (["a"], 2, ["a", "a"]),
        (["a", "b"], 5, ["a", "b", "a", "b", "a"]),
        ([], 3, []),
    ],
)
def test_no_slot_is_left_empty(addresses: list[str], slots: int, expected: list[str]) -> None:
    assert cover(addresses, slots) == expected
