# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel tells which control connection a flow had, even when that is gone, and then takes no such."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.helper import (
    CLONE_NEWNET,
    HelperCheckError,
    exchange,
    request_of,
    tuple_attribute,
)
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.orphans import Key, ask_masters
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    attribute,
    nested,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.ctnetlink import (
    CTA_PROTOINFO,
    CTA_PROTOINFO_TCP,
    CTA_PROTOINFO_TCP_STATE,
    CTA_STATUS,
    CTA_TIMEOUT,
    CTA_TUPLE_MASTER,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_REPLY,
    IPS_ASSURED,
    IPS_CONFIRMED,
    IPS_SEEN_REPLY,
    MSG_CT_DELETE,
    MSG_CT_NEW,
)

CLIENT, SERVER = "192.0.2.3", "198.51.100.3"
CONTROL, DATA = (40000, 21), (40001, 50000)


def key(ports: tuple[int, int]) -> Key:
    return ("tcp", "", f"src={CLIENT} dst={SERVER} sport={ports[0]} dport={ports[1]}")


def enter() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network namespace")


@pytest.fixture
def namespace() -> Iterator[ThreadPoolExecutor]:
    """A thread in a network namespace of its own, which goes with it."""
    with ThreadPoolExecutor(1, initializer=enter) as thread:
        yield thread


def tell(kind: int, flags: int, attributes: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as channel:
        channel.settimeout(10)
        channel.bind((0, 0))
        exchange(channel, request_of(kind, NLM_F_REQUEST | NLM_F_ACK | flags, 1, attributes), "do so")


def begin(ports: tuple[int, int], master: tuple[int, int] | None = None) -> None:
    source, target = ports
    tell(
        MSG_CT_NEW,
        NLM_F_CREATE | NLM_F_EXCL,
        tuple_attribute(CTA_TUPLE_ORIG, CLIENT, SERVER, source, target)
        + tuple_attribute(CTA_TUPLE_REPLY, SERVER, CLIENT, target, source)
        + attribute(CTA_STATUS, struct.pack("!L", IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED))
        + attribute(CTA_TIMEOUT, struct.pack("!L", 60))
        + nested(CTA_PROTOINFO, nested(CTA_PROTOINFO_TCP, attribute(CTA_PROTOINFO_TCP_STATE, b"\3")))
        + (tuple_attribute(CTA_TUPLE_MASTER, CLIENT, SERVER, *master) if master else b""),
    )


def end(ports: tuple[int, int]) -> None:
    tell(MSG_CT_DELETE, 0, tuple_attribute(CTA_TUPLE_ORIG, CLIENT, SERVER, *ports))


def test_a_flow_outlives_its_control_connection(namespace: ThreadPoolExecutor) -> None:
    def life() -> list[dict[Key, Key]]:
        begin(CONTROL)
        before = ask_masters()
        begin(DATA, CONTROL)
        together = ask_masters()
        end(CONTROL)
        return [before, together, ask_masters()]

    known = {key(DATA): key(CONTROL)}
    assert namespace.submit(life).result() == [{}, known, known]


def test_the_kernel_refuses_a_flow_without_its_control_connection(namespace: ThreadPoolExecutor) -> None:
    with pytest.raises(HelperCheckError) as caught:
        namespace.submit(begin, DATA, CONTROL).result()
    assert caught.value.number == errno.ENOENT
