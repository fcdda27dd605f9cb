# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers: what is read, what each firewall gets of it, and one line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import Change, errors

WEB = {"network": "outside", "service": "http", "servers": ["client", "192.168.2.5"], "check": "tcp"}
LETS_IN = [
    {"from": "outside", "to": "inside", "services": ["http"], "destinations": ["192.168.0.100"]},
    {"from": "inside", "to": "outside", "services": ["http"]},
]
MANUAL: dict[str, Any] = {
    **WEB,
    "check": {
        "http": {"path": "/manual/", "digest": "e073a410a4ef34b0adc28d280b019383", "virtualhost": "omarine"},
        "delay_loop": 2,
        "retry": 0,
    },
    "quorum": 2,
    "sorry": "192.168.2.9",
    "inhibit_on_failure": True,
    "mail": {"to": "tuyen", "by": "192.168.0.3"},
}


def balanced(**changes: object) -> dict[str, object]:
    """Changes of the lab's variables; a key with None is left out."""
    one = {key: value for key, value in {**WEB, **changes}.items() if value is not None}
    return {"all:site_balancers": {"web": one}, "all:site_policy": LETS_IN}


def test_what_a_firewall_gets(changed: Change) -> None:
    (found,) = host_view(load_site(changed(balanced(**MANUAL))), "fw-2")["balancers"]
    assert found == {
        "name": "web",
        "address": "192.168.0.100",
        "protocol": "tcp",
        "port": 80,
        "map": "balancer.web",
        "gone": "balancer.web.gone",
        "last": "balancer.web.last",
        "slots": 2,
        "scheduler": "rr",
        "quorum": 2,
        "hysteresis": 0,
        "sorry": "192.168.2.9",
        "alpha": False,
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
        },
        "mail": {"to": ["tuyen"], "by": "192.168.0.3", "port": 25},
        "servers": [
            {"name": "client", "address": "192.168.2.3", "weight": 1},
            {"name": "192.168.2.5", "address": "192.168.2.5", "weight": 1},
        ],
    }


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
    ],
)
def test_checks(changed: Change, check: object, kind: str, options: dict[str, object]) -> None:
    (found,) = host_view(load_site(changed(balanced(check=check))), "fw-1")["balancers"]
    assert found["check"] and (found["check"]["kind"], found["check"]["options"]) == (kind, options)


HTTP = "write one of http, https, tcp, smtp, program, such as {http: {path: /}}"
WRONG: dict[str, tuple[dict[str, object], str]] = {
    "quorum above the weights": (
        {"quorum": 3},
        "quorum: 3: 3+0 is above the weight of all servers, 2; write at most 2 in all",
    ),
    "hysteresis above the weights": (
        {"quorum": 2, "hysteresis": 1},
        "hysteresis: 1: 2+1 is above the weight of all servers, 2; write at most 2 in all",
    ),
    "hysteresis as high as the quorum": (
        {"hysteresis": 1},
        "hysteresis: 1: is not below the quorum, 1, which could never be lost; use 0 to 0",
    ),
    "no weight at all": (
        {"servers": [{"host": "client", "weight": 0}]},
        "servers: (empty): no server has a weight, so that nobody answers; give one of them a weight of 1 or "
        "more",
    ),
    "no servers": ({"servers": []}, "servers: []: nobody answers; name a host or an address"),
    "a scheduler of IPVS": ({"scheduler": "lc"}, "scheduler: lc: is unknown; known are: fo, mh, rr, sh, wrr"),
    "a digest of 31 digits": (
        {"check": {"http": {"digest": "e073a410a4ef34b0adc28d280b01938"}}},
        "check.http.digest: e073a410a4ef34b0adc28d280b01938: has 31 characters, and the MD5 of a page 32 "
        "digits of base 16; write what keepalived --genhash prints",
    ),
    "a path without a slash": (
        {"check": {"http": {"path": "index.html"}}},
        "check.http.path: index.html: is no path; begin with a slash, and write blanks as %20",
    ),
    "a pattern that is none": (
        {"check": {"http": {"regex": "("}}},
        "check.http.regex: (: is no regular expression: missing ), unterminated subpattern at position 0; "
        "mend it; Python's re has its syntax",
    ),
    "a status that is none": (
        {"check": {"http": {"status_code": [600]}}},
        "check.http.status_code[0]: 600: is no status of HTTP; use 100 to 599, or a range such as 200-299",
    ),
    "two checks": (
        {"check": {"http": {"path": "/"}, "tcp": {"port": 1}}},
        "check: {http: {path: /}, tcp: {port: 1}}: has http and tcp, and a server has one check; " + HTTP,
    ),
    "no check": ({"check": {"retry": 2}}, "check: {retry: 2}: is no check; " + HTTP),
    "a check that nobody knows": (
        {"check": "icmp"},
        "check: icmp: is unknown; known are: http, https, none, program, smtp, tcp",
    ),
    "a program without a path": (
        {"check": {"program": {"command": ["check.sh"]}}},
        "check.program.command: [check.sh]: is no absolute path; begin with a slash, such as /check.sh",
    ),
    "a time that is none": (
        {"check": {"tcp": {}, "delay_loop": 0}},
        "check.delay_loop: 0: is out of range; use 0.1 to 3600 seconds, which is an hour",
    ),
    "mail without a server": (
        {"mail": {"to": ["tuyen"]}},
        "mail.by: (empty): is missing; by is required here",
    ),
    "mail to nobody": ({"mail": {"to": [], "by": "192.168.0.3"}}, "mail.to: []: is empty; name who is told"),
    "an unknown host": (
        {"servers": ["client", "clint"]},
        "servers[1]: clint: is no address, and no host of the inventory; did you mean client?",
    ),
    "a server twice": (
        {"servers": ["client", "192.168.2.3"]},
        "servers[1]: 192.168.2.3: is servers[0] already; name each server once",
    ),
    "a sorry server among the others": (
        {"sorry": "client"},
        "sorry: client: is servers[0] already; name each server once",
    ),
    "a server of the other family": (
        {"servers": ["2001:db8::5"]},
        "servers[0]: 2001:db8::5: is an address of IPv6, and 192.168.0.100 one of IPv4; write two of one "
        "family",
    ),
    "a server where it is asked for": (
        {"servers": ["192.168.0.7"]},
        "servers[0]: 192.168.0.7: has no IPv4 address on another network of the pair; name a host on inside",
    ),
    "a server that is the pair": (
        {"servers": ["192.168.2.100"]},
        "servers[0]: 192.168.2.100: is a virtual address of pair ftfw; name a host behind the pair",
    ),
    "an address that is not virtual": (
        {"address": "192.168.0.3"},
        "address: 192.168.0.3: is no virtual address on network outside; those are: 192.168.0.100",
    ),
    "a network without one": (
        {"network": "sync"},
        "network: sync: is a network for replication; nothing is forwarded there",
    ),
    "a service without a port": (
        {"service": "ping"},
        "service: ping: has no port to balance; name one with tcp or udp ports",
    ),
    "a service with a helper": (
        {"service": "ftp"},
        "service: ftp: needs the helper ftp, and balanced flows have none; forward its port to one host",
    ),
    "a check of TCP where there is none": (
        {"service": "ntp"},
        "check: tcp: asks by TCP, and ntp has no port of TCP; name the port of TCP that tells whether the "
        "server is well, or use program",
    ),
    "a program without a name": (
        {"check": {"program": {"command": []}}},
        "check.program.command: []: is empty; name a program",
    ),
    "a key that nobody knows": (
        {"sched": "rr"},
        "sched: rr: unknown option; did you mean scheduler?",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(balanced(**changes))) == [f"all: site_balancers.web.{line}"]


def test_two_of_one_port(changed: Change) -> None:
    changes = balanced()
    changes["all:site_balancers"] = {"web": WEB, "more": {**WEB, "servers": ["192.168.2.7"]}}
    assert errors(changed(changes)) == [
        "all: site_balancers.more.service: http: site_balancers.web already takes tcp port 80 of "
        "192.168.0.100; forward a port to one host, or give each sources that the others do not have"
    ]


def test_a_port_that_is_forwarded(changed: Change) -> None:
    changes = {
        **balanced(),
        "all:site_port_forwards": [{"to": "outside", "service": "http", "host": "192.168.2.7"}],
    }
    assert errors(changed(changes)) == [
        "all: site_balancers.web.service: http: site_port_forwards[0] already takes tcp port 80 of "
        "192.168.0.100; forward a port to one host, or give each sources that the others do not have"
    ]


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
