# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners that stand where nothing may arrive: they answer whoever reaches them, and count."""

from __future__ import annotations

import ipaddress
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.probe.checks import ACCEPT, Check, look
from ansible_collections.ftfw.pair.plugins.module_utils.probe.process import Ready, answer_one
from ansible_collections.ftfw.pair.plugins.module_utils.probe.rows import CheckRow, compare

GREETING = b"ftfw listener\n"
COUNT, RESET, STOP = "count", "reset", "stop"
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@dataclass(frozen=True)
class ListeningPort:
    protocol: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol}/{self.port} of {self.address}"


def bound(listener: ListeningPort) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(listener.address).version == 6 else socket.AF_INET
    sock = socket.socket(family, KINDS[listener.protocol])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listener.address, listener.port))
        if listener.protocol == "tcp":
            sock.listen(16)
    except OSError as error:
        sock.close()
        raise OSError(f"can't listen at {listener}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


def serve(listeners: list[ListeningPort], control: socket.socket, ready: Ready) -> None:
    """Answer and count arrivals at the listeners until the control socket says stop."""
    counts: Counter[ListeningPort] = Counter()
    peers: dict[ListeningPort, set[str]] = {listener: set() for listener in listeners}
    going = True

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal going
        if request["do"] == RESET:
            counts.clear()
            for seen in peers.values():
                seen.clear()
        going = request["do"] != STOP
        return {"listeners": [{"arrivals": counts[one], "peers": sorted(peers[one])} for one in listeners]}

    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ, partial(answer_one, control, handle))
    for listener in listeners:
        sock = bound(listener)
        selector.register(
            sock, selectors.EVENT_READ, partial(arrive, listener, sock, counts, peers[listener])
        )
    ready({})
    while going:
        for key, _events in selector.select():
            callback: Callable[[], None] = key.data
            callback()


def arrive(
    listener: ListeningPort, sock: socket.socket, counts: Counter[ListeningPort], peers: set[str]
) -> None:
    try:
        if listener.protocol == "tcp":
            peer, address = sock.accept()
            with peer:
                peer.send(GREETING)
        else:
            _datagram, address = sock.recvfrom(65536)
            sock.sendto(GREETING, address)
    except OSError:
        # whoever came has gone again, and one visitor must not end what watches for others
        return
    counts[listener] += 1
    peers.add(str(address[0]))


def answer_rows(listeners: list[ListeningPort], host: str, timeout: float) -> list[CheckRow]:
    """Ask each listener from its own host: the control without which silence elsewhere proves nothing."""
    return [
        compare(
            f"control: {listener} answers on {host} itself",
            ACCEPT,
            look(Check("", listener.protocol, listener.address, listener.port, timeout=timeout)).outcome,
        )
        for listener in listeners
    ]


def arrival_rows(listeners: list[ListeningPort], counted: list[dict[str, Any]], host: str) -> list[CheckRow]:
    return [
        compare(f"arrivals at {listener} on {host}", "0", str(count["arrivals"]), ", ".join(count["peers"]))
        for listener, count in zip(listeners, counted)
    ]
