# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at an inventory's own files for what Ansible only warns of, or takes without a word."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.file_nodes import (
    check_groups_of,
    check_is_mapping,
    check_numbers,
    check_tags,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    INVENTORY,
    Problems,
    nearest,
    shown,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import PrefixError, parse_prefix

_YAML = (".yml", ".yaml", ".json")
_VARIABLES = ("group_vars", "host_vars")
# inventory/manager.py of ansible-core leaves these alone whatever is configured
_ALWAYS = re.compile(r"^\.|^host_vars$|^group_vars$|^vars_plugins$")
_VAULT = "$ANSIBLE_VAULT"
# of a fragment or a list; a host's name has none of these
_NO_NAME = re.compile(r"[/{};,\"'#]")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Ignored:
    """What Ansible does not take for an inventory in a folder of them, as it is configured."""

    extensions: tuple[str, ...]
    patterns: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        if _ALWAYS.search(name) or name.endswith(self.extensions):
            return True
        return any(re.search(pattern, name) for pattern in self.patterns)


def check_sources(sources: Sequence[str], problems: Problems) -> list[Path]:
    """Find those that are files or folders. A text with a comma is a list of hosts."""
    found = []
    for source in sources:
        if "," in source:
            continue
        if os.path.lexists(source):
            found.append(Path(source))
        else:
            right = "name the inventory that you mean: -i inventories/NAME"
            problems.add(INVENTORY, "path", source, "there is no such file or folder", right)
    return found


def check_files(
    sources: Iterable[Path],
    playbooks: Path,
    ignored: Ignored,
    problems: Problems,
    names: Collection[str] = (),
) -> None:
    """Read all files of YAML that Ansible reads: what it can't, and keys that stand twice, are problems.

    `names` are those of hosts and groups: a file of variables may be called like one, with no more behind it.
    """
    sources = list(sources)
    inventories = [path for source in sources for path in inventory_files(source, ignored)]
    variables = list(_all_variables(sources, playbooks, names))
    written = [path for path in inventories if path.suffix in _YAML]
    for path in dict.fromkeys([*written, *variables]):
        for document in _check_file(path, problems):
            if path in written:
                check_groups_of(document, path, problems)
            check_numbers(document, path, problems)
    for path in dict.fromkeys(inventories):
        if not path.suffix and _is_mapping(path):
            _check_file(path, problems)


def unsound_files(sources: Sequence[Path], playbooks: Path, ignored: Ignored) -> list[str]:
    """Name the files of YAML that can't be read, each with its line."""
    problems = Problems()
    inventories = [path for source in sources for path in inventory_files(source, ignored)]
    written = [path for path in inventories if path.suffix in _YAML]
    variables = list(_all_variables(sources, playbooks, ()))
    for path in dict.fromkeys([*written, *variables]):
        for document in _documents(path, problems):
            check_tags(document, path, problems)
            if path in variables:
                check_is_mapping(document, path, problems)
    return problems.lines()


def _all_variables(sources: Iterable[Path], playbooks: Path, names: Collection[str]) -> Iterator[Path]:
    """Each file of variables, beside the inventories and beside the playbooks."""
    folders = [source if source.is_dir() else source.parent for source in sources]
    for folder in dict.fromkeys([*folders, playbooks]):
        for name in _VARIABLES:
            yield from _variable_files(folder / name, names)


def inventory_files(source: Path, ignored: Ignored) -> Iterator[Path]:
    """Each file that Ansible takes for an inventory."""
    if not source.is_dir():
        yield source
        return
    for path in sorted(source.iterdir()):
        if path.name not in ignored:
            yield from inventory_files(path, ignored)


def _is_mapping(path: Path) -> bool:
    """Whether an inventory without an ending is YAML, and no INI file or program."""
    try:
        node = yaml.compose(path.read_text("utf-8-sig"), Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(node, yaml.MappingNode)


def _variable_files(path: Path, names: Collection[str]) -> Iterator[Path]:
    """Each file that Ansible reads. A name with dots has no ending of its own."""
    for child in sorted(path.iterdir()) if path.is_dir() else ():
        if child.name.startswith(".") or child.name.endswith("~"):
            continue
        if child.is_dir():
            yield from _variable_files(child, ())
        elif child.suffix in ("", *_YAML) or child.name in names:
            yield child


def _check_file(path: Path, problems: Problems) -> list[Any]:
    """Read a file, and look for keys that stand twice; return its documents."""
    documents = _documents(path, problems)
    for document in documents:
        _check_keys(document, path, problems, set())
    return documents


def _documents(path: Path, problems: Problems) -> list[Any]:
    """Read a file; one that Ansible keeps from others, or runs, has no documents here."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        problems.add(INVENTORY, shown(path), "(file)", f"can't be read: {why}", "mend the file, or remove it")
        return []
    if text.startswith(_VAULT) or (text.startswith("#!") and os.access(path, os.X_OK)):
        # a program may be called as it likes: its output is the inventory
        return []
    try:
        return list(yaml.compose_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{shown(path)} line {mark.line + 1}" if mark else shown(path)
        why = getattr(error, "problem", None) or "it has a syntax error"
        problems.add(INVENTORY, place, "(file)", f"is no sound YAML: {why}", "mend it there, or just before")
        return []


def _check_keys(node: Any, path: Path, problems: Problems, seen: set[int]) -> None:
    """Go through a document as it is written; of a node with an anchor each alias is the same one."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, path, problems, seen)
    if not isinstance(node, yaml.MappingNode):
        return
    first: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            line = key.start_mark.line + 1
            if (key.tag, key.value) in first:
                _twice(path, line, key.value, first[key.tag, key.value], problems)
            first.setdefault((key.tag, key.value), line)
        _check_keys(value, path, problems, seen)


def _twice(path: Path, line: int, key: str, earlier: int, problems: Problems) -> None:
    problems.add(
        INVENTORY,
        f"{shown(path)} line {line}",
        key,
        f"this key stands in line {earlier}, too, and only the last one counts",
        "leave one of them out",
    )


def check_hosts(
    files: Mapping[str, str], named: Mapping[str, str], read: Collection[str], problems: Problems
) -> set[str]:
    """Find files of addresses and rules that Ansible reads as inventories; return the hosts made of them.

    `files`: the file that each host was first found in; `named`: paths that variables name, as they are
    written, by their places on disk; `read`: all files that Ansible reads as inventories.
    """
    odd = {host for host in files if _is_prefix(host) or _NO_NAME.search(host)}
    told = {files[host] for host in odd if files[host]} | {path for path in named if path in read}
    for path in sorted(told):
        problems.add(
            INVENTORY,
            shown(Path(path)),
            named.get(path, "(file)"),
            "Ansible reads this file as an inventory, too, and takes its lines for hosts",
            f"name it {Path(path).name}.txt, which Ansible leaves alone, "
            "or move it out of the inventory's folder",
        )
    return {host for host, path in files.items() if path in told}


def _is_prefix(name: str) -> bool:
    if "/" not in name:
        return False
    try:
        parse_prefix(name)
    except PrefixError:
        return False
    return True


def check_variable_places(
    folders: Iterable[Path], groups: Collection[str], hosts: Collection[str], warnings: Problems
) -> None:
    """Find variables for groups and hosts that there are not: nobody reads them."""
    for folder in folders:
        for place, known in (("group_vars", groups), ("host_vars", hosts)):
            for path in sorted((folder / place).iterdir()) if (folder / place).is_dir() else ():
                name = path.name.removesuffix(path.suffix) if path.suffix in _YAML else path.name
                own = path.is_dir() and not any(one.suffix in _YAML for one in path.rglob("*"))
                unread = path.is_file() and path.suffix not in ("", *_YAML)
                if name in known or own or unread or name.startswith((".", "site_")) or name.endswith("~"):
                    continue
                what = "group" if place == "group_vars" else "host"
                warnings.add(
                    INVENTORY,
                    shown(path),
                    name,
                    f"there is no {what} of this name, so that nobody reads it",
                    nearest(name, known),
                )
