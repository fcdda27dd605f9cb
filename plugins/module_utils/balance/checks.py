# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a server whether it is well. Each check is one question, with a time limit, and says why it failed.

The words are those of keepalived.conf(5): HTTP_GET, SSL_GET, TCP_CHECK, SMTP_CHECK, MISC_CHECK. Certificates
are not verified, as keepalived does not: a check asks whether somebody answers.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import CheckConfig, ServerConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import Verdict
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import run

_MOST_BYTES = 4 * 1024 * 1024
"""A page that is longer is no page for a check."""
_CHUNK = 64 * 1024
_SUCCESS = ("200-299",)
# a program gets no rights: what it may do is none of the daemon's
_WITHOUT_RIGHTS = ("/usr/bin/setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--bounding-set=-all")
_MISC_WEIGHTS = 2
"""keepalived.conf(5), misc_dynamic: an exit code of 2 to 255 is a weight, with 2 added."""


class _CheckError(Exception):
    """Why a server is not well, in a few words."""


AskServer = Callable[[ServerConfig, CheckConfig], "int | None"]
"""Raises _CheckError or OSError; returns a weight where the check says one."""


def ask(server: ServerConfig, check: CheckConfig) -> Verdict:
    """Ask once."""
    try:
        weight = _KINDS[check.kind](server, check)
    except TimeoutError:
        return Verdict(False, f"no answer within {check.connect_timeout:g} s")
    except _CheckError as failed:
        return Verdict(False, str(failed))
    except OSError as error:
        return Verdict(False, error.strerror or str(error))
    return Verdict(True, "is well", weight)


def _port(check: CheckConfig) -> int:
    return int(check.options["port"])


def _tcp(server: ServerConfig, check: CheckConfig) -> None:
    with socket.create_connection((server.address, _port(check)), check.connect_timeout):
        pass


def _http(server: ServerConfig, check: CheckConfig) -> None:
    deadline = time.monotonic() + check.connect_timeout
    options = check.options
    with socket.create_connection((server.address, _port(check)), check.connect_timeout) as plain:
        channel = _secured(plain, options) if check.kind == "https" else plain
        connection = http.client.HTTPConnection(server.address, _port(check), check.connect_timeout)
        connection.sock = channel
        host = {"Host": options["virtualhost"]} if options.get("virtualhost") else {}
        try:
            connection.request("GET", options["path"], headers={"Connection": "close", **host})
            # the connection would give the socket away, and the time limit with it
            with http.client.HTTPResponse(channel, method="GET") as answer:
                answer.begin()
                body = _body(answer, channel, deadline)
        except http.client.HTTPException as error:
            raise _CheckError(f"no answer of HTTP: {error or type(error).__name__}") from error
        _judge_page(answer.status, body, options)


def _secured(plain: socket.socket, options: Mapping[str, Any]) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=options.get("sni") or options.get("virtualhost"))


def _body(answer: http.client.HTTPResponse, channel: socket.socket, deadline: float) -> bytes:
    found, size = [], 0
    while chunk := answer.read(_CHUNK):
        found.append(chunk)
        size += len(chunk)
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if size > _MOST_BYTES:
            raise _CheckError(f"the page has more than {_MOST_BYTES} bytes")
        channel.settimeout(left)
    return b"".join(found)


def _judge_page(status: int, body: bytes, options: Mapping[str, Any]) -> None:
    """In keepalived's order: status, digest, regex."""
    wanted = options.get("status_code") or _SUCCESS
    if not any(_within(status, str(one)) for one in wanted):
        hint = ", which leads elsewhere" if 300 <= status <= 399 else ""
        raise _CheckError(f"status {status}{hint}, and not {', '.join(map(str, wanted))}")
    digest = options.get("digest")
    if digest:
        # what it is compared with is written down as MD5: no secret
        found = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if found != digest.lower():
            raise _CheckError(f"the page has the digest {found}, and not {digest.lower()}")
    pattern = options.get("regex")
    if pattern and not re.search(pattern, body.decode("utf-8", "replace")):
        raise _CheckError(f"the page has nothing that matches {pattern}")


def _within(status: int, words: str) -> bool:
    first, _dash, last = words.partition("-")
    return int(first) <= status <= int(last or first)


def _smtp(server: ServerConfig, check: CheckConfig) -> None:
    try:
        with smtplib.SMTP(timeout=check.connect_timeout) as client:
            code, words = client.connect(server.address, _port(check))
            if code == 220:
                code, words = client.helo(check.options["helo_name"])
    except smtplib.SMTPException as error:
        raise _CheckError(f"no answer of SMTP: {error}") from error
    if code not in (220, 250):
        raise _CheckError(f"SMTP says {code} {words.decode('utf-8', 'replace')}")


def _program(server: ServerConfig, check: CheckConfig) -> int | None:
    command = [server.address if one == "{address}" else one for one in check.options["command"]]
    ended = run([*_WITHOUT_RIGHTS, *command], check.connect_timeout)
    if ended.failure is not None:
        if isinstance(ended.failure, OSError):
            raise _CheckError(str(ended.failure))
        raise TimeoutError
    code = ended.code or 0
    if check.options.get("misc_dynamic") and _MISC_WEIGHTS <= code <= 255:
        return code - _MISC_WEIGHTS
    if code:
        raise _CheckError(f"{command[0]} ended with {code}: {ended.last_word or 'says nothing'}")
    return None


_KINDS: dict[str, AskServer] = {
    "http": _http,
    "https": _http,
    "tcp": _tcp,
    "smtp": _smtp,
    "program": _program,
}
