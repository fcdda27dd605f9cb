# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of a firewall's policy: options of the module policy_check, which has the meaning of each key."""

from __future__ import annotations

from typing import TypedDict


class PolicyTestInterface(TypedDict):
    """A wire of the bench that tests the ruleset."""

    name: str
    network: str
    prefixes: list[str]
    addresses: list[str]


class PolicyTestNeeds(TypedDict("_From", {"from": str})):
    """What each packet of a test has. The option of policy_check has the meaning of each key."""

    name: str
    source: str
    destination: str
    protocol: str
    expected: list[str]


class PolicyTestPart(PolicyTestNeeds, total=False):
    """A packet, and what becomes of it."""

    to: str
    port: int
    source_port: int
    type: str
    code: int
    flags: list[str]
    packet: str
    error: str
    by: str
    helper: str
    repeat: int
    hops: int
    broken: bool
    setup: list[str]
    at: str


class PolicyTestsPart(TypedDict):
    """Options of the module policy_check."""

    interfaces: list[PolicyTestInterface]
    tests: list[PolicyTestPart]


class PolicyTestsParts(TypedDict, total=False):
    """What is asked of firewalls and balancers by packets."""

    policy_test: PolicyTestsPart | None
    """firewalls, and hosts with balancers that are in no pair, where the module is told policy_tests"""
