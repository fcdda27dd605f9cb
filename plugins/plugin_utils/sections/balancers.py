# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers: services at one address, of a pair or of a host, that several servers answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import SCHEDULERS
from ansible_collections.ftfw.pair.plugins.module_utils.packets.dns import TYPES as DNS_TYPES
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.balancers import (
    check_balancer,
    warn_of_balancers,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.forwards import TakenPorts
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.host_balancers import check_forward_others
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import (
    Checking,
    Named,
    Reading,
    Section,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    MailOfBalancer,
    Server,
    ServerCheck,
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import host_balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.balancers import balancer_table, balancers_part
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

_LITERAL = re.compile(r"[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
_TIMES = ("delay_loop", "connect_timeout", "retry", "delay_before_retry", "warmup")
_NOTIFY = ("quorum_up", "quorum_down", "notify_up", "notify_down")
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
_LONGEST = 22
"""Of a name: what is made of it stands in nft's names, of which keepalived.conf(5) has no bound and we do."""


def read_balancers(reading: Reading) -> tuple[Balancer, ...]:
    entries = reading.shared["site_balancers"].entries()
    return tuple(_balancer(name, value) for name, value in entries.items())


def _balancer(name: str, value: Value) -> Balancer:
    fields = value.section(
        "network",
        "host",
        "forward_others",
        "address",
        "service",
        "servers",
        "scheduler",
        "quorum",
        "hysteresis",
        "sorry",
        "alpha",
        "omega",
        "inhibit_on_failure",
        "source_nat",
        "persistence_granularity",
        "check",
        "mail",
        *_NOTIFY,
        required=[*_places(value), "service", "servers"],
    )
    _see_place(value, fields["network"], fields["host"])
    Value(value.host, value.key, name, value.problems).word(longest=_LONGEST)
    if fields["servers"].raw == []:
        fields["servers"].wrong("nobody answers", "name a host or an address")
    quorum, hysteresis = fields["quorum"].integer(1, 65535), fields["hysteresis"].integer(0, 65534)
    return Balancer(
        name,
        network=fields["network"].text() or "",
        address=fields["address"].address(),
        service=fields["service"].name() or "",
        servers=present(_server(item) for item in fields["servers"].items()),
        scheduler=fields["scheduler"].choice(*SCHEDULERS) or "rr",
        quorum=1 if quorum is None else quorum,
        hysteresis=hysteresis or 0,
        sorry=_sorry(fields["sorry"]) if fields["sorry"].given else None,
        alpha=fields["alpha"].boolean(False),
        omega=_omega(fields["omega"], any(fields[key].given for key in _NOTIFY)),
        inhibit_on_failure=fields["inhibit_on_failure"].boolean(False),
        check=_check(fields["check"]),
        mail=_mail(fields["mail"]),
        source_nat=fields["source_nat"].boolean(False),
        persistence_granularity=fields["persistence_granularity"].integer(1, 128),
        host=fields["host"].text() or "",
        forward_others=fields["forward_others"].boolean(False),
        notify={key: _command(fields[key]) for key in _NOTIFY if fields[key].given},
    )


def _places(value: Value) -> list[str]:
    """The keys that say where a balancer is, as far as they are there."""
    return [key for key in ("network", "host") if isinstance(value.raw, dict) and key in value.raw]


def _see_place(value: Value, network: Value, host: Value) -> None:
    """A balancer is at a virtual address of a network, or at an address of a host."""
    if network.given and host.given:
        host.wrong("stands beside a network", "write network for a pair's balancer, host for another's")
    elif isinstance(value.raw, dict) and not _places(value):
        value.wrong("has no place", "add network, that of a virtual address, or host, which is in no pair")


def _omega(value: Value, commands: bool) -> bool:
    wanted = value.boolean(False)
    if wanted and not commands:
        value.wrong(
            "is about commands, and there is none", f"add {' or '.join(reversed(_NOTIFY))}, or leave it out"
        )
    return wanted


def _server(value: Value) -> Server | None:
    """Read a host, or a mapping with its weight and port."""
    if not isinstance(value.raw, dict):
        host = _host(value)
        return None if host is None else Server(host)
    fields = value.section("host", "weight", "port", required=["host"])
    host, weight = _host(fields["host"]), fields["weight"].integer(0, 65535)
    port = fields["port"].integer(1, 65535)
    return None if host is None else Server(host, 1 if weight is None else weight, port)


def _sorry(value: Value) -> SorryServer | None:
    """Read a host, or a mapping with its port, or with the service whose port that is."""
    if not isinstance(value.raw, dict):
        host = _host(value)
        return None if host is None else SorryServer(host)
    fields = value.section("host", "port", "service", required=["host"])
    host, port = _host(fields["host"]), fields["port"].integer(1, 65535)
    service = fields["service"].name() or ""
    if port and service:
        fields["service"].wrong("stands beside a port", "name one of both")
    return None if host is None else SorryServer(host, port, service)


def _host(value: Value) -> str | Address | None:
    text = value.text()
    if text is None:
        return None
    return value.address() if _LITERAL.fullmatch(text) else text


def _check(value: Value) -> ServerCheck | None:
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
        found["status_code"] = [text for one in _listed(fields["status_code"]) if (text := _status(one))]
        found |= {key: fields[key].text() for key in _OPTIONS[kind] if key in ("virtualhost", "sni")}
    elif kind == "smtp":
        found["helo_name"] = fields["helo_name"].text() or "localhost"
    elif kind == "program":
        command = list(_command(fields["command"]))
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


def _command(value: Value) -> tuple[str, ...]:
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


def _listed(value: Value) -> list[Value]:
    return value.items() if isinstance(value.raw, list) or value.raw is None else [value]


def _status(value: Value) -> str | None:
    text = value.name()
    match = re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", text or "")
    if text is not None and (match is None or int(match[2] or match[1]) < int(match[1])):
        value.wrong("is no status of HTTP", "use 100 to 599, or a range such as 200-299")
        return None
    return text


def _mail(value: Value) -> MailOfBalancer | None:
    if not value.given:
        return None
    fields = value.section("to", "by", "port", required=["to", "by"])
    to = present(one.text() for one in _listed(fields["to"]))
    by, port = fields["by"].address(), fields["port"].integer(1, 65535)
    if fields["to"].raw == []:
        fields["to"].wrong("is empty", "name who is told")
    for one in to:
        if not re.fullmatch(r"[!-~]+", one):
            fields["to"].wrong(f"{one} is no address of mail", "write NAME or NAME@DOMAIN")
    return None if by is None else MailOfBalancer(to, by, 25 if port is None else port)


def _check_all(checking: Checking) -> None:
    check_forward_others(checking.site.balancers, checking.problems)
    taken = TakenPorts.of_forwards(checking.site)
    for one in checking.site.balancers:
        check_balancer(checking.site, one, taken, checking.problems)


def _names(site: Site) -> Iterator[Named]:
    for one in site.balancers:
        yield SITE, one.key, one.name, {}


def _view(point: Viewpoint) -> Parts:
    if point.firewall is not None:
        return {"balancers": balancers_part(point.firewall.balanced), "balancer_table": None}
    own = tuple(host_balanced(point.site, point.host))
    if not own:
        return {}
    table = balancer_table(point.site, point.host, own)
    return {"balancers": balancers_part(own), "balancer_table": table}


SECTION = Section(
    variables=("site_balancers",),
    reads={"balancers": read_balancers},
    against=(
        "site_networks",
        "site_pairs",
        "site_services",
        "site_port_forwards",
        "node_interfaces",
        "hypervisor_bridges",
    ),
    check=_check_all,
    names=_names,
    warn=warn_of_balancers,
    view=_view,
)
