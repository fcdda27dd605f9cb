# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers by which the kernel's tables are known again, in this network namespace.

One is counted up with each transaction of nf_tables: whoever knows the table at it knows it until
it changes. The other is the table's own: one that was deleted and made anew has another. Neither needs
a listing, for which nft takes seconds where a set is large: it also asks for elements that it does not print.
Messages and attributes: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h.
"""

from __future__ import annotations

import socket
import struct

NETLINK_NETFILTER = 12
NLM_F_REQUEST = 0x1
NLMSG_ERROR = 2
NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_NEWTABLE, NFT_MSG_GETTABLE = 0, 1
NFT_MSG_NEWGEN, NFT_MSG_GETGEN = 15, 16
NFTA_GEN_ID = 1
NFTA_TABLE_NAME, NFTA_TABLE_HANDLE = 1, 4
NFPROTO = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
NLA_TYPE_MASK = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


def generation() -> int:
    """Ask for the number of the last transaction, 1 to 2³²-1 (0 when the kernel answers in another way)."""
    return parse(_ask(NFT_MSG_GETGEN, 0), NFT_MSG_NEWGEN, NFTA_GEN_ID)


def table_handle(family: str, name: str) -> int:
    """Ask for a table's own number; 0 where there is no such table."""
    value = name.encode() + b"\0"
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), NFTA_TABLE_NAME) + value
    answer = _ask(NFT_MSG_GETTABLE, NFPROTO[family], attribute + bytes(-len(attribute) % 4))
    return parse(answer, NFT_MSG_NEWTABLE, NFTA_TABLE_HANDLE)


def _ask(message: int, family: int, attributes: bytes = b"") -> bytes:
    kind = (NFNL_SUBSYS_NFTABLES << 8) | message
    # struct nfgenmsg: family, version 0, resource 0
    body = bytes([family, 0, 0, 0]) + attributes
    request = _HEADER.pack(_HEADER.size + len(body), kind, NLM_F_REQUEST, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as channel:
        channel.settimeout(5)
        channel.send(request)
        return channel.recv(8192)


def parse(answer: bytes, message: int, wanted: int) -> int:
    """Find a number in an answer of the kernel's: an attribute of a kind of message."""
    if len(answer) < _HEADER.size + 4:
        return 0
    length, kind, _flags, _sequence, _port = _HEADER.unpack_from(answer)
    if kind != (NFNL_SUBSYS_NFTABLES << 8) | message:
        return 0
    position = _HEADER.size + 4
    while position + _ATTRIBUTE.size <= min(length, len(answer)):
        size, attribute = _ATTRIBUTE.unpack_from(answer, position)
        if size < _ATTRIBUTE.size:
            return 0
        if attribute & NLA_TYPE_MASK == wanted:
            # in network byte order
            return int.from_bytes(answer[position + _ATTRIBUTE.size : position + size], "big")
        position += (size + 3) & ~3
    return 0
