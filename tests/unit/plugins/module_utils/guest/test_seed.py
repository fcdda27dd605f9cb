# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest's disk says about it, and how the disk is divided."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.guest.disk import DiskError, layout
from ansible_collections.ftfw.pair.plugins.module_utils.guest.seed import (
    GuestCard,
    Identity,
    Management,
    SeedFile,
    debugfs_commands,
    seed_files,
)
from hypothesis import given
from hypothesis import strategies as st

IDENTITY = Identity(
    hostname="fw-1",
    machine_id="0123456789abcdef0123456789abcdef",
    links=[GuestCard("eth0", "12:34:56:78:9a:01"), GuestCard("mgmt0", "12:34:56:78:9a:f1")],
    management=Management("mgmt0", "10.255.0.1/24"),
    authorized_keys=["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"],
    host_key="private\n",
    host_key_public="public\n",
)


def test_seed_files() -> None:
    files = {file.path: file for file in seed_files(IDENTITY)}
    assert files["/etc/hostname"].content == "fw-1\n"
    assert files["/etc/machine-id"] == SeedFile("/etc/machine-id", f"{IDENTITY.machine_id}\n", 0o444)
    assert files["/root/.ssh/authorized_keys"] == SeedFile(
        "/root/.ssh/authorized_keys", "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n", 0o600
    )
    assert files["/etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert files["/etc/systemd/network/10-ftfw-eth0.link"].content == (
        "[Match]\nMACAddress=12:34:56:78:9a:01\nType=ether\n\n[Link]\n\n[X-Ftfw]\nName=eth0\nManagement=no\n"
    )
    assert files["/etc/systemd/network/10-ftfw-mgmt0.link"].content.endswith(
        "[Link]\nName=mgmt0\n\n[X-Ftfw]\nName=mgmt0\nManagement=yes\n"
    )
    assert files["/etc/systemd/network/10-ftfw-mgmt0.network"].content.startswith(
        "[Match]\nMACAddress=12:34:56:78:9a:f1\nType=ether\n"
    )
    assert "Address=10.255.0.1/24\n" in files["/etc/systemd/network/10-ftfw-mgmt0.network"].content
    assert files["/etc/ssh/sshd_config.d/10-ftfw-management.conf"].content == "ListenAddress 10.255.0.1\n"


def test_a_guest_without_management_gets_no_file_of_it() -> None:
    files = seed_files(dataclasses.replace(IDENTITY, management=None))
    assert not [file.path for file in files if "management" in file.path or file.path.endswith(".network")]


def test_the_private_key_is_in_no_message() -> None:
    assert "private" not in repr(IDENTITY)


def test_debugfs_commands() -> None:
    files = [SeedFile("/etc/ssh/key", "k", 0o600), SeedFile("/etc/name", "n")]
    assert debugfs_commands(files, ["seed-0", "seed-1"]).splitlines() == [
        "mkdir /etc",
        "mkdir /etc/ssh",
        "rm /etc/ssh/key",
        "write seed-0 /etc/ssh/key",
        "sif /etc/ssh/key mode 0100600",
        "sif /etc/ssh/key uid 0",
        "sif /etc/ssh/key gid 0",
        "rm /etc/name",
        "write seed-1 /etc/name",
        "sif /etc/name mode 0100644",
        "sif /etc/name uid 0",
        "sif /etc/name gid 0",
        "sif /root/.ssh mode 040700",
    ]


@pytest.mark.parametrize(
    ("swap", "script"),
    [
        pytest.param(
            256,
            "label: dos\nstart=1MiB, size=1791MiB, type=83\nstart=1792MiB, size=256MiB, type=82\n",
            id="swap",
        ),
        pytest.param(0, "label: dos\nstart=1MiB, size=2047MiB, type=83\n", id="no swap"),
    ],
)
def test_layout(swap: int, script: str) -> None:
    assert layout(2048, swap, 500).sfdisk_script() == script


def test_a_disk_that_is_too_small_names_the_least_size() -> None:
    with pytest.raises(DiskError, match=r"leaves 255 MiB .* needs 500; make it 757 MiB or more"):
        layout(512, 256, 500)


@given(disk=st.integers(1, 4096), swap=st.integers(0, 2048), image=st.integers(1, 2048))
def test_a_layout_fills_the_disk_or_is_refused(disk: int, swap: int, image: int) -> None:
    try:
        parts = layout(disk, swap, image)
    except DiskError:
        assert disk - swap - 1 < max(image, 64)
    else:
        assert parts.swap_start_mib + parts.swap_mib == disk
        assert parts.root_mib >= image
