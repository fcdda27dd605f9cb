# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices, changes, and what undoes them."""

from __future__ import annotations

import errno

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.links.apply import (
    ApplyError,
    MissingError,
    apply_all,
    reason,
)
from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    AddAddress,
    Create,
    Delete,
    Device,
    LinkError,
    RemoveAddress,
    SetValue,
    Vlan,
    canonical_address,
    canonical_mac,
    check_mtu,
    check_name,
    describe,
    fold,
    inverse,
    missing,
    rendered,
)

BR0 = Device("br0", "bridge", addresses=("10.0.0.1/24",), settings={"stp": False})
TAP0 = Device("tap0", "tap", master="br0", isolated=True, settings={"owner": 1000})
DEVICES = {"br0": BR0, "tap0": TAP0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(Create(BR0), "bridge br0: create", id="create"),
        pytest.param(Delete(TAP0), "tap tap0: delete", id="delete"),
        pytest.param(
            SetValue("br0", "bridge", "mtu", 1500, 1400), "bridge br0: set mtu to 1400 (was 1500)", id="mtu"
        ),
        pytest.param(SetValue("br0", "bridge", "up", False, True), "bridge br0: bring up", id="up"),
        pytest.param(SetValue("tap0", "tap", "master", None, "br0"), "bridge br0: add port tap0", id="join"),
        pytest.param(
            SetValue("tap0", "tap", "master", "br0", None), "bridge br0: remove port tap0", id="leave"
        ),
        pytest.param(
            SetValue("tap0", "tap", "master", "br0", "br1"),
            "bridge br1: add port tap0, now of br0",
            id="move",
        ),
        pytest.param(
            SetValue("br0", "bridge", "vlans", (Vlan(1, True, True),), (Vlan(100, True),)),
            "bridge br0: set vlans to 100 pvid (was 1 pvid untagged)",
            id="vlans",
        ),
        pytest.param(
            SetValue("br0", "bridge", "vlans", (Vlan(1),), ()),
            "bridge br0: set vlans to none (was 1)",
            id="none",
        ),
        pytest.param(
            AddAddress("br0", "bridge", "10.0.0.2/24"), "bridge br0: add address 10.0.0.2/24", id="address"
        ),
    ],
)
def test_a_change_is_one_line(change, words):
    assert describe(change) == words


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(Create(Device("br1", "bridge")), id="create"),
        pytest.param(SetValue("br0", "bridge", "stp", False, True), id="setting"),
        pytest.param(SetValue("br0", "bridge", "mtu", 1500, 1400), id="attribute"),
        pytest.param(SetValue("tap0", "tap", "owner", 1000, 1001), id="owner"),
        pytest.param(AddAddress("br0", "bridge", "10.0.0.2/24"), id="add"),
        pytest.param(RemoveAddress("br0", "bridge", "10.0.0.1/24"), id="remove"),
    ],
)
def test_a_change_and_its_inverse_leave_nothing(change):
    assert fold(DEVICES, [change]) != DEVICES
    assert fold(DEVICES, [change, inverse(change)]) == DEVICES


def test_an_owner_cannot_be_taken_away():
    assert inverse(SetValue("tap0", "tap", "owner", None, 1000)) is None


def test_a_port_loses_its_flags_when_it_leaves_its_bridge():
    for change in (SetValue("tap0", "tap", "master", "br0", None), Delete(BR0)):
        port = fold(DEVICES, [change])["tap0"]
        assert (port.master, port.isolated) == (None, False)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        pytest.param(
            [Create(Device("br1", "bridge")), SetValue("tap0", "tap", "master", "br0", "br1")],
            [],
            id="made before",
        ),
        pytest.param(
            [SetValue("eth9", "device", "master", None, "br0")],
            ["bridge br0: cannot add port eth9: no such device: eth9"],
            id="port",
        ),
        pytest.param(
            [Delete(BR0), SetValue("tap0", "tap", "master", None, "br0")],
            ["bridge br0: cannot add port tap0: no such device: br0"],
            id="bridge removed before",
        ),
        pytest.param(
            [Create(Device("tap1", "tap", settings={"owner": "ada", "group": 5}))],
            ["tap tap1: no such user: ada"],
            id="user",
        ),
        pytest.param(
            [SetValue("tap0", "tap", "group", None, "wheel")], ["tap tap0: no such group: wheel"], id="group"
        ),
    ],
)
def test_what_nobody_has_made_is_missing(changes, lines):
    assert missing(changes, DEVICES) == lines


def test_vlans_are_shown_only_where_they_are_filtered():
    settings = {"vlan_filtering": False, "vlans": (Vlan(1, True, True),)}
    bridge = Device("br1", "bridge", settings=settings)
    assert rendered({"br1": bridge}, ["br1", "br9"])["br1"]["vlans"] == []
    shown = rendered({"br1": bridge.with_value("vlan_filtering", True)}, ["br1"])
    assert shown["br1"]["vlans"] == [{"vid": 1, "pvid": True, "untagged": True}]


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "a:b", "a\nb", "x" * 16, "ä" * 8], ids=repr)
def test_a_name_that_the_kernel_would_not_take(name):
    with pytest.raises(LinkError):
        check_name("bridge", name)


@pytest.mark.parametrize("name", ["br0", "x" * 15, "br-mgmt", "eth0.5"])
def test_a_name_that_the_kernel_takes(name):
    check_name("bridge", name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: canonical_mac("tap", "t", "02:00"),
            "tap t: mac 02:00: not six pairs of hexadecimal digits with colons",
        ),
        (
            lambda: canonical_mac("tap", "t", "01:00:5e:00:00:12"),
            "tap t: mac 01:00:5e:00:00:12: not the address of one station",
        ),
        (lambda: canonical_address("tap", "t", "10.0.0.1"), "tap t: address 10.0.0.1: has no prefix length"),
        (
            lambda: canonical_address("tap", "t", "10.0.0.1/33"),
            "tap t: address 10.0.0.1/33: '10.0.0.1/33' does not appear to be an IPv4 or IPv6 interface",
        ),
        (lambda: check_mtu("tap", "t", 10), "tap t: mtu 10: not between 68 and 65535"),
    ],
    ids=["mac", "group mac", "no prefix", "bad prefix", "mtu"],
)
def test_a_bad_value_is_named(call, message):
    with pytest.raises(LinkError) as error:
        call()
    assert str(error.value) == message


def test_values_get_the_spelling_of_the_kernel():
    assert canonical_mac("tap", "t", "02:AB:00:00:00:01") == "02:ab:00:00:00:01"
    assert canonical_address("tap", "t", "FD00:0::1/64") == "fd00::1/64"


class Recorder:
    """Takes changes, and refuses the ones that it is told to refuse."""

    def __init__(self, *refused):
        self.refused = refused
        self.applied = []

    def apply(self, change):
        if change in self.refused:
            raise OSError(errno.EINVAL, "Invalid argument")
        self.applied.append(change)


FIRST = SetValue("br0", "bridge", "mtu", 1500, 1400)
SECOND = AddAddress("br0", "bridge", "10.0.0.9/24")
THIRD = SetValue("br0", "bridge", "up", False, True)


def test_a_refused_change_undoes_those_before_it_in_reverse():
    recorder = Recorder(THIRD)
    with pytest.raises(ApplyError) as error:
        apply_all(recorder, [FIRST, SECOND, THIRD], DEVICES)
    assert recorder.applied == [FIRST, SECOND, inverse(SECOND), inverse(FIRST)]
    assert error.value.left == []
    assert (
        str(error.value) == "bridge br0: cannot bring up: Invalid argument; 2 changes before it were undone"
    )


def test_what_cannot_be_undone_is_told():
    recorder = Recorder(THIRD, inverse(FIRST))
    with pytest.raises(ApplyError) as error:
        apply_all(recorder, [FIRST, SECOND, THIRD], DEVICES)
    assert (error.value.undone, error.value.left) == ([SECOND], [FIRST])
    assert str(error.value).endswith(
        "1 change before it was undone; these are left, since they could not be undone:"
        " bridge br0: set mtu to 1400 (was 1500)"
    )


def test_nothing_is_applied_while_something_is_missing():
    recorder = Recorder()
    with pytest.raises(MissingError):
        apply_all(recorder, [FIRST, SetValue("eth9", "device", "master", None, "br0")], DEVICES)
    assert recorder.applied == []


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (FIRST, OSError(errno.EPERM, "x"), "Operation not permitted (root or CAP_NET_ADMIN is needed)"),
        (
            SetValue("br0", "bridge", "vlan_filtering", False, True),
            OSError(errno.EOPNOTSUPP, "x"),
            "this kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)",
        ),
        (FIRST, OSError(errno.EOPNOTSUPP, "Operation not supported"), "Operation not supported"),
        (
            Create(TAP0),
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/dev/net/tun"),
            "/dev/net/tun: No such file or directory (kernel module tun)",
        ),
    ],
    ids=["permission", "vlan filtering", "another feature", "no tun"],
)
def test_why_the_kernel_refused(change, error, words):
    assert reason(change, error) == words
