# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a result document. Programs write it, so types must be right: a number in quotes is none."""

from __future__ import annotations

import math

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value

LARGEST = 1e15
"""Above it, neighbouring whole numbers are no longer distinct as they are shown."""


def number(value: Value) -> float | None:
    """A finite number, whole or not; None if it is null, or wrong."""
    raw = value.raw
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        value.wrong("is not a number", "write one without quotes, or null for none")
        return None
    if not abs(raw) <= LARGEST or (isinstance(raw, float) and not math.isfinite(raw)):
        value.wrong("is no figure that could be measured", f"use numbers up to {LARGEST:g}, or null for none")
        return None
    return raw


def count(raw: object) -> bool:
    """Whether this is a number of packets."""
    return isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= LARGEST


def truth(value: Value) -> bool | None:
    if value.raw is None or isinstance(value.raw, bool):
        return value.raw
    value.wrong("is neither true nor false", "write true, false, or null for not judged")
    return None


def plain(value: Value) -> str:
    """A text, or anything that can be shown as one."""
    raw = value.raw
    if isinstance(raw, (dict, list)):
        value.wrong("is not a single value", "write a text")
    return "" if raw is None else str(raw).lower() if isinstance(raw, bool) else str(raw)
