# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of datagrams, against servers on the loopback device."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.checks import ask
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import CheckConfig, ServerConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import Verdict

HERE = ["127.0.0.1", "::1"]
WELL = Verdict(True, "is well")
Answer = Callable[[bytes], "list[bytes]"]


@contextmanager
def served(address: str, answer: Answer) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers each datagram, and keeps what it was asked."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind((address, 0))

        def serve() -> None:
            while True:
                try:
                    asked, who = channel.recvfrom(4096)
                except OSError:
                    return
                if asked == b"end":
                    return
                heard.append(asked)
                for one in answer(asked):
                    channel.sendto(one, who)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = channel.getsockname()[1]
        try:
            yield port, heard
        finally:
            channel.sendto(b"end", (address, port))
            thread.join(10)


def asked(address: str, kind: str, port: int, seconds: float = 10, **options: Any) -> Verdict:
    return ask(
        ServerConfig("srv", address, 1), CheckConfig(kind, {"port": port, **options}, 1, seconds, 0, 1)
    )


def dns(code: int, *, number: int = 0, flags: int = 0x8000) -> Answer:
    """Answer with a code; another number is an answer to somebody else."""
    return lambda text: [
        struct.pack("!HH", struct.unpack("!H", text[:2])[0] ^ number, flags | code) + text[4:]
    ]


def nothing(_asked: bytes) -> list[bytes]:
    return []


@pytest.mark.parametrize("address", HERE)
def test_dns(address: str) -> None:
    with served(address, dns(0)) as (port, heard):
        assert asked(address, "dns", port, name="www.example.org", type="AAAA") == WELL
        assert asked(address, "dns", port, name=".", type="SOA") == WELL
    # one question, recursion desired, class IN (RFC 1035, section 4.1)
    head = struct.pack("!5H", 0x0100, 1, 0, 0, 0)
    assert heard[0][2:] == head + b"\3www\7example\3org\0" + struct.pack("!HH", 28, 1)
    assert heard[1][2:] == head + b"\0" + struct.pack("!HH", 6, 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (dns(3), "a.example: the server answers with NXDOMAIN"),
        (dns(11), "a.example: the server answers with code 11"),
        (dns(0, number=1), "no answer within 0.3 s"),
        (dns(0, flags=0), "no answer within 0.3 s"),
        (lambda text: [text[:2], *dns(5)(text)], "a.example: the server answers with REFUSED"),
        (nothing, "no answer within 0.3 s"),
    ],
)
def test_dns_that_is_not_well(answer: Answer, reason: str) -> None:
    with served(HERE[0], answer) as (port, _heard):
        late = "no answer" in reason
        found = asked(HERE[0], "dns", port, 0.3 if late else 10, name="a.example", type="A")
    assert found == Verdict(False, reason)


@pytest.mark.parametrize("address", HERE)
def test_udp(address: str) -> None:
    with served(address, lambda text: [b"pong"] if text == b"\x0a\xff" else []) as (port, _heard):
        assert asked(address, "udp", port, payload="0aff", require_reply=True) == WELL
        # one that says nothing may be well
        assert asked(address, "udp", port, 0.3, payload="00") == WELL
        late = asked(address, "udp", port, 0.3, payload="00", require_reply=True)
        assert late == Verdict(False, "no answer within 0.3 s")
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    assert asked(address, "udp", port) == Verdict(False, "Connection refused")
