# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault becomes on a site: shell scripts, each for one host of the inventory. Pure code.

How they are made safe is in `scripts`.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import balanced, scripts
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import ADVERTISED
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.scripts import LEAD_SECONDS, MARK, Script
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import (
    ANY,
    BRACES,
    NODES,
    DrillError,
    FaultRow,
    FaultStep,
)

CONTROLLER = "localhost"
SPARE_SECONDS = 60
"""How much later than its time an undo comes by itself."""
WATCH = "/var/tmp/ftfw-drill-watch"  # noqa: S108 - on a node, written by root, and it has to outlast a reboot
WATCH_UNIT = "ftfw-drill-watch"
ADDRESSES = "ip -oneline address show | awk '{ print $4 }' | tr '\\n' ' '"
TABLE = "ftfw_drill"
QMP = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1]); f = s.makefile("r"); f.readline()
def ask(command, **arguments):
    s.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\\n")
    while True:
        told = json.loads(f.readline())
        if "error" in told: sys.exit(command + ": " + told["error"]["desc"])
        if "return" in told: return
ask("qmp_capabilities")
if sys.argv[2] == "set_link": ask("set_link", name=sys.argv[3], up=sys.argv[4] == "on")
else: ask(sys.argv[2])
"""
"""Speaks QMP (qemu's docs/interop/qmp-spec) where no client of the collection is installed."""


@dataclass(frozen=True)
class FaultNode:
    """A firewall with what its variables tell of the means to disturb it."""

    name: str
    view: Mapping[str, Any]
    hypervisor: str | None = None
    container: str | None = None
    lab: Mapping[str, str] = field(default_factory=dict)
    kill: str | None = None
    start: str | None = None

    @property
    def kind(self) -> str:
        if self.hypervisor:
            return "guest"
        if self.container:
            return "container"
        return "command" if self.kill and self.start else "machine"

    def interfaces(self, purpose: str) -> dict[str, str]:
        """Network and interface of its data legs, or of its replication links."""
        if purpose == "sync":
            return {link["network"]: link["interface"] for link in self.view["conntrackd"]["links"]}
        carried = {item["interface"] for item in self.view["pair_state"]["addresses"]}
        known = self.view["node_network"]["interfaces"]
        return {one["network"]: one["name"] for one in known if one["name"] in carried}


@dataclass(frozen=True)
class FaultSite:
    """The firewalls of a pair in the order of preference, and what opens the probe's ports."""

    nodes: tuple[FaultNode, ...]
    hosts: tuple[str, ...]
    open: str = ""
    is_lab: bool = False
    balancers: Sequence[Mapping[str, Any]] = ()
    """Those that the probe goes through."""

    def legs(self) -> dict[str, list[str]]:
        return {purpose: list(self.nodes[0].interfaces(purpose)) for purpose in ("data", "sync")}

    def choose(self, role: str, primary: str) -> list[FaultNode]:
        """The nodes that a role of the table means while `primary` is primary."""
        by_role = {
            "primary": [node for node in self.nodes if node.name == primary],
            "backup": [node for node in self.nodes if node.name != primary],
            "preferred": list(self.nodes[:1]),
            "both": list(self.nodes),
        }
        return by_role[role]


def virtual_address_of(site: FaultSite, host: str) -> str:
    """The virtual address on the network of this address: what a host there has to reach."""
    address = ipaddress.ip_address(host)
    for node in site.nodes:
        networks = {
            item["name"]: [ipaddress.ip_interface(one).network for one in item["addresses"]]
            for item in node.view["node_network"]["interfaces"]
        }
        for item in node.view["pair_state"]["addresses"]:
            virtual = ipaddress.ip_interface(item["address"]).ip
            if any(address in one and virtual in one for one in networks[item["interface"]]):
                return str(virtual)
    raise DrillError(f"{host}: no virtual address is on its network, so a probe from there can't be judged")


def missing(row: FaultRow, site: FaultSite, primary: str | None = None) -> str | None:
    """What the site lacks for this row, as a sentence; None when it can be run.

    Without a primary, for any node may be it.
    """
    if row.parts:
        return next((why for part in row.parts for why in [missing(part, site, primary)] if why), None)
    roles = row.roles() if primary is not None else ("both",)
    meant = [node for node in site.nodes if any(node in site.choose(role, primary or "") for role in roles)]
    kinds = {node.kind for node in meant}
    if "lab" in row.needs and not site.is_lab:
        return "only in a lab: it fills a disk"
    if "kernel" in row.needs and "container" in kinds:
        return "needs nodes with a kernel of their own, and these are containers"
    if "balancer" in row.needs and not (site.balancers and all(one["shows"] for one in site.balancers)):
        return balanced.LACKING
    if ANY in row.via:
        return None
    if not kinds <= set(row.via):
        lacking = sorted(kinds - set(row.via))
        why = f"needs nodes of kind {' or '.join(row.via)}; {', '.join(lacking)} is what there is"
        if "machine" in lacking and "command" in row.via:
            return f"{why}: name its verify_kill_command and verify_start_command"
        return why
    for node in meant:
        if node.hypervisor and node.hypervisor not in site.hosts:
            return f"{node.name}: its hypervisor {node.hypervisor} is not in the inventory"
    return None


def steps(row: FaultRow, site: FaultSite, primary: str, lead: float = LEAD_SECONDS) -> list[dict[str, Any]]:
    """Make scripts of a row: `host`, `inject`, `undo`, `targets` (the nodes meant), in their order.

    Each place has one script, for it has one undo that is armed. The first one waits for `lead` seconds.
    """
    made: dict[tuple[str, str | None], Script] = {}
    for part in row.parts or (row,):
        for step, node in _done(part, site, primary):
            words = _words(part, site, node)
            host = node.name if step.at in NODES else _host(step, node)
            wires = node.lab["wires"] if step.at == "wires" else None
            script = made.setdefault((host, wires), Script(host, wires, node.lab.get("directory", "")))
            script.inject.append(_fill(step.inject, words))
            script.wait_down |= step.wait_down
            script.targets += [node.name] if node.name not in script.targets else []
            if step.undo:
                undo = _fill(step.undo, words)
                script.armed.append(undo)
                script.undo += [undo] if part.undo_when == "always" else []
    limit = round(row.seconds * max(1, row.repeat) + SPARE_SECONDS)
    return [
        {
            "host": one.host,
            "targets": one.targets,
            "inject": scripts.inject(one, one.host == CONTROLLER, limit, 0 if index else lead),
            "undo": scripts.undo(one, one.host == CONTROLLER, limit),
            "wait_down": one.wait_down,
        }
        for index, one in enumerate(made.values())
    ]


def _done(row: FaultRow, site: FaultSite, primary: str) -> Iterator[tuple[FaultStep, FaultNode]]:
    """Each step with each node that it is for; a pair may have nodes of two kinds."""
    for kind in (ANY, *dict.fromkeys(node.kind for node in site.nodes)):
        for step in row.via.get(kind, ()):
            for node in site.choose(step.at if step.at in NODES else step.of, primary):
                if kind in (ANY, node.kind):
                    yield step, node


def inside(row: FaultRow) -> tuple[str, str]:
    """The commands that make a fault inside of a node, and undo it: nothing is armed, no link is known."""
    (step,) = row.via[ANY]
    view: dict[str, Any] = {
        "conntrackd": {"links": []},
        "pair_state": {"addresses": []},
        "node_network": {"interfaces": []},
    }
    words = _words(row, FaultSite((), ()), FaultNode("", view))
    return _fill(step.inject, words), _fill(step.undo, words)


def _host(step: FaultStep, node: FaultNode) -> str:
    return node.hypervisor or CONTROLLER if step.at == "hypervisor" else CONTROLLER


def prepare(site: FaultSite, seconds: float) -> str:
    """What begins a row on a node: let the probe through, and watch who has which address.

    A node that has come back gets the same, as soon as it has a ruleset.
    """
    watch = (
        f'echo "{MARK}start $(date +%s.%N) $({ADDRESSES})" >>{WATCH}; '
        f"TZ=UTC exec ip -ts -oneline monitor address >>{WATCH} 2>/dev/null"
    )
    return (
        f"for i in $(seq 60); do {site.open} 2>/dev/null && break; sleep 1; done; "
        f"systemctl stop {WATCH_UNIT}.service 2>/dev/null; "
        f"printf '%s\\n' {shlex.quote(watch)} >/run/{WATCH_UNIT} && "
        f"systemd-run --quiet --collect --unit={WATCH_UNIT} --property=RuntimeMaxSec={seconds:.0f} "
        f"/bin/sh /run/{WATCH_UNIT}"
    )


def announced(node: FaultNode) -> dict[str, str]:
    """How a node announces its virtual addresses, in words, and nft's match of such frames.

    By gratuitous ARP, and by advertisements that nobody has solicited: these go to all nodes (RFC 4861,
    section 7.2.6).
    """
    virtual = [item["address"].partition("/")[0] for item in node.view["pair_state"]["addresses"]]
    four = ", ".join(one for one in virtual if ":" not in one)
    ways = {}
    if four:
        ways["gratuitous ARP"] = f"arp saddr ip {{ {four} }} arp daddr ip {{ {four} }}"
    if any(":" in one for one in virtual):
        ways[ADVERTISED] = "ip6 daddr ff02::1 icmpv6 type nd-neighbor-advert"
    return ways


def count_announcements(node: FaultNode) -> str:
    """Count the frames that announce virtual addresses and leave the node from now on."""
    table = f"table netdev {TABLE}_arp"
    # a row that broke off has left its own table, which has counted on
    lines = [f"add {table}", f"delete {table}", f"add {table}"]
    for number, interface in enumerate(node.interfaces("data").values()):
        chain = f"{TABLE}_arp leg_{number}"
        lines.append(
            f'add chain netdev {chain} {{ type filter hook egress device "{interface}" priority -400; }}'
        )
        lines += [f"add rule netdev {chain} {match} counter" for match in announced(node).values()]
    return "nft " + shlex.quote("; ".join(lines))


def collect() -> str:
    """What ends a row on a node: what was watched, and the announcements that were counted."""
    return (
        f"systemctl stop {WATCH_UNIT}.service 2>/dev/null; cat {WATCH}; "
        f'echo "{MARK}end $(date +%s.%N) $({ADDRESSES})"; rm -f {WATCH} /run/{WATCH_UNIT}; '
        f"if nft list table netdev {TABLE}_arp >/dev/null 2>&1; then "
        f"nft list table netdev {TABLE}_arp | awk '/counter packets/ {{ for (i = 1; i < NF; i++) "
        f'if ($i == "packets") n[/icmpv6/] += $(i + 1) }} '
        f'END {{ print "{MARK}arp " n[0] + 0; print "{MARK}advert " n[1] + 0 }}\'; '
        f"nft delete table netdev {TABLE}_arp; fi; true"
    )


def stamp(text: str, what: str) -> float | None:
    """The time after the first mark of this kind in what a script has printed."""
    return next(iter(stamps(text, what)), None)


def stamps(text: str, what: str) -> list[float]:
    """The times after all marks of this kind."""
    lines = (line.split() for line in text.splitlines())
    return [float(words[2]) for words in lines if words[:2] == [MARK.strip(), what]]


def _fill(text: str, words: Mapping[str, str]) -> str:
    return BRACES.sub(lambda found: words[found[1]], text)


def _drop(interfaces: Sequence[str], rule: str = "") -> str:
    """Drop frames of the interfaces in both directions, all of them or those that a rule matches."""
    policy = "accept" if rule else "drop"
    lines = [f"add table netdev {TABLE}"]
    for number, interface in enumerate(interfaces):
        for hook in ("ingress", "egress"):
            chain = f"{TABLE} {hook}_{number}"
            lines.append(
                f'add chain netdev {chain} {{ type filter hook {hook} device "{interface}" priority -500; '
                f"policy {policy}; }}"
            )
            lines += [f"add rule netdev {chain} {rule} drop"] if rule else []
    return "nft " + shlex.quote("; ".join(lines))


def _power_off(container: str) -> str:
    """End a container as a loss of power ends a machine: before its kernel's part goes, it is deaf and dumb.

    The rules of a network namespace go before its interfaces do (nf_tables_api.c, pre_exit). Meanwhile it
    would forward what it does not translate any more, and answer for its addresses with resets.
    """
    silence = "; ".join(
        f"ip -{family} rule add pref 1 blackhole; ip -{family} rule del pref 0" for family in (4, 6)
    )
    return (
        f"pid=$(podman inspect {container} | sed -n 's/^ *\"Pid\": \\([0-9]*\\),$/\\1/p'); "
        f"nsenter --target $pid --net sh -c {shlex.quote(silence)}; podman kill {container} >/dev/null"
    )


def _words(row: FaultRow, site: FaultSite, node: FaultNode) -> dict[str, str]:
    """What the words in braces mean for this node."""
    data, sync = node.interfaces("data"), node.interfaces("sync")
    leg = {**data, **sync}.get(row.leg or "", "")
    socket = f"/run/ftfw-{node.name}/qmp.sock"
    start = node.start or ""
    if node.container:
        ends = [
            f"{node.name}/{one['name']}/{one['mac']}/{one['network']}"
            for one in node.view["node_network"]["interfaces"]
        ]
        wire = [node.lab["script"], node.lab["prefix"], node.lab["wires_name"], *ends]
        start = f"podman start {shlex.quote(node.container)} >/dev/null && sh {shlex.join(wire)} >/dev/null"
    return {
        "container": shlex.quote(node.container or ""),
        "power_off": _power_off(shlex.quote(node.container or "")),
        "unit": f"guest-{node.name}.service",
        "qmp": f"python3 -c {shlex.quote(QMP)} {socket}",
        "kill": node.kill or "",
        "start": start,
        "open": site.open,
        "leg": leg,
        "network": row.leg or "",
        "wire": f"{node.name}-{leg}",
        "cut_leg": _drop([leg]),
        "cut_data": _drop(list(data.values())),
        "cut_sync": _drop(list(sync.values())),
        "cut_vrrp": _drop(list(data.values()), "meta l4proto vrrp"),
        "thin_sync": _drop(list(sync.values()), "numgen random mod 100 < 30"),
        **balanced.words(site.balancers, list(data.values())),
        "uncut": f"nft delete table netdev {TABLE} 2>/dev/null; true",
        "keepalived_parent": "$(systemctl show --property=MainPID --value keepalived.service)",
        "keepalived_child": "$(cat /run/vrrp.pid 2>/dev/null || pgrep -n keepalived)",
    }
