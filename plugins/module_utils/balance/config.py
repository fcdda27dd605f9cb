# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a node's balancers: /etc/ftfw/balancers.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import member


@dataclass(frozen=True)
class CheckConfig:
    """How a server is asked whether it is well; times in seconds. `options` are those of its kind."""

    kind: str
    options: dict[str, Any]
    delay_loop: float
    connect_timeout: float
    retry: int
    delay_before_retry: float
    warmup: float = 0
    """The first question comes up to so many seconds later, by chance."""
    bindto: str | None = None
    """The address that servers are asked from; None leaves it to the kernel."""


class AskedPorts(NamedTuple):
    """Ports of TCP, UDP or SCTP, both ends inside."""

    protocol: str
    first: int
    last: int


SORRY = "sorry server"
"""The name of every sorry server; no server can have it."""


@dataclass(frozen=True)
class ServerConfig:
    name: str
    address: str
    weight: int
    port: int | None = None
    """Where it answers, where the balancer translates ports."""
    uthreshold: int | None = None
    """With so many flows it gets no new one."""
    lthreshold: int | None = None
    """With fewer than so many it gets some again."""

    @property
    def member(self) -> str:
        """How maps and sets know it."""
        return member(self.address, self.port)


@dataclass(frozen=True)
class MailConfig:
    to: tuple[str, ...]
    by: str
    """The mail server's address."""
    port: int = 25


@dataclass(frozen=True)
class IpvsConfig:
    """How the kernel's IPVS leads flows on (ipvsadm(8))."""

    method: str
    """dr or tun."""
    asks_from: tuple[str, ...]
    """The addresses that servers are asked from, one of each family: the balancer's own is theirs, too."""
    persistence_timeout: int | None = None
    """For so many seconds a client that comes again is led to the same server."""
    persistence_granularity: int | None = None
    """The length of a prefix, whose clients are one."""


@dataclass(frozen=True)
class BalancerConfig:
    name: str
    address: str
    """Where it is asked for."""
    protocol: str
    """Of its first port: tcp, udp or sctp."""
    port: int
    asked: tuple[AskedPorts, ...]
    """All ports that it is asked for at; empty where that is not known."""
    map: str
    """The map of the ruleset that has its slots."""
    gone: str
    """The set of the ruleset that has servers whose flows are ended."""
    last: str | None
    """The map of the ruleset that has who has answered a client's port; None where a hash says it anyhow."""
    last_port: str | None
    """The one that has at which port, where ports are translated."""
    slots: int
    scheduler: str
    quorum: int
    hysteresis: int
    sorry: ServerConfig | None
    """Who answers when there is no quorum."""
    sorry_check: CheckConfig | None
    """How he is asked whether he is well."""
    alpha: bool
    """Whether a server is down until it was checked."""
    omega: bool
    """Whether the end of the checks is told by commands: nobody is known to be well any more."""
    inhibit_on_failure: bool
    """Whether open flows stay with a server that fails."""
    check: CheckConfig | None
    mail: MailConfig | None
    servers: tuple[ServerConfig, ...]
    ipvs: IpvsConfig | None = None
    """How the kernel's IPVS leads flows on; None where the ruleset does."""
    notify: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Commands by the word for when they run: quorum_up, quorum_down, notify_up, notify_down."""


@dataclass(frozen=True)
class BalancersConfig:
    table: str
    host: str
    balancers: tuple[BalancerConfig, ...]


def read_config(file: Path) -> BalancersConfig:
    """Read the configuration. Raises OSError, ValueError, KeyError or TypeError."""
    said: dict[str, Any] = json.loads(file.read_text())
    return BalancersConfig(str(said["table"]), str(said["host"]), tuple(map(_balancer, said["balancers"])))


def _balancer(said: dict[str, Any]) -> BalancerConfig:
    check, mail = said["check"], said["mail"]
    return BalancerConfig(
        name=str(said["name"]),
        address=_address(said["address"]),
        protocol=str(said["protocol"]),
        port=int(said["port"]),
        # an earlier version has not written it
        asked=tuple(
            AskedPorts(str(one["protocol"]), int(one["first"]), int(one["last"]))
            for one in said.get("asked", ())
        ),
        map=str(said["map"]),
        gone=str(said["gone"]),
        last=said["last"] and str(said["last"]),
        last_port=said["last_port"] and str(said["last_port"]),
        slots=int(said["slots"]),
        scheduler=str(said["scheduler"]),
        quorum=int(said["quorum"]),
        hysteresis=int(said["hysteresis"]),
        sorry=ServerConfig(SORRY, _address(said["sorry"]), 0, _number(said["sorry_port"]))
        if said["sorry"]
        else None,
        sorry_check=_check(said["sorry_check"]) if said.get("sorry_check") else None,
        alpha=bool(said["alpha"]),
        # an earlier version has not written it
        omega=bool(said.get("omega")),
        inhibit_on_failure=bool(said["inhibit_on_failure"]),
        check=_check(check) if check else None,
        mail=MailConfig(tuple(map(str, mail["to"])), _address(mail["by"]), int(mail["port"]))
        if mail
        else None,
        servers=tuple(
            ServerConfig(
                str(one["name"]),
                _address(one["address"]),
                int(one["weight"]),
                _number(one["port"]),
                _number(one.get("uthreshold")),
                _number(one.get("lthreshold")),
            )
            for one in said["servers"]
        ),
        # an earlier version has not written it
        ipvs=ipvs_config(said["ipvs"]) if said.get("ipvs") else None,
        notify={str(when): tuple(map(str, command)) for when, command in said["notify"].items()},
    )


def ipvs_config(said: dict[str, Any]) -> IpvsConfig:
    """Raises KeyError, TypeError or ValueError where something is not as it should be."""
    asks_from = said["asks_from"]
    return IpvsConfig(
        str(said["method"]),
        # an earlier version has written one alone
        tuple(map(_address, [asks_from] if isinstance(asks_from, str) else asks_from)),
        _number(said["persistence_timeout"]),
        _number(said["persistence_granularity"]),
    )


def _check(said: dict[str, Any]) -> CheckConfig:
    return CheckConfig(
        str(said["kind"]),
        dict(said["options"]),
        float(said["delay_loop"]),
        float(said["connect_timeout"]),
        int(said["retry"]),
        float(said["delay_before_retry"]),
        float(said["warmup"]),
    )


def _number(said: Any) -> int | None:
    return None if said is None else int(said)


def _address(text: str) -> str:
    return str(ip_address(text))
