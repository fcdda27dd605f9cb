# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at an inventory's files as they are written: groups that Ansible skips, numbers that YAML reads "
"otherwise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import MODEL
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    INVENTORY,
    Problems,
    nearest,
    shown,
)

_PARTS = ("children", "hosts", "vars")
"""What a group of an inventory may have; Ansible skips the rest with a warning."""
_INT = "tag:yaml.org,2002:int"
# YAML 1.1: a leading zero makes a number of base 8
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


def check_groups_of(document: Any, path: Path, problems: Problems) -> None:
    """Find what is no part of a group, and parts that are no mappings."""
    if not isinstance(document, yaml.MappingNode) or any(
        key.value == "plugin" for key, _value in document.value
    ):
        # the settings of an inventory plugin
        return
    for _name, group in document.value:
        _check_group(group, path, problems)


def _check_group(group: Any, path: Path, problems: Problems) -> None:
    if not isinstance(group, yaml.MappingNode):
        return
    for key, value in group.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            continue
        place = f"{shown(path)} line {key.start_mark.line + 1}"
        empty = isinstance(value, yaml.ScalarNode) and value.value in ("", "null", "~")
        if key.value not in _PARTS:
            wrong = "is no part of a group, so that Ansible skips it"
            problems.add(INVENTORY, place, key.value, wrong, nearest(key.value, _PARTS))
        elif not isinstance(value, yaml.MappingNode) and not empty:
            example = {"vars": "NAME: VALUE", "hosts": "NAME:", "children": "NAME:"}[key.value]
            right = f'write each on a line of its own as "{example}", without a dash'
            problems.add(
                INVENTORY, place, key.value, "is not a mapping, so that Ansible reads none of it", right
            )
        elif key.value == "hosts" and isinstance(value, yaml.MappingNode):
            _check_host_names(value, path, problems)
        elif key.value == "children" and isinstance(value, yaml.MappingNode):
            for _name, child in value.value:
                _check_group(child, path, problems)


def _check_host_names(hosts: Any, path: Path, problems: Problems) -> None:
    for name, variables in hosts.value:
        if isinstance(variables, yaml.ScalarNode) and variables.value not in ("", "null", "~"):
            place = f"{shown(path)} line {variables.start_mark.line + 1}"
            wrong = "is no mapping of variables, so that Ansible reads none of it"
            right = f"write {{ansible_host: {variables.value}}}"
            problems.add(INVENTORY, place, f"{name.value}", wrong, right)
        elif isinstance(name, yaml.ScalarNode) and name.value != "<<" and name.tag != "tag:yaml.org,2002:str":
            place = f"{shown(path)} line {name.start_mark.line + 1}"
            wrong = "YAML takes this host's name for no text"
            problems.add(INVENTORY, place, name.value, wrong, "write it in quotes")


def check_numbers(node: Any, path: Path, problems: Problems, ours: bool = False) -> None:
    """Find numbers of base 8 in our variables: what is read is another number than what is seen.

    A file of variables has them at its top, an inventory in vars or beside a host; others' variables may
    have modes of files, which are such numbers.
    """
    _check_numbers(node, path, problems, ours, set())


def _check_numbers(node: Any, path: Path, problems: Problems, ours: bool, seen: set[int]) -> None:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode) and ours and node.tag == _INT and _OCTAL.fullmatch(node.value):
        problems.add(
            INVENTORY,
            f"{shown(path)} line {node.start_mark.line + 1}",
            node.value,
            f"YAML reads this as {int(node.value.replace('_', ''), 8)}, for it begins with 0",
            "leave the 0 out, or write it in quotes where it is a name",
        )
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_numbers(item, path, problems, ours, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _check_numbers(key, path, problems, ours, seen)
            _check_numbers(value, path, problems, ours or key.value in MODEL, seen)
