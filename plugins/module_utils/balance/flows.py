# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows through balancers, as conntrack(8) lists them: who was asked, and who answers. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import AskedPorts
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import (
    CLOSING,
    fields,
    is_closing,
    parse_flow,
)

LISTING = "conntrack -L"
CONNECTIONS = "/proc/net/ip_vs_conn"
_MOST_CALLS = 16
"""Of conntrack(8) for one protocol: each reads the whole table."""
_NOT_OPEN = ("SYN_SENT", *sorted(CLOSING))
"""States of TCP in which a client may come with a SYN, and is to get whoever answers now. The peer is told of
an end by one packet alone, so that its entry never leaves the state in which that packet left it."""
_OPEN = re.compile(
    r"^(tcp|udp|sctp) +(?:6 \d+ (?:SYN_SENT2?|SYN_RECV|ESTABLISHED)|17 \d+"
    r"|132 \d+ (?:COOKIE_(?:WAIT|ECHOED)|ESTABLISHED)) "
    r"src=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?\bsrc=(\S+) dst=\S+ sport=(\d+)",
    re.MULTILINE,
)


_BY_IPVS = re.compile(
    r"(?:TCP|UDP|SCTP) +(\S+) +[0-9A-F]{4} +(\S+) +([0-9A-F]{4}) +(\S+) +([0-9A-F]{4}) +(\S+) +\d+"
)
"""A line of /proc/net/ip_vs_conn (the kernel's ip_vs_conn_seq_show())."""
_OPEN_BY_IPVS = ("ESTABLISHED", "SYN_RECV", "UDP")


class BalancedFlow(NamedTuple):
    """`asked` and `server` are an address and a port each, `sender` is an address."""

    sender: str
    asked: tuple[str, int]
    server: tuple[str, int]
    ending: bool


def listing(addresses: Iterable[str]) -> str:
    """What a node's shell runs to list the flows to virtual addresses, whatever ports they are of.

    IPVS has a table of its own, where there is one.
    """
    asked = " && ".join(f"{LISTING} --orig-dst {one} 2>/dev/null" for one in dict.fromkeys(addresses))
    return f"{asked} && {{ cat {CONNECTIONS} 2>/dev/null || true; }}" if asked else ""


def count_flows(text: str, address: str, asked: Sequence[AskedPorts]) -> Counter[tuple[str, int]]:
    """How many flows, of those to some ports of an address, each server's address and port has.

    Those of TCP and SCTP that are ending do not count. This is read often, and from long listings: it does
    not look at what is not asked for.
    """
    found: Counter[tuple[str, int]] = Counter()
    for protocol, dst, dport, server, port in _OPEN.findall(text):
        if dst == address and is_asked(asked, protocol, int(dport)):
            found[server, int(port)] += 1
    return found


def hex_address(text: str) -> str:
    """An address as the kernel's IPVS prints it: digits of base 16, and those of IPv6 in brackets or not."""
    return str(IPv6Address(text.strip("[]")) if ":" in text else IPv4Address(int(text, 16)))


def flows_of(known: Mapping[tuple[str, int], int], address: str, port: int | None) -> int:
    """How many flows a server has; without a port it has those of all."""
    return sum(
        number for server, number in known.items() if server[0] == address and port in (None, server[1])
    )


def is_asked(asked: Sequence[AskedPorts], protocol: str, port: int) -> bool:
    """Whether a port is one of those; where none is known, any may be."""
    return not asked or any(one[0] == protocol and one[1] <= port <= one[2] for one in asked)


def asked_words(asked: Sequence[AskedPorts]) -> list[list[str]]:
    """What conntrack(8) takes for the flows to some ports that no answer keeps open, and for ended ones.

    It takes one port and one state at a time. Where that would be many calls, flows of other balancers at the
    same address are among them.
    """
    found = []
    for protocol, states in (("udp", ()), ("sctp", ()), ("tcp", _NOT_OPEN)):
        of = [one for one in asked if one.protocol == protocol]
        ports = [port for one in of for port in range(one.first, min(one.last, one.first + _MOST_CALLS) + 1)]
        some = [["--orig-port-dst", str(port)] for port in ports]
        kinds = [["--state", state] for state in states] or [[]]
        for where in some if asked and len(ports) * len(kinds) <= _MOST_CALLS else [[]]:
            found += [["--proto", protocol, *kind, *where] for kind in kinds]
    return found


def read_flows(text: str) -> Iterator[BalancedFlow]:
    """Read what that prints. Raises OutputError for what is no entry."""
    for line in text.splitlines():
        if line.startswith("Pro FromIP"):
            continue
        if by_ipvs := _BY_IPVS.match(line):
            client, asked, port, server, own, state = by_ipvs.groups()
            yield BalancedFlow(
                hex_address(client),
                (hex_address(asked), int(port, 16)),
                (hex_address(server), int(own, 16)),
                state not in _OPEN_BY_IPVS,
            )
        elif line.strip():
            flow = parse_flow(line, LISTING)
            there, back = fields(flow.original), fields(flow.reply)
            yield BalancedFlow(
                there["src"],
                (there["dst"], int(there.get("dport", 0))),
                (back["src"], int(back.get("sport", 0))),
                is_closing(line),
            )
