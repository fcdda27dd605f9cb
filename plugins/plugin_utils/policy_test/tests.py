# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads site_policy_tests: what a site says that its firewalls do with a packet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import read_moment
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import ICMP_TYPES
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import VERDICTS
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import is_expectation
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import FIREWALL
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import WITH_PORTS, Service

VARIABLE = "site_policy_tests"
SILENT = ("drop", "reject")
"""Expected of a packet that comes out nowhere."""
_PORT = re.compile(rf"({'|'.join(WITH_PORTS)})/([0-9]{{1,5}})(?:-([0-9]{{1,5}}))?")
_ICMP = re.compile(r"icmp/([a-z-]+)")
_KINDS = [
    *VERDICTS,
    "snat to ADDRESS",
    "dnat to ADDRESS",
    "dnat to ADDRESS port PORT",
    "helper NAME",
    "no snat",
    "no dnat",
    "no helper",
]


@dataclass(frozen=True)
class PolicyTest:
    """One entry of site_policy_tests. `source` and `destination` are networks, or the firewall itself."""

    index: int
    source: str
    destination: str
    service: Service
    """Named, or made of one port or ICMP type."""
    expected: tuple[str, ...]
    sender: Address | None = None
    receiver: Address | None = None
    families: tuple[int, ...] = FAMILIES
    own_name: str | None = None
    at: str | None = None
    """A moment of the week, such as `saturday 22:30`, in UTC; None for that of the test."""

    def __str__(self) -> str:
        return self.own_name or f"{VARIABLE}[{self.index}]: {self.source} to {self.destination}"


@dataclass(frozen=True)
class Otherwise:
    """An entry of site_policy_tests about a derived test: a fragment makes something else of its packet."""

    index: int
    derived: str
    """The test's name, as it is printed."""
    destination: str | None
    expected: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{VARIABLE}[{self.index}].derived"


@dataclass(frozen=True)
class PolicyTests:
    """All that site_policy_tests says."""

    tests: tuple[PolicyTest | Otherwise, ...] = ()


def read_policy_tests(value: Value, site: Site) -> PolicyTests:
    """Read the tests; every mistake is noted, and the test left out."""
    items = value.items()
    read = (_test(index, item, site) for index, item in enumerate(items))
    tests = tuple(test for test in read if test is not None)
    _check_apart([test for test in tests if isinstance(test, PolicyTest)], items)
    return PolicyTests(tests)


def _check_apart(tests: Iterable[PolicyTest], items: Sequence[Value]) -> None:
    """Two fates of one packet: one of the tests can never pass."""
    first: dict[tuple[object, ...], tuple[PolicyTest, str]] = {}
    for test in tests:
        for verdict in (word for word in test.expected if word in VERDICTS):
            for family in test.families:
                packet = (
                    test.source,
                    test.destination,
                    test.service,
                    test.sender,
                    test.receiver,
                    family,
                    test.at,
                )
                other, fate = first.setdefault(packet, (test, verdict))
                if fate != verdict:
                    wrong = f"{VARIABLE}[{other.index}] expects {fate} of the same packet"
                    right = "leave one of them out, or say where they differ"
                    items[test.index].child("expected", verdict).wrong(wrong, right, follows=True)
                    break


def written_tests(site: Site) -> tuple[PolicyTest | Otherwise, ...]:
    """What a site has read of them."""
    return (site.part(PolicyTests) or PolicyTests()).tests


def _test(index: int, value: Value, site: Site) -> PolicyTest | Otherwise | None:
    if isinstance(value.raw, dict) and "derived" in value.raw:
        return _otherwise(index, value, site)
    before = len(value.problems)
    fields = value.section(
        "from",
        "to",
        "service",
        "port",
        "source",
        "destination",
        "family",
        "expected",
        "name",
        "at",
        required=["from", "to", "expected"],
    )
    if len(value.problems) > before and not isinstance(value.raw, dict):
        return None
    ends = [_network(fields[key], site) for key in ("from", "to")]
    if ends == [FIREWALL, FIREWALL]:
        value.wrong("leads from the firewall to itself", "name a network, from or to")
    sender, receiver = (_address(fields[key], end, site) for key, end in zip(("source", "destination"), ends))
    service = _service(value, fields, site)
    expected = _expected(fields["expected"])
    at = fields["at"].text()
    if at is not None and read_moment(at) is None:
        fields["at"].wrong("is no moment", "write a day and a time of day in UTC, such as saturday 22:30")
    families = _families(fields, value, (sender, receiver), expected)
    if len(value.problems) > before or service is None:
        return None
    named = [site.networks[end] for end in ends if end in site.networks]
    if not (sender or receiver) and not any(
        all(network.prefixes_of_family(family) for network in named) for family in families
    ):
        right = "name another family, or leave it out"
        value.wrong("these networks have no such family in common", right, follows=True)
        return None
    if not any(_stands_between(site, pair, *ends) for pair in site.pairs):
        value.wrong("no pair has interfaces on both networks", "name networks of one pair", follows=True)
        return None
    return PolicyTest(
        index, ends[0], ends[1], service, expected, sender, receiver, families, fields["name"].text(), at
    )


def _otherwise(index: int, value: Value, site: Site) -> Otherwise | None:
    before = len(value.problems)
    fields = value.section("derived", "to", "expected", required=["derived", "expected"])
    expected = _expected(fields["expected"])
    to = fields["to"].raw
    if to is not None:
        _network(fields["to"], site)
    elif any(word not in SILENT for word in expected):
        value.wrong("does not say where the packet comes out", "name a network, or firewall, with to")
    if len(value.problems) > before:
        return None
    return Otherwise(index, str(fields["derived"].text()), None if to is None else str(to), expected)


def _network(value: Value, site: Site) -> str:
    name = value.text() or ""
    if name and name != FIREWALL and name not in site.networks:
        value.wrong("unknown network", nearest(name, [*site.networks, FIREWALL]), follows=True)
    return name


def _address(value: Value, network: str, site: Site) -> Address | None:
    """An address, or the name of a host with one on that network."""
    text = value.raw
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9.-]*", text):
        return value.address()
    host = site.hosts.get(text)
    if host is None:
        value.wrong("is no address, and no host of the inventory", nearest(text, site.hosts), follows=True)
        return None
    interface, bridge = host.interface_on(network), host.bridge_on(network)
    found = [
        *(interface.addresses if interface else ()),
        *(address.ip for address in (bridge.addresses if bridge else ())),
    ]
    if not found and network not in (*site.networks, FIREWALL):
        return None
    if not found:
        value.wrong(f"has no address on network {network}", "write the address", follows=True)
        return None
    return found[0]


def _service(value: Value, fields: Mapping[str, Value], site: Site) -> Service | None:
    service, port = fields["service"].text(), fields["port"].raw
    if (service is None) == (port is None or port == ""):
        right = "name a service, or write port: tcp/80"
        value.wrong("needs either service or port", right, follows=True)
        return None
    if service is None:
        return _port(fields["port"])
    if service not in site.services:
        fields["service"].wrong("unknown service", nearest(service, site.services), follows=True)
        return None
    return site.services[service]


def _port(value: Value) -> Service | None:
    text = str(value.raw)
    icmp = _ICMP.fullmatch(text)
    if icmp:
        known = sorted({name for names in ICMP_TYPES.values() for name in names})
        if icmp[1] not in known:
            value.wrong("unknown type of ICMP", nearest(icmp[1], known))
            return None
        return Service(text, icmp=(icmp[1],))
    match = _PORT.fullmatch(text)
    if match is None:
        right = "write it with its protocol, such as tcp/80, udp/53-60 or icmp/echo-request"
        value.wrong("is no port", right)
        return None
    first, last = int(match[2]), int(match[3] or match[2])
    if not 1 <= first <= last <= 65535:
        value.wrong("is no port", "use 1 to 65535")
        return None
    ranges = ((first, last),)
    return {
        "tcp": Service(text, tcp=ranges),
        "udp": Service(text, udp=ranges),
        "sctp": Service(text, sctp=ranges),
    }[match[1]]


def _expected(value: Value) -> tuple[str, ...]:
    if value.given and not isinstance(value.raw, (str, list)):
        value.wrong("is no expectation", "write accept, drop or reject")
        return ()
    words = [value.raw] if isinstance(value.raw, str) else [item.raw for item in value.items()]
    texts = tuple(str(word) for word in words)
    for word in texts:
        if not is_expectation(word):
            value.wrong(f"{word} is no expectation", nearest(word, _KINDS))
    verdicts = [word for word in texts if word in VERDICTS]
    if len(verdicts) > 1:
        value.wrong("a packet has one fate", f"expect one of {', '.join(verdicts)}")
    return texts


def _families(
    fields: Mapping[str, Value],
    value: Value,
    addresses: Iterable[Address | None],
    expected: tuple[str, ...],
) -> tuple[int, ...]:
    """Those in which all that the test names exists."""
    given = fields["family"].integer(4, 6)
    if given == 5:
        fields["family"].wrong("is no family", "write 4 or 6")
    families = {family for family in FAMILIES if given in (None, family)}
    named = [address.version for address in addresses if address is not None]
    named += [6 if ":" in word else 4 for word in expected if " to " in word]
    for family in named:
        families &= {family}
    port = str(fields["port"].raw or "")
    having = {family for family in FAMILIES if port[len("icmp/") :] in ICMP_TYPES[family]}
    if port.startswith("icmp/") and having:
        families &= having
    if not families and given != 5:
        value.wrong("its addresses and its type of ICMP are of different families", "use one family")
    return tuple(sorted(families))


def _stands_between(site: Site, pair: Pair, *ends: str) -> bool:
    node = site.hosts.get(pair.nodes[0]) if pair.nodes else None
    return node is not None and all(end in ("", FIREWALL) or node.interface_on(end) for end in ends)
