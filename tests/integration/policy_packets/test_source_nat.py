# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a server sees: the client itself (`site_source_nat: none`), or the pair's virtual address.

The rules and the server's way back are those that the site model makes of the lab's inventory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import (
    CLIENT,
    OUTSIDE,
    SERVER,
    Wire,
    lab_wire,
    ruleset,
    views,
)


def routes(source_nat: str) -> list[dict[str, str]]:
    """The routes of the bridge that the server is on."""
    bridges = views(site_source_nat=source_nat)["omarine"]["host_network"]["bridges"]
    [found] = [bridge["routes"] for bridge in bridges if bridge["name"] == "br0"]
    return list(found)


@contextlib.contextmanager
def way_back(wire: Wire) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for route in routes("none"):
            stack.enter_context(wire.server.route(**route))
        yield


@pytest.fixture(scope="module")
def without() -> Iterator[Wire]:
    """No source NAT, and not yet a way back."""
    with lab_wire(ruleset(site_source_nat="none")) as wire:
        yield wire


@pytest.fixture(scope="module")
def default() -> Iterator[Wire]:
    with lab_wire(ruleset()) as wire:
        yield wire


@pytest.mark.parametrize("service", ["tcp/22", "tcp/80", "udp/53"])
def test_without_source_nat_the_server_sees_the_client(without: Wire, service: str) -> None:
    assert routes("none") == [{"destination": "192.168.2.0/24", "gateway": OUTSIDE}]
    with way_back(without):
        assert without.client.probe("connect", service, SERVER) == {"seen": "answer", "peer": CLIENT}


@pytest.mark.parametrize("service", ["tcp/22", "tcp/80", "udp/53"])
def test_without_the_way_back_it_fails(without: Wire, service: str) -> None:
    # what other tests have sent is not to be taken for what this one sends
    without.firewall("conntrack", "-F")
    assert without.client.probe("connect", service, SERVER) == {"seen": "silence"}
    # it did pass the firewall, as it is, and what is missing is the answer
    flow = without.firewall("conntrack", "-L", "--orig-dst", SERVER)
    assert f"src={CLIENT} dst={SERVER}" in flow
    assert f"src={SERVER} dst={CLIENT}" in flow
    assert "[UNREPLIED]" in flow


@pytest.mark.parametrize("service", ["tcp/22", "tcp/80", "udp/53"])
def test_by_default_it_sees_the_virtual_address_and_needs_no_way_back(default: Wire, service: str) -> None:
    assert routes("virtual_address") == []
    assert default.client.probe("connect", service, SERVER) == {"seen": "answer", "peer": OUTSIDE}


def test_without_source_nat_passive_ftp_opens_the_announced_port_and_no_other(without: Wire) -> None:
    with way_back(without):
        assert without.client.probe("ftp", SERVER) == {"data": "answer", "other": "silence"}


def test_without_source_nat_other_services_are_dropped(without: Wire) -> None:
    with way_back(without):
        assert without.client.probe("connect", "tcp/25", SERVER) == {"seen": "silence"}


def test_over_the_way_back_the_server_opens_nothing(without: Wire) -> None:
    with way_back(without):
        assert without.server.probe("connect", "tcp/8080", CLIENT) == {"seen": "silence"}
        # without the table the way and the listener are there
        without.firewall("nft", "delete", "table", "inet", "ftfw")
        try:
            assert without.server.probe("connect", "tcp/8080", CLIENT) == {"seen": "answer", "peer": SERVER}
        finally:
            without.load(ruleset(site_source_nat="none"))
