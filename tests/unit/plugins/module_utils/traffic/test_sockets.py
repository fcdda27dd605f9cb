# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of errors."""

from __future__ import annotations

import errno
import socket

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import what_happened


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "closed by the peer"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset"),
        (OSError(errno.ENETUNREACH, "x"), "no route"),
        (OSError(errno.EPERM, "Operation not permitted"), "Operation not permitted"),
        (socket.gaierror("odd"), "odd"),
    ],
)
def test_what_happened(error: OSError | None, words: str) -> None:
    assert what_happened(error) == words
