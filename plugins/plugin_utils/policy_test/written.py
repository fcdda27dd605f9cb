# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases that a site's own tests (site_policy_tests) become for one firewall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import ICMP_TYPES
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    FIREWALL,
    PacketCase,
    case,
    ports_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import Otherwise, PolicyTest
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import ICMP_REQUESTS, helper_type


def written_cases(bench: Bench, tests: Sequence[PolicyTest]) -> Iterator[PacketCase]:
    """A case for each port and family; of a range of ports its first and its last."""
    for test in tests:
        ends = [end for end in (test.source, test.destination) if end != FIREWALL]
        if any(end not in bench.networks for end in ends):
            continue
        for family in test.families:
            given = test.sender or test.receiver
            reached = len(ends) == 2 or all(bench.stands(end, family) for end in ends)
            if given is None and not (reached and all(bench.has(end, family) for end in ends)):
                continue
            yield from _cases(bench, test, family)


def _cases(bench: Bench, test: PolicyTest, family: int) -> Iterator[PacketCase]:
    sender = test.sender or _address(bench, test.source, test.destination, family)
    receiver = test.receiver or _address(bench, test.destination, test.source, family)
    if sender.version != family or receiver.version != family:
        return
    ends = test.source, test.destination, sender, receiver
    ports = list(ports_of(test.service))
    expected = [_kernels(word) for word in test.expected]
    clock = {"at": test.at} if test.at else {}
    for protocol, port in ports:
        name = f"{test}" if test.own_name and len(ports) == 1 else f"{test}: {protocol}/{port}"
        yield case(name, *ends, *expected, protocol=protocol, port=port, **clock)
    for kind in test.service.icmp:
        type_ = ICMP_REQUESTS.get(kind, {}).get(family, kind)
        if type_.isdigit() or type_ in ICMP_TYPES[family]:
            name = f"{test}" if test.own_name else f"{test}: icmp/{kind}"
            yield case(name, *ends, *expected, protocol="icmp", type=type_, **clock)


def with_otherwise(cases: Sequence[PacketCase], tests: Sequence[Otherwise]) -> list[PacketCase]:
    """Expect of derived cases what the site says of them. The site's own words are tested all the same."""
    by_name = {test.derived: test for test in tests}
    return [_changed(one, by_name) for one in cases]


def _changed(one: PacketCase, by_name: Mapping[str, Otherwise]) -> PacketCase:
    test = by_name.get(one["name"])
    if test is None:
        return one
    kept = {key: value for key, value in one.items() if key != "to"}
    name = f"{test.key.partition('.')[0]}: {one['name']}"
    changed = {**kept, "name": name, "expected": [_kernels(word) for word in test.expected]}
    return changed if test.destination is None else {**changed, "to": test.destination}


def _kernels(word: str) -> str:
    """Name a helper as connection tracking does."""
    kind, _blank, name = word.partition(" ")
    return f"{kind} {helper_type(name)}" if kind == "helper" else word


def _address(bench: Bench, place: str, other: str, family: int) -> Address:
    """Somebody on the network, or the firewall's address that the other network can reach."""
    return bench.own(other, family) if place == FIREWALL else bench.host(place, family)
