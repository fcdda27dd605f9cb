# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role host_network makes of declared bridges and taps, and of files of earlier runs."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.host_network.plan import network_plan
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.hypervisors import BridgePart, TapPart

PREFIX = "/etc/systemd/network/10-ftfw."


def bridge(name: str, uplinks: tuple[str, ...] = (), mac: str | None = None) -> BridgePart:
    return {
        "name": name,
        "mac": mac,
        "addresses": ["192.168.0.3/24", "2001:db8::3/64"],
        "uplinks": list(uplinks),
        "routes": [{"destination": "2001:db8:2::/64", "gateway": "2001:db8::100"}],
        "mtu": 9000,
        "management": False,
        "multicast_snooping": True,
        "stp": True,
        "forward_delay": 4,
    }


TAP: TapPart = {"name": "t1", "bridge": "br0", "owner": "guest", "group": None, "mtu": None, "isolated": True}


def test_a_bridge_and_a_tap() -> None:
    plan = network_plan([bridge("br0", ("eth7",))], [TAP], "omarine", PREFIX, [])
    assert [(file["path"].removeprefix(PREFIX), file["template"]) for file in plan["files"]] == [
        ("bridge-br0.netdev", "bridge.netdev.j2"),
        ("bridge-br0.network", "bridge.network.j2"),
        ("uplink-eth7.network", "uplink.network.j2"),
        ("tap-t1.netdev", "tap.netdev.j2"),
        ("tap-t1.network", "tap.network.j2"),
    ]
    whole = bridge("br0", ("eth7",), plan["bridge_options"][0]["mac"])
    subjects = [file["subject"] for file in plan["files"]]
    assert subjects == [{"bridge": whole}] * 2 + [{"bridge": whole, "uplink": "eth7"}] + [{"tap": TAP}] * 2
    assert plan["bridge_options"] == [
        {
            "name": "br0",
            "mac": whole["mac"],
            "mtu": 9000,
            "addresses": ["192.168.0.3/24", "2001:db8::3/64"],
            "ports": ["eth7"],
            "stp": True,
            "forward_delay": 4,
            "multicast_snooping": True,
        }
    ]
    assert plan["tap_options"] == [TAP]
    assert plan["stale"] == {"files": [], "bridges": [], "taps": [], "uplinks": []}


@pytest.mark.parametrize(
    ("host", "given", "expected"),
    [
        # printf omarine/br0 | sha1sum
        pytest.param("omarine", None, "02:8d:51:79:4d:f2", id="derived"),
        pytest.param("other", None, "02:43:91:4d:93:fc", id="of-another-host"),
        pytest.param("omarine", "12:34:56:78:9a:bc", "12:34:56:78:9a:bc", id="declared"),
    ],
)
def test_a_bridge_has_a_mac_of_its_own(host: str, given: str | None, expected: str) -> None:
    plan = network_plan([bridge("br0", mac=given)], [], host, PREFIX, [])
    assert plan["bridge_options"][0]["mac"] == expected


def test_what_is_no_longer_declared_goes_away() -> None:
    found = [
        f"{PREFIX}{name}"
        for name in (
            *("bridge-br0.netdev", "bridge-br0.network", "bridge-br.old.netdev", "bridge-br.old.network"),
            *("tap-t1.netdev", "tap-t9.netdev", "tap-t9.network", "uplink-eth9.network", "other"),
        )
    ]
    plan = network_plan([bridge("br0")], [TAP], "omarine", PREFIX, found)
    assert plan["stale"] == {
        "files": [
            f"{PREFIX}{name}"
            for name in (
                *("bridge-br.old.netdev", "bridge-br.old.network", "tap-t9.netdev", "tap-t9.network"),
                *("uplink-eth9.network", "other"),
            )
        ],
        "bridges": ["br.old"],
        "taps": ["t9"],
        "uplinks": ["eth9"],
    }
    assert plan["bridge_options"][1:] == [{"name": "br.old", "state": "absent"}]
    assert plan["tap_options"][1:] == [{"name": "t9", "state": "absent"}]
