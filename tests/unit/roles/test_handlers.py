# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers of one play are known by their names alone: of two roles' with one name the last is what runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

ROLES = Path(__file__).parents[3] / "roles"
HANDLERS = [
    handler["name"]
    for path in ROLES.glob("*/handlers/main.yml")
    for handler in yaml.safe_load(path.read_text())
]


def test_no_two_roles_have_a_handler_of_one_name() -> None:
    assert len(HANDLERS) > 10
    assert [name for name, times in Counter(HANDLERS).items() if times > 1] == []
