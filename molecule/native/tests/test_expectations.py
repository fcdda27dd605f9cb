# SPDX-License-Identifier: GPL-3.0-or-later
"""What a helper has read in a control connection is known to both nodes, and outlives the primary."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest
from containers import PREFIX, SERVER, other_of, playbook, run, wait
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


def clear() -> None:
    run("client", "systemctl stop ftp-asks.service 2>/dev/null; rm -f /run/ftp-asks.out /run/go", check=False)


def start() -> None:
    clear()
    told = "--property=StandardOutput=file:/run/ftp-asks.out --property=StandardError=inherit"
    run("client", f"systemd-run --quiet --unit=ftp-asks {told} python3 -c {shlex.quote(ASKS)}")


def told() -> str:
    return run("client", "cat /run/ftp-asks.out", check=False)


def expected(node: str) -> bool:
    """Whether a node expects the connection that the server has told the client of."""
    port = re.search(r"^expects (\d+)$", told(), re.MULTILINE)
    return port is not None and f" dport={port[1]}" in run(node, "conntrack -L expect 2>/dev/null")


def crash(lab: Lab, old: str) -> None:
    lab.links(old, "down")
    wait("the other node takes over", lambda: is_primary(other_of(old)))


def kill(_lab: Lab, old: str) -> None:
    run(old, "systemctl kill --signal SIGKILL keepalived.service")
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
