# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's hash. That rules find what it says, packets show in tests/integration/policy_check."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.jhash import MODULUS, client_hash, jhash


@pytest.mark.parametrize(
    ("key", "seed", "expected"),
    [
        # linux/jhash.h: nothing is mixed where there is nothing
        (b"", 0, 0xDEADBEEF),
        (b"", 1, 0xDEADBEF0),
        # Bob Jenkins' lookup3.c, driver5(): hashlittle() of the same words
        (b"Four score and seven years ago", 0, 0x17770551),
        (b"Four score and seven years ago", 1, 0xCD628161),
    ],
)
def test_jhash(key: bytes, seed: int, expected: int) -> None:
    assert jhash(key, seed) == expected


@pytest.mark.parametrize("address", ["192.168.0.3", "2001:db8::3"])
def test_a_client_is_a_number_below_the_modulus(address: str) -> None:
    found = {client_hash(address, port) for port in range(1024, 5120)}
    assert len(found) == 4096 and max(found) < MODULUS
