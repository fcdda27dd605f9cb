# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that bridges need."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.links.bridge import (
    NEW_BRIDGE,
    WantedBridge,
    parse,
    plan,
)
from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    Device,
    LinkError,
    Vlan,
    describe,
    fold,
    inverse,
    missing,
)
from hypothesis import given
from hypothesis import strategies as st

NOT_GIVEN = dict.fromkeys(["mac", "mtu", "addresses", "ports", *NEW_BRIDGE])
ITEM = {**NOT_GIVEN, "name": "br0", "state": "present", "up": True, "purge_ports": False}


def bridge(name, **values):
    return Device(
        name, "bridge", **{"mac": "02:00:00:00:00:01", "up": True, "settings": NEW_BRIDGE, **values}
    )


def port(name, master=None, **values):
    return Device(name, "tap", master=master, **values)


def devices(*found):
    return {device.name: device for device in found}


@pytest.mark.parametrize(
    ("desired", "found", "lines"),
    [
        pytest.param([WantedBridge("br0")], [bridge("br0")], [], id="nothing to do"),
        pytest.param([WantedBridge("br0", present=False)], [], [], id="nothing to remove"),
        pytest.param(
            [
                WantedBridge(
                    "br0",
                    mac="02:00:00:00:00:09",
                    mtu=1400,
                    addresses=("10.0.0.1/24",),
                    ports=("tap0",),
                    settings={"forward_delay": 0, "multicast_snooping": False},
                )
            ],
            [port("tap0")],
            [
                "bridge br0: create",
                "bridge br0: set forward_delay to 0 (was 15)",
                "bridge br0: set multicast_snooping to false (was true)",
                "bridge br0: set mtu to 1400 (was 1500)",
                "bridge br0: add address 10.0.0.1/24",
                "bridge br0: add port tap0",
                "bridge br0: bring up",
            ],
            id="a new one, with its MAC from the start",
        ),
        pytest.param(
            [WantedBridge("br0", ports=("tap1",))],
            [bridge("br0"), port("tap0", "br0"), port("tap1")],
            ["bridge br0: add port tap1"],
            id="unlisted ports stay",
        ),
        pytest.param(
            [WantedBridge("br0", ports=(), purge_ports=True)],
            [bridge("br0"), port("tap0", "br0", isolated=True)],
            ["tap tap0: set isolated to false (was true)", "bridge br0: remove port tap0"],
            id="unlisted ports are purged",
        ),
        pytest.param(
            [WantedBridge("br0", purge_ports=True)],
            [bridge("br0"), port("tap0", "br0")],
            [],
            id="nothing is purged without a list",
        ),
        pytest.param(
            [WantedBridge("br0", addresses=())],
            [bridge("br0", addresses=("10.0.0.1/24", "fd00::1/64", "fe80::1/64"))],
            ["bridge br0: remove address 10.0.0.1/24", "bridge br0: remove address fd00::1/64"],
            id="an empty list takes addresses away, link-local ones excepted",
        ),
        pytest.param(
            [WantedBridge("br0")],
            [bridge("br0", addresses=("10.0.0.1/24",))],
            [],
            id="no list leaves addresses",
        ),
        pytest.param(
            [WantedBridge("br0", settings={"forward_delay": 2, "stp": True})],
            [bridge("br0")],
            ["bridge br0: set forward_delay to 2 (was 15)", "bridge br0: set stp to true (was false)"],
            id="STP comes last when it comes",
        ),
        pytest.param(
            [WantedBridge("br0", settings={"forward_delay": 0, "stp": False})],
            [bridge("br0", settings={**NEW_BRIDGE, "stp": True})],
            ["bridge br0: set stp to false (was true)", "bridge br0: set forward_delay to 0 (was 15)"],
            id="STP goes first when it goes",
        ),
        pytest.param(
            [WantedBridge("br0", settings={"vlans": (Vlan(100, pvid=True),), "vlan_filtering": True})],
            [bridge("br0")],
            [
                "bridge br0: set vlan_filtering to true (was false)",
                "bridge br0: set vlans to 100 pvid (was 1 pvid untagged)",
            ],
            id="VLAN 100 only",
        ),
        pytest.param(
            [WantedBridge("br0", up=False, mtu=1400)],
            [bridge("br0")],
            ["bridge br0: bring down", "bridge br0: set mtu to 1400 (was 1500)"],
            id="down comes first",
        ),
        pytest.param([WantedBridge("br0", up=None)], [bridge("br0", up=False)], [], id="neither up nor down"),
        pytest.param(
            [WantedBridge("br0", ports=("tap0",)), WantedBridge("br1", present=False)],
            [bridge("br0"), bridge("br1"), port("tap0", "br1")],
            ["bridge br1: remove port tap0", "bridge br1: delete", "bridge br0: add port tap0"],
            id="ports of a removed bridge are free for another",
        ),
    ],
)
def test_changes(desired, found, lines):
    assert [describe(change) for change in plan(desired, devices(*found))] == lines


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        ([WantedBridge("tap0")], "bridge tap0: a device of this name exists, and its kind is tap"),
        (
            [WantedBridge("tap0", present=False)],
            "bridge tap0: a device of this name exists, and its kind is tap",
        ),
        ([WantedBridge("br0", ports=("tap1",))], "bridge br0: cannot add port tap1: already a member of br1"),
        ([WantedBridge("br0", ports=("br0",))], "bridge br0: cannot be a port of itself"),
        (
            [WantedBridge("br0", ports=("tap0",)), WantedBridge("br1", ports=("tap0",))],
            "bridge br1: cannot add port tap0: already a member of br0",
        ),
        (
            [WantedBridge("br0", settings={"stp": True, "forward_delay": 0})],
            "bridge br0: forward_delay 0: not between 2 and 30, as STP needs it",
        ),
        (
            [WantedBridge("br0", settings={"vlans": ()})],
            "bridge br0: vlans without vlan_filtering have no effect",
        ),
    ],
    ids=["other kind", "other kind to remove", "port of another", "itself", "port twice", "stp", "vlans"],
)
def test_errors(desired, message):
    found = devices(bridge("br0"), bridge("br1"), port("tap0"), port("tap1", "br1"))
    with pytest.raises(LinkError) as error:
        plan(desired, found)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"name": "b" * 16}], f"bridge {'b' * 16}: the name has 16 bytes, and the kernel takes 15 at most"),
        ([{}, {}], "bridge br0: listed twice"),
        (
            [{"ports": ["p" * 16]}],
            f"bridge {'p' * 16}: the name has 16 bytes, and the kernel takes 15 at most",
        ),
        ([{"ageing_time": -1}], "bridge br0: ageing_time -1: less than 0"),
        (
            [{"vlans": [{"vid": 4095, "pvid": False, "untagged": False}]}],
            "bridge br0: vid 4095: not between 1 and 4094",
        ),
        (
            [{"vlans": [{"vid": 5, "pvid": False, "untagged": u} for u in (True, False)]}],
            "bridge br0: a VLAN is listed twice",
        ),
        (
            [{"vlans": [{"vid": v, "pvid": True, "untagged": False} for v in (5, 6)]}],
            "bridge br0: more than one VLAN is the pvid",
        ),
    ],
    ids=["long name", "twice", "long port", "negative", "vid", "vlan twice", "two pvids"],
)
def test_options_that_no_kernel_would_take(items, message):
    with pytest.raises(LinkError) as error:
        parse([{**ITEM, **item} for item in items])
    assert str(error.value) == message


def test_options_become_a_bridge():
    (parsed,) = parse(
        [{**ITEM, "mac": "02:AA:00:00:00:01", "addresses": [], "ports": ["tap0"], "stp": False}]
    )
    assert parsed == WantedBridge(
        "br0", mac="02:aa:00:00:00:01", addresses=(), ports=("tap0",), settings={"stp": False}
    )


ADDRESSES = st.lists(st.sampled_from(["10.0.0.1/24", "10.0.0.2/24", "fd00::1/64", "fe80::1/64"]), unique=True)
VLANS = st.sampled_from([(), (Vlan(1, True, True),), (Vlan(100, True),), (Vlan(1), Vlan(7, True, True))])
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "stp": st.booleans(),
        "ageing_time": st.integers(0, 600),
        "forward_delay": st.integers(2, 30),
        "multicast_snooping": st.booleans(),
    },
)
PORTS = ("tap0", "tap1", "tap2")
BRIDGES = ("br0", "br1", "br2")


@st.composite
def desires(draw):
    """Bridges that share no port, each with a list that owns its ports alone."""
    free = list(PORTS)
    desired = []
    for name in draw(st.lists(st.sampled_from(BRIDGES), unique=True)):
        ports = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
        free = [p for p in free if p not in ports]
        settings = draw(SETTINGS)
        if draw(st.booleans()):
            settings = {**settings, "vlan_filtering": True, "vlans": draw(VLANS)}
        desired.append(
            WantedBridge(
                name,
                present=draw(st.booleans()),
                up=draw(st.sampled_from([True, False, None])),
                mac=draw(st.sampled_from([None, "02:00:00:00:00:07"])),
                mtu=draw(st.sampled_from([None, 1400])),
                addresses=draw(st.none() | ADDRESSES.map(tuple)),
                ports=tuple(ports),
                purge_ports=True,
                settings=settings,
            )
        )
    return desired


@st.composite
def kernels(draw):
    present = [
        bridge(
            name,
            up=draw(st.booleans()),
            addresses=tuple(sorted(draw(ADDRESSES))),
            settings={**NEW_BRIDGE, **draw(SETTINGS)},
        )
        for name in draw(st.lists(st.sampled_from(BRIDGES), unique=True))
    ]
    masters = st.sampled_from([None, *(b.name for b in present)])
    ports = [port(name, draw(masters)) for name in PORTS]
    return devices(
        *present, *(p.with_value("isolated", p.master is not None and draw(st.booleans())) for p in ports)
    )


@given(desires(), kernels())
def test_a_plan_leads_where_nothing_is_left_to_do_and_back(desired, found):
    try:
        changes = plan(desired, found)
    except LinkError as error:
        assert "already a member" in str(error)
        return
    assert missing(changes, found) == []
    after = fold(found, changes)
    assert plan(desired, after) == []
    undone = fold(after, [inverse(change) for change in reversed(changes)])
    assert undone == found
