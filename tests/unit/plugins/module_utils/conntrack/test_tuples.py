# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows read from what conntrack-tools 1.4.7 prints, compared and packed."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import (
    Flow,
    OutputError,
    PackedError,
    among,
    is_closing,
    missing,
    pack,
    parse_flow,
    parse_flows,
    unpack,
    without_closing,
)
from hypothesis import given
from hypothesis import strategies as st

WEB = "src=192.0.2.1 dst=198.51.100.1 sport=1000 dport=80"
WEB_BACK = "src=198.51.100.1 dst=192.0.2.1 sport=80 dport=1000"
DNS = "src=192.0.2.2 dst=198.51.100.1 sport=1001 dport=53"
DNS_BACK = "src=198.51.100.1 dst=10.1.1.1 sport=53 dport=5000"
PING = "src=192.0.2.3 dst=198.51.100.1 type=8 code=0 id=77"
PING_BACK = "src=198.51.100.1 dst=192.0.2.3 type=0 code=0 id=77"

LINES = {
    "kernel": (
        f"tcp      6 598 ESTABLISHED {WEB} [UNREPLIED] {WEB_BACK} [ASSURED] mark=0 use=1",
        Flow("tcp", "", WEB, WEB_BACK),
    ),
    "kernel with accounting": (
        f"tcp 6 598 ESTABLISHED {WEB} packets=3 bytes=180 {WEB_BACK} packets=2 bytes=120 [ASSURED] mark=0",
        Flow("tcp", "", WEB, WEB_BACK),
    ),
    "internal cache": (
        f"udp      17 {DNS} {DNS_BACK} mark=0 [active since 1s]",
        Flow("udp", "", DNS, DNS_BACK),
    ),
    "external cache": (
        f"tcp      6 ESTABLISHED {WEB} [UNREPLIED] [ASSURED] mark=0 [active since 2s]",
        Flow("tcp", "", WEB),
    ),
    "ping": (
        f"icmp     1 547 {PING} [UNREPLIED] {PING_BACK} mark=0 use=1",
        Flow("icmp", "", PING, PING_BACK),
    ),
    "zone": (
        f"tcp      6 ESTABLISHED {WEB} [UNREPLIED] mark=0 zone=5 [active since 2s]",
        Flow("tcp", "zone=5", WEB),
    ),
    "gre": (
        "gre      47 547 src=192.0.2.4 dst=198.51.100.1 srckey=0x1 dstkey=0x2 [UNREPLIED] "
        "src=198.51.100.1 dst=192.0.2.4 srckey=0x2 dstkey=0x1 mark=0 use=1",
        Flow(
            "gre",
            "",
            "src=192.0.2.4 dst=198.51.100.1 srckey=0x1 dstkey=0x2",
            "src=198.51.100.1 dst=192.0.2.4 srckey=0x2 dstkey=0x1",
        ),
    ),
    "protocol without a name": (
        "unknown  253 598 src=192.0.2.4 dst=198.51.100.1 [UNREPLIED] "
        "src=198.51.100.1 dst=192.0.2.4 mark=0 use=1",
        Flow("253", "", "src=192.0.2.4 dst=198.51.100.1", "src=198.51.100.1 dst=192.0.2.4"),
    ),
    "ipv6": (
        "tcp      6 598 ESTABLISHED src=2001:db8::1 dst=2001:db8::2 sport=1000 dport=80 [UNREPLIED] "
        "src=2001:db8::2 dst=2001:db8::1 sport=80 dport=1000 mark=0 use=1",
        Flow(
            "tcp",
            "",
            "src=2001:db8::1 dst=2001:db8::2 sport=1000 dport=80",
            "src=2001:db8::2 dst=2001:db8::1 sport=80 dport=1000",
        ),
    ),
}


@pytest.mark.parametrize(("line", "flow"), LINES.values(), ids=LINES)
def test_a_line_is_read(line, flow):
    assert parse_flow(line, "here") == flow


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("rubbish\n", "here: not a connection tracking entry: 'rubbish'", id="another line"),
        pytest.param("tcp 6 ESTABLISHED mark=0 use=1\n", "here: no original tuple", id="no tuple"),
        pytest.param(f"tcp 6 {WEB} {WEB} {WEB}\n", "or more than a reply", id="three tuples"),
        pytest.param(f"tcp 6 {WEB} mark=0", "here: the dump is cut off", id="cut off"),
    ],
)
def test_what_is_not_understood_is_an_error(text, reason):
    with pytest.raises(OutputError, match=reason):
        parse_flows(text, "here")


def test_an_empty_dump_has_no_flows():
    assert parse_flows("", "here") == []


SNAPSHOT = [Flow("tcp", "", WEB, WEB_BACK), Flow("udp", "", DNS, DNS_BACK)]


@pytest.mark.parametrize(
    ("present", "left"),
    [
        pytest.param([], SNAPSHOT, id="nothing there"),
        pytest.param(SNAPSHOT, [], id="all there"),
        pytest.param([Flow("tcp", "", WEB), Flow("udp", "", DNS)], [], id="an external cache tells no reply"),
        pytest.param([SNAPSHOT[0]], [SNAPSHOT[1]], id="one there"),
        pytest.param(
            [SNAPSHOT[0], Flow("udp", "", DNS, "src=198.51.100.1 dst=192.0.2.2 sport=53 dport=1001")],
            [SNAPSHOT[1]],
            id="without its NAT",
        ),
        pytest.param([SNAPSHOT[1], Flow("tcp", "zone=5", WEB)], [SNAPSHOT[0]], id="in another zone"),
        pytest.param([SNAPSHOT[1], Flow("sctp", "", WEB)], [SNAPSHOT[0]], id="of another protocol"),
    ],
)
def test_missing(present, left):
    assert missing(SNAPSHOT, present) == left


def test_among_goes_by_the_original_tuple():
    assert among(SNAPSHOT, [Flow("udp", "", DNS), Flow("udp", "", WEB)]) == [SNAPSHOT[1]]


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        pytest.param(SNAPSHOT[0], f"tcp {WEB}", id="plain"),
        pytest.param(SNAPSHOT[1], f"udp {DNS} reply {DNS_BACK}", id="with NAT"),
        pytest.param(Flow("icmp", "", PING, PING_BACK), f"icmp {PING}", id="ping"),
        pytest.param(Flow("tcp", "zone=5", WEB), f"tcp {WEB} zone=5", id="zone"),
    ],
)
def test_a_flow_as_text(flow, text):
    assert str(flow) == text


words = st.text(alphabet="abcdef0123456789.:= ", max_size=30)


@given(st.lists(st.builds(Flow, words, words, words, words)))
def test_a_packed_set_is_the_same_set(flows):
    assert set(unpack(pack(flows))) == set(flows)
    assert pack(reversed(flows)) == pack(flows)


@pytest.mark.parametrize(
    "text", ["", "!", "AAAA", "eJxLBAAAYgBi"], ids=["empty", "not base64", "not zlib", "no flow"]
)
def test_what_was_not_packed_is_refused(text):
    with pytest.raises(PackedError, match="not a packed set"):
        unpack(text)


def test_a_hundred_thousand_flows_stay_small():
    flows = [
        Flow(
            "tcp", "", f"src=10.0.{n // 256 % 256}.{n % 256} dst=198.51.100.1 sport={1024 + n // 2} dport=80"
        )
        for n in range(100_000)
    ]
    assert len(pack(flows)) < 1_000_000


CLOSING = {
    f"tcp      6 118 TIME_WAIT {WEB} {WEB_BACK} [ASSURED] mark=0 use=1": True,
    f"tcp      6 9 CLOSE {WEB} {WEB_BACK} [ASSURED] mark=0 use=1": True,
    f"tcp      6 LAST_ACK {WEB} [ASSURED] mark=0 [active since 2s]": True,
    f"tcp      6 598 ESTABLISHED {WEB} {WEB_BACK} [ASSURED] mark=0 use=1": False,
    f"tcp      6 SYN_SENT {WEB} [UNREPLIED] mark=0 [active since 2s]": False,
    f"udp      17 {DNS} {DNS_BACK} mark=0 [active since 1s]": False,
    f"icmp     1 547 {PING} [UNREPLIED] {PING_BACK} mark=0 use=1": False,
}


@pytest.mark.parametrize(("line", "closing"), CLOSING.items())
def test_a_tcp_flow_that_ends(line, closing):
    assert is_closing(line) is closing
    assert without_closing(f"{line}\n") == ("" if closing else f"{line}\n")


def test_a_dump_that_is_cut_off_stays_so():
    assert without_closing("\n".join(CLOSING)) == "\n".join(line for line in CLOSING if not CLOSING[line])
