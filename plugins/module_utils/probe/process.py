# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe that outlives its task: a detached process with a hard lifetime and a control socket.

The process answers requests on a Unix socket in its folder, one line of JSON each way. It ends when it is
told to, when its lifetime is over, and when its work fails; in each case its folder goes with it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

SOCKET, LOG, PID = "control", "log", "pid"
Ready = Callable[[dict[str, Any]], None]


class ProbeError(Exception):
    """The probe can't be started, or isn't there any more."""


def start(
    folder: Path, lifetime: float, work: Callable[[socket.socket, Ready], None], timeout: float
) -> dict[str, Any]:
    """Run `work` in a detached process for `lifetime` seconds at most, and return its first answer.

    `work` gets the listening control socket, and a function to call once with its first answer. A probe that
    still runs in the same folder is ended before.
    """
    stop(folder)
    folder.mkdir(mode=0o700, parents=True)
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(reader)
            _guard(folder, lifetime, work, writer)
        os._exit(0)
    os.close(writer)
    os.waitpid(parent, 0)
    try:
        return _first_answer(reader, timeout)
    except ProbeError:
        stop(folder)
        raise


def ask(folder: Path, request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Send one request to the probe of this folder, and return its answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(str(folder / SOCKET))
            sock.sendall(json.dumps(request).encode() + b"\n")
            line = read_line(sock)
        except (FileNotFoundError, ConnectionError) as error:
            raise ProbeError(
                f"no probe runs in {folder}: it was never started, or its lifetime is over"
            ) from error
        except (socket.timeout, TimeoutError) as error:
            raise ProbeError(f"the probe in {folder} has not answered for {timeout:.0f} s") from error
    if not line:
        raise ProbeError(f"the probe in {folder} ended without an answer")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ProbeError(str(answer["error"]))
    return answer


def running(folder: Path) -> bool:
    return _pid(folder) is not None


def stop(folder: Path, patience: float = 3.0) -> bool:
    """End the probe of this folder, if there is one, and tell whether there was."""
    pid = _pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + patience
        while _pid(folder) == pid and time.monotonic() < end:
            time.sleep(0.02)
        if _pid(folder) == pid:
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    return pid is not None


def read_line(sock: socket.socket) -> bytes:
    parts = b""
    while not parts.endswith(b"\n"):
        part = sock.recv(65536)
        if not part:
            break
        parts += part
    return parts


def answer_one(control: socket.socket, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Take one request from the control socket and answer it."""
    peer, _address = control.accept()
    with peer:
        line = read_line(peer)
        if line:
            peer.sendall(json.dumps(handle(json.loads(line))).encode() + b"\n")


def _pid(folder: Path) -> int | None:
    """The process that runs in the folder: it locks its pid file, since numbers are used again."""
    try:
        with (folder / PID).open("r+b") as file:
            try:
                os.lockf(file.fileno(), os.F_TEST, 0)
            except (PermissionError, BlockingIOError):
                return int(file.read())
    except (FileNotFoundError, ValueError):
        pass
    return None


def _first_answer(reader: int, timeout: float) -> dict[str, Any]:
    end = time.monotonic() + timeout
    line = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while not line.endswith(b"\n"):
            if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                raise ProbeError(f"the probe was not ready after {timeout:.0f} s")
            part = pipe.read(65536)
            if not part:
                raise ProbeError("the probe ended before it was ready")
            line += part
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ProbeError(str(answer["error"]))
    return answer


def _guard(
    folder: Path, lifetime: float, work: Callable[[socket.socket, Ready], None], writer: int
) -> NoReturn:
    """Run the work in a child, and end it and all that it has started when its time is over.

    Nothing else is done here: a process that works may be stuck where no signal handler runs.
    """

    def end(_number: int = 0, _frame: object = None) -> NoReturn:
        shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)
        os._exit(0)

    try:
        signal.signal(signal.SIGALRM, end)
        signal.signal(signal.SIGTERM, end)
        signal.setitimer(signal.ITIMER_REAL, lifetime)
        lock = os.open(folder / PID, os.O_CREAT | os.O_RDWR, 0o600)
        os.lockf(lock, os.F_TLOCK, 0)
        os.write(lock, str(os.getpid()).encode())
        log = os.open(folder / LOG, os.O_CREAT | os.O_WRONLY, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        child = os.fork()
        if child == 0:
            _work(folder, work, writer)
        os.close(writer)
        os.waitpid(child, 0)
    finally:
        end()


def _work(folder: Path, work: Callable[[socket.socket, Ready], None], writer: int) -> NoReturn:
    said: list[dict[str, Any]] = []

    def ready(answer: dict[str, Any]) -> None:
        if not said:
            said.append(answer)
            os.write(writer, json.dumps(answer).encode() + b"\n")
            os.close(writer)

    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.bind(str(folder / SOCKET))
            control.listen(2)
            work(control, ready)
    except Exception as error:
        with suppress(OSError):
            ready({"error": str(error) or type(error).__name__})
    finally:
        os._exit(0)
