# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's programs say, as the health check reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import parse_flow
from ansible_collections.ftfw.pair.plugins.module_utils.health import parse

CONFIG = """\
Sync {
    Mode FTFW {
        DisableExternalCache On
    }
    UDP Default {
        IPv4_address 192.168.100.100
        Interface eth2   # the first
    }
    UDP {
        Interface eth3
    }
}
General {
    Filter From Userspace {
        Protocol Accept {
            TCP
            IPv6-ICMP
        }
        Address Ignore {
            IPv4_address 127.0.0.1
            IPv6_address FD00::0001
            IPv6_address fe80::/10
        }
    }
}
"""
TCP = "tcp 6 1 ESTABLISHED src={0} dst=10.0.0.9 sport=1 dport=2 src={1} dst={0} sport=2 dport=1 mark=0 use=1"


def test_replication() -> None:
    found = parse.parse_replication(CONFIG)
    assert found.interfaces == ("eth2", "eth3")
    assert found.protocols == {"tcp", "icmpv6"}
    assert found.ignored == {"127.0.0.1", "fd00::1", "fe80::/10"}


@pytest.mark.parametrize(
    ("line", "replicated"),
    [
        pytest.param(TCP.format("10.0.0.1", "10.0.0.9"), True, id="through"),
        pytest.param(TCP.format("127.0.0.1", "10.0.0.9"), False, id="from-the-node"),
        pytest.param(TCP.format("10.0.0.1", "127.0.0.1"), False, id="to-the-node"),
        pytest.param(TCP.format("fd00::1", "fd00::9"), False, id="from-the-node-v6"),
        pytest.param(TCP.format("fe80::1", "fe80::9"), False, id="link-local"),
        pytest.param("udp 17 1 src=10.0.0.1 dst=10.0.0.9 sport=1 dport=2 use=1", False, id="protocol"),
        pytest.param(
            "icmpv6 58 1 src=fd00::5 dst=fd00::6 type=128 code=0 id=7 "
            "src=fd00::6 dst=fd00::5 type=129 code=0 id=7 use=1",
            True,
            id="other-name",
        ),
    ],
)
def test_what_is_replicated(line: str, replicated: bool) -> None:
    assert parse.parse_replication(CONFIG).replicates(parse_flow(line, "here")) is replicated


@pytest.mark.parametrize(
    ("line", "replicated", "lost"),
    [
        pytest.param(
            "unknown 50 1 src=10.0.0.1 dst=10.0.0.9 src=10.0.0.9 dst=10.0.0.1 use=1", True, False, id="esp"
        ),
        pytest.param(
            "unknown 51 1 src=fd00::5 dst=fd00::9 src=fd00::9 dst=fd00::5 use=1", True, False, id="ah-v6"
        ),
        pytest.param(
            "unknown 4 1 src=10.0.0.1 dst=10.0.0.9 src=10.0.0.9 dst=10.0.0.1 use=1", True, False, id="ipip"
        ),
        pytest.param(
            "unknown 89 1 src=10.0.0.1 dst=10.0.0.9 src=10.0.0.9 dst=10.0.0.1 use=1", False, False, id="ospf"
        ),
        pytest.param(
            "gre 47 1 src=10.0.0.1 dst=10.0.0.9 srckey=0x1 dstkey=0x2 src=10.0.0.9 dst=10.0.0.1 use=1",
            False,
            True,
            id="gre",
        ),
        pytest.param(
            "gre 47 1 src=127.0.0.1 dst=10.0.0.9 src=10.0.0.9 dst=127.0.0.1 use=1", False, False, id="own"
        ),
    ],
)
def test_protocols_without_ports(line: str, replicated: bool, lost: bool) -> None:
    config = CONFIG.replace("TCP", "TCP\n            esp\n            ah\n            ipencap")
    found, flow = parse.parse_replication(config), parse_flow(line, "here")
    assert (found.replicates(flow), found.loses(flow)) == (replicated, lost)


def test_without_a_filter_all_is_replicated() -> None:
    assert parse.parse_replication("").replicates(parse_flow(TCP.format("127.0.0.1", "10.0.0.9"), "here"))


STATE: dict[str, Any] = {
    "state": "MASTER",
    "groups": {"a": "MASTER", "b": "BACKUP"},
    "since": {"a": 5, "b": 9},
}
UNKNOWN = {"state": "UNKNOWN", "groups": {}, "since": None, "pending": None, "left": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            json.dumps({**STATE, "pending": "a", "more": 1}),
            {"state": "MASTER", "groups": STATE["groups"], "since": 5.0, "pending": "a", "left": None},
            id="of-two-groups",
        ),
        *(
            pytest.param(
                json.dumps({**STATE, "pending": pending, "deadline": deadline}),
                {**STATE, "since": 5.0, "pending": pending, "left": left},
                id=name,
            )
            for name, pending, deadline, left in (
                ("under-way", "a", 1062.54, 62.5),
                ("beyond-its-time", "a", 1000, None),
                ("failed", "a", None, None),
                ("over", None, 1062.5, None),
            )
        ),
        pytest.param("", UNKNOWN, id="absent"),
        pytest.param("[]", UNKNOWN, id="a-list"),
        pytest.param('{"state": "MASTER"}', UNKNOWN, id="keys-missing"),
    ],
)
def test_transitions(text: str, expected: dict[str, Any]) -> None:
    assert parse.parse_transitions(text, 1000.0) == expected


def test_units_and_those_that_were_not_told_of() -> None:
    text = "MainPID=12\nActiveState=active\n\nMainPID=0\nActiveState=failed\n"
    assert parse.parse_units(("a", "b", "c"), text) == {
        "a": {"active": True, "pid": 12},
        "b": {"active": False, "pid": 0},
        "c": {"active": False, "pid": 0},
    }


@pytest.mark.parametrize(
    ("state", "known"), [("not-found", ["a"]), ("masked", ["a", "b"]), ("loaded", ["a", "b"])]
)
def test_a_unit_that_the_site_leaves_out(state: str, known: list[str]) -> None:
    text = f"LoadState=loaded\nMainPID=12\nActiveState=active\n\nLoadState={state}\nActiveState=inactive\n"
    assert list(parse.parse_units(("a", "b"), text, {"b"})) == known
    assert list(parse.parse_units(("a", "b"), text)) == ["a", "b"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("FAILED:  commit\n", "FAILED: commit", id="text"),
        pytest.param([70, 255, 73], "F\ufffdI", id="bytes"),
    ],
)
def test_last_error(message: object, expected: str) -> None:
    entry = {
        "MESSAGE": message,
        "_SYSTEMD_UNIT": "pair-state.service",
        "__REALTIME_TIMESTAMP": "1795268060500000",
    }
    assert parse.parse_error(json.dumps(entry) + "\n") == {
        "time": 1795268060.5,
        "unit": "pair-state.service",
        "message": expected,
    }


@pytest.mark.parametrize("text", ["", "-- No entries --\n", '{"MESSAGE": null}\n'])
def test_no_error(text: str) -> None:
    assert parse.parse_error(text) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("Keepalived v2.2.7 (01/16,2022)\n", "2.2.7", id="keepalived"),
        pytest.param("nftables v1.0.6 (Lester Gooch #5)\n", "1.0.6", id="nft"),
        pytest.param("Connection tracking userspace daemon v1.4.7. Licensed\n", "1.4.7", id="conntrackd"),
        pytest.param("no version\n", None, id="none"),
    ],
)
def test_version(text: str, version: str | None) -> None:
    assert parse.parse_version(text) == version


RULES = """\
# The policy on fw-1
table inet ftfw {
    iifname "eth1" ip saddr 192.168.2.2 accept  # the peer
    ip daddr 192.168.2.20 drop
}
"""
OTHER = """\
# The policy on fw-2
table inet ftfw {
    iifname "lan0" ip saddr 192.168.2.1 accept

    ip daddr 192.168.2.20 drop
}
"""
NAMES = {"eth1": "inside", "192.168.2.1": "own inside 0", "192.168.2.2": "peer inside 4"}
OTHERS = {"lan0": "inside", "192.168.2.2": "own inside 0", "192.168.2.1": "peer inside 4"}


def test_nodes_with_other_names_have_the_same_policy() -> None:
    assert parse.normalised(RULES, NAMES) == parse.normalised(OTHER, OTHERS)
    assert "192.168.2.20" in parse.normalised(RULES, NAMES)
    assert parse.normalised(RULES, NAMES) != parse.normalised(OTHER.replace("drop", "accept"), OTHERS)
    assert parse.normalised(RULES, NAMES) != parse.normalised(OTHER.replace(".20", ".21"), OTHERS)


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        pytest.param(["12 (keepalived) S 1", "13 (a) b) T 12"], True, id="child-stopped"),
        pytest.param(["12 (keepalived) S 1", "13 (T) S 12"], False, id="named-so"),
        pytest.param([""], False, id="gone"),
    ],
)
def test_stopped(stats: list[str], expected: bool) -> None:
    assert parse.stopped(stats) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"cards": ["a"], "duplicates": ["b", 1, "c"]}', ["b", "c"], id="there"),
        pytest.param('{"cards": ["a"]}', [], id="of-an-earlier-version"),
        pytest.param('{"duplicates": "b"}', [], id="no-list"),
        pytest.param("[]", [], id="no-mapping"),
        pytest.param("{", [], id="cut-off"),
        pytest.param(None, [], id="no-file"),
    ],
)
def test_what_the_watch_says(text: str | None, expected: list[str]) -> None:
    assert parse.parse_watch(text, "duplicates") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, []),
        ("", []),
        ("[1", []),
        ("[1]", []),
        ('{"balancers": [{"name": "web"}]}', []),
        ('{"problem": "x", "balancers": [{"name": "web"}]}', [{"name": "web", "problem": "x"}]),
    ],
)
def test_what_the_balancers_say(text: str | None, expected: list[dict[str, Any]]) -> None:
    assert parse.parse_balancers(text) == expected
