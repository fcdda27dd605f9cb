# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of packets to a service: accepted, dropped, rejected, or accepted and then served wrongly."""

from __future__ import annotations

import ftplib
import hashlib
import http.client
import os
import random
import socket
import ssl
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import TypeVar

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dns import (
    OF_FAMILY,
    DnsError,
    addresses,
    question,
)
from ansible_collections.ftfw.pair.plugins.module_utils.probe.rows import CheckRow, compare

ACCEPT, DROP, REJECT, ERROR = "accept", "drop", "reject", "error"
PORTS = {"dns": 53, "ftp": 21, "http": 80, "https": 443, "ssh": 22}
CHUNK = 65536

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One probe. `path`, `query` and what they should give are for those kinds that ask for something."""

    name: str
    kind: str
    target: str
    port: int | None = None
    expected: str = ACCEPT
    timeout: float = 5.0
    path: str = "/"
    sha256: str | None = None
    query: str = ""
    answer: str | None = None
    certificate: str | None = None

    @property
    def endpoint(self) -> tuple[str, int]:
        port = self.port or PORTS.get(self.kind)
        if port is None:
            raise ServiceError(f"a check of kind {self.kind} needs a port")
        return self.target, port


@dataclass(frozen=True)
class CheckSeen:
    outcome: str
    detail: str = ""


class ServiceError(Exception):
    """The service was reached, and did not do what was asked."""


def run_checks(checks: list[Check]) -> list[CheckRow]:
    """Run all checks at once, each in a thread, and return a row for each, in their order."""
    if not checks:
        return []
    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        return list(pool.map(run_check, checks))


def run_check(check: Check) -> CheckRow:
    seen = look(check)
    return compare(check.name, check.expected, seen.outcome, seen.detail)


def look(check: Check) -> CheckSeen:
    try:
        return PROBES[check.kind](check)
    except (ServiceError, DnsError, ftplib.Error, http.client.HTTPException, EOFError, ssl.SSLError) as error:
        return CheckSeen(ERROR, str(error) or type(error).__name__)
    except OSError as error:
        return unanswered(error)


def unanswered(error: OSError) -> CheckSeen:
    """Silence is a drop. Anything else was said aloud, by a RST or an ICMP message."""
    if isinstance(error, (socket.timeout, TimeoutError)):
        return CheckSeen(DROP)
    return CheckSeen(REJECT, os.strerror(error.errno) if error.errno else str(error))


def connected(check: Check) -> socket.socket:
    return socket.create_connection(check.endpoint, check.timeout)


def probe_tcp(check: Check) -> CheckSeen:
    with connected(check):
        return CheckSeen(ACCEPT)


def probe_udp(check: Check) -> CheckSeen:
    answer = exchange(check, b"ftfw probe\n")
    return CheckSeen(ACCEPT, f"{len(answer)} bytes")


def probe_dns(check: Check) -> CheckSeen:
    number = random.randrange(0x10000)  # noqa: S311 (tells answers apart, keeps nothing secret)
    answer = str(ip_address(check.answer)) if check.answer else ""
    asked = question(check.query, number, OF_FAMILY[ip_address(answer).version if answer else 4])
    found = addresses(exchange(check, asked), number)
    if answer and answer not in found:
        raise ServiceError(f"{check.query} is {', '.join(found) or 'nowhere'}, not {check.answer}")
    return CheckSeen(ACCEPT, ", ".join(found))


def exchange(check: Check, datagram: bytes) -> bytes:
    """Send a datagram, again each second, and return the first answer."""
    end = monotonic() + check.timeout
    family = socket.getaddrinfo(*check.endpoint, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(check.endpoint)
        while True:
            left = end - monotonic()
            if left <= 0:
                raise socket.timeout
            sock.send(datagram)
            sock.settimeout(min(1.0, left))
            try:
                return sock.recv(CHUNK)
            except socket.timeout:
                continue


def probe_ssh(check: Check) -> CheckSeen:
    with connected(check) as sock:
        banner = after_connect(lambda: sock.recv(255)).decode("ascii", "replace").strip()
    if not banner.startswith("SSH-2.0"):
        raise ServiceError(f"not ssh: {banner!r}")
    return CheckSeen(ACCEPT, banner)


def probe_http(check: Check) -> CheckSeen:
    with connected(check) as sock:
        return fetch(check, sock)


def probe_https(check: Check) -> CheckSeen:
    context = ssl.create_default_context(cadata=check.certificate)
    with connected(check) as sock:
        secured = after_connect(lambda: context.wrap_socket(sock, server_hostname=check.target))
        with secured:
            return fetch(check, secured)


def fetch(check: Check, sock: socket.socket) -> CheckSeen:
    connection = http.client.HTTPConnection(*check.endpoint)
    connection.sock = sock

    def transfer() -> bytes:
        connection.request("GET", check.path)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise ServiceError(f"{check.path}: {response.status} {response.reason}")
        return response.read()

    return checked(check, after_connect(transfer))


def probe_ftp(check: Check) -> CheckSeen:
    with closing(ftplib.FTP(timeout=check.timeout)) as ftp:  # noqa: S321 (the service to be checked)
        ftp.connect(*check.endpoint)
        return checked(check, after_connect(lambda: retrieve(ftp, check.path)))


def retrieve(ftp: ftplib.FTP, path: str) -> bytes:
    parts: list[bytes] = []
    ftp.login()
    ftp.retrbinary(f"RETR {path}", parts.append)
    return b"".join(parts)


def checked(check: Check, content: bytes) -> CheckSeen:
    found = hashlib.sha256(content).hexdigest()
    if check.sha256 and found != check.sha256:
        raise ServiceError(f"{check.path}: {len(content)} bytes with another checksum")
    return CheckSeen(ACCEPT, f"{len(content)} bytes")


def after_connect(step: Callable[[], T]) -> T:
    """Whoever has accepted a connection and then falls silent neither drops nor rejects it."""
    try:
        return step()
    except (socket.timeout, TimeoutError) as error:
        raise ServiceError("no answer on the connection") from error
    except ConnectionError as error:
        raise ServiceError(str(error)) from error


def probe_ping(check: Check) -> CheckSeen:
    wait = max(1, round(check.timeout))
    command = ["ping", "-n", "-c", "2", "-W", str(wait), "-w", str(wait), check.target]
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise ServiceError(f"ping can't be run: {error.strerror}") from error
    if done.returncode == 0:
        return CheckSeen(ACCEPT)
    if done.returncode != 1:
        raise ServiceError(f"ping: {done.stderr.strip() or done.returncode}")
    told = [line for line in done.stdout.splitlines() if line.startswith("From ")]
    return CheckSeen(REJECT, told[0]) if told else CheckSeen(DROP)


PROBES: dict[str, Callable[[Check], CheckSeen]] = {
    "dns": probe_dns,
    "ftp": probe_ftp,
    "http": probe_http,
    "https": probe_https,
    "ping": probe_ping,
    "ssh": probe_ssh,
    "tcp": probe_tcp,
    "udp": probe_udp,
}
