# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes a copy of the image one certain guest: pure text, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


@dataclass(frozen=True)
class SeedFile:
    """One file to write into the guest's file system; mode is the permission bits."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True)
class GuestCard:
    """A network card: the name that the guest gives it, by its MAC address (systemd.link(5))."""

    name: str
    mac: str


@dataclass(frozen=True)
class Management:
    """The out-of-band card; address is an interface address with its prefix length (10.255.0.1/24)."""

    interface: str
    address: str


@dataclass(frozen=True)
class Identity:
    """All that a guest must know at its first boot. The private host key stays out of repr()."""

    hostname: str
    machine_id: str
    links: Sequence[GuestCard]
    management: Management | None
    authorized_keys: Sequence[str]
    host_key: str
    host_key_public: str

    def __repr__(self) -> str:
        return f"Identity({self.hostname})"


def identity(
    disk: Mapping[str, Any],
    authorized_keys: Sequence[str],
    machine_id: str,
    host_key: str,
    host_key_public: str,
) -> Identity:
    """Of one of the module's `disks`, with what is made for it."""
    management = disk["management"]
    return Identity(
        hostname=disk["name"],
        machine_id=machine_id,
        links=[GuestCard(card["name"], card["mac"]) for card in disk["interfaces"]],
        management=Management(management["interface"], management["address"]) if management else None,
        authorized_keys=authorized_keys,
        host_key=host_key,
        host_key_public=host_key_public,
    )


def seed_files(identity: Identity) -> list[SeedFile]:
    """Return the files of one guest, in the order of their paths' depth.

    The names are those that the role node_network writes later, so that it finds and replaces them.
    """
    files = [
        SeedFile("/etc/hostname", f"{identity.hostname}\n"),
        SeedFile("/etc/machine-id", f"{identity.machine_id}\n", 0o444),
        SeedFile("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {identity.hostname}\n::1 localhost\n"),
        SeedFile(HOST_KEY, identity.host_key, 0o600),
        SeedFile(f"{HOST_KEY}.pub", identity.host_key_public),
        SeedFile(
            "/root/.ssh/authorized_keys", "".join(f"{key}\n" for key in identity.authorized_keys), 0o600
        ),
    ]
    files += [
        SeedFile(
            f"/etc/systemd/network/10-ftfw-{link.name}.link",
            _link_file(link, identity.management is not None and link.name == identity.management.interface),
        )
        for link in identity.links
    ]
    if identity.management:
        macs = {link.name: link.mac for link in identity.links}
        files += _management_files(identity.management, macs.get(identity.management.interface))
    return files


def _link_file(link: GuestCard, management: bool) -> str:
    """As the role node_network writes it, for the program name-cards."""
    # systemd-udevd can't swap names of the kernel's own pattern, and gets none
    name = "" if re.fullmatch(r"eth[0-9]+", link.name) else f"Name={link.name}\n"
    return (
        f"[Match]\nMACAddress={link.mac}\nType=ether\n\n[Link]\n{name}\n"
        f"[X-Ftfw]\nName={link.name}\nManagement={'yes' if management else 'no'}\n"
    )


def _management_files(management: Management, mac: str | None) -> list[SeedFile]:
    name = management.interface
    match = f"MACAddress={mac}\nType=ether" if mac else f"Name={name}"
    address = management.address.partition("/")[0]
    online = f"systemd-networkd-wait-online@{name}.service"
    return [
        SeedFile(
            f"/etc/systemd/network/10-ftfw-{name}.network",
            f"[Match]\n{match}\n\n[Network]\nAddress={management.address}\n"
            "LinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n",
        ),
        # Logins come over the management network only, and only once its address is there.
        SeedFile("/etc/ssh/sshd_config.d/10-ftfw-management.conf", f"ListenAddress {address}\n"),
        SeedFile(
            "/etc/systemd/system/ssh.service.d/10-ftfw-management.conf",
            f"[Unit]\nWants={online}\nAfter={online}\n",
        ),
    ]


def debugfs_commands(files: Sequence[SeedFile], sources: Sequence[str]) -> str:
    """Return the debugfs(8) script that writes each file from the source of the same position.

    Missing folders are made; debugfs only reports an error for those that exist, and for removing a file
    that doesn't, so the result is checked by reading it back and never by its messages.
    """
    lines: list[str] = []
    seen: set[PurePosixPath] = set()
    for file, source in zip(files, sources):
        path = PurePosixPath(file.path)
        for parent in reversed(path.parents):
            if parent not in seen and len(parent.parts) > 1:
                seen.add(parent)
                lines.append(f"mkdir {parent}")
        lines += [
            f"rm {path}",
            f"write {source} {path}",
            f"sif {path} mode 0{0o100000 | file.mode:o}",
            f"sif {path} uid 0",
            f"sif {path} gid 0",
        ]
    lines.append("sif /root/.ssh mode 040700")
    return "\n".join(lines) + "\n"
