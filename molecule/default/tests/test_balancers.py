# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual's chapter on load balancing: srv-1 and srv-2 in turn, and omarine when one has failed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from conftest import PROJECT
from kernel import Ansible

VIRTUAL = ["192.168.2.100", "2001:db8:2::100", "192.168.0.6", "2001:db8::6"]
"""The pair's, and omarine's own, which is in no pair."""
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


@pytest.mark.long
def test_a_hypervisor_without_a_balancer_loses_what_it_had(omarine: Any, ansible: Ansible) -> None:
    """And nothing else; afterwards it gets all of it again."""
    site = yaml.safe_load((PROJECT / "inventories/lab/group_vars/all/site.yml").read_text())["site_balancers"]
    without = json.dumps({"site_balancers": {name: one for name, one in site.items() if "host" not in one}})
    files = "find /etc/ftfw /etc/systemd/system /usr/local -name '*balance*' -o -name '*.pyz' | sort"
    before = omarine.check_output(files)
    assert "balancers.json" in before
    site_yml = ["ansible-playbook", "site.yml", "-e", "policy_test_first=false"]
    try:
        ansible(*site_yml, "-e", without)
        assert omarine.check_output(files) == ""
        assert "ftfw_balancer" not in omarine.check_output("nft list tables")
        assert omarine.check_output("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding") == "0\n0"
        assert "changed=0" in next(
            line for line in ansible(*site_yml, "-e", without).splitlines() if line.startswith("omarine ")
        )
    finally:
        ansible(*site_yml)
    assert omarine.check_output(files) == before


@pytest.mark.parametrize("name", ["fw-1", "fw-2", "omarine"])
def test_all_that_have_balancers_ask_the_servers(
    omarine: Any, guest: Callable[[str], Any], name: str
) -> None:
    """The backup, too: when it takes over it knows who is well."""
    node = omarine if name == "omarine" else guest(name)
    assert node.service("pair-balance").is_running
    said = json.loads(node.check_output("cat /run/pair-balance/state.json"))["balancers"]
    # in both families two servers, and the sorry server
    asked = [one for balancer in said for one in (*balancer["servers"], balancer["sorry_server"])]
    assert [(one["up"], one["reason"]) for one in asked] == [(True, "is well")] * 6
