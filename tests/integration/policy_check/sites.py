# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites with all that an inventory may say, and what the judge sees of the rules compiled for them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import Space
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import PacketProbe
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import PacketRow, check, open_space
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import CATALOGUE
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import HOSTS, LAB

HostVars = dict[str, dict[str, Any]]


def lab() -> HostVars:
    def load(path: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((LAB / path).read_text())
        return loaded

    shared = load("group_vars/all/site.yml")
    return {host: {**copy.deepcopy(shared), **load(f"host_vars/{host}.yml")} for host in HOSTS}


def with_site(**changes: Any) -> HostVars:
    return {host: {**variables, **changes} for host, variables in lab().items()}


def dual_with(**changes: Any) -> HostVars:
    return {host: {**variables, **changes} for host, variables in dual().items()}


def with_pair(**changes: Any) -> HostVars:
    pairs = lab()["fw-1"]["site_pairs"]
    return with_site(site_pairs={"ftfw": {**pairs["ftfw"], **changes}})


def three(**changes: Any) -> HostVars:
    """A third network, for servers, with a policy from and to each."""
    hosts = lab()
    for host, variables in hosts.items():
        variables |= {"site_policy": THREE, "site_port_forwards": SERVED, "site_probes": None, **changes}
        variables["site_networks"]["dmz"] = {"prefixes": ["192.168.3.0/24"]}
        routers = variables["site_pairs"]["ftfw"]["virtual_routers"]
        routers["dmz"] = {"vrid": 63, "addresses": ["192.168.3.100"]}
        if host in ("fw-1", "fw-2"):
            number = host[-1]
            variables["node_interfaces"]["eth3"] = {
                "network": "dmz",
                "mac": f"12:34:56:78:9a:3{number}",
                "tap": f"net3{number}",
                "addresses": [f"192.168.3.{number}"],
            }
    hosts["omarine"]["hypervisor_bridges"]["br3"] = {"network": "dmz"}
    return hosts


def narrow() -> HostVars:
    """A replication network with room for two."""
    hosts = lab()
    for host, variables in hosts.items():
        variables["site_networks"]["sync"]["prefixes"] = ["192.168.100.0/30"]
        if host in ("fw-1", "fw-2"):
            variables["node_interfaces"]["eth2"]["addresses"] = [f"192.168.100.{host[-1]}"]
    return hosts


def dual() -> HostVars:
    """IPv6 on both data networks."""
    hosts = lab()
    for variables in hosts.values():
        for place, (name, bridge) in enumerate((("outside", 0), ("inside", 2))):
            prefix = f"2001:db8:{bridge}::"
            variables["site_networks"][name]["prefixes"].append(f"{prefix}/64")
            routers = variables["site_pairs"]["ftfw"]["virtual_routers"]
            routers[name]["addresses"].append(f"{prefix}100")
            for number, node in enumerate(("fw-1", "fw-2"), 1):
                if variables is hosts[node]:
                    variables["node_interfaces"][f"eth{place}"]["addresses"].append(f"{prefix}{number}")
    return hosts


def led_on(hosts: HostVars) -> HostVars:
    """The firewalls have a way out of the site, in both families."""
    for node in ("fw-1", "fw-2"):
        hosts[node]["node_interfaces"]["eth0"]["gateway"] = ["192.168.0.254", "2001:db8:0::fe"]
    return hosts


def dual_served(**changes: Any) -> HostVars:
    """IPv6 on both data networks, and on the client that port forwards lead to."""
    hosts = dual_with(**changes)
    hosts["client"]["node_interfaces"]["eth0"]["addresses"].append("2001:db8:2::3")
    return hosts


def dual_probed() -> HostVars:
    """The probe's two ends have IPv6, too."""
    hosts = dual_served()
    hosts["omarine"]["hypervisor_bridges"]["br0"]["addresses"].append("2001:db8::3/64")
    return hosts


FORWARDS = [{"to": "outside", "service": service, "host": "client"} for service in ("http", "ftp")]
FRAGMENTS = [
    {"place": "table", "text": "chain own {\n    ip saddr 198.51.100.1 drop\n}"},
    {"place": "forward", "text": "jump own"},
    {"place": "input", "text": "ip saddr 198.51.100.1 drop"},
]
THREE = [
    {"from": "inside", "to": ["outside", "dmz"], "services": ["ssh", "ftp"]},
    {"from": "outside", "to": "dmz", "services": ["http"], "sources": ["192.168.0.9"]},
    {"from": "dmz", "to": "outside", "services": ["ntp"]},
]
SERVED = [
    {"to": "outside", "service": "http", "host": "192.168.3.80", "hairpin": True},
    {"to": "outside", "service": "ssh", "host": "client"},
]
HAIRPINS = [{**forward, "hairpin": True} for forward in FORWARDS]
VIRTUAL = ("192.168.0.100", "2001:db8::100")
DUAL_FORWARDS = [{**forward, "address": one} for forward in FORWARDS for one in VIRTUAL]
DUAL_HAIRPINS = [{**forward, "hairpin": True} for forward in DUAL_FORWARDS]
LIMITED = [
    {"from": "inside", "to": "outside", "services": ["dns", "ssh"], "limit": "5/second", "counter": True},
    {"from": "outside", "to": "inside", "services": ["ping", "tftp"]},
]
OUT = {"from": "inside", "to": "outside"}
BACK = {"from": "outside", "to": "inside"}
ADDRESSES = {
    "elsewhere": ["192.168.2.64/26", "198.51.100.0/24", "2001:db8:2:0:40::/80"],
    "servers": ["192.168.0.4", "203.0.113.7", "2001:db8:0:0::4"],
}
PUBLIC = {**ADDRESSES, "public": [*VIRTUAL, "192.168.2.64/26", "2001:db8:2:0:40::/80"]}
ENTRIES: list[dict[str, Any]] = [
    {**OUT, "services": ["ssh"], "sources": ["elsewhere"], "action": "drop", "counter": True},
    {**OUT, "services": ["ssh", "ftp"], "sources": ["client", "elsewhere"], "destinations": ["omarine"]},
    {**OUT, "services": ["smtp", "ping"], "destinations": ["servers"], "log": True, "counter": True},
    {**OUT, "services": ["smtp", "ntp", "ping"], "action": "reject", "log": True},
    {**OUT, "services": ["http"], "action": "drop", "counter": True},
    {**OUT, "services": ["ipp"], "sources": ["elsewhere"], "limit": "1/second"},
    {**OUT, "services": ["rdp"], "time": {"from": "08:00", "to": "17:30"}},
    {**BACK, "services": "any", "sources": ["servers"], "action": "reject"},
    {**BACK, "services": ["h323", "h323-ras", "sip"], "limit": "5/second"},
]
ANY: list[dict[str, Any]] = [
    {**OUT, "services": ["smtp"], "action": "drop"},
    {**OUT, "services": ["ping"], "limit": "1/second"},
    {**OUT, "services": "any"},
    {**BACK, "services": "any", "action": "reject"},
]
HELPERS_OF_IPV4: list[dict[str, Any]] = [
    {**OUT, "services": ["irc", "ftp"], "sources": ["elsewhere"]},
    {**OUT, "services": ["irc", "pptp", "netbios-ns", "tftp", "agents"]},
    {**BACK, "services": ["pptp", "ssh"], "limit": "5/second"},
]
AGENTS = {"agents": {"udp": [161], "helper": "snmp"}}
ALTERNATING: list[dict[str, Any]] = [
    {**OUT, "services": [service], "action": action}
    for service, action in zip(
        ("ssh", "smtp", "http", "ntp", "https", "imap", "dns", "ldap", "ping", "pop3"),
        ("accept", "drop", "accept", "reject") * 3,
    )
]
NIGHTS = {"days": ["friday", "saturday"], "from": "22:00", "to": "06:00"}
TIMED: list[dict[str, Any]] = [
    {
        **OUT,
        "services": ["ssh", "dns"],
        "time": {"days": ["monday", "wednesday"], "from": "08:00", "to": "17:30"},
    },
    {**OUT, "services": ["ssh"], "action": "reject", "time": {"from": "20:00", "to": "04:00"}},
    {**OUT, "services": ["ssh", "smtp"], "sources": ["elsewhere"], "time": {"days": ["sunday"]}},
    {**OUT, "services": ["http"], "action": "drop", "time": NIGHTS},
    {**OUT, "services": ["http", "ping"]},
    {**BACK, "services": "any", "time": NIGHTS},
]
WITH_HELPER = sorted(name for name, service in CATALOGUE.items() if service.helper)
BARE = {"bare": {"tcp": [21]}}
ONE_WAY: list[dict[str, Any]] = [
    {"from": "inside", "to": "dmz", "services": ["ftp"]},
    {**OUT, "services": ["bare"]},
    {"from": "dmz", "to": "outside", "services": ["bare"], "destinations": ["192.168.0.9"]},
    {"from": "dmz", "to": "outside", "services": ["ftp", "ssh"]},
]
BESIDE: list[dict[str, Any]] = [
    {"from": "outside", "to": "inside", "services": ["smtp"]},
    {"from": "dmz", "to": "inside", "services": ["http", "ssh"]},
]
GAME = {"game": {"tcp": [7777, "7800-7810"], "udp": [7777]}, "talk": {"udp": [5000]}, **BARE}
SOME_ONE = ["192.168.0.9", "2001:db8::9"]
ASKED_FOR: list[dict[str, Any]] = [
    {**BACK, "services": ["game"], "sources": ["servers"], "destinations": ["public"], "action": "reject"},
    {**BACK, "services": ["http", "talk"], "sources": SOME_ONE, "destinations": ["public"], "log": True},
    {**BACK, "services": ["ftp"], "destinations": list(VIRTUAL), "limit": "1/second", "counter": True},
    {**BACK, "services": ["game"], "destinations": [VIRTUAL[0], "192.168.2.9"], "time": NIGHTS},
    {**BACK, "services": "any", "destinations": list(VIRTUAL), "action": "drop"},
    {**BACK, "services": ["ssh", "ping"]},
]
ASKED_FORWARDS = [
    {"to": "outside", "service": service, "host": "client", "address": one}
    for service in ("http", "bare", "game", "talk")
    for one in VIRTUAL
]
# just beside them
FOR_OTHERS = [
    {**forward, "host": host, "address": one, "sources": ["192.168.0.128/26", "2001:db8:0:0:41::/80"]}
    for forward in FORWARDS
    for host, one in zip(("192.168.2.9", "2001:db8:2::9"), VIRTUAL)
]
FOR_SOME = [
    {**forward, "sources": ["servers", "192.168.0.64/26", "2001:db8:0:0:40::/80"]}
    for forward in DUAL_FORWARDS
] + FOR_OTHERS
HAIRPIN_FOR_SOME = FOR_OTHERS + [
    {**each, "hairpin": True, "sources": ["elsewhere", "servers"]} for each in DUAL_FORWARDS
]
BALANCED = {"network": "outside", "servers": ["client", {"host": "192.168.2.5", "weight": 2}]}
BALANCED_6 = {**BALANCED, "servers": ["2001:db8:2::3", "2001:db8:2::5"], "address": VIRTUAL[1]}
BALANCERS: dict[str, Any] = {
    "web": {**BALANCED, "address": VIRTUAL[0], "service": "http", "quorum": 2, "sorry": "192.168.2.9"},
    "web-6": {**BALANCED_6, "service": "http", "sorry": "2001:db8:2::9"},
    "names": {**BALANCED, "address": VIRTUAL[0], "service": "dns", "scheduler": "mh"},
    "names-6": {**BALANCED_6, "service": "dns", "scheduler": "sh"},
    "time": {**BALANCED, "address": VIRTUAL[0], "service": "ntp", "scheduler": "fo"},
    "time-6": {**BALANCED_6, "service": "ntp", "servers": [{"host": "2001:db8:2::3", "port": 1123}]},
    "shut": {**BALANCED, "address": VIRTUAL[0], "service": "ssh"},
}
FOR_BALANCERS: list[dict[str, Any]] = [
    {**BACK, "services": ["dns"], "sources": ["servers"], "destinations": list(VIRTUAL), "action": "reject"},
    {**BACK, "services": ["http"], "destinations": list(VIRTUAL), "log": True, "counter": True},
    {**BACK, "services": ["smtp", "http", "dns", "ntp"]},
    {**OUT, "services": ["ntp"]},
]
MOVED: dict[str, Any] = {
    "web": {
        **BALANCED,
        "address": VIRTUAL[0],
        "service": "http",
        "servers": ["192.168.2.5", {"host": "client", "port": 8080}, {"host": "client", "port": 8081}],
        "sorry": {"host": "192.168.2.9", "service": "smtp"},
    },
    "secure": {
        **BALANCED,
        "source_nat": True,
        "address": VIRTUAL[0],
        "service": "https",
        "servers": ["192.168.2.5", {"host": "client", "port": 8080}],
    },
    "names": {
        **BALANCED,
        "address": VIRTUAL[0],
        "service": "dns",
        "scheduler": "mh",
        "servers": ["client", {"host": "192.168.2.5", "port": 5353}],
    },
}
MOVED_6: dict[str, Any] = {
    f"{name}-6": {
        **one,
        "address": VIRTUAL[1],
        "servers": ["2001:db8:2::5", {"host": "2001:db8:2::3", "port": 8080}],
        **({"sorry": {"host": "2001:db8:2::9", "port": 81}} if "sorry" in one else {}),
    }
    for name, one in MOVED.items()
}
FOR_MOVED: list[dict[str, Any]] = [
    {**BACK, "services": ["proxy"], "sources": ["servers"]},
    {**BACK, "services": ["https", "smtp"], "sources": SOME_ONE, "limit": "9/second"},
    *FOR_BALANCERS[:2],
    {**BACK, "services": ["smtp", "http", "https", "dns"]},
    {**OUT, "services": ["proxy"]},
]
SIGNALS = {"signals": {"sctp": [2905, "3000-3002"]}, "calls": {"sctp": [5060]}}
FOR_SIGNALS: list[dict[str, Any]] = [
    {**OUT, "services": ["signals"], "sources": ["elsewhere"], "action": "reject"},
    {**OUT, "services": ["diameter"], "limit": "5/second", "log": True},
    {**OUT, "services": ["signals"]},
    {**BACK, "services": ["signals"], "destinations": list(VIRTUAL), "counter": True},
    {**BACK, "services": ["signals", "diameter"]},
]
SITES: dict[str, Callable[[], HostVars]] = {
    "lab": lab,
    "dual": dual,
    "no source nat": lambda: with_site(site_source_nat="none"),
    "port forwards": lambda: with_site(site_port_forwards=FORWARDS),
    "masquerade": lambda: dual_with(site_source_nat="masquerade", site_reverse_path="loose"),
    "source nat by network": lambda: dual_with(
        site_source_nat={"outside": ["2001:db8:0::100"]},
        site_port_forwards=[{**forward, "address": "192.168.0.100"} for forward in FORWARDS],
    ),
    "fragments": lambda: with_site(site_fragments=FRAGMENTS),
    "three networks": three,
    "three networks, some translated": lambda: three(site_source_nat={"outside": "virtual_address"}),
    "a network that is full": narrow,
    "any, from several": lambda: three(
        site_policy=[{"from": ["inside", "dmz"], "to": "outside", "services": "any"}]
    ),
    "hairpin": lambda: with_site(site_port_forwards=HAIRPINS),
    "port forwards, both families": lambda: dual_served(site_port_forwards=DUAL_FORWARDS),
    "hairpin, both families": lambda: dual_served(site_port_forwards=DUAL_HAIRPINS),
    "hairpin, both families, no source nat": lambda: dual_served(
        site_port_forwards=DUAL_HAIRPINS, site_source_nat="none"
    ),
    "helpers of one family": lambda: dual_served(
        site_addresses=ADDRESSES,
        site_policy=HELPERS_OF_IPV4,
        site_services=AGENTS,
        site_port_forwards=[{**each, "service": "irc"} for each in DUAL_HAIRPINS[:2]],
    ),
    "limits, and no probe": lambda: with_site(site_policy=LIMITED, site_probes=None),
    "entries": lambda: dual_with(site_addresses=ADDRESSES, site_policy=ENTRIES),
    "entries, and a way out": lambda: led_on(dual_with(site_addresses=ADDRESSES, site_policy=ENTRIES)),
    "a probe in both families": dual_probed,
    "any": lambda: dual_with(site_policy=ANY, site_port_forwards=FORWARDS[:0]),
    "alternating": lambda: dual_with(site_policy=ALTERNATING),
    "times": lambda: dual_with(site_addresses=ADDRESSES, site_policy=TIMED, site_port_forwards=FORWARDS[:0]),
    "every helper": lambda: dual_with(
        site_policy=[{**OUT, "services": [*WITH_HELPER, "agents"]}, {**BACK, "services": WITH_HELPER}],
        site_services=AGENTS,
    ),
    "a helper on one way": lambda: three(site_policy=ONE_WAY, site_services=BARE, site_port_forwards=[]),
    "port forwards beside entries": lambda: three(site_policy=BESIDE, site_port_forwards=FORWARDS),
    "what was asked for": lambda: dual_served(
        site_addresses=PUBLIC,
        site_services=GAME,
        site_policy=ASKED_FOR,
        site_port_forwards=ASKED_FORWARDS,
        site_probes=None,
    ),
    "port forwards for some": lambda: dual_served(site_addresses=ADDRESSES, site_port_forwards=FOR_SOME),
    "hairpin for some": lambda: dual_served(site_addresses=ADDRESSES, site_port_forwards=HAIRPIN_FOR_SOME),
    "balancers": lambda: dual_served(
        site_addresses=ADDRESSES, site_policy=FOR_BALANCERS, site_balancers=BALANCERS, site_port_forwards=[]
    ),
    "balancers to other ports": lambda: dual_served(
        site_addresses=ADDRESSES,
        site_services={"proxy": {"tcp": [8080]}},
        site_source_nat="none",
        site_policy=FOR_MOVED,
        site_balancers={**MOVED, **MOVED_6},
        site_port_forwards=[],
    ),
    "sctp": lambda: dual_served(
        site_addresses=ADDRESSES,
        site_services=SIGNALS,
        site_policy=FOR_SIGNALS,
        site_balancers={
            "diameter": {**BALANCED, "address": VIRTUAL[0], "service": "diameter"},
            "diameter-6": {**BALANCED_6, "service": "diameter"},
            "signals": {**BALANCED, "address": VIRTUAL[0], "service": "signals"},
            "signals-6": {**BALANCED_6, "service": "signals", "scheduler": "mh"},
        },
        site_port_forwards=[{**each, "service": "calls"} for each in DUAL_FORWARDS[:2]],
    ),
    "external cache": lambda: with_pair(replication="external", preempt="when_synced"),
}


def built(hostvars: HostVars) -> Site:
    return load_site(
        {host: {k: v for k, v in each.items() if v is not None} for host, each in hostvars.items()}
    )


@contextmanager
def judged(
    site: Site, node: str = "fw-1", tests: Sequence[Any] = (), first: int | None = None
) -> Iterator[tuple[Space, str, Sequence[PacketProbe]]]:
    """The judge's namespace for a node's tests, the rules compiled for the node, and the tests' packets.

    `first` is how many of the tests are asked for: those of the site, `tests`, come before the derived ones.
    """
    view = policy_test_view(site, node, tests)
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"][:first])
    with open_space(wires, probes) as space:
        yield space, host_view(site, node)["nftables"]["ruleset"], probes


def checked(
    site: Site, node: str = "fw-1", tests: Sequence[Any] = (), first: int | None = None
) -> list[PacketRow]:
    """The rows of a node, one a test."""
    with judged(site, node, tests, first) as (space, rules, probes):
        return list(check(space, rules, probes))


def failed(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the rows that are not as expected."""
    return [str(row["name"]) for row in rows if not row["ok"]]
