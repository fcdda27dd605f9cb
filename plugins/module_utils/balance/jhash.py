# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash by which rules know a client's port again: `jhash tcp sport . ip saddr mod N seed S` of nft."""

from __future__ import annotations

from ipaddress import ip_address

MODULUS, SEED = 2147483647, 1
"""Two clients of a quarter of a million have the same number now and then, which does no harm."""
_WORD = 0xFFFFFFFF


def client_hash(address: str, port: int) -> int:
    """What the kernel makes of them (nft_hash.c): each part is filled up to whole words."""
    key = port.to_bytes(2, "big") + bytes(2) + ip_address(address).packed
    # reciprocal_scale() of linux/math.h
    return jhash(key, SEED) * MODULUS >> 32


def jhash(key: bytes, seed: int) -> int:
    """jhash() of linux/jhash.h, on a machine whose words begin with the lowest byte."""
    a = b = c = (0xDEADBEEF + len(key) + seed) & _WORD
    while len(key) > 12:
        a, b, c = _mix(*_added(a, b, c, key[:12]))
        key = key[12:]
    return _final(*_added(a, b, c, key.ljust(12, b"\0"))) if key else c


def _added(a: int, b: int, c: int, key: bytes) -> tuple[int, int, int]:
    words = [int.from_bytes(key[place : place + 4], "little") for place in (0, 4, 8)]
    return (a + words[0]) & _WORD, (b + words[1]) & _WORD, (c + words[2]) & _WORD


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        # the parts change places with each step
        a = (a - c & _WORD) ^ _turned(c, bits)
        c = (c + b) & _WORD
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, bits)) & _WORD
        a, b, c = b, c, a
    return b
