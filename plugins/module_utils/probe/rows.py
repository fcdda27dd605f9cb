# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A row of a verification's table: what was checked, expected and seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class CheckRow:
    name: str
    expected: str
    seen: str
    ok: bool
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(name: str, expected: str, seen: str, detail: str = "") -> CheckRow:
    """A row that is right when what was seen is what was expected."""
    return CheckRow(name, expected, seen, expected == seen, detail)
