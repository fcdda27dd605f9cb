#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tap
short_description: Make, change and remove persistent tap devices
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Makes the persistent taps of the running kernel as they are declared, many in one task, by netlink and
    C(/dev/net/tun).
  - Nothing is written to a file. The role P(ftfw.pair.host_network#role) keeps taps over a reboot.
  - What is not given is left alone.
  - A tap is held while a process has it open, which is what a running VM does. Its bridge, isolation, MTU
    and link state can change under it. To change its owner, group or flags, or to remove it, is refused.
  - The changes of one task are made all or none. When the kernel refuses one, those before it are undone.
    An owner or a group that was given to a tap that had none can't be taken back, and the message says so.
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.links]
attributes:
  check_mode:
    support: full
    details:
      - A bridge, user or group that does not exist yet is a warning in check mode and an error otherwise.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  taps:
    description: The taps. Others are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the tap, of 15 bytes at most.
          - A device of this name and another kind is never touched. It is an error.
        type: str
        required: true
      state:
        description: Whether the tap shall exist.
        type: str
        choices: [present, absent]
        default: present
      owner:
        description: User, by name or number, who may open the tap without further rights.
        type: str
      group:
        description: Group, by name or number, whose members may open the tap without further rights.
        type: str
      multi_queue:
        description:
          - Whether the tap has a queue per CPU of the VM. A new one has a single queue unless this is true.
          - To change this, the tap is made anew, with everything else as it was.
        type: bool
      vnet_hdr:
        description:
          - Whether frames have a virtio header, for offloading.
          - Each process that opens the tap sets this as it likes, qemu among them, so it is better left out
            for VMs.
        type: bool
      mtu:
        description: The MTU.
        type: int
      bridge:
        description: The bridge that the tap is a port of. An empty string stands for none.
        type: str
      isolated:
        description: Whether the tap, as a port, can't reach other isolated ports of its bridge.
        type: bool
      up:
        description: Whether the tap is up.
        type: bool
        default: true
seealso:
  - module: ftfw.pair.bridge
"""

EXAMPLES = r"""
- name: Make the taps of a guest
  ftfw.pair.tap:
    taps:
      - {name: net01, bridge: br0, owner: guest-fw-1}
      - {name: net11, bridge: br1, owner: guest-fw-1}
      - {name: netm1, bridge: br-mgmt, owner: guest-fw-1, isolated: true}

- name: Unplug a running guest from its bridge
  ftfw.pair.tap:
    taps: [{name: net11, bridge: ""}]

- name: Remove a tap of a network namespace
  ftfw.pair.tap:
    taps: [{name: net99, state: absent}]
    netns: lab
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample: ["tap net01: create", "bridge br0: add port net01", "tap net01: bring up"]
devices:
  description: The taps that exist afterwards, by name.
  returned: success
  type: dict
  sample:
    net01:
      addresses: []
      group: null
      isolated: false
      kind: tap
      mac: "fe:5b:1c:9d:11:7e"
      master: br0
      mtu: 1500
      multi_queue: false
      owner: 997
      persist: true
      pi: false
      up: true
      vnet_hdr: false
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftfw.pair.plugins.module_utils.links import kernel as netlink
from ansible_collections.ftfw.pair.plugins.module_utils.links import tap as tap_plan
from ansible_collections.ftfw.pair.plugins.module_utils.links.apply import (
    ApplyError,
    MissingError,
    apply_all,
    result,
)
from ansible_collections.ftfw.pair.plugins.module_utils.links.types import LinkError, missing
from ansible_collections.ftfw.pair.plugins.module_utils.system.users import gid, uid

TAP_OPTIONS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "multi_queue": {"type": "bool"},
    "vnet_hdr": {"type": "bool"},
    "mtu": {"type": "int"},
    "bridge": {"type": "str"},
    "isolated": {"type": "bool"},
    "up": {"type": "bool", "default": True},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "taps": {"type": "list", "elements": "dict", "required": True, "options": TAP_OPTIONS},
            "netns": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if netlink.PYROUTE2_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyroute2"), exception=netlink.PYROUTE2_IMPORT_ERROR)
    try:
        desired = tap_plan.parse(module.params["taps"], uid, gid)
        with netlink.Kernel(module.params["netns"]) as kernel:
            before = kernel.read()
            changes = tap_plan.plan(desired, before)
            if module.check_mode:
                for line in missing(changes, before):
                    module.warn(line)
            else:
                apply_all(kernel, changes, before)
    except (LinkError, MissingError, ApplyError, netlink.KernelError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result(changes, before, [tap.name for tap in desired]))


if __name__ == "__main__":
    main()
