# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles keepalived and conntrackd refuse before they change anything, told by ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_role:
            name: "ftfw.pair.{{ role }}"
            tasks_from: check
        - ansible.builtin.copy: {content: accepted, dest: "{{ out }}/{{ inventory_hostname }}", mode: "0644"}
      rescue:
        - ansible.builtin.copy:
            content: "{{ ansible_failed_result.msg }}"
            dest: "{{ out }}/{{ inventory_hostname }}"
            mode: "0644"
"""
V2 = "use 1 to 255, in whole seconds (RFC 3768, section 5.3.7), or version 3"
V3 = "use 0.01 to 40.95, in hundredths of a second (RFC 9568, section 5.2.7)"
KEEPALIVED = {"role": "keepalived", "keepalived_advert_interval": 0.07, "keepalived_realtime": "wanted"}
CONNTRACKD = {
    "role": "conntrackd",
    "conntrackd_virtual_addresses": ["192.168.2.100/32", "192.168.0.100/32", "2001:db8::100/128"],
    "conntrackd_ignored_addresses": ["127.0.0.1", "192.168.2.1"],
}
IGNORING = {**CONNTRACKD, "conntrackd_ignored_addresses": ["192.168.2.1", "192.168.0.100", "2001:db8::100"]}
# no scheduler has this priority, so it is refused wherever the test runs
IMPOSSIBLE = {**KEEPALIVED, "keepalived_realtime_priority": 100}

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "default": (KEEPALIVED, "accepted"),
    "fast": ({**KEEPALIVED, "keepalived_advert_interval": 0.01}, "accepted"),
    "hundredths": ({**KEEPALIVED, "keepalived_advert_interval": 0.29}, "accepted"),
    "longest": ({**KEEPALIVED, "keepalived_advert_interval": 40.95}, "accepted"),
    "text": ({**KEEPALIVED, "keepalived_advert_interval": "0.3"}, "accepted"),
    "v2": ({**KEEPALIVED, "keepalived_vrrp_version": 2, "keepalived_advert_interval": 3}, "accepted"),
    "v2-below-1-s": (
        {**KEEPALIVED, "keepalived_vrrp_version": 2},
        f"v2-below-1-s: keepalived_advert_interval: 0.07: VRRPv2 has no such interval; {V2}",
    ),
    "v2-half-seconds": (
        {**KEEPALIVED, "keepalived_vrrp_version": 2, "keepalived_advert_interval": 1.5},
        f"v2-half-seconds: keepalived_advert_interval: 1.5: VRRPv2 has no such interval; {V2}",
    ),
    "between": (
        {**KEEPALIVED, "keepalived_advert_interval": 0.075},
        f"between: keepalived_advert_interval: 0.075: VRRPv3 has no such interval; {V3}",
    ),
    "too-long": (
        {**KEEPALIVED, "keepalived_advert_interval": 41},
        f"too-long: keepalived_advert_interval: 41: VRRPv3 has no such interval; {V3}",
    ),
    "no-number": (
        {**KEEPALIVED, "keepalived_advert_interval": "soon"},
        f"no-number: keepalived_advert_interval: soon: VRRPv3 has no such interval; {V3}",
    ),
    "v4": (
        {**KEEPALIVED, "keepalived_vrrp_version": 4},
        "v4: keepalived_vrrp_version: 4: is no version of VRRP; use 3, or 2",
    ),
    "realtime-wanted": (IMPOSSIBLE, "accepted"),
    "realtime-required": (
        {**IMPOSSIBLE, "keepalived_realtime": "required"},
        "realtime-required: keepalived_realtime: required: "
        "the node refuses a service real-time priority 100 (",
    ),
    "kernelspace": ({**CONNTRACKD, "conntrackd_filter": "kernelspace"}, "accepted"),
    "userspace": (IGNORING, "accepted"),
    "kernelspace-ignoring": (
        {**IGNORING, "conntrackd_filter": "kernelspace"},
        "kernelspace-ignoring: conntrackd_ignored_addresses: 192.168.0.100, 2001:db8::100: "
        "is a virtual address, whose port forwards would not be replicated; leave it out, "
        "or set conntrackd_filter to userspace",
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each case is a host of one run; what was said to it."""
    folder = tmp_path_factory.mktemp("checks")
    out = folder / "out"
    out.mkdir()
    (folder / "ansible.cfg").write_text("[defaults]\n")
    (folder / "play.yml").write_text(PLAYBOOK)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "out": str(out)}
    hosts = {name: {**local, **variables} for name, (variables, _said) in CASES.items()}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(folder / "hosts.json"), str(folder / "play.yml")),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "ANSIBLE_HOME": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path.read_text() for path in out.iterdir()}


@pytest.mark.parametrize("case", CASES)
def test_what_is_accepted_and_what_is_refused(said: dict[str, str], case: str) -> None:
    assert case in said
    assert said[case].startswith(CASES[case][1])


def test_a_node_without_the_right_is_told_what_would_be_right(said: dict[str, str]) -> None:
    line = said["realtime-required"]
    assert all(
        word in line for word in ("CAP_SYS_NICE", "LimitRTPRIO", "cpu.rt_runtime_us", "profile default")
    )
