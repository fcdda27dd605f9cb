# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the options of policy_check: devices and tests, with every mistake in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import read_moment
from ansible_collections.ftfw.pair.plugins.module_utils.packets.dialogs import DIALOGS
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ICMP,
    ICMP_OF,
    ICMP_TYPES,
    ICMPV6,
    SCTP,
    SYN,
    TCP,
    TCP_FLAGS,
    UDP,
    WITH_PORTS,
    Address,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
    EXPECTED,
    FIREWALL,
    OPENING,
    PACKETS,
    RELATED,
    VERDICTS,
    PacketProbe,
    Wire,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.numbered import MOST_REPEATS

PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "icmp": ICMP, "icmpv6": ICMPV6}
FIRST_SOURCE_PORT = 20000
SOURCE_PORTS = 10000
_WORDS = ("entry", "reply", "no snat", "no dnat", "no helper", "no entry", "no reply")
_HELPER = re.compile(r"helper [A-Za-z0-9.-]+")
_TOO_BIG = {4: (3, 4), 6: (2, 0)}
"""RFC 792 and RFC 1191: fragmentation needed. RFC 4443: packet too big."""


class SpecError(Exception):
    """The options are wrong; its text has all that is."""


def read(
    interfaces: Sequence[Mapping[str, Any]], tests: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Wire, ...], tuple[PacketProbe, ...]]:
    """Read the options, or raise SpecError."""
    wrong: list[str] = []
    wires = _wires(interfaces, wrong)
    networks = [wire.network for wire in wires] + [FIREWALL]
    probes = [_probe(number, test, networks, wrong) for number, test in enumerate(tests, 1)]
    if wrong:
        raise SpecError("; ".join(wrong))
    return wires, tuple(probe for probe in probes if probe is not None)


def expectation_errors(words: Sequence[str]) -> list[str]:
    """Find what is no word of an expectation, and what contradicts itself."""
    wrong = [f"{word}: is no expectation" for word in words if not is_expectation(word)]
    verdicts = [word for word in words if word in VERDICTS]
    if len(verdicts) > 1:
        wrong.append(f"{' and '.join(verdicts)}: a packet has one fate")
    if not words:
        wrong.append("expects nothing")
    return wrong


def is_expectation(word: str) -> bool:
    """Whether it is a verdict, `snat to ADDRESS`, `dnat to ADDRESS`, `helper NAME`, or of a few others.

    In the place of an address there may be several, such as `dnat to 192.0.2.1 or 192.0.2.2`. With `dnat`
    each may have a port, such as `dnat to 192.0.2.1 port 8080`.
    """
    kind, to, places = word.partition(" to ")
    if to and kind in ("snat", "dnat"):
        return all(_is_place(one, kind == "dnat") for one in places.split(" or "))
    return word in VERDICTS or word in _WORDS or bool(_HELPER.fullmatch(word))


def _is_place(text: str, with_port: bool) -> bool:
    address, port, number = text.partition(" port ")
    try:
        ip_address(address)
    except ValueError:
        return False
    return not port or (with_port and number.isascii() and number.isdigit() and 0 < int(number) <= 65535)


def _wires(interfaces: Sequence[Mapping[str, Any]], wrong: list[str]) -> tuple[Wire, ...]:
    wires: list[Wire] = []
    for interface in interfaces:
        device, network = interface["name"], interface.get("network") or interface["name"]
        if any(wire.device == device or wire.network == network for wire in wires):
            wrong.append(f"interface {device}: a device and its network are named once")
        for key, parse in (("prefixes", ip_network), ("addresses", ip_interface)):
            for text in interface.get(key) or ():
                try:
                    parse(text)
                except ValueError as error:
                    wrong.append(f"interface {device}: {key}: {error}")
        wires.append(
            Wire(
                device,
                network,
                tuple(interface.get("prefixes") or ()),
                tuple(interface.get("addresses") or ()),
            )
        )
    return tuple(wires)


def _probe(
    number: int, test: Mapping[str, Any], networks: Sequence[str], wrong: list[str]
) -> PacketProbe | None:
    before = len(wrong)

    def bad(what: str) -> None:
        wrong.append(f"test {test['name']}: {what}")

    for key in ("from", "to", "by"):
        if test.get(key) is not None and test[key] not in networks:
            bad(f"{key}: {test[key]}: no interface is on this network; there are {', '.join(networks)}")
    source, destination = (_address(test, key, bad) for key in ("source", "destination"))
    for problem in expectation_errors(test["expected"]):
        bad(f"expected: {problem}")
    if source is None or destination is None:
        return None
    if source.version != destination.version:
        bad(f"{source} and {destination} are of different families")
        return None
    protocol = _protocol(test, source.version, bad)
    type_ = _type(test.get("type"), source.version, bad) if protocol == ICMP_OF[source.version] else 0
    if protocol in WITH_PORTS and not test.get("port"):
        bad("port: is missing")
    at = read_moment(test["at"]) if test.get("at") else None
    if test.get("at") and at is None:
        bad(f"at: {test['at']}: is no moment; write it as in: saturday 22:30")
    packet, repeat = _packet(test, bad)
    error = _TOO_BIG[source.version]
    if packet == RELATED and test.get("error") is not None:
        error = (_type(test["error"], source.version, bad), test.get("code") or 0)
    if len(wrong) > before:
        return None
    return PacketProbe(
        number,
        test["name"],
        test["from"],
        test.get("to"),
        source,
        destination,
        protocol,
        tuple(test["expected"]),
        port=test.get("port") or 0,
        source_port=test.get("source_port") or FIRST_SOURCE_PORT + number % SOURCE_PORTS * 2,
        type=type_,
        code=test.get("code") or 0,
        flags=_flags(test.get("flags"), bad),
        packet=packet,
        error=error,
        by=test.get("by"),
        helper=test.get("helper"),
        repeat=repeat,
        hops=test.get("hops") or 0,
        broken=bool(test.get("broken")),
        setup=tuple(test.get("setup") or ()),
        at=at,
    )


def _packet(test: Mapping[str, Any], bad: Any) -> tuple[str, int]:
    """Which packet of a flow is sent, and how often."""
    packet = test.get("packet") or OPENING
    if packet not in PACKETS:
        bad(f"packet: {packet}: is none of {', '.join(PACKETS)}")
    if packet == EXPECTED and test.get("helper") not in DIALOGS:
        bad(f"helper: {test.get('helper')}: has no dialog here; there are {', '.join(DIALOGS)}")
    repeat = test.get("repeat") or 1
    if not 1 <= repeat <= MOST_REPEATS:
        bad(f"repeat: {repeat}: is not 1 to {MOST_REPEATS}")
    return packet, repeat


def _address(test: Mapping[str, Any], key: str, bad: Any) -> Address | None:
    try:
        return ip_address(test[key])
    except ValueError:
        bad(f"{key}: {test[key]}: is no address")
        return None


def _protocol(test: Mapping[str, Any], family: int, bad: Any) -> int:
    text = str(test["protocol"])
    number = PROTOCOLS.get(text, int(text) if text.isdigit() and int(text) < 255 else 0)
    if not number:
        bad(f"protocol: {text}: is none of {', '.join(PROTOCOLS)}, and no number up to 254")
    if number in (ICMP, ICMPV6):
        number = ICMP_OF[family]
    return number


def _type(given: Any, family: int, bad: Any) -> int:
    names = ICMP_TYPES[family]
    text = str("echo-request" if given is None else given)
    if text.isdigit() and int(text) < 256:
        return int(text)
    if text not in names:
        bad(f"type: {text}: IPv{family} does not have it; there are {', '.join(names)}")
    return names.get(text, 0)


def _flags(given: Sequence[str] | None, bad: Any) -> int:
    if given is None:
        return SYN
    for name in given:
        if name not in TCP_FLAGS:
            bad(f"flags: {name}: is none of {', '.join(TCP_FLAGS)}")
    return sum(TCP_FLAGS.get(name, 0) for name in set(given))
