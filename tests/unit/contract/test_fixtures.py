# SPDX-License-Identifier: GPL-3.0-or-later
"""Views that tests make up are what the contract says."""

from __future__ import annotations

from ansible_collections.ftfw.pair.tests.unit.contract.values import differences
from ansible_collections.ftfw.pair.tests.unit.roles.conftest import SITE_VIEW


def test_the_firewall_of_the_roles() -> None:
    assert differences(SITE_VIEW) == []
