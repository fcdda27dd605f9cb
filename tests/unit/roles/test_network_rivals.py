# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else configures a node's cards: the program as a node runs it, on files of a node that never was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles" / "node_network" / "files" / "network_rivals.py"
MAC = "02:00:00:00:00:01"
CARDS = [
    {"name": "eno1", "mac": None, "addresses": ["10.0.0.1/24", "2001:db8::1/64"], "dhcp": False},
    {"name": "wan0", "mac": "02:00:00:00:00:02", "addresses": ["192.0.2.1/24"], "dhcp": False},
]
# wan0 gets its name when the node boots: now it is enp2s0
DEVICES = {
    "sys/class/net/eno1/address": f"{MAC}\n",
    "sys/class/net/enp2s0/address": "02:00:00:00:00:02\n",
    "sys/class/net/other0/address": "02:00:00:00:00:03\n",
}
IFUP, NETPLAN = {"sbin/ifup": ""}, {"usr/sbin/netplan": ""}
CLOUD = {"usr/bin/cloud-init": "", "proc/cmdline": "quiet\n"}
NETWORKS = "etc/systemd/network"

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def run(files: dict[str, str], managed: str = "", connection: str = "") -> dict[str, Any]:
        for name, content in {**DEVICES, **files}.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        commands = tmp_path / "commands"
        commands.mkdir()
        (commands / "nmcli").write_text(f"#!/bin/sh\nprintf '{managed}'\n")
        (commands / "ip").write_text(
            "#!/bin/sh\necho '2: eno1    inet6 2001:db8::9/64 scope global eno1\n"
            "3: other0    inet 10.9.0.1/24 scope global other0\n"
            "3: other0    inet6 2001:db8::3/64 scope global other0'\n"
        )
        for command in commands.iterdir():
            command.chmod(0o755)
        given = json.dumps({"cards": CARDS, "root": str(tmp_path / "root")})
        done = subprocess.run(
            [sys.executable, "-I", "-c", PROGRAM.read_text(), given],
            env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "SSH_CONNECTION": connection},
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


@pytest.mark.parametrize(
    ("files", "managed", "starts"),
    [
        pytest.param({}, "", [], id="nobody"),
        pytest.param(
            {"sys/class/net/wan0/uevent": "DEVTYPE=bond\nINTERFACE=wan0\nIFINDEX=7\n"},
            "",
            ["wan0: it is a bond, and a MAC address names cards only; leave mac out of node_interfaces.wan0"],
            id="a bond with the address of its member",
        ),
        pytest.param({"sys/class/net/eno1/uevent": "DEVTYPE=vlan\n"}, "", [], id="a VLAN by its name"),
        pytest.param(
            {**IFUP, "etc/network/interfaces": "auto eno1\niface eno1 inet static\n  address 10.0.0.9/24\n"},
            "",
            ["eno1: ifupdown configures it; put a # before the lines of eno1"],
            id="ifupdown",
        ),
        pytest.param(
            {
                **IFUP,
                "etc/network/interfaces": "source /etc/network/interfaces.d/*\nsource-directory more\n",
                "etc/network/interfaces.d/a": "iface enp2s0 inet6 auto\n",
                "etc/network/more/b": "iface eno1 inet dhcp\n",
            },
            "",
            ["eno1: ifupdown", "enp2s0: ifupdown"],
            id="ifupdown's other files, IPv6, and a card by its name of today",
        ),
        pytest.param(
            {
                **IFUP,
                "etc/network/interfaces": "#iface eno1 inet dhcp\niface other0 inet dhcp\n",
            },
            "",
            [],
            id="ifupdown, of other cards",
        ),
        pytest.param({"etc/network/interfaces": "iface eno1 inet dhcp\n"}, "", [], id="a file of nobody"),
        pytest.param(
            {"usr/bin/nmcli": ""},
            r"eno1:connected\nlo:unmanaged\nother0:connected\n",
            ["eno1: NetworkManager manages it; let it go: printf '[keyfile]"],
            id="NetworkManager",
        ),
        pytest.param({"usr/bin/nmcli": ""}, r"eno1:unmanaged\nother0:connected\n", [], id="it has let go"),
        pytest.param(
            {**NETPLAN, "etc/netplan/50.yaml": "network:\n  ethernets:\n    eno1:\n      dhcp4: true\n"},
            "",
            ["eno1: netplan configures it; move /etc/netplan/50.yaml"],
            id="netplan, by name",
        ),
        pytest.param(
            {
                **NETPLAN,
                "etc/netplan/50.yaml": "network:\n  ethernets:\n    all:\n      match: {name: 'en*'}\n",
            },
            "",
            ["eno1: netplan", "enp2s0: netplan"],
            id="netplan, by a pattern",
        ),
        pytest.param(
            {
                **NETPLAN,
                "lib/netplan/1.yaml": f"network:\n  ethernets:\n    x:\n      match: {{macaddress: {MAC}}}\n",
            },
            "",
            ["eno1: netplan"],
            id="netplan, by the card's address",
        ),
        pytest.param(
            {
                **NETPLAN,
                "etc/netplan/50.yaml": "network:\n  ethernets:\n    #eno1:\n    other0: {dhcp4: true}\n",
            },
            "",
            [],
            id="netplan, of other cards",
        ),
        pytest.param(
            {"proc/7/comm": "dhclient\n", "proc/7/cmdline": "dhclient\0-4\0eno1\0"},
            "",
            ["eno1: dhclient runs for it; end it (kill 7)"],
            id="dhclient",
        ),
        pytest.param(
            {"proc/7/comm": "dhcpcd\n", "proc/7/cmdline": "dhcpcd\0-b\0"},
            "",
            ["eno1, wan0, enp2s0: dhcpcd configures it; let it go: echo denyinterfaces eno1 enp2s0 wan0"],
            id="dhcpcd, of all cards",
        ),
        pytest.param(
            {
                "proc/7/comm": "dhcpcd\n",
                "proc/7/cmdline": "dhcpcd\0",
                "etc/dhcpcd.conf": "denyinterfaces en* wan0\n",
            },
            "",
            [],
            id="dhcpcd has let go",
        ),
        pytest.param(
            {"proc/7/comm": "udhcpc\n", "proc/7/cmdline": "udhcpc\0-i\0other0\0"},
            "",
            [],
            id="another's client",
        ),
        pytest.param(
            {f"{NETWORKS}/10-eth.network": "[Match]\nName=lo en*\n[Network]\nDHCP=yes\n"},
            "",
            [
                "eno1: another file of systemd-networkd comes before ours; remove or rename it: mv",
                "enp2s0: another",
            ],
            id="networkd",
        ),
        pytest.param(
            {f"{NETWORKS}/05-a.network": f"[Match]\nPermanentMACAddress={MAC}\n"},
            "",
            ["eno1: another"],
            id="by address",
        ),
        pytest.param(
            {
                f"{NETWORKS}/20-eth.network": "[Match]\nName=en*\n",
                f"{NETWORKS}/05-b.network": "[Match]\nName=!en* wan*\n",
                f"{NETWORKS}/05-c.network": "[Match]\nKind=bridge\n[Network]\nName=eno1\n",
                f"{NETWORKS}/10-ftfw-aaa.network": "[Match]\nName=eno1\n",
                "run/systemd/network/05-ftfw-refused.network": "[Match]\nName=eno1\n",
                "usr/lib/systemd/network/05-d.network": "[Match]\nName=br*\nType=ether\n",
            },
            "",
            [],
            id="networkd: after ours, of other cards, ours",
        ),
        pytest.param(
            CLOUD, "", ["cloud-init configures the network at each boot; let it go: echo"], id="cloud-init"
        ),
        pytest.param(
            {**CLOUD, "etc/cloud/cloud.cfg.d/99-no-network.cfg": "network: {config: disabled}\n"},
            "",
            [],
            id="cloud-init has let go",
        ),
        pytest.param({**CLOUD, "etc/cloud/cloud-init.disabled": ""}, "", [], id="cloud-init is off"),
    ],
)
def test_rivals(look: Look, files: dict[str, str], managed: str, starts: list[str]) -> None:
    found = sorted(look(files, managed)["rivals"])
    assert [one[: len(start)] for one, start in zip(found, starts)] == starts
    assert len(found) == len(starts), found


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        pytest.param("", "", id="not by ssh"),
        pytest.param("10.0.0.7 40000 10.0.0.1 22", "", id="to an address that stays"),
        pytest.param(
            "2001:db8::7 40000 2001:db8::9 22",
            "Ansible has come to 2001:db8::9 on eno1, to which the inventory gives 10.0.0.1 and 2001:db8::1:",
            id="to one that goes",
        ),
    ],
)
def test_the_address_that_will_be_gone(look: Look, connection: str, told: str) -> None:
    found = look({}, connection=connection)["lost"]
    assert bool(found) == bool(told) and found.startswith(told)


OLD = "10-ftfw-other0.network"


@pytest.mark.parametrize(
    ("name", "match", "connection", "refused"),
    [
        pytest.param(OLD, "Name=other0", "10.9.0.7 4000 10.9.0.1 22", True, id="a card that is no more"),
        pytest.param(
            "10-ftfw-mgmt0.network",
            "MACAddress=02:00:00:00:00:03\nType=ether",
            "2001:db8::7 4000 2001:db8::3 22",
            True,
            id="the management, by its MAC",
        ),
        pytest.param(OLD, "Name=other0", "10.9.0.7 4000 10.0.0.1 22", False, id="by another one"),
        pytest.param(OLD, "Name=other0", "", False, id="not by ssh"),
        pytest.param("20-own.network", "Name=other0", "10.9.0.7 4000 10.9.0.1 22", False, id="not ours"),
        pytest.param(OLD, "Name=other9", "10.9.0.7 4000 10.9.0.1 22", False, id="of another card"),
        pytest.param(
            "10-ftfw-eno1.network", "Name=eno1", "10.0.0.7 4000 10.0.0.1 22", False, id="of a card that stays"
        ),
    ],
)
def test_the_way_in_does_not_go_with_an_old_file(
    look: Look, name: str, match: str, connection: str, refused: bool
) -> None:
    """networkd takes the addresses of a card away when its file goes."""
    content = f"[Match]\n{match}\n\n[Network]\nAddress=10.9.0.1/24\n"
    found = look({f"{NETWORKS}/{name}": content}, connection=connection)["cut"]
    assert bool(found) == refused
    told = f"on other0, which the inventory does not have: the address would go with /{NETWORKS}/{name};"
    assert told in found or not refused


def test_each_way_out_is_a_way_out(look: Look, tmp_path: Path) -> None:
    """What is told to be done is done by a shell, in the root's files, and then nothing is found."""
    files = {f"{NETWORKS}/10-eth.network": "[Match]\nName=en*\n", **CLOUD, "etc/cloud/cloud.cfg.d/05.cfg": ""}
    for one in look(files)["rivals"]:
        command = one.split(": ", 1)[1] if one.startswith("cloud") else one.rsplit(": ", 1)[1]
        root = str(tmp_path / "root")
        command = command.split("let it go: ")[-1].replace("/etc/", f"{root}/etc/").replace(" /", " /")
        subprocess.run(["/bin/sh", "-c", command], check=False)
    (tmp_path / "commands").rename(tmp_path / "old")
    assert look({})["rivals"] == []


def test_it_is_one_argument_for_a_shell() -> None:
    # the kernel's limit for one is 128 KiB
    assert len(PROGRAM.read_bytes()) < 16_384
