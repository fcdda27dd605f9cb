# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles' scripts tell about a machine, on this one."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROLES = Path(__file__).parents[3] / "roles"


def facts(script: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        ["sh", str(ROLES / script), *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def hypervisor(folder: Path, *guests: str) -> dict[str, Any]:
    return facts("guest/files/hypervisor-facts", str(folder), *guests)


def test_what_a_hypervisor_has(tmp_path: Path) -> None:
    told = hypervisor(tmp_path)
    assert {name: type(value) for name, value in told.items()} == {
        "memory_mib": int,
        "available_mib": int,
        "free_mib": int,
        "kvm": bool,
        "disks": list,
        "running": list,
    }
    assert 0 < told["available_mib"] <= told["memory_mib"]
    assert told["memory_mib"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    size = os.statvfs(tmp_path)
    assert 0 < told["free_mib"] <= size.f_blocks * size.f_frsize >> 20


def test_kvm_needs_the_processor_as_well() -> None:
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text())) & {"vmx", "svm"}
    assert hypervisor(Path("/"))["kvm"] == (Path("/dev/kvm").is_char_device() and bool(flags))


def test_disks_that_are_there(tmp_path: Path) -> None:
    for name in ("fw-1", "client"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "disk.raw").touch()
    (tmp_path / "fw-2").mkdir()
    assert hypervisor(tmp_path, "fw-1", "fw-2", "client", "fw-3")["disks"] == ["fw-1", "client"]


def test_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    assert hypervisor(tmp_path / "not" / "yet", "fw-1")["free_mib"] > 0
    assert not (tmp_path / "not").exists()


def test_what_podman_has_to_know_of_a_host() -> None:
    told = facts("lab/files/host-facts")
    limits = {name: told.pop(name) for name in ("nofile", "nproc")}
    assert set(told) == {"kvm", "root", "podman", "tun", "cgroup2", "sys_resource", "rt_group"}
    assert all(isinstance(value, bool) for value in told.values())
    assert told["root"] == (os.geteuid() == 0)
    assert told["tun"] == Path("/dev/net/tun").is_char_device()
    capabilities = re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert capabilities
    # capability.h: CAP_SYS_RESOURCE is number 24
    assert told["sys_resource"] == bool(int(capabilities[1], 16) >> 24 & 1)
    assert told["rt_group"] == Path("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists()

    most = {"nofile": (resource.RLIMIT_NOFILE, 1048576), "nproc": (resource.RLIMIT_NPROC, 32768)}
    for name, (limit, ceiling) in most.items():
        soft = resource.getrlimit(limit)[0]
        expected = ceiling if soft == resource.RLIM_INFINITY else min(soft, ceiling)
        assert limits[name] == f"{expected}:{expected}"


def test_guests_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        "#!/bin/sh\ncase $2 in guest-fw-1.service) echo active ;;"
        " guest-fw-2.service) echo activating; exit 3 ;;"
        " *) echo inactive; exit 3 ;; esac\n"
    )
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert hypervisor(tmp_path, "client", "fw-1", "fw-2")["running"] == ["fw-1", "fw-2"]
