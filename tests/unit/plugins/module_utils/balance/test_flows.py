# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows through balancers, as conntrack(8) lists them: how many a server has, and what ends them."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import AskedPorts
from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import (
    BalancedFlow,
    asked_words,
    count_flows,
    flows_of,
    read_flows,
)

VIRTUAL, SRV_1, SRV_2 = "198.51.100.1", "192.0.2.1", "192.0.2.2"
WEB = [AskedPorts("tcp", 80, 80)]


def tcp(state: str, server: str = SRV_1, port: int = 80, asked: int = 80, more: str = "[ASSURED] ") -> str:
    return (
        f"tcp      6 300 {state} src=203.0.113.9 dst={VIRTUAL} sport=40000 dport={asked} "
        f"src={server} dst=203.0.113.9 sport={port} dport=40000 {more}mark=0 use=1\n"
    )


UDP_6 = (
    "udp      17 29 src=2001:db8::9 dst=2001:db8::100 sport=5000 dport=53 packets=1 bytes=60 [UNREPLIED] "
    "src=2001:db8:2::4 dst=2001:db8::9 sport=53 dport=5000 packets=0 bytes=0 mark=0 use=1\n"
)


def test_those_that_are_open_count() -> None:
    states = [
        "SYN_SENT",
        "SYN_RECV",
        "ESTABLISHED",
        "FIN_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "TIME_WAIT",
        "CLOSE",
    ]
    text = "".join(map(tcp, states)) + tcp("ESTABLISHED", SRV_2)
    known = count_flows(text, VIRTUAL, WEB)
    assert known == {(SRV_1, 80): 3, (SRV_2, 80): 1}
    assert count_flows("", VIRTUAL, WEB) == {}


def test_associations_that_are_open_count() -> None:
    states = ("COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "CLOSED")
    text = "".join(tcp(state).replace("tcp      6", "sctp     132", 1) for state in states)
    assert count_flows(text, VIRTUAL, [AskedPorts("sctp", 80, 80)]) == {(SRV_1, 80): 3}
    assert count_flows(text, VIRTUAL, WEB) == {}


def test_those_of_another_balancer_at_the_same_address_do_not_count() -> None:
    text = tcp("ESTABLISHED") + tcp("ESTABLISHED", asked=25, port=25) + UDP_6
    assert count_flows(text, VIRTUAL, WEB) == {(SRV_1, 80): 1}
    assert count_flows(text, VIRTUAL, [AskedPorts("tcp", 20, 30)]) == {(SRV_1, 25): 1}
    # of an earlier version nobody knows the ports
    assert sum(count_flows(text, VIRTUAL, []).values()) == 2
    assert count_flows(text, "2001:db8::100", [AskedPorts("tcp", 53, 53)]) == {}
    assert count_flows(text, "2001:db8::100", [AskedPorts("udp", 53, 53)]) == {("2001:db8:2::4", 53): 1}


def test_a_server_at_a_port_of_its_own_has_those_of_that_port() -> None:
    known = count_flows(tcp("ESTABLISHED", port=8080) * 2 + tcp("ESTABLISHED", port=8081), VIRTUAL, WEB)
    assert [flows_of(known, SRV_1, port) for port in (8080, 8081, 8082, None)] == [2, 1, 0, 3]
    assert flows_of(known, SRV_2, None) == 0


UDP = ["--proto", "udp"]
NOT_OPEN = [
    ["--proto", "tcp", "--state", state]
    for state in ("SYN_SENT", "CLOSE", "CLOSE_WAIT", "FIN_WAIT", "LAST_ACK", "TIME_WAIT")
]


def to(port: int, *words: list[str]) -> list[list[str]]:
    return [[*some, "--orig-port-dst", str(port)] for some in words]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (WEB, to(80, *NOT_OPEN)),
        (
            [AskedPorts("tcp", 80, 81), AskedPorts("udp", 53, 53)],
            [*to(53, UDP), *to(80, *NOT_OPEN), *to(81, *NOT_OPEN)],
        ),
        # one call for each of so many would take too long
        ([AskedPorts("udp", 1, 65535)], [UDP]),
        ([AskedPorts("tcp", 1, 65535)], NOT_OPEN),
        ([AskedPorts("tcp", 80, 82)], NOT_OPEN),
        ([], [UDP, ["--proto", "sctp"], *NOT_OPEN]),
    ],
)
def test_what_conntrack_is_asked_to_end(asked: list[AskedPorts], expected: list[list[str]]) -> None:
    assert asked_words(asked) == expected


BY_IPVS = """\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C0A8024F D3F2 C0A80246 1F98 C0A80247 1F98 ESTABLISHED     899
TCP C0A8024F D3F4 C0A80246 1F98 C0A80248 1F98 FIN_WAIT        118
UDP 2001:0db8:0002:0000:0000:0000:0000:0079 D3F6 2001:0db8:0002:0000:0000:0000:0000:0070 0035 \
2001:0db8:0002:0000:0000:0000:0000:0071 0035 UDP             299
"""


def test_flows_that_ipvs_knows() -> None:
    """They stand behind those of conntrack, where there are some."""
    found = list(read_flows(BY_IPVS))
    assert found == [
        BalancedFlow("192.168.2.79", ("192.168.2.70", 8088), ("192.168.2.71", 8088), False),
        BalancedFlow("192.168.2.79", ("192.168.2.70", 8088), ("192.168.2.72", 8088), True),
        BalancedFlow("2001:db8:2::79", ("2001:db8:2::70", 53), ("2001:db8:2::71", 53), False),
    ]
