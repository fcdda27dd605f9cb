# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role host_network makes and takes away: bridges and taps, and what earlier runs have left."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.hypervisors import BridgePart, TapPart


class Subject(TypedDict, total=False):
    """What a template sees."""

    bridge: BridgePart
    uplink: str
    tap: TapPart


class NetworkFile(TypedDict):
    path: str
    template: str
    subject: Subject


class Stale(TypedDict):
    """What earlier runs have left, and nobody declares any more."""

    files: list[str]
    bridges: list[str]
    taps: list[str]
    uplinks: list[str]


class NetworkPlan(TypedDict):
    files: list[NetworkFile]
    stale: Stale
    bridge_options: list[dict[str, Any]]
    """The option `bridges` of the module bridge."""
    tap_options: list[dict[str, Any]]
    """The option `taps` of the module tap."""


def network_plan(
    bridges: Iterable[BridgePart], taps: Sequence[TapPart], host: str, prefix: str, found: Iterable[str]
) -> NetworkPlan:
    """Plan it. The path of each such file begins with `prefix`, and `found` are those that are there."""
    whole = [_with_mac(bridge, host) for bridge in bridges]
    files = [*_bridge_files(whole, prefix), *_tap_files(taps, prefix)]
    left = _stale(found, {file["path"] for file in files})
    return {
        "files": files,
        "stale": left,
        "bridge_options": [*map(_bridge_options, whole), *_absent(left["bridges"])],
        "tap_options": [*({**tap} for tap in taps), *_absent(left["taps"])],
    }


def _with_mac(bridge: BridgePart, host: str) -> BridgePart:
    """Give a bridge a MAC of its own that no change of its ports can alter, where it has none.

    It is locally administered, and follows from the names of host and bridge.
    """
    digest = hashlib.sha1(f"{host}/{bridge['name']}".encode(), usedforsecurity=False).hexdigest()
    return {**bridge, "mac": bridge["mac"] or ":".join(re.findall("..", f"02{digest[:10]}"))}


def _bridge_files(bridges: Iterable[BridgePart], prefix: str) -> Iterator[NetworkFile]:
    for bridge in bridges:
        stem = f"{prefix}bridge-{bridge['name']}"
        yield {"path": f"{stem}.netdev", "template": "bridge.netdev.j2", "subject": {"bridge": bridge}}
        yield {"path": f"{stem}.network", "template": "bridge.network.j2", "subject": {"bridge": bridge}}
        for uplink in bridge["uplinks"]:
            path = f"{prefix}uplink-{uplink}.network"
            subject: Subject = {"bridge": bridge, "uplink": uplink}
            yield {"path": path, "template": "uplink.network.j2", "subject": subject}


def _tap_files(taps: Iterable[TapPart], prefix: str) -> Iterator[NetworkFile]:
    for tap in taps:
        stem = f"{prefix}tap-{tap['name']}"
        yield {"path": f"{stem}.netdev", "template": "tap.netdev.j2", "subject": {"tap": tap}}
        yield {"path": f"{stem}.network", "template": "tap.network.j2", "subject": {"tap": tap}}


def _stale(found: Iterable[str], declared: set[str]) -> Stale:
    files = [path for path in dict.fromkeys(found) if path not in declared]

    def devices(kind: str, ending: str) -> list[str]:
        """Name those that the files of a kind stand for."""
        pattern = re.compile(rf".*\.{kind}-(.*)\.{ending}")
        return [match[1] for match in map(pattern.fullmatch, files) if match]

    return {
        "files": files,
        "bridges": devices("bridge", "netdev"),
        "taps": devices("tap", "netdev"),
        "uplinks": devices("uplink", "network"),
    }


def _bridge_options(bridge: BridgePart) -> dict[str, Any]:
    return {
        "name": bridge["name"],
        "mac": bridge["mac"],
        "mtu": bridge["mtu"],
        "addresses": bridge["addresses"],
        "ports": bridge["uplinks"],
        "stp": bridge["stp"],
        "forward_delay": bridge["forward_delay"],
        "multicast_snooping": bridge["multicast_snooping"],
    }


def _absent(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "state": "absent"} for name in names]
