#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vrrp_info
short_description: State of keepalived's VRRP instances and sync groups
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Returns what a running keepalived itself says of its VRRP instances and sync groups.
  - Asks by signal, whereupon keepalived writes C(keepalived.json) and C(keepalived.data) into its temporary
    directory. This is its C(TMPDIR), also when it is private to the service.
  - A daemon that does not run or answer, and a dump that is not understood, are errors.
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.look]
attributes:
  check_mode:
    details: [Nothing is ever changed, and the dumps are written in check mode too.]
options:
  pid_file:
    description: The PID file of keepalived's parent process.
    type: path
    default: /run/keepalived.pid
  timeout:
    description: Seconds to wait for each dump, and for instances and groups to be of one moment.
    type: float
    default: 10
notes:
  - Needs the rights to signal keepalived and to read its files, those of root as a rule.
  - A daemon without VRRP instances writes no C(keepalived.json), which can't be told from one that does not
    answer.
  - C(state_dump_file) and C(data_use_instance) of C(global_defs) give C(keepalived.data) another name, and
    are not supported.
requirements: [keepalived 2.2 or newer on the managed node, built with JSON as in Debian]
"""

EXAMPLES = r"""
- name: Read the state of VRRP
  ftfw.pair.vrrp_info:
  register: vrrp

- name: See that the whole group is primary here
  ansible.builtin.assert:
    that:
      - vrrp.groups.ftfw.state == 'MASTER'
      - vrrp.instances.inside.addresses[0].set
"""

RETURN = r"""
instances:
  description: The VRRP instances, by name.
  returned: success
  type: dict
  sample:
    inside:
      name: inside
      interface: eth1
      state: MASTER
      version: 3
      vrid: 61
      priority: 200
      base_priority: 200
      master_priority: 0
      preempt: false
      advert_interval: 0.3
      addresses: [{address: 192.168.2.100/32, interface: eth1, set: true}]
      excluded_addresses: []
      since: "2025-01-31T12:00:00.250000+00:00"
      since_epoch: 1738324800.25
      adverts_sent: 1200
      adverts_received: 4
      became_master: 1
      released_master: 0
      priority_zero_sent: 0
      priority_zero_received: 0
      errors:
        packet_length: 0
        advert_interval: 0
        ip_ttl: 0
        invalid_type: 0
        address_list: 0
        invalid_authentication_type: 0
  contains:
    name:
      description: Name of the instance.
      type: str
      returned: always
      sample: inside
    interface:
      description: The interface it runs on, or null if that does not exist.
      type: str
      returned: always
      sample: eth1
    state:
      description: V(INIT), V(BACKUP), V(MASTER), V(FAULT), V(STOP) or V(DELETED).
      type: str
      returned: always
      sample: MASTER
    version:
      description: VRRP version.
      type: int
      returned: always
      sample: 3
    vrid:
      description: Virtual router identifier.
      type: int
      returned: always
      sample: 61
    priority:
      description: The effective priority, with the weights of what is tracked.
      type: int
      returned: always
      sample: 200
    base_priority:
      description: The priority of the configuration.
      type: int
      returned: always
      sample: 200
    master_priority:
      description: The priority in the last advert of the router that is MASTER, as a BACKUP has seen it.
      type: int
      returned: always
      sample: 200
    preempt:
      description: Whether it takes over from a MASTER of a lower priority.
      type: bool
      returned: always
      sample: false
    advert_interval:
      description: Seconds between adverts.
      type: float
      returned: always
      sample: 0.3
    addresses:
      description: The virtual addresses, with their interfaces, and whether keepalived has set them.
      type: list
      elements: dict
      returned: always
      sample: [{address: 192.168.2.100/32, interface: eth1, set: true}]
    excluded_addresses:
      description: Virtual addresses that are not in the adverts.
      type: list
      elements: dict
      returned: always
      sample: []
    since:
      description: Time of the last transition, UTC, or null if there was none.
      type: str
      returned: always
      sample: "2025-01-31T12:00:00.250000+00:00"
    since_epoch:
      description: The same in seconds since 1970.
      type: float
      returned: always
      sample: 1738324800.25
    adverts_sent:
      description: Adverts sent.
      type: int
      returned: always
      sample: 1200
    adverts_received:
      description: Adverts received.
      type: int
      returned: always
      sample: 4
    became_master:
      description: How often it became MASTER.
      type: int
      returned: always
      sample: 1
    released_master:
      description: How often it ceased to be MASTER.
      type: int
      returned: always
      sample: 0
    priority_zero_sent:
      description: Adverts sent that told of a planned stop.
      type: int
      returned: always
      sample: 0
    priority_zero_received:
      description: Adverts received that told of a planned stop.
      type: int
      returned: always
      sample: 0
    errors:
      description: Adverts that were not accepted, by reason.
      type: dict
      returned: always
      sample: {ip_ttl: 0}
groups:
  description: The sync groups, by name.
  returned: success
  type: dict
  sample: {ftfw: {name: ftfw, state: MASTER, instances: [inside, outside]}}
pid:
  description: Process identifier of keepalived's parent process.
  returned: success
  type: int
  sample: 612
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.keepalived import dumps as keepalived
from ansible_collections.ftfw.pair.plugins.module_utils.keepalived.dumps import DumpError
from ansible_collections.ftfw.pair.plugins.module_utils.keepalived.signal import (
    DEFAULT_PID_FILE,
    Keepalived,
    KeepalivedError,
)

INSTANCES_FILE = "keepalived.json"
GROUPS_FILE = "keepalived.data"

Records = list[dict[str, Any]]


def read_instances(daemon: Keepalived, seconds: float) -> Records:
    return keepalived.parse_instances(daemon.dump("JSON", INSTANCES_FILE, seconds), INSTANCES_FILE)


def read_state(daemon: Keepalived, seconds: float) -> tuple[Records, Records]:
    """Instances and groups of one moment: no instance changed its state between the two dumps.

    A daemon that changes all the time is taken as it is when the time is over.
    """
    deadline = time.monotonic() + seconds
    before = read_instances(daemon, seconds)
    while True:
        groups = keepalived.parse_groups(daemon.dump("DATA", GROUPS_FILE, seconds), GROUPS_FILE)
        after = read_instances(daemon, seconds)
        if transitions(before) == transitions(after) or time.monotonic() >= deadline:
            return after, groups
        before = after


def transitions(instances: Records) -> list[tuple[str, str, float | None]]:
    return [(one["name"], one["state"], one["since_epoch"]) for one in instances]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "pid_file": {"type": "path", "default": DEFAULT_PID_FILE},
            "timeout": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    seconds = module.params["timeout"]
    try:
        daemon = Keepalived(module.params["pid_file"])
        instances, groups = read_state(daemon, seconds)
    except (KeepalivedError, DumpError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        pid=daemon.pid,
        instances={instance["name"]: instance for instance in instances},
        groups={group["name"]: group for group in groups},
    )


if __name__ == "__main__":
    main()
