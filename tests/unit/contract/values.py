# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares plain JSON values with the types of the contract: keys, which of them are optional, and types.

pydantic and typeguard have such a check. pydantic 2 refuses typing.TypedDict under Python 3.11. typeguard 4
stops at the first difference, and takes true for a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView


def differences(value: object, wanted: Any = HostView) -> list[str]:
    """Tell each place where a value is not what the contract says."""
    return list(_differences(value, wanted, ""))


def _differences(value: object, wanted: Any, place: str) -> Iterator[str]:
    arguments = get_args(wanted)
    if is_typeddict(wanted):
        yield from _keys(value, wanted, place)
    elif get_origin(wanted) in (Union, UnionType):
        yield from _choice(value, arguments, place)
    elif get_origin(wanted) is Literal:
        if not any(value == one and type(value) is type(one) for one in arguments):
            yield f"{place}: {value!r} is none of {arguments}"
    elif get_origin(wanted) is list:
        if isinstance(value, list):
            for number, one in enumerate(value):
                yield from _differences(one, arguments[0], f"{place}[{number}]")
        else:
            yield f"{place}: {value!r} is no list"
    elif get_origin(wanted) is dict:
        if isinstance(value, dict):
            for key, one in value.items():
                yield from _differences(key, arguments[0], f"{place}: the key {key!r}")
                yield from _differences(one, arguments[1], f"{place}.{key}")
        else:
            yield f"{place}: {value!r} is no dictionary"
    elif type(value) not in ((int, float) if wanted is float else (wanted,)):
        yield f"{place}: {value!r} is no {wanted.__name__}"


def _keys(value: object, wanted: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no {wanted.__name__}"
        return
    hints = get_type_hints(wanted)
    for key in sorted(value.keys() - hints.keys()):
        yield f"{place}.{key}: the contract has no such key"
    for key in sorted(wanted.__required_keys__ - value.keys()):
        yield f"{place}.{key} is missing"
    for key in (key for key in hints if key in value):
        yield from _differences(value[key], hints[key], f"{place}.{key}")


def _choice(value: object, choices: tuple[Any, ...], place: str) -> Iterator[str]:
    """None, or what else there is; of something else the differences from the last choice are told."""
    if value is None and NoneType in choices:
        return
    found = [list(_differences(value, one, place)) for one in choices if one is not NoneType]
    if all(found):
        yield from found[-1]
