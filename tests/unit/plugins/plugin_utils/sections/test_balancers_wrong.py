# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers: one line for each mistake."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    WEB,
    Change,
    balanced,
    errors,
)

KINDS = "http, https, tcp, smtp, program, dns, udp, ping, file"
HTTP = f"write one of {KINDS}, such as {{http: {{path: /}}}}"
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
    "an end that nobody is told of": (
        {"omega": True},
        "omega: true: is about commands, and there is none; add notify_down or notify_up or quorum_down or "
        "quorum_up, or leave it out",
    ),
    "no servers": ({"servers": []}, "servers: []: nobody answers; name a host or an address"),
    "a scheduler of IPVS": (
        {"scheduler": "lblc"},
        "scheduler: lblc: is a scheduler of IPVS, and servers are reached by NAT; write rr or wrr for turns, "
        "lc or wlc for who has fewest flows, sh or mh where a client keeps its server, "
        "fo for the first that is well; or add method: dr or tun",
    ),
    "a scheduler of nobody": (
        {"scheduler": "random"},
        "scheduler: random: is unknown; known are: fo, lc, mh, rr, sh, wlc, wrr",
    ),
    "a method of IPVS": (
        {"method": "dr"},
        "method: dr: lets servers answer clients past the pair, which sees one half of such a flow then, and "
        "can neither judge it nor keep it over a takeover; write nat, or give the balancer to a host that is "
        "in no pair, as host: NAME",
    ),
    "a method of nobody": ({"method": "snat"}, "method: snat: is unknown; did you mean nat?"),
    "keepalived's word for the method": (
        {"lvs_method": "DR"},
        "lvs_method: DR: unknown option; write it as method, such as method: dr",
    ),
    "keepalived's word for the scheduler": (
        {"lb_algo": "rr"},
        "lb_algo: rr: unknown option; write it as scheduler",
    ),
    "a time of the check beside it": (
        {"delay_loop": 2},
        "delay_loop: 2: unknown option; "
        "write it beside the kind of check, as check: {tcp: {}, delay_loop: …}",
    ),
    "keepalived's word for a check": (
        {"HTTP_GET": {"url": "/"}},
        "HTTP_GET: {url: /}: unknown option; write {http: …} as check",
    ),
    "keepalived's word for persistence": (
        {"persistence_timeout": 300},
        "persistence_timeout: 300: is for IPVS (method: dr or tun), and servers are reached by NAT; "
        "write scheduler: sh or mh, where a client keeps its server for as long as it is well",
    ),
    "an address twice": (
        {"address": ["192.168.0.100", "192.168.0.100"]},
        "address: [192.168.0.100, 192.168.0.100]: has 192.168.0.100 twice; name each address once",
    ),
    "no address at all": (
        {"address": []},
        "address: []: is empty; name an address, or leave it out where there is only one",
    ),
    "an address that is none": (
        {"address": ["192.168.0.100", "192.168.0.1000"]},
        "address[1]: 192.168.0.1000: is not an IP address; write one such as 192.168.2.1 or 2001:db8::1",
    ),
    "no server of a family": (
        {"address": ["192.168.0.100", "2001:db8::100"], "servers": ["192.168.2.5"]},
        "servers: [192.168.2.5]: none is of IPv6, as 2001:db8::100 is; add one, or name hosts that have both",
    ),
    "a limit of no flow": (
        {"servers": ["client", {"host": "192.168.2.5", "uthreshold": 0}]},
        "servers[1].uthreshold: 0: is out of range; use 1 to 4294967295",
    ),
    "the end of a limit without its beginning": (
        {"servers": ["client", {"host": "192.168.2.5", "lthreshold": 100}]},
        "servers[1].lthreshold: 100: stands without uthreshold, and nothing is limited; add uthreshold",
    ),
    "the end of a limit above its beginning": (
        {"servers": [{"host": "client", "uthreshold": 9, "lthreshold": 10}]},
        "servers[0].lthreshold: 10: is above uthreshold, 9; use 1 to 9",
    ),
    "a digest of 31 digits": (
        {"check": {"http": {"digest": "e073a410a4ef34b0adc28d280b01938"}}},
        "check.http.digest: e073a410a4ef34b0adc28d280b01938: has 31 characters, and the MD5 of a page 32 "
        "digits of base 16; write what pair-balance --digest URL prints on a node",
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
        "check: icmp: is unknown; known are: dns, file, http, https, none, ping, program, smtp, tcp, udp",
    ),
    "a program without a path": (
        {"check": {"program": {"command": ["check.sh"]}}},
        "check.program.command: [check.sh]: is no absolute path; begin with a slash, such as /check.sh",
    ),
    "a program that is hidden": (
        {"check": {"program": {"command": ["/root/check.sh"]}}},
        "check.program.command: [/root/check.sh]: /root/check.sh is hidden from pair-balance; use "
        "another folder, such as /usr/local/bin",
    ),
    "a file that is hidden": (
        {"check": {"file": {"path": "/home/x"}}},
        "check.file.path: /home/x: /home/x is hidden from pair-balance; use another folder, such as /run",
    ),
    "a command without a path": (
        {"quorum_up": ["tell"]},
        "quorum_up: [tell]: is no absolute path; begin with a slash, such as /tell",
    ),
    "a name that is none": (
        {"check": {"dns": {"port": 53, "name": "a..b"}}},
        "check.dns.name: a..b: is no name of DNS; write labels of up to 63 letters, digits, '-' and "
        "'_', with dots",
    ),
    "a type that nobody knows": (
        {"check": {"dns": {"port": 53, "type": "ANY"}}},
        "check.dns.type: ANY: is unknown; known are: A, AAAA, CNAME, MX, NS, SOA, TXT",
    ),
    "bytes that are none": (
        {"check": {"udp": {"port": 53, "payload": "0x0a"}}},
        "check.udp.payload: 0x0a: is no row of bytes; write two digits of base 16 for each, such as '0a ff'",
    ),
    "a check of UDP where there is none": (
        {"check": "dns"},
        "check: dns: asks by UDP, and http has no port of UDP; name the port of UDP that tells whether the "
        "server is well, or use program",
    ),
    "servers that see the pair or not": (
        {"source_nat": "maybe"},
        "source_nat: maybe: is neither true nor false; write true or false",
    ),
    "a granularity without a hash": (
        {"persistence_granularity": 24},
        "persistence_granularity: 24: is for schedulers that look at the client's address, and rr does not; "
        "add scheduler: mh or sh",
    ),
    "a granularity that is too fine": (
        {"persistence_granularity": 33, "scheduler": "mh"},
        "persistence_granularity: 33: is longer than an address, 192.168.0.100; use 1 to 32",
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
        "service: ping: has no port to balance; name one with tcp, udp or sctp ports",
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
    "the same port of a host twice": (
        {"servers": [{"host": "client", "port": 80}, "192.168.2.3"]},
        "servers[1]: 192.168.2.3: is servers[0] already; name each server once",
    ),
    "a port that is none": (
        {"servers": [{"host": "client", "port": 0}]},
        "servers[0].port: 0: is out of range; use 1 to 65535",
    ),
    "a port for one of several": (
        {"service": "dns-and-more", "servers": [{"host": "client", "port": 8080}]},
        "servers[0].port: 8080: service dns-and-more has several ports, and which of them becomes 8080 "
        "can't be told; write a balancer for each of its ports, or leave the port out",
    ),
    "a sorry service that nobody knows": (
        {"sorry": {"host": "192.168.2.9", "service": "htp"}},
        "sorry.service: htp: unknown service; did you mean http? (site_services declares a site's own)",
    ),
    "a sorry service with several ports": (
        {"sorry": {"host": "192.168.2.9", "service": "dns-and-more"}},
        "sorry.service: dns-and-more: has several ports; name one that has one port, or write the port",
    ),
    "a sorry service of another protocol": (
        {"sorry": {"host": "192.168.2.9", "service": "ntp"}},
        "sorry.service: ntp: has another protocol than http, which is asked for; name one of the "
        "same protocol",
    ),
    "a sorry server whose check has no port": (
        {"sorry": {"host": "192.168.2.9", "check": "dns"}},
        "sorry.check: dns: asks by UDP, and http has no port of UDP; name the port of UDP that tells whether "
        "the server is well, or use program",
    ),
    "a sorry server with an unknown check": (
        {"sorry": {"host": "192.168.2.9", "check": "htp"}},
        "sorry.check: htp: is unknown; did you mean http?",
    ),
    "a sorry server with two checks": (
        {"sorry": {"host": "192.168.2.9", "check": {"tcp": {}, "ping": {}}}},
        f"sorry.check: {{tcp: {{}}, ping: {{}}}}: has tcp and ping, and a server has one check; {HTTP}",
    ),
    "a sorry server with both": (
        {"sorry": {"host": "192.168.2.9", "service": "http", "port": 81}},
        "sorry.service: http: stands beside a port; name one of both",
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
