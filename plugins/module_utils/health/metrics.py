# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's health in the text format of Prometheus (exposition formats, version 0.0.4). Pure code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.health.findings import Finding

STATES = ("MASTER", "BACKUP", "FAULT", "STOP", "UNKNOWN")
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """One family: samples without a value are left out, and a family without samples as a whole."""

    name: str
    type: str
    help: str
    samples: Sequence[tuple[Labels, float | None]]


def render(facts: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The whole file. Each sample is labelled with the pair and the node."""
    own = {"pair": facts["pair"], "node": facts["node"]}
    return "".join(f"{line}\n" for metric in _metrics(facts, findings) for line in _lines(metric, own))


def _lines(metric: Metric, own: Labels) -> Iterator[str]:
    samples = [(labels, value) for labels, value in metric.samples if value is not None]
    if not samples:
        return
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.type}"
    for labels, value in samples:
        text = ",".join(f'{name}="{_escaped(label)}"' for name, label in {**own, **labels}.items())
        yield f"{metric.name}{{{text}}} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _flag(value: bool | None) -> float | None:
    return None if value is None else float(value)


def _metrics(facts: Mapping[str, Any], findings: Sequence[Finding]) -> Iterable[Metric]:
    return (
        *_standing(facts),
        *_tables(facts),
        *_replication(facts),
        *_balancers(facts),
        *_last_check(facts, findings),
    )


def _standing(facts: Mapping[str, Any]) -> Iterable[Metric]:
    """What the node is in its pair, and what it needs for that."""
    state, since = facts["vrrp"]["state"], facts["vrrp"]["since"]
    return (
        Metric(
            "ftfw_pair_state",
            "gauge",
            "The VRRP state of the node: 1 for the one that it has.",
            [({"state": name.lower()}, float(name == state)) for name in STATES],
        ),
        Metric("ftfw_pair_state_change_timestamp_seconds", "gauge", "When the state began.", [({}, since)]),
        Metric(
            "ftfw_pair_transition_incomplete",
            "gauge",
            "Whether the last transition is incomplete.",
            [({}, _flag(facts["vrrp"]["pending"] is not None))],
        ),
        Metric(
            "ftfw_pair_virtual_addresses",
            "gauge",
            "Virtual addresses that the kernel has.",
            [({}, float(len(facts["virtual_addresses"])))],
        ),
        Metric(
            "ftfw_pair_daemon_up",
            "gauge",
            "Whether a daemon runs.",
            [({"daemon": name}, _flag(up)) for name, up in facts["units"].items()],
        ),
        Metric(
            "ftfw_pair_link_carrier",
            "gauge",
            "Whether a replication link has a carrier.",
            [({"device": each["interface"]}, _flag(each["carrier"])) for each in facts["links"]],
        ),
    )


def _tables(facts: Mapping[str, Any]) -> Iterable[Metric]:
    """Connection tracking entries."""
    return (
        Metric(
            "ftfw_conntrack_entries",
            "gauge",
            "Entries of the kernel's connection tracking table and of conntrackd's caches.",
            [({"table": name}, facts["entries"][name]) for name in ("kernel", "internal", "external")],
        ),
        Metric(
            "ftfw_conntrack_entries_limit",
            "gauge",
            "Entries that fit into the kernel's table.",
            [({}, facts["entries"]["maximum"])],
        ),
    )


def _replication(facts: Mapping[str, Any]) -> Iterable[Metric]:
    """What conntrackd says of its link, where it answers."""
    link = facts["conntrackd"]["network"]["link"] if facts["conntrackd"] else {}
    replication = facts["replication"] or {}
    ways = ("sent", "received")
    return (
        Metric(
            "ftfw_replication_silence_seconds",
            "gauge",
            "Seconds since the last message of the peer.",
            [({}, replication.get("silent_seconds"))],
        ),
        Metric(
            "ftfw_replication_unconfirmed_messages",
            "gauge",
            "Messages that the peer has not confirmed.",
            [({}, replication.get("unconfirmed"))],
        ),
        Metric(
            "ftfw_replication_lost_messages_total",
            "counter",
            "Messages of the peer that were lost on the way.",
            [({}, replication.get("lost"))],
        ),
        Metric(
            "ftfw_replication_event_overruns_total",
            "counter",
            "Overruns of the queue of the kernel's events.",
            [({}, replication.get("overruns"))],
        ),
        Metric(
            "ftfw_replication_queue_full_total",
            "counter",
            "Messages that found no space in a queue.",
            [({}, replication.get("no_space"))],
        ),
        Metric(
            "ftfw_replication_packets_total",
            "counter",
            "Packets of the replication link.",
            [({"direction": way}, link.get(f"packets_{way}")) for way in ways],
        ),
        Metric(
            "ftfw_replication_bytes_total",
            "counter",
            "Bytes of the replication link.",
            [({"direction": way}, link.get(f"bytes_{way}")) for way in ways],
        ),
    )


def _balancers(facts: Mapping[str, Any]) -> Iterable[Metric]:
    """What pair-balance says of balancers and servers."""
    balancers = facts["balancers"]
    servers = [
        ({"balancer": one["name"], "server": each["name"]}, each)
        for one in balancers
        for each in one["servers"]
    ]
    return (
        Metric(
            "ftfw_balancer_quorum",
            "gauge",
            "Whether a balancer has its quorum.",
            [({"balancer": one["name"]}, _flag(one["quorum"])) for one in balancers],
        ),
        Metric(
            "ftfw_balancer_alive_weight",
            "gauge",
            "The weight of a balancer's servers that get new flows.",
            [({"balancer": one["name"]}, float(one["alive"])) for one in balancers],
        ),
        Metric(
            "ftfw_balancer_server_up",
            "gauge",
            "Whether the last check has found a server well.",
            [(labels, _flag(each["up"])) for labels, each in servers],
        ),
        Metric(
            "ftfw_balancer_server_drained",
            "gauge",
            "Whether a server was taken out.",
            [(labels, _flag(each["drained"])) for labels, each in servers],
        ),
        Metric(
            "ftfw_balancer_server_flows",
            "gauge",
            "The flows of a server, where they are counted.",
            [(labels, float(each["flows"])) for labels, each in servers if each.get("flows") is not None],
        ),
        Metric(
            "ftfw_balancer_sorry_up",
            "gauge",
            "Whether the last check has found a sorry server well.",
            [
                ({"balancer": one["name"]}, _flag(one["sorry_server"]["up"]))
                for one in balancers
                if one.get("sorry_server")
            ],
        ),
    )


def _last_check(facts: Mapping[str, Any], findings: Sequence[Finding]) -> Iterable[Metric]:
    """What the last check has found."""
    return (
        Metric(
            "ftfw_ruleset_loaded",
            "gauge",
            "Whether the kernel has the table of the ruleset file, unchanged.",
            [({}, _flag(facts["ruleset"]["same"] if facts["ruleset"]["loaded"] else False))],
        ),
        Metric(
            "ftfw_failed_units",
            "gauge",
            "Units of the node that have failed.",
            [({}, None if facts["failed_units"] is None else float(len(facts["failed_units"])))],
        ),
        Metric(
            "ftfw_health_findings",
            "gauge",
            "What the last check has found wrong, by kind.",
            [
                ({"id": identity, "severity": severity}, float(count))
                for (identity, severity), count in _counted(findings).items()
            ],
        ),
        Metric(
            "ftfw_health_check_timestamp_seconds",
            "gauge",
            "When the last check ended.",
            [({}, facts["clock"]["wall"])],
        ),
    )


def _counted(findings: Sequence[Finding]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for finding in findings:
        counts[finding.id, finding.severity] = counts.get((finding.id, finding.severity), 0) + 1
    return counts
