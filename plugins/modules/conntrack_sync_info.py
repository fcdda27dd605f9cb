#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conntrack_sync_info
short_description: Statistics of conntrackd, and the flows that it knows
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Returns the statistics of a running conntrackd as numbers and words.
  - Returns sets of flows on request. They are packed, to be passed on to other tasks.
  - A daemon that does not run or answer, and output that is not understood, are errors.
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.look]
attributes:
  check_mode:
    details: [Nothing is ever changed.]
options:
  gather:
    description: The sections of the statistics to return.
    type: list
    elements: str
    choices: [general, network, cache, runtime, link, queue, expectations]
    default: [general, network, cache, runtime, link, queue, expectations]
  tables:
    description:
      - Where to take flows from.
      - V(internal) is what this node replicates, V(external) what it has got from its peer, and V(kernel) its
        connection tracking table.
    type: list
    elements: str
    choices: [internal, external, kernel]
    default: []
  among:
    description: Return only the flows whose original tuples are in this packed set.
    type: str
  closing:
    description:
      - Whether to return TCP flows that end (C(FIN_WAIT), C(CLOSE_WAIT), C(LAST_ACK), C(TIME_WAIT),
        C(CLOSE)) as well. Two nodes drop them at different times.
    type: bool
    default: true
  orphans:
    description:
      - Whether to return, from the table V(kernel), flows that a helper expected and whose control connection
        is over as well. conntrackd can't give them to a node that does not have them. Left out, they are
        C(orphans) of RV(flows).
    type: bool
    default: true
  config:
    description: The configuration file of conntrackd. It also names the socket of the daemon.
    type: path
    default: /etc/conntrackd/conntrackd.conf
seealso:
  - module: ftfw.pair.conntrack_sync
requirements: [conntrackd on the managed node, and conntrack for the table V(kernel)]
"""

EXAMPLES = r"""
- name: Read all statistics of conntrackd
  ftfw.pair.conntrack_sync_info:
  register: sync

- name: See that a dedicated link is up and loses nothing
  ansible.builtin.assert:
    that:
      - sync.conntrackd.link[0].status == 'running'
      - sync.conntrackd.network.packets_lost == 0

- name: Take the flows that are replicated
  ftfw.pair.conntrack_sync_info:
    gather: []
    tables: [internal]
  register: snapshot
"""

RETURN = r"""
conntrackd:
  description: The sections that were asked for.
  returned: success
  type: dict
  contains:
    general:
      description:
        - Flows in both caches since the daemon's start, traffic, the active link, and messages.
        - The C(kind) of C(internal) is V(cache), or V(bypass) when the cache is turned off. That of
          C(external) is V(cache) or V(inject). Only a cache has C(active).
      returned: when asked for
      type: dict
      sample:
        internal:
          kind: cache
          active: 5
          created: 5
          created_failed: 0
          updated: 0
          updated_failed: 0
          destroyed: 0
          destroyed_failed: 0
        external:
          kind: inject
          created: 5
          created_failed: 0
          updated: 0
          updated_failed: 0
          destroyed: 0
          destroyed_failed: 0
        traffic: {bytes: 0, packets: 0}
        messages: {malformed: 0, lost: 0}
        link:
          transport: udp
          device: eth2
          bytes_sent: 524
          bytes_received: 64
          packets_sent: 8
          packets_received: 4
          send_errors: 0
          receive_errors: 0
    network:
      description: Messages that were not accepted, and packets that were lost or came late.
      returned: when asked for
      type: dict
      sample:
        malformed_messages: 0
        wrong_protocol_version: 0
        malformed_header: 0
        malformed_payload: 0
        bad_message_type: 0
        truncated_messages: 0
        bad_message_size: 0
        malformed_messages_sent: 0
        packets_lost: 0
        packets_before: 0
        link:
          transport: udp
          device: eth2
          bytes_sent: 524
          bytes_received: 64
          packets_sent: 8
          packets_received: 4
          send_errors: 0
          receive_errors: 0
    cache:
      description: Both caches with the reasons of failures. A cache that is turned off is as in C(general).
      returned: when asked for
      type: dict
      sample:
        internal: &cache
          kind: cache
          active_objects: 5
          active_entries: 5
          total_entries: 5
          created: 5
          created_failed: 0
          created_failed_no_memory: 0
          created_failed_no_space: 0
          updated: 0
          updated_failed: 0
          updated_failed_not_found: 0
          destroyed: 0
          destroyed_failed: 0
          destroyed_failed_not_found: 0
        external: *cache
    runtime:
      description: Uptime in whole minutes, netlink events and failures of the daemon.
      returned: when asked for
      type: dict
      sample:
        uptime_minutes: 90
        netlink:
          events_received: 5
          events_filtered: 0
          events_unknown_type: 0
          catch_event_failed: 0
          dump_unknown_type: 0
          overruns: 0
          kernel_table_flushes: 0
          kernel_table_resyncs: 0
          buffer_bytes: 212992
        daemon:
          child_failed: 0
          child_segfaults: 0
          child_terminated: 0
          select_failed: 0
          wait_failed: 0
          local_read_failed: 0
          local_unknown_requests: 0
    link:
      description: The replication links, with the state of each.
      returned: when asked for
      type: list
      elements: dict
      sample:
        - transport: udp
          device: eth2
          status: running
          role: active
          bytes_sent: 524
          bytes_received: 64
          packets_sent: 8
          packets_received: 4
          send_errors: 0
          receive_errors: 0
    queue:
      description: The queues of messages. In mode FTFW, C(rsqueue) has what the peer has not confirmed.
      returned: when asked for
      type: dict
      sample:
        nodes: 0
        queues:
          txqueue: {elements: 0, maximum: 2147483647, no_space_errors: 0}
          errorq: {elements: 0, maximum: 128, no_space_errors: 0}
          rsqueue: {elements: 0, maximum: 131072, no_space_errors: 0}
    expectations:
      description: The caches of expectations, like those of C(general), or null if they are not replicated.
      returned: when asked for
      type: dict
      sample: null
flows:
  description: The flows of each table that was asked for.
  returned: success
  type: dict
  sample:
    internal: {count: 0, packed: "eJwDAAAAAAE="}
"""

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack import tuples as conntrack_tuples
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.orphans import ask_masters, orphans
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import Flow, OutputError, PackedError
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd import stats as conntrackd_stats
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd.client import (
    DEFAULT_CONFIG,
    Conntrackd,
    ConntrackdError,
)

# each section's argument of `conntrackd -s`, and what reads the answer
SECTIONS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "general": ("ct", conntrackd_stats.parse_general),
    "network": ("network", conntrackd_stats.parse_network),
    "cache": ("cache", conntrackd_stats.parse_cache),
    "runtime": ("runtime", conntrackd_stats.parse_runtime),
    "link": ("link", conntrackd_stats.parse_links),
    "queue": ("queue", conntrackd_stats.parse_queue),
    "expectations": ("expect", conntrackd_stats.parse_expectations),
}


def gather(daemon: Conntrackd, section: str) -> object:
    argument, parse = SECTIONS[section]
    return parse(daemon.statistics(argument), f"conntrackd -s {argument}")


def take(
    daemon: Conntrackd, table: str, chosen: list[Flow] | None, closing: bool, with_orphans: bool
) -> dict[str, object]:
    masters = ask_masters() if table == "kernel" and not with_orphans else {}
    flows = daemon.flows(table, closing)
    alone = orphans(flows, masters)
    if chosen is not None:
        flows = conntrack_tuples.among(flows, chosen)
    lasting = [flow for flow in flows if flow.key not in alone]
    found: dict[str, object] = {"count": len(lasting), "packed": conntrack_tuples.pack(lasting)}
    if table == "kernel" and not with_orphans:
        found["orphans"] = conntrack_tuples.pack([flow for flow in flows if flow.key in alone])
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "gather": {
                "type": "list",
                "elements": "str",
                "choices": list(SECTIONS),
                "default": list(SECTIONS),
            },
            "tables": {
                "type": "list",
                "elements": "str",
                "choices": ["internal", "external", "kernel"],
                "default": [],
            },
            "among": {"type": "str"},
            "closing": {"type": "bool", "default": True},
            "orphans": {"type": "bool", "default": True},
            "config": {"type": "path", "default": DEFAULT_CONFIG},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    daemon = Conntrackd(wanted["config"])
    try:
        chosen = None if wanted["among"] is None else conntrack_tuples.unpack(wanted["among"])
        sections = {section: gather(daemon, section) for section in wanted["gather"]}
        flows = {
            table: take(daemon, table, chosen, wanted["closing"], wanted["orphans"])
            for table in wanted["tables"]
        }
    except (ConntrackdError, OutputError, PackedError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"the kernel does not list what helpers expected: {error}")
    module.exit_json(changed=False, conntrackd=sections, flows=flows)


if __name__ == "__main__":
    main()
