# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: every error is one line that names host, key and value, and all are found in one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
PAIR = "all:site_pairs.ftfw"
FW2 = "fw-2:node_interfaces"
PROBES = {"client": "client", "server": "omarine"}
ADVERTS = "use 0.01 to 40.95 seconds, which VRRPv3 counts in hundredths (RFC 9568, section 5.2.7)"
OUT = {"from": "inside", "to": "outside", "services": ["ssh"]}
DUAL: dict[str, object] = {
    "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
}
FORWARD = {"to": "outside", "service": "http", "host": "client"}


def errors(hostvars: dict[str, dict[str, Any]]) -> list[str]:
    with pytest.raises(SiteError) as raised:
        load_site(hostvars)
    return raised.value.problems.lines()


def test_lab_is_without_problems(lab: dict[str, dict[str, Any]]) -> None:
    assert list(load_site(lab).hosts) == ["omarine", "fw-1", "fw-2", "client"]


CASES: dict[str, tuple[dict[str, object], str]] = {
    "duplicate MAC": (
        {f"{FW2}.eth1.mac": "12:34:56:78:9A:11"},
        "fw-2: node_interfaces.eth1.mac: 12:34:56:78:9a:11: this MAC address is already that of fw-1's eth1; "
        "give every interface its own",
    ),
    "duplicate tap": (
        {f"{FW2}.eth1.tap": "net11"},
        "fw-2: node_interfaces.eth1.tap: net11: this interface name is already that of fw-1's eth1; "
        "names are unique on omarine",
    ),
    "tap named as a bridge": (
        {f"{FW2}.eth1.tap": "br0"},
        "fw-2: node_interfaces.eth1.tap: br0: this interface name is already that of bridge br0; "
        "names are unique on omarine",
    ),
    "duplicate address": (
        {f"{FW2}.eth1.addresses": ["192.168.2.1"]},
        "fw-2: node_interfaces.eth1.addresses: 192.168.2.1: this address is already that of fw-1's eth1; "
        "give every interface its own",
    ),
    "address outside its subnet": (
        {f"{FW2}.eth1.addresses": ["192.168.3.2"]},
        "fw-2: node_interfaces.eth1.addresses: 192.168.3.2: is outside network inside; "
        "use an address of 192.168.2.0/24",
    ),
    "broadcast address": (
        {f"{FW2}.eth1.addresses": ["192.168.2.255"]},
        "fw-2: node_interfaces.eth1.addresses: 192.168.2.255: "
        "is the network's or the broadcast address of 192.168.2.0/24; use another one",
    ),
    "unknown network": (
        {f"{FW2}.eth1.network": "insid"},
        "fw-2: node_interfaces.eth1.network: insid: unknown network; did you mean inside?",
    ),
    "bridge on an unknown network": (
        {"omarine:hypervisor_bridges.br9": {"network": "dmz"}},
        "omarine: hypervisor_bridges.br9.network: dmz: unknown network; "
        "known are: inside, mgmt, outside, sync",
    ),
    "virtual address equal to a node's": (
        {f"{PAIR}.virtual_routers.inside.addresses": ["192.168.2.1"]},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: 192.168.2.1: this address is already that of "
        "fw-1's eth1; give a virtual router an address that nobody else has",
    ),
    "virtual address equal to a bridge's": (
        {f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.3"]},
        "all: site_pairs.ftfw.virtual_routers.outside.addresses: 192.168.0.3: this address is already "
        "that of omarine's br0; give a virtual router an address that nobody else has",
    ),
    "virtual address outside its network": (
        {f"{PAIR}.virtual_routers.inside.addresses": ["192.168.9.100"]},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: 192.168.9.100: is outside network inside; "
        "use an address of 192.168.2.0/24",
    ),
    "virtual router without an address": (
        {f"{PAIR}.virtual_routers.inside.addresses": []},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: []: a virtual router without an address; "
        "give it its virtual addresses",
    ),
    "bridge name too long": (
        {"omarine:hypervisor_bridges.bridge-to-nowhere": {"network": "sync2"}},
        "omarine: hypervisor_bridges.bridge-to-nowhere: bridge-to-nowhere: "
        "an interface name of 17 bytes is too long; use up to 15 bytes",
    ),
    "tap name too long": (
        {f"{FW2}.eth1.tap": "net12-of-the-pair"},
        "fw-2: node_interfaces.eth1.tap: net12-of-the-pair: an interface name of 17 bytes is too long; "
        "use up to 15 bytes",
    ),
    "equal priorities": (
        {f"{PAIR}.priorities": {"fw-1": 150, "fw-2": 150}},
        "all: site_pairs.ftfw.priorities: {fw-1: 150, fw-2: 150}: equal priorities; "
        "leave them out (250 and 249 are derived), or make them different",
    ),
    "a priority equal to the derived one": (
        {f"{PAIR}.priorities": {"fw-2": 250}},
        "all: site_pairs.ftfw.priorities: {fw-1: 250, fw-2: 250}: equal priorities; "
        "leave them out (250 and 249 are derived), or make them different",
    ),
    "unknown profile": (
        {f"{PAIR}.profile": "turbo"},
        "all: site_pairs.ftfw.profile: turbo: is unknown; known are: default, fast",
    ),
    "misspelt profile": (
        {f"{PAIR}.profile": "fsat"},
        "all: site_pairs.ftfw.profile: fsat: is unknown; did you mean fast?",
    ),
    "unknown way back": (
        {f"{PAIR}.preempt": "always"},
        "all: site_pairs.ftfw.preempt: always: is unknown; known are: never, when_synced",
    ),
    "unknown kind of replication": (
        {f"{PAIR}.replication": "none"},
        "all: site_pairs.ftfw.replication: none: is unknown; known are: direct, external",
    ),
    "advert interval that VRRPv3 can't say": (
        {f"{PAIR}.advert_interval": 41},
        f"all: site_pairs.ftfw.advert_interval: 41: is out of range; {ADVERTS}",
    ),
    "advert interval of nothing": (
        {f"{PAIR}.advert_interval": 0},
        f"all: site_pairs.ftfw.advert_interval: 0: is out of range; {ADVERTS}",
    ),
    "advert interval between hundredths": (
        {f"{PAIR}.advert_interval": 0.075},
        f"all: site_pairs.ftfw.advert_interval: 0.075: is not a whole number of hundredths; {ADVERTS}",
    ),
    "advert interval that is no number": (
        {f"{PAIR}.advert_interval": "70 ms"},
        f"all: site_pairs.ftfw.advert_interval: 70 ms: is not a number; {ADVERTS}",
    ),
    "advert interval that is no end": (
        {f"{PAIR}.advert_interval": float("inf")},
        f"all: site_pairs.ftfw.advert_interval: inf: is not a number; {ADVERTS}",
    ),
    "a pair of one": (
        {f"{PAIR}.nodes": ["fw-1"]},
        "all: site_pairs.ftfw.nodes: [fw-1]: a pair of 1 node; "
        "name two different hosts, the preferred one first",
    ),
    "a pair of three": (
        {f"{PAIR}.nodes": ["fw-1", "fw-2", "client"]},
        "all: site_pairs.ftfw.nodes: [fw-1, fw-2, client]: a pair of 3 nodes; "
        "name two different hosts, the preferred one first",
    ),
    "a pair of a node and itself": (
        {f"{PAIR}.nodes": ["fw-1", "fw-1"]},
        "all: site_pairs.ftfw.nodes: [fw-1, fw-1]: a pair of 1 node; "
        "name two different hosts, the preferred one first",
    ),
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
    "service that is no name": (
        {"all:site_policy.0.services": [True]},
        "all: site_policy[0].services[0]: true: is not a text; write it in quotes",
    ),
    "port forward of a port without a protocol": (
        {"all:site_port_forwards": [{**FORWARD, "service": 8080}]},
        "all: site_port_forwards[0].service: 8080: is a port without a protocol, and services have names; "
        "declare it in site_services, such as NAME: {tcp: [8080]}, and write NAME here",
    ),
    "grounded sync network": (
        {"omarine:hypervisor_bridges.br2.addresses": ["192.168.100.1/24"]},
        "omarine: hypervisor_bridges.br2.addresses: [192.168.100.1/24]: network sync carries the "
        "replication of pair ftfw and must not be grounded; leave the addresses out",
    ),
    "bridge address with another prefix length": (
        {"omarine:hypervisor_bridges.br0.addresses": ["192.168.0.3/16"]},
        "omarine: hypervisor_bridges.br0.addresses: 192.168.0.3/16: "
        "has another prefix length than network outside; write 192.168.0.3/24",
    ),
    "misspelt option": (
        {f"{FW2}.eth1.adresses": ["192.168.2.9"]},
        "fw-2: node_interfaces.eth1.adresses: [192.168.2.9]: unknown option; did you mean addresses?",
    ),
    "probe on an unknown host": (
        {"all:site_probes": {**PROBES, "server": "omarin"}},
        "all: site_probes.server: omarin: is not in the inventory; did you mean omarine?",
    ),
    "probe without a server": (
        {"all:site_probes": {"client": "client"}},
        "all: site_probes.server: (empty): is missing; server is required here",
    ),
    "probe on a firewall": (
        {"all:site_probes": {**PROBES, "client": "fw-1"}},
        "all: site_probes.client: fw-1: is a firewall; name a host on one side of the pair",
    ),
    "probe port out of range": (
        {"all:site_probes": {**PROBES, "forward": {"udp": 70000}}},
        "all: site_probes.forward.udp: 70000: is out of range; use 1 to 65535",
    ),
    "probe port given twice": (
        {"all:site_probes": {**PROBES, "tcp": 21}},
        "all: site_probes.ftp: 21: tcp has this port on the server too; give each a port of its own",
    ),
    "probe that sends too much": (
        {"all:site_probes": {**PROBES, "rate": 5000}},
        "all: site_probes.rate: 5000: is out of range; use 10 to 1000",
    ),
    "probe without slack": (
        {"all:site_probes": {**PROBES, "slack": 0}},
        "all: site_probes.slack: 0: is out of range; use 1 to 10",
    ),
    "probe port that is forwarded already": (
        {
            "all:site_probes": {**PROBES, "forward": {"tcp": 80}},
            "all:site_port_forwards": [FORWARD],
        },
        "all: site_probes.forward.tcp: 80: site_port_forwards[0] has this port of 192.168.0.100; "
        "use another one",
    ),
    "probe on a host that is on no data network": (
        {"all:site_probes": PROBES, "client:node_interfaces.eth0.addresses": []},
        "all: site_probes.client: client: has no address on a data network; name a host on inside or outside",
    ),
    "probe against the policy's direction": (
        {"all:site_probes": {"client": "omarine", "server": "client"}},
        "all: site_probes: omarine to client: no policy entry leads from one to the other, in a family that "
        "both have; name hosts on the networks of an entry, client on from and server on to",
    ),
    "misspelt probe option": (
        {"all:site_probes": {**PROBES, "forwards": {}}},
        "all: site_probes.forwards: {}: unknown option; did you mean forward?",
    ),
    "wrong type": (
        {"fw-2:guest.cpus": "many"},
        "fw-2: guest.cpus: many: is not a whole number; use 1 to 255",
    ),
    "mapping instead of list": (
        {"all:site_policy": {"from": "inside"}},
        "all: site_policy: {from: inside}: is not a list; write [VALUE, …]",
    ),
    "address with prefix length": (
        {f"{FW2}.eth1.addresses": ["192.168.2.2/24"]},
        "fw-2: node_interfaces.eth1.addresses[0]: 192.168.2.2/24: has a prefix length; "
        "write the address alone: the network knows its prefix",
    ),
    "prefix with host bits": (
        {"all:site_networks.inside.prefixes": ["192.168.2.1/24"]},
        "all: site_networks.inside.prefixes[0]: 192.168.2.1/24: has host bits set; write 192.168.2.0/24",
    ),
    "overlapping prefixes": (
        {"all:site_networks.inside.prefixes": ["192.168.0.0/16"]},
        "all: site_networks.inside.prefixes: 192.168.0.0/16: overlaps 192.168.0.0/24 of network outside; "
        "each wire needs a prefix of its own",
    ),
    "VRID out of range": (
        {f"{PAIR}.virtual_routers.inside.vrid": 256},
        "all: site_pairs.ftfw.virtual_routers.inside.vrid: 256: is out of range; use 1 to 255",
    ),
    "duplicate VRID on a wire": (
        {
            f"{PAIR}.virtual_routers.second": {
                "network": "inside",
                "vrid": 61,
                "addresses": ["192.168.2.101"],
            }
        },
        "all: site_pairs.ftfw.virtual_routers.second.vrid: 61: ftfw.virtual_routers.inside has it on network "
        "inside too; use another one, 1 to 255",
    ),
    "missing MAC on a guest": (
        {f"{FW2}.eth1.mac": None},
        "fw-2: node_interfaces.eth1.mac: (empty): is missing; mac is required here",
    ),
    "missing MAC on a machine whose other cards are named by theirs": (
        {"fw-2:guest": None, **{f"{FW2}.{name}.tap": None for name in ("eth0", "eth1", "eth2", "mgmt0")}}
        | {f"{FW2}.eth1.mac": None},
        "fw-2: node_interfaces.eth1.mac: (empty): is missing, while eth0 is named by its MAC: the kernel "
        "gives such names in any order; give it one too, or one to no interface of this node",
    ),
    "MAC read as a number by YAML": (
        {f"{FW2}.eth1.mac": 9_623_652},
        "fw-2: node_interfaces.eth1.mac: 9623652: is not a MAC address; write six octets in quotes, such as "
        '"12:34:56:78:9a:01"',
    ),
    "multicast MAC": (
        {f"{FW2}.eth1.mac": "13:34:56:78:9a:12"},
        "fw-2: node_interfaces.eth1.mac: 13:34:56:78:9a:12: cannot be an interface's own MAC address; "
        "use a unicast one: an even first octet",
    ),
    "no interface on a router's network": (
        {f"{FW2}.eth1": None},
        "fw-2: node_interfaces: inside: no interface on this network of pair ftfw; declare one",
    ),
    "no interface on the sync network": (
        {f"{FW2}.eth2": None},
        "fw-2: node_interfaces: sync: no interface on this network of pair ftfw; declare one",
    ),
    "firewall without its DHCP address": (
        {f"{FW2}.eth0.addresses": []},
        "fw-2: node_interfaces.eth0.addresses: []: no IPv4 address on network outside, which pair ftfw uses; "
        "declare it, also where DHCP hands it out",
    ),
    "unknown hypervisor": (
        {"fw-2:guest.hypervisor": "omarin"},
        "fw-2: guest.hypervisor: omarin: is not in the inventory; did you mean omarine?",
    ),
    "hypervisor without a bridge there": (
        {"omarine:hypervisor_bridges.br2": None},
        "omarine: hypervisor_bridges: sync: no bridge is on this network, which stands in "
        "fw-1: node_interfaces.eth2.network, fw-2: node_interfaces.eth2.network; declare one on omarine",
    ),
    "port forward to an unknown host": (
        {"all:site_port_forwards": [{**FORWARD, "host": "cliemt"}]},
        "all: site_port_forwards[0].host: cliemt: is not in the inventory; did you mean client?",
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
        "all: site_port_forwards[0].service: ping: has no port to forward; name one with tcp or udp ports",
    ),
    "service without a port": (
        {"all:site_services": {"game": {"helper": "ftp"}}},
        "all: site_services.game: {helper: ftp}: a service without a port; give it tcp, udp or icmp",
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
    "site variable that differs": (
        {"fw-2:site_source_nat": "none", "fw-1:site_source_nat": "virtual_address"},
        "fw-2: site_source_nat: none: differs from what fw-1 has; "
        "a site-wide variable is written once, for the group all",
    ),
    "firewall as its own gateway": (
        {f"{FW2}.eth1.gateway": "virtual"},
        "fw-2: node_interfaces.eth1.gateway: virtual: the pair would be its own gateway; "
        "write another router's address, or leave it out",
    ),
    "guest of a host without bridges": (
        {"fw-2:guest.hypervisor": "fw-2"},
        "fw-2: guest.hypervisor: fw-2: has no hypervisor_bridges; known are: omarine",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CASES.values(), ids=CASES)
def test_bad_input(changed: Change, changes: dict[str, object], line: str) -> None:
    assert line in errors(changed(changes))


def test_all_errors_are_found_in_one_run(changed: Change) -> None:
    lines = errors(
        changed(
            {
                f"{FW2}.eth1.mac": "12:34:56:78:9a:11",
                f"{FW2}.eth1.addresses": ["10.0.0.1"],
                f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.1"],
                "all:site_policy.0.services": ["telnett"],
                "omarine:hypervisor_bridges.br2.addresses": ["192.168.100.1/24"],
                "client:guest.memory_mib": -1,
            }
        )
    )
    places = {tuple(line.split(": ")[:3]) for line in lines}
    assert {
        ("fw-2", "node_interfaces.eth1.mac", "12:34:56:78:9a:11"),
        ("fw-2", "node_interfaces.eth1.addresses", "10.0.0.1"),
        ("all", "site_pairs.ftfw.virtual_routers.outside.addresses", "192.168.0.1"),
        ("all", "site_policy[0].services", "telnett"),
        ("omarine", "hypervisor_bridges.br2.addresses", "[192.168.100.1/24]"),
        ("client", "guest.memory_mib", "-1"),
    } <= places
    assert all("\n" not in line for line in lines)


def test_a_line_break_in_a_key_does_not_break_the_line(changed: Change) -> None:
    lines = errors(changed({"client:node_interfaces.eth0.a\nb": "c\nd"}))
    assert lines == [
        "client: node_interfaces.eth0.a b: c d: unknown option; "
        "known are: addresses, dhcp, gateway, mac, network, tap"
    ]


def test_one_misspelt_network_gives_no_dozen_of_errors(changed: Change) -> None:
    assert len(errors(changed({"client:node_interfaces.eth0.network": "insid"}))) <= 2


def test_misspelt_variable_name(lab: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(lab, {"fw-1": ["site_network", "node_network_interfaces", "site_view", "node_resolvers"]})
    assert raised.value.problems.lines() == [
        "fw-1: site_network: …: no variable of this collection has this name; did you mean site_networks?"
    ]


def test_misspelt_name_of_the_tests(lab: dict[str, dict[str, Any]]) -> None:
    names = {"fw-1": ["site_policy_test", "site_policy_tests"]}
    with pytest.raises(SiteError, match=r"site_policy_test: .* did you mean site_policy_tests"):
        load_site(lab, names)
