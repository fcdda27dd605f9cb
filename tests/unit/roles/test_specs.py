# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's argument specification and its defaults say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.ftfw.pair.plugins.plugin_utils.site import pair_links as links
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView
from ansible_collections.ftfw.pair.tests.sites import contract

FOLDER = Path(__file__).parents[3] / "roles"
SITES = sorted(path.parent for path in FOLDER.parent.glob("tests/sites/*/views.yml"))
FROM_VIEW = re.compile(r"{{ site_view\.([\w.]+) }}")
ALSO = {"str": ("path", "raw"), "int": ("raw",), "float": ("raw",)}
"""Types of a specification that take what the contract has, too."""
ROLES = sorted(path.parent.parent for path in FOLDER.glob("*/meta/argument_specs.yml"))


def options_of(role: Path) -> dict[str, Any]:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    options: dict[str, Any] = specs["argument_specs"]["main"]["options"]
    return options


def from_view(role: Path) -> Iterator[tuple[str, list[str]]]:
    """Each variable that is a part of the view as it is, and where in it."""
    defaults: dict[str, Any] = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    for name, default in defaults.items():
        if found := FROM_VIEW.fullmatch(str(default)):
            yield name, found[1].split(".")


def test_every_role_has_a_specification() -> None:
    assert sorted(path for path in FOLDER.iterdir() if path.is_dir()) == ROLES


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_argument_specs_say_what_the_defaults_say(role: Path) -> None:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    defaults: dict[str, Any] = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    assert specs["options"].keys() == defaults.keys()
    # a default with a template is told in words only: a specification evaluates it even where it isn't used
    plain = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    assert {name: spec["default"] for name, spec in specs["options"].items() if "default" in spec} == plain


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_argument_specs_take_what_the_model_gives(role: Path, site: Path) -> None:
    for host, view in yaml.load((site / "views.yml").read_text(), Loader=yaml.CSafeLoader).items():
        for name, path in from_view(role):
            value: Any = view
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                spec = {key: told for key, told in options_of(role)[name].items() if key != "default"}
                errors = ArgumentSpecValidator({name: spec}).validate({name: value}).error_messages
                assert errors == [], f"{host}: {name}"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_argument_specs_have_each_key_of_the_contract(role: Path) -> None:
    """Also those that no golden site uses: Ansible refuses a key that a specification lacks."""
    for name, path in from_view(role):
        kind: Any = HostView
        for key in path:
            kind = get_type_hints(contract.part_of(kind))[key]
        assert list(drift(kind, options_of(role)[name], name)) == []


def drift(kind: Any, spec: dict[str, Any], where: str) -> Iterator[str]:
    """What a key of the contract and its specification say differently."""
    kind = contract.part_of(kind)
    if get_origin(kind) is list:
        kind = contract.part_of(get_args(kind)[0])
    # without options of its own, a dictionary is taken as it is
    if not is_typeddict(kind) or "options" not in spec:
        return
    hints = get_type_hints(kind)
    for key in sorted(hints.keys() ^ spec["options"].keys()):
        yield f"{where}.{key}: only {'the contract' if key in hints else 'the specification'} has it"
    for key in sorted(hints.keys() & spec["options"].keys()):
        told = spec["options"][key]
        if told.get("required") and (key not in kind.__required_keys__ or may_be_null(hints[key])):
            yield f"{where}.{key}: the contract lets it be absent or null"
        kind_of = plain(hints[key])
        if told.get("type", "str") not in (kind_of, *ALSO.get(kind_of, ())):
            yield f"{where}.{key}: the contract has {kind_of}, and the specification {told.get('type')}"
        yield from drift(hints[key], told, f"{where}.{key}")


def plain(kind: Any) -> str:
    """What the documentation of a module calls a type; of a choice, that of its values."""
    (kind,) = {one for one in get_args(kind) if one is not NoneType} if may_be_null(kind) else {kind}
    if get_origin(kind) is Literal:
        return contract.NAMES[type(get_args(kind)[0])]
    return "dict" if is_typeddict(kind) else contract.NAMES[get_origin(kind) or kind]


def may_be_null(kind: Any) -> bool:
    return NoneType in get_args(kind)


def test_the_ruleset_opens_the_ports_that_the_programs_have() -> None:
    ports = yaml.safe_load((FOLDER / "pair_state/vars/main.yml").read_text())
    assert {name: port for name, port in ports.items() if name.endswith("_port")} == {
        "__pair_state_path_port": links.PATH_PORT,
        "__pair_state_flows_port": links.FLOWS_PORT,
        "__pair_state_health_port": links.HEALTH_PORT,
    }
