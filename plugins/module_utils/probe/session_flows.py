# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that are held open across a failover."""

from __future__ import annotations

import ftplib
import hashlib
import http.client
import re
import select
import socket
import struct
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# offset of tcpi_bytes_received in struct tcp_info of linux/tcp.h, and the struct's length up to its end
BYTES_RECEIVED, TCP_INFO_LENGTH = 128, 136
PORTS = {"ssh": 22, "download": 80, "http": 80, "ftp": 21}
RECEIVE_BUFFER = 32768


class FlowError(Exception):
    """The flow is broken: its peer has closed it, or sent what was not expected."""


@dataclass(frozen=True)
class Target:
    """Where a flow goes, and what it needs there."""

    name: str
    kind: str
    target: str
    port: int
    path: str
    sha256: str | None
    interval: float
    user: str
    identity_file: str | None
    host_key: str | None


class SessionFlow(ABC):
    """A session. Opening it has a time limit; an exchange waits as long as the kernel does."""

    end_title = "still works at the end"

    def __init__(self, target: Target, folder: Path, timeout: float) -> None:
        self.target = target
        self.folder = folder
        self.timeout = timeout

    @abstractmethod
    def open(self) -> None:
        """Establish the session."""

    @abstractmethod
    def beat(self) -> None:
        """Send something, and return when what answers it has come."""

    def finish(self) -> str:
        """Do what the session was opened for, and say what it gave."""
        self.beat()
        return "one more exchange"

    @abstractmethod
    def limit(self, seconds: float | None) -> None:
        """Set how long one exchange may wait; None is for ever."""

    def verify(self, digest: str, length: int) -> str:
        if self.target.sha256 and digest != self.target.sha256:
            raise FlowError(f"{self.target.path}: {length} bytes with another checksum")
        return f"{length} bytes with the right checksum" if self.target.sha256 else f"{length} bytes"


class SshFlow(SessionFlow):
    """Lines through an ssh session whose far end echoes them, as cat does."""

    process: subprocess.Popen[bytes]
    number = 0
    patience: float | None = None

    def open(self) -> None:
        target, known = self.target, self.file("known_hosts")
        # without the port for port 22, with it for any other
        names = f"{target.target},[{target.target}]:{target.port}"
        known.write_text(f"{names} {target.host_key}\n")
        options = [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}",
            "GlobalKnownHostsFile=/dev/null",
            f"ConnectTimeout={max(1, round(self.timeout))}",
            # it is the flow that is watched, not ssh's own opinion of it
            "TCPKeepAlive=no",
            "ServerAliveInterval=0",
        ]
        command = ["ssh", "-F", "none", "-T", "-p", str(target.port), "-i", str(target.identity_file)]
        for option in options:
            command += ["-o", option]
        with self.file("log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, f"{target.user}@{target.target}", "cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        self.beat()

    def beat(self) -> None:
        self.number += 1
        line = f"{self.number}\n".encode()
        try:
            self._stream(self.process.stdin).write(line)
            output = self._stream(self.process.stdout)
            if not select.select([output], [], [], self.patience)[0]:
                raise FlowError("no echo")
            echo = output.readline()
        except BrokenPipeError:
            echo = b""
        if not echo:
            told = self.file("log").read_text().strip().splitlines()
            raise FlowError(f"ssh has ended: {told[-1] if told else 'without a word'}")
        if echo != line:
            raise FlowError(f"{echo!r} came back for {line!r}")

    def file(self, kind: str) -> Path:
        """A file of this session's own; ssh takes a blank in a name for the end of it."""
        return self.folder / f"{re.sub(r'[^A-Za-z0-9]', '-', self.target.name)}.{kind}"

    def limit(self, seconds: float | None) -> None:
        self.patience = seconds

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise FlowError("ssh has no pipes")
        return stream


class HttpFlow(SessionFlow):
    """Numbered requests over one connection; the server answers each with its number."""

    connection: http.client.HTTPConnection
    number = 0

    def open(self) -> None:
        self.connection = http.client.HTTPConnection(
            self.target.target, self.target.port, timeout=self.timeout
        )
        self.connection.connect()
        # a new connection would hide that the old one has died
        self.connection.auto_open = False
        self.beat()
        self.limit(None)

    def beat(self) -> None:
        self.number += 1
        self.connection.request("GET", f"{self.target.path}?n={self.number}")
        with self.connection.getresponse() as response:
            body = response.read().strip()
        if response.status != http.client.OK or body != str(self.number).encode():
            raise FlowError(f"{response.status} {body[:40]!r} came back for {self.number}")

    def limit(self, seconds: float | None) -> None:
        self.connection.sock.settimeout(seconds)


class DownloadFlow(SessionFlow):
    """A download that is read slowly, through a small window, so that it lasts."""

    end_title = "complete, with the right checksum"
    sock: socket.socket
    response: http.client.HTTPResponse

    def open(self) -> None:
        address = (self.target.target, self.target.port)
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.sock.settimeout(self.timeout)
        self.sock.connect(address)
        connection = http.client.HTTPConnection(*address)
        connection.sock = self.sock
        connection.request("GET", self.target.path, headers={"Connection": "close"})
        self.response = connection.getresponse()
        if self.response.status != http.client.OK:
            raise FlowError(f"{self.target.path}: {self.response.status} {self.response.reason}")
        self.digest, self.length = hashlib.sha256(), 0
        self.window = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.beat()
        self.limit(None)

    def beat(self) -> None:
        """Read until more has arrived than the server may send without hearing from here."""
        end = self.received() + self.window
        while self.received() <= end:
            if not self.read(8192):
                raise FlowError(f"the download has ended after {self.length} bytes; a larger file is needed")
            time.sleep(0.02)

    def finish(self) -> str:
        while self.read(65536):
            pass
        if self.response.length:
            raise FlowError(f"{self.response.length} bytes are missing")
        return self.verify(self.digest.hexdigest(), self.length)

    def read(self, size: int) -> int:
        content = self.response.read(size)
        self.digest.update(content)
        self.length += len(content)
        return len(content)

    def received(self) -> int:
        """What has arrived by the kernel's account, whether it was read or not."""
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_LENGTH)
        count: int = struct.unpack_from("=Q", info, BYTES_RECEIVED)[0]
        return count

    def limit(self, seconds: float | None) -> None:
        self.sock.settimeout(seconds)


class FtpSessionFlow(SessionFlow):
    """An FTP control connection. At its end it opens a data connection, which the firewall has to expect."""

    end_title = "a new data transfer on it"
    ftp: ftplib.FTP

    def open(self) -> None:
        self.ftp = ftplib.FTP(timeout=self.timeout)  # noqa: S321 (the session to be watched)
        self.ftp.connect(self.target.target, self.target.port)
        self.ftp.login()
        self.beat()
        self.limit(None)

    def beat(self) -> None:
        self.ftp.voidcmd("NOOP")

    def finish(self) -> str:
        digest, parts = hashlib.sha256(), [0]

        def take(content: bytes) -> None:
            digest.update(content)
            parts.append(len(content))

        self.ftp.retrbinary(f"RETR {self.target.path}", take)
        return self.verify(digest.hexdigest(), sum(parts))

    def limit(self, seconds: float | None) -> None:
        if self.ftp.sock is None:
            raise FlowError("the control connection is closed")
        self.ftp.sock.settimeout(seconds)


KINDS: dict[str, type[SessionFlow]] = {
    "ssh": SshFlow,
    "http": HttpFlow,
    "download": DownloadFlow,
    "ftp": FtpSessionFlow,
}
BROKEN = (FlowError, OSError, EOFError, ftplib.Error, http.client.HTTPException)
