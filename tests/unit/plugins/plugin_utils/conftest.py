# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory as plain variables, and ways to change it: the lab, with IPv4 alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

LAB = Path(__file__).parents[3] / "sites" / "ipv4" / "inventory"
"""The lab with IPv4 alone, the smallest site."""
HOSTS = ("omarine", "fw-1", "fw-2", "client")
HostVars = dict[str, dict[str, Any]]


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


@pytest.fixture(scope="session")
def _lab() -> HostVars:
    shared = _load(LAB / "group_vars" / "all" / "site.yml")
    return {host: {**shared, **_load(LAB / "host_vars" / f"{host}.yml")} for host in HOSTS}


@pytest.fixture
def lab(_lab: HostVars) -> HostVars:
    return {host: copy.deepcopy(variables) for host, variables in _lab.items()}


@pytest.fixture
def changed(lab: HostVars) -> Callable[[dict[str, object]], HostVars]:
    """Change the lab: 'HOST:key.key' → value, the host 'all' for a site-wide variable, None to remove."""

    def change(changes: dict[str, object]) -> HostVars:
        __tracebackhide__ = True
        for place, value in changes.items():
            host, path = place.split(":")
            for variables in lab.values() if host == "all" else [lab[host]]:
                *parents, last = path.split(".")
                section: Any = variables
                for parent in parents:
                    section = section[int(parent)] if parent.isdigit() else section[parent]
                if value is None:
                    if last not in section:
                        pytest.fail(
                            f"{place} is not there, and cannot be removed; it has {', '.join(section)}"
                        )
                    del section[last]
                else:
                    section[int(last) if isinstance(section, list) else last] = copy.deepcopy(value)
        return lab

    return change
