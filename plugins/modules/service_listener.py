#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listen for a while where nothing should arrive."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_listener
short_description: Listen for a while where nothing should arrive, and count what does
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - A port at which nobody listens proves nothing about a firewall. This module listens there, in a process
    of its own that
    ends by itself, answers whoever comes, and tells afterwards how many came.
  - Once started, each listener is asked from its own host. The rows of that are in RV(checks).
options:
  state:
    description:
      - V(started) listens. A process of the same O(name) is ended before.
      - V(stopped) ends that and returns what it has counted. Without one there is nothing to do, and nothing
        is returned.
    type: str
    choices: [started, stopped]
    default: started
  name:
    description: Tells several such processes on one host apart.
    type: str
    default: verify
  listeners:
    description: Where to listen.
    type: list
    elements: dict
    required: true
    suboptions:
      protocol:
        description: The protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      address:
        description: The address to bind.
        type: str
        required: true
      port:
        description: The port.
        type: int
        required: true
  lifetime:
    description: Seconds after which the process ends, whatever happens.
    type: float
    default: 120
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.probe]
attributes:
  check_mode:
    support: full
    details: [Then nothing is started or stopped, and no rows are returned.]
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: [Starting begins a new count each time.]
"""

EXAMPLES = r"""
- name: Listen where the firewall should let nothing through
  ftfw.pair.service_listener:
    listeners:
      - {protocol: tcp, address: 192.168.0.3, port: 25}
      - {protocol: udp, address: 192.168.0.3, port: 123}
    lifetime: 60

- name: See that nothing has arrived
  ftfw.pair.service_listener:
    state: stopped
    listeners:
      - {protocol: tcp, address: 192.168.0.3, port: 25}
      - {protocol: udp, address: 192.168.0.3, port: 123}
  register: arrivals
"""

RETURN = r"""
checks:
  description: A row for each listener. Started, whether it answers its own host; stopped, that nothing has
    arrived at it.
  returned: when a process was started or stopped
  type: list
  elements: dict
  sample: [{name: arrivals at tcp/25 of 192.168.0.3 on omarine, expected: "0", seen: "0", ok: true, detail:
  ""}]
listeners:
  description: How many came, and from where.
  returned: when a process was stopped
  type: list
  elements: dict
  sample: [{arrivals: 0, peers: []}]
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.probe.listen import (
    RESET,
    STOP,
    ListeningPort,
    answer_rows,
    arrival_rows,
    serve,
)
from ansible_collections.ftfw.pair.plugins.module_utils.probe.process import ProbeError, ask, running, start

TIMEOUT = 10.0


def argument_spec() -> dict[str, Any]:
    listener = {
        "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
    }
    return {
        "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        "name": {"type": "str", "default": "verify"},
        "listeners": {"type": "list", "elements": "dict", "required": True, "options": listener},
        "lifetime": {"type": "float", "default": 120},
        "directory": {"type": "path", "default": "/run/ftfw-probe"},
    }


def listen(folder: Path, listeners: list[ListeningPort], lifetime: float) -> dict[str, Any]:
    start(folder, lifetime, lambda control, ready: serve(listeners, control, ready), TIMEOUT)
    rows = answer_rows(listeners, os.uname().nodename, timeout=2.0)
    ask(folder, {"do": RESET}, TIMEOUT)
    return {"checks": [row.as_dict() for row in rows]}


def collect(folder: Path, listeners: list[ListeningPort]) -> dict[str, Any]:
    counted = ask(folder, {"do": STOP}, TIMEOUT)["listeners"]
    if len(counted) != len(listeners):
        raise ProbeError(f"the process in {folder} has {len(counted)} listeners, not {len(listeners)}")
    rows = arrival_rows(listeners, counted, os.uname().nodename)
    return {"checks": [row.as_dict() for row in rows], "listeners": counted}


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    folder = Path(params["directory"], f"listener-{params['name']}")
    listeners = [ListeningPort(**listener) for listener in params["listeners"]]
    started = params["state"] == "started"
    changed = started or running(folder)
    result: dict[str, Any] = {}
    try:
        if changed and not module.check_mode:
            result = listen(folder, listeners, params["lifetime"]) if started else collect(folder, listeners)
    except (ProbeError, OSError) as error:
        module.fail_json(msg=f"listener {params['name']}: {error}")
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
