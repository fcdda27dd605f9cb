# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of users and groups that every Debian has."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.system.users import gid, uid


@pytest.mark.parametrize(
    ("name", "user", "group"),
    [("root", 0, 0), ("nobody", 65534, None), ("nogroup", None, 65534), ("none-such", None, None)],
)
def test_numbers(name: str, user: int | None, group: int | None) -> None:
    assert (uid(name), gid(name)) == (user, group)
