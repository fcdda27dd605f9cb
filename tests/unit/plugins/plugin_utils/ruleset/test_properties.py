# SPDX-License-Identifier: GPL-3.0-or-later
"""Every valid site compiles to a table that nft accepts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import CATALOGUE, HELPERS
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

PORT = st.one_of(
    st.integers(1, 65535),
    st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda p: f"{min(p)}-{max(p)}"),
)
OWN_SERVICE = st.fixed_dictionaries({"tcp": st.lists(PORT, min_size=1, max_size=4)}).flatmap(
    lambda service: st.fixed_dictionaries(
        {
            "udp": st.lists(PORT, min_size=1, max_size=4),
            "icmp": st.lists(st.just("echo-request"), max_size=2),
            "helper": st.sampled_from(sorted(HELPERS)),
        }
    ).map(lambda more: {**service, **more})
)

MEMBERS = {
    4: ["192.0.2.1", "10.0.0.0/8", "10.1.0.0/16", "198.51.100.0/25"],
    6: ["2001:db8::/32", "2001:db8:0:1::/64", "fd00::1"],
}
CLOCK = st.sampled_from(["00:00", "06:30", "09:00", "22:00", "23:59"])
DAYS = st.lists(st.sampled_from(["monday", "wednesday", "sunday"]), min_size=1, max_size=3)
TEXT = st.text(max_size=30)
LOGGED = st.text(
    st.characters(codec="ascii", exclude_categories=["C"], exclude_characters='"\\$'), max_size=30
)
LOG = st.one_of(
    st.booleans(),
    st.fixed_dictionaries({}, optional={"prefix": LOGGED, "rate": st.sampled_from(["1/second", "9/hour"])}),
)
TIME = st.one_of(
    st.fixed_dictionaries({"days": DAYS}),
    st.fixed_dictionaries({"from": CLOCK, "to": CLOCK}, optional={"days": DAYS}).filter(
        lambda window: window["from"] != window["to"]
    ),
)


def address_lists(draw: st.DrawFn, families: tuple[int, ...]) -> dict[str, list[str]]:
    """Draw sources and destinations that have members in each of some families."""
    lists = {}
    for key in ("sources", "destinations"):
        if draw(st.booleans()):
            members = [draw(st.sampled_from(MEMBERS[family])) for family in families]
            named = draw(st.lists(st.sampled_from(["server", "listed", "filed"]), max_size=2))
            lists[key] = [*members, *named] if draw(st.booleans()) else ["listed"]
    return lists


def policy_entries(
    draw: st.DrawFn, families: dict[str, tuple[int, ...]], known: st.SearchStrategy[str]
) -> list[dict[str, Any]]:
    """Draw entries between networks that have a family in common."""
    policy: list[dict[str, Any]] = []
    for _entry in range(draw(st.integers(0, 5))):
        source, destination = draw(st.permutations(list(families)))[:2]
        common = tuple(family for family in families[source] if family in families[destination])
        if not common:
            continue
        several = st.lists(known, min_size=1, max_size=5)
        entry: dict[str, Any] = {
            "from": draw(st.sampled_from([source, [source]])),
            "to": destination,
            "services": draw(st.one_of(st.just("any"), several)),
            "action": draw(st.sampled_from(["accept", "drop", "reject"])),
            **address_lists(draw, common),
        }
        for key, values in (("time", TIME), ("log", LOG), ("counter", st.booleans()), ("comment", TEXT)):
            if draw(st.booleans()):
                entry[key] = draw(values)
        if entry["action"] == "accept" and draw(st.booleans()):
            entry["limit"] = draw(st.sampled_from(["1/second", "30/minute"]))
        policy.append(entry)
    return policy


def alternating(source: str, destination: str, count: int) -> list[dict[str, Any]]:
    """Entries that take turns in what they do, each about a service of its own."""
    actions = ("accept", "drop", "reject")
    return [
        {"from": source, "to": destination, "services": [f"run{i}"], "action": actions[i % 3]}
        for i in range(count)
    ]


def hosts(
    shared: dict[str, Any], interfaces: Callable[[int], dict[str, Any]], server: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The variables of both nodes, whose places are 1 and 2, and of a server with one interface."""
    nodes = {
        node: {
            **shared,
            "node_interfaces": {
                **interfaces(place),
                "sync0": {"network": "sync", "addresses": [f"10.99.0.{place}"]},
            },
        }
        for place, node in ((1, "left"), (2, "right"))
    }
    return {**nodes, "server": {**shared, "node_interfaces": {"eth0": server}}}


@st.composite
def sites(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Draw a bare-metal site: data networks of one or two families, a pair, a server behind it, a policy."""
    names = [f"net{i}" for i in range(draw(st.integers(2, 4)))]
    families = {name: draw(st.sampled_from([(4,), (6,), (4, 6)])) for name in names}
    prefixes = {name: {4: f"10.{i}.0.0/24", 6: f"2001:db8:{i}::/64"} for i, name in enumerate(names)}
    services = {"own": draw(OWN_SERVICE)}

    def at(name: str, host: int) -> list[str]:
        return [str(ip_network(prefixes[name][family])[host]) for family in families[name]]

    def interfaces(host: int) -> dict[str, Any]:
        return {f"eth{i}": {"network": name, "addresses": at(name, host)} for i, name in enumerate(names)}

    policy = policy_entries(draw, families, st.sampled_from([*CATALOGUE, *services]))
    if set(families[names[0]]) & set(families[names[1]]):
        run = alternating(names[0], names[1], draw(st.integers(0, 12)))
        services |= {entry["services"][0]: draw(OWN_SERVICE) for entry in run}
        policy += run
    forwards = []
    if 4 in families[names[0]] and 4 in families[names[1]] and draw(st.booleans()):
        address = str(ip_network(prefixes[names[0]][4])[100])
        service = draw(st.sampled_from(["http", "ftp", "dns", "own"]))
        forwards.append({"to": names[0], "address": address, "service": service, "host": "server"})
    shared = {
        "site_networks": {
            **{name: {"prefixes": [prefixes[name][f] for f in families[name]]} for name in names},
            "sync": {"prefixes": ["10.99.0.0/24"]},
        },
        "site_pairs": {
            "gate": {
                "nodes": ["left", "right"],
                "sync": ["sync"],
                "replication": draw(st.sampled_from(["direct", "external"])),
                "virtual_routers": {
                    name: {"vrid": i + 1, "addresses": at(name, 100)} for i, name in enumerate(names)
                },
            }
        },
        "site_policy": policy,
        "site_services": services,
        "site_addresses": {
            "listed": [*MEMBERS[4], *MEMBERS[6], "server"],
            "filed": {"file": "addresses.txt"},
        },
        "site_port_forwards": forwards,
        "site_source_nat": draw(st.sampled_from(["virtual_address", "none"])),
    }
    return hosts(shared, interfaces, {"network": names[1], "addresses": at(names[1], 9)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sites())
def test_nft_accepts_the_table_of_every_valid_site(hostvars: dict[str, dict[str, Any]]) -> None:
    try:
        site = load_site(hostvars, read_file=lambda path: "\n".join([*MEMBERS[4], "2001:db8::5"]))
    except SiteError as error:
        # two drawn entries, or two services of one, may contradict each other
        contradictions = ("about the same", "leave one of them out")
        assume(not all(any(one in line for one in contradictions) for line in error.problems.lines()))
        raise
    text = host_view(site, "left")["nftables"]["ruleset"]
    event(f"{text.count('accept')} accepting rules")
    done = subprocess.run(
        ["/usr/bin/unshare", "--map-root-user", "--net", "nft", "-c", "-f", "/dev/stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), text
