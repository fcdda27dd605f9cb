# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings of both families from the client through the pair, and the longest time without an answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from containers import run, wait

SERVERS = {"-4": "192.168.0.3", "-6": "2001:db8::3"}
EVERY = 0.1


class Pings:
    def __init__(self) -> None:
        self.files = {family: f"/root/answers{family}-{time.monotonic_ns()}" for family in SERVERS}

    def answered(self, family: str) -> list[float]:
        """When answers came, by the clock that all containers share."""
        listed = run("client", f"cat {self.files[family]}")
        return [float(stamp) for stamp in re.findall(r"^\[([\d.]+)\] .*time=", listed, re.MULTILINE)]

    def gaps(self) -> dict[str, float]:
        """The longest silence of each family so far, and up to now."""
        found = {}
        for family in SERVERS:
            times = [*self.answered(family), time.time()]
            found[family] = max(after - before for before, after in zip(times, times[1:]))
        return found


@contextmanager
def pinged() -> Iterator[Pings]:
    pings = Pings()
    for family, server in SERVERS.items():
        unit = f"systemd-run --quiet --collect --unit answers{family} sh -c"
        ping = f"exec ping -n -D {family} -i {EVERY} -W 1 {server} >{pings.files[family]} 2>&1"
        run("client", f"{unit} '{ping}'")
    try:
        wait("answers come", lambda: all(len(pings.answered(family)) > 5 for family in SERVERS))
        yield pings
    finally:
        for family in SERVERS:
            run("client", f"systemctl stop answers{family}.service", check=False)
