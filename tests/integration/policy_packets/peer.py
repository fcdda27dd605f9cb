# SPDX-License-Identifier: GPL-3.0-or-later
"""The far end of test_policy_packets, run inside a network namespace: listeners, probes printing JSON."""

from __future__ import annotations

import errno
import json
import re
import socket
import socketserver
import sys
import threading

TIMEOUT = 1.0


class Echo(socketserver.StreamRequestHandler):
    """Tell the client the address that it is seen with, then echo its lines."""

    def handle(self) -> None:
        self.wfile.write(f"{self.client_address[0]}\n".encode())
        for line in self.rfile:
            self.wfile.write(line)


class Datagram(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(f"{self.client_address[0]}\n".encode())


class Ftp(socketserver.StreamRequestHandler):
    """Just enough of RFC 959: PASV announces one data port; another one is open, too, and not announced."""

    def handle(self) -> None:
        own = self.request.getsockname()[0]
        with socket.create_server((own, 0)) as data, socket.create_server((own, 0)) as other:
            self.wfile.write(b"220 ready\r\n")
            for line in self.rfile:
                if line.strip() == b"PASV":
                    high, low = divmod(data.getsockname()[1], 256)
                    address = own.replace(".", ",")
                    self.wfile.write(f"227 Entering Passive Mode ({address},{high},{low}).\r\n".encode())
                else:
                    self.wfile.write(f"214 {other.getsockname()[1]}\r\n".encode())


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def listen(*ports: str) -> None:
    servers: list[socketserver.BaseServer] = []
    for spec in ports:
        kind, port = spec.split("/")
        address = ("", int(port))
        if kind == "udp":
            servers.append(socketserver.ThreadingUDPServer(address, Datagram))
        else:
            servers.append(TcpServer(address, Ftp if kind == "ftp" else Echo))
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    threads[0].join()


def connect(spec: str, host: str, source: str = "") -> dict[str, str]:
    kind, port = spec.split("/")
    family = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, family) as connection:
        connection.settimeout(TIMEOUT)
        connection.bind((source, 0))
        try:
            connection.connect((host, int(port)))
            if kind == "udp":
                connection.send(b"?\n")
            return {"seen": "answer", "peer": connection.recv(100).decode().strip()}
        except TimeoutError:
            return {"seen": "silence"}
        except ConnectionRefusedError:
            return {"seen": "reset"}
        except OSError as error:
            return {"seen": errno.errorcode[error.errno or 0]}


def ftp(host: str, port: str = "21") -> dict[str, str]:
    with (
        socket.create_connection((host, int(port)), TIMEOUT) as control,
        control.makefile("rw", newline="\r\n") as lines,
    ):
        lines.readline()

        def ask(command: str) -> str:
            lines.write(f"{command}\r\n")
            lines.flush()
            return lines.readline()

        high, low = map(int, re.findall(r"\d+", ask("PASV"))[-2:])
        other = int(ask("OTHER").split()[1])
        return {"data": reach(host, high * 256 + low), "other": reach(host, other)}


def reach(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), TIMEOUT):
            return "answer"
    except TimeoutError:
        return "silence"


def segment(host: str, flags: str) -> dict[str, str]:
    """Send one TCP segment of no connection and see whether a reset comes."""
    from scapy.all import IP, TCP, conf, sr1

    conf.verb = 0
    answer = sr1(IP(dst=host) / TCP(sport=40000, dport=443, flags=flags, seq=1, ack=1), timeout=TIMEOUT)
    if answer is None:
        return {"seen": "silence"}
    return {"seen": "reset" if "R" in answer[TCP].flags else str(answer[TCP].flags)}


def echo(host: str, count: str) -> dict[str, int]:
    """Send echo requests of one ping at once and count the replies."""
    from scapy.all import ICMP, IP, conf, sr

    conf.verb = 0
    requests = [IP(dst=host) / ICMP(id=7, seq=number) for number in range(int(count))]
    answered, _unanswered = sr(requests, timeout=TIMEOUT)
    return {"received": len(answered)}


def hold(host: str, port: str = "22") -> None:
    """Keep a connection open until told to use it."""
    with (
        socket.create_connection((host, int(port)), TIMEOUT) as connection,
        connection.makefile("rw") as lines,
    ):
        lines.readline()
        print("open", flush=True)
        sys.stdin.readline()
        lines.write("line\n")
        lines.flush()
        print("echoed" if lines.readline() == "line\n" else "lost", flush=True)


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name in ("listen", "hold"):
        {"listen": listen, "hold": hold}[name](*arguments)
    else:
        probes = {"connect": connect, "ftp": ftp, "segment": segment, "echo": echo}
        print(json.dumps(probes[name](*arguments)))
