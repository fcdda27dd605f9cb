# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jinja reads of site_view: expressions are walked with the contract's types in the place of values.

A variable has the type of what it is made of, a loop's variable that of an element. What is printed, given to
a module or to a filter of the collection goes out as a whole: Python reads it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView
from jinja2 import Environment, nodes

Scope = Mapping[str, Any]
_JINJA = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - nothing is rendered
SAME = {
    *("combine", "d", "default", "difference", "flatten", "intersect", "list", "reject", "rejectattr"),
    *("reverse", "select", "selectattr", "sort", "union", "unique"),
}
"""Filters whose result has the type of what they are given."""
BY_ATTRIBUTE = {"groupby", "rejectattr", "selectattr"}
OUR_FILTERS = "ftfw.pair."
HOST, HOSTS = object(), object()
"""The variables of a host, and hostvars."""


def parts(wanted: Any) -> Iterator[Any]:
    """The TypedDicts of a type."""
    if is_typeddict(wanted):
        yield wanted
        for inner in get_type_hints(wanted).values():
            yield from parts(inner)
    for inner in get_args(wanted):
        yield from parts(inner)


def element(of: Any) -> Any:
    """The type of an element, of a dictionary that of a value; None where nothing is known."""
    arguments = get_args(of)
    if of is HOSTS:
        return HOST
    return arguments[-1] if get_origin(of) in (list, dict) else None


def _returned(name: str) -> Any:
    """The type of what a filter of the collection returns."""
    module = import_module(f"ansible_collections.ftfw.pair.plugins.filter.{name}")
    of = get_type_hints(getattr(module, name))["return"]
    return of if is_typeddict(of) else None


class Reads:
    """What is read, by whom, and what of that the contract does not have."""

    def __init__(self, variables: Mapping[str, list[str]], template: Callable[[str], str | None]) -> None:
        self.variables = variables
        """Templates that give a variable its value."""
        self.template = template
        """The text of a role's template, by its name."""
        self.read: set[tuple[Any, str]] = set()
        self.whole: set[Any] = set()
        """Parts that went out as a whole."""
        self.unknown: set[str] = set()
        self._known: dict[str, Any] = {}

    def text(self, text: str, scope: Scope) -> None:
        """Walk a template, which prints."""
        self._walk(_JINJA.parse(text).body, dict(scope))

    def expression(self, text: str, scope: Scope) -> Any:
        """Walk an expression, which may have its braces, and tell its type."""
        text = text.strip()
        bare = text[2:-2].strip("-") if text.startswith("{{") and text.endswith("}}") else text
        if "{{" in bare or "{%" in bare:
            self.text(text, scope)
            return None
        body = _JINJA.parse("{{ (" + bare + ") }}").body[0]
        assert isinstance(body, nodes.Output)
        return self._of(body.nodes[0], scope)

    def _walk(self, body: list[nodes.Node], scope: dict[str, Any]) -> None:
        for node in body:
            if isinstance(node, nodes.Output):
                for one in node.nodes:
                    self._give(self._of(one, scope))
            elif isinstance(node, nodes.For):
                inner = {**scope, **self._bound(node.target, self._of(node.iter, scope))}
                if node.test:
                    self._of(node.test, inner)
                self._walk(node.body, inner)
                self._walk(node.else_, scope)
            elif isinstance(node, nodes.If):
                self._of(node.test, scope)
                for branch in (node.body, *(one.body for one in node.elif_), node.else_):
                    self._walk(branch, scope)
                for one in node.elif_:
                    self._of(one.test, scope)
            elif isinstance(node, nodes.Assign):
                of = self._of(node.node, scope)
                if isinstance(node.target, nodes.Name):
                    scope[node.target.name] = of
            else:
                for child in node.iter_child_nodes():
                    self._walk([child], scope) if isinstance(child, nodes.Stmt) else self._of(child, scope)

    def _bound(self, target: nodes.Node, of: Any) -> dict[str, Any]:
        if isinstance(target, nodes.Name):
            return {target.name: element(of)}
        names = [one.name for one in target.find_all(nodes.Name)]
        kinds = get_args(element(of)) if get_origin(element(of)) is tuple else ()
        return dict(zip(names, kinds)) if kinds else dict.fromkeys(names)

    def _give(self, of: Any) -> None:
        """Note that Python, or a text, gets all of it. Whole views are judged by their own readers."""
        if of not in (HOST, HOSTS) and HostView not in (of, element(of)):
            self.whole.update(parts(of))

    def key(self, of: Any, key: str) -> Any:
        """The type of a key; of a list those of its elements are asked, as `map(attribute=…)` does."""
        if of is HOST:
            return self._variable(key, {})
        if not is_typeddict(of):
            return element(of) if get_origin(of) is dict else None
        hints = get_type_hints(of)
        if key not in hints:
            self.unknown.add(f"{of.__name__}.{key}")
            return None
        self.read.add((of, key))
        kinds = get_args(hints[key]) if get_origin(hints[key]) in (Union, UnionType) else (hints[key],)
        return next(kind for kind in kinds if kind is not NoneType)

    def _variable(self, name: str, scope: Scope) -> Any:
        if name in scope:
            return scope[name]
        if name in ("site_view", "hostvars"):
            return HostView if name == "site_view" else HOSTS
        if name not in self._known:
            self._known[name] = None
            found = [self.expression(one, {}) for one in self.variables.get(name, ())]
            self._known[name] = next((one for one in found if one is not None), None)
        return self._known[name]

    def _of(self, node: nodes.Node, scope: Scope) -> Any:
        if isinstance(node, nodes.Name):
            return self._variable(node.name, scope)
        if isinstance(node, nodes.Getattr):
            return self.key(self._of(node.node, scope), node.attr)
        if isinstance(node, nodes.Getitem):
            return self._item(node, scope)
        if isinstance(node, nodes.Filter):
            return self._filter(node, scope)
        if isinstance(node, nodes.Call):
            return self._call(node, scope)
        if isinstance(node, nodes.Compare) and isinstance(node.expr, nodes.Const):
            for one in node.ops:
                of = self._of(one.expr, scope)
                if one.op in ("in", "notin") and is_typeddict(of):
                    self.key(of, node.expr.value)
            return None
        kinds = [self._of(child, scope) for child in node.iter_child_nodes()]
        if isinstance(node, (nodes.List, nodes.Dict, nodes.Pair, nodes.Keyword)):
            for of in kinds:
                self._give(of)
            return None
        if isinstance(node, nodes.CondExpr):
            kinds = kinds[1:]
        elif not isinstance(node, (nodes.Add, nodes.And, nodes.Or)):
            return None
        return next((of for of in kinds if of is not None), None)

    def _item(self, node: nodes.Getitem, scope: Scope) -> Any:
        of = self._of(node.node, scope)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self.key(of, node.arg.value) if of is not HOSTS else HOST
        self._of(node.arg, scope)
        return of if isinstance(node.arg, nodes.Slice) else element(of)

    def _call(self, node: nodes.Call, scope: Scope) -> Any:
        named = {one.key: one.value for one in node.kwargs}
        first = [one.value for one in node.args if isinstance(one, nodes.Const)]
        if isinstance(node.node, nodes.Getattr) and node.node.attr in ("items", "keys", "values"):
            of = self._of(node.node.node, scope)
            self._give(of)
            kinds: dict[str, Any] = (
                {"items": tuple[get_args(of)], "values": element(of)} if element(of) else {}
            )
            return list[kinds[node.node.attr]] if node.node.attr in kinds else None
        if first[:1] == ["ansible.builtin.template"] and "template_vars" in named:
            bound = self._subject(named["template_vars"], scope)
            names = [str(first[1])] if len(first) > 1 else self._names(node.args[1])
            for name in names:
                text = self.template(name)
                if text is not None:
                    self.text(text, bound)
            return None
        for one in (*node.args, *named.values()):
            self._give(self._of(one, scope))
        return None

    def _subject(self, node: nodes.Expr, scope: Scope) -> dict[str, Any]:
        """What a template sees, by name."""
        if isinstance(node, nodes.Dict):
            return {one.key.value: self._of(one.value, scope) for one in node.items}
        of = self._of(node, scope)
        return get_type_hints(of) if is_typeddict(of) else {}

    def _names(self, node: nodes.Expr) -> list[str]:
        """Of a template's name that is put together: its constant parts, as a pattern."""
        return ["*".join(str(one.value) for one in node.find_all(nodes.Const)) or "*"]

    def _filter(self, node: nodes.Filter, scope: Scope) -> Any:
        of = self._of(node.node, scope) if node.node is not None else None
        first = [one.value if isinstance(one, nodes.Const) else None for one in node.args]
        named = {one.key: one.value for one in node.kwargs}
        attribute = named.get("attribute")
        path = attribute.value if isinstance(attribute, nodes.Const) else None
        if node.name in BY_ATTRIBUTE and first:
            path = first[0]
        for name in ("key_name", "value_name"):
            if isinstance(named.get(name), nodes.Const):
                self.key(element(of), named[name].value)
        inner = element(of)
        for key in str(path).split(".") if path else ():
            inner = self.key(inner, key)
        if node.name == "map":
            if first[:1] == ["extract"]:
                return self._extracted(node, scope)
            kept = attribute or (first and first[0] in SAME)
            if not kept:
                self._give(of)
            return list[inner] if kept and inner is not None else None
        others = [self._of(one, scope) for one in node.args if not isinstance(one, nodes.Const)]
        if node.name in SAME:
            return of if of is not None else next((one for one in others if one is not None), None)
        if node.name.startswith(OUR_FILTERS):
            for one in (of, *others):
                self._give(one)
            return _returned(node.name.removeprefix(OUR_FILTERS))
        if node.name in ("first", "last", "random"):
            return element(of)
        for one in (of, *others):
            self._give(one)
        return None

    def _extracted(self, node: nodes.Filter, scope: Scope) -> Any:
        """The type of `… | map('extract', hostvars, path)`."""
        of = element(self._of(node.args[1], scope))
        for path in node.args[2:]:
            keys = [one.value for one in path.items] if isinstance(path, nodes.List) else [path.value]
            for key in keys:
                of = self.key(of, key)
        return list[of] if of is not None and of is not HOST else None
