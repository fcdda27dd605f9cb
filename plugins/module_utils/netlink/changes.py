# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells unasked: that rules, cards or addresses have changed (netlink(7))."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_NETFILTER,
    NETLINK_ROUTE,
    messages,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import (
    RTM_DELADDR,
    RTM_NEWADDR,
    address_of,
)

_GROUP_NFTABLES = 7
_GROUP_LINK, _GROUPS_ADDRESSES = 0x1, 0x10 | 0x100
"""RTMGRP_LINK; RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR"""
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_SMALL = 16384
"""Bytes of a queue of changes: that there were too many is told by an error, which says enough."""
_MAX_DATAGRAMS = 256
"""At most so many are taken in at once: nobody can keep the program from judging."""


def _subscribe(protocol: int, groups: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    try:
        opened.bind((0, groups))
    except BaseException:
        opened.close()
        raise
    return opened


class Changes:
    """A socket that becomes readable when something changes. What has changed is looked up afterwards."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)

    @classmethod
    def of_cards(cls) -> Changes:
        return cls(_subscribe(NETLINK_ROUTE, _GROUP_LINK | _GROUPS_ADDRESSES))

    @classmethod
    def of_rules(cls) -> Changes:
        opened = _subscribe(NETLINK_NETFILTER, 0)
        opened.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTABLES)
        return cls(opened)

    def fileno(self) -> int:
        return self.socket.fileno()

    def drain(self) -> None:
        while True:
            try:
                self.socket.recv(_SMALL)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise


class Moves:
    """How many virtual addresses have come to this node, and gone, so far: the kernel tells of each."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._wanted = set(addresses)
        self._come = self.gone = 0
        self._socket = _subscribe(NETLINK_ROUTE, _GROUPS_ADDRESSES)

    def come(self) -> int:
        """How many have come; `gone` is up to date then, too."""
        for _number in range(_MAX_DATAGRAMS):
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # some were lost, and ours may have been among them
                self._come += 1
                self.gone += 1
                continue
            for kind, _sequence, entry in messages(data):
                if address_of(entry) in self._wanted:
                    self._come += kind == RTM_NEWADDR
                    self.gone += kind == RTM_DELADDR
        return self._come
