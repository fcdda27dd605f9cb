# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's argument specification and its defaults say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.ftfw.pair.plugins.plugin_utils.site import pair_links as links

FOLDER = Path(__file__).parents[3] / "roles"
VIEWS = yaml.safe_load((FOLDER.parent / "tests/sites/ipv4/views.yml").read_text())
FROM_VIEW = re.compile(r"{{ site_view\.([\w.]+) }}")
ROLES = sorted(path.parent.parent for path in FOLDER.glob("*/meta/argument_specs.yml"))


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
@pytest.mark.parametrize("host", ["omarine", "fw-1"])
def test_argument_specs_take_what_the_model_gives(role: Path, host: str) -> None:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    defaults: dict[str, Any] = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    for name, default in defaults.items():
        found = FROM_VIEW.fullmatch(str(default))
        value: Any = VIEWS[host]
        for key in found[1].split(".") if found else []:
            value = value.get(key) if isinstance(value, dict) else None
        if found and value is not None:
            spec = {key: told for key, told in specs[name].items() if key != "default"}
            errors = ArgumentSpecValidator({name: spec}).validate({name: value}).error_messages
            assert errors == [], name


def test_the_ruleset_opens_the_ports_that_the_programs_have() -> None:
    ports = yaml.safe_load((FOLDER / "pair_state/vars/main.yml").read_text())
    assert {name: port for name, port in ports.items() if name.endswith("_port")} == {
        "__pair_state_path_port": links.PATH_PORT,
        "__pair_state_flows_port": links.FLOWS_PORT,
        "__pair_state_health_port": links.HEALTH_PORT,
    }
