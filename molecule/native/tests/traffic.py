# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP echo server, and a client that keeps one flow going and says what came back.

Runs inside the containers: `server PORT` until it is killed, `client ADDRESS PORT SECONDS FILE` so long.
The file gets one line per echo: its number, and the time on the clock that all containers share.
`datagrams ADDRESS PORT SECONDS RATE` sends RATE datagrams a second, each of them a flow of its own.
`ports ADDRESS PORT SECONDS COUNT` keeps COUNT flows open, always from the same ports; the server closes them.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import time
from contextlib import ExitStack
from pathlib import Path

FIRST_PORT = 10_000
END = b"end"


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while (data := self.request.recv(4096)) and data != END:
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def serve(port: int) -> None:
    with Server(("0.0.0.0", port), Echo) as server:  # noqa: S104 - inside a container without a network
        server.serve_forever()


def keep_flow(address: str, port: int, seconds: float, file: Path) -> None:
    end = time.monotonic() + seconds
    with socket.create_connection((address, port), timeout=5) as flow, file.open("w") as log:
        flow.settimeout(seconds)
        number = 0
        while time.monotonic() < end:
            line = f"{number:08d}"
            flow.sendall(line.encode())
            if flow.recv(8, socket.MSG_WAITALL).decode() != line:
                raise SystemExit("the echo differs")
            log.write(f"{line} {time.time():.3f}\n")
            log.flush()
            number += 1
            time.sleep(0.05)


def send_datagrams(address: str, port: int, seconds: float, rate: int) -> None:
    begin = time.monotonic()
    for number in range(int(seconds * rate)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("", FIRST_PORT + number))
            sender.sendto(b"-", (address, port))
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))


def keep_ports(address: str, port: int, seconds: float, count: int) -> None:
    """The client's ports are free again at once: the TIME-WAIT is with whoever closes first."""
    with ExitStack() as stack:
        flows = [
            stack.enter_context(socket.create_connection((address, port), 5, ("", FIRST_PORT + number)))
            for number in range(count)
        ]
        time.sleep(seconds)
        for flow in flows:
            flow.sendall(END)
            if flow.recv(1):
                raise SystemExit("the server has not closed it")


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(int(sys.argv[2]))
    elif sys.argv[1] == "datagrams":
        send_datagrams(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1] == "ports":
        keep_ports(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    else:
        keep_flow(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
