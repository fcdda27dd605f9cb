# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a node asks for names, and where Ansible comes to it: accepted without a word, and nothing works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import errors

HostVars = dict[str, dict[str, Any]]
Change = Callable[[dict[str, object]], HostVars]
SERVER = "write the address of a name server"
MGMT: dict[str, object] = {
    "fw-1:ansible_host": "10.255.0.1",
    "fw-2:ansible_host": "10.255.0.2",
    "client:ansible_host": "10.255.0.3",
}


@pytest.mark.parametrize(
    ("resolver", "told"),
    [
        ("fe80::53", "is a link-local address, which each link has; name the interface behind it, such as "
         "fe80::53%eth0"),
        ("fe80::53%eth9", "the node has no interface eth9; did you mean eth0?"),
        ("2001:db8::3%eth0", "needs no zone: it is no link-local address; write 2001:db8::3"),
        ("224.0.0.251", f"is a multicast address; {SERVER}"),
        ("ff02::fb", f"is a multicast address; {SERVER}"),
        ("0.0.0.0", f"is the unspecified address; {SERVER}"),  # noqa: S104 - it is refused
        ("::", f"is the unspecified address; {SERVER}"),
        ("255.255.255.255", f"is the broadcast address; {SERVER}"),
        ("::ffff:192.168.0.3", f"is an IPv4 address in IPv6's notation; {SERVER}"),
    ],
)  # fmt: skip
def test_nobody_answers_there(changed: Change, resolver: str, told: str) -> None:
    (line,) = errors(changed({"client:node_resolvers": [resolver]}))
    assert line.startswith("client: node_resolvers[0]: ") and line.endswith(f": {told}")


def test_a_server_that_is_named_twice(changed: Change) -> None:
    assert errors(changed({"client:node_resolvers": ["2001:db8::3", "2001:db8:0::3"]})) == [
        "client: node_resolvers[1]: 2001:db8::3: is named twice; name each address once"
    ]


def test_more_servers_than_are_asked(changed: Change) -> None:
    servers = ["192.168.0.3", "192.0.2.1", "2001:db8::1", "2001:db8::2"]
    assert load_site(changed({"client:node_resolvers": servers})).warnings == (
        "client: node_resolvers: 2001:db8::2: only the first 3 name servers are asked (resolv.conf(5)); "
        "leave it out, or put it further up",
    )


@pytest.mark.parametrize("resolver", ["192.168.0.3", "127.0.0.1", "::1", "2001:db8::3", "fe80::53%eth0"])
def test_somebody_answers_there(changed: Change, resolver: str) -> None:
    site = load_site(changed({"client:node_resolvers": [resolver]}))
    assert site.warnings == ()
    assert host_view(site, "client")["node_network"]["resolvers"] == [resolver]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3%eth0"]},
            "client: node_interfaces.eth0.addresses[1]: 2001:db8:2::3%eth0: names a zone; "
            "write 2001:db8:2::3",
        ),
        (
            {"omarine:hypervisor_bridges.br0.addresses": ["192.168.0.3/24", "2001:db8::3%br0/64"]},
            "omarine: hypervisor_bridges.br0.addresses[1]: 2001:db8::3%br0/64: names a zone; "
            "write 2001:db8::3/64",
        ),
        (
            {"all:site_networks.inside.prefixes": ["192.168.2.0/24", "fe80::%eth1/64"]},
            "all: site_networks.inside.prefixes[1]: fe80::%eth1/64: names a zone; write fe80::/64",
        ),
        (
            {"all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "fe80::100%eth1"]},
            "all: site_pairs.ftfw.virtual_routers.inside.addresses[1]: fe80::100%eth1: names a zone; "
            "write fe80::100",
        ),
    ],
)  # fmt: skip
def test_no_other_address_names_its_interface(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(changes)) == [f"{line}: the interface is known here"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param(
            {"fw-2:ansible_host": "10.255.0.1"},
            "fw-2: ansible_host: 10.255.0.1: is an address of fw-1; connect to 10.255.0.2",
            id="the peer's",
        ),
        pytest.param(
            {"client:ansible_host": "192.168.0.3"},
            "client: ansible_host: 192.168.0.3: is an address of omarine; connect to 10.255.0.3",
            id="a bridge's",
        ),
        pytest.param(
            {"fw-1:ansible_host": "192.168.2.100"},
            "fw-1: ansible_host: 192.168.2.100: is a virtual address of pair ftfw, which goes from one "
            "node to the other; connect to 10.255.0.1",
            id="a virtual one",
        ),
        pytest.param(
            {"fw-1:ansible_host": "fw.example.org", "fw-2:ansible_host": "fw.example.org"},
            "fw-2: ansible_host: fw.example.org: fw-1 is reached there, too, so that both are one machine; "
            "connect to 10.255.0.2",
            id="one name",
        ),
        pytest.param(
            {"fw-1:ansible_host": "2001:db8:99::1", "fw-2:ansible_host": "2001:db8:99:0::1"},
            "fw-2: ansible_host: 2001:db8:99:0::1: fw-1 is reached there, too, so that both are one machine; "
            "connect to 10.255.0.2",
            id="one address, written in two ways",
        ),
    ],
)
def test_a_host_is_not_reached_where_another_is(
    changed: Change, changes: dict[str, object], line: str
) -> None:
    assert errors(changed({**MGMT, **changes})) == [line]


SAME = {"fw-1:ansible_host": "192.168.0.3", "fw-2:ansible_host": "192.168.0.3"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"fw-1:ansible_port": 2201, "fw-2:ansible_port": 2202}, id="by another port"),
        pytest.param(
            {f"{host}:ansible_ssh_common_args": f"-J {host}.example.org" for host in ("fw-1", "fw-2")},
            id="through another host",
        ),
        pytest.param(
            {f"{host}:ansible_ssh_common_args": "-J {{ jump }}" for host in ("fw-1", "fw-2")},
            id="through a host that a template says",
        ),
        pytest.param({f"{host}:ansible_connection": "local" for host in ("fw-1", "fw-2")}, id="not by ssh"),
    ],
)
def test_one_address_may_be_two_machines(changed: Change, changes: dict[str, object]) -> None:
    load_site(changed({**MGMT, **SAME, **changes}))


def test_an_address_that_two_hosts_declare_is_told_once(changed: Change) -> None:
    """Where Ansible comes mostly follows from it, by a template."""
    place = "fw-2:node_interfaces.mgmt0.addresses"
    hostvars = changed({**MGMT, place: ["10.255.0.1"], "fw-2:ansible_host": "10.255.0.1"})
    assert errors(hostvars) == [
        "fw-2: node_interfaces.mgmt0.addresses: 10.255.0.1: this address is already that of fw-1's mgmt0; "
        "give every interface its own"
    ]
