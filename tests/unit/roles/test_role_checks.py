# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles refuse before they change anything, told by ansible itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_role:
            name: "ftfw.pair.{{ role }}"
            tasks_from: check
          when: entry is not defined
        # hosts that include one role at once get the same file of it
        - ansible.builtin.include_role: {name: ftfw.pair.guest, tasks_from: memory}
          when: entry | default('') == 'memory'
        - ansible.builtin.include_role: {name: ftfw.pair.guest, tasks_from: memory_enough}
          when: entry | default('') == 'memory_enough'
        - ansible.builtin.include_role: {name: ftfw.pair.pair_state, tasks_from: rules}
          when: entry | default('') == 'rules'
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


def guest(name: str, memory_mib: int) -> dict[str, Any]:
    rest = {"user": f"guest-{name}", "cpus": 1, "disk_mib": 2048, "swap_mib": 256, "interfaces": []}
    return {"name": name, "memory_mib": memory_mib, **rest}


CARD = {"name": "ftfw9", "mac": None, "network": "inside", "addresses": [], "dhcp": False, "gateways": []}
NAMES = {"role": "node_network", "node_network_hostname": "node", "node_network_interfaces": [CARD]}
# no run has written such a file here, as after a change of the inventory
NAMES_ANEW = {**NAMES, "node_network_interfaces": [{**CARD, "mac": "12:34:56:78:9a:99"}]}
SWAPPED = "eth0 is the card 12:34:56:78:9a:11, and not 12:34:56:78:9a:01"

# as pair-state.service has them
GATE, OFFLOAD = "--gate eth0 eth1 \\", "--offload eth0 eth1 \\"
SETS = {"role": "pair_state", "entry": "rules", "pair_state_gate": [], "pair_state_offload": []}
RUN_SITE = "run site.yml, which changes both"

GUESTS = [guest(name, 512) for name in ("fw-1", "fw-2", "client")]
HAS = {"memory_mib": 8000, "available_mib": 2687, "kvm": False, "running": []}


def memory(**facts: Any) -> dict[str, Any]:
    """Guests on a hypervisor that has this; three need 2688 MiB without KVM and 1920 with it."""
    return {
        "role": "guest",
        "entry": "memory_enough",
        "guest_vms": GUESTS,
        "guest_translation_mib": 256,
        "__guest_facts": {**HAS, **facts},
    }


TOO_BIG = {
    **{name: value for name, value in memory().items() if name != "__guest_facts"},
    "entry": "memory",
    "guest_memory_host": "default",
    "guest_vms": [guest("big", 1 << 30)],
}

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
    **{f"lab-{name}": ({"role": "lab", "lab_name": name}, "accepted") for name in ("lab", "my-lab-2", "7")},
    **{
        f"no-lab-{number}": (
            {"role": "lab", "lab_name": name},
            f"lab_name: {name}: is no name of a lab; "
            "write up to 32 lower-case letters, digits, and '-' between them",
        )
        for number, name in enumerate(["..", "", "Lab", "a/b", "-a", "a-", "a b", "lab\n", "a" * 33])
    },
    "names": (NAMES, "accepted"),
    "names-of-a-node-that-is-new": ({**NAMES, "names": "/no/such/program"}, "accepted"),
    "names-swapped": (
        {**NAMES, "names": "name-cards"},
        f"names-swapped: {SWAPPED}; the card is called eth1. Nothing has been changed. Cards get their names"
        " when a node boots: restart it",
    ),
    "names-corrected-in-the-inventory": ({**NAMES_ANEW, "names": "name-cards"}, "accepted"),
    "rules": (SETS, "accepted"),
    "rules-before-the-first-run": ({**SETS, "pair_state_offload": ["eth0"], "unit": None}, "accepted"),
    "rules-that-offload": (
        {**SETS, "pair_state_offload": ["eth0", "eth1"], "unit": OFFLOAD},
        "accepted",
    ),
    "rules-with-the-first-offload": (
        {**SETS, "pair_state_offload": ["eth0", "eth1"]},
        "rules-with-the-first-offload: the rules need offload eth0 eth1, and pair-state was set up with"
        f" neither gate nor offload; {RUN_SITE}",
    ),
    "rules-without-the-last-offload": (
        {**SETS, "unit": OFFLOAD},
        "rules-without-the-last-offload: the rules need neither gate nor offload, and pair-state was set up"
        f" with offload eth0 eth1; {RUN_SITE}",
    ),
    "rules-with-a-gate": (
        {**SETS, "pair_state_gate": ["eth0", "eth1"], "unit": OFFLOAD},
        "rules-with-a-gate: the rules need gate eth0 eth1, and pair-state was set up with offload eth0 eth1",
    ),
    "rules-with-both": (
        {**SETS, "pair_state_gate": ["eth0", "eth1"], "pair_state_offload": ["eth0", "eth1"]}
        | {"unit": f"{GATE}\n    --gate-deadline 5 \\\n    {OFFLOAD}"},
        "accepted",
    ),
    "memory": (
        memory(),
        "memory: guest_vms: fw-1, fw-2, client need 2688 MiB of memory together (1536 for their RAM and 384"
        " for qemu with each), and 2687 of 8000 MiB are available; free some, or lower memory_mib of guest or"
        " guest_translation_mib",
    ),
    "memory-just-enough": (memory(available_mib=2688), "accepted"),
    "memory-with-kvm": (memory(kvm=True, available_mib=1920), "accepted"),
    "memory-short-with-kvm": (
        memory(kvm=True, available_mib=1919),
        "memory-short-with-kvm: guest_vms: fw-1, fw-2, client need 1920 MiB of memory together (1536 for"
        " their RAM and 128 for qemu with each), and 1919 of 8000 MiB are available; free some, or lower"
        " memory_mib of guest",
    ),
    # what runs has its memory already
    "memory-of-a-second-run": (memory(running=["fw-1", "fw-2", "client"], available_mib=10), "accepted"),
    "memory-of-one-more": (memory(running=["fw-1", "client"], available_mib=896), "accepted"),
    "memory-short-of-one-more": (
        memory(running=["fw-1", "client"], available_mib=895),
        "memory-short-of-one-more: guest_vms: fw-2 need 896 MiB of memory together",
    ),
    # as long as the hypervisor is not there, nothing runs on it, and the machine that will carry it is asked
    "memory-of-the-machine-itself": (
        {**TOO_BIG, "guest_vms": [guest("small", 1)], "guest_translation_mib": 1},
        "accepted",
    ),
    "memory-of-the-machine-itself-short": (
        TOO_BIG,
        "memory-of-the-machine-itself-short: guest_vms: big need 10737",
    ),
}


OVERRIDDEN = {"__node_network_names_program": "{{ names }}", "__pair_state_unit": "{{ unit }}"}
"""What roles look at on a node, elsewhere."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each case is a host of one run; what was said to it."""
    folder = tmp_path_factory.mktemp("checks")
    out = folder / "out"
    out.mkdir()
    (folder / "ansible.cfg").write_text("[defaults]\n")
    (folder / "play.yml").write_text(PLAYBOOK)
    names = folder / "name-cards"
    names.write_text(f"#!/bin/sh\necho '{SWAPPED}' >&2\necho 'the card is called eth1' >&2\nexit 1\n")
    names.chmod(0o755)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "out": str(out)}
    hosts = {
        name: {**local, **variables, "names": str(folder / variables.get("names", "none"))}
        | {"unit": str(folder / f"{name}.service")}
        for name, (variables, _said) in CASES.items()
    }
    for name, (variables, _said) in CASES.items():
        if (sets := variables.get("unit", "")) is not None:
            (folder / f"{name}.service").write_text(
                f"ExecStart=pair-state \\\n    {sets}\n    --mode direct\n"
            )
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    done = ansible_playbook(
        *("-i", str(folder / "hosts.json"), str(folder / "play.yml")),
        *("-e", json.dumps(OVERRIDDEN)),
        settings={
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "ANSIBLE_HOME": str(folder),
        },
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
