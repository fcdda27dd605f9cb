# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link-local address that the kernel makes of a MAC, also made by hand, as RFC 4291's appendix A says."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LINK_LOCAL, link_local
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("mac", "address"),
    [
        pytest.param("34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde", id="RFC 2464, section 4"),
        pytest.param("12:34:56:78:9a:01", "fe80::1034:56ff:fe78:9a01", id="locally administered"),
        pytest.param("00:00:00:00:00:01", "fe80::200:ff:fe00:1", id="with noughts"),
    ],
)
def test_link_local(mac: str, address: str) -> None:
    assert link_local(mac) == IPv6Address(address)


@given(st.binary(min_size=6, max_size=6))
def test_any_mac(octets: bytes) -> None:
    found = link_local(octets.hex(":"))
    assert found in LINK_LOCAL
    assert found.packed[8:] == bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]))
