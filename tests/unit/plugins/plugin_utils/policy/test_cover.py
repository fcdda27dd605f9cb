# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that are never reached: found, named, and only those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.cover import find_covered
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    Addresses,
    Condition,
    PolicyEntry,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.spans import Decided
from hypothesis import given
from hypothesis import strategies as st

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
OUT = {"from": "inside", "to": "outside"}
ADDRESSES = {"all": ["10.0.0.0/8"], "some": ["10.1.0.0/16", "10.2.0.0/16"], "none": []}
NIGHT = {"from": "22:00", "to": "06:00"}


def warnings(changed: Change, *entries: dict[str, object], **variables: object) -> list[str]:
    changes: dict[str, object] = {
        "all:site_addresses": ADDRESSES,
        "all:site_probes": None,
        "all:site_services": {"high": {"tcp": ["1024-65535"]}, "low": {"tcp": ["1-1023"]}},
        "all:site_policy": [{**OUT, **entry} for entry in entries],
        **{f"all:{key}": value for key, value in variables.items()},
    }
    # the lab's firewalls have no way to these addresses, which is told elsewhere
    return [line for line in load_site(changed(changes)).warnings if "have no way there" not in line]


Entry = dict[str, object]
SSH: Entry = {"services": ["ssh"]}
COVERED: dict[str, tuple[list[Entry], str]] = {
    "by the same": ([SSH, SSH], "site_policy[0] covers"),
    "by any service": ([{"services": "any"}, {"services": ["ssh", "ping"]}], "site_policy[0] covers"),
    "by any address": ([SSH, {**SSH, "sources": ["some"], "action": "drop"}], "site_policy[0] covers"),
    "by a wider list": (
        [{**SSH, "sources": ["all"]}, {**SSH, "sources": ["some"]}],
        "site_policy[0] covers",
    ),
    "by a wider prefix": (
        [{**SSH, "destinations": ["10.0.0.0/8"]}, {**SSH, "destinations": ["10.9.9.9"], "sources": ["some"]}],
        "site_policy[0] covers",
    ),
    "by a wider range of ports": (
        [{"services": ["high"]}, {"services": ["mysql"], "action": "reject"}],
        "site_policy[0] covers",
    ),
    "by two together": (
        [
            {"services": ["high"]},
            {"services": ["low"], "sources": ["all"]},
            {"services": ["ssh", "mysql"], "sources": ["some"]},
        ],
        "site_policy[0] and site_policy[1] cover",
    ),
    "by many together": (
        [{"services": [name], "counter": True} for name in ("ssh", "smtp", "http", "https", "imap")]
        + [{"services": ["https", "ssh", "smtp", "http"]}],
        "site_policy[0], site_policy[1], site_policy[2] and 1 more cover",
    ),
    "by an entry without a time": ([SSH, {**SSH, "time": NIGHT, "action": "drop"}], "site_policy[0] covers"),
    "at the same time": ([{**SSH, "time": NIGHT}, {**SSH, "time": NIGHT}], "site_policy[0] covers"),
    "by an entry with a limit": (
        [{**SSH, "limit": "5/minute"}, {**SSH, "action": "drop"}],
        "site_policy[0] covers",
    ),
    "of one of its networks": (
        [{**SSH, "from": ["inside", "outside"], "to": ["inside", "outside"]}, {**SSH, "action": "drop"}],
        "site_policy[0] covers",
    ),
}


@pytest.mark.parametrize(("entries", "why"), COVERED.values(), ids=COVERED)
def test_covered(changed: Change, entries: list[Entry], why: str) -> None:
    last = len(entries) - 1
    found = warnings(changed, *entries)
    assert len(found) == 1
    assert found[0].startswith(f"all: site_policy[{last}]: inside to outside: ")
    assert found[0].endswith(f": is never reached, because {why} it; move it up, or leave it out")


REACHED: dict[str, list[Entry]] = {
    "another service": [SSH, {"services": ["http"]}],
    "one service more": [SSH, {"services": ["ssh", "http"]}],
    "any after some": [SSH, {"services": "any", "action": "drop"}],
    "the other protocol": [{"services": ["kerberos"]}, {"services": ["quic"]}],
    "a narrower list before": [{**SSH, "sources": ["some"]}, {**SSH, "sources": ["all"]}],
    "one list of two": [
        {**SSH, "sources": ["some"], "destinations": ["10.0.0.1"]},
        {**SSH, "sources": ["some"], "destinations": ["10.0.0.2"]},
    ],
    "before the end of a time": [{**SSH, "time": NIGHT}, {**SSH, "action": "drop"}],
    "the other way": [SSH, {**SSH, "from": "outside", "to": "inside"}],
    "one way more": [SSH, {**SSH, "from": ["inside", "outside"], "to": ["inside", "outside"]}],
}


@pytest.mark.parametrize("entries", REACHED.values(), ids=REACHED)
def test_reached(changed: Change, entries: list[Entry]) -> None:
    assert warnings(changed, *entries) == []


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (
            [{**SSH, "action": "reject"}, {"services": ["ntp", "ssh"]}],
            "ssh: is never reached, because site_policy[0] covers it; move it up, or leave it out",
        ),
        (
            [{"services": ["low"]}, {"services": ["ssh", "rdp", "smtp"], "action": "drop"}],
            "ssh, smtp: are never reached, because site_policy[0] covers them; move it up, or leave it out",
        ),
    ],
)
def test_services_of_an_entry_that_earlier_ones_decide_otherwise(
    changed: Change, entries: list[Entry], told: str
) -> None:
    found = warnings(changed, *entries)
    assert len(found) == 1
    assert found[0] == f"all: site_policy[1]: inside to outside: {told}"


def test_one_way_more_for_a_service(changed: Change) -> None:
    """What is decided on one way only is reached on the other one."""
    both = {"from": ["inside", "outside"], "to": ["inside", "outside"]}
    assert warnings(changed, {**SSH, "action": "drop"}, {**both, "services": ["ssh", "ntp"]}) == []


def test_an_entry_without_addresses_is_told(changed: Change) -> None:
    assert warnings(changed, {**SSH, "sources": ["none"]}) == [
        "all: site_policy[0].sources: none: has no address, so that the entry matches nothing; "
        "add one, or leave the entry out"
    ]


def test_a_port_forward_that_is_shut_is_told(changed: Change) -> None:
    forward = {"to": "outside", "service": "http", "host": "client"}
    drop = {"from": "outside", "to": "inside", "services": "any", "action": "drop"}
    assert warnings(changed, drop, site_port_forwards=[forward]) == [
        "all: site_port_forwards[0]: http: nothing comes through, because of site_policy[0], which comes "
        "before port forwards; accept it in an entry before that one"
    ]


SHUT = (
    "all: site_port_forwards[0]: http: nothing comes through, because of site_policy[0], which comes "
    "before port forwards; accept it in an entry before that one"
)


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        pytest.param(
            ["0.0.0.0/0", "::/0"],
            [
                "all: site_policy[0].sources: 0.0.0.0/0, ::/0: has every address, which is hardly meant; "
                "leave sources out if it is",
                SHUT,
            ],
            id="both-families",
        ),
        # IPv4 alone may be meant; the port forward is one of it
        pytest.param(["0.0.0.0/0"], [SHUT], id="its-own-family"),
        pytest.param(["10.0.0.0/8", "::/0"], [], id="the-other-family"),
        pytest.param(["0.0.0.0/1", "128.0.0.0/1"], [SHUT], id="halves"),
        pytest.param(["0.0.0.0/1"], [], id="half"),
    ],
)
def test_a_port_forward_that_all_addresses_are_kept_from_is_told(
    changed: Change, sources: list[str], told: list[str]
) -> None:
    forward = {"to": "outside", "service": "http", "host": "client"}
    drop: Entry = {"from": "outside", "to": "inside", "services": "any", "action": "drop", "sources": sources}
    assert sorted(warnings(changed, drop, site_port_forwards=[forward])) == sorted(told)


@pytest.mark.parametrize("action", ["drop", "accept"])
@pytest.mark.parametrize(("prefixes", "every"), [(["0.0.0.0/0"], 4), (["10.0.0.0/8", "::/0"], 6)])
def test_a_list_that_blocks_all_of_a_family_is_told(
    changed: Change, prefixes: list[str], every: int, action: str
) -> None:
    """As a feed of blocked addresses may have it one day; what is accepted of one family is."""
    entry = {**SSH, "action": action, "sources": ["feed"]}
    told = (
        f"all: site_policy[0].sources: feed: has every IPv{every} address, which is hardly meant; "
        "write the prefix into the entry if it is"
    )
    assert warnings(changed, entry, site_addresses={"feed": prefixes}) == [told] * (action == "drop")


def test_a_port_forward_that_is_shut_at_some_times_is_not_told(changed: Change) -> None:
    forward = {"to": "outside", "service": "http", "host": "client"}
    drop = {"from": "outside", "to": "inside", "services": "any", "action": "drop", "time": NIGHT}
    assert warnings(changed, drop, site_port_forwards=[forward]) == []


def test_a_port_forward_that_an_entry_accepts_is_not_told(changed: Change) -> None:
    forward = {"to": "outside", "service": "http", "host": "client"}
    back: Entry = {"from": "outside", "to": "inside"}
    entries = ({**back, "services": ["http"]}, {**back, "services": "any", "action": "drop"})
    assert warnings(changed, *entries, site_port_forwards=[forward]) == []


NARROW, OTHER = (Addresses(name, v4=((first, first),)) for name, first in (("narrow", 1), ("other", 2)))


@pytest.mark.parametrize("name", Condition._fields)
def test_an_entry_is_covered_by_one_that_asks_less(changed: Change, name: str) -> None:
    """Of each part of a condition, whatever its values are: of two that differ none covers the other."""
    site = load_site(changed({"all:site_policy": [{**OUT, **SSH}], "all:site_probes": None}))
    plain = site.policy[0]
    values = (NARROW, OTHER) if name in ("sources", "destinations") else ("one", "another")
    any_, one, another = (
        replace(plain, index=index, **{name: value}) for index, value in enumerate((None, *values))
    )
    same = replace(one, index=3)

    def covered(*entries: PolicyEntry) -> list[int]:
        return [found.entry.index for found in find_covered(replace(site, policy=entries))]

    assert covered(any_, one) == [1]
    assert covered(one, any_) == []
    assert covered(one, another) == covered(another, one) == []
    assert covered(one, another, same) == [3]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(SSH, {**SSH, "action": "drop"}, id="plain"),
        pytest.param({**SSH, "action": "reject"}, {**SSH, "action": "drop"}, id="both refuse"),
        pytest.param(
            {**SSH, "sources": ["10.0.0.2", "10.0.0.1"]},
            {**SSH, "sources": ["10.0.0.1", "10.0.0.2"], "action": "drop", "log": True},
            id="lists in another order",
        ),
        pytest.param(
            {"services": "any", "time": NIGHT}, {"services": "any", "time": NIGHT, "action": "drop"}, id="any"
        ),
    ],
)
def test_contradictions(changed: Change, first: Entry, second: Entry) -> None:
    with pytest.raises(SiteError, match=r"site_policy\[1\]: .*: site_policy\[0\] says .* about the same"):
        warnings(changed, first, second)


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (min(pair), max(pair))))


@given(SPANS, st.tuples(st.integers(0, 20), st.integers(0, 20)))
def test_the_first_span_decides(spans: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    decided, expected = Decided(), dict[int, int]()
    for index, (first, last) in enumerate(spans):
        decided.decide(first, last, index)
        for port in range(first, last + 1):
            expected.setdefault(port, index)
    first, last = min(asked), max(asked)
    left, deciders = decided.split(first, last)
    assert {port for begin, end in left for port in range(begin, end + 1)} == {
        port for port in range(first, last + 1) if port not in expected
    }
    assert deciders == {expected[port] for port in range(first, last + 1) if port in expected}
