# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at an inventory's files as they are written: what Ansible skips, and YAML reads otherwise."""

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
_TAGS = ("!", "!vault", "!vault-encrypted", "!unsafe")
"""Ansible's own, and that of a text in no quotes which is to stay one (YAML 1.1, section 3.2.1.2)."""
_INT = "tag:yaml.org,2002:int"
# YAML 1.1: a leading zero makes a number of base 8
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
# … and colons one of base 60: a range of ports, a time of day, a MAC address without letters
_BASE_60 = re.compile(r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+")


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
    """Find numbers of base 8 or 60 in our variables: what is read is another number than what is seen.

    A file of variables has them at its top, an inventory in vars or beside a host; others' variables may
    have modes of files, which are such numbers.
    """
    _check_numbers(node, path, problems, ours, set())


def _check_numbers(node: Any, path: Path, problems: Problems, ours: bool, seen: set[int]) -> None:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode) and ours and node.tag == _INT:
        _check_number(node, path, problems)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_numbers(item, path, problems, ours, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _check_numbers(key, path, problems, ours, seen)
            _check_numbers(value, path, problems, ours or key.value in MODEL, seen)


def _check_number(node: Any, path: Path, problems: Problems) -> None:
    place = f"{shown(path)} line {node.start_mark.line + 1}"
    if _OCTAL.fullmatch(node.value):
        number = int(node.value.replace("_", ""), 8)
        wrong = f"YAML reads this as {number}, for it begins with 0"
        problems.add(
            INVENTORY, place, node.value, wrong, "leave the 0 out, or write it in quotes where it is a name"
        )
    elif _BASE_60.fullmatch(node.value):
        number = 0
        for part in node.value.replace("_", "").lstrip("+-").split(":"):
            number = 60 * number + int(part)
        right = "write it in quotes; a range of ports has a dash, such as 20-21"
        problems.add(INVENTORY, place, node.value, f"YAML reads this as {number}, of base 60", right)


def check_is_mapping(document: Any, path: Path, problems: Problems) -> None:
    """Find a file of variables that has a list or a text in their place."""
    empty = isinstance(document, yaml.ScalarNode) and document.value in ("", "null", "~")
    if document is not None and not empty and not isinstance(document, yaml.MappingNode):
        place = f"{shown(path)} line {document.start_mark.line + 1}"
        right = 'write each variable on a line of its own as "NAME: VALUE", without a dash'
        problems.add(INVENTORY, place, "(file)", "is no mapping of variables", right)


def check_tags(document: Any, path: Path, problems: Problems) -> None:
    """Find tags that neither YAML nor Ansible has a meaning for."""
    todo, seen = [document], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if not node.tag.startswith("tag:yaml.org,2002:") and node.tag not in _TAGS:
            place = f"{shown(path)} line {node.start_mark.line + 1}"
            right = "write the value in quotes, if it is a text that begins so"
            problems.add(INVENTORY, place, node.tag, "is a tag that Ansible does not know", right)
        if isinstance(node, yaml.SequenceNode):
            todo.extend(reversed(node.value))
        elif isinstance(node, yaml.MappingNode):
            todo.extend(part for pair in reversed(node.value) for part in reversed(pair))
