# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers as tests have them."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import (
    AskedPorts,
    BalancerConfig,
    CheckConfig,
    ServerConfig,
)

SERVERS = (ServerConfig("srv-1", "192.0.2.1", 1), ServerConfig("srv-2", "192.0.2.2", 1))


def check(kind: str = "tcp", **options: Any) -> CheckConfig:
    return CheckConfig(kind, {"port": 80, **options}, 5, 2, 1, 1)


def balancer(**changes: Any) -> BalancerConfig:
    plain: dict[str, Any] = {
        "name": "web",
        "address": "198.51.100.1",
        "protocol": "tcp",
        "port": 80,
        "asked": (AskedPorts("tcp", 80, 80),),
        "map": "balancer.web",
        "gone": "balancer.web.gone",
        "last": "balancer.web.last",
        "last_port": None,
        "slots": 2,
        "scheduler": "rr",
        "quorum": 1,
        "hysteresis": 0,
        "sorry": None,
        "sorry_check": None,
        "alpha": False,
        "omega": False,
        "inhibit_on_failure": False,
        "check": check(),
        "mail": None,
        "servers": SERVERS,
    }
    return BalancerConfig(**{**plain, **changes})
