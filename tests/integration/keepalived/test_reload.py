# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived really takes in by a reload, beside what turns/keepalived_reload.py says of it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.turns.keepalived_texts import (
    BEFORE,
    FALLS,
    INSIDE,
    OUTSIDE,
    TAKEN_IN,
    Pair,
)

SETTINGS = ("    vrrp_check_unicast_src", "    vrrp_skip_check_adv_addr")
ADDRESSES = {
    "eth0": ["192.168.0.{node}/24", "2001:db8::{node}/64"],
    "eth1": ["192.168.2.{node}/24", "192.168.2.{other}/24", "2001:db8:2::{node}/64"],
    "eth2": ["192.168.3.{node}/24", "192.168.4.{node}/24", "2001:db8:3::{node}/64"],
}
START_SECONDS, RELOAD_SECONDS = 2.5, 2
"""An advert comes every 0.3 s."""


@dataclass
class KeepalivedNode:
    """A keepalived in a network namespace, and what the kernel says of addresses there."""

    folder: Path
    process: subprocess.Popen[bytes]

    def reload(self, pair: Pair) -> None:
        write(self.folder, pair)
        self.process.send_signal(signal.SIGHUP)

    def events(self) -> list[str]:
        return (self.folder / "monitor").read_text().splitlines()

    def given_up(self) -> set[str]:
        return {word for line in self.events() if line.startswith("Deleted") for word in line.split()}

    def taken(self) -> set[str]:
        return {word for line in self.events() if not line.startswith("Deleted") for word in line.split()}


def write(folder: Path, pair: Pair) -> None:
    (folder / "keepalived.conf").write_text(replace(pair, settings=SETTINGS).text())


class Lab:
    """Starts nodes, and ends all of them at once: each takes a second for that."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def node(self, folder: Path, pair: Pair, number: int = 1, namespace: str = "") -> KeepalivedNode:
        """Run keepalived alone in a namespace of its own, or in one that has the links already."""
        folder.mkdir(parents=True)
        (folder / "monitor").touch()
        write(folder, pair)
        commands = ["ip link set lo up"]
        for link, texts in ADDRESSES.items():
            if not namespace:
                commands += [f"ip link add name {link} type veth peer name far{link}"]
                commands += [f"ip link set far{link} up"]
            commands += [f"ip link set {link} up"]
            for text in texts:
                address = text.format(node=number, other=number + 10)
                commands += [f"ip address add {address} dev {link} {'nodad' if ':' in address else ''}"]
        keepalived = "keepalived --dont-fork --vrrp --log-console --use-file=keepalived.conf"
        commands += [
            f"cd {folder}",
            "ip monitor address >monitor & echo $! >watcher",
            # one for each process it may have, or nodes share what is in /run: keepalived 2.3 locks them
            f"exec {keepalived} --pid=pid --vrrp_pid=vrrp --checkers_pid=checkers --bfd_pid=bfd",
        ]
        enter = ["ip", "netns", "exec", namespace] if namespace else ["unshare", "--net"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*enter, "sh", "-c", "\n".join(commands)], stdout=log, stderr=log)
        self.started.append(process)
        return KeepalivedNode(folder, process)

    def end(self, folder: Path) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(20)
        for watcher in folder.rglob("watcher"):
            os.kill(int(watcher.read_text()), signal.SIGTERM)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab()
    try:
        yield made
    finally:
        made.end(tmp_path)


def addresses(pair: Pair) -> set[str]:
    return {address for one in pair.instances for address in one.addresses + one.excluded}


def wait_for(*nodes: KeepalivedNode, pair: Pair = BEFORE) -> None:
    """Until all of them have the addresses; fails at once for one whose keepalived has ended."""
    end = time.monotonic() + 20
    for one in nodes:
        while missing := addresses(pair) - one.taken():
            alive = one.process.poll() is None and time.monotonic() < end
            assert alive, (one.folder, missing, (one.folder / "log").read_text())
            time.sleep(0.1)


CHANGES = {**TAKEN_IN, **{name: pair for name, (pair, _reason) in FALLS.items()}}
CHANGES["source"] = BEFORE.with_router("inside", source="192.168.2.11")


def test_what_falls_with_a_reload(tmp_path: Path, lab: Lab) -> None:
    """All at once, each on a node that is primary."""
    nodes = {name: lab.node(tmp_path / name, BEFORE) for name in CHANGES}
    wait_for(*nodes.values())
    for name, one in nodes.items():
        one.reload(CHANGES[name])
    time.sleep(RELOAD_SECONDS)
    fell = {
        name for name, one in nodes.items() if one.given_up() & addresses(BEFORE) & addresses(CHANGES[name])
    }
    there = {name for name, one in nodes.items() if addresses(CHANGES[name]) <= one.taken()}
    assert fell == set(FALLS)
    assert there >= set(TAKEN_IN)


@contextmanager
def wires() -> Iterator[tuple[str, str]]:
    """Two namespaces with three wires between them."""
    names = [f"ftfw-test-{secrets.token_hex(4)}" for _end in range(2)]
    for name in names:
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for link in ADDRESSES:
            ends = ["name", link, "netns", names[0], "type", "veth", "peer", "name", link, "netns", names[1]]
            subprocess.run(["ip", "link", "add", *ends], check=True)
            for name in names:
                subprocess.run(["ip", "-n", name, "link", "set", link, "up"], check=True)
        yield names[0], names[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=True)


def facing(pair: Pair) -> Pair:
    """The other node's configuration."""
    turned = (replace(one, source=one.peer, peer=one.source, priority=200) for one in pair.instances)
    return replace(pair, instances=tuple(turned))


def test_a_changed_backup_stays_backup_and_takes_all_over(tmp_path: Path, lab: Lab) -> None:
    names = ["new-router", "new-router-v6", "vrid", "router-gone"]
    with ExitStack() as stack:
        pairs = {name: stack.enter_context(wires()) for name in names}
        primaries = {name: lab.node(tmp_path / name / "primary", BEFORE, 1, pairs[name][0]) for name in names}
        wait_for(*primaries.values())
        backups = {
            name: lab.node(tmp_path / name / "backup", facing(CHANGES[name]), 2, pairs[name][1])
            for name in names
        }
        time.sleep(START_SECONDS)
        for name in names:
            assert not addresses(CHANGES[name]) & backups[name].taken(), name
            assert not addresses(BEFORE) & primaries[name].given_up(), name
            primaries[name].process.terminate()
        for name in names:
            wait_for(backups[name], pair=CHANGES[name])
        lab.end(tmp_path / "none")


def test_two_versions_of_vrrp_do_not_hear_each_other(tmp_path: Path, lab: Lab) -> None:
    """So it counts as a disturbance, though the primary itself takes another version in."""
    before = Pair((INSIDE, OUTSIDE))
    after = replace(before, version=2, interval="1")
    with wires() as names:
        primary = lab.node(tmp_path / "primary", before, 1, names[0])
        wait_for(primary, pair=before)
        backup = lab.node(tmp_path / "backup", facing(before), 2, names[1])
        time.sleep(START_SECONDS)
        assert not addresses(before) & backup.taken()
        primary.reload(after)
        wait_for(backup, pair=before)
        assert not addresses(before) & primary.given_up()
        lab.end(tmp_path / "none")


def test_addresses_change_on_the_primary_first(tmp_path: Path, lab: Lab) -> None:
    """With one virtual router there is no other by which the backup could hear the primary."""
    before = Pair((INSIDE,))
    after = Pair((replace(INSIDE, addresses=("192.168.2.101/32", "192.168.2.102/32")),))
    with wires() as names:
        primary = lab.node(tmp_path / "primary", before, 1, names[0])
        wait_for(primary, pair=before)
        backup = lab.node(tmp_path / "backup", facing(before), 2, names[1])
        time.sleep(START_SECONDS)
        primary.reload(after)
        time.sleep(RELOAD_SECONDS)
        backup.reload(facing(after))
        time.sleep(RELOAD_SECONDS)
        assert addresses(after) <= primary.taken()
        assert not (addresses(after) | addresses(before)) & backup.taken()
        lab.end(tmp_path / "none")
