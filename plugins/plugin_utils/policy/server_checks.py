# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the checks of a balancer's servers are read, and commands that a node runs for it."""

from __future__ import annotations

import re

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dns import TYPES as DNS_TYPES
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import ServerCheck

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
_TIMES = ("delay_loop", "connect_timeout", "retry", "delay_before_retry", "warmup")
_HTTP = ("port", "path", "status_code", "digest", "regex", "virtualhost")
_OPTIONS = {
    "http": _HTTP,
    "https": (*_HTTP, "sni"),
    "tcp": ("port",),
    "smtp": ("port", "helo_name"),
    "program": ("command", "misc_dynamic"),
    "dns": ("port", "name", "type"),
    "udp": ("port", "payload", "require_reply"),
    "ping": (),
    "file": ("path",),
}
"""Kinds of checks with their options."""
_REQUIRED = {"program": "command", "file": "path"}
_RETRY = {"dns": 3}
"""Of kinds that are tried again more than once: keepalived.conf(5), DNS_CHECK."""


def read_check(value: Value) -> ServerCheck | None:
    """Read one kind of check with its options."""
    if value.raw is None or value.raw == "none":
        return None
    if isinstance(value.raw, str):
        kind = value.choice(*_OPTIONS, "none")
        return ServerCheck(kind) if kind in _OPTIONS and _has_options(value, kind) else None
    given = value.section(*_OPTIONS, *_TIMES)
    kinds = {kind: _options(kind, given[kind]) for kind in _OPTIONS if given[kind].given}
    if len(kinds) != 1:
        value.wrong(
            "is no check" if not kinds else f"has {' and '.join(kinds)}, and a server has one check",
            f"write one of {', '.join(_OPTIONS)}, such as {{http: {{path: /}}}}",
        )
        return None
    ((kind, options),) = kinds.items()
    default = ServerCheck(kind)
    hour = ("3600", "which is an hour")
    times = {
        key: given[key].seconds("0" if key == "warmup" else "0.1", *hour) for key in _TIMES if key != "retry"
    }
    retry = given["retry"].integer(0, 100)
    return ServerCheck(
        kind,
        options,
        delay_loop=times["delay_loop"] or default.delay_loop,
        connect_timeout=times["connect_timeout"] or default.connect_timeout,
        retry=_RETRY.get(kind, default.retry) if retry is None else retry,
        delay_before_retry=times["delay_before_retry"] or default.delay_before_retry,
        warmup=times["warmup"] or default.warmup,
    )


def _has_options(value: Value, kind: str) -> bool:
    """Whether a kind of check is complete by its name alone."""
    if kind == "program":
        value.wrong("needs a command", "write {program: {command: [/usr/local/bin/NAME, ADDRESS]}}")
    elif kind == "file":
        value.wrong("needs a path", "write {file: {path: /run/NAME}}")
    return kind not in _REQUIRED


def _options(kind: str, value: Value) -> dict[str, object]:
    fields = value.section(*_OPTIONS[kind], required=[_REQUIRED[kind]] if kind in _REQUIRED else [])
    found: dict[str, object] = {"port": fields["port"].integer(1, 65535)} if "port" in fields else {}
    if kind in ("http", "https"):
        path = fields["path"].text("write a path such as /")
        if path is not None and not re.fullmatch(r"/[!-~]*", path):
            fields["path"].wrong("is no path", "begin with a slash, and write blanks as %20")
        digest = fields["digest"].text()
        if digest is not None and not _DIGEST.fullmatch(digest):
            wrong = f"has {len(digest)} characters, and the MD5 of a page 32 digits of base 16"
            fields["digest"].wrong(wrong, "write what pair-balance --digest URL prints on a node")
        found |= {"path": path or "/", "digest": digest, "regex": _regex(fields["regex"])}
        found["status_code"] = [text for one in listed(fields["status_code"]) if (text := _status(one))]
        found |= {key: fields[key].text() for key in _OPTIONS[kind] if key in ("virtualhost", "sni")}
    elif kind == "smtp":
        found["helo_name"] = fields["helo_name"].text() or "localhost"
    elif kind == "program":
        command = list(read_command(fields["command"]))
        found |= {"command": command, "misc_dynamic": fields["misc_dynamic"].boolean(False)}
    elif kind == "dns":
        found |= {"name": _domain(fields["name"]), "type": fields["type"].choice(*DNS_TYPES) or "SOA"}
    elif kind == "udp":
        found |= {
            "payload": _payload(fields["payload"]),
            "require_reply": fields["require_reply"].boolean(False),
        }
    elif kind == "file":
        path = fields["path"].text()
        if path is not None:
            _see_path(fields["path"], path, "/run")
        found["path"] = path
    return {key: one for key, one in found.items() if one is not None}


def read_command(value: Value) -> tuple[str, ...]:
    """Read a program and its arguments."""
    command = present(one.text() for one in value.items())
    if value.raw == []:
        value.wrong("is empty", "name a program")
    if command:
        _see_path(value, command[0], "/usr/local/bin")
    return command


def _see_path(value: Value, path: str, instead: str) -> None:
    """See that a path of a node is one that pair-balance can see (its unit hides some)."""
    if not path.startswith("/"):
        value.wrong("is no absolute path", f"begin with a slash, such as /{path}")
    elif re.match(r"/(home|root|run/user|tmp|var/tmp|dev)/", path):
        value.wrong(f"{path} is hidden from pair-balance", f"use another folder, such as {instead}")


def _domain(value: Value) -> str:
    """Read a name of DNS (RFC 1035, section 2.3.4); the root by default."""
    text = value.text("write a name such as example.org")
    if text is None:
        return "."
    labels = text.rstrip(".").split(".")
    if text != "." and (len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels)):
        value.wrong("is no name of DNS", "write labels of up to 63 letters, digits, '-' and '_', with dots")
    return text


def _payload(value: Value) -> str:
    text = value.name() or ""
    digits = "".join(text.split())
    try:
        bytes.fromhex(digits)
    except ValueError:
        value.wrong("is no row of bytes", "write two digits of base 16 for each, such as '0a ff'")
    return digits


def _regex(value: Value) -> str | None:
    text = value.text()
    try:
        re.compile(text or "")
    except re.error as error:
        value.wrong(f"is no regular expression: {error}", "mend it; Python's re has its syntax")
    return text


def listed(value: Value) -> list[Value]:
    return value.items() if isinstance(value.raw, list) or value.raw is None else [value]


def _status(value: Value) -> str | None:
    text = value.name()
    match = re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", text or "")
    if text is not None and (match is None or int(match[2] or match[1]) < int(match[1])):
        value.wrong("is no status of HTTP", "use 100 to 599, or a range such as 200-299")
        return None
    return text
