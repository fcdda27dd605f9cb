# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the watch: /etc/ftfw/watch.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch.plan import WantedCard, merged


@dataclass(frozen=True)
class WatchConfig:
    table: str
    legs: tuple[WantedCard, ...]
    replication: tuple[WantedCard, ...]
    offload: tuple[WantedCard, ...]
    virtual_addresses: tuple[str, ...] = ()
    peers: dict[str, list[str]] = field(default_factory=dict)
    """The other node's addresses, by this node's interfaces."""


def read_config(file: Path) -> WatchConfig:
    """Read the configuration. Raises ValueError, KeyError or TypeError."""
    said: dict[str, Any] = json.loads(file.read_text())
    macs: dict[str, str | None] = said["macs"]

    def wanted(interface: str, address: str | None = None) -> WantedCard:
        mac = macs.get(interface)
        return WantedCard(interface, mac.lower() if mac else None, frozenset([address] if address else []))

    peers: dict[str, list[str]] = {}
    for path in said["paths"]:
        peers.setdefault(path["interface"], []).append(str(ip_address(path["peer"])))
    return WatchConfig(
        str(said["table"]),
        merged(wanted(one["interface"], one["source"]) for one in said["instances"]),
        merged(wanted(one["interface"], one["local"]) for one in said["links"]),
        merged(wanted(name) for name in said["offload"]),
        tuple(str(ip_address(each)) for each in said["virtual_addresses"]),
        peers,
    )
