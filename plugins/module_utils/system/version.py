# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version a program of a node is: the collection's, and a digest of all that is in it."""

from __future__ import annotations

import importlib

NO_PROGRAM = "unpacked"
"""What modules are that were not built into a program."""


def version() -> str:
    """As 0.1.0+0123456789ab, of the program that this module is in (packing/program.py writes it there)."""
    try:
        build = importlib.import_module("ftfw_build")
    except ImportError:
        return NO_PROGRAM
    return f"{build.VERSION}+{build.DIGEST}"
