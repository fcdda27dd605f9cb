# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that taps need."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.links.tap import NEW_TAP, WantedTap, parse, plan
from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    Device,
    LinkError,
    describe,
    fold,
    inverse,
)
from hypothesis import given
from hypothesis import strategies as st

NOT_GIVEN = dict.fromkeys(["mtu", "bridge", "isolated", "owner", "group", "multi_queue", "vnet_hdr"])
ITEM = {**NOT_GIVEN, "name": "tap0", "state": "present", "up": True}


def tap(name="tap0", settings=None, **values):
    return Device(
        name,
        "tap",
        **{"mac": "02:00:00:00:00:01", "up": True, **values},
        settings={**NEW_TAP, **(settings or {})},
    )


def devices(*found):
    return {device.name: device for device in (Device("br0", "bridge"), Device("br1", "bridge"), *found)}


@pytest.mark.parametrize(
    ("desired", "found", "lines"),
    [
        pytest.param([WantedTap("tap0")], [tap()], [], id="nothing to do"),
        pytest.param([WantedTap("tap0", present=False)], [], [], id="nothing to remove"),
        pytest.param(
            [WantedTap("tap0", mtu=1400, bridge="br0", isolated=True, settings={"owner": 1000})],
            [],
            [
                "tap tap0: create",
                "tap tap0: set mtu to 1400 (was 1500)",
                "bridge br0: add port tap0",
                "tap tap0: set isolated to true (was false)",
                "tap tap0: bring up",
            ],
            id="a new one, with its owner from the start",
        ),
        pytest.param(
            [WantedTap("tap0", bridge="br1", isolated=True)],
            [tap(master="br0", isolated=True)],
            [
                "tap tap0: set isolated to false (was true)",
                "bridge br1: add port tap0, now of br0",
                "tap tap0: set isolated to true (was false)",
            ],
            id="isolation is lost and made again on the way to another bridge",
        ),
        pytest.param(
            [WantedTap("tap0")], [tap(master="br0", isolated=True)], [], id="what is not given is left alone"
        ),
        pytest.param(
            [WantedTap("tap0", bridge="")],
            [tap(master="br0")],
            ["bridge br0: remove port tap0"],
            id="no bridge",
        ),
        pytest.param(
            [WantedTap("tap0", settings={"multi_queue": True})],
            [tap(settings={"owner": 5})],
            ["tap tap0: delete", "tap tap0: create"],
            id="other queues",
        ),
        pytest.param(
            [WantedTap("tap0", bridge="br1", mtu=1400, up=False)],
            [tap(master="br0", held=True)],
            [
                "tap tap0: bring down",
                "tap tap0: set mtu to 1400 (was 1500)",
                "bridge br1: add port tap0, now of br0",
            ],
            id="a held tap can be moved",
        ),
        pytest.param(
            [WantedTap("tap1"), WantedTap("tap0", present=False)],
            [tap()],
            ["tap tap0: delete", "tap tap1: create", "tap tap1: bring up"],
            id="old ones go before new ones come",
        ),
    ],
)
def test_changes(desired, found, lines):
    assert [describe(change) for change in plan(desired, devices(*found))] == lines


def test_a_tap_made_anew_is_otherwise_as_before():
    found = tap(settings={"owner": 5, "vnet_hdr": True}, master="br0", isolated=True, mtu=1400)
    desired = [WantedTap("tap0", settings={"multi_queue": True})]
    after = fold(devices(found), plan(desired, devices(found)))["tap0"]
    assert after == found.with_value("multi_queue", True)


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        (WantedTap("br0"), "tap br0: a device of this name exists, and its kind is bridge"),
        (WantedTap("br0", present=False), "tap br0: a device of this name exists, and its kind is bridge"),
        (
            WantedTap("held", settings={"owner": 1}),
            "tap held: cannot set owner to 1: a running process holds it",
        ),
        (
            WantedTap("held", settings={"group": 1}),
            "tap held: cannot set group to 1: a running process holds it",
        ),
        (
            WantedTap("held", settings={"vnet_hdr": True}),
            "tap held: cannot set vnet_hdr to true: a running process holds it",
        ),
        (
            WantedTap("held", settings={"multi_queue": True}),
            "tap held: cannot be made anew with other queues: a running process holds it",
        ),
        (WantedTap("held", present=False), "tap held: cannot be deleted: a running process holds it"),
        (
            WantedTap("passing"),
            "tap passing: a running process made it for itself, and takes it away when it ends",
        ),
        (
            WantedTap("tap0", isolated=True),
            "tap tap0: isolated is a flag of a bridge's port, and it is in no bridge",
        ),
    ],
    ids=["kind", "kind to remove", "owner", "group", "vnet_hdr", "queues", "remove", "passing", "isolated"],
)
def test_errors(desired, message):
    found = devices(tap("held", held=True), tap("passing", {"persist": False}, held=True))
    with pytest.raises(LinkError) as error:
        plan([desired], found)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "number"),
    [("1000", 1000), ("ada", 1815), ("nobody-knows", "nobody-knows")],
    ids=["number", "known", "unknown"],
)
def test_owners_by_name_and_number(text, number):
    users, groups = {"ada": 1815}, {"ada": 1815}
    (parsed,) = parse([{**ITEM, "owner": text, "group": text}], users.get, groups.get)
    assert parsed.settings == {"owner": number, "group": number}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"name": "t" * 16}], f"tap {'t' * 16}: the name has 16 bytes, and the kernel takes 15 at most"),
        ([{}, {}], "tap tap0: listed twice"),
        ([{"bridge": "b" * 16}], f"tap {'b' * 16}: the name has 16 bytes, and the kernel takes 15 at most"),
        ([{"mtu": 1}], "tap tap0: mtu 1: not between 68 and 65535"),
        ([{"owner": ""}], "tap tap0: owner is empty; leave it out where it doesn't matter"),
        ([{"group": "4294967295"}], "tap tap0: group 4294967295: too large"),
    ],
    ids=["long name", "twice", "long bridge", "mtu", "empty owner", "large group"],
)
def test_options_that_no_kernel_would_take(items, message):
    with pytest.raises(LinkError) as error:
        parse([{**ITEM, **item} for item in items], {}.get, {}.get)
    assert str(error.value) == message


NAMES = ("tap0", "tap1", "tap2")
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.integers(1, 3),
        "group": st.integers(1, 3),
        "multi_queue": st.booleans(),
        "vnet_hdr": st.booleans(),
    },
)
DESIRES = st.lists(
    st.builds(
        WantedTap,
        name=st.sampled_from(NAMES),
        present=st.booleans(),
        up=st.sampled_from([True, False, None]),
        mtu=st.sampled_from([None, 1400]),
        bridge=st.sampled_from([None, "", "br0", "br1"]),
        isolated=st.sampled_from([None, True, False]),
        settings=SETTINGS,
    ),
    unique_by=lambda wanted: wanted.name,
)


@st.composite
def kernels(draw):
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        master = draw(st.sampled_from([None, "br0", "br1"]))
        isolated = master is not None and draw(st.booleans())
        settings = {"owner": 1, "group": 1, **draw(SETTINGS)}
        found.append(
            tap(
                name,
                settings,
                up=draw(st.booleans()),
                master=master,
                isolated=isolated,
                held=draw(st.booleans()),
            )
        )
    return devices(*found)


@given(DESIRES, kernels())
def test_a_plan_leads_where_nothing_is_left_to_do_and_back(desired, found):
    try:
        changes = plan(desired, found)
    except LinkError as error:
        assert "a running process holds it" in str(error) or "in no bridge" in str(error)
        return
    after = fold(found, changes)
    assert plan(desired, after) == []
    undone = fold(after, [inverse(change) for change in reversed(changes)])
    assert undone == found
