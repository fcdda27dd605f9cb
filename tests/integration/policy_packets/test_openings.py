# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe opens in the lab's policy, against real packets: nothing before it, and nothing after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import (
    OUTSIDE,
    SERVER,
    Wire,
    lab_wire,
    views,
)

# ports at which somebody listens, and that the policy does not let through
PROBES = {
    "client": "client",
    "server": "omarine",
    "tcp": 25,
    "udp": 123,
    "ftp": 2121,
    "forward": {"tcp": 8080},
}
VIEW = views(site_probes=PROBES)["fw-1"]
OPEN, CLOSE = VIEW["verify"]["probes"]["open"], VIEW["verify"]["probes"]["close"]
SILENCE = {"seen": "silence"}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with lab_wire(VIEW["nftables"]["ruleset"]) as made, made.server.listening("ftp/2121"):
        yield made


def seen(wire: Wire) -> list[Any]:
    return [
        wire.client.probe("connect", "tcp/25", SERVER),
        wire.client.probe("connect", "udp/123", SERVER),
        wire.server.probe("connect", "tcp/8080", OUTSIDE),
    ]


def test_what_a_probe_opens_closes_by_itself(wire: Wire) -> None:
    assert seen(wire) == [SILENCE] * 3
    opened = time.monotonic()
    wire.firewall("nft", "; ".join(CLOSE + OPEN).replace("SECONDS", "12"))
    answer = {"seen": "answer", "peer": OUTSIDE}
    assert seen(wire) == [answer, answer, {"seen": "answer", "peer": SERVER}]
    # the helper lets in what the control connection announces, and nothing else
    assert wire.client.probe("ftp", SERVER, 2121) == {"data": "answer", "other": "silence"}
    # the lab's limit is one a second
    assert wire.client.probe("echo", SERVER, 20) == {"received": 20}
    assert wire.client.probe("connect", "tcp/81", SERVER) == SILENCE
    assert time.monotonic() - opened < 12, "too slow to tell"
    time.sleep(max(0.0, opened + 12.5 - time.monotonic()))
    assert seen(wire) == [SILENCE] * 3
    assert wire.client.probe("echo", SERVER, 20)["received"] < 20


def test_a_probe_is_closed_on_request(wire: Wire) -> None:
    wire.firewall("nft", "; ".join(CLOSE + OPEN).replace("SECONDS", "60"))
    assert wire.client.probe("connect", "tcp/25", SERVER)["seen"] == "answer"
    wire.firewall("nft", "; ".join(CLOSE))
    assert wire.client.probe("connect", "tcp/25", SERVER) == SILENCE


def test_what_a_probe_opens_is_for_its_hosts_only(wire: Wire) -> None:
    wire.firewall("nft", "; ".join(CLOSE + OPEN).replace("SECONDS", "60"))
    wire.client("ip", "address", "add", "192.168.2.9/24", "dev", "eth0")
    try:
        assert wire.client.probe("connect", "tcp/25", SERVER, "192.168.2.9") == SILENCE
        assert wire.client.probe("connect", "tcp/25", SERVER, "192.168.2.3")["seen"] == "answer"
        # the client's own address has no way in but the virtual one
        with wire.server.route("192.168.2.0/24", OUTSIDE):
            assert wire.server.probe("connect", "tcp/8080", "192.168.2.3") == SILENCE
    finally:
        wire.client("ip", "address", "del", "192.168.2.9/24", "dev", "eth0")
        wire.firewall("nft", "; ".join(CLOSE))
