# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of this machine's users and groups."""

from __future__ import annotations

import grp
import pwd


def uid(name: str) -> int | None:
    """The number of a user; None where there is none of that name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def gid(name: str) -> int | None:
    """The number of a group; None where there is none of that name."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
