# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets as bytes, and back."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Union

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ACK,
    INIT,
    INIT_ACK,
    SCTP,
    SYN,
    checksum,
    crc32c,
    icmp,
    icmp_error,
    internet,
    parse,
    sctp,
    tcp,
    udp,
)
from hypothesis import given
from hypothesis import strategies as st

Address = Union[IPv4Address, IPv6Address]
ENDS: dict[int, tuple[Address, Address]] = {
    4: (ip_address("192.0.2.1"), ip_address("198.51.100.2")),
    6: (ip_address("2001:db8::1"), ip_address("2001:db8:1::2")),
}
families = st.sampled_from([4, 6])
ports = st.integers(1, 65535)
data = st.binary(max_size=60)


def test_checksum_of_a_known_header() -> None:
    # RFC 1071 has no example of a header; this one is known from textbooks, with its sum 0xb861 set to zero
    header = bytes.fromhex("45000073000040004011" + "0000" + "c0a80001c0a800c7")
    assert checksum(header) == 0xB861


def test_checksum_of_known_bytes() -> None:
    # RFC 3720, appendix B.4, and the check value of CRC-32C
    assert (crc32c(bytes(32)), crc32c(b"123456789")) == (0x8A9136AA, 0xE3069283)


@given(families, ports, ports, st.sampled_from([INIT, INIT_ACK]), st.integers(0, 2**32 - 1), data)
def test_sctp(family: int, source_port: int, port: int, chunk: int, tag: int, payload: bytes) -> None:
    source, destination = ENDS[family]
    packet = parse(sctp((source, source_port), (destination, port), chunk, tag, 77, payload))
    assert packet is not None
    assert (packet.source, packet.destination, packet.protocol) == (source, destination, SCTP)
    assert (packet.source_port, packet.port, packet.acknowledged, packet.sequence) == (
        source_port,
        port,
        tag,
        77,
    )
    # chunks end with a whole word (RFC 9260, section 3.2)
    assert payload in packet.data and len(packet.data) % 4 == 0
    raw = packet.raw[20 if family == 4 else 40 :]
    assert crc32c(raw[:8] + bytes(4) + raw[12:]).to_bytes(4, "little") == raw[8:12]


@given(families, ports, ports, st.integers(0, 63), st.integers(0, 2**32 - 1), data)
def test_tcp(family: int, source_port: int, port: int, flags: int, sequence: int, payload: bytes) -> None:
    source, destination = ENDS[family]
    packet = parse(tcp((source, source_port), (destination, port), flags, sequence, 7, payload))
    assert packet is not None
    assert (packet.source, packet.destination) == (source, destination)
    assert (packet.source_port, packet.port, packet.flags) == (source_port, port, flags)
    assert (packet.sequence, packet.acknowledged, packet.data) == (sequence, 7, payload)


@given(families, ports, ports, data)
def test_udp(family: int, source_port: int, port: int, payload: bytes) -> None:
    source, destination = ENDS[family]
    packet = parse(udp((source, source_port), (destination, port), payload))
    assert packet is not None
    assert (packet.source_port, packet.port, packet.data) == (source_port, port, payload)


@given(families, st.integers(0, 2**16 - 1), data)
def test_an_echo(family: int, identifier: int, payload: bytes) -> None:
    type_ = {4: 8, 6: 128}[family]
    packet = parse(icmp(*ENDS[family], type_, 0, identifier << 16, payload))
    assert packet is not None
    assert (packet.type, packet.identifier, packet.data, packet.quoted) == (type_, identifier, payload, None)


@pytest.mark.parametrize(("family", "type_"), [(4, 3), (6, 2)])
def test_an_error_quotes_a_packet(family: int, type_: int) -> None:
    source, destination = ENDS[family]
    about = tcp((source, 1), (destination, 2), SYN | ACK, 3)
    packet = parse(icmp_error(destination, source, type_, 0, about))
    assert packet is not None
    assert packet.quoted == parse(about)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("make", ["tcp", "udp", "icmp"])
def test_a_whole_packet_sums_up_to_nothing(family: int, make: str) -> None:
    source, destination = ENDS[family]
    raw = {
        "tcp": tcp((source, 1), (destination, 2), SYN, 3, 4, b"odd"),
        "udp": udp((source, 1), (destination, 2), b"odd"),
        "icmp": icmp(source, destination, 8 if family == 4 else 128, 0, 1, b"odd"),
    }[make]
    head = 20 if family == 4 else 40
    protocol = raw[9] if family == 4 else raw[6]
    payload = raw[head:]
    pseudo = b""
    if make != "icmp" or family == 6:
        pseudo = (
            source.packed + destination.packed + len(payload).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
        )
    assert checksum(pseudo + payload) == 0
    if family == 4:
        assert checksum(raw[:20]) == 0


@pytest.mark.parametrize("raw", [b"", b"E", b"\x45" + bytes(10), b"\x60" + bytes(20), bytes(40)])
def test_what_is_no_packet(raw: bytes) -> None:
    assert parse(raw) is None


def test_what_follows_the_packet_is_no_part_of_it() -> None:
    source, destination = ENDS[4]
    raw = internet(source, destination, 47, b"data")
    packet = parse(raw + b"padding")
    assert packet is not None
    assert (packet.data, packet.raw) == (b"data", raw)
