# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that a helper expected and whose control connection is over: data of FTP, media of SIP.

conntrackd sends such a flow with the tuple of its control connection, and a kernel without an entry for that
refuses it (ctnetlink_create_conntrack: ENOENT). A node that did not get the flow while the control connection
lived, such as one that has started since, can't be given it any more. `conntrack -L` does not tell which flow
has which control connection, so the kernel is asked.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import Flow
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_NETFILTER,
    NFGENMSG,
    attribute,
    dump,
    parse_attributes,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.ctnetlink import (
    CTA_IP_V4_DST,
    CTA_IP_V4_SRC,
    CTA_IP_V6_DST,
    CTA_IP_V6_SRC,
    CTA_PROTO_DST_PORT,
    CTA_PROTO_NUM,
    CTA_PROTO_SRC_PORT,
    CTA_STATUS,
    CTA_STATUS_MASK,
    CTA_TUPLE_IP,
    CTA_TUPLE_MASTER,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    CTA_ZONE,
    IPS_EXPECTED,
    MSG_CT_GET,
    MSG_CT_NEW,
)

Key = tuple[str, str, str]
"""`Flow.key`"""
SECONDS = 30
PROTOCOLS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
"""The protocols of what helpers expect, but for GRE (pptp), whose entries have keys instead of ports."""


def orphans(flows: Iterable[Flow], masters: Mapping[Key, Key]) -> set[Key]:
    """Those of these flows whose control connection is none of them.

    `masters` are the flows that a helper expected, each with its control connection.
    """
    present = {flow.key for flow in flows}
    return {flow for flow, master in masters.items() if flow in present and master not in present}


def ask_masters() -> dict[Key, Key]:
    """Ask the kernel for the flows that helpers expected, in the thread's namespace. Raises OSError."""
    entries = dump(NETLINK_NETFILTER, MSG_CT_GET, MSG_CT_NEW, question(), SECONDS)
    return dict(pair for entry in entries for pair in read_masters(entry[NFGENMSG.size :]))


def question() -> bytes:
    """For expected flows only (Linux 5.18; an older kernel sends all), both families."""
    status = struct.pack("!L", IPS_EXPECTED)
    wanted = attribute(CTA_STATUS, status) + attribute(CTA_STATUS_MASK, status)
    return NFGENMSG.pack(socket.AF_UNSPEC, 0, 0) + wanted


def read_masters(entry: bytes) -> Iterator[tuple[Key, Key]]:
    """A flow and its control connection, from the attributes of an entry; nothing where it has none."""
    found = parse_attributes(entry)
    # a zone is part of the key, and the pair's own flows have none
    if CTA_TUPLE_ORIG in found and CTA_TUPLE_MASTER in found and CTA_ZONE not in found:
        flow, master = (_key(found[kind]) for kind in (CTA_TUPLE_ORIG, CTA_TUPLE_MASTER))
        if flow is not None and master is not None:
            yield flow, master


def _key(tuple_: bytes) -> Key | None:
    parts = parse_attributes(tuple_)
    ends, protocol = (parse_attributes(parts.get(kind, b"")) for kind in (CTA_TUPLE_IP, CTA_TUPLE_PROTO))
    name = PROTOCOLS.get(protocol.get(CTA_PROTO_NUM, b"\0")[0])
    source = ends.get(CTA_IP_V4_SRC) or ends.get(CTA_IP_V6_SRC)
    target = ends.get(CTA_IP_V4_DST) or ends.get(CTA_IP_V6_DST)
    if name is None or not source or not target:
        return None
    ports = [int.from_bytes(protocol[kind], "big") for kind in (CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT)]
    text = f"src={ip_address(source)} dst={ip_address(target)} sport={ports[0]} dport={ports[1]}"
    return (name, "", text)
