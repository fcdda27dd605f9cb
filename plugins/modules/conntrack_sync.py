#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conntrack_sync
short_description: Bring the flows that conntrackd replicates to where they are needed
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Waits until all flows of the primary are on the backup, commits, resyncs or flushes caches.
  - A flow is an entry of the connection tracking table. It is known by its protocol, zone and original
    tuple. Where both sides tell the reply tuple too, which has the NAT, it must be the same. conntrackd's
    external cache does not tell it.
  - With O(state=synced), what must be on the backup is what the primary's conntrackd replicates, which is its
    internal cache. So the filters of its configuration are respected.
extends_documentation_fragment: [ftfw.pair.attributes]
attributes:
  action:
    description: Has an action plugin, which runs this module on the backup when O(backup) is given.
    support: full
  check_mode:
    support: full
    details:
      - With O(state=synced) nothing is ever changed, and check mode waits in the same way.
  diff_mode:
    support: full
    details:
      - The diff shows the number of flows in each cache, and how many of the external cache are not in the
        kernel's table.
      - With O(state=resynced) it shows no difference, since what the peer sends is not known before.
      - With O(state=synced) there is none.
  idempotent:
    support: partial
    details: [With O(state=resynced), a request is sent, and C(changed) is true, every time.]
options:
  state:
    description:
      - V(synced) waits until all flows that the primary had in its internal cache when the task began, and
        that are still alive, are on the backup. Fails when the time is over, and says what is missing. Runs
        on the primary, with O(backup) naming the other node. It never changes anything.
      - V(committed) makes sure that all flows of this node's external cache are in its kernel's table.
        Changed when at least one was not. The commit then covers the whole cache, and replaces entries of
        the table that have the same original tuple. When all are there, none is made, since the cache may
        be older than the table. Where the configuration says C(DisableExternalCache), there is nothing to do.
      - V(resynced) sends a request for a resync, see O(direction). Always changed. Whether the flows have
        arrived is told by V(synced).
      - V(flushed) makes sure that the caches given by O(caches) are empty. Changed when one was not.
    type: str
    choices: [synced, committed, resynced, flushed]
    required: true
  backup:
    description:
      - The backup's name in the inventory, for O(state=synced). The task runs on the primary.
    type: str
  backup_config:
    description: The configuration file of conntrackd on the backup. The same as O(config) if not given.
    type: path
  tuples:
    description:
      - With O(state=synced) and instead of O(backup), the flows to wait for, packed as in
        RV(ftfw.pair.conntrack_sync_info#module:flows). The task then runs on the backup, and does not know
        whether a flow is still alive.
    type: str
  table:
    description:
      - Where the flows must be on the backup.
      - V(auto) is the external cache, or the kernel's table where the configuration says
        C(DisableExternalCache).
    type: str
    choices: [auto, external, kernel]
    default: auto
  direction:
    description:
      - What O(state=resynced) means.
      - V(request) asks the peer to send all its flows (C(conntrackd -n), in the modes FTFW and NOTRACK).
      - V(send) sends all flows of this node to the peer (C(conntrackd -B)).
      - V(kernel) reads the internal cache anew from the kernel's table (C(conntrackd -R)), and sends nothing.
        A node that has become primary by a commit needs this, and V(send) after it.
    type: str
    choices: [request, send, kernel]
    default: request
  caches:
    description:
      - Which caches O(state=flushed) empties. The kernel's table is not touched.
      - An internal cache stays empty until its flows change, or are read again with O(state=resynced) and
        O(direction=kernel).
    type: list
    elements: str
    choices: [internal, external]
    default: [external]
  config:
    description: The configuration file of conntrackd. It also names the socket of the daemon.
    type: path
    default: /etc/conntrackd/conntrackd.conf
  timeout:
    description:
      - Seconds to wait, with O(state=synced) for flows, with O(state=committed) and O(state=flushed) until
        the daemon has done it.
      - With O(backup), one look at both nodes is always taken, however long that takes.
    type: float
    default: 30
seealso:
  - module: ftfw.pair.conntrack_sync_info
requirements: [conntrack and conntrackd on the managed nodes]
"""

EXAMPLES = r"""
- name: Wait until the backup knows all flows of the primary
  ftfw.pair.conntrack_sync:
    state: synced
    backup: fw-2
    timeout: 60
  delegate_to: fw-1

- name: Put the flows of the external cache into the kernel's table
  ftfw.pair.conntrack_sync:
    state: committed

- name: Ask the peer for all its flows
  ftfw.pair.conntrack_sync:
    state: resynced

- name: Read the internal cache anew after a takeover
  ftfw.pair.conntrack_sync:
    state: resynced
    direction: kernel

- name: Empty the external cache
  ftfw.pair.conntrack_sync:
    state: flushed
    caches: [external]
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, in order.
  returned: success, and the state is not synced
  type: list
  elements: str
  sample: ["commit the external cache, 12 of its flows are not in the kernel's table"]
replicated:
  description: How many flows had to be on the backup.
  returned: when the state is synced
  type: int
  sample: 120
ended:
  description: How many of them ended while they were not on the backup, and are not missed.
  returned: when backup is given
  type: int
  sample: 2
orphans:
  description:
    - Those of them that are not on the backup and can't get there any more, at most 100. A helper expected
      them, and their control connections are over. They are not missed, but a warning names them.
  returned: when backup is given
  type: list
  elements: str
  sample: []
missing:
  description: The flows that are not on the backup, at most 100 of them.
  returned: when the state is synced
  type: list
  elements: str
  sample: ["tcp src=192.168.2.3 dst=192.168.0.3 sport=40022 dport=22"]
missing_count:
  description: How many flows are not on the backup.
  returned: when the state is synced
  type: int
  sample: 0
pending:
  description: The flows that are not on the backup, packed.
  returned: when tuples is given
  type: str
  sample: "eJwDAAAAAAE="
table:
  description: Where the flows were looked for on the backup.
  returned: when the state is synced
  type: str
  sample: external
"""

import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack import tuples as conntrack_tuples
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import OutputError, PackedError
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd import plan as conntrackd_plan
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd.client import (
    DEFAULT_CONFIG,
    Conntrackd,
    ConntrackdError,
    await_flows,
)
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd.plan import (
    RESYNC_OPTIONS,
    CacheChange,
    Caches,
    Commit,
    Flush,
    PlanError,
)

MISSING_SHOWN = 100


class SyncError(Exception):
    """The daemon took a request, and what it stands for did not come about."""


def wait(daemon: Conntrackd, tuples: str, table: str, seconds: float) -> dict[str, Any]:
    """Wait on the backup for flows; the result names those that did not come."""
    wanted = conntrack_tuples.unpack(tuples)
    if table == "auto":
        table = "external" if daemon.general()["external"]["kind"] == "cache" else "kernel"
    left = await_flows(wanted, lambda: daemon.flows(table), seconds)
    return {
        "table": table,
        "replicated": len(wanted),
        "missing_count": len(left),
        "missing": [str(flow) for flow in left[:MISSING_SHOWN]],
        "pending": conntrack_tuples.pack(left),
    }


def read_caches(daemon: Conntrackd, compare: bool) -> Caches:
    """The state before a change. To compare external cache and kernel costs two dumps."""
    general = daemon.general()
    internal, external = general["internal"], general["external"]
    return Caches(
        internal=internal.get("active", 0),
        external=external.get("active", 0),
        uncommitted=uncommitted(daemon) if compare and external["kind"] == "cache" else 0,
        internal_kind=internal["kind"],
        external_kind=external["kind"],
    )


def apply(daemon: Conntrackd, change: CacheChange, seconds: float) -> None:
    """Ask the daemon for one change, and see that it comes about."""
    if isinstance(change, Commit):
        # asked once: where another commit is under way already, the daemon passes over ours, and that one
        # serves
        daemon.ask("-c")
        until_none(lambda: uncommitted(daemon), daemon, "not in the kernel's table after the commit", seconds)
    elif isinstance(change, Flush):
        flushed_before = daemon.general()[change.cache]["destroyed"]
        until_none(
            lambda: flush(daemon, change.cache, flushed_before),
            daemon,
            f"still in the {change.cache} cache",
            seconds,
        )
    else:
        daemon.ask(RESYNC_OPTIONS[change.direction])


def flush(daemon: Conntrackd, cache: str, destroyed: int) -> int:
    """Flush, and count what is left of the flows that were there. During a commit the daemon ignores this."""
    daemon.ask("-f", cache)
    now = daemon.general()[cache]
    return int(now["active"]) if now["destroyed"] == destroyed else 0


def uncommitted(daemon: Conntrackd) -> int:
    return len(conntrack_tuples.missing(daemon.flows("external"), daemon.flows("kernel")))


def until_none(count: Callable[[], int], daemon: Conntrackd, failure: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        left = count()
        if not left:
            return
        if time.monotonic() >= deadline:
            raise SyncError(f"conntrackd of {daemon.config}: {left} flows are {failure}")
        time.sleep(0.2)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["synced", "committed", "resynced", "flushed"],
                "required": True,
            },
            "backup": {"type": "str"},
            "backup_config": {"type": "path"},
            "tuples": {"type": "str"},
            "table": {"type": "str", "choices": ["auto", "external", "kernel"], "default": "auto"},
            "direction": {"type": "str", "choices": ["request", "send", "kernel"], "default": "request"},
            "caches": {
                "type": "list",
                "elements": "str",
                "choices": ["internal", "external"],
                "default": ["external"],
            },
            "config": {"type": "path", "default": DEFAULT_CONFIG},
            "timeout": {"type": "float", "default": 30.0},
        },
        mutually_exclusive=[("backup", "tuples")],
        required_if=[("state", "synced", ("backup", "tuples"), True)],
        supports_check_mode=True,
    )
    wanted = module.params
    daemon = Conntrackd(wanted["config"])
    try:
        if wanted["state"] == "synced":
            if wanted["backup"]:
                module.fail_json(msg="backup needs the action plugin of this collection, which was not used")
            answer = wait(daemon, wanted["tuples"], wanted["table"], wanted["timeout"])
            if answer["missing_count"]:
                module.fail_json(
                    msg=f"{answer['missing_count']} of {answer['replicated']} flows are not in the "
                    f"{answer['table']} table after {wanted['timeout']:g} s: {answer['missing'][0]}",
                    **answer,
                )
            module.exit_json(changed=False, **answer)
        before = read_caches(daemon, compare=wanted["state"] == "committed")
        if wanted["state"] == "committed":
            changes = conntrackd_plan.plan_committed(before)
        elif wanted["state"] == "resynced":
            changes = conntrackd_plan.plan_resynced(wanted["direction"], daemon.mode(), before)
        else:
            changes = conntrackd_plan.plan_flushed(wanted["caches"], before)
        if not module.check_mode:
            for change in changes:
                apply(daemon, change, wanted["timeout"])
    except (ConntrackdError, OutputError, PackedError, PlanError, SyncError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(changes),
        changes=[str(change) for change in changes],
        diff={
            "before": conntrackd_plan.shown(before),
            "after": conntrackd_plan.shown(conntrackd_plan.fold(before, changes)),
        },
    )


if __name__ == "__main__":
    main()
