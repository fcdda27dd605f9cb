# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command lines of all verbs have in common."""

from __future__ import annotations

import argparse

from ansible_collections.ftfw.pair.plugins.module_utils.system.version import version


def parser(verb: str, description: str) -> argparse.ArgumentParser:
    """A parser that knows --version. People and units call a verb by the name of its link, as pair-state."""
    name = f"pair-{verb}"
    made = argparse.ArgumentParser(prog=name, description=description)
    made.add_argument("--version", action="version", version=f"{name} {version()}")
    return made
