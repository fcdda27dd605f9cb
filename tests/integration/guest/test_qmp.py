# SPDX-License-Identifier: GPL-3.0-or-later
"""guest-qmp against a real qemu, whose machine has neither memory nor a processor and is never booted."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles" / "guest" / "files" / "guest-qmp"
SECONDS = 20


class Guest:
    """A paused qemu with two QMP sockets: qmp.sock for the program, other.sock for the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sockets = [socket.socket(socket.AF_UNIX) for _name in ("qmp", "other")]
        monitors = []
        for name, listener in zip(("qmp", "other"), sockets):
            # they listen before qemu starts, so nobody has to wait for them
            listener.bind(str(folder / f"{name}.sock"))
            listener.listen()
            monitors += ["-chardev", f"socket,id={name},fd={listener.fileno()},server=on,wait=off"]
            monitors += ["-mon", f"chardev={name},mode=control"]
        self.qemu = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-S", "-nodefaults", "-no-user-config", "-machine", "none"),
                *("-display", "none", *monitors),
            ],
            pass_fds=[listener.fileno() for listener in sockets],
        )
        for listener in sockets:
            listener.close()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(PROGRAM), str(self.folder / "qmp.sock"), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    def status(self) -> dict[str, Any]:
        done = self.run("status")
        assert (done.returncode, done.stderr) == (0, "")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    @contextlib.contextmanager
    def other_session(self) -> Iterator[Callable[[str], None]]:
        """A session of the test's own; gives a function that ends qemu when an event was seen."""
        with socket.socket(socket.AF_UNIX) as other:
            other.settimeout(SECONDS)
            other.connect(str(self.folder / "other.sock"))
            messages = other.makefile("r")
            assert "QMP" in json.loads(messages.readline())
            other.sendall(b'{"execute": "qmp_capabilities"}\n')
            assert json.loads(messages.readline()) == {"return": {}}

            def quit_after(event: str) -> None:
                while json.loads(messages.readline()).get("event") != event:
                    pass
                other.sendall(b'{"execute": "quit"}\n')
                assert self.qemu.wait(SECONDS) == 0

            yield quit_after


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    running = Guest(tmp_path)
    try:
        yield running
    finally:
        running.qemu.kill()
        running.qemu.wait(SECONDS)


def test_status_follows_the_machine(guest: Guest) -> None:
    assert guest.status()["running"] is False
    assert guest.run("cont").returncode == 0
    # qemu before 9.0 adds "singlestep"
    assert guest.status().items() >= {"running": True, "status": "running"}.items()
    assert guest.run("stop").returncode == 0
    assert guest.status()["status"] == "paused"


def test_powerdown_waits_for_the_end(guest: Guest) -> None:
    with guest.other_session() as quit_after:
        command = guest.command("powerdown")
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
            quit_after("POWERDOWN")
            assert program.communicate(timeout=SECONDS) == (None, "")
    assert program.returncode == 0


def test_powerdown_of_a_machine_that_does_not_listen(guest: Guest) -> None:
    done = guest.run("powerdown", "--timeout", "0.5")
    path = guest.folder / "qmp.sock"
    assert done.returncode == 1
    assert done.stderr == f"guest-qmp: {path}: powerdown: the guest has not ended within 0.5 s\n"
    assert guest.status()["running"] is False


def test_no_guest(tmp_path: Path) -> None:
    path = tmp_path / "qmp.sock"
    command = [sys.executable, str(PROGRAM), str(path), "status"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert done.stderr == f"guest-qmp: {path}: status: [Errno 2] No such file or directory\n"


@pytest.mark.parametrize(
    ("greeting", "message"),
    [
        pytest.param(b"220 ready\r\n", "Extra data", id="another protocol"),
        pytest.param(b"{}\n", "does not greet as QMP", id="JSON, but not QMP"),
        pytest.param(b"", "the guest closed the session", id="nothing"),
    ],
)
def test_a_socket_of_something_else(tmp_path: Path, greeting: bytes, message: str) -> None:
    path = tmp_path / "qmp.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(SECONDS)
        command = [sys.executable, str(PROGRAM), str(path), "status"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
            connection, _peer = listener.accept()
            with connection:
                connection.sendall(greeting)
                connection.shutdown(socket.SHUT_WR)
                assert message in program.communicate(timeout=SECONDS)[1]
    assert program.returncode == 1
