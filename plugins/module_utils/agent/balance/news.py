# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell of servers that fail and come back: by the site's commands, and by mail."""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.module_utils.balance.checks import (
    WITHOUT_RIGHTS,
    filled,
    words_of,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import (
    SORRY,
    BalancerConfig,
    ServerConfig,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.mail import message, send
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import Happening
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import run
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, log

NOTIFY_SECONDS = 30


class News(threading.Thread):
    """A thread does this: commands and mail servers may take their time."""

    def __init__(self, host: str) -> None:
        super().__init__(daemon=True, name="news")
        self.host = host
        self.waiting: queue.Queue[tuple[BalancerConfig, Happening]] = queue.Queue()

    def put(self, config: BalancerConfig, happenings: Iterable[Happening]) -> None:
        for one in happenings:
            self.waiting.put((config, one))

    def run(self) -> None:
        while True:
            config, happening = self.waiting.get()
            try:
                notify(config, happening)
                # the node that has the virtual address tells it
                if config.mail is not None and happening.mail and _is_here(config.address):
                    send(message(self.host, config, happening, _server(config, happening)), config.mail)
            except Exception as error:
                # whatever it is: the next one is to be told all the same
                by = f"no mail by {config.mail.by}" if config.mail else "nobody is told"
                log(ERROR, f"{config.name}: {by}: {error!r}")
            finally:
                self.waiting.task_done()


def notify(config: BalancerConfig, happening: Happening) -> None:
    """Run the site's command for what has happened, on each node, as a user without rights."""
    if happening.server == SORRY:
        # no word is about it: it is no real server (keepalived.conf(5), sorry_server)
        return
    server = _server(config, happening)
    when = f"{'quorum' if server is None else 'notify'}_{'up' if happening.up else 'down'}"
    command = config.notify.get(when)
    if command is None:
        return
    words = {"{balancer}": config.name}
    if server is not None:
        words |= words_of(server, server.port or config.port)
    ended = run([*WITHOUT_RIGHTS, *(filled(one, words) for one in command)], NOTIFY_SECONDS)
    if ended.failure is not None or ended.code:
        why = ended.failure or f"ended with {ended.code}: {ended.last_word or 'says nothing'}"
        log(ERROR, f"{config.name}: {when}: {command[0]}: {why}")


def _server(config: BalancerConfig, happening: Happening) -> ServerConfig | None:
    if happening.server == SORRY:
        return config.sorry
    return next((one for one in config.servers if one.name == happening.server), None)


def _is_here(address: str) -> bool:
    """Whether this node has an address now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
