# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""A guest's disk: a root and a swap partition, made from the image without a mount or a loop device."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.guest.seed import SeedFile, debugfs_commands

FIRST_MIB = 1
SMALLEST_ROOT_MIB = 64


class DiskError(Exception):
    """A disk that can't be made; the text names the guest, what is wrong and what would be right."""


def argument_spec() -> dict[str, Any]:
    """The options of action and module."""
    interface = {
        "name": {"type": "str", "required": True},
        "mac": {"type": "str", "required": True},
        "tap": {"type": "str"},
    }
    management = {
        "interface": {"type": "str", "required": True},
        "mac": {"type": "str"},
        "address": {"type": "str", "required": True},
    }
    disk = {
        "name": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        "owner": {"type": "str", "required": True},
        "disk_mib": {"type": "int", "required": True},
        "swap_mib": {"type": "int", "default": 0},
        "interfaces": {"type": "list", "elements": "dict", "default": [], "options": interface},
        "management": {"type": "dict", "options": management},
    }
    return {
        "disks": {"type": "list", "elements": "dict", "required": True, "options": disk},
        "image": {"type": "path", "required": True},
        "authorized_keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
        "collect": {"type": "bool", "default": False},
    }


@dataclass(frozen=True)
class Layout:
    """Partition bounds in MiB: root first, then swap, as the whole disk has room for them."""

    disk_mib: int
    root_mib: int
    swap_mib: int

    @property
    def swap_start_mib(self) -> int:
        return FIRST_MIB + self.root_mib

    def sfdisk_script(self) -> str:
        """The table in sfdisk(8)'s own words."""
        lines = ["label: dos", f"start={FIRST_MIB}MiB, size={self.root_mib}MiB, type=83"]
        if self.swap_mib:
            lines.append(f"start={self.swap_start_mib}MiB, size={self.swap_mib}MiB, type=82")
        return "\n".join(lines) + "\n"


def layout(disk_mib: int, swap_mib: int, image_mib: int) -> Layout:
    """Divide a disk; the root partition takes what swap leaves, and the image must fit into it."""
    root_mib = disk_mib - swap_mib - FIRST_MIB
    if root_mib < max(image_mib, SMALLEST_ROOT_MIB):
        least = max(image_mib, SMALLEST_ROOT_MIB) + swap_mib + FIRST_MIB
        raise DiskError(
            f"a disk of {disk_mib} MiB with {swap_mib} MiB swap leaves {max(root_mib, 0)} MiB for the root "
            f"file system, and the image needs {image_mib}; make it {least} MiB or more"
        )
    return Layout(disk_mib, root_mib, swap_mib)


def run(*command: str, stdin: str = "") -> str:
    """Run a tool and return its output; a failure is a DiskError with the tool's own words."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, check=False
        )
    except FileNotFoundError as error:
        packages = "e2fsprogs, fdisk, util-linux, openssh-client"
        raise DiskError(f"{command[0]} is not installed (packages {packages})") from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise DiskError(f"{' '.join(command)}: exit code {done.returncode}: {words}")
    return done.stdout


def make_host_key(comment: str) -> tuple[str, str]:
    """Return a fresh ed25519 host key as (private, public) text."""
    with tempfile.TemporaryDirectory(prefix="ftfw-key-") as folder:
        key = Path(folder, "key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key))
        return key.read_text(), key.with_suffix(".pub").read_text()


def write_seed(root_image: Path, files: Sequence[SeedFile], folder: Path) -> None:
    """Write files into an ext4 image, and read each one back."""
    sources = []
    for number, file in enumerate(files):
        source = folder / f"seed-{number}"
        source.touch(mode=0o600)
        source.write_text(file.content)
        sources.append(str(source))
    script = folder / "debugfs"
    script.write_text(debugfs_commands(files, sources))
    run("debugfs", "-w", "-f", str(script), str(root_image))
    for file in files:
        if run("debugfs", "-R", f"cat {file.path}", str(root_image)) != file.content:
            raise DiskError(f"{file.path} could not be written into {root_image.name}")


def make_disk(target: Path, image: Path, parts: Layout, files: Sequence[SeedFile]) -> None:
    """Make the disk beside its final place and rename it when it is whole; a failure leaves nothing."""
    with tempfile.TemporaryDirectory(prefix=".disk-", dir=target.parent) as name:
        folder = Path(name)
        root, swap, disk = folder / "root", folder / "swap", folder / "disk"
        run("cp", "--sparse=always", "--reflink=auto", str(image), str(root))
        run("resize2fs", str(root), f"{parts.root_mib}M")
        write_seed(root, files, folder)
        disk.touch(mode=0o600)
        os.truncate(disk, parts.disk_mib << 20)
        run("sfdisk", "--quiet", str(disk), stdin=parts.sfdisk_script())
        _place(root, disk, FIRST_MIB)
        if parts.swap_mib:
            swap.touch(mode=0o600)
            os.truncate(swap, parts.swap_mib << 20)
            run("mkswap", str(swap))
            _place(swap, disk, parts.swap_start_mib)
        disk.replace(target)


def _place(part: Path, disk: Path, start_mib: int) -> None:
    run("dd", f"if={part}", f"of={disk}", "bs=1M", f"seek={start_mib}", "conv=sparse,notrunc", "status=none")
