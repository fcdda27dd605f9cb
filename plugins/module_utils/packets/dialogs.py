# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogs in which a flow announces another one, as far as a connection tracking helper reads them."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import Address

DIALOGS = ("ftp", "tftp")
"""Helpers whose dialog can be had here."""
GREETING = b"220 ready\r\n"
"""The helper reads no line before it has seen the end of one."""
SNMP_PORTS = (161, 162)


def is_datagram(helper: str | None) -> bool:
    """Whether the first packet is the whole announcement, to which the other side answers from a new port."""
    return helper == "tftp"


def first_data(helper: str | None) -> bytes:
    """What the first packet says: of TFTP a read request (RFC 1350)."""
    return b"\0\1file\0octet\0" if helper == "tftp" else b""


def snmp_message(community: bytes) -> bytes:
    """An SNMP request for one object, in the name of a community (RFC 1157, section 4.1; BER)."""

    def ber(tag: int, *content: bytes) -> bytes:
        value = b"".join(content)
        return bytes([tag, len(value)]) + value

    integer, octets, null, identifier, sequence, request = 0x02, 0x04, 0x05, 0x06, 0x30, 0xA0
    zero = ber(integer, b"\0")
    # 1.3.6.1: it is about nothing
    variable = ber(sequence, ber(identifier, b"\x2b\x06\x01"), ber(null))
    return ber(
        sequence, zero, ber(octets, community), ber(request, zero, zero, zero, ber(sequence, variable))
    )


def announced(address: Address, port: int) -> bytes:
    """The answer of an FTP server that opens a port: to PASV (RFC 959), or to EPSV (RFC 2428) in IPv6."""
    if address.version == 6:
        return f"229 Entering Extended Passive Mode (|||{port}|)\r\n".encode()
    fields = str(address).replace(".", ",")
    return f"227 Entering Passive Mode ({fields},{port >> 8},{port & 255}).\r\n".encode()
