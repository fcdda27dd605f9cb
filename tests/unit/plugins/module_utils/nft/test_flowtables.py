# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text needs for its flowtables, and the text without them."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.reader import Reader
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read, without_flowtables

ADD = "flow add @fastpath "
TEXT = """table inet ftfw {
    counter offloaded {}
    flowtable fastpath {
        hook ingress priority filter
        devices = { eth0, "eth1" }
    }

    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established flow add @fastpath counter name "offloaded"
        ct state established flow add @fastpath accept
    }
}
"""


def test_the_rules_stay_and_keep_their_lines() -> None:
    plain = without_flowtables(TEXT).splitlines()
    lines = TEXT.splitlines()
    assert len(plain) == len(lines)
    assert [line for line in plain if line] == [
        *lines[:2],
        *lines[7:9],
        lines[10].replace(ADD, ""),
        *lines[11:],
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (TEXT, ("eth0", "eth1")),
        ("table inet x { chain y { type filter hook forward priority 0; iifname eth0 accept; } }", ()),
        ("table inet x { chain y { type filter hook ingress device eth2 priority 0; }; }", ("eth2",)),
        ("table inet x { flowtable f { hook ingress priority 0; devices = { a0 , b0 }; }; }", ("a0", "b0")),
        ("table inet x { flowtable f { hook ingress priority 0; devices = $mine; }; }", ()),
        (
            'table inet x { chain y { type filter hook ingress devices = { "a0", b0 } priority 0; }; }',
            ("a0", "b0"),
        ),
    ],
)
def test_devices(text: str, named: tuple[str, ...]) -> None:
    table = "ftfw" if text == TEXT else "x"
    assert read(text, "inet", table).contents.needed_devices() == named


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("ct state established flow add @f", ""),
        ("iifname { a,\n b } oifname { c } flow add @f counter", "\n"),
        ("flow add @f; accept", "; accept"),
        ("ip daddr 192.0.2.1 flow add @f counter packets 1 bytes 2 accept", None),
        ("tcp dport { 1, 2 } flow add @f accept", "        tcp dport { 1, 2 } accept"),
        ("# flow add @f", "        # flow add @f"),
        ('iifname "flow add @f" accept', '        iifname "flow add @f" accept'),
    ],
)
def test_a_rule_without_its_flowtable(rule: str, left: str | None) -> None:
    text = f"table inet x {{\n    chain y {{\n        {rule}\n    }}\n}}\n"
    wanted = f"        {rule.replace('flow add @f ', '')}" if left is None else left
    assert without_flowtables(text) == f"table inet x {{\n    chain y {{\n{wanted}\n    }}\n}}\n"


def test_a_text_of_several_tables_and_one_that_can_not_be_read() -> None:
    several = f"flush ruleset\n{TEXT}table ip other {{ }}\n"
    assert without_flowtables(several) == f"flush ruleset\n{without_flowtables(TEXT)}table ip other {{ }}\n"
    assert without_flowtables(f"{TEXT}}}") == f"{TEXT}}}"


def test_what_a_reader_knows_of_sets_counters_and_helpers() -> None:
    reader = Reader(
        """table inet x {
            set a { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.1 timeout 1h }; }
            set b { type ipv4_addr
                timeout 1h
            }
            map c { type ipv4_addr : verdict; flags dynamic,timeout; }
            set d { type ipv4_addr; comment "flags timeout"; elements = $mine; }
            counter "e" { packets 1 bytes 2 }
            ct helper f { type "ftp" protocol tcp; l3proto ip; }
        }""",
        ("table", "inet", "x"),
    )
    reader.run()
    assert reader.sets == {"a": ("set", True), "b": ("set", True), "c": ("map", True), "d": ("set", False)}
    assert reader.counters == ["e"] and reader.helpers == {"f": ("ftp", "tcp")}
    assert [one.name for one in reader.lists] == ["a", "d"]
