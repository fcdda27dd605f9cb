# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_disk on a real, small file system."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
ROOT_START, MIB = 1, 1 << 20


def tool(*command: str) -> str:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A root file system with the few folders that a seed finds in every Debian."""
    tree = tmp_path / "tree"
    for folder in ("etc/ssh/sshd_config.d", "etc/systemd/network", "etc/systemd/system", "root"):
        (tree / folder).mkdir(parents=True)
    (tree / "etc" / "hostname").write_text("the name of the build host\n")
    path = tmp_path / "root.ext4"
    with path.open("wb") as file:
        file.truncate(32 * MIB)
    tool("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", str(tree), str(path))
    return path


@pytest.fixture
def disks(module: Run, image: Path, tmp_path: Path) -> Run:
    """Runs the module for one guest, with options of it changed."""

    def run(check: bool = False, source: Path = image, **changed: Any) -> dict[str, Any]:
        disk = {
            "name": "fw-1",
            "path": str(tmp_path / "guests" / "fw-1"),
            "owner": "nobody",
            "disk_mib": 128,
            "swap_mib": 32,
            "interfaces": [{"name": "eth0", "mac": "12:34:56:78:9a:01"}],
            "management": {"interface": "mgmt0", "address": "10.255.0.1/24"},
            **changed,
        }
        arguments = {"image": str(source), "authorized_keys": ["ssh-ed25519 AAAA admin"], "disks": [disk]}
        return module("guest_disk", {**arguments, "_ansible_check_mode": check})

    return run


def test_apply_again_and_check(disks: Run, tmp_path: Path) -> None:
    folder = tmp_path / "guests" / "fw-1"
    assert disks(check=True)["made"] == ["fw-1"]
    assert not folder.exists()

    first = disks()
    assert (first["changed"], first["made"]) == (True, ["fw-1"])
    assert first["host_keys"]["fw-1"].startswith("ssh-ed25519 ")
    before = (folder / "disk.raw").stat()
    assert (before.st_size, before.st_mode & 0o777) == (128 * MIB, 0o600)
    assert before.st_uid != 0

    again = disks()
    assert (again["changed"], again["host_keys"]) == (False, first["host_keys"])
    assert (folder / "disk.raw").stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in folder.iterdir()) == ["disk.raw", "ssh_host_ed25519_key.pub"]


def test_the_disk_is_whole_and_knows_its_guest(disks: Run, tmp_path: Path) -> None:
    key = disks()["host_keys"]["fw-1"]
    disk, root = tmp_path / "guests" / "fw-1" / "disk.raw", tmp_path / "root"
    table = tool("sfdisk", "--dump", str(disk))
    assert "start=        2048, size=      194560, type=83" in table
    assert "start=      196608, size=       65536, type=82" in table
    tool("dd", f"if={disk}", f"of={root}", "bs=1M", "skip=1", "count=95", "status=none")
    tool("e2fsck", "-fn", str(root))
    assert tool("debugfs", "-R", "cat /etc/hostname", str(root)) == "fw-1\n"
    assert tool("debugfs", "-R", "cat /etc/ssh/ssh_host_ed25519_key.pub", str(root)).strip() == key
    stat = tool("debugfs", "-R", "stat /etc/ssh/ssh_host_ed25519_key", str(root))
    assert "Mode:  0600" in stat
    assert "User:     0   Group:     0" in stat
    assert "Mode:  0700" in tool("debugfs", "-R", "stat /root/.ssh", str(root))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"owner": "nobody-knows"}, "guest fw-1: unknown user nobody-knows", id="user"),
        pytest.param({"disk_mib": 64}, "guest fw-1: a disk of 64 MiB with 32 MiB swap", id="too small"),
        pytest.param({"source": Path("/nonexistent")}, "image /nonexistent does not exist", id="image"),
    ],
)
def test_bad_input_leaves_nothing(disks: Run, tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    result = disks(**changed)
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "guests").exists()


def test_another_size_is_an_error_and_not_a_change(disks: Run, tmp_path: Path) -> None:
    disks()
    result = disks(disk_mib=256)
    assert "has 128 MiB, not 256" in result["msg"]
    assert (tmp_path / "guests" / "fw-1" / "disk.raw").stat().st_size == 128 * MIB


def test_a_failure_half_way_leaves_no_disk(disks: Run, image: Path, tmp_path: Path) -> None:
    image.write_bytes(os.urandom(MIB))
    assert "resize2fs" in disks()["msg"]
    assert list((tmp_path / "guests" / "fw-1").iterdir()) == []
