# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds who else configures a node's cards.

These may be ifupdown, NetworkManager, netplan, DHCP clients, cloud-init and other files of systemd-networkd.
Called as `python3 -c PROGRAM JSON`, with {"cards": [{"name", "mac", "addresses", "dhcp"}], "root": "/"}, it
prints one line of JSON, {"rivals": [TEXT, …], "lost": TEXT}. A text names the card, what was found, and what
helps; `lost` is about the address that the controller came to. It changes nothing, and starts nothing but
nmcli and ip where they are needed.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLIENTS = ("dhclient", "dhcpcd", "udhcpc")
FOLDERS = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


class NodeFiles:
    """The node's files below a root, its cards, and their names: one may wait for a boot to get its own."""

    def __init__(self, root: Path, cards: list[dict[str, Any]]) -> None:
        self.root = root
        self.macs: dict[str, str] = {card["name"]: (card.get("mac") or "").lower() for card in cards}
        self.names: dict[str, str] = {name: name for name in self.macs}
        for device, mac in self._devices():
            for name, wanted in list(self.macs.items()):
                if name == device and not wanted:
                    self.macs[name] = mac
                elif wanted == mac and device not in self.names:
                    self.names[device] = name

    def _devices(self) -> Iterator[tuple[str, str]]:
        for path in sorted(self.root.glob("sys/class/net/*/address")):
            # VLANs and bonds share the address of a card
            if (path.parent / "device").exists() or self.root != Path("/"):
                yield path.parent.name, text(path).strip().lower()

    def has(self, program: str) -> bool:
        return any(
            (self.root / folder / program).exists() for folder in ("usr/sbin", "usr/bin", "sbin", "bin")
        )

    def shown(self, path: Path) -> str:
        return "/" + str(path.relative_to(self.root))


def text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def made(node: NodeFiles, cards: list[dict[str, Any]]) -> Iterator[str]:
    """What is made on top of a card has its MAC: by that the card would get the name at the next boot."""
    for card in cards:
        said = text(node.root / "sys/class/net" / card["name"] / "uevent")
        kind = re.search(r"^DEVTYPE=(vlan|bond|bridge|macvlan)$", said, re.MULTILINE)
        if kind and card.get("mac"):
            yield (
                f"{card['name']}: it is a {kind[1]}, and a MAC address names cards only; "
                f"leave mac out of node_interfaces.{card['name']}"
            )


def ifupdown(node: NodeFiles) -> Iterator[str]:
    """interfaces(5): stanzas of our cards, in the file or in those that it names."""
    if not node.has("ifup"):
        return
    waiting, seen = [node.root / "etc/network/interfaces"], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for line in text(path).splitlines():
            words = line.split()
            if words[:1] in (["source"], ["source-directory"]) and len(words) > 1:
                pattern = "etc/network/" * (not words[1].startswith("/")) + words[1].lstrip("/")
                waiting += node.root.glob(pattern + "/*" * (words[0] == "source-directory"))
            elif words[:1] == ["iface"] and words[1:2] and words[1] in node.names:
                yield (
                    f"{words[1]}: ifupdown configures it; put a # before the lines of {words[1]} (auto, "
                    f"allow-hotplug, iface and what is below it) in {node.shown(path)}"
                )


def network_manager(node: NodeFiles) -> Iterator[str]:
    if not node.has("nmcli"):
        return
    try:
        done = subprocess.run(
            # wherever the node has it
            ["/usr/bin/env", "nmcli", "-t", "-f", "DEVICE,STATE", "device"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return
    managed = []
    for line in done.stdout.decode(errors="replace").splitlines():
        device, _colon, state = line.partition(":")
        if device in node.names and state != "unmanaged":
            managed.append(device)
    if managed:
        names = ";".join(f"interface-name:{device}" for device in sorted(node.names))
        yield (
            f"{', '.join(managed)}: NetworkManager manages it; let it go: "
            f"printf '[keyfile]\\nunmanaged-devices={names}\\n' > /etc/NetworkManager/conf.d/90-own.conf; "
            "systemctl reload NetworkManager"
        )


def netplan(node: NodeFiles) -> Iterator[str]:
    """netplan(5): files that name a card, or match it."""
    if not node.has("netplan"):
        return
    for path in sorted(
        found for folder in ("etc", "run", "lib") for found in node.root.glob(f"{folder}/netplan/*.yaml")
    ):
        words = re.sub(r"#.*", "", text(path))
        keys = set(re.findall(r"^\s+[\"']?([\w.@-]+)[\"']?\s*:", words, re.MULTILINE))
        globs = re.findall(r"\bname\s*:\s*[\"']?([\w.*?\[\]-]+)", words)
        macs = {mac.lower() for mac in re.findall(r"\bmacaddress\s*:\s*[\"']?([0-9A-Fa-f:]{17})", words)}
        for device, name in node.names.items():
            if (
                device in keys
                or node.macs[name] in macs
                or any(fnmatch.fnmatch(device, one) for one in globs)
            ):
                yield (
                    f"{device}: netplan configures it; move {node.shown(path)} out of the way, or take "
                    f"{device} out of it, then: netplan generate"
                )


def clients(node: NodeFiles) -> Iterator[str]:
    """DHCP clients of their own, by the processes that run."""
    for path in sorted(node.root.glob("proc/[0-9]*/comm")):
        client = text(path).strip()
        if client not in CLIENTS:
            continue
        words = text(path.with_name("cmdline")).split("\0")
        named = [device for device in node.names if device in words]
        if not named and client == "dhcpcd":
            denied = re.findall(
                r"^\s*denyinterfaces\s+(.*)", text(node.root / "etc/dhcpcd.conf"), re.MULTILINE
            )
            patterns = " ".join(denied).split()
            named = [
                device for device in node.names if not any(fnmatch.fnmatch(device, one) for one in patterns)
            ]
            if named:
                yield (
                    f"{', '.join(named)}: dhcpcd configures it; let it go: "
                    f"echo denyinterfaces {' '.join(sorted(node.names))} >> /etc/dhcpcd.conf; "
                    "systemctl restart dhcpcd"
                )
        elif named:
            yield (
                f"{', '.join(named)}: {client} runs for it; end it (kill {path.parent.name}), and what "
                "starts it at boot"
            )


def networkd(node: NodeFiles) -> Iterator[str]:
    """systemd.network(5): of the files that match a card the first by name counts; ours is 10-ftfw-NAME."""
    found: dict[str, Path] = {}
    for folder in reversed(FOLDERS):
        found.update({path.name: path for path in node.root.glob(f"{folder}/systemd/network/*.network")})
    for device, name in sorted(node.names.items()):
        for other, path in sorted(found.items()):
            # what this role has written, or name-cards where a card has a wrong name, is ours
            earlier = other < f"10-ftfw-{name}.network" and not re.match(r"[0-9]+-ftfw-", other)
            if earlier and matches(text(path), device, node.macs[name]):
                yield (
                    f"{device}: another file of systemd-networkd comes before ours; remove or rename it: "
                    f"mv {node.shown(path)} {node.shown(path)}.off"
                )


def matches(content: str, device: str, mac: str) -> bool:
    """Whether a [Match] section is about this card, as far as its name and its address tell."""
    section, told = "", False
    for line in content.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Match]" and "=" in line and not line.startswith(("#", ";")):
            key, _equals, value = (part.strip() for part in line.partition("="))
            told = True
            patterns = value.lstrip("!").split()
            if key == "Name":
                fits = any(fnmatch.fnmatchcase(device, pattern) for pattern in patterns)
            elif key in ("MACAddress", "PermanentMACAddress"):
                fits = mac in [pattern.lower().replace("-", ":") for pattern in patterns]
            elif key == "Type":
                fits = any(fnmatch.fnmatchcase("ether", pattern) for pattern in patterns)
            else:
                # what is left is of virtual devices (Kind=), or narrows what the name has matched already
                fits = key != "Kind"
            if fits == value.startswith("!"):
                return False
    return told


def cloud_init(node: NodeFiles) -> Iterator[str]:
    """Its network configuration is made anew at each boot, unless it is told otherwise."""
    if not node.has("cloud-init") or (node.root / "etc/cloud/cloud-init.disabled").exists():
        return
    told = [text(node.root / "proc/cmdline")]
    told += [text(path) for path in node.root.glob("etc/cloud/cloud.cfg.d/*.cfg")]
    if not any(
        re.search(r"network:\s*\{?\s*config:\s*disabled|cloud-init=disabled|network-config=disabled", one)
        for one in told
    ):
        yield (
            "cloud-init configures the network at each boot; let it go: "
            "echo 'network: {config: disabled}' > /etc/cloud/cloud.cfg.d/99-no-network.cfg"
        )


def lost(cards: list[dict[str, Any]], connection: str, listing: str) -> str:
    """About the address that the controller came to, if it is on a card that the inventory gives another one.

    `connection` is SSH_CONNECTION (ssh(1)), `listing` what `ip -oneline address show` prints.
    """
    words = connection.split()
    if len(words) != 4:
        return ""
    wanted = {
        card["name"]: [one.split("/")[0] for one in card["addresses"]]
        for card in cards
        if not card.get("dhcp")
    }
    for line in listing.splitlines():
        _index, device, _family, address = [*line.split(), "", "", "", ""][:4]
        if address.split("/")[0] == words[2] and device in wanted and words[2] not in wanted[device]:
            right = " and ".join(wanted[device]) or "none"
            return (
                f"Ansible has come to {words[2]} on {device}, to which the inventory gives {right}: "
                "it stays until the node boots, and is gone then"
            )
    return ""


def cut(node: NodeFiles, cards: list[dict[str, Any]], connection: str, listing: str) -> str:
    """About the address that the controller came to, if it goes at once with a network file of ours.

    That is one of a card that the inventory has no more, or calls otherwise.
    """
    words, kept = connection.split(), {f"10-ftfw-{card['name']}.network" for card in cards}
    old = [path for path in node.root.glob("etc/systemd/network/10-ftfw-*.network") if path.name not in kept]
    for line in listing.splitlines() if len(words) == 4 else ():
        _index, device, _family, address = [*line.split(), "", "", "", ""][:4]
        mac = text(node.root / "sys/class/net" / device / "address").strip().lower()
        goes_on = any(
            card["name"] == device or (card.get("management") and (card.get("mac") or "").lower() == mac)
            for card in cards
        )
        for path in old if address.split("/")[0] == words[2] and not goes_on else ():
            if matches(text(path), device, mac):
                return (
                    f"Ansible has come to {words[2]} on {device}, which the inventory does not have: the "
                    f"address would go with {node.shown(path)}; declare the interface, or come by another one"
                )
    return ""


def main() -> None:
    given = json.loads(sys.argv[1])
    node = NodeFiles(Path(given.get("root", "/")), given["cards"])
    looks = (ifupdown, network_manager, netplan, clients, networkd, cloud_init)
    rivals = [*made(node, given["cards"]), *(found for look in looks for found in look(node))]
    connection, listing = os.environ.get("SSH_CONNECTION", ""), ""
    if connection:
        done = subprocess.run(
            ["/usr/bin/env", "ip", "-oneline", "address", "show"], stdout=subprocess.PIPE, check=False
        )
        listing = done.stdout.decode(errors="replace")
    found = {
        "rivals": list(dict.fromkeys(rivals)),
        "lost": lost(given["cards"], connection, listing),
        "cut": cut(node, given["cards"], connection, listing),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
