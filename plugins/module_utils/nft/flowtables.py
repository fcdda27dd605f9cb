# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flowtables of a ruleset's text: the devices that they need, and the same rules without them."""

from __future__ import annotations

import re

_FLOWTABLE = re.compile(r"^[ \t]*flowtable [^\s{]+ \{(?:[^{}]|\{[^{}]*\})*\}[ \t]*;?\n", re.MULTILINE)
_ADD = re.compile(r"flow add @\S+[ \t]*")
# a rule that does nothing else than that, and count it
_RULE = re.compile(r"^[^#\n]*\bflow add @\S+(?: counter(?: name \"?\w+\"?)?)?[ \t]*$", re.MULTILINE)
_DEVICES = re.compile(r"\bdevices? = (?:\{([^}]*)\}|([^\s;{}]+))|\bdevice (\"[^\"]+\"|[^\s;{}]+)")


def without_flowtables(text: str) -> str:
    """The same rules, whose packets all go the long way; its lines keep their numbers."""
    shorter = _FLOWTABLE.sub(lambda match: "\n" * match[0].count("\n"), text)
    return _ADD.sub("", _RULE.sub("", shorter))


def devices(text: str) -> tuple[str, ...]:
    """Devices that have to be there before the text can be loaded, those of flowtables and ingress chains."""
    words = (",".join(filter(None, match.groups())) for match in _DEVICES.finditer(text))
    names = (name.strip().strip('"') for listed in words for name in listed.split(","))
    return tuple(dict.fromkeys(name for name in names if name and not name.startswith("$")))
