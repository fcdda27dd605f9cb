# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads a site: reads a whole inventory, and lets each section check it: one run finds all problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.no_text import join_uses
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.read import HostVars, read_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import (
    AGAINST,
    ALONE,
    ORDER,
    SECTIONS,
    SITE_VARIABLES,
    meant,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.variables import check_variables, named
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.consequences import without_consequences
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import NO_TEXT, QUOTE_IT
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Named, OfHosts
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import ReadFile, no_file
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site

NOT_TEXT = ("True", "False", "None")
"""What becomes of the keys yes, no, on, off, true, false, null and ~ that stand without quotes (YAML 1.1)."""


def load_site(
    hostvars: HostVars,
    names: Mapping[str, list[str]] | None = None,
    problems: Problems | None = None,
    read_file: ReadFile = no_file,
    groups: Mapping[str, Sequence[str]] | None = None,
    warnings: Problems | None = None,
) -> Site:
    """Build the model from all hosts' variables, or raise SiteError with every problem of the inventory.

    `names` are the names of all variables that each host has, read or not; `problems` and `warnings` have
    those found before; `read_file` reads what sections name; `groups` are the inventory's, each with
    its hosts.
    """
    problems = Problems() if problems is None else problems
    warnings = Problems() if warnings is None else warnings
    misspelt = [one for one in named(names or {}) if meant(one.name)]
    check_variables(misspelt, len(hostvars), (), (), problems, warnings)
    problems.reading = True
    site = read_site(hostvars, problems, warnings, read_file)
    _check_declared(site, problems)
    problems.reading = False
    _check_shared(hostvars, site, problems)
    _check_names(site, problems)
    _check(Checking(site, problems, warnings, groups or {}))
    if problems:
        join_uses(hostvars, next(iter(hostvars.values()), {}), problems)
        raise SiteError(without_consequences(problems, AGAINST, ALONE))
    for section in SECTIONS:
        if section.warn is not None:
            section.warn(site, warnings)
    return replace(site, warnings=tuple(warnings.lines()))


def _check_declared(site: Site, problems: Problems) -> None:
    """What is not declared at all is told once, unless something else is wrong with it."""
    told = {problem.key for problem in problems}
    for section in SECTIONS:
        lacking = section.lacking(site) if section.lacking else None
        if lacking is not None and section.variables[0] not in told:
            problems.add(SITE, section.variables[0], None, *lacking)


def _check_shared(hostvars: HostVars, site: Site, problems: Problems) -> None:
    """A site-wide variable counts for both nodes of a pair; where one has it, it was meant for that one."""
    for name in SITE_VARIABLES:
        for pair in site.pairs:
            nodes = [node for node in dict.fromkeys(pair.nodes) if node in hostvars]
            having = [node for node in nodes if name in hostvars[node]]
            if len(nodes) == 2 and len(having) == 1:
                (other,) = (node for node in nodes if node not in having)
                problems.add(
                    having[0],
                    name,
                    hostvars[having[0]][name],
                    f"{other} does not have it, and a site has one value for all",
                    "write it for the group all",
                    follows=False,
                )


def _check_names(site: Site, problems: Problems) -> None:
    """Find names that are taken for something else: by YAML, the kernel, Ansible, or the model itself."""
    for host, key, name, reserved in _names(site):
        if name in NOT_TEXT:
            problems.add(
                host,
                key,
                name,
                NO_TEXT,
                QUOTE_IT,
                follows=False,
                hole=True,
            )
        elif name in reserved:
            problems.add(host, key, name, reserved[name], "choose another name")


def _names(site: Site) -> Iterator[Named]:
    for section in SECTIONS:
        if section.names is not None:
            yield from section.names(site)
    for host in site.hosts.values():
        for section in SECTIONS:
            if section.names_host is not None:
                yield from section.names_host(host)


def _check(checking: Checking) -> None:
    for one in ORDER:
        together = one.sections if isinstance(one, OfHosts) else (one,)
        for section in together:
            if section.check is not None:
                section.check(checking)
        for_hosts = [section.check_host for section in together if section.check_host is not None]
        for host in checking.site.hosts.values() if for_hosts else ():
            for check in for_hosts:
                check(checking, host)
