# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text needs for its flowtables, and the text without them."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.flowtables import devices, without_flowtables

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
        ("chain y { type filter hook ingress device eth2 priority 0; }", ("eth2",)),
        ("flowtable f { hook ingress priority 0; devices = { a0 , b0 }; }", ("a0", "b0")),
        ("flowtable f { hook ingress priority 0; devices = $mine; }", ()),
    ],
)
def test_devices(text: str, named: tuple[str, ...]) -> None:
    assert devices(text) == named
