# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, flows, and what the health check says of them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from containers import PORT, SERVER, PodmanError, playbook, run
from fault_table import inject, undo

Findings = set[tuple[str, "str | None"]]


class Status:
    """What `playbooks/status.yml` says and writes, now."""

    def __init__(self, folder: Path) -> None:
        path = folder / "status.json"
        path.unlink(missing_ok=True)
        done = playbook("playbooks/status.yml", "-e", f"status_json={path}")
        self.code, self.printed = done.returncode, done.stdout
        assert path.exists(), done.stdout[-3000:] + done.stderr
        self.document: dict[str, Any] = json.loads(path.read_text())
        assert self.document["healthy"] is (self.code == 0), self.printed
        for finding in self.document["findings"]:
            assert finding["message"] in self.printed

    @property
    def findings(self) -> Findings:
        return {(finding["id"], finding["node"]) for finding in self.document["findings"]}

    def messages(self, identity: str) -> list[str]:
        return [each["message"] for each in self.document["findings"] if each["id"] == identity]

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.document["nodes"] if node["node"] == name)


def wait_for(status: Any, wanted: Findings, seconds: float = 30) -> Status:
    """Look until exactly these findings are there."""
    end = time.monotonic() + seconds
    while (now := status()).findings != wanted:
        assert time.monotonic() < end, (
            f"{now.findings}, not {wanted}, for {seconds} s: {now.document['problems']}"
        )
        time.sleep(1)
    return now


def settle(status: Any, seconds: float = 30) -> Status:
    """Look until there are no findings."""
    end = time.monotonic() + seconds
    while found := (now := status()).findings:
        assert time.monotonic() < end, f"not well: {now.document['problems']}"
        if {identity for identity, _node in found} == {"messages-lost"}:
            # a finding for two intervals of the timer, which nothing else shortens
            for node in ("fw-1", "fw-2", "fw-1", "fw-2"):
                check_now(node)
        time.sleep(1)
    return now


@contextmanager
def fault(host: str, cause: str, cure: str) -> Iterator[None]:
    """The cure has to be one that may be had twice: the fault must not stay for the tests that follow."""
    run(host, cause)
    try:
        yield
    finally:
        try:
            run(host, cure)
        except PodmanError:
            run(host, cure)


@contextmanager
def made(name: str, host: str) -> Iterator[None]:
    """A fault of the drill's table, at this host."""
    with fault(host, inject(name), undo(name)):
        yield


@contextmanager
def dropped(host: str, matches: str) -> Iterator[None]:
    """Packets that come to the host and match are dropped, in a table that has nothing to do with ours."""
    chain = "nft add chain inet fault input '{ type filter hook prerouting priority -400; }'"
    cause = f"nft add table inet fault && {chain} && nft add rule inet fault input {matches} drop"
    with fault(host, cause, "nft 'add table inet fault; delete table inet fault'"):
        yield


@contextmanager
def flow(seconds: int = 60) -> Iterator[str]:
    """A TCP connection from the client through the pair, while the block runs; its source port."""
    command = f"python3 /root/traffic.py client {SERVER} {PORT} {seconds} /tmp/flow"
    run("client", f"systemd-run --quiet --unit flow --collect {command}")
    try:
        end = time.monotonic() + 10
        while not (
            found := re.search(
                r"192\.168\.2\.3:(\d+) ", run("client", "ss -tnH state established dport = :7")
            )
        ):
            assert time.monotonic() < end, "no flow"
            time.sleep(0.2)
        yield found[1]
    finally:
        run("client", "systemctl stop flow.service", check=False)


def check_now(node: str) -> None:
    """What the timer does each minute; the timer itself is stopped so that nothing comes between."""
    run(node, "systemctl start pair-health.service")


def logged(node: str, priority: str, words: str) -> list[str]:
    command = f"journalctl --quiet --output=cat --unit pair-health.service --priority={priority}..{priority}"
    return [line for line in run(node, command).splitlines() if words in line]


@contextmanager
def by_hand(*nodes: str) -> Iterator[None]:
    """The check of these nodes runs when a test wants it, and has run before."""
    try:
        for node in nodes:
            run(node, "systemctl stop pair-health.timer")
            check_now(node)
        yield
    finally:
        for node in nodes:
            run(node, "systemctl start pair-health.timer")
