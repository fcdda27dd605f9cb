# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tap against the real kernel."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest

TAP = {"name": "tap0", "bridge": "br0", "owner": "nobody", "group": "65534", "mtu": 1400, "isolated": True}

# attaches to a tap like a VM does, says so, and stays until its standard input ends
HOLDER = """
import fcntl, os, struct, sys
descriptor = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(descriptor, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), int(sys.argv[2])))
print("held", flush=True)
sys.stdin.read()
"""

IFF_TAP_NO_PI = 0x1002
IFF_MULTI_QUEUE = 0x0100
IFF_VNET_HDR = 0x4000


@pytest.fixture
def held(namespace):
    """Context in which a process of the test's own holds a tap."""

    @contextlib.contextmanager
    def hold(name, flags=IFF_TAP_NO_PI):
        command = ["ip", "netns", "exec", namespace, sys.executable, "-c", HOLDER, name, str(flags)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "held\n"
            try:
                yield
            finally:
                process.stdin.close()
                process.wait(timeout=10)

    return hold


@pytest.fixture
def two_bridges(bridges):
    bridges({"name": "br0"}, {"name": "br1"})


def test_a_tap_is_made_kept_changed_and_removed(taps, links, two_bridges):
    predicted = taps(TAP, check=True)
    assert predicted["changed"]
    assert "tap0" not in links()

    made = taps(TAP)
    assert made["changes"] == predicted["changes"]
    assert made["diff"] == predicted["diff"]
    tap = links()["tap0"]
    assert (tap["master"], tap["mtu"]) == ("br0", 1400)
    assert "UP" in tap["flags"]
    data = tap["linkinfo"]["info_data"]
    assert (data["type"], data["user"], data["group"]) == ("tap", "nobody", "nogroup")
    assert (data["persist"], data["pi"], data["multi_queue"], data["vnet_hdr"]) == (True, False, False, False)
    assert tap["linkinfo"]["info_slave_data"]["isolated"]

    again = taps(TAP)
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]

    changed = taps({"name": "tap0", "bridge": "br1", "owner": "daemon", "vnet_hdr": True, "up": False})
    assert changed["changes"] == [
        "tap tap0: set owner to 1 (was 65534)",
        "tap tap0: set vnet_hdr to true (was false)",
        "tap tap0: bring down",
        "tap tap0: set isolated to false (was true)",
        "bridge br1: add port tap0, now of br0",
    ]
    tap = links()["tap0"]
    assert (tap["master"], tap["mtu"]) == ("br1", 1400)
    assert "UP" not in tap["flags"]
    data = tap["linkinfo"]["info_data"]
    assert (data["user"], data["group"], data["vnet_hdr"]) == ("daemon", "nogroup", True)
    assert not tap["linkinfo"]["info_slave_data"]["isolated"]

    assert taps({"name": "tap0", "bridge": "", "up": False})["changes"] == ["bridge br1: remove port tap0"]
    assert "master" not in links()["tap0"]

    gone = {"name": "tap0", "state": "absent"}
    assert taps(gone, check=True)["changed"]
    assert "tap0" in links()
    assert taps(gone)["changes"] == ["tap tap0: delete"]
    assert "tap0" not in links()
    assert not taps(gone)["changed"]


def test_other_queues_need_a_new_tap_which_is_otherwise_as_before(taps, links, two_bridges):
    taps(TAP)
    before = links()["tap0"]
    wanted = {**TAP, "multi_queue": True}
    assert taps(wanted)["changes"] == ["tap tap0: delete", "tap tap0: create"]
    after = links()["tap0"]
    assert after["linkinfo"]["info_data"]["multi_queue"]
    for key in ("address", "mtu", "master"):
        assert after[key] == before[key]
    assert after["linkinfo"]["info_slave_data"]["isolated"]
    assert not taps(wanted)["changed"]


def test_many_taps_in_one_task(taps, links, two_bridges):
    wanted = [{"name": f"tap{n}", "bridge": f"br{n % 2}", "owner": "nobody"} for n in range(20)]
    assert taps(*wanted)["changed"]
    found = links()
    assert [found[item["name"]]["master"] for item in wanted] == [item["bridge"] for item in wanted]
    assert not taps(*wanted)["changed"]


@pytest.mark.parametrize(
    "flags", [IFF_TAP_NO_PI, IFF_TAP_NO_PI | IFF_MULTI_QUEUE], ids=["one queue", "several"]
)
def test_a_held_tap_can_change_its_bridge_and_not_its_owner(taps, links, held, two_bridges, flags):
    taps({**TAP, "multi_queue": bool(flags & IFF_MULTI_QUEUE)})
    with held("tap0", flags):
        assert not taps(TAP)["changed"]
        for item, action in (
            ({"owner": "daemon"}, "set owner to 1"),
            ({"group": "daemon"}, "set group to 1"),
            ({"vnet_hdr": True}, "set vnet_hdr to true"),
            ({"multi_queue": not flags & IFF_MULTI_QUEUE}, "be made anew with other queues"),
            ({"state": "absent"}, "be deleted"),
        ):
            for check in (True, False):
                answer = taps({"name": "tap0", **item}, check=check)
                assert answer["msg"] == f"tap tap0: cannot {action}: a running process holds it"
        moved = {**TAP, "bridge": "br1", "isolated": False, "mtu": 1300}
        assert taps(moved)["changed"]
        assert (links()["tap0"]["master"], links()["tap0"]["mtu"]) == ("br1", 1300)
        assert not taps(moved)["changed"]
    assert taps({"name": "tap0", "owner": "daemon"})["changed"]


def test_what_a_vm_sets_when_it_opens_the_tap_is_no_change(taps, held, two_bridges):
    taps(TAP)
    with held("tap0", IFF_TAP_NO_PI | IFF_VNET_HDR):
        assert not taps(TAP)["changed"]
    assert not taps(TAP)["changed"]


def test_a_tap_of_a_running_process_only_is_left_to_it(taps, held, links):
    with held("tap0"):
        answer = taps({"name": "tap0"})
        assert answer["msg"] == (
            "tap tap0: a running process made it for itself, and takes it away when it ends"
        )
    assert "tap0" not in links()


def test_a_refused_change_undoes_the_others(taps, links, ip, two_bridges):
    taps(TAP, {"name": "tap1"})
    ip("link add vx0 type vxlan id 5 dstport 4789 dev br1 local 10.0.0.1")
    before = links()
    answer = taps(
        {"name": "tap2", "bridge": "br0"},
        {"name": "tap0", "bridge": "br1", "owner": "daemon", "multi_queue": True},
        {"name": "tap1", "state": "absent"},
        {"name": "tap3", "bridge": "vx0"},
    )
    assert answer["msg"].startswith("bridge vx0: cannot add port tap3: Operation not supported; ")
    assert answer["msg"].endswith(" changes before it were undone")
    assert set(links()) == set(before)
    tap = links()["tap0"]
    assert tap["linkinfo"]["info_data"]["user"] == "nobody"
    assert not tap["linkinfo"]["info_data"]["multi_queue"]
    assert (tap["master"], tap["address"]) == ("br0", before["tap0"]["address"])
    assert tap["linkinfo"]["info_slave_data"]["isolated"]


def test_an_owner_that_cannot_be_taken_back_is_told(taps, links, ip, two_bridges):
    taps({"name": "tap1"})
    ip("link add vx0 type vxlan id 5 dstport 4789 dev br1 local 10.0.0.1")
    answer = taps({"name": "tap1", "owner": "nobody", "bridge": "vx0"})
    assert answer["msg"] == (
        "bridge vx0: cannot add port tap1: Operation not supported;"
        " these are left, since they could not be undone: tap tap1: set owner to 65534 (was none)"
    )


@pytest.mark.parametrize(
    ("item", "message"),
    [
        pytest.param(
            {"name": "t" * 16},
            f"tap {'t' * 16}: the name has 16 bytes, and the kernel takes 15 at most",
            id="long name",
        ),
        pytest.param(
            {"name": "br0"}, "tap br0: a device of this name exists, and its kind is bridge", id="other kind"
        ),
        pytest.param(
            {"name": "tun0", "state": "absent"},
            "tap tun0: a device of this name exists, and its kind is tun",
            id="a tun is no tap",
        ),
        pytest.param(
            {"name": "tap0", "owner": "no-such-user"}, "tap tap0: no such user: no-such-user", id="user"
        ),
        pytest.param({"name": "tap0", "group": "no-group"}, "tap tap0: no such group: no-group", id="group"),
        pytest.param(
            {"name": "tap0", "bridge": "br9"},
            "bridge br9: cannot add port tap0: no such device: br9",
            id="no such bridge",
        ),
        pytest.param(
            {"name": "tap0", "isolated": True},
            "tap tap0: isolated is a flag of a bridge's port, and it is in no bridge",
            id="isolated without bridge",
        ),
    ],
)
def test_what_cannot_be_had_is_told_and_nothing_is_changed(taps, links, ip, two_bridges, item, message):
    ip("tuntap add tun0 mode tun")
    before = links()
    answer = taps(item)
    assert answer["failed"]
    assert answer["msg"] == message
    assert set(links()) == set(before)


def test_check_mode_warns_of_what_is_not_there_yet(taps, links):
    answer = taps({"name": "tap0", "bridge": "br9", "owner": "no-such-user"}, check=True)
    assert answer["changed"]
    for line in (
        "tap tap0: no such user: no-such-user",
        "bridge br9: cannot add port tap0: no such device: br9",
    ):
        assert line in str(answer["warnings"])
    assert set(links()) == {"lo"}
