# SPDX-License-Identifier: GPL-3.0-or-later
"""What a helper has read in a control connection is known to both nodes, and outlives the primary."""

from __future__ import annotations

import shlex

from containers import SERVER, other_of, run, wait
from test_pair import primary, settle

DATA = 30021
SERVES = f"""
import socket
control, data = (socket.create_server(("{SERVER}", port)) for port in (21, {DATA}))
talk, _ = control.accept()
talk.sendall(b"220 ready\\r\\n")
while not talk.recv(1000).startswith(b"PASV"):
    talk.sendall(b"230 come in\\r\\n")
talk.sendall(b"227 Entering Passive Mode ({SERVER.replace(".", ",")},{DATA >> 8},{DATA & 255}).\\r\\n")
data.accept()[0].sendall(b"arrived")
"""
ASKS = f"""
import os, socket, time
talk = socket.create_connection(("{SERVER}", 21), 10)
talk.recv(1000)
for word in (b"USER a\\r\\n", b"PASV\\r\\n"):
    talk.sendall(word)
    told = talk.recv(1000)
print(told.decode(), flush=True)
while not os.path.exists("/run/go"):
    time.sleep(0.05)
end = time.monotonic() + 20
while True:
    try:
        print(socket.create_connection(("{SERVER}", {DATA}), 2).recv(100).decode(), flush=True)
        break
    except OSError:
        if time.monotonic() > end:
            raise
"""


def start(host: str, name: str, program: str) -> None:
    run(host, f"systemctl stop {name}.service 2>/dev/null; rm -f /run/{name}.out /run/go", check=False)
    told = f"--property=StandardOutput=file:/run/{name}.out"
    run(host, f"systemd-run --quiet --unit={name} {told} python3 -c {shlex.quote(program)}")


def expected(node: str) -> bool:
    return f"dport={DATA}" in run(node, "conntrack -L expect 2>/dev/null")


def test_an_expectation_is_on_both_nodes_and_outlives_the_primary() -> None:
    old = primary()
    new = other_of(old)
    settle(old)
    try:
        start("server", "ftp-serves", SERVES)
        wait("the server listens", lambda: ":21 " in run("server", "ss -tlnH"))
        start("client", "ftp-asks", ASKS)
        wait("the primary expects the connection", lambda: expected(old))
        assert "227 " in run("client", "cat /run/ftp-asks.out")
        wait("the backup does, too", lambda: expected(new))
        run(old, "systemctl kill --signal SIGKILL keepalived.service")
        settle(new)
        assert expected(new)
        run("client", "touch /run/go")
        wait("the data arrives", lambda: "arrived" in run("client", "cat /run/ftp-asks.out"))
        wait("the expectation is used up", lambda: not expected(new))
    finally:
        for host, name in (("client", "ftp-asks"), ("server", "ftp-serves")):
            run(host, f"systemctl stop {name}.service 2>/dev/null", check=False)
