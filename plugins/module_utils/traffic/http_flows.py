# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server's clients: sessions that ask again and again, and connections for one page each.

They need no listener of the probe: any web server answers them, also one behind a balancer.
"""

from __future__ import annotations

import time

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.connect_flows import Attempt, ConnectFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.http import read_answer, request
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import CorruptError
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import Stream


class HttpSession:
    """One connection, over which a page is asked for again and again: the next one after the answer.

    A server may say that it ends the connection after an answer; the session has another one then.
    """

    def __init__(self, flows: HttpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.alive = self.lost = False
        self.dial()

    def dial(self) -> None:
        self.buffer = bytearray()
        self.asked = 0
        self.stream = Stream.dial(self.flows.loop, self.flows.address, self.opened, self.taken, self.ended)

    def opened(self) -> None:
        self.alive = True
        if not self.track.received:
            # later ones have their time
            self.track.last = time.monotonic_ns()
            self.send(self.track.last)

    def send(self, now: int) -> None:
        ready = self.alive and not self.asked and not self.flows.stopped_at
        if ready and self.stream is not None and self.stream.write(self.flows.request):
            self.asked = now
            self.sender.note(now)

    def taken(self, data: bytes) -> None:
        self.buffer += data
        try:
            answer = read_answer(self.buffer)
        except CorruptError:
            self.flows.corrupt += 1
            self.lost = True
            self.drop()
            return
        if answer is not None:
            self.answered(answer.closes)

    def answered(self, closes: bool) -> None:
        now = time.monotonic_ns()
        first = not self.track.received
        self.track.arrive(self.track.next, now)
        self.track.fresh = self.asked
        self.flows.series.add(now)
        self.flows.met.add(self.index)
        self.asked = 0
        self.buffer.clear()
        if closes:
            self.flows.kept &= not first
            self.drop()
            if not self.flows.stopped_at:
                self.dial()

    def drop(self) -> None:
        self.alive = False
        if self.stream is not None:
            self.stream.close()

    def ended(self, error: OSError | None) -> None:
        if error is None and self.asked and self.buffer:
            try:
                whole = read_answer(self.buffer, ended=True)
            except CorruptError:
                whole = None
            if whole is not None:
                self.answered(True)
                return
        if self.alive or not self.flows.stopped_at:
            self.flows.failed(error)
        self.alive, self.lost = False, True


class HttpFlows(Flows):
    """Sessions. `kept` tells whether the server lets a connection last for more than one page."""

    def open(self) -> None:
        self.kept = True
        self.request = request(self.address, str(self.spec["path"]), keep=True)
        self.members = [HttpSession(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        self.tick(self.rate * self.count, lambda n, _due, now: self.members[n % self.count].send(now))

    def mark(self, now: int, window: int) -> None:
        super().mark(now, window)
        self.surviving &= {member.index for member in self.members if not member.lost}

    def result(self) -> Result:
        ended = sum(member.lost for member in self.members)
        return {**super().result(), "kept": self.kept, "ended": ended}


class Page(Attempt):
    """A new connection for one page."""

    def opened(self) -> None:
        if self.stream is not None:
            self.stream.write(self.flows.request)

    def taken(self, data: bytes) -> None:
        self.buffer += data
        self.look(ended=False)

    def ended(self, error: OSError | None) -> None:
        if error is None:
            self.look(ended=True)
        super().ended(error)

    def look(self, ended: bool) -> None:
        try:
            if read_answer(self.buffer, ended) is not None:
                self.end("")
        except CorruptError:
            self.end("corrupt")


class HttpConnectFlows(ConnectFlows):
    attempts = Page

    def open(self) -> None:
        self.request = request(self.address, str(self.spec["path"]), keep=False)
        super().open()
