# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads hosts' variables as Ansible has them: templates resolved, types plain, and whose each one is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ansible.errors import AnsibleError
from ansible.template import Templar
from ansible_collections.ftfw.pair.plugins.plugin_utils.across.machines import (
    CONNECTION_OPTIONS,
    CONNECTION_VARIABLES,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.across.third_parties import VARIABLE as _TARGETS
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import MODEL, meant, with_files
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.variables import (
    EXTRA,
    OWN,
    Found,
    check_variables,
    specifications,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    SITE,
    Problems,
    closest,
    nearest,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import UNREADABLE, Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.variable_values import check_variable
from jinja2 import TemplateSyntaxError

ROOT = Path(__file__).parents[3]
"""Of the collection."""
_TESTER = "policy_test_host"
# what it asks for may not be there yet, and may be made by asking
_WORD = re.compile(r"\w+")
_ASKS = re.compile(r"\b(lookup|query|q)\s*\(")
_STARTS = ("{{", "{%", "{#")
"""Of Jinja's expressions, statements and comments."""
_SYNTAX = re.compile("template error while templating string")
"""So says ansible-core 2.18 and older."""


@dataclass(frozen=True)
class Inventory:
    """The variables of all hosts."""

    hostvars: Any
    """Ansible's own: host → variables, resolved when they are asked for."""
    extra: Mapping[str, object]
    """What was given on the command line."""
    loader: Any = None
    _asked: dict[str, Mapping[str, object]] = field(default_factory=dict)
    _literals: dict[int, tuple[object, object]] = field(default_factory=dict)
    """What needs no resolving, by its identity, plain; the first of each two keeps that identity taken."""

    def resolved(self, host: str) -> Mapping[str, object]:
        """A host's variables. Ansible puts them together anew each time, which takes milliseconds."""
        if host not in self._asked:
            self._asked[host] = self.hostvars[host]
        return self._asked[host]

    def raw(self, host: str) -> Mapping[str, object]:
        """A host's variables as they are written."""
        resolved = self.resolved(host)
        found: Mapping[str, object] | None = getattr(resolved, "_vars", None)
        return resolved if found is None else found

    def directory(self) -> str | None:
        """Find the directory that paths of files start from: that of the first host which has some."""
        naming = with_files()
        for host in map(str, self.hostvars):
            if any(key in self.raw(host) for key in naming):
                found = self.resolved(host).get("inventory_dir")
                return str(found) if found else None
        return None

    def model(self, problems: Problems, connections: bool = True) -> dict[str, dict[str, object]]:
        """Resolve what the model reads. What fails is told by its inner key, and is UNREADABLE.

        How hosts are reached matters to warnings only; to resolve it for each of 300 hosts takes a while.
        """
        values: dict[str, dict[str, object]] = {}
        for name in self.hostvars:
            host = str(name)
            variables = self.resolved(host)
            values[host] = {}
            for key in (str(one) for one in variables):
                if key in MODEL or ((about := meant(key)) and about not in variables):
                    label = SITE if key.startswith("site_") else host
                    values[host][key] = self._value(host, label, key, problems)
                elif key == _TARGETS:
                    with suppress(AnsibleError):
                        values[host][key] = plain(variables[key])
                elif connections and key in CONNECTION_VARIABLES:
                    with suppress(AnsibleError):
                        values[host][key] = self._way(host, key, problems)
                elif connections and key in CONNECTION_OPTIONS:
                    values[host][key] = plain(self.raw(host)[key])
            if connections and "ansible_host" not in variables:
                # Ansible goes by the host's name then
                values[host]["ansible_host"] = host
        return values

    def _way(self, host: str, key: str, problems: Problems) -> object:
        """Resolve how Ansible comes to a host. What it says in the model's words must be there.

        Where other templates fail, Ansible says so itself when it connects.
        """
        variables = self.raw(host)
        raw = variables[key]
        named = [name for name in _WORD.findall(raw) if name in MODEL] if isinstance(raw, str) else []
        # one that is not there at all is told, where the host needs it
        if named and all(name in variables for name in named):
            return self._reader(host, host, problems).value(key, self.resolved(host))
        return plain(self.resolved(host)[key])

    def _value(self, host: str, label: str, key: str, problems: Problems) -> object:
        """Resolve a value. What hosts have of a group is one object: without a template it is read once."""
        raw = self.raw(host)[key]
        if id(raw) not in self._literals:
            if not is_literal(raw):
                return self._reader(host, label, problems).value(key, self.resolved(host))
            self._literals[id(raw)] = raw, plain(raw)
        return self._literals[id(raw)][1]

    def _reader(self, host: str, label: str, problems: Problems) -> _Reader:
        return _Reader(self.hostvars, self.raw(host), label, problems, self.loader)

    def check(self, problems: Problems, warnings: Problems, extra_only: bool = False) -> None:
        """Hold the names and the values of all variables, or of those behind -e, against the collection's."""
        specs = specifications(ROOT)
        found = [one for one in self._found() if not extra_only or one.hosts == (EXTRA,)]
        check_variables(found, len(self.hostvars), specs, self._own(), problems, warnings)
        for one in found:
            if one.name in specs and one.name not in MODEL:
                for label, value in self._values(one, problems):
                    check_variable(Value(label, one.name, value, problems), specs[one.name])
                    if one.name == _TESTER:
                        self._check_host(label, one.name, value, problems, warnings)
                    if one.name == _TARGETS:
                        self._check_targets(Value(label, one.name, value, problems), one.hosts)

    def _check_targets(self, value: Value, hosts: tuple[str, ...]) -> None:
        """Third parties of path tracking: nobody notices that they are never asked, before a fault."""
        if not isinstance(value.raw, dict):
            # what is wrong with that is told already
            return
        names = [str(host) for host in self.hostvars] if hosts == (EXTRA,) else hosts
        declared = [self.raw(name).get("node_interfaces") for name in names]
        cards = {str(card) for one in declared if isinstance(one, Mapping) for card in one}
        for card, addresses in value.entries().items():
            if card not in cards:
                right = f"write the name of a card; {nearest(card, cards)}"
                value.child(card, card).wrong("is no interface of node_interfaces", right)
            addresses.addresses()

    def _check_host(
        self, label: str, key: str, value: object, problems: Problems, warnings: Problems
    ) -> None:
        """A host that nobody knows is asked by its name, which a misspelt one is not meant to be."""
        known = {"localhost", *map(str, self.hostvars)}
        if isinstance(value, str) and value not in known:
            where = problems if closest(value, known) else warnings
            where.add(label, key, value, "is not in the inventory", nearest(value, known))

    def _own(self) -> list[str]:
        for name in self.hostvars:
            if OWN in self.raw(str(name)):
                own = plain(self.resolved(str(name))[OWN])
                return [one for one in own if isinstance(one, str)] if isinstance(own, list) else []
        return []

    def _found(self) -> Iterator[Found]:
        """Each variable once, with its hosts, but for what plays have set while they ran."""
        # by the key as it is written: YAML may have made a number of it
        hosts: dict[object, list[str]] = {}
        for name in self.hostvars:
            facts = self._facts(str(name))
            for key in self.raw(str(name)):
                if str(key) not in self.extra and str(key) not in facts:
                    hosts.setdefault(key, []).append(str(name))
        for key, value in self.extra.items():
            yield Found(str(key), (EXTRA,), plain(value))
        for written, names in hosts.items():
            first = _as_written(self.raw(names[0]))[written]
            others = (_as_written(self.raw(name))[written] for name in names[1:])
            same = all(other is first or other == first for other in others)
            yield Found(str(written), tuple(names), plain(first) if same else None)

    def _facts(self, host: str) -> Mapping[str, object]:
        manager = getattr(self.hostvars, "_variable_manager", None)
        found: Mapping[str, object] = getattr(manager, "_nonpersistent_fact_cache", {}).get(host, {})
        return found

    def _values(self, one: Found, problems: Problems) -> Iterator[tuple[str, object]]:
        """Resolve a variable; the same words on several hosts are told once."""
        hosts = [str(name) for name in self.hostvars][:1] if one.hosts == (EXTRA,) else one.hosts
        literal: dict[str, tuple[list[str], object]] = {}
        texts: dict[int, str] = {}
        for host in hosts:
            raw = self.raw(host).get(one.name)
            # what hosts have of a group is one object
            text = texts.get(id(raw)) or texts.setdefault(id(raw), json.dumps(plain(raw), default=str))
            if _ASKS.search(text):
                continue
            if "{{" not in text and "{%" not in text:
                literal.setdefault(text, ([], plain(raw)))[0].append(host)
                continue
            label = EXTRA if one.hosts == (EXTRA,) else host
            try:
                yield label, plain(self.resolved(host)[one.name])
            except AnsibleError as error:
                # what is not there yet, such as a fact, may come: only what can never be read is wrong
                if any(isinstance(e, TemplateSyntaxError) or _SYNTAX.search(str(e)) for e in _causes(error)):
                    self._reader(host, label, problems).tell(one.name, raw, error)
        for names, value in literal.values():
            yield EXTRA if one.hosts == (EXTRA,) else Found("", tuple(names)).label(len(self.hostvars)), value


def _as_written(variables: Mapping[str, object]) -> Mapping[object, object]:
    """Names of variables are texts, but for those of which YAML has made something else."""
    return cast("Mapping[object, object]", variables)


@dataclass(frozen=True)
class _Reader:
    """Resolves the values of one host, and tells what fails by its innermost key."""

    hostvars: Any
    raw: Mapping[str, object]
    """The host's variables as they are written."""
    label: str
    problems: Problems
    loader: Any

    def value(self, key: str, variables: Mapping[str, object]) -> object:
        try:
            return plain(variables[key])
        except AnsibleError as error:
            return self._below(key, self.raw[key], error)

    def tell(self, key: str, raw: object, error: AnsibleError) -> None:
        why = reason(error)
        right = "define what it refers to" if "undefined" in why else "mend the template"
        self.problems.add(self.label, key, plain(raw), f"its template fails: {why}", right)

    def _below(self, key: str, raw: object, error: AnsibleError) -> object:
        """Look for what failed in the parts of a value, as they are written."""
        if isinstance(raw, Mapping):
            return {str(name): self._part(f"{key}.{name}", item) for name, item in raw.items()}
        if isinstance(raw, (list, tuple)):
            return [self._part(f"{key}[{index}]", item) for index, item in enumerate(raw)]
        self.tell(key, raw, error)
        return UNREADABLE

    def _part(self, key: str, raw: object) -> object:
        variables = {**self.raw, "hostvars": self.hostvars}
        try:
            return plain(Templar(loader=self.loader, variables=variables).template(raw))
        except AnsibleError as error:
            return self._below(key, raw, error)


def reason(error: BaseException) -> str:
    """Take the innermost reason of an error, without where it was found and what led there."""
    error = list(_causes(error))[-1]
    text = str(getattr(error, "message", "") or error)
    return " ".join(text.split()).rstrip(". ")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def is_literal(raw: object) -> bool:
    """Whether a value is what is written. Others are templates, or such as a vault has."""
    if isinstance(raw, Mapping):
        return all(isinstance(key, str) and is_literal(item) for key, item in raw.items())
    if isinstance(raw, (list, tuple)):
        return all(map(is_literal, raw))
    if isinstance(raw, str):
        return not any(start in raw for start in _STARTS)
    return raw is None or isinstance(raw, (bool, int, float))


def _name(key: object) -> object:
    """A key that YAML takes for a number or a day stays one, so that the model can tell: 010 is not 8."""
    return str(key) if isinstance(key, (str, bool)) or key is None else plain(key)


def plain(value: object) -> object:
    """Strip Ansible's own types (tagged and unsafe ones) down to those of JSON."""
    if isinstance(value, Mapping):
        return {_name(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return "".join(value)
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value
