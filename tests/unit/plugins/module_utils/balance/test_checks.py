# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks against servers that are there: of HTTP, of TLS, of SMTP, and programs."""

from __future__ import annotations

import hashlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance import checks
from ansible_collections.ftfw.pair.plugins.module_utils.balance.checks import ask
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import CheckConfig, ServerConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import Verdict

PAGE = b"Hello, I am server 1.\n"
DIGEST = hashlib.md5(PAGE, usedforsecurity=False).hexdigest()
HERE = ["127.0.0.1", "::1"]
SECONDS = 1.0


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(2 * SECONDS)
        if self.path == "/headers":
            for _line in range(20):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" if not _line else b"X-Wait: 1\r\n")
                time.sleep(SECONDS / 5)
            return
        if self.path == "/mute":
            self.wfile.write(b"220 not HTTP\r\n")
            return
        body = self.headers["Host"].encode() if self.path == "/host" else PAGE
        self.send_response({"/moved": 302, "/gone": 404}.get(self.path, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(SECONDS / 5 if self.path == "/drip" else 0)
        except OSError:
            pass

    def log_message(self, *_words: Any) -> None:
        pass


class Server6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def pages(address: str, context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = (Server6 if ":" in address else ThreadingHTTPServer)((address, 0), Pages)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def asked(address: str, kind: str, port: int, seconds: float = 10, **options: Any) -> Verdict:
    """What becomes of a check, with a time limit that a busy machine can keep."""
    return ask(
        ServerConfig("srv", address, 1), CheckConfig(kind, {"port": port, **options}, 1, seconds, 0, 1)
    )


def free(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


TRIALS: dict[str, tuple[dict[str, Any], str | None]] = {
    "a page": ({"path": "/"}, None),
    "its digest": ({"path": "/", "digest": DIGEST.upper()}, None),
    "another digest": (
        {"path": "/", "digest": "0" * 32},
        f"the page has the digest {DIGEST}, and not {'0' * 32}",
    ),
    "a pattern": ({"path": "/", "regex": "server [0-9]"}, None),
    "another pattern": ({"path": "/", "regex": "server 2"}, "the page has nothing that matches server 2"),
    "elsewhere": ({"path": "/moved"}, "status 302, which leads elsewhere, and not 200-299"),
    "elsewhere, as wanted": ({"path": "/moved", "status_code": ["200", "300-399"]}, None),
    "no page": ({"path": "/gone"}, "status 404, and not 200-299"),
    "another host": ({"path": "/host", "virtualhost": "omarine", "regex": "^omarine$"}, None),
    "no answer": ({"path": "/slow"}, f"no answer within {SECONDS:g} s"),
    "an answer by drops": ({"path": "/drip"}, f"no answer within {SECONDS:g} s"),
    "a head by drops": ({"path": "/headers"}, f"no answer within {SECONDS:g} s"),
    "no answer of HTTP": ({"path": "/mute"}, "no answer of HTTP: 220 not HTTP"),
}


@pytest.fixture(scope="module", params=HERE)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    with pages(request.param) as port:
        yield request.param, port


@pytest.mark.parametrize(("options", "why"), TRIALS.values(), ids=TRIALS)
def test_http(server: tuple[str, int], options: dict[str, Any], why: str | None) -> None:
    late = why is not None and "no answer within" in why
    found = asked(server[0], "http", server[1], SECONDS if late else 10, **options)
    assert (found.ok, found.reason.strip()) == (why is None, why or "is well")


@pytest.mark.parametrize("address", HERE)
def test_tcp(address: str) -> None:
    with pages(address) as port:
        assert asked(address, "tcp", port).ok
    assert asked(address, "tcp", free(address)) == Verdict(False, "Connection refused")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-subj", "/CN=omarine", "-days", "2", "-keyout", folder / "key", "-out", folder / "both"),
        ],
        check=True,
        capture_output=True,
    )
    with (folder / "both").open("a") as both:
        both.write((folder / "key").read_text())
    return folder / "both"


@pytest.mark.parametrize("address", HERE)
@pytest.mark.parametrize(("option", "name"), [("sni", "a.example"), ("virtualhost", "b.example")])
def test_https_and_the_name_that_is_asked_for(
    address: str, option: str, name: str, certificate: Path
) -> None:
    """keepalived's enable_sni sends the virtual host's name; here it is always sent."""
    seen: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, said, _context: seen.append(said)
    with pages(address, context) as port:
        found = asked(address, "https", port, path="/", digest=DIGEST, **{option: name})
        assert (found.ok, found.reason, seen) == (True, "is well", [name])
        late = asked(address, "https", port, SECONDS, path="/drip")
        assert late == Verdict(False, f"no answer within {SECONDS:g} s")
        # a server of TLS that is asked in plain text
        assert not asked(address, "http", port, path="/").ok


@pytest.mark.parametrize("address", HERE)
def test_https_where_nobody_speaks_tls(address: str) -> None:
    with pages(address) as port:
        found = asked(address, "https", port, path="/")
    assert not found.ok and found.reason


@contextmanager
def speaking(address: str, *lines: bytes) -> Iterator[int]:
    """A server that says a line at the beginning, and one after each that it hears."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
        listener.bind((address, 0))
        listener.listen()

        def serve() -> None:
            channel, _from = listener.accept()
            with channel, channel.makefile("rb") as heard:
                for line in lines:
                    channel.sendall(line)
                    heard.readline()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(5)


@pytest.mark.parametrize("address", HERE)
@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"220 mail\r\n", b"250 hello\r\n", b"221 bye\r\n"], None),
        ([b"220 mail\r\n", b"550 not you\r\n", b"221 bye\r\n"], "SMTP says 550 not you"),
        ([b"554 no mail here\r\n"], "SMTP says 554 no mail here"),
    ],
)
def test_smtp(address: str, lines: list[bytes], why: str | None) -> None:
    with speaking(address, *lines) as port:
        found = asked(address, "smtp", port, helo_name="fw-1")
    assert (found.ok, found.reason) == (why is None, why or "is well")


@pytest.mark.parametrize(
    ("command", "dynamic", "expected"),
    [
        (["/bin/sh", "-c", 'test "$0" = 192.0.2.1', "{address}"], False, Verdict(True, "is well")),
        (
            ["/bin/sh", "-c", "echo not today >&2; exit 3"],
            False,
            Verdict(False, "/bin/sh ended with 3: not today"),
        ),
        (["/bin/sh", "-c", 'test "$0" = a=192.0.2.1', "a={address}"], False, Verdict(True, "is well")),
        (["/bin/sh", "-c", "exit 12"], True, Verdict(True, "is well", 10)),
        (["/bin/sh", "-c", "exit 1"], True, Verdict(False, "/bin/sh ended with 1: says nothing")),
        (["/bin/sleep", "9"], False, Verdict(False, f"no answer within {SECONDS:g} s")),
        (["/nowhere/check"], False, None),
        (
            ["/bin/sh", "-c", 'grep -q "^CapAmb:\t0000000000000000$" /proc/self/status'],
            False,
            Verdict(True, "is well"),
        ),
    ],
)
def test_programs(command: list[str], dynamic: bool, expected: Verdict | None) -> None:
    seconds = SECONDS if command[0] == "/bin/sleep" else 10
    found = asked("192.0.2.1", "program", 80, seconds, command=command, misc_dynamic=dynamic)
    assert found == expected if expected else not found.ok and "/nowhere/check" in found.reason


@pytest.mark.parametrize(("options", "port"), [({}, "8080"), ({"port": 81}, "81")])
def test_a_check_asks_where_the_server_answers(options: dict[str, Any], port: str) -> None:
    """Its own port comes before the server's."""
    command = ["/bin/sh", "-c", 'echo "$0 $1"; exit 1', "{address}", "{port}"]
    check = CheckConfig("program", {**options, "command": command}, 1, 10, 0, 1)
    reason = ask(ServerConfig("srv", "192.0.2.1", 1, 8080), check).reason
    assert reason == f"/bin/sh ended with 1: 192.0.2.1 {port}"


def test_a_program_has_no_rights_where_the_daemon_has_some() -> None:
    """As the unit runs it: not as root, and with the right to change rules, which it must not hand on."""
    daemon = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    rights = [
        "--bounding-set=-all,+net_admin",
        "--inh-caps=-all,+net_admin",
        "--ambient-caps=-all,+net_admin",
    ]
    words = ["grep", "^Cap[PEA]", "/proc/self/status"]
    with_rights = subprocess.run([*daemon, *rights, *words], capture_output=True, text=True, check=True)
    assert "0000000000001000" in with_rights.stdout
    done = subprocess.run(
        [*daemon, *rights, *checks.WITHOUT_RIGHTS, *words], capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in done.stdout.splitlines()} == {"0" * 16}


def test_a_check_that_breaks_is_a_failure() -> None:
    """Not the end of its thread."""
    found = ask(ServerConfig("srv", "127.0.0.1", 1), CheckConfig("http", {"port": "no number"}, 1, 1, 0, 1))
    assert not found.ok and found.reason.startswith("the check fails: ")


def test_a_file_says_it(tmp_path: Path) -> None:
    check = CheckConfig("file", {"path": f"{tmp_path}/{{name}}"}, 1, 1, 0, 1)
    server, file = ServerConfig("srv-1", "192.0.2.1", 1), tmp_path / "srv-1"
    assert ask(server, check) == Verdict(False, f"{file}: No such file or directory")
    for text, expected in (
        ("0\n", Verdict(True, "is well")),
        ("1\n", Verdict(False, f"{file} says 1, and not 0")),
        ("", Verdict(False, f"{file} says nothing, and not 0")),
    ):
        file.write_text(text)
        assert ask(server, check) == expected


@pytest.mark.parametrize("address", HERE)
def test_the_digest_that_a_check_wants(address: str) -> None:
    with pages(address) as port:
        where = f"[{address}]" if ":" in address else address
        assert checks.digest_of(f"http://{where}:{port}/?query", None) == DIGEST
        with pytest.raises(checks.CheckError, match="status 404"):
            checks.digest_of(f"http://{where}:{port}/gone", None)
    with pytest.raises(checks.CheckError, match=r"is no URL such as http://192\.0\.2\.1/"):
        checks.digest_of("192.0.2.1/", None)
