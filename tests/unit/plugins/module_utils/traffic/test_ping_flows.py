# SPDX-License-Identifier: GPL-3.0-or-later
"""The checksum of an echo request."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ping_flows import internet_checksum


def test_internet_checksum_of_rfc_1071() -> None:
    # the example of its section 3, complemented
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
