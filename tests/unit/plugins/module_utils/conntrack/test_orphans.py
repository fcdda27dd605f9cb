# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which flows have outlived their control connection, from what the kernel tells of them."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.orphans import orphans, read_masters
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import Flow, parse_flow
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    attribute,
    nested,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.ctnetlink import (
    CTA_TUPLE_IP,
    CTA_TUPLE_MASTER,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    CTA_ZONE,
)

CONTROL, DATA = (
    parse_flow(f"tcp 6 431999 ESTABLISHED src=192.168.2.3 dst=192.168.0.3 sport={port} dport={to}", "here")
    for port, to in ((40000, 21), (40001, 50000))
)
OTHER = Flow("udp", "", "src=192.168.2.3 dst=192.168.0.3 sport=40000 dport=53")


def tuple_(kind: int, source: str, target: str, protocol: int, *ports: int) -> bytes:
    ends = [ip_address(source).packed, ip_address(target).packed]
    first = 1 if len(ends[0]) == 4 else 3
    return nested(
        kind,
        nested(CTA_TUPLE_IP, *(attribute(first + number, end) for number, end in enumerate(ends))),
        nested(
            CTA_TUPLE_PROTO,
            attribute(1, bytes([protocol])),
            *(attribute(2 + number, struct.pack("!H", port)) for number, port in enumerate(ports)),
        ),
    )


def entry(master: int, source: str = "192.168.2.3", target: str = "192.168.0.3") -> bytes:
    ends = (source, target, socket.IPPROTO_TCP)
    return tuple_(CTA_TUPLE_ORIG, *ends, 40001, 50000) + tuple_(master, *ends, 40000, 21)


def test_a_flow_with_its_control_connection() -> None:
    assert list(read_masters(entry(CTA_TUPLE_MASTER))) == [(DATA.key, CONTROL.key)]


def test_ipv6_is_written_as_conntrack_does() -> None:
    [(flow, _master)] = read_masters(entry(CTA_TUPLE_MASTER, "fd00::3", "fd01:0:0:1::3"))
    assert flow == ("tcp", "", "src=fd00::3 dst=fd01:0:0:1::3 sport=40001 dport=50000")


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(entry(99), id="no-master"),
        pytest.param(entry(CTA_TUPLE_MASTER) + attribute(CTA_ZONE, b"\0\1"), id="zone"),
        pytest.param(
            tuple_(CTA_TUPLE_ORIG, "192.0.2.1", "192.0.2.2", socket.IPPROTO_GRE)
            + tuple_(CTA_TUPLE_MASTER, "192.0.2.1", "192.0.2.2", socket.IPPROTO_TCP, 40000, 1723),
            id="gre",
        ),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_passed_over(of: bytes) -> None:
    assert list(read_masters(of)) == []


@pytest.mark.parametrize(
    ("flows", "found"),
    [
        pytest.param([CONTROL, DATA, OTHER], set(), id="control-lives"),
        pytest.param([DATA, OTHER], {DATA.key}, id="control-is-over"),
        pytest.param([OTHER], set(), id="both-are-over"),
    ],
)
def test_orphans(flows: list[Flow], found: set[tuple[str, str, str]]) -> None:
    assert orphans(flows, {DATA.key: CONTROL.key}) == found
