# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers of the kernel: set for what an entry accepts, and only where one is used."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    CATALOGUE,
    HELPERS,
    helper_modules,
)
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DUAL,
    FORWARD,
    IRC,
    OPENS,
    Change,
    chain,
    check,
    compiled,
    ruleset,
)


def test_helpers_are_there_only_when_used(changed: Change) -> None:
    entry = {"from": "inside", "to": "outside", "services": ["http"]}
    hostvars = changed({"all:site_policy": [entry], "all:site_probes": None})
    assert "helper" not in ruleset(hostvars)
    view = host_view(load_site(hostvars), "fw-1")["nftables"]
    assert (view["helpers"], view["modules"]) == ([], [])


IN_IPV6 = [
    pytest.param(
        {"all:site_policy": [{**IRC, "sources": ["2001:db8:2::3"]}]},
        "site_policy[0].services",
        id="an entry",
    ),
    pytest.param(
        {
            "client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3"],
            "all:site_port_forwards": [{**FORWARD, "service": "irc", "address": "2001:db8::100"}],
        },
        "site_port_forwards[0].service",
        id="a port forward",
    ),
]


@pytest.mark.parametrize(("changes", "key"), IN_IPV6)
def test_where_the_kernel_has_no_helper_none_is_set_and_a_warning_says_so(
    changed: Change, changes: dict[str, object], key: str
) -> None:
    site = load_site(changed({**DUAL, "all:site_probes": None, "all:site_policy": [], **changes}))
    assert site.warnings == (
        f"all: {key}: irc: is for IPv6 here, where the kernel has no helper irc, so that its flows get none; "
        "leave it out, or declare it without a helper in site_services",
    )
    view = host_view(site, "fw-1")["nftables"]
    assert (view["helpers"], view["modules"]) == ([], [])
    assert "helper" not in view["ruleset"]
    assert "dport 6667" in view["ruleset"]
    check(view["ruleset"])


def test_where_one_of_both_families_has_the_helper_there_is_no_warning(changed: Change) -> None:
    site = load_site(changed({**DUAL, "all:site_policy": [IRC], "all:site_probes": None}))
    assert site.warnings == ()
    assert "irc" in host_view(site, "fw-1")["nftables"]["helpers"]


@pytest.mark.parametrize(
    ("helper", "modules"),
    [
        ("ftp", ("nf_conntrack_ftp", "nf_nat_ftp")),
        ("netbios-ns", ("nf_conntrack_netbios_ns",)),
        ("ras", ("nf_conntrack_h323", "nf_nat_h323")),
        ("snmp", ("nf_conntrack_snmp", "nf_nat_snmp_basic")),
    ],
)
def test_modules_of_a_helper(helper: str, modules: tuple[str, ...]) -> None:
    assert helper_modules(helper) == modules


def test_helpers_are_for_what_an_entry_accepts(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ftp"], "destinations": ["servers"]},
        {"services": ["tftp"], "action": "drop"},
        {"services": ["h323-ras"]},
    )
    assert not [line for line in chain(text, "prerouting") if "ct helper set" in line]
    assert [line for line in chain(text, "inside_to_outside") if "#" not in line] == [
        'ip daddr @servers_v4 tcp dport 21 ct state new ct helper set "ftp"',
        f"ip daddr @servers_v4 tcp dport 21 {OPENS} accept",
        "udp dport 69 ct state new drop",
        'udp dport 1719 ct state new ct helper set "ras"',
        "udp dport 1719 ct state new accept",
    ]
    assert '    ct helper ras {\n        type "RAS" protocol udp\n' in text
    assert [line for line in chain(text, "forward") if "ct helper" in line] == [
        f'ct state related ct helper "{name}" accept' for name in ("H.245", "Q.931", "RAS", "ftp")
    ]


def test_an_earlier_entry_about_the_port_leaves_no_helper(changed: Change) -> None:
    """A later entry gives its helper to nothing that came to another one, so it stands alone."""
    ports = {"plain": {"tcp": [21]}}
    text = compiled(
        changed,
        {"services": ["plain"]},
        {"services": ["ftp"], "time": {"from": "08:00", "to": "17:30"}},
        site_services=ports,
    )
    assert [line for line in chain(text, "inside_to_outside") if "#" not in line] == [
        f"tcp dport 21 {OPENS} accept",
        'tcp dport 21 ct state new meta hour "08:00"-"17:29:59" ct helper set "ftp"',
        f'tcp dport 21 {OPENS} meta hour "08:00"-"17:29:59" accept',
    ]


def test_nft_knows_every_service_and_helper(changed: Change) -> None:
    entries = [{"services": [name], "counter": True} for name in CATALOGUE]
    text = compiled(changed, *entries)
    assert {service.helper for service in CATALOGUE.values()} - {None} == set(HELPERS) - {"snmp"}
    assert text.count("ct helper set") == len(HELPERS) - 1
