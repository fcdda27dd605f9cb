# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual's chapter on load balancing: srv-1 and srv-2 in turn, and omarine when one has failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

VIRTUAL = ["192.168.2.100", "2001:db8:2::100"]
SRV_1, SRV_2, SORRY = ("Hello, I am srv-1.", "Hello, I am srv-2.", "Hello, I am omarine.")
UNIT = "ftfw-web@srv-1.service"
# two checks that fail, each with its time limit, on emulated firewalls
SECONDS = 90


def pages(client: Any, address: str, times: int) -> list[str]:
    """The last lines of pages; bash, because Python takes seconds to start in a guest."""
    ask = f"exec 3<>/dev/tcp/{address}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3"
    found: str = client.check_output(f'for n in $(seq {times}); do bash -c "{ask}"; done')
    return found.splitlines()


def until(client: Any, address: str, expected: set[str]) -> None:
    end = time.monotonic() + SECONDS
    while (seen := set(pages(client, address, 4))) != expected:
        assert time.monotonic() < end, seen
        time.sleep(1)


def test_requests_alternate_and_one_that_has_failed_is_told(
    omarine: Any, guest: Callable[[str], Any]
) -> None:
    client, both = guest("client"), [SRV_1, SRV_2]
    for address in VIRTUAL:
        seen = pages(client, address, 6)
        assert seen in (both * 3, both[::-1] * 3), (address, seen)
    omarine.check_output(f"systemctl stop {UNIT}")
    try:
        for address in VIRTUAL:
            until(client, address, {SORRY})
    finally:
        omarine.check_output(f"systemctl start {UNIT}")
    for address in VIRTUAL:
        until(client, address, {SRV_1, SRV_2})


@pytest.mark.parametrize("name", ["fw-1", "fw-2"])
def test_both_firewalls_ask_the_servers(guest: Callable[[str], Any], name: str) -> None:
    """The backup, too: when it takes over it knows who is well."""
    node = guest(name)
    assert node.service("pair-balance").is_running
    assert node.check_output("grep -o 'is well' /run/pair-balance/state.json | wc -l") == "4"
