# SPDX-License-Identifier: GPL-3.0-or-later
"""Every valid site compiles to a table that nft accepts."""

from __future__ import annotations

import subprocess
from ipaddress import ip_network
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_services import CATALOGUE, HELPERS
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_rules import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_view import host_view
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

PORT = st.one_of(
    st.integers(1, 65535),
    st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda p: f"{min(p)}-{max(p)}"),
)
OWN_SERVICE = st.fixed_dictionaries({"tcp": st.lists(PORT, min_size=1, max_size=4)}).flatmap(
    lambda service: st.fixed_dictionaries(
        {
            "udp": st.lists(PORT, min_size=1, max_size=4),
            "icmp": st.lists(st.sampled_from(["echo-request", "timestamp-request"]), max_size=2),
            "helper": st.sampled_from(sorted(HELPERS)),
        }
    ).map(lambda more: {**service, **more})
)


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

    known = st.sampled_from([*CATALOGUE, *services])
    policy = []
    for _entry in range(draw(st.integers(0, 4))):
        source, destination = draw(st.permutations(names))[:2]
        entry = {"from": source, "to": destination, "services": draw(st.lists(known, min_size=1, max_size=5))}
        if draw(st.booleans()):
            entry["limit"] = draw(st.sampled_from(["1/second", "30/minute"]))
        policy.append(entry)
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
        "site_port_forwards": forwards,
        "site_source_nat": draw(st.sampled_from(["virtual_address", "none"])),
    }
    return {
        **{
            node: {
                **shared,
                "node_interfaces": {
                    **interfaces(place),
                    "sync0": {"network": "sync", "addresses": [f"10.99.0.{place}"]},
                },
            }
            for place, node in ((1, "left"), (2, "right"))
        },
        "server": {
            **shared,
            "node_interfaces": {"eth0": {"network": names[1], "addresses": at(names[1], 9)}},
        },
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sites())
def test_nft_accepts_the_table_of_every_valid_site(hostvars: dict[str, dict[str, Any]]) -> None:
    text = host_view(load_site(hostvars), "left")["nftables"]["ruleset"]
    event(f"{text.count('accept')} accepting rules")
    done = subprocess.run(
        ["/usr/bin/unshare", "--map-root-user", "--net", "nft", "-c", "-f", "/dev/stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), text
