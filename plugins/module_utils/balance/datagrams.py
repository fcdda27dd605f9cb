# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that send one datagram: DNS_CHECK, UDP_CHECK and PING_CHECK of keepalived.conf(5).

Each raises CheckError or OSError where a server is not well.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dns import DnsError, answered, question
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import checksum

_MOST = 65535
_ECHO = {4: (8, 0), 6: (128, 129)}
"""Types of an echo request and its reply: RFC 792, and RFC 4443, section 4."""


class CheckError(Exception):
    """Why a server is not well, in a few words."""


def ask_dns(channel: socket.socket, seconds: float, options: dict[str, Any]) -> None:
    """Ask one question by an open channel, and close it; any answer without an error will do."""
    number = int.from_bytes(os.urandom(2), "big")
    with channel:
        channel.send(question(options["name"], number, options["type"]))
        end = time.monotonic() + seconds
        try:
            while not answered(_heard(channel, end), number):
                pass
        except DnsError as error:
            raise CheckError(f"{options['name']}: {error}") from error


def ask_udp(channel: socket.socket, seconds: float, options: dict[str, Any]) -> None:
    """Send some bytes, and close the channel. Where nobody listens an ICMP error comes back; an answer may be
    asked for."""
    with channel:
        channel.send(bytes.fromhex(options.get("payload", "")))
        try:
            _heard(channel, time.monotonic() + seconds)
        except TimeoutError:
            if options.get("require_reply"):
                raise


def ping(address: str, seconds: float, source: str | None = None) -> None:
    """Send an echo request. A raw socket does not depend on net.ipv4.ping_group_range."""
    six = ":" in address
    request, reply = _ECHO[6 if six else 4]
    number, data = int.from_bytes(os.urandom(4), "big"), b"ftfw.pair"
    head = struct.pack("!BBHI", request, 0, 0, number)
    # the kernel sees to that of IPv6, which is about addresses, too (RFC 3542, section 3.1)
    told = 0 if six else checksum(head + data)
    family, protocol = (
        (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    )
    with socket.socket(family, socket.SOCK_RAW, protocol) as channel:
        if source:
            channel.bind((source, 0))
        channel.connect((address, 0))
        channel.send(struct.pack("!BBHI", request, 0, told, number) + data)
        end = time.monotonic() + seconds
        while True:
            heard = _heard(channel, end)
            # of IPv4 its header comes with it
            said = heard if six else heard[(heard[0] & 0x0F) * 4 :]
            if len(said) >= 8 and said[0] == reply and said[4:8] == struct.pack("!I", number):
                return


def open_channel(address: str, port: int, source: str | None = None) -> socket.socket:
    """A socket that hears the one server, and errors about it. Raises OSError."""
    channel = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if source:
            channel.bind((source, 0))
        channel.connect((address, port))
    except OSError:
        channel.close()
        raise
    return channel


def _heard(channel: socket.socket, end: float) -> bytes:
    """What comes until a time is over. Raises TimeoutError then."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    channel.settimeout(left)
    return channel.recv(_MOST)
