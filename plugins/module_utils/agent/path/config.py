# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of path tracking: /etc/ftfw/path.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.plan import Timing


@dataclass(frozen=True)
class Link:
    """A network that both nodes are on. A leg carries virtual addresses; `targets` are third parties."""

    network: str
    interface: str
    local: str
    peer: str
    leg: bool
    targets: tuple[str, ...]


@dataclass(frozen=True)
class PathConfig:
    links: tuple[Link, ...]
    timing: Timing
    port: int
    preferred: bool
    virtual_addresses: tuple[str, ...]
    yields: bool
    """Whether this node gives way to the preferred one, when that claims its role."""
    claim_file: Path | None
    """What stands for this node's own claim (agent/preempt)."""


def read_link(said: dict[str, Any], more: dict[str, list[str]]) -> Link:
    """Read one link. `more` are targets by interface, which come before those that the link itself has."""
    link = Link(**{**said, "targets": (*more.get(said["interface"], ()), *said["targets"])})
    for address in (link.local, link.peer, *link.targets):
        if ip_address(address).version != ip_address(link.local).version:
            raise ValueError(f"{link.network}: {address} and {link.local} are of different families")
    return link


def read_config(file: Path) -> PathConfig:
    """Read the configuration. Raises ValueError that names the key."""
    said: dict[str, Any] = json.loads(file.read_text())
    interval, hold, recovery = (float(said[name]) for name in ("interval", "hold", "recovery"))
    if not 0.01 <= interval <= 1:
        raise ValueError(f"interval is {interval:g} s, it must be between 0.01 and 1")
    if not 3 * interval - 1e-9 <= hold <= 3600:
        least = f"three intervals ({3 * interval:g})"
        raise ValueError(f"hold is {hold:g} s, it must be between {least} and 3600")
    if not 0 < recovery <= 3600:
        raise ValueError(f"recovery is {recovery:g} s, it must be more than 0, and 3600 at most")
    links = tuple(read_link(link, said["targets"]) for link in said["links"])
    legs = [link.interface for link in links if link.leg]
    if not legs:
        raise ValueError("links has no leg")
    for name in said["targets"]:
        if name not in legs:
            raise ValueError(f"targets: {name} is no leg, it must be one of {', '.join(legs)}")
    if len(links) != len({link.network for link in links}):
        raise ValueError("links: a network is there twice")
    timing = Timing(interval, hold, max(1.0, 4 * interval), recovery)
    return PathConfig(
        links,
        timing,
        int(said["port"]),
        bool(said["preferred"]),
        tuple(said["virtual_addresses"]),
        bool(said["yields"]),
        Path(said["claim_file"]) if said["claim_file"] else None,
    )
