# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers: what is read, what each firewall gets of it, and one line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL,
    FW1,
    FW2,
    LETS_IN,
    WEB,
    Change,
    balanced,
    errors,
)

MANUAL: dict[str, Any] = {
    **WEB,
    "check": {
        "http": {"path": "/manual/", "digest": "e073a410a4ef34b0adc28d280b019383", "virtualhost": "omarine"},
        "delay_loop": 2,
        "retry": 0,
    },
    "method": "nat",
    "quorum": 2,
    "sorry": "192.168.2.9",
    "inhibit_on_failure": True,
    "mail": {"to": "tuyen", "by": "192.168.0.3"},
}


NO_LIMIT = {"uthreshold": None, "lthreshold": None}


def test_what_a_firewall_gets(changed: Change) -> None:
    (found,) = host_view(load_site(changed(balanced(**MANUAL))), "fw-2")["balancers"]
    assert found == {
        "name": "web",
        "address": "192.168.0.100",
        "protocol": "tcp",
        "port": 80,
        "asked": [{"protocol": "tcp", "first": 80, "last": 80}],
        "map": "balancer.web",
        "gone": "balancer.web.gone",
        "last": "balancer.web.last",
        "last_port": None,
        "slots": 2,
        "scheduler": "rr",
        "ipvs": None,
        "quorum": 2,
        "hysteresis": 0,
        "sorry": "192.168.2.9",
        "sorry_port": None,
        "sorry_check": {
            "kind": "tcp",
            "options": {"port": 80},
            "delay_loop": 2,
            "connect_timeout": 3,
            "retry": 0,
            "delay_before_retry": 1,
            "warmup": 0,
        },
        "alpha": False,
        "omega": False,
        "inhibit_on_failure": True,
        "check": {
            "kind": "http",
            "options": {
                "port": 80,
                "path": "/manual/",
                "digest": "e073a410a4ef34b0adc28d280b019383",
                "virtualhost": "omarine",
                "status_code": [],
            },
            "delay_loop": 2,
            "connect_timeout": 3,
            "retry": 0,
            "delay_before_retry": 1,
            "warmup": 0,
        },
        "notify": {},
        "mail": {"to": ["tuyen"], "by": "192.168.0.3", "port": 25},
        "servers": [
            {"name": "client", "address": "192.168.2.3", "port": None, "weight": 1, **NO_LIMIT},
            {"name": "192.168.2.5", "address": "192.168.2.5", "port": None, "weight": 1, **NO_LIMIT},
        ],
    }


def test_servers_at_ports_of_their_own(changed: Change) -> None:
    """A host may answer at several; who says nothing answers where it is asked, also for the check."""
    servers = [{"host": "client", "port": 8080}, {"host": "client", "port": 8081}, "192.168.2.5"]
    site = load_site(changed(balanced(servers=servers, sorry={"host": "192.168.2.9", "service": "https"})))
    (found,) = host_view(site, "fw-1")["balancers"]
    assert [(one["name"], one["address"], one["port"]) for one in found["servers"]] == [
        ("client:8080", "192.168.2.3", 8080),
        ("client:8081", "192.168.2.3", 8081),
        ("192.168.2.5", "192.168.2.5", 80),
    ]
    assert (found["sorry"], found["sorry_port"], found["last_port"]) == (
        "192.168.2.9",
        443,
        "balancer.web.last.port",
    )
    assert found["check"] and found["check"]["options"] == {}
    assert site.warnings == ()


def test_a_check_by_udp_asks_a_port_of_udp(changed: Change) -> None:
    """Both protocols have ports, and these may be others."""
    changes = balanced(service="both", check={"dns": {"name": "example.org", "type": "A"}})
    changes["all:site_services"] = {"both": {"tcp": [853], "udp": [53]}}
    (found,) = host_view(load_site(changed(changes)), "fw-1")["balancers"]
    assert found["check"] and found["check"]["options"] == {"port": 53, "name": "example.org", "type": "A"}
    assert found["check"]["retry"] == 3


def test_several_addresses_are_several_balancers(changed: Change) -> None:
    """Hosts answer in both families, addresses in their own."""
    servers = ["client", "192.168.2.5", "2001:db8:2::5", "2001:db8:2::6"]
    addresses = ["192.168.0.100", "2001:db8::100"]
    changes = {
        **DUAL,
        **balanced(address=addresses, servers=servers, sorry="192.168.2.9"),
        "all:site_pairs.ftfw.virtual_routers.outside.addresses": addresses,
        "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
        "client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3"],
    }
    for number, node in enumerate((FW1, FW2), 1):
        changes[f"{node}.eth0.addresses"] = [f"192.168.0.{number}", f"2001:db8::{number}"]
        changes[f"{node}.eth1.addresses"] = [f"192.168.2.{number}", f"2001:db8:2::{number}"]
    first, second = host_view(load_site(changed(changes)), "fw-1")["balancers"]
    assert (first["name"], first["address"], first["sorry"]) == ("web", "192.168.0.100", "192.168.2.9")
    assert [one["address"] for one in first["servers"]] == ["192.168.2.3", "192.168.2.5"]
    assert (second["name"], second["address"], second["sorry"]) == ("web.2", "2001:db8::100", None)
    assert [one["address"] for one in second["servers"]] == [
        "2001:db8:2::3",
        "2001:db8:2::5",
        "2001:db8:2::6",
    ]
    assert {first["map"], second["map"]} == {"balancer.web", "balancer.web.2"}


def test_limits_and_ports_of_a_service(changed: Change) -> None:
    limits = {"uthreshold": 9, "lthreshold": 9}
    servers = [{"host": "client", "uthreshold": 100}, {"host": "192.168.2.5", **limits}]
    changes = balanced(service="both", servers=servers)
    changes["all:site_services"] = {"both": {"tcp": ["80-90", 85], "udp": [53]}}
    (found,) = host_view(load_site(changed(changes)), "fw-1")["balancers"]
    assert [(one["uthreshold"], one["lthreshold"]) for one in found["servers"]] == [(100, None), (9, 9)]
    assert found["asked"] == [
        {"protocol": "tcp", "first": 80, "last": 90},
        {"protocol": "udp", "first": 53, "last": 53},
    ]


BOTH = {"tcp": [853], "udp": [53]}


@pytest.mark.parametrize(
    ("check", "sorry", "expected"),
    [
        # as the servers are asked, but not for a page
        ({"http": {"path": "/a"}, "delay_loop": 2}, {}, ("tcp", {"port": 853}, 2)),
        ({"https": {"port": 8443}}, {}, ("tcp", {"port": 853}, 5)),
        ("smtp", {}, ("tcp", {"port": 853}, 5)),
        ({"tcp": {}}, {"port": 99}, ("tcp", {"port": 99}, 5)),
        ({"dns": {"name": "a.example", "port": 5353}}, {}, ("dns", {"port": 53, "name": "a.example"}, 5)),
        ({"udp": {"payload": "0a"}}, {}, ("udp", {"port": 53, "payload": "0a"}, 5)),
        ("ping", {}, ("ping", {"port": 853}, 5)),
        # what is about servers is not about it
        ({"program": {"command": ["/usr/bin/true"]}}, {}, None),
        ({"file": {"path": "/run/a"}}, {}, None),
        (None, {}, None),
        ("tcp", {"check": "none"}, None),
        # its own
        (None, {"check": "tcp"}, ("tcp", {"port": 853}, 5)),
        ("tcp", {"check": {"http": {"port": 81}, "delay_loop": 9}}, ("http", {"port": 81, "path": "/"}, 9)),
        ("tcp", {"check": "dns"}, ("dns", {"port": 53}, 5)),
    ],
)
def test_how_a_sorry_server_is_asked(
    changed: Change, check: object, sorry: dict[str, object], expected: tuple[str, dict[str, object], float]
) -> None:
    ports = {"both": BOTH if "port" not in sorry else {"tcp": [853]}}
    changes = balanced(service="both", check=check, sorry={"host": "192.168.2.9", **sorry})
    changes["all:site_services"] = ports
    (found,) = host_view(load_site(changed(changes)), "fw-1")["balancers"]
    seen = found["sorry_check"]
    if expected is None:
        assert seen is None
    else:
        assert seen is not None
        assert (seen["kind"], seen["delay_loop"]) == (expected[0], expected[2])
        assert expected[1].items() <= seen["options"].items()


def test_commands(changed: Change) -> None:
    commands = {
        "quorum_down": ["/usr/local/bin/tell", "{balancer}"],
        "notify_up": ["/usr/local/bin/tell", "{name}", "{address}"],
    }
    (found,) = host_view(load_site(changed(balanced(**commands, omega=True))), "fw-1")["balancers"]
    assert found["notify"] == commands
    assert found["omega"]


def test_clients_of_one_prefix_have_one_server(changed: Change) -> None:
    """Of IPv6 the golden site `dual` has it."""
    rules = host_view(load_site(changed(balanced(scheduler="mh", persistence_granularity=24))), "fw-1")[
        "nftables"
    ]["ruleset"]
    assert " to jhash ip saddr & 255.255.255.0 mod 1021 seed 0x1 map @balancer.web\n" in rules


@pytest.mark.parametrize(
    "changes",
    [
        {"servers": [{"host": "client", "port": 80}], "sorry": {"host": "192.168.2.9", "service": "http"}},
        {"servers": ["client"], "sorry": {"host": "192.168.2.9", "port": 80}},
    ],
)
def test_the_port_that_is_asked_for_is_none_of_their_own(changed: Change, changes: dict[str, object]) -> None:
    plain = host_view(load_site(changed(balanced(servers=["client"], sorry="192.168.2.9"))), "fw-1")
    assert host_view(load_site(changed(balanced(**changes))), "fw-1") == plain


def test_entries_see_the_port_that_was_asked_for(changed: Change) -> None:
    """Each port is a rule, and all rules of an entry have one limit; other ways are as ever."""
    changes = balanced(servers=[{"host": "client", "port": 8080}])
    changes["all:site_policy"] = [
        {"from": "outside", "to": "inside", "services": ["http", "ssh"], "limit": "9/second"},
        {"from": "inside", "to": "outside", "services": ["http", "ssh"]},
    ]
    rules = host_view(load_site(changed(changes)), "fw-1")["nftables"]["ruleset"]
    opens = "tcp flags & (fin | syn | rst | ack) == syn ct state new"
    for port in (22, 80):
        asked = f"        meta l4proto tcp ct original proto-dst {port} {opens}"
        assert f"{asked} jump limit_0_0_tcp_v4\n{asked} accept\n" in rules
    assert rules.count("limit rate over 9/second") == 1
    assert f"tcp dport {{ 22, 80 }} {opens} accept" in rules


def test_long_runs_of_entries_see_it_too(changed: Change) -> None:
    changes = balanced(servers=[{"host": "client", "port": 8080}])
    changes["all:site_policy"] = [
        {"from": "outside", "to": "inside", "services": [name], "action": action}
        for names in (
            ("ssh", "http"),
            ("smtp", "https"),
            ("imap", "imaps"),
            ("ldap", "ldaps"),
            ("rdp", "ntp"),
        )
        for name, action in zip(names, ("accept", "drop"))
    ] + [LETS_IN[1]]
    rules = host_view(load_site(changed(changes)), "fw-1")["nftables"]["ruleset"]
    assert "meta l4proto tcp ct original proto-dst vmap { 22 : accept, " in rules


def test_others_get_nothing_of_it(changed: Change) -> None:
    site = load_site(changed(balanced()))
    assert "balancers" not in host_view(site, "omarine") and "balancers" not in host_view(site, "client")
    assert site.warnings == ()


@pytest.mark.parametrize(
    ("check", "kind", "options"),
    [
        ("tcp", "tcp", {"port": 80}),
        ("http", "http", {"port": 80, "path": "/"}),
        ({"smtp": {"port": 25}}, "smtp", {"port": 25, "helo_name": "localhost"}),
        (
            {"https": {"sni": "a.example", "status_code": 200}},
            "https",
            {"port": 80, "path": "/", "sni": "a.example", "status_code": ["200"]},
        ),
        (
            {"program": {"command": ["/bin/x", "{address}"], "misc_dynamic": True}},
            "program",
            {"port": 80, "command": ["/bin/x", "{address}"], "misc_dynamic": True},
        ),
        ("ping", "ping", {"port": 80}),
        ({"file": {"path": "/run/{name}"}}, "file", {"port": 80, "path": "/run/{name}"}),
        ({"dns": {"port": 53}}, "dns", {"port": 53, "name": ".", "type": "SOA"}),
        (
            {"udp": {"port": 9, "payload": "0a FF", "require_reply": True}},
            "udp",
            {"port": 9, "payload": "0aFF", "require_reply": True},
        ),
    ],
)
def test_checks(changed: Change, check: object, kind: str, options: dict[str, object]) -> None:
    (found,) = host_view(load_site(changed(balanced(check=check))), "fw-1")["balancers"]
    assert found["check"] and (found["check"]["kind"], found["check"]["options"]) == (kind, options)


WARNED: dict[str, tuple[dict[str, object], str]] = {
    "nothing lets it in": (
        {"service": "https"},
        "all: site_balancers.web: https: no entry of site_policy lets tcp 443 in from outside to inside; add "
        "{from: outside, to: inside, services: [https], destinations: [192.168.0.100]}",
    ),
    "nobody asks": (
        {"check": None},
        "all: site_balancers.web.check: (empty): its servers are not checked, so that new flows go to one "
        "that has failed, too; write one, such as check: tcp",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WARNED.values(), ids=WARNED)
def test_what_is_probably_not_meant(changed: Change, changes: dict[str, object], line: str) -> None:
    found = load_site(changed(balanced(**changes))).warnings
    assert [one for one in found if one.startswith("all: site_balancers")] == [line]


@pytest.mark.parametrize("service", ["web", "http"])
def test_an_entry_lets_it_in_by_whatever_name(changed: Change, service: str) -> None:
    changes = balanced()
    changes["all:site_services"] = {"web": {"tcp": [80, 443]}}
    entry = {**LETS_IN[0], "services": [service], "destinations": ["client", "192.168.2.5"]}
    changes["all:site_policy"] = [entry, LETS_IN[1]]
    assert load_site(changed(changes)).warnings == ()


def test_a_name_stands_in_names_of_nft(changed: Change) -> None:
    changes = balanced()
    changes["all:site_balancers"] = {"a" * 23: WEB}
    assert errors(changed(changes)) == [
        f"all: site_balancers.{'a' * 23}: {'a' * 23}: is no name; use up to 22 letters, digits, '-' and '_'"
    ]


@pytest.mark.parametrize(("offload", "told"), [(True, True), (False, False)])
def test_offloaded_flows_are_not_reset(changed: Change, offload: object, told: bool) -> None:
    changes = balanced()
    changes["all:site_policy"] = [{**LETS_IN[0], "offload": offload}, LETS_IN[1]]
    found = load_site(changed(changes)).warnings
    assert found == (
        (
            "all: site_policy[0].offload: true: flows of balancer web would not be reset when their server "
            "fails; write an entry without offload for it, before this one",
        )
        if told
        else ()
    )
