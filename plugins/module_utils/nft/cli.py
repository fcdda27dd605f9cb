# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a node's rules: one file that does what it is called for, by a link of that name.

It stands apart from the agent: a node has to have its rules, whatever becomes of that.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.nft import boot, others

VERBS: dict[str, Callable[[Sequence[str]], None]] = {
    "boot-ruleset": boot.main,
    "others-ruleset": others.main,
}


def main() -> None:
    name, *words = sys.argv
    verb = Path(name).name
    if verb not in VERBS and words:
        # as an argument, where it is called by its own name
        verb, *words = words
    if verb not in VERBS:
        sys.exit(f"the first word has to be one of {', '.join(VERBS)}")
    VERBS[verb](words)
