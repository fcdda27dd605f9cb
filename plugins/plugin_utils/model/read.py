# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns an inventory's variables into the typed model, noting every value that is not what it must be.

Names (of networks, hosts, services) are kept as written, known or not, so that one misspelt name gives one
error and not a dozen; checks look them up. A model may be used only when no problem was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import (
    READ,
    SECTIONS,
    SITE_VARIABLES,
    meant,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import HostReading, Reading
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import ReadFile, no_file
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site

HostVars = Mapping[str, Mapping[str, object]]
"""All hosts' variables: name → variables."""


def read_site(
    hostvars: HostVars, problems: Problems, warnings: Problems, read_file: ReadFile = no_file
) -> Site:
    """Read all sections. What is wrong with what they keep for themselves is told first."""
    found = Problems()
    shared = _shared_variables(hostvars, found)
    readers = {name: read for section in SECTIONS for name, read in section.reads.items()}
    reading = Reading(shared, warnings, read_file, readers, lambda: _hosts(hostvars, found))
    fields = {name: reading.of(name) for name in readers}
    site = Site(hosts=reading.hosts, **fields)
    parts = {
        kind: read(shared[section.variables[0]]._replace(problems=problems), site)
        for section in SECTIONS
        for kind, read in section.keeps.items()
    }
    for problem in found.found.values():
        problems.keep(problem)
    return replace(site, parts=parts)


def _hosts(hostvars: HostVars, problems: Problems) -> dict[str, Host]:
    return {name: _host(name, variables, problems) for name, variables in hostvars.items()}


def _host(name: str, variables: Mapping[str, object], problems: Problems) -> Host:
    def value(key: str) -> Value:
        value = Value(name, key, None, problems)
        misspelt = [] if key in variables else _meant_for(key, variables)
        if misspelt:
            return value._replace(raw=misspelt[0], silent=True)
        return _told_if_empty(value.at(key, variables.get(key)), key in variables)

    reading = HostReading(name, variables, value)
    return Host(**{field: read(reading) for one in SECTIONS for field, read in one.reads_host.items()})


def _meant_for(key: str, variables: Mapping[str, object]) -> list[object]:
    """What stands under a misspelt name, which is told by itself, is read as if the name were right."""
    return [value for name, value in variables.items() if name not in READ and meant(name) == key]


def _shared_variables(hostvars: HostVars, problems: Problems) -> dict[str, Value]:
    """Take each site-wide variable from the first host that has it; the others must say the same."""
    shared = {}
    # what others need of these is told where it is lacking
    lacking = {section.variables[0] for section in SECTIONS if section.lacking}
    unread = [
        (meant(name), value)
        for variables in hostvars.values()
        for name, value in variables.items()
        if name not in READ
    ]
    for key in SITE_VARIABLES:
        holders = [(host, variables[key]) for host, variables in hostvars.items() if key in variables]
        misspelt = [] if holders else [value for about, value in unread if about == key]
        if misspelt:
            shared[key] = Value(SITE, key, misspelt[0], problems, silent=True)
            continue
        first = holders[0] if holders else (SITE, None)
        for host, raw in holders[1:]:
            # a number that is none (.nan) differs from itself
            if raw != first[1] and repr(raw) != repr(first[1]):
                problems.add(
                    host,
                    key,
                    raw,
                    f"differs from what {first[0]} has",
                    "a site-wide variable is written once, for the group all",
                )
        shared[key] = _told_if_empty(
            Value(SITE, key, None, problems).at(key, first[1]), bool(holders) and key not in lacking
        )
    return shared


def _told_if_empty(value: Value, there: bool) -> Value:
    """A variable that is there and says nothing may be a list whose lines were lost."""
    if there and value.raw is None and not value.silent:
        value.wrong("is empty", "write a value, or leave the variable out")
        return value._replace(silent=True)
    return value
