#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold sessions open across a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: session_probe
short_description: Hold sessions open across a failover, and tell which of them survive it
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Opens sessions and keeps them busy in a process of its own, which ends by itself. Meanwhile it watches
    the link address
    of the host's gateway. A virtual address changes that at a takeover, so that is when the takeover was, by
    the host's own
    clock.
  - A session survives when an exchange that began after the takeover was complete, with bytes in both
    directions, within
    O(window) seconds. For a download an exchange is more data than the server may send without hearing from
    the client.
  - The task does not fail when a session dies. RV(ok) and RV(checks) tell.
options:
  state:
    description:
      - V(started) opens the sessions and returns when all of them have had their first exchange. A process
        of the same O(name) is
        ended before.
      - V(collected) waits for the takeover and the window after it, and judges. With O(expected=survives) it
        then does what
        the sessions are for, finishing the download, and opening a data transfer on the FTP session. The
        process ends.
      - V(stopped) ends the process, if there is one.
    type: str
    choices: [started, collected, stopped]
    default: started
  name:
    description: Tells several such processes on one host apart, and begins the names of the rows.
    type: str
    default: failover
  gateway:
    description:
      - The address of the gateway that the sessions go through. Needed with O(state=started).
      - With sessions of both families a list of two, an IPv4 address and an IPv6 one. Each session is judged
        by the takeover of its own family's gateway.
    type: list
    elements: str
  flows:
    description: The sessions. Needed with O(state=started).
    type: list
    elements: dict
    suboptions:
      name:
        description: The session's name.
        type: str
        required: true
      kind:
        description:
          - V(ssh) has lines echoed by a C(cat) at the other end, V(http) numbered requests on one connection
            (which the
            server answers with their number), V(download) reads a large file slowly, V(ftp) holds a control
            connection.
        type: str
        required: true
        choices: [download, ftp, http, ssh]
      target:
        description: The server's address.
        type: str
        required: true
      port:
        description: The port. The kind has its own by default.
        type: int
      path:
        description: What to fetch. With V(ftp), at the end.
        type: str
        default: /
      sha256:
        description: The checksum that it should have.
        type: str
      interval:
        description: Seconds between two exchanges.
        type: float
        default: 0.2
      user:
        description: Who to log in as with V(ssh).
        type: str
        default: root
      identity_file:
        description: The private key to log in with.
        type: path
      host_key:
        description: The server's public key, as its type and the key itself.
        type: str
  expected:
    description: What should become of the sessions. A control, with replication stopped, expects V(dies).
    type: str
    choices: [survives, dies]
    default: survives
  window:
    description: Seconds after the takeover within which a session has to go on.
    type: float
    default: 10
  open_timeout:
    description: Seconds within which all sessions must be open.
    type: float
    default: 30
  takeover_timeout:
    description: Seconds to wait for the takeover.
    type: float
    default: 30
  finish_timeout:
    description: Seconds that a session has for its last exchange, and for each wait for data in it.
    type: float
    default: 60
  lifetime:
    description: Seconds after which the process ends, whatever happens.
    type: float
    default: 300
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.probe]
attributes:
  check_mode:
    support: full
    details: [Then nothing is started or collected, and no rows are returned.]
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: [Starting opens new sessions each time.]
requirements:
  - C(ssh) for that kind
"""

EXAMPLES = r"""
- name: Open sessions through the pair
  ftfw.pair.session_probe:
    gateway: 192.168.2.100
    flows:
      - {name: web, kind: http, target: 192.168.0.3, path: /echo}
      - {name: download, kind: download, target: 192.168.0.3, path: /large.bin}

- name: Tell which of them have survived the failover
  ftfw.pair.session_probe:
    state: collected
  register: sessions
"""

RETURN = r"""
checks:
  description: A row for the number of takeovers of each gateway, for each session, and for what each did at
    its end.
  returned: when O(state=collected)
  type: list
  elements: dict
  sample:
    - {name: "failover: web", expected: survives, seen: survives, ok: true, detail: "resumed 0.41 s after the
      takeover"}
ok:
  description: Whether every row is as expected.
  returned: when O(state=collected)
  type: bool
  sample: true
flows:
  description: What became of each session. Times are seconds.
  returned: when O(state=collected)
  type: list
  elements: dict
  sample: [{name: web, survived: true, resumed_after: 0.41, gap: 1.6, exchanges: 120, error: ""}]
takeovers:
  description: Each gateway's link addresses before and after each takeover.
  returned: when O(state=collected)
  type: list
  elements: dict
  sample: [{gateway: 192.168.2.100, before: "12:34:56:78:9a:11", after: "12:34:56:78:9a:12"}]
"""

import socket
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.probe.process import (
    ProbeError,
    Ready,
    ask,
    running,
    start,
    stop,
)
from ansible_collections.ftfw.pair.plugins.module_utils.probe.session_flows import PORTS, Target
from ansible_collections.ftfw.pair.plugins.module_utils.probe.session_run import Sessions


def argument_spec() -> dict[str, Any]:
    flow = {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "required": True, "choices": ["download", "ftp", "http", "ssh"]},
        "target": {"type": "str", "required": True},
        "port": {"type": "int"},
        "path": {"type": "str", "default": "/"},
        "sha256": {"type": "str"},
        "interval": {"type": "float", "default": 0.2},
        "user": {"type": "str", "default": "root"},
        "identity_file": {"type": "path"},
        "host_key": {"type": "str", "no_log": False},
    }
    return {
        "state": {"type": "str", "choices": ["started", "collected", "stopped"], "default": "started"},
        "name": {"type": "str", "default": "failover"},
        "gateway": {"type": "list", "elements": "str"},
        "flows": {
            "type": "list",
            "elements": "dict",
            "options": flow,
            "required_if": [("kind", "ssh", ["identity_file", "host_key"])],
        },
        "expected": {"type": "str", "choices": ["survives", "dies"], "default": "survives"},
        "window": {"type": "float", "default": 10},
        "open_timeout": {"type": "float", "default": 30},
        "takeover_timeout": {"type": "float", "default": 30},
        "finish_timeout": {"type": "float", "default": 60},
        "lifetime": {"type": "float", "default": 300},
        "directory": {"type": "path", "default": "/run/ftfw-probe"},
    }


def begin(folder: Path, params: dict[str, Any]) -> dict[str, Any]:
    targets = [Target(**{**flow, "port": flow["port"] or PORTS[flow["kind"]]}) for flow in params["flows"]]

    def work(control: socket.socket, ready: Ready) -> None:
        # made here, in the process that runs them: a fork marks the threads of its parent as ended
        sessions = Sessions(params["name"], targets, params["gateway"], folder, params["open_timeout"])
        sessions.serve(control, ready)

    start(folder, params["lifetime"], work, params["open_timeout"] + 10)
    return {}


def collect(folder: Path, params: dict[str, Any]) -> dict[str, Any]:
    request = {key: params[key] for key in ("expected", "window", "takeover_timeout", "finish_timeout")}
    answer = ask(folder, request, params["lifetime"])
    return {"ok": all(row["ok"] for row in answer["checks"]), **answer}


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "started", ["gateway", "flows"])],
    )
    params = module.params
    folder = Path(params["directory"], f"sessions-{params['name']}")
    changed = params["state"] != "stopped" or running(folder)
    result: dict[str, Any] = {}
    try:
        if not module.check_mode:
            if params["state"] == "started":
                result = begin(folder, params)
            elif params["state"] == "collected":
                result = collect(folder, params)
            else:
                stop(folder)
    except (ProbeError, OSError) as error:
        module.fail_json(msg=f"sessions {params['name']}: {error}")
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
