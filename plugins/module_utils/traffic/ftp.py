# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of FTP that a client reads (RFC 959, RFC 2428), and the names of files."""

from __future__ import annotations

import re

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import CorruptError

FILE = re.compile(r"/?probe-([0-9]{1,5}(?:\.[0-9]+)?)-([0-9]{1,10})")


def parse_reply(buffer: bytearray) -> tuple[int, str] | None:
    """Take one reply, of one line or several (RFC 959, section 4.2), from the front of the buffer."""
    lines = bytes(buffer).split(b"\n")[:-1]
    if not lines:
        return None
    code = lines[0][:3]
    if not code.isdigit():
        raise CorruptError
    for index, line in enumerate(lines):
        if line[:3] == code and line[3:4] != b"-":
            del buffer[: sum(len(one) + 1 for one in lines[: index + 1])]
            return int(code), line[4:].decode(errors="replace").strip()
    return None


def parse_passive(code: int, text: str, host: str) -> tuple[str, int]:
    """Where the data connection goes: 227 has an address, which a firewall on the way may have changed."""
    if code == 229:
        match = re.search(r"\((.)\1\1([0-9]{1,5})\1\)", text)
        if match:
            return host, int(match[2])
    numbers = re.search(
        r"([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3})", text
    )
    if code != 227 or numbers is None:
        raise CorruptError
    *address, high, low = map(int, numbers.groups())
    return ".".join(map(str, address)), high * 256 + low


def parse_file(name: str) -> tuple[float, int] | None:
    """Seconds and bytes of probe-SECONDS-BYTES."""
    match = FILE.fullmatch(name.strip())
    return (float(match[1]), int(match[2])) if match else None
