# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which modules of this collection a program needs: its entry point's, and what those import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

COLLECTION = "ansible_collections.ftfw.pair"
ON_NODES = f"{COLLECTION}.plugins.module_utils"
"""Only what is below is sent to nodes."""
ROOT = Path(__file__).resolve().parents[3]
"""The folder of the collection."""


class PackingError(ValueError):
    """A program can't be built; the text says which module, and why."""


def closure(entry: str, root: Path = ROOT) -> dict[str, bytes]:
    """The files of a program by their names in it: its modules, and the packages that they are in.

    `entry` is a module's full name. What is imported inside a function counts; a block that only type checks
    read does not. Raises PackingError for a module of the collection that does not exist,
    or may not be on a node.
    """
    found: dict[str, bytes] = {}
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        for each in _with_packages(module):
            name, source = _source(each, root)
            if name in found:
                continue
            found[name] = source
            waiting += [one for one in _imported(each, source, root) if _is_ours(one)]
    return found


def _is_ours(module: str) -> bool:
    return module == COLLECTION or module.startswith(f"{COLLECTION}.")


def _with_packages(module: str) -> Iterator[str]:
    words = module.split(".")
    for count in range(1, len(words) + 1):
        yield ".".join(words[:count])


def _path(module: str, root: Path) -> Path:
    """Without an ending: that of a folder, or of a file."""
    return root.joinpath(*module.split(".")[len(COLLECTION.split(".")) :])


def _source(module: str, root: Path) -> tuple[str, bytes]:
    """Name in the program, and source. A package of the collection need not have a file of its own."""
    name, path = module.replace(".", "/"), _path(module, root)
    if not _is_ours(module):
        # those above the collection, which on a node is alone in them
        return f"{name}/__init__.py", b""
    file = path.with_name(f"{path.name}.py")
    if path != root and file.is_file():
        if not module.startswith(f"{ON_NODES}."):
            raise PackingError(f"{module} is not for nodes: only modules below {ON_NODES} are")
        return f"{name}.py", file.read_bytes()
    if not path.is_dir():
        raise PackingError(f"there is no module {module}")
    file = path / "__init__.py"
    return f"{name}/__init__.py", file.read_bytes() if file.is_file() else b""


def _imported(module: str, source: bytes, root: Path) -> Iterator[str]:
    """The modules that a source names in its imports."""
    for node in _running(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise PackingError(f"{module}: line {node.lineno} is a relative import")
            yield node.module
            # `from package import module`, or a name of the package itself
            for name in node.names:
                path = _path(f"{node.module}.{name.name}", root)
                if _is_ours(node.module) and (path.is_dir() or path.with_name(f"{path.name}.py").is_file()):
                    yield f"{node.module}.{name.name}"


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree but for what stands under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for each in child.orelse:
                yield each
                yield from _running(each)
            continue
        yield child
        yield from _running(child)
