# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command lines of all verbs have in common."""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import argparse

from ansible_collections.ftfw.pair.plugins.module_utils.system.version import version


class _Version(argparse.Action):
    """Says it, and ends. It is looked for only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_words: object) -> None:
        print(f"{parser.prog} {version()}")
        parser.exit()


def parser(verb: str, description: str) -> argparse.ArgumentParser:
    """A parser that knows --version. People and units call a verb by the name of its link, as pair-state."""
    made = argparse.ArgumentParser(prog=f"pair-{verb}", description=description)
    made.add_argument("--version", action=_Version, nargs=0, help="say which version this is, and end")
    return made
