# SPDX-License-Identifier: GPL-3.0-or-later
"""What names of addresses mean: lists, names of names, hosts, and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.lists import wider_lists
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import elements, merge, parse_prefix
from hypothesis import given
from hypothesis import strategies as st

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]


def members(site: Site, name: str) -> list[str]:
    return [text for family in (4, 6) for text in elements(site.addresses[name].of_family(family), family)]


LISTS: dict[str, tuple[dict[str, object], list[str]]] = {
    "nothing yet": ({"x": []}, []),
    "literals of both families": (
        {"x": ["2001:db8::/32", "10.0.0.0/8", "192.0.2.1"]},
        ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"],
    ),
    "overlapping": ({"x": ["10.0.0.0/8", "10.1.0.0/16"]}, ["10.0.0.0/8"]),
    "names of others": (
        {"x": ["a", "b", "192.0.2.1"], "a": ["10.0.0.1"], "b": ["a", "10.0.0.4"]},
        ["10.0.0.1", "10.0.0.4", "192.0.2.1"],
    ),
    "a node, without its management address": ({"x": ["client"]}, ["192.168.2.3"]),
    "a hypervisor, by its grounded bridge": ({"x": ["omarine"]}, ["192.168.0.3"]),
    "a firewall, without its replication address": ({"x": ["fw-1"]}, ["192.168.0.1", "192.168.2.1"]),
}


def test_what_looks_like_an_address_is_one_and_no_host(changed: Change) -> None:
    hostvars = changed({"all:site_addresses": {"x": ["192.0.2.1"]}})
    shared = {key: value for key, value in hostvars["client"].items() if key.startswith("site_")}
    assert members(load_site({**hostvars, "192.0.2.1": shared}), "x") == ["192.0.2.1"]


@pytest.mark.parametrize(("addresses", "expected"), LISTS.values(), ids=LISTS)
def test_lists(changed: Change, addresses: dict[str, object], expected: list[str]) -> None:
    assert members(load_site(changed({"all:site_addresses": addresses})), "x") == expected


def from_file(changed: Change, text: str) -> Site:
    hostvars = changed({"all:site_addresses": {"x": {"file": "lists/x.txt"}}})
    return load_site(hostvars, read_file={"lists/x.txt": text}.__getitem__)


def test_a_file(changed: Change) -> None:
    site = from_file(changed, "# a list\n\n10.0.0.0/24\n\t2001:db8::/32 # documentation\r\n10.0.1.0/24")
    assert members(site, "x") == ["10.0.0.0/23", "2001:db8::/32"]
    assert site.warnings == ()


def test_overlapping_lines_are_counted(changed: Change) -> None:
    site = from_file(changed, "10.0.0.0/24\n10.0.0.7\n10.0.0.7\n2001:db8::1\n")
    assert members(site, "x") == ["10.0.0.0/24", "2001:db8::1"]
    assert site.warnings == (
        "all: site_addresses.x: {file: lists/x.txt}: 2 of its prefixes overlap others; they were merged",
    )


def test_bad_lines_have_their_numbers(changed: Change) -> None:
    with pytest.raises(SiteError) as raised:
        from_file(changed, "# a list\n10.0.0.0/8\n10.0.0.300\n10.0.0.1/8 # host bits\n")
    assert raised.value.problems.lines() == [
        "all: site_addresses.x: lists/x.txt line 3: 10.0.0.300: is no address or prefix; "
        "write one such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32",
        "all: site_addresses.x: lists/x.txt line 4: 10.0.0.1/8: has host bits set; "
        "write 10.0.0.0/8, or the address alone",
    ]


def test_a_file_of_something_else_gives_no_thousand_errors(changed: Change) -> None:
    with pytest.raises(SiteError) as raised:
        from_file(changed, "no prefix\n" * 1000)
    lines = raised.value.problems.lines()
    assert len(lines) == 11
    assert (
        lines[-1]
        == "all: site_addresses.x: lists/x.txt: 990 more of its lines are bad; write a prefix on each"
    )


def test_a_long_row_of_names_is_an_error(changed: Change) -> None:
    names = {f"n{i}": [f"n{i + 1}"] for i in range(2000)}
    with pytest.raises(SiteError, match="is nested more than 50 deep; name the addresses themselves"):
        load_site(changed({"all:site_addresses": {**names, "n2000": ["10.0.0.1"]}}))


def test_a_large_file(changed: Change) -> None:
    text = "\n".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 254}" for i in range(100_000))
    assert len(from_file(changed, text).addresses["x"].v4) == 50_000


def make(label: str, *prefixes: str) -> Addresses:
    parsed = [parse_prefix(prefix) for prefix in prefixes]
    v4, v6 = (merge(one for family, one in parsed if family == wanted)[0] for wanted in (4, 6))
    return Addresses(label, v4=v4, v6=v6)


WHOLE = make("whole", "10.0.0.0/8", "2001:db8::/32")
V4, V6 = make("v4", "10.0.0.0/8"), make("v6", "2001:db8:1::/48")
SOME = make("some", "10.1.0.0/16", "10.3.0.0/16")
ONE = make("one", "10.3.0.1")
LONG = make("long", *(f"10.3.{i}.{j}" for i in range(10) for j in range(1, 255, 2)))
NONE = make("none")


def test_wider_lists() -> None:
    found = wider_lists([WHOLE, ONE, V4, V6, SOME, LONG, NONE, ONE])
    assert {one.label: {wider.label for wider in lists} for one, lists in found.items()} == {
        "whole": {"whole"},
        "v4": {"v4", "whole"},
        "v6": {"v6", "whole"},
        "some": {"some", "v4", "whole"},
        "one": {"one", "some", "v4", "whole", "long"},
        "long": {"long", "some", "v4", "whole"},
        "none": {"none"},
    }


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4), max_size=6))
def test_wider_lists_are_those_with_all_addresses(lists: list[list[tuple[int, int]]]) -> None:
    known = {}
    for number, pairs in enumerate(lists):
        ranges = merge((min(pair), max(pair)) for pair in pairs)[0]
        one = Addresses(str(number), v4=ranges)
        known[one] = {address for first, last in ranges for address in range(first, last + 1)}
    for one, wider in wider_lists(known).items():
        expected = {other for other in known if other == one or (known[one] and known[one] <= known[other])}
        assert set(wider) == expected
        assert len(wider) == len(expected)
