# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the kernel keep the helper of an entry that is injected with NAT? Asked in a namespace of its own."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    attribute,
    error_number,
    message,
    messages,
    nested,
    parse_attributes,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.ctnetlink import (
    CTA_HELP,
    CTA_HELP_NAME,
    CTA_IP_V4_DST,
    CTA_IP_V4_SRC,
    CTA_NAT_SRC,
    CTA_NAT_V4_MAXIP,
    CTA_NAT_V4_MINIP,
    CTA_PROTO_DST_PORT,
    CTA_PROTO_NUM,
    CTA_PROTO_SRC_PORT,
    CTA_PROTOINFO,
    CTA_PROTOINFO_TCP,
    CTA_PROTOINFO_TCP_STATE,
    CTA_STATUS,
    CTA_TIMEOUT,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    CTA_TUPLE_REPLY,
    IPS_ASSURED,
    IPS_CONFIRMED,
    IPS_SEEN_REPLY,
    MSG_CT_GET,
    MSG_CT_NEW,
)

CLONE_NEWNET = 0x40000000
TCP_CONNTRACK_ESTABLISHED = 3

# From networks for documentation (RFC 5737): the entry lives in an empty namespace, and no packet is sent.
CLIENT, SERVER, VIRTUAL = "192.0.2.3", "198.51.100.3", "198.51.100.100"
CLIENT_PORT, FTP_PORT = 40000, 21


class HelperCheckError(Exception):
    """The question could not be asked: `step` is what failed, `number` the errno."""

    def __init__(self, step: str, number: int) -> None:
        self.step = step
        self.number = number
        super().__init__(f"cannot {step}: {os.strerror(number)}")


def request_of(kind: int, flags: int, sequence: int, attributes: bytes) -> bytes:
    """Pack a message of nfnetlink, for IPv4."""
    return message(kind, flags, NFGENMSG.pack(socket.AF_INET, 0, 0) + attributes, sequence)


def tuple_attribute(
    kind: int, source: str, destination: str, source_port: int, destination_port: int
) -> bytes:
    """Pack a TCP tuple."""
    return nested(
        kind,
        nested(
            CTA_TUPLE_IP,
            attribute(CTA_IP_V4_SRC, socket.inet_aton(source)),
            attribute(CTA_IP_V4_DST, socket.inet_aton(destination)),
        ),
        nested(
            CTA_TUPLE_PROTO,
            attribute(CTA_PROTO_NUM, bytes([socket.IPPROTO_TCP])),
            attribute(CTA_PROTO_SRC_PORT, struct.pack("!H", source_port)),
            attribute(CTA_PROTO_DST_PORT, struct.pack("!H", destination_port)),
        ),
    )


ORIGINAL = tuple_attribute(CTA_TUPLE_ORIG, CLIENT, SERVER, CLIENT_PORT, FTP_PORT)


def injection(helper: str) -> bytes:
    """The attributes of an established FTP control connection behind source NAT, as conntrackd commits it."""
    status = IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED
    address = socket.inet_aton(VIRTUAL)
    return b"".join(
        [
            ORIGINAL,
            # The untranslated reply: the kernel derives the translated one from CTA_NAT_SRC.
            tuple_attribute(CTA_TUPLE_REPLY, SERVER, CLIENT, FTP_PORT, CLIENT_PORT),
            attribute(CTA_STATUS, struct.pack("!L", status)),
            attribute(CTA_TIMEOUT, struct.pack("!L", 60)),
            nested(
                CTA_PROTOINFO,
                nested(
                    CTA_PROTOINFO_TCP, attribute(CTA_PROTOINFO_TCP_STATE, bytes([TCP_CONNTRACK_ESTABLISHED]))
                ),
            ),
            nested(CTA_HELP, attribute(CTA_HELP_NAME, helper.encode() + b"\0")),
            nested(CTA_NAT_SRC, attribute(CTA_NAT_V4_MINIP, address), attribute(CTA_NAT_V4_MAXIP, address)),
        ]
    )


def helper_of(answer: bytes) -> str | None:
    """The helper's name in the attributes of an entry; None when it has none."""
    help_attribute = parse_attributes(answer).get(CTA_HELP)
    if help_attribute is None:
        return None
    name = parse_attributes(help_attribute).get(CTA_HELP_NAME)
    return name.rstrip(b"\0").decode() if name else None


def is_translated(answer: bytes) -> bool:
    """Whether the reply goes to the virtual address: an entry without NAT would prove nothing."""
    reply = parse_attributes(parse_attributes(answer).get(CTA_TUPLE_REPLY, b""))
    return parse_attributes(reply.get(CTA_TUPLE_IP, b"")).get(CTA_IP_V4_DST) == socket.inet_aton(VIRTUAL)


def exchange(channel: socket.socket, request: bytes, step: str) -> bytes:
    """Send a request and return the attributes of the answer, empty for an acknowledgement."""
    channel.send(request)
    kind, _sequence, answer = next(messages(channel.recv(65536)))
    if kind != NLMSG_ERROR:
        return answer[NFGENMSG.size :]
    if number := error_number(answer):
        raise HelperCheckError(step, number)
    return b""


def ask_kernel(helper: str) -> str | None:
    """Inject the entry, read it back and return its helper. Works on the namespace of the calling thread."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as channel:
        channel.settimeout(10)
        channel.bind((0, 0))
        flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
        exchange(
            channel,
            request_of(MSG_CT_NEW, flags, 1, injection(helper)),
            f"inject an entry with the helper {helper}",
        )
        answer = exchange(
            channel, request_of(MSG_CT_GET, NLM_F_REQUEST, 2, ORIGINAL), "read the injected entry"
        )
    if not is_translated(answer):
        raise HelperCheckError("inject an entry with NAT", 95)
    return helper_of(answer)


def helper_after_injection(helper: str) -> str | None:
    """Ask the kernel in a fresh network namespace, which ends with the thread that made it."""
    outcome: list[str | None] = []
    problems: list[Exception] = []

    def work() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            problems.append(HelperCheckError("make a network namespace", ctypes.get_errno()))
            return
        try:
            outcome.append(ask_kernel(helper))
        except (HelperCheckError, OSError) as error:
            problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return outcome[0]
