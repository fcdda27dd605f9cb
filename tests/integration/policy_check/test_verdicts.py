# SPDX-License-Identifier: GPL-3.0-or-later
"""What policy_check sees, in both families: a ruleset with a rule for each fate that a packet can have."""

from __future__ import annotations

import datetime
import subprocess
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.packets import space
from ansible_collections.ftfw.pair.tests.integration.policy_check.runner import rows_of

RULES = """
table inet known {
    ct helper ftp { type "ftp" protocol tcp; l3proto inet; }
    ct helper tftp { type "tftp" protocol udp; l3proto inet; }
    chain untracked {
        type filter hook prerouting priority raw; policy accept;
        meta l4proto 112 notrack
    }
    chain destinations {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr 192.0.2.100 tcp dport { 21, 80 } dnat ip to 198.51.100.3
        ip6 daddr 2001:db8:1::100 tcp dport { 21, 80 } dnat ip6 to 2001:db8:2::3
    }
    chain helpers {
        type filter hook prerouting priority filter; policy accept;
        tcp dport 21 ct helper set "ftp"
        udp dport 69 ct helper set "tftp"
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        tcp dport 22 reject with tcp reset
        tcp dport 23 accept
        udp dport 24 reject
        icmp type echo-request accept
        icmpv6 type echo-request accept
        ct state established accept
        meta l4proto 112 accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        tcp dport 9 accept
        ct state established accept
        ct state related ct helper { "ftp", "tftp" } accept
        ct state related icmp type destination-unreachable accept
        ct state related icmpv6 type packet-too-big accept
        ct status dnat accept
        tcp dport { 21, 22, 25 } tcp flags & (fin | syn | rst | ack) == syn accept
        tcp dport 81 reject with tcp reset
        udp dport { 53, 69 } accept
        udp dport 54 reject
        udp dport 55 limit rate 1/minute accept
        icmp type { echo-request, timestamp-request } ct state new accept
        icmpv6 type echo-request ct state new accept
        meta l4proto 47 accept
        tcp dport 26 accept
    }
    chain one_way {
        type filter hook forward priority filter - 1; policy accept;
        tcp sport 26 drop
    }
    chain sources {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "out0" ip saddr 198.51.100.0/24 tcp dport 25 snat ip to 192.0.2.100
        oifname "out0" ip6 saddr 2001:db8:2::/64 tcp dport 25 snat ip6 to 2001:db8:1::100
    }
}
"""
INTERFACES = [
    {
        "name": "out0",
        "network": "out",
        "prefixes": ["192.0.2.0/24", "2001:db8:1::/64"],
        "addresses": ["192.0.2.1/24", "192.0.2.100/32", "2001:db8:1::1/64", "2001:db8:1::100/128"],
    },
    {
        "name": "in0",
        "network": "in",
        "prefixes": ["198.51.100.0/24", "2001:db8:2::/64"],
        "addresses": ["198.51.100.1/24", "2001:db8:2::1/64"],
    },
]
ENDS = {
    4: {"client": "198.51.100.3", "server": "192.0.2.3", "virtual": "192.0.2.100", "own": "198.51.100.1"},
    6: {
        "client": "2001:db8:2::3",
        "server": "2001:db8:1::3",
        "virtual": "2001:db8:1::100",
        "own": "2001:db8:2::1",
    },
}
OUT: dict[str, Any] = {
    "from": "in",
    "to": "out",
    "source": "client",
    "destination": "server",
    "protocol": "tcp",
}
IN: dict[str, Any] = {"from": "out", "source": "server", "destination": "virtual", "protocol": "tcp"}
OWN: dict[str, Any] = {"from": "in", "source": "client", "destination": "own", "protocol": "tcp"}
SENT: dict[str, Any] = {
    "from": "firewall",
    "to": "in",
    "source": "own",
    "destination": "client",
    "protocol": "tcp",
}
ANY = (4, 6)
# name → families, the test, and what is seen
CASES: dict[str, tuple[tuple[int, ...], dict[str, Any], list[str]]] = {
    "tcp is accepted": (
        ANY,
        {**OUT, "port": 22},
        ["accept", "entry", "no helper", "no snat", "no dnat", "reply"],
    ),
    "tcp is dropped": (ANY, {**OUT, "port": 24}, ["drop", "no entry"]),
    "tcp is reset": (ANY, {**OUT, "port": 81}, ["reject"]),
    "udp is accepted": (ANY, {**OUT, "protocol": "udp", "port": 53}, ["accept"]),
    "udp is dropped": (ANY, {**OUT, "protocol": "udp", "port": 52}, ["drop"]),
    "udp is refused": (ANY, {**OUT, "protocol": "udp", "port": 54}, ["reject"]),
    "udp is limited": (ANY, {**OUT, "protocol": "udp", "port": 55, "repeat": 20}, ["limited"]),
    "udp is not limited by other tests": (ANY, {**OUT, "protocol": "udp", "port": 55}, ["accept"]),
    "an echo": (ANY, {**OUT, "protocol": "icmp"}, ["accept"]),
    "many echoes": (ANY, {**OUT, "protocol": "icmp", "repeat": 50}, ["accept"]),
    "a broken echo": (ANY, {**OUT, "protocol": "icmp", "broken": True}, ["drop"]),
    "an echo reply of no echo": (ANY, {**OUT, "protocol": "icmp", "type": "echo-reply"}, ["drop"]),
    "a timestamp": ((4,), {**OUT, "protocol": "icmp", "type": "timestamp-request"}, ["accept"]),
    "an address mask": ((4,), {**OUT, "protocol": "icmp", "type": "address-mask-request"}, ["drop"]),
    "an error of no flow": (ANY, {**OUT, "protocol": "icmp", "type": "destination-unreachable"}, ["drop"]),
    "gre": (ANY, {**OUT, "protocol": "47"}, ["accept", "entry"]),
    "esp": (ANY, {**OUT, "protocol": "50"}, ["drop"]),
    "syn and fin": (ANY, {**OUT, "port": 22, "flags": ["syn", "fin"]}, ["drop"]),
    "ack of no flow": (ANY, {**OUT, "port": 22, "flags": ["ack"]}, ["drop"]),
    "ack where it is let through": (ANY, {**OUT, "port": 9, "flags": ["ack"]}, ["accept"]),
    "no flag where it is let through": (ANY, {**OUT, "port": 9, "flags": []}, ["accept", "no entry"]),
    "a reset where it is let through": (ANY, {**OUT, "port": 9, "flags": ["rst"]}, ["accept"]),
    "later packets of tcp": (ANY, {**OUT, "port": 22, "packet": "established"}, ["accept"]),
    "later packets of udp": (
        ANY,
        {**OUT, "protocol": "udp", "port": 53, "packet": "established"},
        ["accept"],
    ),
    "a reply": (ANY, {**OUT, "port": 22, "packet": "reply"}, ["accept"]),
    "a reply that is dropped": (ANY, {**OUT, "port": 26, "packet": "reply"}, ["drop"]),
    "a flow whose reply is dropped": (ANY, {**OUT, "port": 26}, ["accept", "no reply"]),
    "an error about a flow": (ANY, {**OUT, "port": 22, "packet": "related"}, ["accept"]),
    "another error about a flow": (
        ANY,
        {**OUT, "port": 22, "packet": "related", "error": "time-exceeded"},
        ["drop"],
    ),
    "an error about a translated flow": (ANY, {**OUT, "port": 25, "packet": "related"}, ["accept"]),
    "an error about a reply": (ANY, {**OUT, "port": 22, "packet": "related", "by": "in"}, ["accept"]),
    "a translated source": (ANY, {**OUT, "port": 25}, ["accept", "snat to {virtual}", "no dnat"]),
    "a translated destination": (
        ANY,
        {**IN, "port": 80, "to": "in"},
        ["accept", "dnat to {client}", "no snat"],
    ),
    "a port beside it": (ANY, {**IN, "port": 82}, ["drop"]),
    "a helper": (ANY, {**OUT, "port": 21}, ["accept", "helper ftp"]),
    "what ftp announces": (ANY, {**OUT, "port": 21, "packet": "expected", "helper": "ftp"}, ["accept"]),
    "what ftp announces behind a virtual address": (
        ANY,
        {**IN, "port": 21, "packet": "expected", "helper": "ftp"},
        ["accept"],
    ),
    "what tftp announces": (
        ANY,
        {**OUT, "protocol": "udp", "port": 69, "packet": "expected", "helper": "tftp"},
        ["accept"],
    ),
    "what no helper reads": (ANY, {**OUT, "port": 22, "packet": "expected", "helper": "ftp"}, ["drop"]),
    "ping of the firewall": (ANY, {**OWN, "protocol": "icmp", "to": "firewall"}, ["accept", "reply"]),
    "the firewall takes tcp": (ANY, {**OWN, "port": 23, "to": "firewall"}, ["accept"]),
    "the firewall drops tcp": (ANY, {**OWN, "port": 25}, ["drop"]),
    "the firewall resets tcp": (ANY, {**OWN, "port": 22}, ["reject"]),
    "the firewall refuses udp": (ANY, {**OWN, "protocol": "udp", "port": 24}, ["reject"]),
    "the firewall drops udp": (ANY, {**OWN, "protocol": "udp", "port": 25}, ["drop"]),
    "the firewall takes what is not tracked": (
        ANY,
        {**OWN, "protocol": "112", "to": "firewall"},
        ["accept", "no entry"],
    ),
    "the firewall opens a flow": (ANY, {**SENT, "port": 80}, ["accept", "entry", "reply"]),
    "the firewall pings": (ANY, {**SENT, "protocol": "icmp"}, ["accept", "reply"]),
}


def _cases() -> list[dict[str, Any]]:
    found = []
    for name, (families, test, expected) in CASES.items():
        for family in families:
            ends = ENDS[family]
            more = {key: ends[test[key]] for key in ("source", "destination")}
            words = [word.format(**ends) for word in expected]
            found.append({**test, **more, "name": f"{name}, IPv{family}", "expected": words})
    return found


TESTS = _cases()


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    return rows_of(RULES, INTERFACES, TESTS)


@pytest.mark.parametrize("name", [test["name"] for test in TESTS])
def test_what_becomes_of_it(rows: dict[str, dict[str, Any]], name: str) -> None:
    assert rows[name]["ok"], rows[name]


@pytest.fixture(scope="module")
def wrong() -> dict[str, dict[str, Any]]:
    """The same tests, each expecting what does not happen."""
    others = {"accept": "drop", "drop": "accept", "reject": "drop", "limited": "accept"}
    return rows_of(RULES, INTERFACES, [{**test, "expected": [others[test["expected"][0]]]} for test in TESTS])


@pytest.mark.parametrize("name", [test["name"] for test in TESTS])
def test_a_wrong_expectation_is_noticed(wrong: dict[str, dict[str, Any]], name: str) -> None:
    assert not wrong[name]["ok"], wrong[name]


def test_without_rules_nothing_is_dropped() -> None:
    plain = [test for test in TESTS if test["from"] == "in" and "packet" not in test]
    rows = rows_of("", INTERFACES, [{**test, "expected": ["accept"]} for test in plain])
    assert not [row for row in rows.values() if row["seen"].startswith("drop")]


def test_no_wire_is_used_before_the_kernel_lets_it_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "_SECONDS", 1)
    with space.Space([], []):
        # the other end is down, so this one has no carrier, and drops all that it should send
        subprocess.run(["ip", "link", "add", "one", "up", "type", "veth", "peer", "name", "two"], check=True)
        with pytest.raises(space.SpaceError, match="the wires are dead: one cannot send after 1 s"):
            space._until_sending()
        subprocess.run(["ip", "link", "set", "two", "up"], check=True)
        space._until_sending()


def test_a_frame_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "_SECONDS", 1)
    with space.Space([], []) as made:
        made._enter(made._outside)
        subprocess.run(["ip", "link", "set", "mark1", "down"], check=True)
        with pytest.raises(space.SpaceError, match="a frame did not come back within 1 s"):
            made.exchange([])
        # by now the kernel has noticed the loss of the carrier, and refuses to send at once
        with pytest.raises(space.SpaceError, match="a frame did not come back within 1 s"):
            made.exchange([])


HERE = datetime.datetime.now(datetime.timezone.utc)


def clock(hours: int) -> str:
    return f"{HERE + datetime.timedelta(hours=hours):%H:%M}"


def day(days: int) -> str:
    return f"{HERE + datetime.timedelta(days=days):%A}"


@pytest.mark.parametrize(
    "match",
    [
        f'meta day "{day(0)}"',
        f'meta day "{day(1)}"',
        f'meta day {{ "{day(-1)}", "{day(0)}" }}',
        f'meta day {{ "{day(2)}", "{day(1)}" }}',
        f'meta day != "{day(0)}"',
        f'meta day != {{ "{day(2)}", "{day(1)}" }}',
        f'meta hour "{min(clock(-2), clock(2))}"-"{max(clock(-2), clock(2))}"',
        f'meta hour != "{min(clock(-2), clock(2))}"-"{max(clock(-2), clock(2))}"',
        f'meta hour "{min(clock(2), clock(4))}"-"{max(clock(2), clock(4))}"',
        f'meta day "{day(0)}" meta hour "00:00"-"23:59:59"',
    ],
)
def test_a_moment_is_judged_as_the_kernel_judges_now(match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    rules = f"""
table inet timed {{
    chain forward {{
        type filter hook forward priority filter; policy drop;
        {match} accept
        ct state established accept
    }}
}}
"""
    interfaces = [
        {"name": "eth0", "prefixes": ["192.0.2.0/24"], "addresses": ["192.0.2.1/24"]},
        {"name": "eth1", "prefixes": ["198.51.100.0/24"], "addresses": ["198.51.100.1/24"]},
    ]
    test = {
        **{"from": "eth1", "source": "198.51.100.3", "destination": "192.0.2.3"},
        **{"protocol": "udp", "port": 53, "expected": ["accept"]},
    }
    moment = f"{HERE:%A %H:%M}".lower()
    seen = rows_of(rules, interfaces, [{**test, "name": "now"}, {**test, "name": "then", "at": moment}])
    assert seen["now"]["seen"].split()[0] == seen["then"]["seen"].split()[0]
