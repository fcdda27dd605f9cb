# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a node's balancers: /etc/ftfw/balancers.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CheckConfig:
    """How a server is asked whether it is well; times in seconds. `options` are those of its kind."""

    kind: str
    options: dict[str, Any]
    delay_loop: float
    connect_timeout: float
    retry: int
    delay_before_retry: float


@dataclass(frozen=True)
class ServerConfig:
    name: str
    address: str
    weight: int


@dataclass(frozen=True)
class MailConfig:
    to: tuple[str, ...]
    by: str
    """The mail server's address."""
    port: int = 25


@dataclass(frozen=True)
class BalancerConfig:
    name: str
    address: str
    """Where it is asked for."""
    protocol: str
    """Of its first port: tcp or udp."""
    port: int
    map: str
    """The map of the ruleset that has its slots."""
    gone: str
    """The set of the ruleset that has servers whose flows are ended."""
    last: str | None
    """The map of the ruleset that has who has answered a client's port; None where a hash says it anyhow."""
    slots: int
    scheduler: str
    quorum: int
    hysteresis: int
    sorry: str | None
    """Address of the server that answers when there is no quorum."""
    alpha: bool
    """Whether a server is down until it was checked."""
    inhibit_on_failure: bool
    """Whether open flows stay with a server that fails."""
    check: CheckConfig | None
    mail: MailConfig | None
    servers: tuple[ServerConfig, ...]


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
        map=str(said["map"]),
        gone=str(said["gone"]),
        last=said["last"] and str(said["last"]),
        slots=int(said["slots"]),
        scheduler=str(said["scheduler"]),
        quorum=int(said["quorum"]),
        hysteresis=int(said["hysteresis"]),
        sorry=_address(said["sorry"]) if said["sorry"] else None,
        alpha=bool(said["alpha"]),
        inhibit_on_failure=bool(said["inhibit_on_failure"]),
        check=_check(check) if check else None,
        mail=MailConfig(tuple(map(str, mail["to"])), _address(mail["by"]), int(mail["port"]))
        if mail
        else None,
        servers=tuple(
            ServerConfig(str(one["name"]), _address(one["address"]), int(one["weight"]))
            for one in said["servers"]
        ),
    )


def _check(said: dict[str, Any]) -> CheckConfig:
    return CheckConfig(
        str(said["kind"]),
        dict(said["options"]),
        float(said["delay_loop"]),
        float(said["connect_timeout"]),
        int(said["retry"]),
        float(said["delay_before_retry"]),
    )


def _address(text: str) -> str:
    return str(ip_address(text))
