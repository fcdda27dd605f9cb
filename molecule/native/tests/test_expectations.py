# SPDX-License-Identifier: GPL-3.0-or-later
"""What a helper has read in a control connection is known to both nodes, and outlives the primary."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from containers import PREFIX, SERVER, other_of, playbook, run, wait
from fault_table import inject
from faults import Findings
from lab import Lab
from test_pair import is_primary, primary, settle

ASKS = f"""
import ftplib, os, socket, time
talk = ftplib.FTP("{SERVER}", timeout=30)
talk.login()
place = talk.makepasv()
print("expects", place[1], flush=True)
while not os.path.exists("/run/go"):
    time.sleep(0.05)
# not on the helper's word alone: the server is asked for the data over the old connection
talk.sendcmd("TYPE A")
with socket.create_connection(place, 20) as data:
    talk.sendcmd("NLST")
    while data.recv(1000):
        pass
print(talk.voidresp(), flush=True)
"""

OUTLIVES = f"""
import ftplib, socket, time
talk = ftplib.FTP("{SERVER}", timeout=30)
talk.login()
place = talk.makepasv()
with socket.create_connection(place, 20):
    print("expects", place[1], flush=True)
    time.sleep(120)
"""


def clear() -> None:
    run("client", "systemctl stop ftp-asks.service 2>/dev/null; rm -f /run/ftp-asks.out /run/go", check=False)


def start(script: str = ASKS) -> None:
    clear()
    told = "--property=StandardOutput=file:/run/ftp-asks.out --property=StandardError=inherit"
    run("client", f"systemd-run --quiet --unit=ftp-asks {told} python3 -c {shlex.quote(script)}")


def told() -> str:
    return run("client", "cat /run/ftp-asks.out", check=False)


def port_of_data() -> str:
    """What the server has told the client; empty as long as it hasn't."""
    port = re.search(r"^expects (\d+)$", told(), re.MULTILINE)
    return port[1] if port else ""


def expected(node: str) -> bool:
    """Whether a node expects the connection that the server has told the client of."""
    port = port_of_data()
    return bool(port) and f" dport={port}" in run(node, "conntrack -L expect 2>/dev/null")


def crash(lab: Lab, old: str) -> None:
    lab.links(old, "down")
    wait("the other node takes over", lambda: is_primary(other_of(old)))


def kill(_lab: Lab, old: str) -> None:
    run(old, inject("keepalived_kill"))
    settle(other_of(old))


def switch(_lab: Lab, old: str) -> None:
    done = playbook("playbooks/switchover.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    settle(other_of(old))


@pytest.mark.parametrize("end", [crash, kill, switch])
def test_an_expectation_is_on_both_nodes_and_outlives_the_primary(end: Callable[[Lab, str], None]) -> None:
    lab = Lab(PREFIX)
    old = primary()
    new = other_of(old)
    settle(old)
    try:
        start()
        wait("the primary expects the connection", lambda: expected(old))
        wait("the backup does, too", lambda: expected(new))
        end(lab, old)
        assert expected(new)
        run("client", "touch /run/go")
        wait("the data arrives", lambda: "\n226 " in told())
        wait("the expectation is used up", lambda: not expected(new))
    finally:
        lab.links(old, "up")
        clear()
    settle(primary())


def faults_of(status: Any) -> Findings:
    """Without the messages that were lost before: that warning stays for two checks of the timer."""
    return {each for each in status().findings if each[0] != "messages-lost"}


def test_a_flow_that_outlives_its_control_connection_keeps_nobody_waiting(
    roles: tuple[str, str], status: Any
) -> None:
    """conntrackd can't give it to a backup that does not have it: that is told, and no fault of the pair."""
    old, backup = roles
    settle(old)
    try:
        start(OUTLIVES)
        wait("the client is connected", lambda: port_of_data() != "")
        port = port_of_data()
        wait("the backup has the flow", lambda: f" dport={port} " in run(backup, "conntrack -L 2>/dev/null"))
        run(old, "conntrack -D -p tcp --dport 21")
        run(backup, f"conntrack -D -p tcp --dport {port}")
        wait(
            "status warns of it, and finds no fault",
            lambda: faults_of(status) == {("orphans-lacking", None)},
            30,
        )
        done = playbook("playbooks/switchover.yml")
        assert done.returncode == 0, done.stdout[-3000:]
        assert f"{backup} can't be given 1 flows that a helper of {old} expected" in " ".join(
            done.stderr.split()
        )
        assert f" dport={port} " in done.stderr
    finally:
        clear()
        # or status warns of it as soon as the old primary is primary again
        run(old, "conntrack -D -p tcp --status EXPECTED", check=False)
    settle(backup)
