# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a node: one file with a verb for each of its parts.

Called as `pair-state ...`, by a link of that name, or as `agent.pyz state ...`. A verb loads its own part
only: what is started in a failover must not wait for the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

Main = Callable[[Sequence[str]], None]


def _balance() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.balance.program import main

    return main


def _guard() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.guard.program import main

    return main


def _health() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.health.program import main

    return main


def _path() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.program import main

    return main


def _preempt() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.preempt.program import main

    return main


def _state() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.state.program import main

    return main


def _watch() -> Main:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch.program import main

    return main


VERBS: dict[str, Callable[[], Main]] = {
    "balance": _balance,
    "guard": _guard,
    "health": _health,
    "path": _path,
    "preempt": _preempt,
    "state": _state,
    "watch": _watch,
}


def verb_of(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The verb of a command line, and what is for it; None without one that is known."""
    name = words[0].rpartition("/")[2].removeprefix("pair-")
    if name in VERBS:
        return name, words[1:]
    return (words[1], words[2:]) if words[1:] and words[1] in VERBS else (None, words[1:])


def main() -> None:
    """Carry out the verb. It ends with the verb's own exit code."""
    verb, rest = verb_of(sys.argv)
    if verb is None:
        _explain(rest)
        return
    VERBS[verb]()(rest)


def _explain(words: Sequence[str]) -> None:
    from ansible_collections.ftfw.pair.plugins.module_utils.agent.arguments import parser

    about = parser("agent", "Keep a node of a firewall pair at its work.")
    about.add_argument("verb", choices=sorted(VERBS), help="with options of its own")
    about.parse_args(words)
