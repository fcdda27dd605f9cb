# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node gets of its balancers: the configuration of pair-balance and, on a host in no pair, a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import (
    gone_set,
    last_map,
    last_port_map,
    slots_map,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.balancers import ASKS_BY
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.balancers import remembers, slots_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.host_balancers import (
    by_rules,
    forwarded_families,
    host_table,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import ports_by_protocol
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import merged
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.render import render_ruleset
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    ServerCheck,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Answering, Balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.balancers import (
    BalancerCheck,
    BalancerCheckOptions,
    BalancerIpvs,
    BalancerMail,
    BalancerPart,
    BalancerTable,
)


def balancers_part(balanced: Iterable[Balanced]) -> list[BalancerPart]:
    return [_part(one) for one in balanced]


def balancer_table(site: Site, host: Host, balanced: Sequence[Balanced]) -> BalancerTable:
    """The table of a host that is in no pair."""
    rendered = render_ruleset(host_table(site, host, balanced))
    return {
        "ruleset": rendered.text,
        "contents": rendered.contents.pack(),
        "families": forwarded_families(balanced),
        # for IPVS nothing is forwarded, and so nothing kept from it
        "forward_others": not by_rules(balanced) or any(one.balancer.forward_others for one in balanced),
    }


def _part(one: Balanced) -> BalancerPart:
    balancer = one.balancer
    protocol = one.service.protocols[0]
    port = one.service.ports(protocol)[0][0]
    by_udp = balancer.check is not None and ASKS_BY.get(balancer.check.kind) == "udp" and one.service.udp
    asked = one.service.udp[0][0] if by_udp else port
    return {
        "name": one.name,
        "address": str(one.virtual),
        "protocol": protocol,
        "port": port,
        "asked": [
            {"protocol": name, "first": first, "last": last}
            for name, of in ports_by_protocol([one.service])
            for first, last in merged(of)
        ],
        "map": slots_map(one.name),
        "gone": gone_set(one.name),
        "last": last_map(one.name) if remembers(one) else None,
        "last_port": last_port_map(one.name) if remembers(one) and one.translates else None,
        "slots": slots_of(one),
        "scheduler": balancer.scheduler,
        "ipvs": _ipvs(one),
        "quorum": balancer.quorum,
        "hysteresis": balancer.hysteresis,
        "sorry": str(one.sorry.address) if one.sorry else None,
        "sorry_port": one.sorry.port if one.sorry else None,
        "sorry_check": _check_of_sorry(one, port),
        "alpha": balancer.alpha,
        "omega": balancer.omega,
        "inhibit_on_failure": balancer.inhibit_on_failure,
        "check": _check(balancer.check, None if one.translates else asked),
        "mail": _mail(balancer),
        "notify": {when: list(command) for when, command in balancer.notify.items()},
        "servers": [
            {
                "name": _name(one, each),
                "address": str(each.address),
                "port": each.port,
                "weight": each.server.weight,
                "uthreshold": each.server.uthreshold,
                "lthreshold": each.server.lthreshold,
            }
            for each in one.servers
            if each.server
        ],
    }


def _ipvs(one: Balanced) -> BalancerIpvs | None:
    balancer = one.balancer
    if not balancer.by_ipvs:
        return None
    return {
        "method": balancer.method,
        "asks_from": [str(address) for address in one.asks_from],
        "persistence_timeout": balancer.persistence_timeout,
        "persistence_granularity": balancer.persistence_granularity,
    }


def _name(one: Balanced, server: Answering) -> str:
    """A host that answers at several ports is several servers."""
    alone = sum(each.host == server.host for each in one.servers) == 1
    return str(server.host) if alone else f"{server.host}:{server.port}"


def _check_of_sorry(one: Balanced, port: int) -> BalancerCheck | None:
    """Without a word of the site it is asked as the servers are, but not for their page or their mail."""
    sorry, usual = one.balancer.sorry, one.balancer.check
    if sorry is None or one.sorry is None or sorry.unchecked:
        return None
    check = sorry.check
    if check is None and usual is not None:
        by = ASKS_BY.get(usual.kind)
        if usual.kind == "ping":
            check = usual
        elif by == "tcp" and one.service.tcp:
            check = replace(usual, kind="tcp", options={})
        elif by == "udp" and one.service.udp:
            # what is asked is the same, at a port of its own
            options = {key: value for key, value in usual.options.items() if key != "port"}
            check = replace(usual, options=options)
    if check is not None and ASKS_BY.get(check.kind) == "udp" and one.service.udp:
        port = one.service.udp[0][0]
    return _check(check, one.sorry.port or port)


def _check(check: ServerCheck | None, port: int | None) -> BalancerCheck | None:
    """`port` is what is asked without a word in the check; None where each server has its own."""
    if check is None:
        return None
    own = {} if port is None else {"port": port}
    options: dict[str, object] = {**own, **_DEFAULTS.get(check.kind, {}), **check.options}
    return {
        "kind": check.kind,
        "options": cast(BalancerCheckOptions, options),
        "delay_loop": check.delay_loop,
        "connect_timeout": check.connect_timeout,
        "retry": check.retry,
        "delay_before_retry": check.delay_before_retry,
        "warmup": check.warmup,
    }


_DEFAULTS: dict[str, dict[str, object]] = {
    "http": {"path": "/"},
    "https": {"path": "/"},
    "smtp": {"helo_name": "localhost"},
    "dns": {"name": ".", "type": "SOA"},
}
"""Of a check that is written as its kind alone."""


def _mail(balancer: Balancer) -> BalancerMail | None:
    mail = balancer.mail
    return None if mail is None else {"to": list(mail.to), "by": str(mail.by), "port": mail.port}
