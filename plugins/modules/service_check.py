#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check by packets which services a host reaches."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_check
short_description: Check by packets which services a host reaches
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Sends real packets to services and tells what became of them, in one task for any number of checks, all
    at once.
  - A connection is C(accept)ed when it comes about (and the service does what is asked), C(drop)ped when
    nothing
    answers within the time limit, and C(reject)ed when a RST or an ICMP message says so. An C(error) is a
    service that
    was reached and did not do what was asked.
  - The task does not fail when a check does. RV(ok) and RV(checks) tell.
options:
  checks:
    description: What to check.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The row's name in the table.
        type: str
        required: true
      kind:
        description:
          - What to do. V(tcp) opens a connection, V(udp) waits for a datagram's answer, V(ping) for one of
            two echo requests.
          - V(dns) asks for an address, V(http) and V(https) fetch a file, V(ftp) downloads one in passive
            mode, V(ssh) waits
            for the banner.
        type: str
        required: true
        choices: [dns, ftp, http, https, ping, ssh, tcp, udp]
      target:
        description: The address to send to.
        type: str
        required: true
      port:
        description: The port. Services have their own by default; V(tcp) and V(udp) need one.
        type: int
      expected:
        description: What should become of it.
        type: str
        choices: [accept, drop, reject]
        default: accept
      timeout:
        description: Seconds after which silence is a drop.
        type: float
        default: 5
      path:
        description: What to fetch with V(http), V(https) and V(ftp).
        type: str
        default: /
      sha256:
        description: The checksum that it should have.
        type: str
      query:
        description: The name to ask for with V(dns).
        type: str
        default: ""
      answer:
        description: An address that should be in the answer. An IPv6 one is asked for by AAAA, others by A.
        type: str
      certificate:
        description: The certificate that the server of V(https) has to show, or that of its issuer, in PEM.
          The system's by default.
        type: str
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.look]
requirements:
  - C(ping) of iputils for that kind
"""

EXAMPLES = r"""
- name: Check what the client reaches through the firewall
  ftfw.pair.service_check:
    checks:
      - {name: dns, kind: dns, target: 192.168.0.3, query: omarine, answer: 192.168.0.3}
      - {name: http, kind: http, target: 192.168.0.3, path: /small.bin}
      - {name: mail is dropped, kind: tcp, target: 192.168.0.3, port: 25, expected: drop, timeout: 3}
  register: services
"""

RETURN = r"""
checks:
  description: A row for each check, in their order.
  returned: success
  type: list
  elements: dict
  sample: [{name: http, expected: accept, seen: accept, ok: true, detail: 4096 bytes}]
  contains:
    name: {description: The check's name., type: str, returned: always}
    expected: {description: What should become of it., type: str, returned: always}
    seen: {description: "What became of it: accept, drop, reject or error.", type: str, returned: always}
    ok: {description: Whether that is the same., type: bool, returned: always}
    detail: {description: What else is known., type: str, returned: always}
ok:
  description: Whether every row is as expected.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.probe.checks import Check, run_checks


def argument_spec() -> dict[str, Any]:
    check = {
        "name": {"type": "str", "required": True},
        "kind": {
            "type": "str",
            "required": True,
            "choices": ["dns", "ftp", "http", "https", "ping", "ssh", "tcp", "udp"],
        },
        "target": {"type": "str", "required": True},
        "port": {"type": "int"},
        "expected": {"type": "str", "choices": ["accept", "drop", "reject"], "default": "accept"},
        "timeout": {"type": "float", "default": 5},
        "path": {"type": "str", "default": "/"},
        "sha256": {"type": "str"},
        "query": {"type": "str", "default": ""},
        "answer": {"type": "str"},
        "certificate": {"type": "str"},
    }
    need = [("kind", "tcp", ["port"]), ("kind", "udp", ["port"])]
    return {
        "checks": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": check,
            "required_if": need,
        }
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    rows = run_checks([Check(**check) for check in module.params["checks"]])
    module.exit_json(changed=False, ok=all(row.ok for row in rows), checks=[row.as_dict() for row in rows])


if __name__ == "__main__":
    main()
