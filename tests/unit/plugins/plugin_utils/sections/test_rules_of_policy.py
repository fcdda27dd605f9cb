# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the policy, its services and addresses: each is one line that names host, key and value."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL,
    OUT,
    Change,
    errors,
)

CASES: dict[str, tuple[dict[str, object], str]] = {
    "unknown service": (
        {"all:site_policy.0.services": ["htps"]},
        "all: site_policy[0].services: htps: unknown service; "
        "did you mean https? (site_services declares a site's own)",
    ),
    "port without a protocol": (
        {"all:site_policy.0.services": ["ssh", 8080]},
        "all: site_policy[0].services: 8080: is a port without a protocol, and services have names; "
        "declare it in site_services, such as NAME: {tcp: [8080]}, and write NAME here",
    ),
    "port without a protocol, in quotes": (
        {"all:site_policy.0.services": ["8080"]},
        "all: site_policy[0].services: 8080: is a port without a protocol, and services have names; "
        "declare it in site_services, such as NAME: {tcp: [8080]}, and write NAME here",
    ),
    "ports without a protocol": (
        {"all:site_policy.0.services": ["8000-8010"]},
        "all: site_policy[0].services: 8000-8010: is a port without a protocol, and services have names; "
        "declare it in site_services, such as NAME: {tcp: [8000-8010]}, and write NAME here",
    ),
    **{
        f"port as others write it: {written}": (
            {"all:site_policy.0.services": [written]},
            f"all: site_policy[0].services: {written}: is a port, and services have names; "
            f"declare it in site_services, such as NAME: {{{service}}}, and write NAME here",
        )
        for written, service in (
            ("udp/53", "udp: [53]"),
            ("53/tcp", "tcp: [53]"),
            ("TCP:8000-8010", "tcp: [8000-8010]"),
            ("udp 53", "udp: [53]"),
        )
    },
    "range that ends before it begins": (
        {"all:site_services": {"x": {"udp": ["60-53"]}}},
        "all: site_services.x.udp[0]: 60-53: ends before it begins; write 53-60",
    ),
    "port in an entry": (
        {"all:site_policy": [{**OUT, "port": "udp/53"}]},
        "all: site_policy[0].port: udp/53: unknown option; "
        "declare a service in site_services, with its ports, and name that",
    ),
    "family of an entry": (
        {"all:site_policy": [{**OUT, "family": "ipv4"}]},
        "all: site_policy[0].family: ipv4: unknown option; "
        "leave it out: what holds for one family alone is said by addresses",
    ),
    "interface of an entry": (
        {"all:site_policy": [{**OUT, "iif": "eth0"}]},
        "all: site_policy[0].iif: eth0: unknown option; name networks, in from and to",
    ),
    "port in a port forward": (
        {"all:site_port_forwards": [{"to": "outside", "service": "http", "host": "client", "port": 80}]},
        "all: site_port_forwards[0].port: 80: unknown option; "
        "declare a service in site_services, with its ports, and name that",
    ),
    "prefix as log": (
        {"all:site_policy": [{**OUT, "log": "web: "}]},
        "all: site_policy[0].log: 'web: ': is neither true nor false; "
        "write true, or what log lines begin with as {prefix: TEXT}",
    ),
    "address as source NAT": (
        {"all:site_source_nat": "192.168.0.100"},
        "all: site_source_nat: 192.168.0.100: is an address, which is one network's; "
        "write {NETWORK: 192.168.0.100}",
    ),
    "service that is no name": (
        {"all:site_policy.0.services": [True]},
        "all: site_policy[0].services[0]: true: is not a text; write it in quotes",
    ),
    "offload of what is dropped": (
        {"all:site_policy": [{**OUT, "services": ["ssh"], "action": "drop", "offload": True}]},
        "all: site_policy[0].offload: true: is for what is accepted, and this entry accepts nothing; "
        "leave it out",
    ),
    "offload of something else": (
        {"all:site_policy": [{**OUT, "services": ["ssh"], "offload": "related"}]},
        "all: site_policy[0].offload: related: is unknown; write true for the entry's flows, "
        "or expected for what helpers expect",
    ),
    "offload of what nobody expects": (
        {"all:site_policy": [{**OUT, "services": ["ssh"], "offload": "expected"}]},
        "all: site_policy[0].offload: expected: no service of this entry has a helper, so that nothing is "
        "expected; write true, or name a service with a helper",
    ),
    "offload of what nobody expects in IPv6": (
        {
            "all:site_networks.outside.prefixes": ["2001:db8::/64"],
            "all:site_networks.inside.prefixes": ["2001:db8:2::/64"],
            "all:site_policy": [{**OUT, "services": ["irc"], "offload": "expected"}],
        },
        "all: site_policy[0].offload: expected: no service of this entry has a helper for IPv6, so that "
        "nothing is expected; write true, or name a service with a helper",
    ),
    "offload of what the kernel does not take": (
        {"all:site_policy": [{**OUT, "services": ["ftp", "ping"], "offload": True}]},
        "all: site_policy[0].offload: true: the kernel offloads TCP and UDP without a helper, and no service "
        "of this entry is such a one; write expected for what helpers expect, or leave it out",
    ),
    "service without a port": (
        {"all:site_services": {"game": {"helper": "ftp"}}},
        "all: site_services.game: {helper: ftp}: a service without a port; give it tcp, udp, sctp or icmp",
    ),
    "unknown helper": (
        {"all:site_services": {"game": {"tcp": [2121], "helper": "ftpp"}}},
        "all: site_services.game.helper: ftpp: is unknown; did you mean ftp?",
    ),
    "helper of the other protocol": (
        {"all:site_services": {"game": {"udp": [21], "helper": "ftp"}}},
        "all: site_services.game.helper: ftp: follows a tcp control connection; "
        "give the service its tcp port",
    ),
    "policy into the management network": (
        {"all:site_policy.0.to": "mgmt"},
        "all: site_policy[0].to: mgmt: is a network for management; nothing is forwarded there",
    ),
    "policy within one network": (
        {"all:site_policy.0.to": "inside"},
        "all: site_policy[0].to: inside: is the same as from; an entry leads to another network",
    ),
    "limit that is no rate": (
        {"all:site_policy.1.limit": "fast"},
        "all: site_policy[1].limit: fast: is no rate; "
        "write one such as 1/second, 30/minute, 5/hour or 100/day",
    ),
    "limit on what is not accepted": (
        {"all:site_policy.1": {**OUT, "services": ["ping"], "action": "drop", "limit": "1/second"}},
        "all: site_policy[1].limit: 1/second: bounds what is accepted, and this entry accepts nothing; "
        "leave it out",
    ),
    "unknown action": (
        {"all:site_policy.1.action": "deny"},
        "all: site_policy[1].action: deny: is unknown; known are: accept, drop, reject",
    ),
    "policy to a list with an unknown network": (
        {"all:site_policy.0.to": ["outside", "insde"]},
        "all: site_policy[0].to: insde: unknown network; did you mean inside?",
    ),
    "policy without a network": (
        {"all:site_policy.0.from": []},
        "all: site_policy[0].from: []: is empty; name a network",
    ),
    "policy without services": (
        {"all:site_policy.0.services": []},
        "all: site_policy[0].services: []: an entry without services allows nothing; "
        "name services, or leave the entry out",
    ),
    "any service and others": (
        {"all:site_policy.0.services": ["any", "ssh"]},
        "all: site_policy[0].services: [any, ssh]: any has all the others in it; write services: any",
    ),
    "a service named any": (
        {"all:site_services": {"any": {"tcp": [1]}}},
        "all: site_services.any: {tcp: [1]}: stands for every protocol; give the service another name",
    ),
    "sources that are unknown": (
        {"all:site_policy.0.sources": ["cliemt"]},
        "all: site_policy[0].sources[0]: cliemt: is neither addresses nor a host; did you mean client?",
    ),
    "sources that are no prefix": (
        {"all:site_policy.0.sources": ["10.0.0.256"]},
        "all: site_policy[0].sources[0]: 10.0.0.256: is no address or prefix; "
        "write one such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32",
    ),
    "destinations with host bits": (
        {"all:site_policy.0.destinations": ["2001:db8::1/32"]},
        "all: site_policy[0].destinations[0]: 2001:db8::1/32: has host bits set; "
        "write 2001:db8::/32, or the address alone",
    ),
    "sources that came out empty": (
        {"all:site_policy.0": {**OUT, "sources": None}},
        "all: site_policy[0].sources: (empty): is empty; write a value, or leave the key out",
    ),
    "an action that came out empty": (
        {"all:site_policy.0": {**OUT, "action": ""}},
        "all: site_policy[0].action: (empty): is empty; write a value, or leave the key out",
    ),
    "no sources at all": (
        {"all:site_policy.0.sources": []},
        "all: site_policy[0].sources: []: an empty list matches nothing; "
        "name addresses, or leave it out for any",
    ),
    "sources of a family that the networks lack": (
        {"all:site_policy.0.sources": ["2001:db8::/32"]},
        "all: site_policy[0].sources: 2001:db8::/32: has no address of IPv4, which the networks have in "
        "common; name addresses of that family",
    ),
    "networks without a common family": (
        {
            "all:site_networks.outside.prefixes": ["2001:db8::/64"],
            "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["2001:db8::100"],
        },
        "all: site_policy[0]: inside to outside: these networks have no family of addresses in common; "
        "give both a prefix of one family",
    ),
    "ICMP of the other family": (
        {
            "all:site_services": {"who": {"icmp": ["node-information-query"]}},
            "all:site_policy.0.services": ["who"],
        },
        "all: site_policy[0].services: who: node-information-query is none of IPv4, which inside to outside "
        "have in common; leave it out, or give the networks a prefix of the other family",
    ),
    "sources and destinations of different families": (
        {**DUAL, "all:site_policy.0": {**OUT, "sources": ["10.0.0.1"], "destinations": ["2001:db8::9"]}},
        "all: site_policy[0]: 10.0.0.1 to 2001:db8::9: sources and destinations have no family of addresses "
        "in common; name addresses of one family",
    ),
    "a host without an address on a data network": (
        {"all:site_policy.0.sources": ["client"], "client:node_interfaces.eth0.addresses": []},
        "all: site_policy[0].sources[0]: client: this host has no address on a data network; "
        "declare one, or write addresses",
    ),
    "addresses that are named as a host": (
        {"all:site_addresses": {"client": ["10.0.0.1"]}},
        "all: site_addresses.client: [10.0.0.1]: is a host's name, too; give the addresses another one",
    ),
    "a name of addresses that nft would refuse": (
        {"all:site_addresses": {"1st": ["10.0.0.1"]}},
        "all: site_addresses.1st: [10.0.0.1]: is no name of addresses; "
        "begin with a letter; use up to 63, digits, '-' and '_'",
    ),
    "addresses that refer to themselves": (
        {"all:site_addresses": {"a": ["b"], "b": ["10.0.0.1", "c"], "c": ["b"]}},
        "all: site_addresses.b: b → c → b: refers to itself; leave one of these names out",
    ),
    "a file of addresses that can't be read": (
        {"all:site_addresses": {"blocked": {"file": "blocked.txt"}}},
        "all: site_addresses.blocked: {file: blocked.txt}: the file can't be read: there are no files here; "
        "name a text file, from the inventory's directory on",
    ),
    "a misspelt file": (
        {"all:site_addresses": {"blocked": {"fille": "blocked.txt"}}},
        "all: site_addresses.blocked.fille: blocked.txt: unknown option; did you mean file?",
    ),
    "contradicting entries": (
        {"all:site_policy.1": {**OUT, "services": ["ssh", "https", "http", "dns"], "action": "drop"}},
        "all: site_policy[1]: drop ssh, https, http, dns: site_policy[0] says accept about the same; "
        "leave one of them out",
    ),
    "log rate that is none": (
        {"all:site_policy.0.log": {"rate": "some"}},
        "all: site_policy[0].log.rate: some: is no rate; "
        "write one such as 1/second, 30/minute, 5/hour or 100/day",
    ),
    "log prefix that would end its string": (
        {"all:site_policy.0.log": {"prefix": 'a" accept'}},
        "all: site_policy[0].log.prefix: a\" accept: can't be logged; "
        'use ASCII letters, digits and signs, but none of " \\ $',
    ),
    "log prefix that is too long": (
        {"all:site_policy.0.log": {"prefix": "x" * 127}},
        f"all: site_policy[0].log.prefix: {'x' * 127}: 127 characters are too many; use up to 126",
    ),
    "a time that YAML makes a number of": (
        {"all:site_policy.0.time": {"from": 1320, "to": "06:00"}},
        'all: site_policy[0].time.from: 1320: is no time of day; write it in quotes, such as "08:00" or '
        '"22:30"',
    ),
    "a day that is none": (
        {"all:site_policy.0.time": {"days": ["mnday"]}},
        "all: site_policy[0].time.days[0]: mnday: is unknown; did you mean monday?",
    ),
    "no time": (
        {"all:site_policy.0.time": {}},
        "all: site_policy[0].time: {}: says no time; give it days, from or to",
    ),
    "an empty time": (
        {"all:site_policy.0.time": {"from": "08:00", "to": "08:00"}},
        "all: site_policy[0].time: {from: 08:00, to: 08:00}: begins when it ends; "
        "write from and to such as 08:00 and 17:00; 24:00 can only end it",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CASES.values(), ids=CASES)
def test_bad_input(changed: Change, changes: dict[str, object], line: str) -> None:
    found = errors(changed(changes))
    assert line in found
