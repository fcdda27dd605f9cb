# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered traffic of several kinds, and what became of it: the process behind the module flow_probe.

One file with the standard library only, so that a bare guest can run it as well:
`python3 flow_probe.py SPECIFICATION.json`, the specification as flow_probe_spec makes it. That prints a
line of JSON when all flows have had their first exchange, and the result when a line comes in, or its time is
over.

One thread serves everything. Times are nanoseconds of CLOCK_MONOTONIC; results are milliseconds, and seconds
since the epoch for points in time. UDP and ping are stamped by the kernel as they arrive, so that a late
wake-up of ours makes no gap.
"""

from __future__ import annotations

import errno
import functools
import gc
import hashlib
import heapq
import itertools
import json
import os
import re
import secrets
import select
import signal
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, NamedTuple

NANO = 1_000_000_000
COALESCE = 2_000_000
"""When something is due within this time, what arrives waits for it: half as many wake-ups."""
FRESH = 1_500_000
"""A datagram younger than this is taken for the last that waits: to ask in vain costs what reading costs."""
DRAIN = NANO
"""After the last packet was sent, so long for what is still on its way."""
CONNECT_TIMEOUT = 3 * NANO
RETRY = NANO // 5
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SOL_RAW, ICMP_FILTER = 255, 1
TIMESPEC = struct.Struct("@ll")
Result = dict[str, Any]
Address = tuple[Any, ...]

# --- accounting -------------------------------------------------------------------------------------------


class Track:
    """What arrived of one stream that is numbered from 0, and the longest time between two arrivals."""

    __slots__ = (
        "duplicated",
        "fresh",
        "gap",
        "gap_at",
        "last",
        "late",
        "missing",
        "next",
        "received",
        "reordered",
    )

    def __init__(self, start: int) -> None:
        self.next = 0
        self.missing: set[int] = set()
        self.received = self.duplicated = self.reordered = 0
        self.last = self.gap_at = start
        self.gap = 0
        self.late = 0
        # when that was sent which has come back last; only where something comes back
        self.fresh = 0

    def arrive(self, number: int, at: int) -> bool:
        """Note an arrival, and tell whether it was the first of this number."""
        if number == self.next:
            self.next += 1
        elif number > self.next:
            self.missing.update(range(self.next, number))
            self.next = number + 1
        elif number in self.missing:
            self.missing.discard(number)
            self.reordered += 1
        else:
            self.duplicated += 1
            return False
        self.tick(at)
        return True

    def tick(self, at: int) -> None:
        self.received += 1
        self.close(at)
        self.last = max(self.last, at)

    def close(self, at: int) -> None:
        """Take the time from the last arrival to `at`, when nothing was due any more, for a gap as well."""
        if at - self.last > self.gap:
            self.gap, self.gap_at = at - self.last, self.last

    def lost(self, sent: int) -> int:
        return len(self.missing) + max(0, sent - self.next)


class Sender:
    """What was sent of one stream, and the longest time between two sends."""

    __slots__ = ("last", "sent", "stall")

    def __init__(self) -> None:
        self.sent = self.last = self.stall = 0

    def note(self, at: int) -> None:
        if self.sent and at - self.last > self.stall:
            self.stall = at - self.last
        self.last = at
        self.sent += 1


class Series:
    """How many arrived in each bin of `width` from the probe's start on."""

    def __init__(self, start: int, width: int) -> None:
        self.start, self.width = start, width
        self.bins: dict[int, int] = {}

    def add(self, at: int, count: int = 1) -> None:
        place = max(0, at - self.start) // self.width
        self.bins[place] = self.bins.get(place, 0) + count

    def counts(self, end: int) -> list[int]:
        length = max(1, -(-(end - self.start) // self.width), *(place + 1 for place in self.bins))
        return [self.bins.get(place, 0) for place in range(length)]


def encode(counts: Iterable[int]) -> str:
    """Write counts as words with a blank between: `9`, or `9*4` for four bins in a row of 9 each."""
    runs = ((count, len(list(group))) for count, group in itertools.groupby(counts))
    return " ".join(f"{count}*{length}" if length > 1 else str(count) for count, length in runs)


def decode(text: str) -> list[int]:
    """Read what `encode` wrote."""
    counts: list[int] = []
    for word in text.split():
        count, _star, length = word.partition("*")
        counts += [int(count)] * int(length or 1)
    return counts


# --- messages ---------------------------------------------------------------------------------------------

# magic, kind, key of the flow, number, length of the whole, when it was due, when it was sent
HEADER = struct.Struct("!2sBxIIIQQ")
CHECK = struct.Struct("!I")
OVERHEAD = HEADER.size + CHECK.size
LARGEST = 65536
STREAM, SHORT, DATA, HELLO, HELLO_ACK, FIN, FIN_ACK = range(1, 8)


class Message(NamedTuple):
    kind: int
    key: int
    number: int
    due: int
    sent: int
    body: bytes


class CorruptError(Exception):
    """The stream holds something else than messages."""


def pack(kind: int, key: int, number: int = 0, due: int = 0, sent: int = 0, body: bytes = b"") -> bytes:
    data = HEADER.pack(b"fp", kind, key, number, OVERHEAD + len(body), due, sent) + body
    return data + CHECK.pack(zlib.crc32(data))


def unpack(data: bytes) -> Message | None:
    """Read one whole message; None when a bit of it is wrong."""
    if len(data) < OVERHEAD or CHECK.unpack_from(data, len(data) - 4)[0] != zlib.crc32(data[:-4]):
        return None
    magic, kind, key, number, length, due, sent = HEADER.unpack_from(data)
    if magic != b"fp" or length != len(data):
        return None
    return Message(kind, key, number, due, sent, data[HEADER.size : -4])


def split(buffer: bytearray) -> Iterator[bytes]:
    """Take the messages that are complete from the front of a stream's buffer."""
    while len(buffer) >= HEADER.size:
        length = int.from_bytes(buffer[12:16], "big")
        if buffer[:2] != b"fp" or not OVERHEAD <= length <= LARGEST:
            raise CorruptError
        if len(buffer) < length:
            return
        yield bytes(buffer[:length])
        del buffer[:length]


PATTERN = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(256))


def content(offset: int, length: int) -> bytes:
    """Part of the file that an FTP listener serves: the same 8 KiB again and again."""
    begin = offset % len(PATTERN)
    return (PATTERN * ((begin + length) // len(PATTERN) + 1))[begin : begin + length]


@functools.lru_cache(maxsize=8)
def digest(size: int) -> str:
    """The SHA-256 of such a file."""
    whole = hashlib.sha256()
    for offset in range(0, size, 1 << 20):
        whole.update(content(offset, min(1 << 20, size - offset)))
    return whole.hexdigest()


def what_happened(error: OSError | None) -> str:
    """Name the end of a flow; without an error its peer has closed it."""
    if error is None:
        return "closed by the peer"
    names = {
        errno.ECONNREFUSED: "refused",
        errno.ECONNRESET: "reset",
        errno.EPIPE: "reset",
        errno.ETIMEDOUT: "timed out",
        errno.EHOSTUNREACH: "no route",
        errno.ENETUNREACH: "no route",
    }
    return names.get(error.errno or 0) or error.strerror or str(error)


# --- FTP (RFC 959, RFC 2428) ------------------------------------------------------------------------------

FILE = re.compile(r"/?probe-([0-9]{1,5}(?:\.[0-9]+)?)-([0-9]{1,10})")


def parse_reply(buffer: bytearray) -> tuple[int, str] | None:
    """Take one reply, of one line or several (RFC 959, section 4.2), from the front of the buffer."""
    lines = bytes(buffer).split(b"\n")[:-1]
    if not lines:
        return None
    code = lines[0][:3]
    if not code.isdigit():
        raise CorruptError
    for index, line in enumerate(lines):
        if line[:3] == code and line[3:4] != b"-":
            del buffer[: sum(len(one) + 1 for one in lines[: index + 1])]
            return int(code), line[4:].decode(errors="replace").strip()
    return None


def parse_passive(code: int, text: str, host: str) -> tuple[str, int]:
    """Where the data connection goes: 227 has an address, which a firewall on the way may have changed."""
    if code == 229:
        match = re.search(r"\((.)\1\1([0-9]{1,5})\1\)", text)
        if match:
            return host, int(match[2])
    numbers = re.search(
        r"([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3})", text
    )
    if code != 227 or numbers is None:
        raise CorruptError
    *address, high, low = map(int, numbers.groups())
    return ".".join(map(str, address)), high * 256 + low


def parse_file(name: str) -> tuple[float, int] | None:
    """Seconds and bytes of probe-SECONDS-BYTES."""
    match = FILE.fullmatch(name.strip())
    return (float(match[1]), int(match[2])) if match else None


# --- the loop ---------------------------------------------------------------------------------------------


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


class Stream:
    """A TCP connection in the loop: `taken` gets what comes, what can't go waits, `ended` is called once."""

    limit = 1 << 20

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        taken: Callable[[bytes], None],
        ended: Callable[[OSError | None], None],
        opened: Callable[[], None] | None = None,
    ) -> None:
        self.loop, self.sock, self.taken, self.ended, self.opened = loop, sock, taken, ended, opened
        self.waiting = bytearray()
        self.closed = self.finishing = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.watch(sock, self._ready, select.EPOLLOUT if opened else select.EPOLLIN)

    @classmethod
    def dial(
        cls,
        loop: Loop,
        address: Address,
        opened: Callable[[], None],
        taken: Callable[[bytes], None],
        ended: Callable[[OSError | None], None],
        source_port: int = 0,
    ) -> Stream | None:
        """Open a connection; an error at once comes by way of `ended`, too, and then there is none."""
        sock = socket.socket(family_of(address[0]), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if source_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", source_port))
            code = sock.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except OSError as error:
            sock.close()
            failure = error
            loop.at(0, lambda: ended(failure))
            return None
        return cls(loop, sock, taken, ended, opened)

    def write(self, data: bytes) -> bool:
        """Send, or keep for later; False when too much is kept already."""
        if self.closed or len(self.waiting) > self.limit:
            return False
        if not self.waiting:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self._end(error)
                return False
        if data:
            self.waiting += data
            self.loop.watch(self.sock, self._ready, select.EPOLLIN | select.EPOLLOUT)
        return True

    def finish(self) -> None:
        """End our direction once all has gone."""
        self.finishing = True
        if not self.waiting and not self.closed:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.loop.close(self.sock)

    def _end(self, error: OSError | None) -> None:
        if not self.closed:
            self.close()
            self.ended(error)

    def _ready(self, events: int) -> None:
        if self.opened is not None:
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._end(OSError(code, os.strerror(code)))
                return
            opened, self.opened = self.opened, None
            self.loop.watch(self.sock, self._ready)
            opened()
            return
        if events & select.EPOLLOUT and self.waiting:
            try:
                del self.waiting[: self.sock.send(self.waiting)]
            except BlockingIOError:
                pass
            except OSError as error:
                self._end(error)
                return
            if not self.waiting:
                self.loop.watch(self.sock, self._ready)
                if self.finishing:
                    self.finish()
        if events & ~select.EPOLLOUT:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(error)
                return
            if data:
                self.taken(data)
            else:
                self._end(None)


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def stamped(sock: socket.socket) -> None:
    """Have the kernel stamp what arrives, and keep what arrives while we don't run."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)


def receive(sock: socket.socket) -> tuple[bytes, Address, int]:
    """Take one datagram and its time of arrival. The kernel's stamp is wall clock: only its age is used."""
    data, ancillary, _flags, address = sock.recvmsg(2048, 64)
    at = time.monotonic_ns()
    for _level, kind, payload in ancillary:
        if kind == SO_TIMESTAMPNS and len(payload) >= TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack_from(payload)
            age = time.time_ns() - seconds * NANO - nanoseconds
            if 0 < age < 10 * NANO:
                at -= age
    return data, address, at


def arrivals(sock: socket.socket, failed: Callable[[OSError], None]) -> Iterator[tuple[bytes, Address, int]]:
    """Yield all datagrams that wait. An error is one that ICMP told of, and clears itself."""
    while True:
        try:
            datagram = receive(sock)
        except BlockingIOError:
            return
        except OSError as error:
            failed(error)
            continue
        yield datagram
        # one that has just come is hardly ever followed by another; if it is, that is still there next time
        if time.monotonic_ns() - datagram[2] < FRESH:
            return


# --- flows: the side that asks ----------------------------------------------------------------------------


class Flows:
    """The flows of one specification. Their first exchange is before the count when it is required."""

    def __init__(self, probe: Probe, spec: dict[str, Any]) -> None:
        self.probe, self.loop, self.spec = probe, probe.loop, spec
        self.count, self.rate, self.size = int(spec["count"]), float(spec["rate"]), int(spec["size"])
        self.address: Address = (spec["target"], int(spec["port"] or 0))
        self.series = Series(probe.start, probe.bin)
        self.tracks: list[Track] = []
        self.senders: list[Sender] = []
        self.happened: Counter[str] = Counter()
        self.corrupt = 0
        self.met: set[int] = set()
        self.ticker: Ticker | None = None
        self.stopped_at = 0
        self.surviving: set[int] = set()

    def open(self) -> None:
        """Begin the first exchange of each flow."""
        raise NotImplementedError

    def unmet(self) -> str:
        """What keeps flows from their first exchange; empty when each has had it."""
        if len(self.met) == self.count:
            return ""
        seen = ", ".join(sorted(self.happened)) or "timed out"
        rest = self.count - len(self.met)
        return seen if self.count == 1 else f"{seen} ({rest} of {self.count} flows)"

    def hopeless(self) -> bool:
        """Tell whether the first exchange of one can't come any more: a connection is tried once."""
        return self.spec["kind"] in ("tcp", "ftp") and bool(self.happened)

    def failed(self, error: OSError | None) -> None:
        self.happened[what_happened(error)] += 1

    def tick(self, rate: float, work: Callable[[int, int, int], None]) -> None:
        if self.ticker is None and not self.stopped_at:
            self.ticker = Ticker(self.loop, rate, work)

    def mark(self, now: int, window: int) -> None:
        """Note which flows bytes have passed over, both ways, within the window before now."""
        window = max(window, int(2 * NANO / self.rate))
        self.surviving = {i for i, track in enumerate(self.tracks) if track.fresh >= now - window}

    def stop(self, now: int) -> None:
        """Send no more that is counted."""
        self.stopped_at = now
        if self.ticker is not None:
            self.ticker.stop()

    def pending(self, now: int) -> bool:
        return False

    def close_tracks(self) -> None:
        for track in self.tracks:
            track.close(self.stopped_at)

    def result(self) -> Result:
        self.close_tracks()
        sent = sum(sender.sent for sender in self.senders)
        return {
            **{key: self.spec[key] for key in ("name", "kind", "target", "port", "count")},
            **counts(self.probe, self.tracks, self.senders, sent, sum(t.received for t in self.tracks)),
            "lost": sum(t.lost(s.sent) for t, s in zip(self.tracks, self.senders)),
            "survivors": len(self.surviving),
            **ends(self.happened, self.corrupt),
            "series": self.probe.series(self.series, self.stopped_at),
        }


def counts(
    probe: Probe, tracks: list[Track], senders: list[Sender], sent: int | None, received: int
) -> Result:
    """What is summed over tracks, or the worst of them."""
    worst = max(tracks, key=lambda track: track.gap, default=None)
    return {
        "sent": sent,
        "received": received,
        "duplicated": sum(track.duplicated for track in tracks),
        "reordered": sum(track.reordered for track in tracks),
        "longest_gap_ms": milliseconds(worst.gap) if worst else None,
        "longest_gap_at": probe.epoch(worst.gap_at) if worst else None,
        "sender_stall_ms": milliseconds(max((sender.stall for sender in senders), default=0)),
        "sender_late_ms": milliseconds(max((track.late for track in tracks), default=0)),
    }


def ends(happened: Counter[str], corrupt: int) -> Result:
    """A flow that its peer closed has died like one that was reset."""
    return {
        "resets": happened["reset"] + happened["closed by the peer"],
        "timeouts": happened["timed out"],
        "refused": happened["refused"],
        "corrupt": corrupt,
        "happened": dict(sorted(happened.items())),
    }


def milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)


class TcpFlow:
    """One long connection: numbered messages, which have to come back as they are and in order."""

    def __init__(self, flows: TcpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.buffer = bytearray()
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.alive = False
        port = flows.spec.get("source_port") or 0
        self.stream = Stream.dial(
            flows.loop, flows.address, self.opened, self.taken, self.ended, port + index if port else 0
        )

    def opened(self) -> None:
        self.alive = True
        now = time.monotonic_ns()
        self.track.last = now
        self.send(now, now)

    def send(self, due: int, now: int) -> None:
        if self.alive and self.stream is not None and not self.flows.stopped_at:
            data = pack(STREAM, self.flows.key, self.sender.sent, due, now, self.flows.padding)
            if self.stream.write(data):
                self.sender.note(now)

    def taken(self, data: bytes) -> None:
        flows, track, now = self.flows, self.track, time.monotonic_ns()
        self.buffer += data
        try:
            for raw in split(self.buffer):
                message = unpack(raw)
                if message is None or message.key != flows.key or message.number != track.next:
                    flows.corrupt += 1
                    continue
                if message.body != flows.padding:
                    flows.corrupt += 1
                track.arrive(message.number, now)
                track.fresh = message.sent
                flows.series.add(now)
                flows.met.add(self.index)
        except CorruptError:
            flows.corrupt += 1
            self.buffer.clear()

    def ended(self, error: OSError | None) -> None:
        if self.alive or not self.flows.stopped_at:
            self.flows.failed(error)
        self.alive = False


class TcpFlows(Flows):
    def open(self) -> None:
        self.key = secrets.randbits(32)
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.members = [TcpFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        self.tick(self.rate * self.count, lambda n, due, now: self.members[n % self.count].send(due, now))

    def mark(self, now: int, window: int) -> None:
        super().mark(now, window)
        self.surviving &= {member.index for member in self.members if member.alive}

    def close_tracks(self) -> None:
        for member in self.members:
            # a sender without answers goes on, and what was never answered is a gap up to the end
            member.track.close(self.stopped_at)


class Attempt:
    """A new connection for one short exchange."""

    def __init__(self, flows: ConnectFlows, counted: bool, now: int) -> None:
        self.flows, self.counted, self.begun = flows, counted, now
        self.over = False
        self.buffer = bytearray()
        flows.loop.at(now + CONNECT_TIMEOUT, self.expire)
        self.stream = Stream.dial(flows.loop, flows.address, self.opened, self.taken, self.ended)

    def opened(self) -> None:
        if self.stream is not None:
            self.stream.write(pack(SHORT, self.flows.key, 0, self.begun, self.begun, self.flows.padding))

    def taken(self, data: bytes) -> None:
        self.buffer += data
        with suppress(CorruptError):
            for raw in split(self.buffer):
                message = unpack(raw)
                wrong = message is None or message.key != self.flows.key or message.body != self.flows.padding
                self.end("corrupt" if wrong else "")
                return
            return
        self.end("corrupt")

    def ended(self, error: OSError | None) -> None:
        self.end(what_happened(error))

    def expire(self) -> None:
        self.end("timed out")
        if self.stream is not None:
            self.stream.close()

    def end(self, how: str) -> None:
        """Tell once how it went. The server closes first, so the client's port is free again at once."""
        if not self.over:
            self.over = True
            self.flows.over(self, how)


class ConnectFlows(Flows):
    def open(self) -> None:
        self.key = secrets.randbits(32)
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.tracks, self.senders = [self.track], [self.sender]
        self.open_attempts = 0
        self.last_error = ""
        if self.probe.patient:
            Attempt(self, False, time.monotonic_ns())
        else:
            self.begin()

    def begin(self) -> None:
        self.track.last = time.monotonic_ns()
        self.tick(self.rate, self.attempt)

    def attempt(self, _number: int, _due: int, now: int) -> None:
        self.sender.note(now)
        self.open_attempts += 1
        Attempt(self, True, now)

    def unmet(self) -> str:
        return "" if self.met else self.last_error or "timed out"

    def over(self, attempt: Attempt, how: str) -> None:
        now = time.monotonic_ns()
        if not how:
            self.met.add(0)
        if not attempt.counted:
            self.last_error = how
            if how:
                self.loop.later(RETRY, lambda: None if self.met else self._again())
            else:
                self.begin()
            return
        self.open_attempts -= 1
        if not how:
            self.track.tick(now)
            self.track.fresh = attempt.begun
            self.series.add(now)
        elif how == "corrupt":
            self.corrupt += 1
        else:
            self.happened[how] += 1

    def _again(self) -> None:
        Attempt(self, False, time.monotonic_ns())

    def result(self) -> Result:
        # one that has neither come nor failed yet says nothing
        whole = super().result()
        whole["sent"] -= self.open_attempts
        return {**whole, "lost": whole["sent"] - whole["received"]}


class UdpFlow:
    """One socket: numbered datagrams up, and the server's own stream down, neither waiting for the other."""

    def __init__(self, flows: UdpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.key = secrets.randbits(32)
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.greeted = self.counting = False
        self.told: dict[str, Any] | None = None
        self.told_at = 0
        self.sock = socket.socket(family_of(flows.address[0]), socket.SOCK_DGRAM)
        stamped(self.sock)
        port = flows.spec.get("source_port")
        if port:
            self.sock.bind(("", port + index))
        with suppress(OSError):
            self.sock.connect(flows.address)
        flows.loop.watch(self.sock, self.ready)
        self.hello()

    def hello(self) -> None:
        if not self.greeted and not self.flows.stopped_at:
            wish = {
                "name": self.flows.spec["name"],
                "rate": self.flows.rate,
                "size": self.flows.size,
                "seconds": (self.flows.probe.end - time.monotonic_ns()) / NANO,
                "down": self.flows.spec.get("down", True),
            }
            self.put(pack(HELLO, self.key, body=json.dumps(wish).encode()))
            self.flows.loop.later(RETRY, self.hello)

    def put(self, data: bytes) -> None:
        for _attempt in range(2):
            try:
                self.sock.send(data)
                return
            except OSError as error:
                # an error that ICMP told of an earlier datagram: this one has not gone
                self.flows.failed(error)
                if error.errno != errno.ECONNREFUSED:
                    return

    def send(self, due: int, now: int) -> None:
        self.put(pack(DATA, self.key, self.sender.sent, due, now, self.flows.padding))
        self.sender.note(now)

    def ready(self, _events: int) -> None:
        flows, track = self.flows, self.track
        for data, _address, at in arrivals(self.sock, flows.failed):
            message = unpack(data)
            if message is None or message.key != self.key:
                flows.corrupt += 1
            elif message.kind == DATA:
                if not track.received:
                    track.last = at
                if track.arrive(message.number, at):
                    flows.series.add(at)
                    track.fresh = at
                    track.late = max(track.late, message.sent - message.due)
            elif message.kind == HELLO_ACK:
                self.greeted = True
                flows.met.add(self.index)
                flows.begin()
            elif message.kind == FIN_ACK:
                self.told, self.told_at = json.loads(message.body), at

    def fin(self) -> None:
        now, stopped = time.monotonic_ns(), self.flows.stopped_at
        if now < stopped + DRAIN or (self.told_at < stopped + DRAIN and now < stopped + 5 * DRAIN):
            body = {"sent": self.sender.sent, "age": now - stopped, "stall": self.sender.stall}
            self.put(pack(FIN, self.key, body=json.dumps(body).encode()))
            self.flows.loop.later(RETRY // 2, self.fin)


class UdpFlows(Flows):
    def open(self) -> None:
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.members = [UdpFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        if not self.probe.patient:
            self.begin()

    def begin(self) -> None:
        if len(self.met) == self.count or not self.probe.patient:
            self.tick(self.rate * self.count, lambda n, due, now: self.members[n % self.count].send(due, now))

    def stop(self, now: int) -> None:
        super().stop(now)
        for member in self.members:
            member.fin()

    def pending(self, now: int) -> bool:
        return any(member.told_at < self.stopped_at + DRAIN for member in self.members) and (
            now < self.stopped_at + 5 * DRAIN
        )

    def mark(self, now: int, window: int) -> None:
        super().mark(now, window)
        self.window = window
        if not self.spec.get("down", True):
            self.surviving = set(range(self.count))

    def result(self) -> Result:
        """Both directions: what came down is known here, what went up the server has told."""
        for member in self.members:
            ended = self.stopped_at
            if member.told is not None:
                ended = min(ended, member.told_at - int(member.told["age"]))
            member.track.close(ended)
        told = [member.told for member in self.members if member.told is not None]
        complete = len(told) == self.count
        down_sent = sum(one["sent"] for one in told) if complete else None
        if not self.spec.get("down", True):
            self.tracks, down_sent = [], 0
        down = counts(self.probe, self.tracks, [], down_sent, sum(t.received for t in self.tracks))
        pairs = zip(self.tracks, [member.told["sent"] if member.told else 0 for member in self.members])
        down["lost"] = sum(track.lost(sent) for track, sent in pairs)
        down["sender_stall_ms"] = (
            milliseconds(max((one["stall"] for one in told), default=0)) if told else None
        )
        up: Result = {"sent": sum(sender.sent for sender in self.senders)}
        for key in ("received", "lost", "duplicated", "reordered"):
            up[key] = sum(one["up"][key] for one in told) if complete else None
        worst = max(told, key=lambda one: float(one["up"]["longest_gap_ms"] or 0), default=None)
        for key in ("longest_gap_ms", "longest_gap_at", "sender_late_ms"):
            up[key] = worst["up"][key] if worst else None
        up["sender_stall_ms"] = milliseconds(max(sender.stall for sender in self.senders))
        self.surviving &= {
            i for i, m in enumerate(self.members) if m.told is not None and m.told["quiet"] <= self.window
        }
        both = [up, down] if complete else [down]
        gapped = max(both, key=lambda one: float(one["longest_gap_ms"] or 0))
        return {
            **{key: self.spec[key] for key in ("name", "kind", "target", "port", "count")},
            **{
                key: sum(one[key] or 0 for one in (up, down))
                for key in ("sent", "received", "lost", "duplicated", "reordered")
            },
            "longest_gap_ms": gapped["longest_gap_ms"],
            "longest_gap_at": gapped["longest_gap_at"],
            "sender_stall_ms": max(one["sender_stall_ms"] or 0 for one in (up, down)),
            "sender_late_ms": max(one["sender_late_ms"] or 0 for one in (up, down)),
            "survivors": len(self.surviving),
            **ends(self.happened, self.corrupt),
            # without the server's word nobody knows what came up, and how much it had still sent down
            "complete": complete,
            "up": up,
            "down": down,
            "series": self.probe.series(self.series, self.stopped_at),
        }


class PingFlow:
    """Echo requests (RFC 792, RFC 4443) from a socket of its own, unprivileged where that is allowed."""

    def __init__(self, flows: PingFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.key = secrets.randbits(32)
        self.id = secrets.randbits(16)
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.six = ":" in flows.address[0]
        protocol = socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP
        self.raw = False
        try:
            self.sock = socket.socket(family_of(flows.address[0]), socket.SOCK_DGRAM, protocol)
        except PermissionError:
            self.sock = socket.socket(family_of(flows.address[0]), socket.SOCK_RAW, protocol)
            self.raw = True
            if not self.six:
                # nothing but echo replies (type 0)
                self.sock.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("@I", ~1 & 0xFFFFFFFF))
        stamped(self.sock)
        with suppress(OSError):
            self.sock.connect((flows.address[0], 0))
        flows.loop.watch(self.sock, self.ready)
        if flows.probe.patient:
            self.hello()

    def hello(self) -> None:
        if self.index not in self.flows.met and not self.flows.stopped_at:
            self.put(HELLO, 0, 0, 0)
            self.flows.loop.later(RETRY, self.hello)

    def send(self, due: int, now: int) -> None:
        self.put(DATA, self.sender.sent, due, now)
        self.sender.note(now)

    def put(self, kind: int, number: int, due: int, now: int) -> None:
        payload = pack(kind, self.key, number, due, now, self.flows.padding)
        request = 128 if self.six else 8
        head = struct.pack("!BBHHH", request, 0, 0, self.id, number & 0xFFFF)
        # the kernel has the checksum of IPv6 for itself
        checksum = 0 if self.six else internet_checksum(head + payload)
        try:
            self.sock.send(struct.pack("!BBHHH", request, 0, checksum, self.id, number & 0xFFFF) + payload)
        except OSError as error:
            self.flows.failed(error)

    def ready(self, _events: int) -> None:
        for data, _address, at in arrivals(self.sock, self.flows.failed):
            if self.raw and not self.six:
                data = data[(data[0] & 15) * 4 :]
            reply = data[:1] == (b"\x81" if self.six else b"\x00")
            message = unpack(data[8:]) if reply else None
            if message is None or message.key != self.key:
                # a raw socket hears the replies to others, too
                self.flows.corrupt += reply and not self.raw
            elif message.kind == HELLO:
                self.flows.met.add(self.index)
                self.flows.begin()
            elif self.track.arrive(message.number, at):
                self.flows.series.add(at)
                self.flows.met.add(self.index)
                self.track.fresh = message.sent


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class PingFlows(Flows):
    def open(self) -> None:
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.members = [PingFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        if not self.probe.patient:
            self.begin()

    def begin(self) -> None:
        if self.ticker is None and (len(self.met) == self.count or not self.probe.patient):
            for track in self.tracks:
                track.last = time.monotonic_ns()
            self.tick(self.rate * self.count, lambda n, due, now: self.members[n % self.count].send(due, now))


class FtpFlow:
    """A control session, a paced download on it, and a second one when the probe is collected."""

    def __init__(self, flows: FtpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.buffer = bytearray()
        self.track = Track(time.monotonic_ns())
        self.state = "open"
        self.file = f"probe-{flows.seconds:g}-{flows.size}"
        self.transfers: list[Result] = []
        self.data: Stream | None = None
        self.got, self.hash, self.data_over = 0, hashlib.sha256(), False
        self.dead = False
        port = flows.spec.get("source_port") or 0
        self.control = Stream.dial(
            flows.loop, flows.address, lambda: None, self.taken, self.ended, port + index if port else 0
        )

    @property
    def idle(self) -> bool:
        return self.dead or self.state in ("idle", "over")

    def say(self, line: str, state: str) -> None:
        self.state = state
        if self.control is not None:
            self.control.write(line.encode() + b"\r\n")

    def taken(self, data: bytes) -> None:
        self.buffer += data
        try:
            while not self.dead:
                reply = parse_reply(self.buffer)
                if reply is None:
                    return
                self.step(*reply)
        except CorruptError:
            self.flows.corrupt += 1
            self.die("no FTP")

    def step(self, code: int, text: str) -> None:
        expected = {
            "open": 220,
            "user": 331,
            "pass": 230,
            "type": 200,
            "retr": 150,
            "transfer": 226,
        }
        if self.state == "over":
            # goodbye
            return
        if self.state == "passive":
            host, port = parse_passive(code, text, self.flows.address[0])
            self.got, self.hash, self.data_over = 0, hashlib.sha256(), False
            self.data = Stream.dial(
                self.flows.loop, (host, port), self.retrieve, self.take_data, self.end_data
            )
        elif code != expected.get(self.state):
            self.die(f"{code} {text} after {self.state.upper()}")
        elif self.state == "open":
            self.say("USER anonymous", "user")
        elif self.state == "user":
            self.say("PASS probe", "pass")
        elif self.state == "pass":
            self.say("TYPE I", "type")
        elif self.state == "type":
            self.transfer()
        elif self.state == "retr":
            self.state = "transfer"
        elif self.state == "transfer":
            self.state = "complete"
            self.complete()

    def retrieve(self) -> None:
        self.say(f"RETR {self.file}", "retr")

    def transfer(self) -> None:
        self.say("EPSV" if ":" in self.flows.address[0] else "PASV", "passive")

    def take_data(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self.got and not self.transfers:
            self.track.last = now
        self.got += len(data)
        self.hash.update(data)
        if not self.flows.stopped_at:
            self.track.tick(now)
        self.track.fresh = now
        self.flows.series.add(now, len(data))
        self.flows.met.add(self.index)

    def end_data(self, error: OSError | None) -> None:
        if error is not None:
            self.die(what_happened(error))
            return
        self.data_over = True
        self.complete()

    def complete(self) -> None:
        """The file has ended, and the server said so, in either order."""
        if self.state == "complete" and self.data_over:
            right = self.got == self.flows.size and self.hash.hexdigest() == digest(self.flows.size)
            self.transfers.append({"bytes": self.got, "ok": right})
            self.flows.corrupt += not right
            self.state = "idle" if len(self.transfers) == 1 else "over"
            if self.flows.stopped_at:
                self.again()

    def again(self) -> None:
        """Open the second transfer, when the first is complete."""
        if self.state == "idle":
            self.file = f"probe-0-{self.flows.size}"
            self.transfer()
        elif self.state == "over":
            self.say("QUIT", "over")

    def ended(self, error: OSError | None) -> None:
        if self.state != "over":
            self.die(what_happened(error))

    def die(self, how: str) -> None:
        if not self.dead:
            self.dead = True
            self.flows.happened[how] += 1
            for stream in (self.control, self.data):
                if stream is not None:
                    stream.close()


class FtpFlows(Flows):
    def open(self) -> None:
        self.seconds = float(self.spec["seconds"])
        self.members = [FtpFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.begun = time.monotonic_ns()

    def mark(self, now: int, window: int) -> None:
        self.surviving = set()

    def stop(self, now: int) -> None:
        super().stop(now)
        for member in self.members:
            if member.state == "idle":
                member.again()

    def pending(self, now: int) -> bool:
        longest = max(self.stopped_at, self.begun + int(self.seconds * NANO)) + self.probe.timeout
        return now < longest and not all(member.dead or member.state == "over" for member in self.members)

    def result(self) -> Result:
        for member in self.members:
            if not member.transfers:
                # it was due to go on
                member.track.close(min(time.monotonic_ns(), self.begun + int(self.seconds * NANO)))
        wanted = self.size * 2 * self.count
        got = sum(one["bytes"] for member in self.members for one in member.transfers)
        got += sum(member.got for member in self.members if member.state in ("retr", "transfer", "complete"))
        whole = [m for m in self.members if [one["ok"] for one in m.transfers] == [True, True] and not m.dead]
        silent = sum(not member.dead and member.state != "over" for member in self.members)
        self.happened["timed out"] += silent
        return {
            **{key: self.spec[key] for key in ("name", "kind", "target", "port", "count")},
            **counts(self.probe, self.tracks, [], wanted, got),
            "lost": wanted - got,
            "survivors": len(whole),
            **ends(+self.happened, self.corrupt),
            "transfers": [member.transfers for member in self.members],
            "series": self.probe.series(self.series, self.stopped_at),
        }


KINDS: dict[str, type[Flows]] = {
    "tcp": TcpFlows,
    "connect": ConnectFlows,
    "udp": UdpFlows,
    "ping": PingFlows,
    "ftp": FtpFlows,
}

# --- listeners: the side that answers ---------------------------------------------------------------------


class Peer:
    """What one listener had from one peer: of one kind, and of one flow where the flow has a name."""

    def __init__(self, probe: Probe, kind: str, address: str, name: str = "") -> None:
        self.probe, self.kind, self.address, self.name = probe, kind, address, name
        self.tracks: list[Track] = []
        self.senders: list[Sender] = []
        self.series = Series(probe.start, probe.bin)
        self.happened: Counter[str] = Counter()
        self.corrupt = 0
        self.open: set[Track] = set()
        self.surviving = 0

    def mark(self, now: int, window: int) -> None:
        self.surviving = sum(track.last >= now - window for track in self.open)

    def result(self, listener: Listener, now: int) -> Result:
        for track in self.open:
            track.close(now)
        received = sum(track.received for track in self.tracks)
        sent = sum(sender.sent for sender in self.senders)
        return {
            "name": self.name,
            "kind": self.kind,
            "address": listener.address,
            "port": listener.port,
            "peer": self.address,
            "count": len(self.tracks),
            **counts(self.probe, self.tracks, self.senders, sent, received),
            "lost": 0,
            "survivors": self.surviving,
            **ends(self.happened, self.corrupt),
            "series": self.probe.series(self.series, now),
        }


class Listener:
    """A bound port. Peers are told apart by what `key` a subclass gives them."""

    type = socket.SOCK_STREAM

    def __init__(self, probe: Probe, spec: dict[str, Any]) -> None:
        self.probe, self.loop = probe, probe.loop
        self.kind, self.address, self.port = str(spec["kind"]), str(spec["address"]), int(spec["port"])
        self.peers: dict[object, Peer] = {}
        self.sock = socket.socket(family_of(self.address), self.type)
        try:
            if self.type == socket.SOCK_STREAM:
                # not for UDP: there it would let two listeners have one port
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((self.address, self.port))
            if self.type == socket.SOCK_STREAM:
                self.sock.listen(4096)
        except OSError as error:
            self.sock.close()
            name = errno.errorcode.get(error.errno or 0, "")
            place = f"{self.kind} port {self.port} of {self.address}"
            raise OSError(f"can't listen at {place}: {error.strerror} ({name})") from error
        self.sock.setblocking(False)
        self.loop.watch(self.sock, self.ready)

    def peer(self, kind: str, address: str) -> Peer:
        return self.peers.setdefault((kind, address), Peer(self.probe, kind, address))

    def ready(self, _events: int) -> None:
        for _connection in range(64):
            try:
                sock, address = self.sock.accept()
            except OSError:
                return
            self.serve(sock, str(address[0]))

    def serve(self, sock: socket.socket, address: str) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Send nothing more of one's own accord."""

    def results(self, now: int) -> list[Result]:
        return [peer.result(self, now) for peer in self.peers.values()]


class Served:
    """A connection to a TCP listener: what comes goes back, after a look whether it is in order."""

    def __init__(self, listener: TcpListener, sock: socket.socket, address: str) -> None:
        self.listener, self.address = listener, address
        self.buffer = bytearray()
        self.peer: Peer | None = None
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.stream = Stream(listener.loop, sock, self.taken, self.ended)

    def known(self, kind: int) -> Peer:
        if self.peer is None:
            self.peer = self.listener.peer("connect" if kind == SHORT else "tcp", self.address)
            if kind == SHORT and self.peer.tracks:
                # new connections are one stream of arrivals
                self.track, self.sender = self.peer.tracks[0], self.peer.senders[0]
            else:
                self.peer.tracks.append(self.track)
                self.peer.senders.append(self.sender)
            if kind != SHORT:
                self.peer.open.add(self.track)
        return self.peer

    def taken(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.buffer += data
        short = False
        answer = bytearray()
        try:
            for raw in split(self.buffer):
                message = unpack(raw)
                short = message is not None and message.kind == SHORT
                peer = self.known(message.kind if message else STREAM)
                if message is None or (not short and message.number != self.track.next):
                    peer.corrupt += 1
                elif short:
                    self.track.tick(now)
                else:
                    self.track.arrive(message.number, now)
                peer.series.add(now)
                self.sender.note(now)
                answer += raw
        except CorruptError:
            self.known(STREAM).corrupt += 1
            self.stream.close()
            return
        if answer:
            self.stream.write(bytes(answer))
        if short:
            self.stream.finish()

    def ended(self, error: OSError | None) -> None:
        if self.peer is not None:
            self.peer.open.discard(self.track)
            if error is not None:
                self.peer.happened[what_happened(error)] += 1


class TcpListener(Listener):
    def serve(self, sock: socket.socket, address: str) -> None:
        Served(self, sock, address)


class UdpPeer(Peer):
    """A flow of datagrams: the stream that comes, and the one that it has asked for."""

    def __init__(self, listener: UdpListener, key: int, address: Address, wish: dict[str, Any]) -> None:
        super().__init__(listener.probe, "udp", str(address[0]), str(wish.get("name", "")))
        self.listener, self.key, self.to = listener, key, address
        self.track, self.down = Track(time.monotonic_ns()), Sender()
        self.tracks, self.senders = [self.track], [self.down]
        self.fin: dict[str, Any] = {}
        self.ended = 0
        self.stopped_at = 0
        self.limit = time.monotonic_ns() + int(float(wish.get("seconds", 60)) * NANO)
        self.padding = content(0, max(0, int(wish.get("size", OVERHEAD)) - OVERHEAD))
        self.ticker: Ticker | None = None
        if wish.get("down"):
            self.ticker = Ticker(listener.loop, min(20000.0, max(0.01, float(wish["rate"]))), self.send)

    def send(self, _number: int, due: int, now: int) -> None:
        if now > self.limit:
            self.stop(now)
            return
        self.listener.put(pack(DATA, self.key, self.down.sent, due, now, self.padding), self.to, self)
        self.down.note(now)

    def stop(self, now: int) -> None:
        if not self.stopped_at:
            self.stopped_at = now
            if self.ticker is not None:
                self.ticker.stop()

    def arrive(self, message: Message, at: int) -> None:
        if not self.track.received:
            self.track.last = at
        if self.track.arrive(message.number, at):
            self.series.add(at)
            self.track.late = max(self.track.late, message.sent - message.due)

    def finish(self, fin: dict[str, Any], at: int) -> dict[str, Any]:
        """Take the client's word that it has sent its last, and tell what came and what was sent."""
        self.stop(time.monotonic_ns())
        self.fin, self.ended = fin, at - int(fin["age"])
        self.track.close(self.ended)
        up = counts(self.probe, self.tracks, [], int(fin["sent"]), self.track.received)
        return {
            "sent": self.down.sent,
            "stall": self.down.stall,
            "age": time.monotonic_ns() - self.stopped_at,
            "quiet": max(0, self.ended - self.track.last),
            "up": {**up, "lost": self.track.lost(int(fin["sent"]))},
        }

    def mark(self, now: int, window: int) -> None:
        self.surviving = int(self.track.last >= (self.ended or now) - window)

    def result(self, listener: Listener, now: int) -> Result:
        """Sent and lost are the peer's own stream, up; what was sent down is `down_sent`."""
        if not self.ended:
            self.track.close(min(now, self.limit))
        whole = super().result(listener, now)
        whole["sent"] = self.fin.get("sent")
        whole["lost"] = self.track.lost(int(self.fin.get("sent", 0)))
        whole["down_sent"] = self.down.sent
        return whole


class UdpListener(Listener):
    type = socket.SOCK_DGRAM

    def __init__(self, probe: Probe, spec: dict[str, Any]) -> None:
        super().__init__(probe, spec)
        self.known: dict[int, UdpPeer] = {}
        stamped(self.sock)

    def put(self, data: bytes, to: Address, peer: UdpPeer) -> None:
        try:
            self.sock.sendto(data, to)
        except OSError as error:
            peer.happened[what_happened(error)] += 1

    def ready(self, _events: int) -> None:
        for data, address, at in arrivals(self.sock, lambda error: None):
            message = unpack(data)
            if message is not None:
                with suppress(ValueError, KeyError, TypeError):
                    self.take(message, address, at)

    def take(self, message: Message, address: Address, at: int) -> None:
        peer = self.known.get(message.key)
        if peer is None:
            if message.kind not in (HELLO, DATA):
                return
            # where HELLO was lost, numbers come from one that is not known yet
            wish = json.loads(message.body) if message.kind == HELLO else {}
            peer = self.known[message.key] = UdpPeer(self, message.key, address, wish)
            self.peers[message.key] = peer
        # a firewall may have given it another source
        peer.to = address
        if message.kind == DATA:
            peer.arrive(message, at)
        elif message.kind == HELLO:
            wish = json.loads(message.body)
            if not peer.name:
                peer.name = str(wish.get("name", ""))
                peer.limit = time.monotonic_ns() + int(float(wish["seconds"]) * NANO)
            if wish.get("down") and peer.ticker is None:
                peer.padding = content(0, max(0, int(wish["size"]) - OVERHEAD))
                peer.ticker = Ticker(self.loop, min(20000.0, max(0.01, float(wish["rate"]))), peer.send)
            self.put(pack(HELLO_ACK, message.key), address, peer)
        elif message.kind == FIN:
            told = json.dumps(peer.finish(json.loads(message.body), at)).encode()
            self.put(pack(FIN_ACK, message.key, body=told), address, peer)

    def stop(self) -> None:
        for peer in self.known.values():
            peer.stop(time.monotonic_ns())


class FtpServed:
    """A control connection to an FTP listener, and its data connection."""

    PACE = NANO // 50

    def __init__(self, listener: FtpListener, sock: socket.socket, address: str) -> None:
        self.listener = listener
        self.peer = listener.peer("ftp", address)
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.peer.tracks.append(self.track)
        self.peer.senders.append(self.sender)
        self.peer.open.add(self.track)
        self.host = str(sock.getsockname()[0])
        self.buffer = bytearray()
        self.passive: socket.socket | None = None
        self.data: Stream | None = None
        self.file: tuple[float, int] | None = None
        self.offset = self.begun = 0
        self.control = Stream(listener.loop, sock, self.taken, self.ended)
        self.say("220 ftfw probe")

    def say(self, line: str) -> None:
        self.control.write(line.encode() + b"\r\n")

    def taken(self, data: bytes) -> None:
        self.buffer += data
        while b"\n" in self.buffer:
            line, _newline, rest = bytes(self.buffer).partition(b"\n")
            self.buffer = bytearray(rest)
            command, _blank, argument = line.decode(errors="replace").strip().partition(" ")
            self.command(command.upper(), argument)

    def command(self, command: str, argument: str) -> None:
        self.track.tick(time.monotonic_ns())
        simple = {"USER": "331 any word will do", "PASS": "230 welcome", "TYPE": "200 as you like"}
        file = parse_file(argument)
        if command in simple:
            self.say(simple[command])
        elif command in ("PASV", "EPSV"):
            self.listen(command)
        elif command in ("SIZE", "RETR") and file is None:
            self.say("550 there is only probe-SECONDS-BYTES")
        elif command == "SIZE" and file:
            self.say(f"213 {file[1]}")
        elif command == "RETR" and self.passive is None and self.data is None:
            self.say("425 PASV comes first")
        elif command == "RETR":
            self.file = file
            self.send()
        elif command == "QUIT":
            self.say("221 goodbye")
            self.control.finish()
        else:
            self.say("502 not here")

    def listen(self, command: str) -> None:
        self.drop()
        family = family_of(self.host)
        if command == "PASV" and family != socket.AF_INET:
            self.say("425 EPSV is for IPv6")
            return
        self.passive = socket.socket(family, socket.SOCK_STREAM)
        self.passive.bind((self.host, 0))
        self.passive.listen(1)
        self.passive.setblocking(False)
        self.listener.loop.watch(self.passive, self.accept)
        port = self.passive.getsockname()[1]
        if command == "EPSV":
            self.say(f"229 Entering Extended Passive Mode (|||{port}|)")
        else:
            self.say(f"227 Entering Passive Mode ({self.host.replace('.', ',')},{port // 256},{port % 256})")

    def accept(self, _events: int) -> None:
        if self.passive is None:
            return
        try:
            sock, _address = self.passive.accept()
        except OSError:
            return
        self.listener.loop.close(self.passive)
        self.passive = None
        self.data = Stream(self.listener.loop, sock, lambda data: None, self.data_ended)
        self.send()

    def send(self) -> None:
        """Begin when the connection is there and the file is known."""
        if self.data is not None and self.file is not None:
            self.say("150 here it comes")
            self.offset, self.begun = 0, time.monotonic_ns()
            self.pace(self.data)

    def pace(self, data: Stream) -> None:
        """Send what is due: equal parts in equal times, as far as the client takes them."""
        if self.file is None or data is not self.data or data.closed:
            return
        now = time.monotonic_ns()
        seconds, size = self.file
        due = size if seconds == 0 else min(size, int(size * (now - self.begun) / (seconds * NANO)))
        while self.offset < due and not data.waiting:
            part = content(self.offset, min(1 << 16, due - self.offset))
            if not data.write(part):
                return
            self.offset += len(part)
            self.sender.note(now)
            self.peer.series.add(now, len(part))
        if self.offset < size or data.waiting:
            self.listener.loop.at(now + self.PACE, lambda: self.pace(data))
            return
        self.file = None
        data.finish()
        self.say("226 that was it")

    def data_ended(self, error: OSError | None) -> None:
        if error is not None:
            self.peer.happened[what_happened(error)] += 1
        if self.file is not None:
            self.file = None
            self.say("426 the data connection broke")
        self.data = None

    def drop(self) -> None:
        if self.passive is not None:
            self.listener.loop.close(self.passive)
        if self.data is not None:
            self.data.close()
        self.passive = self.data = self.file = None

    def ended(self, error: OSError | None) -> None:
        self.peer.open.discard(self.track)
        if error is not None:
            self.peer.happened[what_happened(error)] += 1
        self.drop()


class FtpListener(Listener):
    def serve(self, sock: socket.socket, address: str) -> None:
        FtpServed(self, sock, address)


LISTENERS: dict[str, type[Listener]] = {"tcp": TcpListener, "udp": UdpListener, "ftp": FtpListener}

# --- the probe --------------------------------------------------------------------------------------------

Answer = Callable[[Result], None]


class Probe:
    """Listeners and flows, from their start to the one request that collects them."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.start, self.started_at = time.monotonic_ns(), time.time()
        self.bin = int(spec["bin_ms"]) * 1_000_000
        self.timeout = int(float(spec["timeout"]) * NANO)
        self.end = self.start + int(float(spec["lifetime"]) * NANO)
        self.patient = bool(spec["require_reachable"])
        self.notes: list[str] = []
        self.loop = Loop()
        if spec["realtime"]:
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            except OSError as error:
                self.notes.append(f"no real-time priority: {error.strerror}")
        self.listeners = [LISTENERS[one["kind"]](self, one) for one in spec["listeners"]]
        self.flows = [KINDS[one["kind"]](self, one) for one in spec["flows"]]

    def epoch(self, at: int) -> float:
        return round(self.started_at + (at - self.start) / NANO, 6)

    def series(self, series: Series, end: int) -> Result:
        return {
            "bin_ms": self.bin // 1_000_000,
            "start": self.started_at,
            "counts": encode(series.counts(end)),
        }

    def open(self) -> None:
        """Begin all flows; where it is required, return only when each has had its first exchange."""
        for flows in self.flows:
            try:
                flows.open()
            except OSError as error:
                raise OSError(f"{self._place(flows)}: {error.strerror or error}") from error
        if self.patient:
            self._look()
            self.loop.run()
            self.loop.going = True
            unmet = [f"{self._place(flows)}: {how}" for flows in self.flows for how in [flows.unmet()] if how]
            if unmet:
                seconds = (time.monotonic_ns() - self.start) / NANO
                raise OSError(f"no exchange within {seconds:.1f} s: {'; '.join(unmet)}")
            for flows in self.flows:
                flows.happened.clear()

    def _place(self, flows: Flows) -> str:
        spec = flows.spec
        port = f" {spec['port']}" if spec["port"] else ""
        source = f" from port {spec['source_port']}" if spec.get("source_port") else ""
        return f"flow {spec['name']} ({spec['kind']}) to {spec['target']}{port}{source}"

    def _look(self) -> None:
        over = time.monotonic_ns() > self.start + self.timeout
        hopeless = any(flows.hopeless() for flows in self.flows)
        if over or hopeless or not any(flows.unmet() for flows in self.flows):
            self.loop.going = False
        else:
            self.loop.later(NANO // 50, self._look)

    def collect(self, window: float, answer: Answer) -> None:
        """Stop what is sent, wait for what is on its way, and answer with what became of all."""
        now = time.monotonic_ns()
        ended_at = time.time()
        for flows in self.flows:
            flows.mark(now, int(window * NANO))
            flows.stop(now)
        for listener in self.listeners:
            for peer in listener.peers.values():
                peer.mark(now, int(window * NANO))
            listener.stop()

        def settle() -> None:
            moment = time.monotonic_ns()
            if moment < now + DRAIN or any(flows.pending(moment) for flows in self.flows):
                self.loop.later(NANO // 20, settle)
            else:
                answer(self.result(ended_at, now))
                self.loop.going = False

        if self.flows:
            settle()
        else:
            answer(self.result(ended_at, now))
            self.loop.going = False

    def result(self, ended_at: float, now: int) -> Result:
        used = os.times()
        elapsed = (time.monotonic_ns() - self.start) / NANO
        return {
            "flows": [flows.result() for flows in self.flows],
            "listeners": [one for listener in self.listeners for one in listener.results(now)],
            "cpu_percent": round(100 * (used.user + used.system) / elapsed, 2),
            "started_at": self.started_at,
            "ended_at": ended_at,
            "notes": self.notes,
        }


def serve(spec: dict[str, Any], control: socket.socket, ready: Callable[[Result], None]) -> None:
    """Run a probe under a control socket: a line `{"window": SECONDS}` there collects it."""
    # what the module has brought along is never looked through again
    gc.freeze()
    probe = Probe(spec)
    probe.open()

    def asked(_events: int) -> None:
        peer, _address = control.accept()
        peer.settimeout(2)
        with suppress(OSError, ValueError):
            request = json.loads(peer.makefile("r").readline())
            peer.settimeout(None)

            def answer(result: Result) -> None:
                peer.sendall(json.dumps(result).encode() + b"\n")
                peer.close()

            probe.loop.close(control)
            probe.collect(float(request["window"]), answer)

    probe.loop.watch(control, asked)
    ready({"notes": probe.notes, "started_at": probe.started_at})
    probe.loop.run()


def say(result: Result) -> None:
    """One line of JSON to whoever runs us in the foreground."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run in the foreground: a line on standard input collects, and so does the end of the lifetime."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    probe = Probe(spec)
    probe.open()
    say({"notes": probe.notes, "started_at": probe.started_at})
    collected: list[int] = []

    def collect(_events: int = 0) -> None:
        if not collected:
            collected.append(1)
            probe.loop.epoll.unregister(0)
            probe.collect(3.0, say)

    probe.loop.epoll.register(0, select.EPOLLIN)
    probe.loop.handlers[0] = collect
    probe.loop.at(probe.end, collect)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    probe.loop.run()


if __name__ == "__main__":
    main()
