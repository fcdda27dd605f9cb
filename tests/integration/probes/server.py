# SPDX-License-Identifier: GPL-3.0-or-later
"""Web and FTP server for the probes' tests: `probe_server.py ADDRESS…`, says `ready` when it listens."""

from __future__ import annotations

import hashlib
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SMALL = bytes(range(256)) * 16
LARGE = SMALL * 4096
CHECKSUMS = {
    name: hashlib.sha256(body).hexdigest() for name, body in {"small": SMALL, "large": LARGE}.items()
}


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        bodies = {
            "/small": SMALL,
            "/large": LARGE,
            "/echo": (parse_qs(url.query).get("n") or [""])[0].encode(),
        }
        body = bodies.get(url.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Ftp(socketserver.StreamRequestHandler):
    """As much of RFC 959 and 2428 as an anonymous download in passive mode takes."""

    def handle(self) -> None:
        self.say("220 ready")
        for line in self.rfile:
            command = line.decode().split()[0].upper()
            if command == "PASV":
                own = self.connection.getsockname()[0]
                data = socketserver.TCPServer((own, 0), socketserver.BaseRequestHandler)
                port = data.server_address[1]
                self.say(f"227 ({own.replace('.', ',')},{port // 256},{port % 256})")
            elif command == "EPSV":
                data = FtpServer6((self.connection.getsockname()[0], 0), socketserver.BaseRequestHandler)
                self.say(f"229 (|||{data.server_address[1]}|)")
            elif command == "RETR":
                self.say("150 it comes")
                connection, _address = data.socket.accept()
                connection.sendall(SMALL)
                connection.close()
                data.server_close()
                self.say("226 done")
            else:
                self.say(
                    {"USER": "331 and the password", "PASS": "230 hello", "QUIT": "221 bye"}.get(
                        command, "200 yes"
                    )
                )

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class FtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


class FtpServer6(FtpServer):
    address_family = socket.AF_INET6


class WebServer6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


if __name__ == "__main__":
    servers: list[socketserver.BaseServer] = []
    for address in sys.argv[1:]:
        six = ":" in address
        servers.append((WebServer6 if six else ThreadingHTTPServer)((address, 80), Web))
        servers.append((FtpServer6 if six else FtpServer)((address, 21), Ftp))
    for server in servers:
        threading.Thread(target=server.serve_forever).start()
    print("ready", flush=True)
