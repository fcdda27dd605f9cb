#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send numbered traffic for a while, and tell what became of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flow_probe
short_description: Send numbered traffic of several kinds for a while, and count what is lost
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Starts a process of its own, which ends by itself, with flows, with listeners that answer such flows, or
    with both. Every message has a number, so that what is lost, duplicated or out of order can be counted in
    each direction by itself, and its time, so that the longest gap is known.
  - Gaps are measured between arrivals, with the monotonic clock. What the sender itself was late with,
    because its host had no time for it, is in C(sender_stall_ms).
  - Collect the processes with flows first, and those with listeners after them. A process with listeners
    takes these with it, so let flows and listeners that others need run under two names.
options:
  state:
    description:
      - V(started) listens, and returns when each flow has had one exchange. It fails when a process of this
        O(name) runs.
      - V(collected) stops sending, waits a second for what is on its way, ends the process and returns what
        became of the flows. With a flow of kind V(ftp) it takes as long as the download still does.
      - V(stopped) ends the process, if there is one.
    type: str
    choices: [started, collected, stopped]
    default: started
  name:
    description: Tells several such processes on one host apart.
    type: str
    default: probe
  listeners:
    description: Where to listen. The process listens at all of them or does not start.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description:
          - V(tcp) answers flows of kind V(tcp) and V(connect), V(udp) those of its name, and V(ftp) serves
            generated files named C(probe-SECONDS-BYTES), as slowly as that says, in passive mode.
        type: str
        required: true
        choices: [tcp, udp, ftp]
      address:
        description: The address to bind.
        type: str
        required: true
      port:
        description: The port.
        type: int
        required: true
  flows:
    description: What to send.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name in the result.
        type: str
        required: true
      kind:
        description:
          - V(tcp) holds connections open, over which numbered messages go and come back.
          - V(connect) opens new connections for one exchange each, which has to be over within 3 seconds.
          - V(udp) sends numbered datagrams, and has the listener send a stream of its own back. Neither waits
            for the other.
          - V(ping) sends ICMP echo requests.
          - V(ftp) downloads one file slowly, and a second one on the same session when collected.
          - V(http) holds sessions with a web server, which need no listener of the probe. Each asks for a
            page again and again over one connection. Where the server says that it ends the connection, the
            session goes on over another one.
          - V(http_connect) opens new connections for one page each, which has to be there within 3 seconds.
        type: str
        required: true
        choices: [connect, ftp, http, http_connect, ping, tcp, udp]
      target:
        description: The IP address to send to.
        type: str
        required: true
      port:
        description: The port. Needed for all kinds but V(ping).
        type: int
      count:
        description: How many such flows.
        type: int
        default: 1
      rate:
        description:
          - Messages, requests or new connections per second of each flow. By default 1000 for V(udp), 5 for
            V(tcp), 1 for V(http), and 10 for the others.
        type: float
      size:
        description:
          - Bytes of one message, 64 by default, 36 at least. Of V(ftp), those of the file, 1 MiB by default.
            The size of a page is what the server has.
        type: int
      path:
        description: The page of V(http) and V(http_connect).
        type: str
        default: /
      seconds:
        description: How long the download of V(ftp) takes.
        type: float
        default: 20
      down:
        description: Whether a V(udp) flow asks for a stream back.
        type: bool
        default: true
      source_port:
        description: The source port of the first flow, the next one for the next flow. By default any.
        type: int
  require_reachable:
    description:
      - Whether each flow must have had one exchange within O(timeout). If not, all of them are counted from
        the start on.
    type: bool
    default: true
  timeout:
    description: Seconds that a flow has for its first exchange, and a download for its end when collected.
    type: float
    default: 10
  window:
    description: A flow survives when an exchange began and ended within these seconds before it is collected.
    type: float
    default: 3
  bin_ms:
    description: Milliseconds of one bin of a series.
    type: int
    default: 10
  realtime:
    description: Ask for the real-time priority SCHED_FIFO 1. Where that is not permitted RV(notes) says so.
    type: bool
    default: false
  lifetime:
    description: Seconds after which the process ends, whatever happens. What it has counted is lost then.
    type: float
    default: 300
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.probe]
attributes:
  check_mode:
    support: full
    details: [The options are checked. Nothing is started, collected or stopped.]
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: [Starting twice is an error.]
"""

EXAMPLES = r"""
- name: Answer flows on the server
  ftfw.pair.flow_probe:
    name: server
    listeners:
      - {kind: tcp, address: 192.168.0.3, port: 7001}
      - {kind: udp, address: 192.168.0.3, port: 7002}

- name: Send flows through the pair
  ftfw.pair.flow_probe:
    flows:
      - {name: sessions, kind: tcp, target: 192.168.0.3, port: 7001, count: 50}
      - {name: new, kind: connect, target: 192.168.0.3, port: 7001}
      - {name: stream, kind: udp, target: 192.168.0.3, port: 7002}

- name: Tell what became of them
  ftfw.pair.flow_probe:
    state: collected
  register: probe
"""

RETURN = r"""
flows:
  description:
    - What became of each entry of O(flows), all flows of an entry together.
    - Of V(ftp), C(sent), C(received) and C(lost) are bytes of both downloads.
    - A V(connect) or V(http_connect) entry also has C(first_failed_at) and C(last_failed_at), when the first
      and the last connection began that failed. A V(http) entry has C(kept), whether the server lets a
      connection last for more than one page, and C(ended), the sessions that have ended for whatever reason.
    - A V(udp) entry also has C(up) and C(down), with the counts of each direction, and C(complete), which is
      false when the listener could not be asked at the end. What only it knows is null then.
    - C(series) are arrivals per bin, from C(start) on (of V(udp) those of C(down), of V(ftp) bytes).
      C(counts) has a word for each bin, C(9), or C(9*4) for four bins in a row of 9 each.
    - C(sender_stall_ms) is the longest time between two sends of a flow, C(sender_late_ms) the longest
      between a message's due time and its sending, among those that arrived. C(happened) has the ends of
      flows in words, with their number.
  returned: when O(state=collected)
  type: list
  elements: dict
  sample:
    - name: sessions
      kind: tcp
      target: 192.168.0.3
      port: 7001
      count: 50
      sent: 2500
      received: 2500
      lost: 0
      duplicated: 0
      reordered: 0
      resets: 0
      timeouts: 0
      refused: 0
      corrupt: 0
      survivors: 50
      longest_gap_ms: 612.4
      longest_gap_at: 1767225600.25
      sender_stall_ms: 203.1
      sender_late_ms: 0.0
      happened: {}
      series: {bin_ms: 10, start: 1767225590.0, counts: "2*3 0 3 0*60 12"}
listeners:
  description:
    - What each listener had from each peer, for each kind. C(count) is the number of flows or, of V(ftp),
      sessions. Of V(udp) there is an entry for each flow, C(sent) and C(lost) are what its sender told at its
      end, and C(down_sent) what was sent back. Of V(ftp), C(sent) is the number of parts sent, C(received)
      of commands.
  returned: when O(state=collected)
  type: list
  elements: dict
  sample:
    - name: stream
      kind: udp
      address: 192.168.0.3
      port: 7002
      peer: 192.168.0.100
      count: 1
      sent: 9000
      received: 9000
      lost: 0
      down_sent: 9000
cpu_percent:
  description: What the process has used of one core, all its life.
  returned: when O(state=collected)
  type: float
  sample: 9.6
started_at:
  description: When the process was started, in seconds since the epoch. The series begin here.
  returned: when O(state) is V(started) or V(collected)
  type: float
  sample: 1767225590.0
ended_at:
  description: When it stopped sending.
  returned: when O(state=collected)
  type: float
  sample: 1767225690.0
notes:
  description: What was asked for and could not be had.
  returned: when O(state) is V(started) or V(collected)
  type: list
  elements: str
  sample: ["no real-time priority: Operation not permitted"]
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.probe.process import (
    ProbeError,
    ask,
    running,
    start,
    stop,
)
from ansible_collections.ftfw.pair.plugins.module_utils.probe.spec import (
    LISTENER_KINDS,
    complete,
    problems,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.serve import serve

FLOW_KINDS = ["connect", "ftp", "http", "http_connect", "ping", "tcp", "udp"]
OPTIONS = ("bin_ms", "lifetime", "listeners", "realtime", "require_reachable", "timeout")


def argument_spec() -> dict[str, Any]:
    listener = {
        "kind": {"type": "str", "required": True, "choices": list(LISTENER_KINDS)},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
    }
    flow = {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "required": True, "choices": FLOW_KINDS},
        "target": {"type": "str", "required": True},
        "port": {"type": "int"},
        "count": {"type": "int", "default": 1},
        "rate": {"type": "float"},
        "size": {"type": "int"},
        "path": {"type": "str", "default": "/"},
        "seconds": {"type": "float", "default": 20},
        "down": {"type": "bool", "default": True},
        "source_port": {"type": "int"},
    }
    return {
        "state": {"type": "str", "choices": ["started", "collected", "stopped"], "default": "started"},
        "name": {"type": "str", "default": "probe"},
        "listeners": {"type": "list", "elements": "dict", "default": [], "options": listener},
        "flows": {"type": "list", "elements": "dict", "default": [], "options": flow},
        "require_reachable": {"type": "bool", "default": True},
        "timeout": {"type": "float", "default": 10},
        "window": {"type": "float", "default": 3},
        "bin_ms": {"type": "int", "default": 10},
        "realtime": {"type": "bool", "default": False},
        "lifetime": {"type": "float", "default": 300},
        "directory": {"type": "path", "default": "/run/ftfw-probe"},
    }


def specification(params: dict[str, Any]) -> dict[str, Any]:
    spec = {key: params[key] for key in OPTIONS}
    spec["flows"] = [complete(flow) for flow in params["flows"]]
    wrong = problems(spec)
    if wrong:
        raise ProbeError("; ".join(wrong))
    return spec


def begin(folder: Path, spec: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    if running(folder):
        raise ProbeError("a probe of this name runs already; collect it, stop it, or take another name")
    if check_mode:
        return {}
    return start(folder, spec["lifetime"], lambda *control: serve(spec, *control), spec["timeout"] + 10)


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    folder = Path(params["directory"], f"flow-{params['name']}")
    changed = params["state"] != "stopped" or running(folder)
    result: dict[str, Any] = {}
    try:
        if params["state"] == "started":
            result = begin(folder, specification(params), module.check_mode)
        elif module.check_mode:
            pass
        elif params["state"] == "collected":
            result = ask(folder, {"window": params["window"]}, max(60.0, params["lifetime"]))
        else:
            stop(folder)
    except (ProbeError, OSError) as error:
        module.fail_json(msg=f"probe {params['name']}: {error}")
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
