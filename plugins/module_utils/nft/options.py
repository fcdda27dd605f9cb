# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of nft_ruleset, as its action and its module have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Contents

FAMILIES = ["ip", "ip6", "inet", "arp", "bridge"]


def argument_spec() -> dict[str, Any]:
    """Keywords of AnsibleModule, and of an action's validate_argument_spec."""
    return {
        "argument_spec": {
            "text": {"type": "str"},
            "contents": {"type": "dict"},
            "family": {"type": "str", "default": "inet", "choices": FAMILIES},
            "table": {"type": "str", "required": True},
            "state": {"type": "str", "default": "present", "choices": ["present", "confirmed", "absent"]},
            "confirm": {"type": "int", "default": 0},
            "lockout": {"type": "str", "default": "refused", "choices": ["refused", "allowed"]},
            "after": {"type": "str", "default": ""},
            "path": {"type": "path", "default": "/etc/ftfw/ruleset.nft"},
            "runtime": {"type": "path", "default": "/run/nft-ruleset"},
            "collect": {"type": "bool", "default": False},
        },
        "required_if": [("state", "present", ["text"]), ("state", "confirmed", ["text"])],
    }


def contents_of(given: Mapping[str, Any]) -> Contents | None:
    """What is said of the text beside it; None where that is not understood, and the text has to be read."""
    try:
        return Contents.unpack(given["contents"])
    except (KeyError, TypeError, ValueError):
        return None
