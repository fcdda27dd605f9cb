# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft says that the kernel has."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import (
    ListingError,
    counters_of,
    elements_of,
    is_owned,
    parse_listing,
    stable,
    tables_of,
)
from ansible_collections.ftfw.pair.tests.unit.plugins.module_utils.nft.test_plan import LISTED as TERSE


def test_a_listing_is_read_by_its_blocks() -> None:
    found = {item.key: item for item in parse_listing(TERSE)}
    assert list(found) == [
        ("", 'comment "ours"'),
        ("ct helper", "ftp-std"),
        ("counter", "passed"),
        ("set", "blocked"),
        ("set", "gate"),
        ("chain", "inside"),
        ("chain", "forward"),
    ]
    assert found["set", "gate"].keeps_elements
    assert not found["set", "blocked"].keeps_elements
    assert found["chain", "forward"].definition == ("type filter hook forward priority filter",)
    assert found["chain", "inside"].definition == ()


@pytest.mark.parametrize(
    ("kind", "lines", "kept"),
    [
        pytest.param("set", ["flags timeout"], True, id="timeout"),
        pytest.param("set", ["timeout 1h"], True, id="default-timeout-of-1.0"),
        pytest.param("set", ["flags timeout", "timeout 1h"], True, id="default-timeout-with-the-flag"),
        pytest.param("set", ["flags interval,timeout", "timeout 1h"], True, id="interval"),
        pytest.param("set", ["size 100", "flags dynamic"], True, id="dynamic"),
        pytest.param("map", ["timeout 1h", "gc-interval 10s"], True, id="map"),
        pytest.param("set", ["flags interval", "auto-merge"], False, id="static"),
        pytest.param("set", ["counter"], False, id="counted"),
        pytest.param("set", ["flags constant", 'comment "timeout 1h"'], False, id="comment"),
        pytest.param("ct expectation", ["timeout 1m"], False, id="object"),
    ],
)
def test_elements_of_the_run_time(kind: str, lines: list[str], kept: bool) -> None:
    text = "".join(f"\t\t{line}\n" for line in ["type ipv4_addr", *lines])
    (found,) = parse_listing(f"table inet ftfw {{\n\t{kind} bans {{\n{text}\t}}\n}}\n")
    assert found.keeps_elements is kept


def test_a_listing_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(ListingError, match="strange"):
        parse_listing("table inet ftfw {\nstrange\n}\n")


ELEMENTS = """\
\t\telements = { 10.0.0.1 expires 5s,
\t\t\t     10.0.0.2 expires 6s }
"""
LISTED = f"""\
table inet ftfw {{
\tset seen {{
\t\ttype ipv4_addr
\t\tflags dynamic,timeout
\t\ttimeout 1m
{ELEMENTS}\t}}

\tset fixed {{
\t\ttype ipv4_addr
\t\telements = {{ 10.0.0.7, 10.0.0.8 }}
\t}}

\tchain input {{
\t\ttcp dport {{ 22, 80 }} accept
\t}}
}}
"""


def test_elements_of_dynamic_sets_are_left_out_and_no_others() -> None:
    kept = {
        line.removeprefix("\t\t") for line in LISTED.replace(ELEMENTS, "").splitlines() if line[:2] == "\t\t"
    }
    assert set(stable(LISTED).splitlines()) == kept | {"set seen", "set fixed", "chain input", ""}
    assert stable(LISTED) == stable(LISTED.replace("10.0.0.2 expires 6s", "10.0.0.3"))
    assert stable(LISTED) != stable(LISTED.replace("10.0.0.8", "10.0.0.9"))
    assert stable(LISTED) != stable(LISTED.replace("22, 80", "22, 81"))


def test_the_order_in_which_things_were_made_is_no_difference() -> None:
    head, body = LISTED.split("\n", 1)
    seen, fixed, chain = body.removesuffix("\n}\n").split("\n\n")
    other = f"{head}\n{fixed}\n\n{chain}\n\n{seen}\n}}\n"
    assert stable(other) == stable(LISTED)


def test_json_is_read_by_kinds() -> None:
    document = {
        "nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"table": {"family": "inet", "name": "ftfw", "handle": 1}},
            {"counter": {"family": "inet", "name": "probed", "packets": 7, "bytes": 420}},
            {"set": {"name": "fixed", "elem": ["10.0.0.7", {"range": ["10.0.0.8", "10.0.0.9"]}]}},
            {"map": {"name": "empty"}},
        ]
    }
    text = json.dumps(document)
    assert tables_of(text) == [("inet", "ftfw")]
    assert counters_of(text) == {"probed": (7, 420)}
    assert elements_of(text) == {
        "fixed": frozenset({'"10.0.0.7"', '{"range": ["10.0.0.8", "10.0.0.9"]}'}),
        "empty": frozenset(),
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nftables": 1}', "no such table"])
def test_json_that_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(ListingError):
        counters_of(text)


@pytest.mark.parametrize(
    ("lines", "owned"),
    [
        ("\tflags owner\n", True),
        ("\tflags dormant,owner\n", True),
        ("\tflags dormant\n", False),
        ('\tcomment "flags owner"\n', False),
        ("\tchain a {\n\t\tflags owner\n\t}\n", False),
        ("", False),
    ],
)
def test_a_table_that_a_program_owns(lines: str, owned: bool) -> None:
    assert is_owned(f"table ip x {{ # progname nft\n{lines}}}\n") is owned
