# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number that the kernel counts up with each transaction of nf_tables, in this network namespace.

Whoever knows the table at one number knows it until the number changes, without having it listed: nft takes
seconds for that where a set is large, and also asks for elements that it does not print.
Messages and attributes: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h.
"""

from __future__ import annotations

import socket
import struct

NETLINK_NETFILTER = 12
NLM_F_REQUEST = 0x1
NLMSG_ERROR = 2
NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_NEWGEN, NFT_MSG_GETGEN = 15, 16
NFTA_GEN_ID = 1
NLA_TYPE_MASK = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


def generation() -> int:
    """Ask for the number, 1 to 2³²-1 (0 when the kernel does not answer as expected)."""
    kind = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN
    # struct nfgenmsg: family AF_UNSPEC, version 0, resource 0
    request = _HEADER.pack(_HEADER.size + 4, kind, NLM_F_REQUEST, 1, 0) + bytes(4)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as channel:
        channel.settimeout(5)
        channel.send(request)
        return parse(channel.recv(8192))


def parse(answer: bytes) -> int:
    """Find the number in an answer of the kernel's."""
    if len(answer) < _HEADER.size + 4:
        return 0
    length, kind, _flags, _sequence, _port = _HEADER.unpack_from(answer)
    if kind != (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN:
        return 0
    position = _HEADER.size + 4
    while position + _ATTRIBUTE.size <= min(length, len(answer)):
        size, attribute = _ATTRIBUTE.unpack_from(answer, position)
        if size < _ATTRIBUTE.size:
            return 0
        if attribute & NLA_TYPE_MASK == NFTA_GEN_ID:
            # in network byte order
            return int.from_bytes(answer[position + _ATTRIBUTE.size : position + size], "big")
        position += (size + 3) & ~3
    return 0
