# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that YAML takes for no text: a network 12, a service `on`. What stands at each use is one mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Cause, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import NO_NAME, NO_TEXT

NAMED = ("site_networks", "site_pairs", "site_services", "site_addresses")
"""Variables whose keys are names that others use."""
_AT_A_USE = ("is not a text", "is missing", "is empty")
"""What is wrong with such a name where it is used."""


def join_uses(hosts: Iterable[str], shared: Mapping[str, object], problems: Problems) -> None:
    """Give all uses of a name that is no text one cause, so that they are told as one problem."""
    causes = _causes(hosts, shared)
    by_key = {str(cause.value): cause for cause in causes.values()}
    for line, problem in problems.found.items():
        if problem.wrong in _AT_A_USE:
            cause = causes.get(_identity(problem.value))
        elif problem.wrong in (NO_TEXT, NO_NAME):
            # such as a virtual router, which is named by its network
            cause = by_key.get(str(problem.value))
        else:
            continue
        # True as a name is told where it stands, and as a text; a number there is one of its places
        own = problem.key == cause.key and isinstance(problem.value, str) if cause else True
        own = own and problem.wrong != NO_NAME
        if problem.cause is None and not own:
            problems.found[line] = replace(problem, cause=cause)


def _causes(hosts: Iterable[str], shared: Mapping[str, object]) -> dict[tuple[type, str], Cause]:
    found: dict[tuple[type, str], Cause] = {}
    named = [
        (f"{variable}.{key}", key)
        for variable in NAMED
        if isinstance(value := shared.get(variable), dict)
        for key in value
    ]
    for place, name in [*named, *((f"hosts.{host}", _unquoted(host)) for host in hosts)]:
        if name == "":
            wrong = "a name is empty, and stands so in"
            found.setdefault(_identity(name), Cause(place, name, wrong, "write a name there"))
        elif isinstance(name, (bool, int, float)) or name is None:
            right = "write it in quotes there, or choose another one"
            found.setdefault(_identity(name), Cause(place, name, f"{NO_TEXT} in", right))
    return found


def _identity(value: object) -> tuple[type, str]:
    """True is not 1, and .nan is itself."""
    return type(value), repr(value)


def _unquoted(name: str) -> object:
    """What YAML makes of a host's name that stands without quotes."""
    try:
        return yaml.safe_load(name)
    except (yaml.YAMLError, ValueError):
        return name
