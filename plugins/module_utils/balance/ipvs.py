# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers as the kernel's IPVS has them: what it says of itself, and what ipvsadm(8) is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import BalancerConfig, IpvsConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import hex_address
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import BalancerState

LISTING = "/proc/net/ip_vs"
_METHODS = {"dr": ("--gatewaying", "Route"), "tun": ("--ipip", "Tunnel")}
"""What ipvsadm(8) takes for a method, and how the kernel calls it."""
_SERVICES = {"tcp": "--tcp-service", "udp": "--udp-service", "sctp": "--sctp-service"}
_SERVICE = re.compile(r"(TCP|UDP|SCTP) +(\S+):([0-9A-F]{4}) (\S+) ")
_SERVER = re.compile(r"  -> (\S+):([0-9A-F]{4}) +(\w+) +(\d+) +(\d+)")


class VirtualService(NamedTuple):
    """One port of a balancer's address."""

    protocol: str
    address: str
    port: int


@dataclass(frozen=True)
class RealServer:
    """One that answers; `flows` are those that IPVS counts as active."""

    weight: int
    method: str
    flows: int = 0


@dataclass(frozen=True)
class Known:
    """A virtual service as the kernel has it; its servers by their address."""

    scheduler: str
    servers: Mapping[str, RealServer]


def read_services(text: str) -> dict[VirtualService, Known]:
    """Read /proc/net/ip_vs (the kernel's ip_vs_info_seq_show()). What is not understood is passed over."""
    found: dict[VirtualService, Known] = {}
    servers: dict[str, RealServer] = {}
    called = {kernel: method for method, (_word, kernel) in _METHODS.items()}
    for line in text.splitlines():
        if service := _SERVICE.match(f"{line} "):
            protocol, address, port, scheduler = service.groups()
            servers = {}
            key = VirtualService(protocol.lower(), hex_address(address), int(port, 16))
            found[key] = Known(scheduler, servers)
        elif line.startswith(("TCP ", "UDP ", "SCTP ", "FWM ")):
            # a service of somebody else's, in a form that ours never have
            servers = {}
        elif server := _SERVER.match(line):
            address, _port, method, weight, flows = server.groups()
            servers[hex_address(address)] = RealServer(int(weight), called.get(method, method), int(flows))
    return found


def services_of(config: BalancerConfig) -> list[VirtualService]:
    """A virtual service for each port that is asked for."""
    return [
        VirtualService(one.protocol, config.address, port)
        for one in config.asked
        for port in range(one.first, one.last + 1)
    ]


def servers_of(state: BalancerState) -> dict[str, int]:
    """Who answers, with his weight: 0 lets what is open go on, and who is not named loses it.

    The sorry server answers alone. What is open to the others goes on then, as in keepalived with
    inhibit_on_failure.
    """
    config, gone = state.config, state.gone()
    sorry = state.sorry
    found = {
        one.address: 0 if sorry else state.servers[one.name].counts
        for one in config.servers
        if one.address not in gone and (state.servers[one.name].up or config.inhibit_on_failure)
    }
    return {**found, sorry: 1} if sorry else found


def commands(
    states: Iterable[BalancerState],
    there: Mapping[VirtualService, Known],
    former: Iterable[VirtualService],
    fresh: bool,
) -> list[str]:
    """What `ipvsadm --restore` is told, a command a line: as little as makes it so.

    `former` are services that an earlier run has made. What is neither wanted nor one of those is somebody
    else's. With `fresh` all is told anew: the kernel does not say which limits servers have.
    """
    found, wanted = [], set()
    for state in states:
        servers = servers_of(state)
        for service in services_of(state.config):
            wanted.add(service)
            if state.config.ipvs is not None:
                known = there.get(service)
                found += _of_service(state.config, state.config.ipvs, service, servers, known, fresh)
    left = [one for one in dict.fromkeys(former) if one not in wanted and one in there]
    return [*(f"--delete-service {_named(one)}" for one in left), *found]


def _of_service(
    config: BalancerConfig,
    ipvs: IpvsConfig,
    service: VirtualService,
    servers: Mapping[str, int],
    known: Known | None,
    fresh: bool,
) -> list[str]:
    found = []
    if known is None or fresh or known.scheduler != config.scheduler:
        verb = "--add-service" if known is None else "--edit-service"
        found.append(f"{verb} {_named(service)} --scheduler {config.scheduler}{_persistence(config, ipvs)}")
    there = known.servers if known else {}
    # others answer before somebody goes
    for address, weight in servers.items():
        before = there.get(address)
        if before is None or fresh or (before.weight, before.method) != (weight, ipvs.method):
            verb = "--add-server" if before is None else "--edit-server"
            way = f"{_METHODS[ipvs.method][0]} --weight {weight}"
            server = f"--real-server {_place(address, service.port)} {way}"
            found.append(f"{verb} {_named(service)} {server}{_limits(config, address)}")
    return found + [
        f"--delete-server {_named(service)} --real-server {_place(address, service.port)}"
        for address in there
        if address not in servers
    ]


def removals(there: Mapping[VirtualService, Known], former: Iterable[VirtualService]) -> list[str]:
    """What takes away all that an earlier run has made."""
    return commands((), there, former, False)


def flows_in(config: BalancerConfig, there: Mapping[VirtualService, Known]) -> dict[str, int]:
    """How many flows each server has, by its name, in all of its balancer's ports."""
    known = [there[one].servers for one in services_of(config) if one in there]
    return {
        one.name: sum(servers[one.address].flows for servers in known if one.address in servers)
        for one in config.servers
    }


def _persistence(config: BalancerConfig, ipvs: IpvsConfig) -> str:
    if ipvs.persistence_timeout is None:
        return ""
    text = f" --persistent {ipvs.persistence_timeout}"
    length = ipvs.persistence_granularity
    if length is None:
        return text
    # of IPv6 ipvsadm(8) takes the length, of IPv4 the mask
    version_6 = ip_address(config.address).version == 6
    return f"{text} --netmask {length if version_6 else IPv4Address(2**32 - 2 ** (32 - length))}"


def _limits(config: BalancerConfig, address: str) -> str:
    server = next((one for one in config.servers if one.address == address), None)
    most, least = (server.uthreshold, server.lthreshold) if server else (None, None)
    return f" --u-threshold {most or 0} --l-threshold {least or 0}"


def _named(service: VirtualService) -> str:
    return f"{_SERVICES[service.protocol]} {_place(service.address, service.port)}"


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
