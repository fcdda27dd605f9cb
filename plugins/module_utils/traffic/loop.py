# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets and absolute deadlines, in one thread. Times are nanoseconds of CLOCK_MONOTONIC."""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import time
from collections.abc import Callable

NANO = 1_000_000_000
COALESCE = 2_000_000
"""When something is due within this time, what arrives waits for it: half as many wake-ups."""


class Loop:
    """Sockets and absolute deadlines, in one thread."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.handlers: dict[int, Callable[[int], None]] = {}
        self.timers: list[tuple[int, int, Callable[[], None]]] = []
        self.numbers = itertools.count()
        self.going = True

    def watch(
        self, sock: socket.socket, handler: Callable[[int], None], events: int = select.EPOLLIN
    ) -> None:
        number = sock.fileno()
        if number in self.handlers:
            self.epoll.modify(number, events)
        else:
            self.epoll.register(number, events)
        self.handlers[number] = handler

    def close(self, sock: socket.socket) -> None:
        if self.handlers.pop(sock.fileno(), None) is not None:
            self.epoll.unregister(sock.fileno())
        sock.close()

    def at(self, due: int, callback: Callable[[], None]) -> None:
        heapq.heappush(self.timers, (due, next(self.numbers), callback))

    def later(self, delay: int, callback: Callable[[], None]) -> None:
        self.at(time.monotonic_ns() + delay, callback)

    def run(self) -> None:
        timers, handlers, epoll = self.timers, self.handlers, self.epoll
        while self.going:
            wait = (timers[0][0] if timers else time.monotonic_ns() + NANO) - time.monotonic_ns()
            if wait > COALESCE:
                # epoll's own time-out is in milliseconds, that of select in microseconds
                select.select([epoll], [], [], wait / NANO)
            elif wait > 0:
                time.sleep(wait / NANO)
            for number, events in epoll.poll(0):
                handler = handlers.get(number)
                if handler is not None:
                    handler(events)
            now = time.monotonic_ns()
            while timers and timers[0][0] <= now:
                heapq.heappop(timers)[2]()


class Ticker:
    """Calls `work(number, due, now)` at a rate; after a late wake-up once for each missed deadline."""

    def __init__(self, loop: Loop, rate: float, work: Callable[[int, int, int], None]) -> None:
        self.loop, self.work = loop, work
        self.interval = NANO / rate
        self.number = 0
        self.begun = time.monotonic_ns()
        self.going = True
        self._tick()

    def stop(self) -> None:
        self.going = False

    def _tick(self) -> None:
        now = time.monotonic_ns()
        due = self.begun + int(self.number * self.interval)
        while due <= now and self.going:
            self.work(self.number, due, now)
            self.number += 1
            due = self.begun + int(self.number * self.interval)
        if self.going:
            self.loop.at(due, self._tick)
