# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of the fact site_view elsewhere, made from its contract and from what the lab's hosts get.

Usage: contract.py
Writes docs/site_view.md, and the return values of the module site_model. Run by tests/sites/renew.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints, is_typeddict

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostPart, HostView, Parts
from ansible_collections.ftfw.pair.tests.sites.views import SITES, Dumper, inventory_of, load

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "site_view.md"
MODULE = ROOT / "plugins" / "modules" / "site_model.py"
PLAIN = {str: "text", int: "number", float: "number", bool: "true or false", NoneType: "null"}
NAMES = {str: "str", int: "int", float: "float", bool: "bool", list: "list", dict: "dict"}
"""What the documentation of a module calls them."""
SITE_VIEW = "    site_view:\n"
"""Where the generated part of the module's return values begins; it goes on to their end."""
NONE = re.compile(r"\bNone\b")
WIDTH = 100
"""Of an example, in letters."""
HOSTS = ("fw-1", "omarine")
"""Whose parts are shown; between them they have all."""
BEGIN = """\
# What a role gets

    "{{ site_view.pair.peer }}"      the name of the other node

`site_view` is a fact of each host, set by the module `site_model`. It is the contract between the model
and the roles. What a role has to know of the site is there; the defaults of its variables come from it.

A host lacks each part that it has no use for. A part has all of its keys, and a list may be empty.
A key marked * may be absent. An address has no prefix length unless that is said.

The examples are the lab's. Of a list they show the first two elements, and of a text the first two lines.

This page is made from the contract, `plugins/plugin_utils/view/contract.py`, by `tests/sites/renew`.

"""


class Example(Dumper):
    """YAML for readers: what fits into a line is one, and a text of several lines is written as such."""

    def represent_sequence(self, tag: Any, sequence: Any, flow_style: bool | None = None) -> yaml.Node:
        return super().represent_sequence(tag, sequence, fits(sequence))

    def represent_mapping(self, tag: Any, mapping: Any, flow_style: bool | None = None) -> yaml.Node:
        return super().represent_mapping(tag, mapping, fits(mapping))

    def represent_text(self, text: str) -> yaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)


Example.add_representer(str, Example.represent_text)


def fits(value: Any) -> bool:
    """Whether there is a line for it; one that has others in it is read more easily in several."""
    inner = value.values() if isinstance(value, dict) else value
    return len(repr(value)) < WIDTH and not any(isinstance(one, (dict, list)) and one for one in inner)


class Key(NamedTuple):
    """A key of the contract: where it is in its part, what it holds, and the text behind it."""

    path: str
    kind: Any
    text: str
    optional: bool


@cache
def texts(kind: type) -> dict[str, str]:
    """Find the text behind each key, also of the classes that this one adds to."""
    # inspect.getsource finds no TypedDict from Python 3.13 on, and before 3.12 none knows what it adds to
    module = sys.modules[kind.__module__]
    classes = (one for one in ast.parse(inspect.getsource(module)).body if isinstance(one, ast.ClassDef))
    (body,) = (one for one in classes if one.name == kind.__name__)
    bases = (getattr(module, base.id) for base in body.bases if isinstance(base, ast.Name))
    found: dict[str, str] = {}
    for base in bases:
        if is_typeddict(base):
            found |= texts(base)
    for key, behind in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name):
            said = behind.value if isinstance(behind, ast.Expr) else None
            text = said.value if isinstance(said, ast.Constant) else ""
            found[key.target.id] = " ".join(str(text).split())
    return found


def about(kind: Any) -> str:
    """What is said of a class of the contract; of other types nothing is."""
    return " ".join((kind.__doc__ or "").split()) if is_typeddict(kind) else ""


def keys(kind: Any, begin: str = "") -> Iterator[Key]:
    """All keys of a part, each followed by those that are in it."""
    for name, inner in get_type_hints(kind).items():
        text = texts(kind).get(name) or about(
            part_of(get_args(inner)[0] if get_origin(inner) is list else inner)
        )
        yield Key(f"{begin}{name}", inner, text, name not in kind.__required_keys__)
        yield from _inner(inner, f"{begin}{name}")


def _inner(kind: Any, path: str) -> Iterator[Key]:
    if is_typeddict(kind):
        yield from keys(kind, f"{path}.")
    elif get_origin(kind) is list:
        yield from _inner(get_args(kind)[0], f"{path}[]")
    elif get_origin(kind) is not dict:
        for one in get_args(kind):
            yield from _inner(one, path)


def words(kind: Any) -> str:
    """A type in words."""
    arguments = get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if is_typeddict(kind):
        return "dictionary"
    if get_origin(kind) is list:
        return f"list of {words(arguments[0])}"
    if get_origin(kind) is dict:
        return f"dictionary of {words(arguments[1])}"
    if get_origin(kind) is Literal:
        return " or ".join(map(str, arguments))
    return " or ".join(words(one) for one in arguments)


def cut(value: Any, items: int) -> Any:
    """A sample of a value: the first elements of each list, and the first lines of a text."""
    if isinstance(value, dict):
        return {key: cut(one, items) for key, one in value.items()}
    if isinstance(value, list):
        return [cut(one, items) for one in value[:items]]
    if isinstance(value, str):
        return "\n".join(value.splitlines()[:items])
    return value


def samples(items: int) -> dict[str, Any]:
    """Each part as a host of the lab has it."""
    site = load(inventory_of(SITES / "lab"))
    found: dict[str, Any] = {}
    for host in HOSTS:
        found = {**host_view(site, host), **found}
    found["policy_test"] = policy_test_view(site, HOSTS[0], written_tests(site))
    # with each change of the compiler there would be others
    found["nftables"] = {**found["nftables"], "contents": {"table": "inet ftfw"}}
    return {key: cut(found[key], items) for key in get_type_hints(HostView)}


def part_of(kind: Any) -> Any:
    """The class of a part that may be null."""
    return next((one for one in get_args(kind) if is_typeddict(one)), kind)


def page() -> str:
    """docs/site_view.md."""
    shown, blocks = samples(2), []
    host = list(get_type_hints(HostPart))
    blocks.append("## Every host\n\n" + example({key: shown[key] for key in host}) + table(HostPart))
    for name, kind in get_type_hints(Parts).items():
        part = part_of(kind)
        said = f"Who has it: {texts(Parts)[name]}. {about(part)}\n\n"
        blocks.append(f"## `{name}`\n\n" + said + example({name: shown[name]}) + table(part))
    return BEGIN + "\n".join(blocks)


def dump(value: Any, width: int = 10 * WIDTH) -> str:
    return yaml.dump(value, Dumper=Example, sort_keys=False, width=width)


def example(value: Any) -> str:
    return f"```yaml\n{dump(value)}```\n\n"


def table(kind: Any) -> str:
    rows = [
        f"| `{key.path}`{' *' if key.optional else ''} | {words(key.kind)} | {NONE.sub('null', key.text)} |"
        for key in keys(kind)
    ]
    return "\n".join(["| key | value | meaning |", "|---|---|---|", *rows, ""])


def returned() -> str:
    """The return value site_view of the module, indented as it stands there."""
    shown, hints = samples(1), get_type_hints(HostView)
    contains = {
        name: {
            "description": about(part_of(kind)) if name in get_type_hints(Parts) else texts(HostPart)[name],
            "returned": f"on {texts(Parts)[name]}" if name in get_type_hints(Parts) else "always",
            "type": type_of(kind),
            **({"elements": type_of(get_args(kind)[0])} if get_origin(kind) is list else {}),
            "sample": shown[name],
        }
        for name, kind in hints.items()
    }
    value = {
        "description": "What the host has to know of the site. It lacks each part that it has no use for.",
        "returned": "always",
        "type": "dict",
        "contains": contains,
    }
    return SITE_VIEW + textwrap.indent(dump(value, WIDTH - 10), " " * 6)


def type_of(kind: Any) -> str:
    kind = part_of(kind)
    return "dict" if is_typeddict(kind) else NAMES[get_origin(kind) or kind]


def module() -> str:
    """The module with return values made anew."""
    text = MODULE.read_text()
    return text[: text.index(SITE_VIEW)] + returned() + '"""\n'


def main() -> None:
    PAGE.write_text(page())
    MODULE.write_text(module())


if __name__ == "__main__":
    main()
