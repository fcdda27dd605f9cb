#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge
short_description: Make, change and remove Linux bridges
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Makes the bridges of the running kernel as they are declared, many in one task, by netlink.
  - Nothing is written to a file. The role P(ftfw.pair.host_network#role) keeps bridges over a reboot.
  - What is not given is left alone. Routes through a bridge are never touched, except that the kernel drops
    those that need an address that is removed.
  - The changes of one task are made all or none. When the kernel refuses one, those before it are undone.
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.links]
attributes:
  check_mode:
    support: full
    details: [A port that does not exist yet is a warning in check mode and an error otherwise.]
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  bridges:
    description: The bridges. Others are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the bridge, of 15 bytes at most.
          - A device of this name and another kind is never touched. It is an error.
        type: str
        required: true
      state:
        description: Whether the bridge shall exist. One that goes away releases its ports before.
        type: str
        choices: [present, absent]
        default: present
      up:
        description: Whether the bridge is up. Its ports are left as they are.
        type: bool
        default: true
      mac:
        description: The MAC of the bridge. Without one, the kernel takes one that depends on the ports.
        type: str
      mtu:
        description: The MTU of the bridge. Without one, the kernel takes the smallest of the ports.
        type: int
      addresses:
        description:
          - Addresses with prefix length, for a grounded bridge.
          - An empty list stands for none, and whatever addresses are found are removed. Left out, they are
            left alone.
          - IPv6 link-local addresses are never removed, and are added only if they are listed.
        type: list
        elements: str
      ports:
        description:
          - Devices that are ports of the bridge.
          - A device that is in another bridge is an error, unless the same task takes it from there.
        type: list
        elements: str
      purge_ports:
        description: With O(bridges[].ports), remove ports that are not listed there.
        type: bool
        default: false
      stp:
        description: Whether the bridge speaks the spanning tree protocol.
        type: bool
      ageing_time:
        description: Seconds after which a learned MAC is forgotten.
        type: int
      forward_delay:
        description: Seconds that a port listens and learns before it forwards. From 2 to 30 with STP.
        type: int
      multicast_snooping:
        description:
          - Whether the bridge sends multicast only to ports that asked for it.
          - Bridges that carry VRRP for IPv6 or conntrackd's multicast are better without.
        type: bool
      vlan_filtering:
        description: Whether ports and the bridge take part in the VLANs that are configured for them only.
        type: bool
      vlans:
        description:
          - The VLANs of the bridge itself, and no others, as C(bridge vlan add dev BRIDGE self) makes them.
            Without VLAN 1 in the list, the VLAN 1 that the kernel gives to each bridge is removed.
          - Needs O(bridges[].vlan_filtering).
        type: list
        elements: dict
        suboptions:
          vid:
            description: Number of the VLAN.
            type: int
            required: true
          pvid:
            description: Untagged frames belong to this VLAN. One of the list at most.
            type: bool
            default: false
          untagged:
            description: Frames of this VLAN leave without tag.
            type: bool
            default: false
seealso:
  - module: ftfw.pair.tap
"""

EXAMPLES = r"""
- name: Make a grounded bridge, and two that are not
  ftfw.pair.bridge:
    bridges:
      - name: br0
        addresses: [192.168.0.3/24]
        forward_delay: 0
        multicast_snooping: false
      - {name: br1, addresses: [], forward_delay: 0, multicast_snooping: false}
      - {name: br2, addresses: [], forward_delay: 0, multicast_snooping: false}

- name: Join two hypervisors through eth1, and through nothing else
  ftfw.pair.bridge:
    bridges:
      - {name: br1, ports: [eth1], purge_ports: true}

- name: Take part in VLAN 100 only, and tagged
  ftfw.pair.bridge:
    bridges:
      - name: br0
        vlan_filtering: true
        vlans: [{vid: 100, pvid: true}]

- name: Remove a bridge of a network namespace
  ftfw.pair.bridge:
    bridges: [{name: br9, state: absent}]
    netns: lab
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample: ["bridge br1: create", "bridge br1: add port eth1", "bridge br1: bring up"]
devices:
  description: The bridges that exist afterwards, and the ports that have changed, by name.
  returned: success
  type: dict
  sample:
    br1:
      addresses: []
      ageing_time: 300
      forward_delay: 0
      isolated: false
      kind: bridge
      mac: "02:5b:1c:9d:11:7e"
      master: null
      mtu: 1500
      multicast_snooping: false
      stp: false
      up: true
      vlan_filtering: false
      vlans: []
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftfw.pair.plugins.module_utils.links import bridge as bridge_plan
from ansible_collections.ftfw.pair.plugins.module_utils.links import kernel as netlink
from ansible_collections.ftfw.pair.plugins.module_utils.links.apply import (
    ApplyError,
    MissingError,
    apply_all,
    result,
)
from ansible_collections.ftfw.pair.plugins.module_utils.links.types import LinkError, missing

VLAN_OPTIONS = {
    "vid": {"type": "int", "required": True},
    "pvid": {"type": "bool", "default": False},
    "untagged": {"type": "bool", "default": False},
}

BRIDGE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "up": {"type": "bool", "default": True},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "addresses": {"type": "list", "elements": "str"},
    "ports": {"type": "list", "elements": "str"},
    "purge_ports": {"type": "bool", "default": False},
    "stp": {"type": "bool"},
    "ageing_time": {"type": "int"},
    "forward_delay": {"type": "int"},
    "multicast_snooping": {"type": "bool"},
    "vlan_filtering": {"type": "bool"},
    "vlans": {"type": "list", "elements": "dict", "options": VLAN_OPTIONS},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bridges": {"type": "list", "elements": "dict", "required": True, "options": BRIDGE_OPTIONS},
            "netns": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if netlink.PYROUTE2_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyroute2"), exception=netlink.PYROUTE2_IMPORT_ERROR)
    try:
        desired = bridge_plan.parse(module.params["bridges"])
        with netlink.Kernel(module.params["netns"]) as kernel:
            before = kernel.read()
            changes = bridge_plan.plan(desired, before)
            if module.check_mode:
                for line in missing(changes, before):
                    module.warn(line)
            else:
                apply_all(kernel, changes, before)
    except (LinkError, MissingError, ApplyError, netlink.KernelError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result(changes, before, [bridge.name for bridge in desired]))


if __name__ == "__main__":
    main()
