# SPDX-License-Identifier: GPL-3.0-or-later
"""What the compiler tells beside a text is what a reader finds in it: two ways to the same data."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Contents
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import DUAL, check

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
TABLE = """\
counter mine { }
ct helper own {
    type "tftp" protocol udp;
}
set bans { type ipv4_addr; flags timeout, interval; elements = { 192.0.2.1, 192.0.2.8-192.0.2.9 }; }
map lasting {
    type ipv6_addr : verdict
    timeout 1h
}
set fixed {
    type ipv4_addr
    # one, two
    elements = {
        198.51.100.1,
        198.51.100.2
    }
}
flowtable own_way { hook ingress priority filter; devices = { @interface(inside), "eth0" }; };
chain early { type filter hook ingress device @interface(outside) priority 0; ip saddr @fixed drop; }
"""
FORWARD = """\
# flow add @own_way
ip protocol { tcp,
    udp } flow add @own_way counter; ip saddr @bans drop
tcp dport 9 flow add @own_way accept
"""
FRAGMENTS: dict[str, object] = {
    "all:site_fragments": [{"place": "table", "text": TABLE}, {"place": "forward", "text": FORWARD}]
}
POLICY: list[dict[str, object]] = [
    {
        "from": "inside",
        "to": "outside",
        "services": ["http", "ftp", *(f"s{number}" for number in range(60))],
        "offload": True,
        "counter": True,
        "limit": "9/second",
        "sources": [f"192.168.2.{number}" for number in range(4, 200, 2)],
    }
]
SERVICES = {f"s{number}": {"tcp": [9000 + 2 * number]} for number in range(60)}
SITES: dict[str, dict[str, object]] = {
    "lab": {},
    "no probe": {"all:site_probes": None},
    "gate": {"all:site_pairs.ftfw.replication": "external"},
    "fragments": FRAGMENTS,
    "dual stack": {
        **DUAL,
        **FRAGMENTS,
        "all:site_probes": None,
        "all:site_services": SERVICES,
        "all:site_policy": POLICY,
        "all:site_port_forwards": [
            {"to": "outside", "service": "http", "host": "client", "address": "192.168.0.100"}
        ],
    },
}


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("host", ["fw-1", "fw-2"])
def test_the_compiler_and_the_reader_tell_the_same(changed: Change, name: str, host: str) -> None:
    view = host_view(load_site(changed(SITES[name])), host)["nftables"]
    found = read(view["ruleset"], "inet", "ftfw")
    told = Contents.unpack(json.loads(json.dumps(view["contents"])))
    assert told == found.contents
    # what travels as JSON is what is read again, comments before it or not
    again = read(f"# Managed\n\n{view['ruleset']}\n", "inet", "ftfw", told)
    assert (again.contents, again.ahead) == (told, 2)
    assert again.plain == f"# Managed\n\n{found.plain}\n"
    plain = read(found.plain, "inet", "ftfw", told)
    assert (plain.contents, plain.plain) == (told.without_flowtables(), found.plain)
    assert plain.contents.needed_devices() == read(found.plain, "inet", "ftfw").contents.needed_devices()
    assert [(one.name, one.digest, one.count) for one in again.elements] == [
        (one.name, one.digest, one.count) for one in found.elements
    ]


def test_what_a_site_has_written_itself_is_in_it(changed: Change) -> None:
    view = host_view(load_site(changed(SITES["dual stack"])), "fw-1")["nftables"]
    told = Contents.unpack(view["contents"])
    assert [one.name for one in told.helpers] == ["ftp", "own"]
    assert ("bans", "set", True) in [(one.name, one.kind, one.run_time) for one in told.sets]
    assert ("lasting", "map", True) in [(one.name, one.kind, one.run_time) for one in told.sets]
    assert ("fixed", "set", False) in [(one.name, one.kind, one.run_time) for one in told.sets]
    assert told.counters == ("policy_0", "policy_0_over", "offloaded", "mine")
    assert [(one.name, one.devices) for one in told.flowtables] == [
        ("fastpath", ("eth0", "eth1")),
        ("own_way", ("eth1", "eth0")),
    ]
    assert told.devices == ("eth0",)
    lines = view["ruleset"].splitlines()
    places = [
        (one.where, lines[one.first - 1].strip(), lines[one.last - 1].strip()) for one in told.fragments
    ]
    last = TABLE.splitlines()[-1].replace("@interface(outside)", '"eth0"')
    assert places == [
        ("site_fragments[0]", "counter mine { }", last),
        ("site_fragments[1]", "# flow add @own_way", "tcp dport 9 flow add @own_way accept"),
    ]
    plain = read(view["ruleset"], "inet", "ftfw", told).plain
    assert plain.count("\n") == view["ruleset"].count("\n")
    assert [line.strip() for line in plain.splitlines() if "own_way" in line] == ["# flow add @own_way"]
    assert "tcp dport 9 accept" in plain and "ip saddr @bans drop" in plain
    assert "flow add @fastpath" not in plain and "protocol { tcp" not in plain


def test_rules_of_several_lines_go_as_a_whole(changed: Change) -> None:
    """A long list of ports in an entry with offload takes lines of its own."""
    changes = {**SITES["dual stack"], "all:site_fragments": []}
    view = host_view(load_site(changed(changes)), "fw-1")["nftables"]
    assert "} ct state established ct direction original" in view["ruleset"]
    check(view["ruleset"])


def test_what_is_known_of_another_text_does_not_count(changed: Change) -> None:
    view = host_view(load_site(changed(FRAGMENTS)), "fw-1")["nftables"]
    told = Contents.unpack(view["contents"])
    text = view["ruleset"].replace("counter mine", "counter yours")
    assert "yours" in read(text, "inet", "ftfw", told).contents.counters
    # nor does it where somebody has put something of his own before it
    more = read("define x = 1\n" + view["ruleset"], "inet", "ftfw", told)
    assert more.contents.lines == told.lines + 1
