# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of port forwards, source NAT and fragments: each is one line that names host, key and value."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    FORWARD,
    Change,
    errors,
)

CASES: dict[str, tuple[dict[str, object], str]] = {
    "port forward of a port without a protocol": (
        {"all:site_port_forwards": [{**FORWARD, "service": 8080}]},
        "all: site_port_forwards[0].service: 8080: is a port without a protocol, and services have names; "
        "declare it in site_services, such as NAME: {tcp: [8080]}, and write NAME here",
    ),
    "port forward to an unknown host": (
        {"all:site_port_forwards": [{**FORWARD, "host": "cliemt"}]},
        "all: site_port_forwards[0].host: cliemt: is no address, and no host of the inventory; "
        "did you mean client?",
    ),
    "port forward to a host on the wrong side": (
        {"all:site_port_forwards": [{**FORWARD, "host": "192.168.0.3"}]},
        "all: site_port_forwards[0].host: 192.168.0.3: has no IPv4 address on another network of the pair; "
        "name a host on inside",
    ),
    "port forward from no virtual address": (
        {"all:site_port_forwards": [{**FORWARD, "address": "192.168.0.1"}]},
        "all: site_port_forwards[0].address: 192.168.0.1: is no virtual address on network outside; "
        "those are: 192.168.0.100",
    ),
    "port forward of a family that the host's network lacks": (
        {
            "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
            "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
            "fw-1:node_interfaces.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
            "fw-2:node_interfaces.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
            "all:site_port_forwards": [{**FORWARD, "address": "2001:db8::100"}],
        },
        "all: site_port_forwards[0].host: client: has no IPv6 address on another network of the pair; "
        "name a host on one",
    ),
    "source NAT that there is not": (
        {"all:site_source_nat": {"outside": "snat"}},
        "all: site_source_nat.outside: snat: is unknown; known are: masquerade, none, virtual_address",
    ),
    "source NAT left empty": (
        {"all:site_source_nat": {"outside": []}},
        "all: site_source_nat.outside: []: is empty; write virtual_address, masquerade, none, "
        "or virtual addresses",
    ),
    "source NAT to an unknown network": (
        {"all:site_source_nat": {"outsid": "masquerade"}},
        "all: site_source_nat.outsid: outsid: unknown network; did you mean outside?",
    ),
    "source NAT of a family that the network lacks": (
        {"all:site_source_nat": {"outside": ["192.168.0.100", "2001:db8::100"]}},
        "all: site_source_nat.outside: 2001:db8::100: network outside has no prefix of IPv6; "
        "leave it out, or give the network a prefix of that family",
    ),
    "source NAT to another address": (
        {"all:site_source_nat": {"outside": "192.168.0.1"}},
        "all: site_source_nat.outside: 192.168.0.1: is no virtual address on network outside; "
        "those are: 192.168.0.100",
    ),
    "fragment at no place": (
        {"all:site_fragments": [{"place": "inptu", "text": "accept"}]},
        "all: site_fragments[0].place: inptu: is unknown; did you mean input?",
    ),
    "fragment without text": (
        {"all:site_fragments": [{"place": "input"}]},
        "all: site_fragments[0]: {place: input}: needs either text or file; "
        "write the rules, or name a file that has them",
    ),
    "fragment whose braces don't match": (
        {"all:site_fragments": [{"place": "input", "text": "accept\ntcp dport { 22, 23 accept\n"}]},
        "all: site_fragments[0]: line 2: a { is not closed; add the }; "
        "braces and quotes end where they began",
    ),
    "fragment that ends its chain": (
        {"all:site_fragments": [{"place": "input", "text": "accept\n}\nchain own {\ndrop"}]},
        "all: site_fragments[0]: line 2: a } that closes nothing; take it away; "
        "braces and quotes end where they began",
    ),
    "port forward to a firewall": (
        {"all:site_port_forwards": [{**FORWARD, "host": "fw-1"}]},
        "all: site_port_forwards[0].host: fw-1: is an address of fw-1; name a host behind the pair",
    ),
    "fragment whose file is not there": (
        {"all:site_fragments": [{"place": "input", "file": "own.nft"}]},
        "all: site_fragments[0].file: own.nft: the file can't be read: there are no files here; "
        "name a text file, from the inventory's directory on",
    ),
    "fragment for another pair": (
        {"all:site_fragments": [{"place": "input", "text": "accept", "pair": "ftfv"}]},
        "all: site_fragments[0].pair: ftfv: unknown pair; did you mean ftfw?",
    ),
    "reverse path": (
        {"all:site_reverse_path": "strickt"},
        "all: site_reverse_path: strickt: is unknown; did you mean strict?",
    ),
    "port forwarded twice": (
        {"all:site_port_forwards": [FORWARD, FORWARD]},
        "all: site_port_forwards[1].service: http: site_port_forwards[0] already takes tcp port 80 of "
        "192.168.0.100; forward a port to one host, or give each sources that the others do not have",
    ),
    "port forwarded for some and for anybody": (
        {"all:site_port_forwards": [{**FORWARD, "sources": ["192.0.2.1"]}, FORWARD]},
        "all: site_port_forwards[1].service: http: site_port_forwards[0] already takes tcp port 80 of "
        "192.168.0.100; forward a port to one host, or give each sources that the others do not have",
    ),
    "port forwarded twice for one of many": (
        {
            "all:site_port_forwards": [
                {**FORWARD, "sources": ["192.0.2.0/28", "198.51.100.0/24"]},
                {**FORWARD, "sources": ["203.0.113.1"]},
                {**FORWARD, "sources": ["192.0.2.64", "198.51.100.255"]},
            ]
        },
        "all: site_port_forwards[2].service: http: site_port_forwards[0] already takes tcp port 80 of "
        "192.168.0.100; forward a port to one host, or give each sources that the others do not have",
    ),
    "port forward of ping": (
        {"all:site_port_forwards": [{**FORWARD, "service": "ping"}]},
        "all: site_port_forwards[0].service: ping: has no port to forward; "
        "name one with tcp, udp or sctp ports",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CASES.values(), ids=CASES)
def test_bad_input(changed: Change, changes: dict[str, object], line: str) -> None:
    found = errors(changed(changes))
    assert line in found
