# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench measures: trials, the profiles they are for, and what each figure must reach."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import balancer_cases
import cases
import load_cases
import policy_cases
from lab import Lab
from profiles import OURS, PROFILES, VARIANTS

RunCase = Callable[[Lab, str, str], cases.Trial]


@dataclass(frozen=True)
class Measure:
    """A trial: how to run it, for which profiles, how often at least."""

    name: str
    run: RunCase
    profiles: tuple[str, ...]
    trials: int = 7
    fewer: dict[str, int] = field(default_factory=dict)
    """Profiles that need fewer trials, with their number."""
    alternates: bool = False
    """Whether each second trial begins with the second node as primary."""

    def among(self, asked: Collection[str] | None) -> tuple[str, ...]:
        """The profiles to measure: all, or those that were asked for.

        A variant is one of them when asked for by name, where more than one profile is compared.
        """
        if not asked:
            return self.profiles
        able = (*self.profiles, *VARIANTS) if len(self.profiles) > 1 else self.profiles
        return tuple(profile for profile in able if profile in asked)

    def wants(self, profile: str, number: int) -> bool:
        """Whether the trial of this number (from 1) is for the profile."""
        return number <= self.fewer.get(profile, number)


@dataclass(frozen=True)
class Figure:
    """A case of the result document; bounds are for our profiles."""

    title: str
    unit: str
    better: str = "lower"
    limit: dict[str, dict[str, float]] | None = None
    ratio: dict[str, Any] | None = None
    every: bool = False
    """Whether each trial has to keep the limit, and not the median only."""


DETECTION_MS = {"default": 212, "fast": 91}
"""Three adverts of 70 or 30 ms and the skew (RFC 9568, section 6.1) of the higher priority, 250."""

MEASURES = (
    Measure("crash", cases.crash, PROFILES),
    Measure("survival", cases.survival, PROFILES),
    Measure("control", partial(cases.survival, control=True), ("default",)),
    Measure("switchover", load_cases.switchover, PROFILES, alternates=True),
    Measure("burst", load_cases.burst, ("manual", "default"), 5),
    Measure("split", load_cases.split, OURS),
    Measure("frozen", load_cases.frozen, OURS),
    Measure("routed", partial(cases.established_only, routed=True), ("default",)),
    Measure("cost", load_cases.cost, PROFILES),
    Measure("flaps", load_cases.flaps, OURS, fewer={"default": 3}),
    Measure("policy_compile", partial(policy_cases.speed, "compile"), ("default",), 3),
    Measure("policy_apply", partial(policy_cases.speed, "apply"), ("default",), 3),
    Measure("policy_forward", partial(policy_cases.speed, "forward"), ("default",), 3),
    Measure("policy_reload", policy_cases.reloads, ("default",), 3),
    Measure("balancer", policy_cases.balancer_speed, ("default",), 3),
    Measure("balanced", balancer_cases.survival, ("default",), 3),
    Measure("established_only", cases.established_only, ("default",)),
)


def at_most(value: float, *profiles: str) -> dict[str, dict[str, float]]:
    return {profile: {"max": value} for profile in profiles or OURS}


def at_least(value: float, *profiles: str) -> dict[str, dict[str, float]]:
    return {profile: {"min": value} for profile in profiles or OURS}


def no_more_than(share: float) -> dict[str, Any]:
    return {"profile": "manual", "max": share}


FIGURES = {
    "crash_udp_gap_ms": Figure(
        "Crash of the primary: longest gap of a UDP stream of 1 kHz",
        "ms",
        limit={"default": {"max": 300}, "fast": {"max": 100}},
        ratio=no_more_than(0.04),
    ),
    "crash_100k_survivors": Figure(
        "Crash with 100,000 entries: flows of 70 that live on (50 over SNAT, 20 over DNAT)",
        "flows",
        "higher",
        at_least(70),
    ),
    "crash_100k_resets": Figure(
        "Crash with 100,000 entries: flows of 70 that were reset", "flows", limit=at_most(0)
    ),
    "crash_100k_first_packet_ms": Figure(
        "Crash with 100,000 entries: from the virtual address to the first packet of an old flow",
        "ms",
        limit=at_most(80),
        ratio=no_more_than(0.1),
    ),
    "control_survivors": Figure(
        "Control: the same crash without replication, flows of 70 that live on", "flows", limit=at_most(0)
    ),
    "control_resets": Figure(
        "Control: the same crash without replication, flows of 70 that were reset", "flows"
    ),
    "switchover_udp_lost": Figure(
        "Planned switchover: packets lost of a UDP stream of 1 kHz", "packets", limit=at_most(2)
    ),
    "switchover_udp_gap_ms": Figure("Planned switchover: longest gap of a UDP stream of 1 kHz", "ms"),
    "switchover_resets": Figure("Planned switchover: flows that were reset", "flows", limit=at_most(0)),
    "switchover_refused": Figure(
        "Planned switchover: new connections refused or timed out, of 50 a second", "flows", limit=at_most(0)
    ),
    "switchover_born_survivors": Figure(
        "Planned switchover: flows of 80, opened around it in both directions, that live on",
        "flows",
        "higher",
        at_least(80),
    ),
    "burst_100k_missing": Figure(
        "Burst of 100,000 new entries in 3 s: those that the backup lacks 10 s later",
        "entries",
        limit=at_most(0),
        every=True,
    ),
    "burst_100k_dropped": Figure(
        "Burst of 100,000 new entries in 3 s: those that the primary has not made",
        "entries",
        limit=at_most(1000),
    ),
    "burst_100k_flaps": Figure(
        "Burst of 100,000 new entries in 3 s: takeovers for nothing", "takeovers", limit=at_most(0, "default")
    ),
    "two_holders_ms": Figure(
        "Split brain, healed: until one node holds the virtual addresses",
        "ms",
        limit={profile: {"max": value} for profile, value in DETECTION_MS.items()},
    ),
    "frozen_holder_ms": Figure(
        "Frozen keepalived: until it has lost the virtual addresses", "ms", limit=at_most(5000)
    ),
    "established_only_survivors": Figure(
        "Crash minutes later, nothing new is let in: flows of 31 that live on (UDP, SNAT, DNAT)",
        "flows",
        "higher",
        at_least(31, "default"),
    ),
    "routed_survivors": Figure(
        "Crash of a routed site without SNAT, nothing new is let in: flows of 31 that live on",
        "flows",
        "higher",
        at_least(31, "default"),
    ),
    "busy_flaps": Figure(
        "Four busy loops a processor for 60 s: takeovers for nothing",
        "takeovers",
        limit=at_most(0),
        every=True,
    ),
    "cost_conntrackd_cpu_ms": Figure(
        "Processor time of both conntrackd for 1,000 HTTP requests of 4 KB", "ms", ratio=no_more_than(1.0)
    ),
    "cost_machine_cpu_ms_with": Figure(
        "Processor time of the machine for 1,000 HTTP requests, with replication", "ms"
    ),
    "cost_machine_cpu_ms_without": Figure(
        "Processor time of the machine for 1,000 HTTP requests, without replication", "ms"
    ),
    "cost_requests_per_s_with": Figure("HTTP requests per second, with replication", "requests/s", "higher"),
    "cost_requests_per_s_without": Figure(
        "HTTP requests per second, without replication", "requests/s", "higher"
    ),
    "policy_compile_5000_s": Figure("Policy of 5,000 entries: to compile", "s", limit=at_most(2, "default")),
    "policy_compile_growth": Figure(
        "Policy of 5,000 entries: time for each entry, to that of a policy of 500",
        "times",
        limit=at_most(1.5, "default"),
    ),
    "policy_apply_ratio": Figure(
        "Table with 100,000 prefixes: nft_ruleset, to a bare nft of the same text",
        "times",
        limit=at_most(1.3, "default"),
    ),
    "policy_apply_diff_ratio": Figure(
        "Table with 100,000 prefixes: nft_ruleset with a diff, to a bare nft of the same text",
        "times",
        limit=at_most(3, "default"),
    ),
    "policy_unchanged_ratio": Figure(
        "Table with 100,000 prefixes that is there already: nft_ruleset, to a bare nft of the same text",
        "times",
    ),
    "policy_unchanged_changes": Figure(
        "Table that is there already: changes of the kernel's rules", "changes", limit=at_most(0, "default")
    ),
    "policy_forward_ratio": Figure(
        "New flows through 1,000 services: time, to that through 10", "times", limit=at_most(1.2, "default")
    ),
    "policy_forward_linear_ratio": Figure(
        "New flows through a rule for each of 1,000 services: time, to that through 10 in a set", "times"
    ),
    "policy_reload_lost": Figure(
        "50 reloads of the ruleset: packets lost of a UDP stream of 1 kHz",
        "packets",
        limit=at_most(0, "default"),
        every=True,
    ),
    "balancer_2_ratio": Figure(
        "New flows through a balancer of 2 servers: time, to that through a port forward",
        "times",
        limit=at_most(1.5, "default"),
    ),
    "balancer_64_ratio": Figure(
        "New flows through a balancer of 64 servers: time, to that through a port forward",
        "times",
        limit=at_most(1.5, "default"),
    ),
    "balanced_100k_survivors": Figure(
        "Crash with 100,000 entries: flows of 70 through a balancer that live on",
        "flows",
        "higher",
        at_least(70, "default"),
    ),
    "balanced_100k_resets": Figure(
        "Crash with 100,000 entries: flows of 70 through a balancer that were reset",
        "flows",
        limit=at_most(0, "default"),
    ),
}

BOTH_FAMILIES = {
    "crash": ("udp_gap_ms",),
    "crash_100k": ("survivors", "resets", "first_packet_ms"),
    "control": ("survivors", "resets"),
    "burst_100k": ("missing", "dropped", "flaps"),
    "switchover": ("udp_lost", "udp_gap_ms", "resets", "refused", "born_survivors"),
    "two_holders": ("ms",),
    "frozen_holder": ("ms",),
    "established_only": ("survivors",),
    "routed": ("survivors",),
    "cost": (
        "conntrackd_cpu_ms",
        "machine_cpu_ms_with",
        "machine_cpu_ms_without",
        "requests_per_s_with",
        "requests_per_s_without",
    ),
    "policy_compile": ("5000_s", "growth"),
    "policy_apply": ("ratio", "diff_ratio"),
    "policy_unchanged": ("ratio", "changes"),
    "policy_forward": ("ratio", "linear_ratio"),
    "policy_reload": ("lost",),
    "balancer": ("2_ratio", "64_ratio"),
    "balanced_100k": ("survivors", "resets"),
}
"""Figures that are measured in IPv6, too, within the same limits. The manual's system has none to compare."""

IN_IPV6 = {
    f"{case}_{what}": f"{case}_v6_{what}" for case, figures in BOTH_FAMILIES.items() for what in figures
}


def with_ipv6(figures: dict[str, Figure]) -> dict[str, Figure]:
    """The same figures, and behind each of both families that of IPv6."""
    both: dict[str, Figure] = {}
    for name, figure in figures.items():
        both[name] = figure
        if name in IN_IPV6:
            both[IN_IPV6[name]] = replace(figure, title=f"{figure.title} (IPv6)", ratio=None)
    return both


FIGURES = with_ipv6(FIGURES)
