#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send real packets through a ruleset that is loaded nowhere yet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: policy_check
short_description: Send real packets through a ruleset that is loaded nowhere yet
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Loads a table into a network namespace of its own, which plays the firewall, with a wire at each of its
    devices, on which any address of that network can be played. Sends packets, and tells what really became
    of each flow.
  - All tests are sent at the same time, as far as they don't meet in the connection tracking table.
  - The namespaces have no name and go with the module's process, also when it is killed. No ruleset, device
    or address of the host is touched.
  - Limits are given large bursts while tests are sent together. A test with C(repeat) gets the table as it
    is, for itself.
  - The kernel picks up TCP flows midway there (C(nf_conntrack_tcp_loose)), and has no reverse path filter, so
    that the ruleset has to stop what they would have stopped.
  - The task does not fail when a test does. RV(ok) and RV(rows) tell.
options:
  ruleset:
    description: The text of one or more nft tables.
    type: str
    required: true
  interfaces:
    description: The firewall's devices.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The device's name.
        type: str
        required: true
      network:
        description: What tests call the network at its other end. By default as the device.
        type: str
      prefixes:
        description: The network's prefixes, routed to the device.
        type: list
        elements: str
        default: []
      addresses:
        description: The firewall's own and virtual addresses there, with prefix lengths.
        type: list
        elements: str
        default: []
  tests:
    description: What to send, and what should become of it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The row's name in the table.
        type: str
        required: true
      from:
        description: The network where it comes in, or V(firewall) for what the firewall itself sends.
        type: str
        required: true
      to:
        description: The network where it has to come out when it is accepted, or V(firewall).
        type: str
      source:
        description: The address that sends. It need not be one of the network.
        type: str
        required: true
      destination:
        description: The address that it is sent to.
        type: str
        required: true
      protocol:
        description: V(tcp), V(udp), V(sctp), V(icmp) (of either family), or a protocol's number.
        type: str
        required: true
      port:
        description: The destination port of TCP and UDP.
        type: int
      source_port:
        description: The source port, or the identifier of a ping. By default one of its own.
        type: int
      type:
        description: The type of ICMP, as nft names it, or its number. By default V(echo-request).
        type: str
      code:
        description: The code of ICMP.
        type: int
        default: 0
      flags:
        description: The flags of TCP. By default V(syn) alone; an empty list is none.
        type: list
        elements: str
      packet:
        description:
          - Which packet of the flow is judged. V(opening) is its first, V(reply) what answers that,
            V(established) what follows the reply, V(related) an ICMP error about the first, and V(expected)
            the connection that the dialog of O(tests[].helper) announces.
          - When the flow can't be opened, the fate of the first packet is that of the judged one.
        type: str
        choices: [opening, established, reply, related, expected]
        default: opening
      error:
        description: The type of a V(related) error. By default that the packet was too big.
        type: str
      by:
        description:
          - The network from which a reply or an error comes, when not from where the flow went. With that
            where the flow came from, a V(related) error is about the reply.
        type: str
      helper:
        description: Whose dialog announces an V(expected) connection.
        type: str
        choices: [ftp, tftp]
      repeat:
        description:
          - How often to send the first packet, or the V(related) error, at once, to meet a limit. Pings are
            of one flow, other first packets of one each. At most 100.
        type: int
        default: 1
      hops:
        description: The hop limit of ICMP, 1 to 255. By default 64, and 255 of neighbour discovery.
        type: int
      broken:
        description: Whether to send it with a wrong checksum.
        type: bool
        default: false
      setup:
        description: Commands of nft that are given after the ruleset, in the same transaction.
        type: list
        elements: str
        default: []
      at:
        description:
          - When it is sent, such as V(saturday 22:30), in UTC, for what the ruleset says with C(meta day) and
            C(meta hour). By default that is judged by the machine's clock.
        type: str
      expected:
        description:
          - What should become of it, all of it. V(accept), V(drop) (nothing came out and nothing came back),
            V(reject) (a reset or an ICMP error came back), V(limited) (of a repeated packet some came out).
          - V(snat to ADDRESS), V(dnat to ADDRESS) and V(helper NAME), or V(no snat), V(no dnat) and
            V(no helper).
          - V(entry) and V(no entry) of connection tracking; V(reply) and V(no reply), whether the answer gets
            back to the sender. Where something would answer, V(accept) asks for that too.
        type: list
        elements: str
        required: true
  mutate:
    description:
      - Whether to send the tests through mutants of the ruleset as well, when all of them are well. In each
        mutant one rule is removed or loses one of its matches, or a chain its policy to drop.
    type: bool
    default: false
  timeout:
    description: Seconds after which the module ends. What O(mutate) has found until then is kept.
    type: int
    default: 600
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.look]
attributes:
  check_mode:
    details: [It does the same in check mode.]
requirements: [root, nft, ip, a kernel that has what the ruleset uses]
"""

EXAMPLES = r"""
- name: See what a ruleset does before it is live
  ftfw.pair.policy_check:
    ruleset: "{{ site_view.nftables.ruleset }}"
    interfaces:
      - {name: eth0, network: outside, prefixes: [192.168.0.0/24], addresses: [192.168.0.1/24]}
      - {name: eth1, network: inside, prefixes: [192.168.2.0/24], addresses: [192.168.2.1/24]}
    tests:
      - name: ssh goes out as the pair
        from: inside
        to: outside
        source: 192.168.2.3
        destination: 192.168.0.3
        protocol: tcp
        port: 22
        expected: [accept, snat to 192.168.0.100]
      - name: nobody comes in
        from: outside
        source: 192.168.0.3
        destination: 192.168.2.3
        protocol: tcp
        port: 22
        expected: [drop]
  delegate_to: localhost
"""

RETURN = r"""
ok:
  description: Whether all tests are as expected and, with O(mutate), each mutant was noticed or has a reason.
  returned: always
  type: bool
  sample: true
unreadable:
  description:
    - Whether it is the text that nft can't read, as after a mistake in a fragment, and not a kernel that
      lacks something.
  returned: when nft refuses the ruleset
  type: bool
  sample: true
rows:
  description: A row for each test, in their order, as M(ftfw.pair.report) takes them.
  returned: always
  type: list
  elements: dict
  sample:
    - name: ssh goes out as the pair
      expected: accept, snat to 192.168.0.100
      seen: accept, snat to 192.168.0.100
      ok: true
      detail: ""
mutation:
  description:
    - How many mutants there were, how many of them nft refused and tests noticed, how many were not
      tried because the time was over, and those that no test noticed. A C(reason) is the argument why a
      mutant is no mistake; one without is a rule that nothing tests.
  returned: with O(mutate), when all tests are as expected
  type: dict
  sample:
    mutants: 210
    refused: 4
    noticed: 205
    untried: 0
    unnoticed:
      - chain: prerouting
        line: 60
        rule: meta l4proto tcp ct event set new,destroy
        change: removed
        reason: it decides what conntrackd is told, and nothing about a packet
"""

import os
import signal
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import (
    OutOfTimeError,
    SpaceError,
    TableError,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.mutation import mutate
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import check, open_space
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import SpecError, read


def argument_spec() -> dict[str, Any]:
    strings = {"type": "list", "elements": "str"}
    interface = {
        "name": {"type": "str", "required": True},
        "network": {"type": "str"},
        "prefixes": {**strings, "default": []},
        "addresses": {**strings, "default": []},
    }
    test = {
        "name": {"type": "str", "required": True},
        "from": {"type": "str", "required": True},
        "to": {"type": "str"},
        "source": {"type": "str", "required": True},
        "destination": {"type": "str", "required": True},
        "protocol": {"type": "str", "required": True},
        "port": {"type": "int"},
        "source_port": {"type": "int"},
        "type": {"type": "str"},
        "code": {"type": "int", "default": 0},
        "flags": strings,
        "packet": {
            "type": "str",
            "choices": ["opening", "established", "reply", "related", "expected"],
            "default": "opening",
        },
        "error": {"type": "str"},
        "by": {"type": "str"},
        "helper": {"type": "str", "choices": ["ftp", "tftp"]},
        "repeat": {"type": "int", "default": 1},
        "hops": {"type": "int"},
        "broken": {"type": "bool", "default": False},
        "setup": {**strings, "default": []},
        "at": {"type": "str"},
        "expected": {**strings, "required": True},
    }
    return {
        "ruleset": {"type": "str", "required": True},
        "interfaces": {"type": "list", "elements": "dict", "required": True, "options": interface},
        "tests": {"type": "list", "elements": "dict", "required": True, "options": test},
        "mutate": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 600},
    }


def out_of_time(_number: int, _frame: object) -> None:
    raise OutOfTimeError("the time is over")


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    result: dict[str, Any] = {}
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(params["timeout"])
    try:
        wires, probes = read(params["interfaces"], params["tests"])
        if os.geteuid() != 0:
            raise SpaceError("needs root, to make network namespaces")
        with open_space(wires, probes) as space:
            rows = check(space, params["ruleset"], probes)
            ok = all(row["ok"] for row in rows)
            if ok and params["mutate"]:
                result["mutation"] = mutate(space, params["ruleset"], probes)
                mutation = result["mutation"]
                ok = not mutation["untried"] and all(one["reason"] for one in mutation["unnoticed"])
    except TableError as error:
        # nft can't read it; what the kernel can't take may be for want of a module
        module.fail_json(msg=str(error), unreadable="Could not process rule" not in str(error))
    except (SpecError, SpaceError, OutOfTimeError, OSError) as error:
        module.fail_json(msg=str(error))
    signal.alarm(0)
    module.exit_json(changed=False, ok=ok, rows=rows, **result)


if __name__ == "__main__":
    main()
