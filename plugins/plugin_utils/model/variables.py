# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables the collection has: those of the model, of roles and of playbooks.

Others are somebody else's, or misspelt.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import ELSEWHERE, MODEL, meant
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    SITE,
    Problems,
    closest,
    render,
)

OWN = "site_own_variables"
EXTRA = "extra variables"
"""The host named for what was given by -e, or --extra-vars."""
FACTS = ("site_view", "pair_turns_reasons")
"""What plays set for themselves."""

# Nobody else has variables that begin so. The other words are common: an unknown name may be somebody's own.
_OURS = re.compile(
    r"(site|drill|policy_test|nft_ruleset|firewall_kernel|guest_image|host_network|lab_services|node_network"
    r"|pair_state)_"
)
_COMMON = re.compile(
    r"(guest|lab|nftables|conntrackd|keepalived|hypervisor|node|policy|status|verify|native|pair|nft)_"
)
# Of playbooks' own variables. In an inventory they may be anybody's; behind -e they are meant for ours.
_BY_HAND = re.compile(r"(balancer|bench|clean|failover|remove|render|ruleset|switchover)_")
_NEAR, _VERY_NEAR = 0.7, 0.9
_SHOWN = 60


@dataclass(frozen=True)
class Found:
    """A variable of the inventory: on which hosts, and what it is there (None where they differ)."""

    name: str
    hosts: tuple[str, ...]
    value: object = None

    def label(self, count: int) -> str:
        """Name the hosts; all of them as the group that they are."""
        if len(self.hosts) == count > 1:
            return SITE
        more = len(self.hosts) - 3
        return ", ".join(self.hosts[:3]) + (f" and {more} more" if more > 0 else "")


@functools.cache
def specifications(root: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read what roles and playbooks say of their variables: name → type, choices, elements and options."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        entries = yaml.safe_load(path.read_text("utf-8"))["argument_specs"].values()
        for entry in entries:
            found.update(entry.get("options", {}))
    options = root / "playbooks" / "vars" / "options.yml"
    return {**found, **yaml.safe_load(options.read_text("utf-8"))["playbook_options"]}


def named(names: Mapping[str, Iterable[str]]) -> list[Found]:
    """Turn the names that each host has into the hosts that have each name."""
    hosts: dict[str, list[str]] = {}
    for host, found in names.items():
        for name in found:
            hosts.setdefault(name, []).append(host)
    return [Found(name, tuple(having)) for name, having in hosts.items()]


def check_variables(
    found: Iterable[Found],
    count: int,
    known: Iterable[str],
    own: Sequence[str],
    problems: Problems,
    warnings: Problems,
) -> None:
    """Find variables that begin as ours do, and that nobody reads. `count` is the number of hosts."""
    names = {*MODEL, *known}
    for one in found:
        if one.name in names or one.name in FACTS or any(fnmatchcase(one.name, own_name) for own_name in own):
            continue
        _check_name(one, one.label(count), names, problems, warnings)


def _check_name(one: Found, label: str, names: set[str], problems: Problems, warnings: Problems) -> None:
    extra = one.hosts == (EXTRA,)
    prefix = _OURS.match(one.name) or _COMMON.match(one.name) or (_BY_HAND.match(one.name) if extra else None)
    near = meant(one.name) or _nearest(one.name, prefix.group() if prefix else "", names)
    if prefix is None and (near is None or not extra):
        return
    right = f"did you mean {near}?" if near else f"if it is your own, name it in {OWN}"
    where = problems if near or _OURS.match(one.name) else warnings
    # what it says is read as if the name were right, so that nothing follows
    where.add(
        label,
        one.name,
        _short(one.value),
        "no variable of this collection has this name",
        right,
        follows=False,
        hole=False,
    )


def _nearest(name: str, prefix: str, names: set[str]) -> str | None:
    """Compare what comes after the common beginning, for all names with the same beginning are alike."""
    if not prefix:
        return closest(name, names, _VERY_NEAR)
    tails = {one[len(prefix) :]: one for one in (*names, *ELSEWHERE) if one.startswith(prefix)}
    tail = closest(name[len(prefix) :], tails, _NEAR)
    found = tails[tail] if tail is not None else closest(name, names, _VERY_NEAR)
    return ELSEWHERE.get(found, found) if found else None


def _short(value: object) -> object:
    if value is None:
        return "…"
    text = render(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
