# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds values of variables against what the argument specification of a role or a playbook says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import BOOLEANS, Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.variable_bounds import BOUNDS, MOST, ON_NODES

_TRUTHS = {*BOOLEANS, "on", "off", "t", "f", "y", "n", "1", "0", "1.0", "0.0"}
"""What Ansible's filter bool knows."""


def check_variable(value: Value, spec: Mapping[str, Any]) -> None:
    """Note what the value of a variable is not. An empty one hides the role's default, and gives none."""
    if value.raw is None:
        value.wrong("is empty, and so not the default either", "write a value, or leave the variable out")
    check_value(value, spec)


def check_value(value: Value, spec: Mapping[str, Any]) -> None:
    """Note what a value is not. One that is empty counts as absent, as it does in Ansible's own check."""
    raw, kind = value.raw, spec.get("type", "str")
    if raw is None:
        return
    if kind == "list":
        _check_list(value, spec)
    elif kind == "dict":
        if not isinstance(raw, dict):
            value.wrong("is not a mapping", "write {NAME: VALUE, …}")
        elif "options" in spec:
            check_options(value, spec["options"])
    elif kind in _CHECKS:
        _check_scalar(value, kind, [str(choice) for choice in spec.get("choices", ())])


def check_options(value: Value, options: Mapping[str, Mapping[str, Any]]) -> None:
    required = [key for key, spec in options.items() if spec.get("required")]
    for key, field in value.section(*options, required=required).items():
        check_value(field, options[key])


def _check_list(value: Value, spec: Mapping[str, Any]) -> None:
    inner = {key: spec[key] for key in ("options", "choices") if key in spec}
    if isinstance(value.raw, list):
        for index, item in enumerate(value.raw):
            place = Value(value.host, f"{value.key}[{index}]", item, value.problems, value.silent)
            check_value(place, {"type": spec.get("elements", "raw"), **inner})
    else:
        value.items()


def _check_scalar(value: Value, kind: str, choices: list[str]) -> None:
    wrong, right = _CHECKS[kind]
    known = f"write one of {', '.join(choices)}" if choices else right
    if isinstance(value.raw, (list, dict)):
        what = "list" if isinstance(value.raw, list) else "mapping"
        value.wrong(f"is a {what}, and {wrong[3:]}", known)
    elif not _is(value.raw, kind):
        value.wrong(wrong, known)
    elif (
        kind in ("int", "float") and not choices and not _low(value) <= float(str(value.raw)) <= _high(value)
    ):
        number = "whole number" if kind == "int" else "number"
        value.wrong("is out of range", f"write a {number} of {_low(value):.12g} to {_high(value):.12g}")
    elif kind == "path" and not str(value.raw).strip():
        value.wrong("is empty", "write a path, or leave the variable out")
    elif value.key in ON_NODES and str(value.raw) and not str(value.raw).startswith("/"):
        value.wrong("is no absolute path", f"begin with a slash, such as /{value.raw}")
    elif choices and str(value.raw) not in choices:
        value.wrong("is unknown", nearest(str(value.raw), choices))


def _low(value: Value) -> float:
    return BOUNDS.get(value.key, (0, MOST))[0]


def _high(value: Value) -> float:
    return BOUNDS.get(value.key, (0, MOST))[1]


def _is(raw: object, kind: str) -> bool:
    if kind == "bool":
        return isinstance(raw, bool) or str(raw).lower() in _TRUTHS
    if isinstance(raw, bool):
        return False
    if kind in ("int", "float"):
        try:
            number = float(str(raw))
        except ValueError:
            return False
        return kind == "float" or number.is_integer()
    return True


_CHECKS = {
    "str": ("is not a text", "write it in quotes"),
    "path": ("is not a text", "write a path in quotes"),
    "int": ("is not a whole number", "write one such as 5"),
    "float": ("is not a number", "write one such as 5 or 0.5"),
    "bool": ("is neither true nor false", "write true or false"),
}
"""What a value is not, and what would be right, by its type. Other types take anything."""
