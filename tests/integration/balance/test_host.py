# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers of a host that is in no pair, as the manual has them: both families, servers near and far."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.balance.net import (
    CLIENT,
    HOST,
    PORT,
    SERVERS,
    Net,
    address,
    net,
    serving,
    site,
    until,
)
from ansible_collections.ftfw.pair.tests.integration.policy_check.sites import HostVars

FAMILIES = [4, 6]
NEAR = {
    4: {"srv-1": "192.168.0.14", "srv-2": "192.168.0.15", "sorry": "192.168.0.19"},
    6: {"srv-1": "2001:db8::14", "srv-2": "2001:db8::15", "sorry": "2001:db8::19"},
}
"""On the wire of the client."""


def host_site(servers: dict[int, dict[str, str]], **changes: Any) -> HostVars:
    """The lab with a host that has a balancer for each family."""
    hosts = site(**changes)
    for variables in hosts.values():
        for family in FAMILIES:
            one = variables["site_balancers"][f"web-{family}"]
            del one["network"]
            named = {name: {"host": at, "port": PORT} for name, at in servers[family].items()}
            one |= {"host": "lb", "address": HOST[family]}
            one |= {"servers": [named["srv-1"], named["srv-2"]], "sorry": named["sorry"]}
    own = {
        "eth0": {"network": "outside", "addresses": [HOST[4], HOST[6]]},
        "eth1": {"network": "inside", "addresses": ["192.168.2.7", "2001:db8:2::7"]},
    }
    shared = {key: value for key, value in hosts["client"].items() if key.startswith("site_")}
    return {**hosts, "lb": {**copy.deepcopy(shared), "node_interfaces": own}}


@contextmanager
def near(agent: Path, folder: Path, **changes: Any) -> Iterator[Net]:
    """A host with one wire, on which the client and the servers are, too: the manual's case."""
    with net(folder, agent, host_site(NEAR, source_nat=True, **changes), host="lb") as lab:
        for four, six in zip(NEAR[4].values(), NEAR[6].values()):
            address(lab.names["client"], "eth0", f"{four}/24", f"{six}/64")
        with serving(lab.names["client"], PORT, NEAR) as servers:
            yield replace(lab, servers=servers)


@contextmanager
def far(agent: Path, folder: Path, **changes: Any) -> Iterator[Net]:
    """A host that servers have for their gateway: they see the client."""
    with net(folder, agent, host_site(SERVERS, **changes), host="lb") as lab:
        yield lab


PEER = re.compile(r" \[?([0-9a-f:.]+?)\]?:\d+\s*$", re.MULTILINE)
HOST_NUMBERS = (1, 7, 100)
"""Of the host's addresses on that wire, from which the kernel chooses."""
PLACES = pytest.mark.parametrize("place", [near, far], ids=["near", "far"])


def suffix(family: int) -> str:
    return "" if family == 4 else "-6"


@pytest.mark.parametrize("family", FAMILIES)
@PLACES
def test_the_manuals_chapter(agent: Path, tmp_path: Path, place: Any, family: int) -> None:
    """Requests alternate; with one server stopped the sorry page comes; started again, both are back."""
    more = suffix(family)
    pair = [f"srv-1{more}", f"srv-2{more}"]
    with place(agent, tmp_path) as lab, lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        assert lab.ask(family, 6) in (pair * 3, pair[::-1] * 3)
        lab.servers.say(f"stop srv-1{more}")
        until(lambda: lab.told(family)["sorry"])
        assert set(lab.ask(family, 4)) == {f"sorry{more}"}
        lab.servers.say(f"start srv-1{more}")
        until(lambda: not lab.told(family)["sorry"])
        assert set(lab.ask(family, 4)) == set(pair)


@pytest.mark.parametrize("family", FAMILIES)
@PLACES
def test_what_is_open_to_a_server_that_dies_is_reset(
    agent: Path, tmp_path: Path, place: Any, family: int
) -> None:
    more = suffix(family)
    with place(agent, tmp_path) as lab, lab.balancing(), lab.talk(family) as one, lab.talk(family) as other:
        where, at = ("client", NEAR) if place is near else ("inside", SERVERS)
        talks = {one().split()[0]: one, other().split()[0]: other}
        assert set(talks) == {f"srv-1{more}", f"srv-2{more}"}
        gone = f"{at[family]['srv-1']}/{24 if family == 4 else 64}"
        done = lab.run(where, "ip", "address", "delete", gone, "dev", "eth0")
        assert done.returncode == 0, done.stderr
        until(lambda: lab.up(family) == [False, True])
        assert talks[f"srv-1{more}"]() == "ConnectionResetError"
        assert talks[f"srv-2{more}"]().startswith(f"srv-2{more}")


@pytest.mark.parametrize("family", FAMILIES)
@PLACES
def test_whom_servers_see(agent: Path, tmp_path: Path, place: Any, family: int) -> None:
    """With source NAT the host, and without it the client."""
    with place(agent, tmp_path) as lab, lab.talk(family) as say:
        assert say()
        where = "client" if place is near else "inside"
        words = "ss", "-Htn", "state", "established", f"sport = :{PORT}"
        seen = {ip_address(one) for one in PEER.findall(lab.run(where, *words).stdout)}
        own = [f"192.168.0.{last}" if family == 4 else f"2001:db8::{last}" for last in HOST_NUMBERS]
        assert seen and seen <= set(map(ip_address, own if place is near else [CLIENT[family]]))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_host_itself_asks(agent: Path, tmp_path: Path, family: int) -> None:
    with near(agent, tmp_path) as lab:
        inverse = replace(lab, names={**lab.names, "client": lab.names["fw"]})
        assert set(inverse.ask(family, 4)) == {f"srv-1{suffix(family)}", f"srv-2{suffix(family)}"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("forwards", [False, True])
def test_what_is_not_balanced(agent: Path, tmp_path: Path, family: int, forwards: bool) -> None:
    """It passes only where the site says that the host forwards for others. Balanced flows always do."""
    with far(agent, tmp_path, forward_others=forwards) as lab:
        target = SERVERS[family]["srv-1"]
        # as a router it would be the way to the servers themselves
        past = replace(lab, asked={family: target})
        assert (past.ask(family) == [f"srv-1{suffix(family)}"]) is forwards
        assert lab.ask(family, 2)


def test_no_neighbour_is_sent_past_the_host(agent: Path, tmp_path: Path) -> None:
    """He would ask a server for the balancer's address. The kernel makes redirects; its NAT drops them."""
    with near(agent, tmp_path) as lab:
        for scope in ("all", "eth0"):
            lab.run("fw", "sysctl", "-qw", f"net.ipv4.conf.{scope}.send_redirects=1")
        rules = "chain in { type filter hook input priority 0; icmp type redirect counter name heard; };"
        done = lab.run("client", "nft", f"table inet told {{ counter heard {{ }}; {rules} }};")
        assert done.returncode == 0, done.stderr
        assert len(lab.ask(4, 6)) == 6
        assert "IcmpOutRedirects                0" not in lab.run("fw", "nstat", "-az").stdout
        assert "packets 0 " in lab.run("client", "nft", "list", "counter", "inet", "told", "heard").stdout
