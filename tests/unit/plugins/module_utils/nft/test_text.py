# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the elements of a table's text stand, and which texts are refused."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import TextError, read
from hypothesis import given
from hypothesis import strategies as st

TEXT = """\
# { not a block
define hosts = { 192.0.2.1, 192.0.2.2 }
table inet ftfw {
    comment "a } in a string"
    set static { type ipv4_addr; flags interval
        elements = {
            192.0.2.0/24,     # with a }, in a comment
            198.51.100.7 comment "x, y }",
        }
    }
    set other { type ipv4_addr; elements = $hosts; }
    map ways {
        type ifname : verdict; elements = { "eth0" : jump inside, "eth1" : drop }
    }
    chain inside { ip saddr { 1.2.3.4, 5.6.7.8 } accept; }
}
"""


def test_elements_are_found_and_counted() -> None:
    source = read(TEXT, "inet", "ftfw")
    assert [one.name for one in source.elements] == ["static", "other", "ways"]
    assert source.counts()["ways"] == 2
    assert source.digests()["other"] is None, "a variable's elements are not in the text of the set"
    assert source.listed()["ways"] == {'"eth0" : jump inside', '"eth1" : drop'}


def test_a_text_without_elements_keeps_its_lines() -> None:
    source = read(TEXT, "inet", "ftfw")
    without = source.without({"static", "other", "ways"})
    assert without.count("\n") == TEXT.count("\n")
    assert "elements" not in without and "198.51.100.7" not in without
    assert "ip saddr { 1.2.3.4, 5.6.7.8 } accept" in without
    assert [one.name for one in read(source.without({"static"}), "inet", "ftfw").elements] == [
        "other",
        "ways",
    ]


def test_digests_tell_elements_apart_and_not_white_space() -> None:
    def digest(elements: str) -> str | None:
        text = f"table inet ftfw {{\n set s {{ type ipv4_addr; elements = {{{elements}}}\n }}\n}}\n"
        return read(text, "inet", "ftfw").digests()["s"]

    assert digest("192.0.2.1, 192.0.2.2") == digest("\n 192.0.2.1,\n\t192.0.2.2 ")
    assert digest("192.0.2.1, 192.0.2.2") != digest("192.0.2.1, 192.0.2.3")
    assert digest("192.0.2.1, $more") is None


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=50, unique=True))
def test_what_is_listed_is_what_is_written(addresses: list[object]) -> None:
    listed = ", ".join(map(str, addresses))
    text = f"table inet ftfw {{\n set s {{\n type ipv4_addr\n elements = {{ {listed} }}\n }}\n}}\n"
    source = read(text, "inet", "ftfw")
    assert source.counts() == {"s": len(addresses)}
    assert source.listed() == {"s": set(map(str, addresses))}
    assert listed not in source.without({"s"})


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("", 0, "there is no table in the text; write table inet ftfw", id="empty"),
        pytest.param("table ip x {\n}\n", 1, "'table ip x' is not ours; only table inet ftfw", id="foreign"),
        pytest.param(
            "table inet ftfw {\n}\nflush ruleset\n", 3, "'flush ruleset' stands outside", id="flush"
        ),
        pytest.param("\nadd rule ip x y accept", 2, "'add rule ip x y accept' stands outside", id="rule"),
        pytest.param("table inet ftfw {\n chain x {\n", 3, "a { is not closed", id="open"),
        pytest.param("table inet ftfw {\n}\n}\n", 3, "a } that closes nothing", id="closed-twice"),
        pytest.param(
            "table inet ftfw {\n set s {\n elements = { 1, 2\n }\n}\n", 6, "not closed", id="open-elements"
        ),
        pytest.param('table inet ftfw {\n comment "x\n}\n', 2, "a string does not end", id="string"),
        pytest.param('table inet ftfw {\n include "x"\n}\n', 2, "include is not followed", id="include"),
    ],
)
def test_a_text_that_does_more_than_one_table_is_refused(text: str, line: int, reason: str) -> None:
    with pytest.raises(TextError, match=r".") as raised:
        read(text, "inet", "ftfw")
    assert reason in str(raised.value)
    assert raised.value.line == line
