# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of HTTP/1.1, and their answers as they come bit by bit (RFC 9112)."""

from __future__ import annotations

import http.client
import io
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import CorruptError
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import SocketAddress

END_OF_HEAD = b"\r\n\r\n"
LARGEST = 4 << 20
"""Bytes of an answer, as many as checks of balancers take."""


def request(address: SocketAddress, path: str, keep: bool) -> bytes:
    """Ask for a page; `keep` leaves the connection open for the next one (RFC 9112, section 9.3)."""
    host, port = str(address[0]), address[1]
    name = f"[{host}]" if ":" in host else host
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {name}" if port == 80 else f"Host: {name}:{port}",
        "User-Agent: ftfw-probe",
        "Accept: */*",
        *([] if keep else ["Connection: close"]),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    closes: bool
    """Whether the server ends the connection after it."""


def read_answer(data: bytes | bytearray, ended: bool = False) -> HttpAnswer | None:
    """Read an answer; None while something of it is missing.

    One without a length lasts until the connection has `ended`. Raises CorruptError for what is no HTTP.
    """
    if len(data) > LARGEST or (data[:5] != b"HTTP/" and len(data) >= 5):
        raise CorruptError
    if END_OF_HEAD not in data:
        return None
    source: Any = _Received(bytes(data))
    answer = http.client.HTTPResponse(source, method="GET")
    try:
        answer.begin()
        if answer.length is None and not answer.chunked and not ended:
            return None
        answer.read()
        if answer.chunked and not data.endswith(END_OF_HEAD):
            # what follows the last chunk ends as a head does (RFC 9112, section 7.1)
            return None
    except http.client.IncompleteRead:
        return None
    except (http.client.HTTPException, ValueError) as error:
        raise CorruptError from error
    return HttpAnswer(answer.status, answer.will_close)


class _Received:
    """What http.client takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)
