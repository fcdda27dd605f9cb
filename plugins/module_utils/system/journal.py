# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a daemon says to the journal, and to the service manager."""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import os
import sys

ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6
"""Levels of syslog(3); systemd takes them from a prefix (sd-daemon(3))."""


def log(level: int, message: str) -> None:
    """Write a line, with its level before it."""
    print(f"<{level}>{message}", file=sys.stderr, flush=True)


def notify_systemd(message: str) -> None:
    """Tell the service manager (sd_notify(3)); nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # many of our programs have no other use for it, and all of them are to start quickly
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(message.encode())
