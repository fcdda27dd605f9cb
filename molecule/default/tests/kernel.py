# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel truth, and the types that the tests share."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

Ansible = Callable[..., str]


def addresses(host: Any, interface: str) -> list[str]:
    """The interface's IPv4 and IPv6 addresses with their prefix lengths, as the kernel has them."""
    links = json.loads(host.check_output(f"ip -json address show dev {interface}"))
    return [f"{entry['local']}/{entry['prefixlen']}" for entry in links[0]["addr_info"]]


def write(host: Any, path: str, text: str) -> None:
    """Write a file on a machine."""
    host.check_output(f"echo {base64.b64encode(text.encode()).decode()} | base64 --decode >{path}")
