# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers: services at one address, of a pair or of a host, that several servers answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import SCHEDULERS
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.balancers import (
    check_balancer,
    warn_of_balancers,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.forwards import TakenPorts
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.host_balancers import check_forward_others
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.server_checks import (
    listed,
    read_check,
    read_command,
)
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
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import host_balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.balancers import balancer_table, balancers_part
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary import keepalived
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

_LITERAL = re.compile(r"[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
_NOTIFY = ("quorum_up", "quorum_down", "notify_up", "notify_down")
_MOST_FLOWS = 2**32 - 1
"""keepalived.conf(5), uthreshold: a number of 32 bits."""
_LONGEST_PERSISTENCE = 31 * 24 * 3600
"""ipvsadm(8), -p: 31 days."""
_LONGEST = 22
"""Of a name: what is made of it stands in nft's names, of which keepalived.conf(5) has no bound and we do."""


def read_balancers(reading: Reading) -> tuple[Balancer, ...]:
    entries = reading.shared["site_balancers"].entries()
    return tuple(each for name, value in entries.items() for each in _balancers(name, value))


def _balancers(name: str, value: Value) -> Iterator[Balancer]:
    """Read one, which is several where it has several addresses: each has servers of its family."""
    one, addresses = _balancer(name, value)
    families = {address.version for address in addresses}
    for number, address in enumerate(addresses, 1):
        if len(addresses) == 1:
            yield replace(one, address=address)
            continue
        of = replace(one, address=address, name=name if number == 1 else f"{name}.{number}")
        if len(families) > 1:
            servers = tuple(each for each in one.servers if _may_be_of(each.host, address))
            tunnels = one.method == "tun"
            if tunnels and not servers:
                servers = one.servers
            if one.servers and not servers:
                there = value.child("servers", [str(each.host) for each in one.servers])
                there.wrong(
                    f"none is of IPv{address.version}, as {address} is",
                    "add one, or name hosts that have both",
                )
            sorry = one.sorry if one.sorry and (tunnels or _may_be_of(one.sorry.host, address)) else None
            of = replace(of, servers=servers, sorry=sorry)
        yield of
    if not addresses:
        yield one


def _may_be_of(host: str | Address, address: Address) -> bool:
    """Whether somebody has an address of a family: hosts may have several."""
    return isinstance(host, str) or host.version == address.version


def _addresses(value: Value) -> tuple[Address, ...]:
    if value.raw == []:
        value.wrong("is empty", "name an address, or leave it out where there is only one")
    found: tuple[Address, ...] = present(one.address() for one in listed(value))
    for one in dict.fromkeys(found):
        if found.count(one) > 1:
            value.wrong(f"has {one} twice", "name each address once")
    return tuple(dict.fromkeys(found))


def _balancer(name: str, value: Value) -> tuple[Balancer, tuple[Address, ...]]:
    fields = value.section(
        "network",
        "host",
        "forward_others",
        "address",
        "service",
        "servers",
        "scheduler",
        "method",
        "quorum",
        "hysteresis",
        "sorry",
        "alpha",
        "omega",
        "inhibit_on_failure",
        "source_nat",
        "persistence_granularity",
        "persistence_timeout",
        "check",
        "mail",
        *_NOTIFY,
        required=[*_places(value), "service", "servers"],
        others=keepalived.OF_BALANCER,
    )
    method = fields["method"].choice(*keepalived.METHODS) or keepalived.NAT
    _see_place(value, fields["network"], fields["host"])
    Value(value.host, value.key, name, value.problems).word(longest=_LONGEST)
    if fields["servers"].raw == []:
        fields["servers"].wrong("nobody answers", "name a host or an address")
    quorum, hysteresis = fields["quorum"].integer(1, 65535), fields["hysteresis"].integer(0, 65534)
    found = Balancer(
        name,
        declared=name,
        network=fields["network"].text() or "",
        address=None,
        service=fields["service"].name() or "",
        servers=present(_server(item, index) for index, item in enumerate(fields["servers"].items())),
        scheduler=_scheduler(fields["scheduler"], method),
        quorum=1 if quorum is None else quorum,
        hysteresis=hysteresis or 0,
        sorry=_sorry(fields["sorry"]) if fields["sorry"].given else None,
        alpha=fields["alpha"].boolean(False),
        omega=_omega(fields["omega"], any(fields[key].given for key in _NOTIFY)),
        inhibit_on_failure=fields["inhibit_on_failure"].boolean(False),
        check=read_check(fields["check"]),
        mail=_mail(fields["mail"]),
        source_nat=fields["source_nat"].boolean(False),
        persistence_granularity=fields["persistence_granularity"].integer(1, 128),
        method=method,
        persistence_timeout=fields["persistence_timeout"].integer(1, _LONGEST_PERSISTENCE),
        host=fields["host"].text() or "",
        forward_others=fields["forward_others"].boolean(False),
        notify={key: read_command(fields[key]) for key in _NOTIFY if fields[key].given},
    )
    return found, _addresses(fields["address"])


def _places(value: Value) -> list[str]:
    """The keys that say where a balancer is, as far as they are there."""
    return [key for key in ("network", "host") if isinstance(value.raw, dict) and key in value.raw]


def _see_place(value: Value, network: Value, host: Value) -> None:
    """A balancer is at a virtual address of a network, or at an address of a host."""
    if network.given and host.given:
        host.wrong("stands beside a network", "write network for a pair's balancer, host for another's")
    elif isinstance(value.raw, dict) and not _places(value):
        value.wrong("has no place", "add network, that of a virtual address, or host, which is in no pair")


def _scheduler(value: Value, method: str) -> str:
    if method != keepalived.NAT:
        return value.choice(*SCHEDULERS, *keepalived.SCHEDULERS_OF_IPVS) or "rr"
    if value.raw in keepalived.SCHEDULERS_OF_IPVS:
        value.wrong(keepalived.BY_IPVS, keepalived.TURNS)
        return "rr"
    return value.choice(*SCHEDULERS) or "rr"


def _omega(value: Value, commands: bool) -> bool:
    wanted = value.boolean(False)
    if wanted and not commands:
        value.wrong(
            "is about commands, and there is none", f"add {' or '.join(reversed(_NOTIFY))}, or leave it out"
        )
    return wanted


def _server(value: Value, index: int) -> Server | None:
    """Read a host, or a mapping with its weight, port and limits."""
    if not isinstance(value.raw, dict):
        host = _host(value)
        return None if host is None else Server(host, index=index)
    limits = ("uthreshold", "lthreshold")
    fields = value.section("host", "weight", "port", *limits, required=["host"], others=keepalived.OF_SERVER)
    host, weight = _host(fields["host"]), fields["weight"].integer(0, 65535)
    port = fields["port"].integer(1, 65535)
    most, least = (fields[key].integer(1, _MOST_FLOWS) for key in limits)
    return None if host is None else Server(host, 1 if weight is None else weight, port, most, least, index)


def _sorry(value: Value) -> SorryServer | None:
    """Read a host, or a mapping with its port, or with the service whose port that is, and a check."""
    if not isinstance(value.raw, dict):
        host = _host(value)
        return None if host is None else SorryServer(host)
    fields = value.section("host", "port", "service", "check", required=["host"])
    host, port = _host(fields["host"]), fields["port"].integer(1, 65535)
    service = fields["service"].name() or ""
    if port and service:
        fields["service"].wrong("stands beside a port", "name one of both")
    check = read_check(fields["check"])
    return None if host is None else SorryServer(host, port, service, check, fields["check"].raw == "none")


def _host(value: Value) -> str | Address | None:
    text = value.text()
    if text is None:
        return None
    return value.address() if _LITERAL.fullmatch(text) else text


def _mail(value: Value) -> MailOfBalancer | None:
    if not value.given:
        return None
    fields = value.section("to", "by", "port", required=["to", "by"])
    to = present(one.text() for one in listed(fields["to"]))
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
        if one.name == one.declared:
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
