# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe as a program of its own, for a host that has nothing but Python: `flow_probe SPECIFICATION.json`.

The specification is as probe.spec makes it. The program prints a line of JSON when all flows have had their
first exchange, and the result when a line comes in, or its time is over.
"""

from __future__ import annotations

import json
import select
import signal
import sys

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.probe import Probe
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result


def say(result: Result) -> None:
    """One line of JSON to whoever runs us in the foreground."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run in the foreground: a line on standard input collects, and so does the end of the lifetime."""
    # pathlib is a fifth of the time until the first packet
    with open(sys.argv[1]) as file:  # noqa: PTH123
        spec = json.load(file)
    probe = Probe(spec)
    probe.open()
    say({"notes": probe.notes, "started_at": probe.run.started_at})
    collected: list[int] = []

    def collect(_events: int = 0) -> None:
        if not collected:
            collected.append(1)
            probe.loop.epoll.unregister(0)
            probe.collect(3.0, say)

    probe.loop.epoll.register(0, select.EPOLLIN)
    probe.loop.handlers[0] = collect
    probe.loop.at(probe.run.end, collect)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    probe.loop.run()


if __name__ == "__main__":
    main()
