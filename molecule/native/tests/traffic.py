# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP echo server, and a client that keeps one flow going and says what came back.

Runs inside the containers: `server PORT` until it is killed, `client ADDRESS PORT SECONDS FILE` so long.
The file gets one line per echo: its number, and the time on the clock that all containers share.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import time
from pathlib import Path


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


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


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(int(sys.argv[2]))
    else:
        keep_flow(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
