# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: each room imports only those before it, and no code of the controller is on a node."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
COLLECTION = "ansible_collections.ftfw.pair."
ON_NODES = (
    "system",
    "files",
    "netlink",
    "links",
    "conntrack",
    "conntrackd",
    "keepalived",
    "nft",
    "packets",
    "balance",
    "mutants",
    "policy_check",
    "traffic",
    "probe",
    "health",
    "agent",
    "guest",
)
"""The rooms of module_utils, in their order."""
ON_THE_CONTROLLER = (
    "vocabulary",
    "reading",
    "site",
    "policy",
    "ruleset",
    "view",
    "page",
    "policy_test",
    "sections",
    "across",
    "model",
    "inventory",
    "faults",
    "health",
    "turns",
    "units",
    "host_network",
    "packing",
    "rendering",
)
"""The rooms of plugin_utils, in their order. All of them may import those of module_utils."""
ROOMS = [
    *(("module_utils", room) for room in ON_NODES),
    *(("plugin_utils", room) for room in ON_THE_CONTROLLER),
]
NOT_ON_NODES = {"netaddr", "jinja2", "yaml"}


def imported(file: Path) -> Iterator[str]:
    """The modules that a file names in its imports, those of a block for type checks included."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{file}: a relative import"
            yield node.module


def folders(kind: str) -> set[str]:
    paths = [path for path in (PLUGINS / kind).rglob("*.py") if path.name != "__init__.py"]
    return {path.relative_to(PLUGINS / kind).parts[0] for path in paths}


def test_every_room_has_its_place() -> None:
    assert folders("module_utils") == set(ON_NODES)
    assert folders("plugin_utils") == set(ON_THE_CONTROLLER)
    assert not [path for kind in ("module_utils", "plugin_utils") for path in (PLUGINS / kind).glob("*.py")]


def test_the_docs_name_every_room_in_its_place() -> None:
    page = (PLUGINS.parent / "docs" / "architecture.md").read_text()
    for kind, rooms in (("module_utils", ON_NODES), ("plugin_utils", ON_THE_CONTROLLER)):
        _before, _lead, table = page.partition(f"Rooms of `plugins/{kind}`")
        rows, _end, _rest = table.partition("\n\n|")[2].partition("\n\n")
        assert tuple(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == rooms


@pytest.mark.parametrize(("kind", "room"), ROOMS, ids="/".join)
def test_a_room_imports_only_those_before_it(kind: str, room: str) -> None:
    before = ROOMS[: ROOMS.index((kind, room)) + 1]
    for file in sorted((PLUGINS / kind / room).rglob("*.py")):
        for module in imported(file):
            if not module.startswith(COLLECTION):
                continue
            _plugins, other, place, *_rest = module.removeprefix(COLLECTION).split(".")
            assert (other, place) in before, f"{file.relative_to(PLUGINS)} imports {module}"


@pytest.mark.parametrize("room", ON_NODES)
def test_nodes_need_nothing_of_the_controllers(room: str) -> None:
    for file in sorted((PLUGINS / "module_utils" / room).rglob("*.py")):
        for module in imported(file):
            assert not module.startswith(f"{COLLECTION}plugins.plugin_utils"), file
            assert module.split(".")[0] not in NOT_ON_NODES, f"{file}: {module} is not on every node"


def shipped(module: str) -> set[str]:
    """What Ansible packs beside a module: all of module_utils that it imports, and what these import."""
    found: set[str] = set()
    waiting = [PLUGINS / "modules" / f"{module}.py"]
    while waiting:
        for name in imported(waiting.pop()):
            path = PLUGINS.parent.joinpath(*name.removeprefix(COLLECTION).split(".")).with_suffix(".py")
            if name.startswith(f"{COLLECTION}plugins.module_utils.") and name not in found:
                found.add(name)
                # a package has its name as well, and nothing in it
                waiting += [path] if path.is_file() else []
    return {name.removeprefix(f"{COLLECTION}plugins.module_utils.") for name in found}


@pytest.mark.parametrize("module", sorted(path.stem for path in (PLUGINS / "modules").glob("*.py")))
def test_only_policy_check_ships_mutants(module: str) -> None:
    files = shipped(module)
    assert any(name.startswith("mutants.") for name in files) == (module == "policy_check")
    assert ("policy_check.mutation" in files) == (module == "policy_check")


def test_a_new_ruleset_is_tried_on_the_node() -> None:
    assert {"policy_check.lockout", "policy_check.run", "packets.space"} <= shipped("nft_ruleset")


def test_no_room_is_crowded() -> None:
    for kind, room in ROOMS:
        for folder in (PLUGINS / kind / room, *(PLUGINS / kind / room).rglob("*/")):
            assert len(list(folder.glob("*.py"))) <= 25, folder.relative_to(PLUGINS)
