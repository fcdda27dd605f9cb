# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewall's roles render, and what the real checkers say to it."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[[str, str], "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("broken", "finding"),
    [
        pytest.param(("HashLimit", "HashLimt"), "syntax error", id="misspelt"),
        pytest.param(("192.168.100.200", "192.168.100.300"), "not a valid IPv4 address", id="address"),
        pytest.param(("            SCTP\n", "            SCTPX\n"), "cannot find protocol", id="protocol"),
        pytest.param(("Interface eth2", "Interface eth7"), "invalid interface", id="interface"),
    ],
)
def test_conntrackd_check_finds(roles: Any, check: Check, broken: tuple[str, str], finding: str) -> None:
    command, text = (
        roles.value("conntrackd", "__conntrackd_check"),
        roles.render("conntrackd", "conntrackd.conf.j2"),
    )
    good, bad = check(command, text), check(command, text.replace(*broken))
    assert (good.returncode, good.stdout + good.stderr) == (0, "")
    assert bad.returncode == 1
    assert finding in bad.stdout + bad.stderr


def test_conntrackd_check_refuses_an_empty_file(roles: Any, check: Check) -> None:
    assert check(roles.value("conntrackd", "__conntrackd_check"), "").returncode == 1


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"conntrackd_protocols": ["TCP", "SCTP", "DCCP"]}, id="the-manual's-filter"),
        pytest.param({"conntrackd_expectation_helpers": []}, id="no-expectations"),
        pytest.param({"conntrackd_external_cache": True}, id="external-cache"),
        pytest.param({"conntrackd_filter": "kernelspace"}, id="filter-in-the-kernel"),
        pytest.param({"conntrackd_events": "resync"}, id="unreliable-events"),
        pytest.param(
            {
                "conntrackd_links": [
                    {
                        "network": "a",
                        "interface": "eth2",
                        "local": "192.168.9.1",
                        "peer": "192.168.9.2",
                        "port": 3780,
                    },
                    {
                        "network": "b",
                        "interface": "eth1",
                        "local": "fd00::1",
                        "peer": "fd00::2",
                        "port": 3781,
                    },
                ]
            },
            id="two-links",
        ),
    ],
)
def test_conntrackd_takes_every_choice(roles: Any, check: Check, overrides: dict[str, Any]) -> None:
    done = check(
        roles.value("conntrackd", "__conntrackd_check"),
        roles.render("conntrackd", "conntrackd.conf.j2", **overrides),
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_conntrackd_sizes_follow_the_kernel_s_table(roles: Any) -> None:
    text = roles.render("conntrackd", "conntrackd.conf.j2", site_conntrack_max=1000000)
    assert "HashSize 250000\n" in text
    assert "HashLimit 2000000\n" in text


@pytest.mark.parametrize("address", ["192.168.2.100", "192.168.0.100"])
def test_virtual_addresses_are_not_ignored(roles: Any, address: str) -> None:
    assert address not in roles.render("conntrackd", "conntrackd.conf.j2")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(("priority 250", "priority 300"), id="priority"),
        pytest.param(("state BACKUP", "state MASTER"), id="nopreempt-with-master"),
        pytest.param(("        outside\n", "        outsid\n"), id="unknown-member"),
        pytest.param(("192.168.2.100/32", "192.168.2.100/33"), id="prefix"),
        pytest.param(("interface eth1", "interface eth7"), id="interface"),
        pytest.param(("advert_int", "advert_interval"), id="misspelt"),
    ],
)
def test_keepalived_check_finds(roles: Any, check: Check, broken: tuple[str, str]) -> None:
    command, text = (
        roles.value("keepalived", "__keepalived_check"),
        roles.render("keepalived", "keepalived.conf.j2"),
    )
    assert broken[0] in text
    good, bad = check(command, text), check(command, text.replace(*broken))
    assert (good.returncode, good.stdout + good.stderr) == (0, "")
    assert bad.returncode != 0
    assert bad.stderr


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        pytest.param({}, ["vrrp_version 3", "advert_int 0.07"], id="default"),
        pytest.param({"keepalived_advert_interval": 0.01}, ["vrrp_version 3", "advert_int 0.01"], id="fast"),
        pytest.param(
            {"keepalived_vrrp_version": 2, "keepalived_advert_interval": 3},
            ["vrrp_version 2", "advert_int 3"],
            id="version-2",
        ),
    ],
)
def test_keepalived_takes_every_choice(
    roles: Any, check: Check, overrides: dict[str, Any], lines: list[str]
) -> None:
    text = roles.render("keepalived", "keepalived.conf.j2", **overrides)
    assert [line for line in lines if line not in map(str.strip, text.splitlines())] == []
    done = check(roles.value("keepalived", "__keepalived_check"), text)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_keepalived_check_refuses_an_empty_file(roles: Any, check: Check) -> None:
    assert check(roles.value("keepalived", "__keepalived_check"), "").returncode == 1


def test_keepalived_takes_a_pair_with_one_virtual_router(roles: Any, check: Check) -> None:
    view = copy.deepcopy(roles.site_view["keepalived"])
    del view["instances"][1]
    view["sync_groups"][0]["instances"] = ["inside"]
    text = roles.render(
        "keepalived",
        "keepalived.conf.j2",
        keepalived_instances=view["instances"],
        keepalived_sync_groups=view["sync_groups"],
    )
    assert check(roles.value("keepalived", "__keepalived_check"), text).returncode == 0


def test_virtual_addresses_of_ipv6_are_not_nodad(roles: Any, check: Check) -> None:
    """With that flag the kernel makes an address's route a moment later than it sends in its name."""
    view = copy.deepcopy(roles.site_view["keepalived"])
    six = {
        "name": "inside_v6",
        "family": 6,
        "source": "2001:db8:2::1",
        "peers": ["2001:db8:2::2"],
        "addresses": ["2001:db8:2::100/128"],
        "excluded": ["2001:db8:2::101/128"],
    }
    instances = [*view["instances"], {**view["instances"][0], **six}]
    text = roles.render("keepalived", "keepalived.conf.j2", keepalived_instances=instances)
    lines = {line.strip() for line in text.splitlines()}
    assert {
        "2001:db8:2::100/128 dev eth1 -nodad",
        "2001:db8:2::101/128 dev eth1 -nodad",
        "192.168.2.100/32 dev eth1",
        "192.168.0.100/32 dev eth0",
    } <= lines
    assert check(roles.value("keepalived", "__keepalived_check"), text).returncode == 0


def test_keepalived_tracks_the_path_unless_told_not_to(roles: Any, check: Check) -> None:
    command = roles.value("keepalived", "__keepalived_check")
    with_it = roles.render("keepalived", "keepalived.conf.j2")
    without = roles.render("keepalived", "keepalived.conf.j2", pair_state_path_tracking=False)
    assert with_it.count("track_file") == 2
    assert "file /run/pair-path/fault\n" in with_it
    assert "track_file" not in without
    for text in (with_it, without):
        done = check(command, text)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    # that it takes the block seriously
    assert check(command, with_it.replace("    weight 0", "    weigth 0")).returncode != 0


@pytest.mark.parametrize(("advert", "hold"), [(0.01, 0.4), (0.07, 0.4), (0.3, 1.2), (1, 4)])
def test_path_tracking_is_as_patient_as_vrrp(roles: Any, advert: float, hold: float) -> None:
    view = copy.deepcopy(roles.site_view)
    view["keepalived"]["advert_interval"] = advert
    assert float(roles.value("pair_state", "pair_state_path_hold", site_view=view)) == pytest.approx(hold)


@pytest.mark.parametrize(("advert", "patience"), [(0.07, 2), (0.3, 2), (1, 2.5), (3, 7.5)])
def test_the_guard_waits_for_more_than_one_advert(roles: Any, advert: float, patience: float) -> None:
    """keepalived sleeps in between, and is no less alive."""
    view = copy.deepcopy(roles.site_view)
    view["keepalived"]["advert_interval"] = advert
    unit = roles.render("pair_state", "pair-guard.service.j2", site_view=view)
    assert float(unit.split("--patience ")[1].split()[0]) == pytest.approx(patience)


def test_nft_takes_the_ruleset(roles: Any, check: Check) -> None:
    assert check("nft --check --file %s", roles.render("nftables", "ruleset.nft.j2")).returncode == 0


@pytest.mark.parametrize(
    ("role", "template"),
    [
        ("firewall_kernel", "settings.sh.j2"),
        ("nftables", "kernel.sh.j2"),
        ("nftables", "load-ruleset.j2"),
        ("pair_state", "remove-virtual-addresses.j2"),
    ],
)
def test_shell_takes_the_script(roles: Any, check: Check, role: str, template: str) -> None:
    done = check("/bin/sh -n %s", roles.render(role, template))
    assert (done.returncode, done.stderr) == (0, "")


def test_settings_are_checked_and_not_changed_in_check_mode(roles: Any, check: Check) -> None:
    text = roles.render("firewall_kernel", "settings.sh.j2", ansible_check_mode=True)
    assert "systemd-sysctl" not in text
    done = check("/bin/sh %s", text)
    assert done.returncode == 3
    assert "net.ipv4.conf.all.arp_ignore: 0, not 1" in done.stdout


def test_a_helper_that_the_kernel_lacks_is_named(roles: Any, check: Check) -> None:
    """By the same means as any other: in a network namespace of its own."""
    helper = 'table inet ftfw {{ ct helper {} {{\n type "{}" protocol tcp\n l3proto inet\n }} }}'
    for name, lacking in (("ftp", ""), ("nonsense", "nonsense\n")):
        text = roles.render(
            "nftables",
            "kernel.sh.j2",
            nftables_ruleset=helper.format(name, name),
            nftables_modules=[],
        )
        done = check("/bin/sh %s", text)
        assert (done.returncode, done.stdout) == (0, lacking)


MANY = {
    4: [f"10.9.{number // 200}.{number % 200 + 10}/32" for number in range(300)],
    6: [f"2001:db8:2::{number + 256:x}/128" for number in range(300)],
}


@pytest.mark.parametrize(("family", "space"), [(4, 255), (6, 89)])
def test_keepalived_takes_300_addresses(roles: Any, check: Check, family: int, space: int) -> None:
    ends = ("10.9.0.1", "10.9.0.2") if family == 4 else ("2001:db8:2::1", "2001:db8:2::2")

    def checked(listed: int) -> subprocess.CompletedProcess[str]:
        instance = {
            "name": "inside",
            "interface": "eth1",
            "family": family,
            "vrid": 61,
            "priority": 250,
            "source": ends[0],
            "peers": [ends[1]],
            "addresses": MANY[family][:listed],
            "excluded": MANY[family][listed:],
        }
        group = [{"name": "ftfw", "instances": ["inside"]}]
        text = roles.render(
            "keepalived", "keepalived.conf.j2", keepalived_instances=[instance], keepalived_sync_groups=group
        )
        return check(roles.value("keepalived", "__keepalived_check"), text)

    assert checked(space).returncode == 0
    # it moves one of them itself, and says so
    assert "exceeds maximum" in checked(space + 1).stderr


def test_600_addresses_left_behind_are_removed_at_once(roles: Any, check: Check) -> None:
    items = [{"interface": "eth1", "address": address} for family in MANY.values() for address in family]
    script = roles.render(
        "pair_state", "remove-virtual-addresses.j2", pair_state_groups=[], pair_state_addresses=items
    )
    add = "".join(f"address add {one['address']} dev eth1\n" for one in items)
    text = (
        f"ip -batch - <<'ADD'\n{add}ADD\nip address add 192.168.2.1/24 dev eth1\n"
        f"date +%s%N\n{script}\ndate +%s%N\nip -oneline address show dev eth1 | grep -c -e /32 -e /128\n"
    )
    done = check("/bin/sh %s", text)
    assert done.stderr == ""
    begun, *told, ended, left = done.stdout.splitlines()
    assert (len(told), left) == (600, "0")
    assert int(ended) - int(begun) < 1.5e9


def test_addresses_left_behind_are_removed_and_others_stay(roles: Any, check: Check) -> None:
    script = roles.render("pair_state", "remove-virtual-addresses.j2", pair_state_groups=[])
    text = (
        "ip address add 192.168.2.100/32 dev eth1; ip address add 192.168.2.1/24 dev eth1\n"
        f"{script}\nip -oneline address show\n"
    )
    done = check("/bin/sh %s", text)
    assert (done.returncode, done.stderr) == (0, "")
    assert "192.168.2.100/32 was left on eth1, removed" in done.stdout
    assert "192.168.0.100/32 was left" not in done.stdout
    assert "inet 192.168.2.1/24" in done.stdout
    assert "inet 192.168.2.100" not in done.stdout


INTERFACE_FILES = {
    0: """Name=eth0
MACAddress=12:34:56:78:9a:01

[Link]
# A dead leg, or a DHCP server that is away, must not hold up the boot: its users cope with that better.
RequiredForOnline=no

[Network]
DHCP=ipv4
Address=192.168.0.1/24
""",
    1: """[Match]
Name=eth1

[Link]
# A dead leg, or a DHCP server that is away, must not hold up the boot: its users cope with that better.
RequiredForOnline=no-carrier
MTUBytes=9000

[Network]
Address=192.168.2.1/24
Gateway=192.168.2.254
""",
}


@pytest.mark.parametrize("number", [0, 1])
def test_network_file(roles: Any, number: int) -> None:
    interface = roles.site_view["node_network"]["interfaces"][number]
    text = roles.render("node_network", "interface.network.j2", interface=interface)
    assert INTERFACE_FILES[number] in text
    assert "KeepConfiguration=yes" in text
    assert ("UseGateway=no" in text) == interface["dhcp"]


def test_the_management_is_found_whatever_it_is_called(roles: Any) -> None:
    interface = {**roles.site_view["node_network"]["interfaces"][0], "management": True}
    text = roles.render("node_network", "interface.network.j2", interface=interface)
    assert "MACAddress=12:34:56:78:9a:01\nType=ether\n\n[Link]" in text
    assert "Name=" not in text
    link = roles.render("node_network", "interface.link.j2", interface=interface)
    assert "[Link]\n\n[X-Ftfw]\nName=eth0\nManagement=yes\n" in link


def test_addresses_of_ipv6_are_used_at_once(roles: Any) -> None:
    """Each has its own section, for the network's own key would leave out neither delay nor detection."""
    interface = {
        **roles.site_view["node_network"]["interfaces"][0],
        "addresses": ["192.168.0.1/24", "2001:db8::1/64"],
        "link_local": "fe80::1034:56ff:fe78:9a01/64",
    }
    text = roles.render("node_network", "interface.network.j2", interface=interface)
    network, *sections = text.split("[Address]\n")
    assert "Address=192.168.0.1/24" in network
    assert "::" not in network
    assert [section.split("\n")[:2] for section in sections] == [
        [f"Address={address}", "DuplicateAddressDetection=none"]
        for address in ("2001:db8::1/64", "fe80::1034:56ff:fe78:9a01/64")
    ]


def test_the_kernel_makes_a_link_local_address_of_a_mac_that_it_alone_knows(roles: Any) -> None:
    interface = {**roles.site_view["node_network"]["interfaces"][0], "kernel_link_local": True}
    text = roles.render("node_network", "interface.network.j2", interface=interface)
    assert "LinkLocalAddressing=ipv6\nIPv6LinkLocalAddressGenerationMode=eui64\n" in text
    assert "IPv6DuplicateAddressDetection=0" in text


def test_the_kernels_link_local_address_is_none_of_the_file(roles: Any) -> None:
    """Without IPv6 in the kernel networkd would leave the link without its other addresses and routes."""
    own = {"link_local": "fe80::1034:56ff:fe78:9a01/64", "kernel_link_local": True}
    interface = {**roles.site_view["node_network"]["interfaces"][0], **own}
    text = roles.render("node_network", "interface.network.j2", interface=interface)
    assert "LinkLocalAddressing=ipv6\n" in text
    assert "fe80" not in text


BRIDGE = {"name": "br1", "addresses": [], "mtu": None, "routes": []}
PORTS = {"bridge": BRIDGE, "tap": {"name": "net11", "bridge": "br1", "mtu": None, "isolated": False}}


@pytest.mark.parametrize("template", ["bridge.network.j2", "tap.network.j2", "uplink.network.j2"])
def test_a_bridge_without_addresses_gets_none_from_the_kernel_and_nor_do_its_ports(
    roles: Any, template: str
) -> None:
    """It must never get one: guests have link-local addresses, their hypervisor's wires have not."""
    text = roles.render("host_network", template, **PORTS, uplink="eno1")
    assert "LinkLocalAddressing=no\nIPv6AcceptRA=no\n" in text
    assert "Address=" not in text
