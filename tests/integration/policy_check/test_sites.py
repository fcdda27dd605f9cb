# SPDX-License-Identifier: GPL-3.0-or-later
"""The derived tests of whole sites against the rules that are compiled for them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.module_utils.mutants.mutants import Mutant, mutants
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import TableError
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check import mutation as policy_check_mutation
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.mutation import mutate
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import check, open_space
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
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
    "external cache": lambda: with_pair(replication="external", preempt="when_synced"),
}


def built(hostvars: HostVars) -> Site:
    return load_site(
        {host: {k: v for k, v in each.items() if v is not None} for host, each in hostvars.items()}
    )


@pytest.mark.parametrize("node", ["fw-1", "fw-2"])
@pytest.mark.parametrize("name", SITES)
def test_the_compiled_rules_pass_the_derived_tests(name: str, node: str) -> None:
    site = built(SITES[name]())
    view = policy_test_view(site, node, ())
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"])
    with open_space(wires, probes) as space:
        rows = check(space, host_view(site, node)["nftables"]["ruleset"], probes)
    assert [row for row in rows if not row["ok"]] == []


def checked(hostvars: HostVars, tests: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    site = built(hostvars)
    view = policy_test_view(site, "fw-1", tests)
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"])
    with open_space(wires, probes) as space:
        return list(check(space, host_view(site, "fw-1")["nftables"]["ruleset"], probes))


def test_a_fragment_without_a_family_opens_nothing_of_one_that_a_network_lacks() -> None:
    """The node has a link-local address there, and answers for all of its others."""
    opened = [{"place": "input", "text": "tcp dport 22 accept\nicmpv6 type echo-request accept"}]
    site = built(with_site(site_fragments=opened))
    view = policy_test_view(site, "fw-1", ())
    assert view is not None
    rules = host_view(site, "fw-1")["nftables"]["ruleset"]
    careless = re.sub(r'iifname \{ [^}]*"eth2"[^}]* \} meta nfproto ipv6 drop\n', "\n", rules)
    assert careless != rules
    wires, probes = read(view["interfaces"], view["tests"])
    failed = []
    with open_space(wires, probes) as space:
        for text in (rules, careless):
            rows = [row for row in check(space, text, probes) if not row["ok"]]
            failed.append({str(row["name"]) for row in rows})
    shut, let_in = ({name for name in names if "IPv6" in name} for names in failed)
    assert (shut, failed[0] != set()) == (set(), True)
    assert "outside does not have this family: tcp (IPv6)" in let_in
    assert any("22 of fe80::" in name for name in let_in)


GRE = "inside to outside: not another protocol (IPv4)"
BGP = "tcp/179"


def test_a_fragment_may_let_in_what_the_site_says_it_does() -> None:
    """Derived tests hold against a fragment, unless the site has other words for one of them."""
    opened = [
        {"place": "forward", "text": 'iifname "eth1" oifname "eth0" ip protocol gre ct state new accept'},
        {"place": "input", "text": 'iifname "eth0" ip saddr 192.168.0.3 tcp dport 179 accept'},
    ]
    hostvars = with_site(site_fragments=opened)
    failed = [str(row["name"]) for row in checked(hostvars) if not row["ok"]]
    assert GRE in failed and len(failed) > 1
    assert all(name == GRE or BGP in name for name in failed), failed
    said = [
        {"derived": name, "to": "outside" if name == GRE else "firewall", "expected": "accept"}
        for name in failed
    ]
    for variables in hostvars.values():
        variables["site_policy_tests"] = said
    tests = written_tests(built(hostvars))
    rows = checked(hostvars, tests)
    assert [row for row in rows if not row["ok"]] == []
    assert sum(str(row["name"]).startswith("site_policy_tests[") for row in rows) == len(failed)
    # without the fragment these words are wrong
    for variables in hostvars.values():
        variables["site_fragments"] = []
    assert len([row for row in checked(hostvars, tests) if not row["ok"]]) == len(failed)


def mutated(
    hostvars: HostVars, monkeypatch: pytest.MonkeyPatch, chains: str = ".*", words: str = ""
) -> dict[str, Any]:
    """What a mutation run of these chains tells, with nothing of it unnoticed for no reason.

    Rules without the words are left as they are.
    """

    def chosen(rules: str) -> list[Mutant]:
        return [one for one in mutants(rules) if re.fullmatch(chains, one.chain) and words in one.rule]

    monkeypatch.setattr(policy_check_mutation, "mutants", chosen)
    site = built(hostvars)
    view = policy_test_view(site, "fw-1", ())
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"])
    with open_space(wires, probes) as space:
        mutation = mutate(space, host_view(site, "fw-1")["nftables"]["ruleset"], probes)
    assert [one for one in mutation["unnoticed"] if not one["reason"]] == []
    return dict(mutation)


def test_no_change_of_destination_nat_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its port or its interface, a port forward leads to what entries let through."""
    mutation = mutated(SITES["port forwards beside entries"](), monkeypatch, "nat_prerouting")
    assert not [one for one in mutation["unnoticed"] if one["change"].startswith("without tcp")], mutation


ASKED_FEW: list[dict[str, Any]] = [
    {**BACK, "services": ["http"], "sources": SOME_ONE[:1], "destinations": ["public"]},
    {**BACK, "services": ["ftp"], "destinations": ["public"], "limit": "1/second"},
    {**BACK, "services": "any", "destinations": [VIRTUAL[0]], "action": "drop"},
]
FEW = [{**each, "service": service} for each in FORWARDS[:1] for service in ("http", "bare")]


def test_no_change_of_what_was_asked_for_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"site_addresses": {"public": [VIRTUAL[0]]}, "site_services": BARE, "site_probes": None}
    hostvars = with_site(**few, site_policy=ASKED_FEW, site_port_forwards=FEW)
    mutated(hostvars, monkeypatch, "outside_to_inside|public_v.")


def test_no_change_of_the_sources_of_a_port_forward_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [{**FEW[0], "sources": ["192.168.0.4", "192.168.0.64/26", "203.0.113.7"]}]
    hostvars = with_site(site_port_forwards=some, site_probes=None)
    for node in ("fw-1", "fw-2"):
        hostvars[node]["node_interfaces"]["eth0"]["gateway"] = "192.168.0.254"
    mutation = mutated(hostvars, monkeypatch, "nat_prerouting")
    changes = [one["change"] for one in mutation["unnoticed"] if "saddr" in one["change"]]
    assert changes == []


def test_an_error_in_a_fragment_is_told_by_the_sites_own_line() -> None:
    site = built(with_site(site_fragments=[{"place": "forward", "text": "# mine\nip saddr 10.0.0.1 acept"}]))
    view = policy_test_view(site, "fw-1", ())
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"])
    with (
        pytest.raises(TableError, match=r"^site_fragments\[0\] line 2: nft refuses it, .*: ip saddr 10"),
        open_space(wires, probes) as space,
    ):
        check(space, host_view(site, "fw-1")["nftables"]["ruleset"], probes)


WEB = {"service": "http", "destination": "192.168.0.100"}
IN_DMZ = {"service": "http", "destination": "192.168.3.80"}
BY_HAND: list[dict[str, Any]] = [
    {"from": "inside", "to": "outside", "service": "ssh", "expected": ["accept", "snat to 192.168.0.100"]},
    {"from": "inside", "to": "dmz", "service": "ssh", "expected": ["accept", "no snat"]},
    {"from": "inside", "to": "dmz", "service": "ftp", "expected": ["accept", "helper ftp"]},
    {"from": "inside", "to": "dmz", **WEB, "expected": "drop", "name": "another network's hairpin"},
    {"from": "inside", "to": "dmz", **IN_DMZ, "expected": "drop"},
    {"from": "dmz", "to": "outside", "service": "ntp", "expected": ["accept", "snat to 192.168.0.100"]},
    {"from": "dmz", "to": "inside", "service": "ssh", "expected": "drop"},
    {"from": "outside", "to": "dmz", **WEB, "expected": ["accept", "dnat to 192.168.3.80", "no snat"]},
    {
        **{"from": "dmz", "to": "dmz", "source": "192.168.3.9", **WEB},
        "expected": ["accept", "dnat to 192.168.3.80", "snat to 192.168.3.100"],
    },
    {"from": "outside", "to": "dmz", **IN_DMZ, "source": "192.168.0.8", "expected": "drop"},
    {"from": "outside", "to": "dmz", **IN_DMZ, "source": "192.168.0.9", "expected": ["accept", "no snat"]},
    {
        **{"from": "outside", "to": "inside", "service": "ssh", "destination": "192.168.0.100"},
        "expected": ["accept", "dnat to 192.168.2.3", "no snat"],
    },
]


AT_THE_PUBLIC = {**BACK, "destination": VIRTUAL[0]}
AT_THE_SIXTH = {**BACK, "destination": VIRTUAL[1]}
TO_CLIENT = ["accept", "dnat to 192.168.2.3", "no snat"]
TO_ANOTHER = ["accept", "dnat to 192.168.2.9", "no snat"]
TO_ANOTHER_SIX = ["accept", "dnat to 2001:db8:2::9", "no snat"]
AT_NIGHT, BY_DAY = "sunday 05:59", "saturday 12:00"
ASKED_BY_HAND: list[dict[str, Any]] = [
    {**AT_THE_PUBLIC, "service": "game", "source": "192.168.0.4", "at": AT_NIGHT, "expected": "reject"},
    {**AT_THE_PUBLIC, "service": "game", "source": "192.168.0.5", "at": AT_NIGHT, "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "game", "source": "192.168.0.5", "at": BY_DAY, "expected": "drop"},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.9", "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.8", "expected": "drop"},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::9", "expected": ["accept", "no snat"]},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::8", "expected": "drop"},
    {**AT_THE_SIXTH, "port": "tcp/21", "expected": ["accept", "helper ftp"]},
    {**BACK, "service": "http", "destination": "192.168.2.3", "source": "192.168.0.9", "expected": "drop"},
    {**BACK, "service": "ssh", "destination": "192.168.2.3", "expected": ["accept", "no dnat"]},
]
FRIEND = ["192.168.0.6"]
AT_DMZ = {"from": "outside", "to": "dmz", "service": "http", "destination": "192.168.0.100"}
INSIDE_FIRST: list[dict[str, Any]] = [
    {
        "from": "outside",
        "to": "dmz",
        "services": ["http"],
        "destinations": ["192.168.3.80"],
        "sources": FRIEND,
    },
    {"from": "outside", "to": "dmz", "services": "any", "destinations": ["192.168.0.100"], "action": "drop"},
]
FIRST_BY_HAND: list[dict[str, Any]] = [
    {**AT_DMZ, "source": FRIEND[0], "expected": ["accept", "dnat to 192.168.3.80"]},
    {**AT_DMZ, "source": "192.168.0.7", "expected": "drop"},
    {**AT_DMZ, "to": "inside", "service": "ssh", "source": "192.168.0.7", "expected": ["accept", "no snat"]},
]
FOR_SOME_BY_HAND: list[dict[str, Any]] = [
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.4", "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.127", "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.128", "expected": TO_ANOTHER},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.191", "expected": TO_ANOTHER},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.192", "expected": "drop"},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::4", "expected": ["accept", "no snat"]},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8:0:0:41::1", "expected": TO_ANOTHER_SIX},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::5", "expected": "drop"},
]
SIX = {"family": 6}
TO_SIX = {"destination": "2001:db8::100", **SIX}
IN_IPV6: list[dict[str, Any]] = [
    {**OUT, "service": "pptp", "family": 4, "expected": ["accept", "helper pptp"]},
    {**OUT, "service": "pptp", **SIX, "expected": ["accept", "snat to 2001:db8::100", "no helper"]},
    {**OUT, "service": "irc", **SIX, "expected": ["accept", "no helper"]},
    {**OUT, "service": "tftp", **SIX, "expected": ["accept", "helper tftp"]},
    {**BACK, "service": "http", **TO_SIX, "expected": ["accept", "dnat to 2001:db8:2::3", "no snat"]},
    {**BACK, "service": "ftp", **TO_SIX, "expected": ["accept", "dnat to 2001:db8:2::3", "helper ftp"]},
    {
        **{"from": "inside", "to": "inside", "source": "2001:db8:2::9", "service": "http", **TO_SIX},
        "expected": ["accept", "dnat to 2001:db8:2::3", "snat to 2001:db8:2::100"],
    },
    {**BACK, "service": "smtp", **TO_SIX, "expected": "drop"},
    {**BACK, "service": "http", "destination": "2001:db8:2::3", **SIX, "expected": "drop"},
]


@pytest.mark.parametrize(
    ("hostvars", "by_hand"),
    [
        pytest.param(SITES["what was asked for"](), ASKED_BY_HAND, id="what was asked for"),
        pytest.param(three(site_policy=INSIDE_FIRST), FIRST_BY_HAND, id="hosts before the virtual address"),
        pytest.param(SITES["port forwards for some"](), FOR_SOME_BY_HAND, id="port forwards for some"),
        pytest.param(three(site_source_nat={"outside": "virtual_address"}), BY_HAND, id="three networks"),
        pytest.param(
            dual_served(
                site_policy=HELPERS_OF_IPV4[1:], site_services=AGENTS, site_port_forwards=DUAL_HAIRPINS
            ),
            IN_IPV6,
            id="both families",
        ),
    ],
)
def test_a_site_does_what_is_written_by_hand(hostvars: HostVars, by_hand: list[dict[str, Any]]) -> None:
    """Nothing of these expectations comes from the code that compiles the rules, or derives tests."""
    for variables in hostvars.values():
        variables["site_policy_tests"] = by_hand
    site = built(hostvars)
    view = policy_test_view(site, "fw-1", written_tests(site))
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"][: len(by_hand)])
    with open_space(wires, probes) as space:
        rows = check(space, host_view(site, "fw-1")["nftables"]["ruleset"], probes)
    assert len(rows) == len(by_hand)
    assert [row for row in rows if not row["ok"]] == []


@pytest.mark.parametrize("family", [4, 6])
def test_what_the_nodes_have_no_way_to_does_not_pass(family: int) -> None:
    """A site that can't work fails: a prefix of a network in which the firewalls have no address."""
    hosts = dual()
    prefix, host = (("192.168.9.0/24", "192.168.9.3"), ("2001:db8:9::/64", "2001:db8:9::3"))[family == 6]
    for variables in hosts.values():
        variables["site_networks"]["inside"]["prefixes"].append(prefix)
        variables["site_policy"] = [{**BACK, "services": ["ssh"], "destinations": [host]}]
        variables["site_probes"] = None
    failed = [str(row["name"]) for row in checked(hosts) if not row["ok"]]
    assert any(
        name.startswith(f"site_policy[0]: outside to inside: ssh, tcp/22 to {host}") for name in failed
    )


def test_the_tests_of_a_site_come_first() -> None:
    hostvars = with_site(
        site_policy_tests=[
            {
                "from": "inside",
                "to": "outside",
                "service": "ssh",
                "expected": ["accept", "snat to 192.168.0.100"],
            },
            {"from": "inside", "to": "outside", "port": "tcp/25", "expected": "accept", "name": "wrong"},
        ]
    )
    site = built(hostvars)
    view = policy_test_view(site, "fw-1", written_tests(site))
    assert view is not None
    wires, probes = read(view["interfaces"], view["tests"])
    with open_space(wires, probes) as space:
        rows = check(space, host_view(site, "fw-1")["nftables"]["ruleset"], probes)
    assert [row["name"] for row in rows if not row["ok"]] == ["wrong (IPv4)"]
    assert rows[1]["seen"] == "drop"


ON_A_NIGHT = {"at": "saturday 23:00"}
AT_TIMES: list[dict[str, Any]] = [
    {**OUT, "port": "tcp/22", "family": 4, "at": "monday 17:29", "expected": "accept"},
    {**OUT, "port": "tcp/22", "family": 4, "at": "monday 17:30", "expected": "drop"},
    {**OUT, "port": "tcp/22", "family": 4, "at": "tuesday 09:00", "expected": "drop"},
    {**OUT, "port": "tcp/22", "family": 6, "at": "tuesday 03:59", "expected": "reject"},
    {**OUT, "port": "tcp/80", **ON_A_NIGHT, "family": 4, "expected": "drop"},
    {**OUT, "port": "tcp/80", "at": "sunday 06:00", "family": 4, "expected": "accept"},
    {**BACK, "port": "udp/9", **ON_A_NIGHT, "family": 6, "expected": "accept"},
    {**BACK, "port": "udp/9", "at": "sunday 23:00", "family": 6, "expected": "drop"},
]


def test_helpers_do_what_is_written_by_hand() -> None:
    ends = {"from": "dmz", "to": "outside", "service": "ftp"}
    by_hand: list[dict[str, Any]] = [
        {"from": "inside", "to": "dmz", "service": "ftp", "expected": ["accept", "helper ftp"]},
        {**OUT, "port": "tcp/21", "expected": ["accept", "no helper"]},
        {**ends, "expected": ["accept", "helper ftp"]},
        {**ends, "destination": "192.168.0.9", "expected": ["accept", "no helper"]},
    ]
    test_a_site_does_what_is_written_by_hand(SITES["a helper on one way"](), by_hand)


def test_times_do_what_is_written_by_hand() -> None:
    hostvars = SITES["times"]()
    test_a_site_does_what_is_written_by_hand(hostvars, AT_TIMES)


NIGHTLY: list[dict[str, Any]] = [
    {
        **OUT,
        "services": ["ssh"],
        "time": {"days": ["monday", "wednesday"], "from": "08:00", "to": "17:30"},
    },
    {**OUT, "services": ["http"], "action": "drop", "time": NIGHTS},
    {**OUT, "services": ["http"]},
    {**BACK, "services": ["smtp"], "time": NIGHTS},
]


def test_no_change_of_a_time_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    # the other chains are those of the lab
    hostvars = with_site(site_policy=NIGHTLY, site_port_forwards=[], site_probes=None)
    mutation = mutated(hostvars, monkeypatch, ".*_to_.*")
    assert mutation["noticed"] > mutation["mutants"] / 2


def test_no_change_of_the_labs_rules_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = mutated(lab(), monkeypatch)
    # and the control: most of them are noticed, so the tests are no formality
    assert mutation["noticed"] > mutation["mutants"] / 2


def test_no_change_of_neighbour_discovery_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostvars = dual_with(site_policy=[{**OUT, "services": ["ssh"]}], site_port_forwards=[], site_probes=None)
    mutation = mutated(hostvars, monkeypatch, "input", "nd-neighbor")
    assert mutation["noticed"] > 5


def test_a_port_of_the_nodes_may_be_a_clients_by_chance() -> None:
    """Its flow is tracked as any other; rules that look at the port alone would lose the answers."""
    site = built(lab())
    view = policy_test_view(site, "fw-1", ())
    assert view is not None
    rules = host_view(site, "fw-1")["nftables"]["ruleset"]
    careless = re.sub(r"ip saddr \S+ ip daddr \S+ udp sport 3781 (udp dport 3781 notrack)", r"\1", rules)
    assert careless != rules
    wires, probes = read(view["interfaces"], view["tests"])
    with open_space(wires, probes) as space:
        failed = [row["name"] for row in check(space, careless, probes) if not row["ok"]]
    assert failed
    assert all("from port 3781" in name for name in failed)
