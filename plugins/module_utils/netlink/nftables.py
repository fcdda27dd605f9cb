# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells of its tables of rules, without a listing (linux/netfilter/nf_tables.h).

nft takes seconds to list a table where a set is large: it also asks for elements that it does not print.
"""

from __future__ import annotations

import socket

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLM_F_REQUEST,
    attribute,
    dump,
    message,
    messages,
    parse_attributes,
)

_SUBSYSTEM = 10 << 8
_NEWTABLE, _GETTABLE, _NEWRULE, _GETRULE, _NEWGEN, _GETGEN = (
    _SUBSYSTEM | each for each in (0, 1, 6, 7, 15, 16)
)
_GEN_ID = 1
_TABLE_NAME, _TABLE_HANDLE = 1, 4
_RULE_TABLE = 1
FAMILIES = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
_SECONDS = 5.0


def generation() -> int:
    """The number of the last transaction, 1 to 2³²-1 (0 when the kernel answers in another way).

    It is counted up with each: whoever knows the table at a number knows it until that changes.
    """
    return _number(_ask(_GETGEN, _question(0)), _NEWGEN, _GEN_ID)


def table_handle(family: str, name: str) -> int:
    """A table's own number; 0 where there is none. One that was deleted and made anew has another."""
    question = _question(FAMILIES[family], attribute(_TABLE_NAME, _text(name)))
    return _number(_ask(_GETTABLE, question), _NEWTABLE, _TABLE_HANDLE)


def has_rules(table: str) -> bool:
    """Whether the table of family inet is there, and is not empty. Raises OSError if that can't be told."""
    name = _text(table)
    question = _question(FAMILIES["inet"], attribute(_RULE_TABLE, name))
    try:
        # the first is enough; the kernel gives the name back, and older ones don't heed it in the question
        return any(
            parse_attributes(entry, NFGENMSG.size).get(_RULE_TABLE) == name
            for entry in dump(NETLINK_NETFILTER, _GETRULE, _NEWRULE, question, 2.0)
        )
    except FileNotFoundError:
        return False


def _number(answer: bytes, kind: int, wanted: int) -> int:
    """A number in an answer of the kernel's, in network byte order: an attribute of a kind of message."""
    for found, _sequence, entry in messages(answer):
        if found == kind:
            return int.from_bytes(parse_attributes(entry, NFGENMSG.size).get(wanted, b""), "big")
    return 0


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def _question(family: int, attributes: bytes = b"") -> bytes:
    return NFGENMSG.pack(family, 0, 0) + attributes


def _ask(kind: int, question: bytes) -> bytes:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as channel:
        channel.settimeout(_SECONDS)
        channel.send(message(kind, NLM_F_REQUEST, question))
        return channel.recv(8192)
