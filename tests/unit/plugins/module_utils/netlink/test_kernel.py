# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel tells of rules and cards, asked or not: in a network namespace of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

NETLINK = "ansible_collections.ftfw.pair.plugins.module_utils.netlink"
RULE = "table inet ftfw { chain c { drop; }; }"


def tell(before: str, code: str, after: str = "true") -> Any:
    """Run code in a new namespace, with a shell command before it and one in its `after()`."""
    program = f"""
import json, select, subprocess, sys
sys.path[:0] = {sys.path!r}
from {NETLINK}.changes import Changes
from {NETLINK}.nftables import generation, has_rules, table_handle
from {NETLINK}.route import cards
def after():
    subprocess.run(["sh", "-c", {after!r}], check=True)
print(json.dumps({code}))
"""
    shell = ["unshare", "--net", "sh", "-c", f'{before}; exec "$0" -c "$1"', sys.executable, program]
    return json.loads(subprocess.run(shell, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize(
    ("rules", "there"),
    [
        pytest.param(RULE, True, id="there"),
        pytest.param("table inet other { chain c { drop; }; }", False, id="absent"),
        pytest.param("table ip ftfw { chain c { drop; }; }", False, id="of-another-family"),
        pytest.param("table inet ftfw { chain c { }; }", False, id="empty"),
        pytest.param("table inet ftfw2 { chain c { drop; }; }", False, id="of-a-longer-name"),
    ],
)
def test_has_rules(rules: str, there: bool) -> None:
    assert tell(f"nft '{rules}'", "has_rules('ftfw')") is there


@pytest.mark.parametrize(
    "command", ["nft flush ruleset", "nft delete table inet ftfw", "nft flush table inet ftfw"]
)
def test_the_kernel_tells_of_rules_that_go(command: str) -> None:
    code = "[c := Changes.of_rules(), after(), select.select([c], [], [], 2)[0] != [], c.drain()][2]"
    assert tell(f"nft '{RULE}'", f"[{code}, has_rules('ftfw')]", command) == [True, False]


def test_the_kernel_tells_of_a_card_that_is_made_anew() -> None:
    made = "ip link add eth0 address 12:34:56:78:9a:01 type veth peer name peer"
    up = "ip link set peer up; ip link set eth0 up; ip address add 192.168.0.1/24 dev eth0"
    six = "ip address add 2001:db8::1/64 dev eth0 nodad"
    anew = f"ip link delete eth0; {made}; {up}; {six}"
    cards = "[[k.index, k.mac, sorted(k.addresses)] for n, k in cards().items() if n == 'eth0'][0]"
    told = "(c.drain(), after(), select.select([c], [], [], 2)[0] != [])[2]"
    code = f"(lambda c: [{cards}, {told}, {cards}])(Changes.of_cards())"
    before, heard, now = tell(f"{made}; {up}; {six}", code, anew)
    assert heard
    assert before[0] != now[0]
    assert now[1] == "12:34:56:78:9a:01"
    assert {"192.168.0.1", "2001:db8::1"} <= set(now[2])


def test_an_address_that_is_checked_for_duplicates_is_not_there_yet() -> None:
    up = "ip link add eth0 type veth peer name peer; ip link set peer up; ip link set eth0 up"
    tentative = f"{up}; ip address add 2001:db8::1/64 dev eth0"
    assert "2001:db8::1" not in tell(tentative, "sorted(cards()['eth0'].addresses)")


def test_a_table_that_was_made_anew_is_another_and_each_transaction_counts() -> None:
    anew = f"nft delete table inet ftfw; nft '{RULE}'"
    code = "[table_handle('inet', 'ftfw'), generation(), after(), table_handle('inet', 'ftfw'), generation()]"
    before, first, _done, after, last = tell(f"nft '{RULE}'", code, anew)
    assert before and after
    assert before != after
    assert last == first + 2
    assert tell("true", "table_handle('inet', 'ftfw')") == 0
