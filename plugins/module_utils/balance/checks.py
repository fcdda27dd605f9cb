# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a server whether it is well. Each check is one question, with a time limit, and says why it failed.

The words are those of keepalived.conf(5): HTTP_GET, SSL_GET, TCP_CHECK, SMTP_CHECK, MISC_CHECK, FILE_CHECK,
and those of datagrams. Certificates are not verified, as keepalived does not: a check asks whether somebody
answers.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import CheckConfig, ServerConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.datagrams import (
    CheckError,
    ask_dns,
    ask_udp,
    open_channel,
    ping,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import Verdict
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import run

_MOST_BYTES = 4 * 1024 * 1024
"""A page that is longer is no page for a check."""
_SUCCESS = ("200-299",)
# a program gets no rights: what it may do is none of the daemon's
WITHOUT_RIGHTS = ("/usr/bin/setpriv", "--ambient-caps=-all", "--inh-caps=-all")
_MISC_WEIGHTS = 2
"""keepalived.conf(5), misc_dynamic: an exit code of 2 to 255 is a weight, with 2 added."""


AskServer = Callable[[ServerConfig, CheckConfig], "int | None"]
"""Raises CheckError or OSError; returns a weight where the check says one."""


def ask(server: ServerConfig, check: CheckConfig) -> Verdict:
    """Ask once."""
    try:
        weight = _KINDS[check.kind](server, check)
    except TimeoutError:
        return Verdict(False, f"no answer within {check.connect_timeout:g} s")
    except CheckError as failed:
        return Verdict(False, str(failed))
    except OSError as error:
        return Verdict(False, error.strerror or str(error))
    except Exception as error:
        # whatever it is: a server that is never asked again would be well for ever
        return Verdict(False, f"the check fails: {error!r}")
    return Verdict(True, "is well", weight)


def _port(server: ServerConfig, check: CheckConfig) -> int:
    """The check's own port, or that of the server."""
    return int(check.options.get("port") or server.port or 0)


def _connected(server: ServerConfig, check: CheckConfig) -> socket.socket:
    source = (check.bindto, 0) if check.bindto else None
    return socket.create_connection((server.address, _port(server, check)), check.connect_timeout, source)


def _tcp(server: ServerConfig, check: CheckConfig) -> None:
    with _connected(server, check):
        pass


@contextmanager
def _within_time(channel: socket.socket, check: CheckConfig) -> Iterator[None]:
    """Cut a connection when its time is over: no server makes one wait by sending byte after byte."""
    over = threading.Event()
    # TLS takes the socket over, and leaves this one: both are of the same connection
    other = channel.dup()

    def cut() -> None:
        over.set()
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(check.connect_timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, CheckError, http.client.HTTPException, smtplib.SMTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        other.close()
    if over.is_set():
        raise TimeoutError


def _http(server: ServerConfig, check: CheckConfig) -> None:
    _judge_page(*fetch_page(server, check), check.options)


def digest_of(url: str, virtualhost: str | None) -> str:
    """The digest that a check of a page wants, as the check itself gets it. Raises CheckError or OSError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CheckError("is no URL such as http://192.0.2.1/")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    options = {"port": port, "path": path, "virtualhost": virtualhost}
    seconds = 10
    server = ServerConfig(parts.hostname, parts.hostname, 1)
    status, body = fetch_page(server, CheckConfig(parts.scheme, options, 1, seconds, 0, 1))
    _judge_page(status, body, {})
    return _digest(body)


def _digest(body: bytes) -> str:
    # what it is compared with is written down as MD5: no secret
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def fetch_page(server: ServerConfig, check: CheckConfig) -> tuple[int, bytes]:
    """Get a page by HTTP, or by TLS: its status and what it has. Raises CheckError or OSError."""
    options = check.options
    with (
        _connected(server, check) as plain,
        _within_time(plain, check),
    ):
        channel = _secured(plain, options) if check.kind == "https" else plain
        connection = http.client.HTTPConnection(server.address, _port(server, check))
        connection.sock = channel
        host = {"Host": options["virtualhost"]} if options.get("virtualhost") else {}
        try:
            connection.request("GET", options["path"], headers={"Connection": "close", **host})
            with http.client.HTTPResponse(channel, method="GET") as answer:
                answer.begin()
                body = answer.read(_MOST_BYTES + 1)
        except http.client.HTTPException as error:
            raise CheckError(f"no answer of HTTP: {error or type(error).__name__}") from error
        if len(body) > _MOST_BYTES:
            raise CheckError(f"the page has more than {_MOST_BYTES} bytes")
        return answer.status, body


def _secured(plain: socket.socket, options: Mapping[str, Any]) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=options.get("sni") or options.get("virtualhost"))


def _judge_page(status: int, body: bytes, options: Mapping[str, Any]) -> None:
    """In keepalived's order: status, digest, regex."""
    wanted = options.get("status_code") or _SUCCESS
    if not any(_within(status, str(one)) for one in wanted):
        hint = ", which leads elsewhere" if 300 <= status <= 399 else ""
        raise CheckError(f"status {status}{hint}, and not {', '.join(map(str, wanted))}")
    digest = options.get("digest")
    if digest:
        found = _digest(body)
        if found != digest.lower():
            raise CheckError(f"the page has the digest {found}, and not {digest.lower()}")
    pattern = options.get("regex")
    if pattern and not re.search(pattern, body.decode("utf-8", "replace")):
        raise CheckError(f"the page has nothing that matches {pattern}")


def _within(status: int, words: str) -> bool:
    first, _dash, last = words.partition("-")
    return int(first) <= status <= int(last or first)


def _smtp(server: ServerConfig, check: CheckConfig) -> None:
    try:
        with (
            _connected(server, check) as plain,
            _within_time(plain, check),
            smtplib.SMTP() as client,
        ):
            client.sock = plain
            code, words = client.getreply()
            if code == 220:
                code, words = client.helo(check.options["helo_name"])
    except smtplib.SMTPException as error:
        raise CheckError(f"no answer of SMTP: {error}") from error
    if code not in (220, 250):
        raise CheckError(f"SMTP says {code} {words.decode('utf-8', 'replace')}")


def words_of(server: ServerConfig, port: int) -> dict[str, str]:
    """What stands for a server in commands and paths."""
    return {"{name}": server.name, "{address}": server.address, "{port}": str(port)}


def filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(name, word)
    return text


def _program(server: ServerConfig, check: CheckConfig) -> int | None:
    words = words_of(server, _port(server, check))
    command = [filled(one, words) for one in check.options["command"]]
    ended = run([*WITHOUT_RIGHTS, *command], check.connect_timeout)
    if ended.failure is not None:
        if isinstance(ended.failure, OSError):
            raise CheckError(str(ended.failure))
        raise TimeoutError
    code = ended.code or 0
    if check.options.get("misc_dynamic") and _MISC_WEIGHTS <= code <= 255:
        return code - _MISC_WEIGHTS
    if code:
        raise CheckError(f"{command[0]} ended with {code}: {ended.last_word or 'says nothing'}")
    return None


def _open(server: ServerConfig, check: CheckConfig) -> socket.socket:
    return open_channel(server.address, _port(server, check), check.bindto)


def _dns(server: ServerConfig, check: CheckConfig) -> None:
    ask_dns(_open(server, check), check.connect_timeout, check.options)


def _udp(server: ServerConfig, check: CheckConfig) -> None:
    ask_udp(_open(server, check), check.connect_timeout, check.options)


def _ping(server: ServerConfig, check: CheckConfig) -> None:
    ping(server.address, check.connect_timeout, check.bindto)


def _file(server: ServerConfig, check: CheckConfig) -> None:
    """Somebody else says it, in a file: 0 is well (FILE_CHECK)."""
    path = filled(check.options["path"], words_of(server, _port(server, check)))
    try:
        text = Path(path).read_text(errors="replace").strip()
    except OSError as error:
        raise CheckError(f"{path}: {error.strerror}") from error
    if text != "0":
        raise CheckError(f"{path} says {text[:40] or 'nothing'}, and not 0")


_KINDS: dict[str, AskServer] = {
    "http": _http,
    "https": _http,
    "tcp": _tcp,
    "smtp": _smtp,
    "program": _program,
    "dns": _dns,
    "udp": _udp,
    "ping": _ping,
    "file": _file,
}
