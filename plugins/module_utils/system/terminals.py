# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command has printed, perhaps to a terminal: Ansible's ssh asks for one (`-tt`).

A terminal ends each line in CR and LF (termios(3), ONLCR), and what goes to stderr comes on stdout as well.
"""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with the ends of lines that the command itself has printed."""
    return text.replace("\r\n", "\n")
