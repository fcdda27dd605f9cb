# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw commands may print to a terminal, for ssh asks for one: Debian 13's ip colours it, ls makes columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.action import pair_health
from ansible_collections.ftfw.pair.plugins.plugin_utils.health import status as pair_status

PROJECT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("roles", "playbooks", "molecule", "tools/bench")
    for path in (PROJECT / folder).rglob("*.yml")
    if "vars" not in path.parts and "defaults" not in path.parts
)
SHOWN = re.compile(r"\bip (?!-color=never )[^|;&\n]*\b(?:show|get)\b[^|;&\n]*(?P<next>[|;&\n]|$)")
LISTED = re.compile(r"\bls (?!-1 )[^|;&\n]*(?P<next>[|;&\n]|$)")


def raw_commands(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "ansible.builtin.raw":
                yield str(inner)
            else:
                yield from raw_commands(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from raw_commands(inner)


def for_a_terminal(command: str) -> list[str]:
    """The parts of a command whose output would look otherwise on a terminal."""
    found = [*SHOWN.finditer(command), *LISTED.finditer(command)]
    return [match[0] for match in found if match["next"] != "|" and ">" not in match[0].replace("2>", "")]


class Loader(yaml.SafeLoader):
    """Ansible's tags are of no interest here."""


Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def test_no_raw_command_prints_for_a_terminal() -> None:
    commands = {
        str(path.relative_to(PROJECT)): list(raw_commands(yaml.load(path.read_text(), Loader)))  # noqa: S506
        for path in FILES
    }
    assert sum(map(len, commands.values())) > 20
    found = {
        path: [part for each in told for part in for_a_terminal(each)] for path, told in commands.items()
    }
    assert {path: parts for path, parts in found.items() if parts} == {}


@pytest.mark.parametrize("command", [pair_status.command(), pair_health.health_command()])
def test_no_survey_prints_for_a_terminal(command: str) -> None:
    assert for_a_terminal(command) == []


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("ip -oneline address show; true", ["ip -oneline address show;"]),
        ("ip -color=never -oneline address show; true", []),
        ("ip -oneline address show | grep x", []),
        ("ip route get 192.0.2.1 2>&1", ["ip route get 192.0.2.1 2>&"]),
        ("ls /etc 2>/dev/null", ["ls /etc 2>/dev/null"]),
        ("ls -1 /etc", []),
    ],
)
def test_the_check_sees_them(command: str, parts: list[str]) -> None:
    assert for_a_terminal(command) == parts
