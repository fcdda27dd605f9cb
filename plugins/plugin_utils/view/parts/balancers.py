# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers as pair-balance reads them. Times are in seconds."""

from __future__ import annotations

from typing import TypedDict

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import PackedContents
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Family


class BalancerCheckOptions(TypedDict, total=False):
    """What a kind of check asks for; each has some of these."""

    port: int
    path: str
    status_code: list[str]
    """Numbers, or ranges such as 200-299; none is for 200-299."""
    digest: str
    """MD5 of the page, 32 digits of base 16."""
    regex: str
    virtualhost: str
    sni: str
    helo_name: str
    command: list[str]
    """A program and its arguments, with {address} and {port} for the server's."""
    misc_dynamic: bool
    name: str
    """What is asked for by DNS."""
    type: str
    """Of a record of DNS."""
    payload: str
    """Bytes, two digits of base 16 for each."""
    require_reply: bool


class BalancerCheck(TypedDict):
    """How servers are asked whether they are well."""

    kind: str
    """http, https, tcp, smtp, program, dns, udp, ping or file."""
    options: BalancerCheckOptions
    """Those of the kind."""
    delay_loop: float
    connect_timeout: float
    retry: int
    delay_before_retry: float
    warmup: float
    """The first question comes up to so many seconds later."""


class BalancerMail(TypedDict):
    """Who is told."""

    to: list[str]
    by: str
    """The mail server's address."""
    port: int


class BalancerServer(TypedDict):
    """Who answers."""

    name: str
    address: str
    port: int | None
    """Where it answers; null where that is the port that was asked for."""
    weight: int
    uthreshold: int | None
    """With so many flows it gets no new one; null where it has no limit."""
    lthreshold: int | None
    """With fewer than so many it gets some again; null is for three quarters of the limit."""


class BalancerIpvs(TypedDict):
    """How the kernel's IPVS leads flows on."""

    method: str
    """dr or tun."""
    asks_from: list[str]
    """The addresses that servers are asked from, one of each family: the balancer's own is theirs, too."""
    persistence_timeout: int | None
    """For so many seconds a client that comes again is led to the same server; null for none."""
    persistence_granularity: int | None
    """The length of a prefix, whose clients are one; null for that of an address."""


class BalancerAsked(TypedDict):
    """Ports that a balancer is asked for at."""

    protocol: str
    """tcp, udp or sctp."""
    first: int
    last: int


class BalancerPart(TypedDict):
    """One service at one address."""

    name: str
    address: str
    """The address that it is asked for at."""
    protocol: str
    """tcp, udp or sctp."""
    port: int
    """The service's first one."""
    asked: list[BalancerAsked]
    """All of the service's ports."""
    map: str
    """The map of the ruleset that says who answers."""
    gone: str
    """The set of the ruleset that has servers which have failed."""
    last: str | None
    """The map of the ruleset that has who has answered a client's port; null where a hash says it."""
    last_port: str | None
    """The one that has at which port; null where servers answer at the port that was asked for."""
    slots: int
    """How many elements the map has."""
    scheduler: str
    ipvs: BalancerIpvs | None
    """How the kernel's IPVS leads flows on; null where the ruleset does."""
    quorum: int
    hysteresis: int
    sorry: str | None
    """Who answers when the quorum is lost."""
    sorry_port: int | None
    """At which port; null where that is the one that was asked for."""
    sorry_check: BalancerCheck | None
    """How it is asked whether it is well."""
    alpha: bool
    omega: bool
    inhibit_on_failure: bool
    check: BalancerCheck | None
    mail: BalancerMail | None
    notify: dict[str, list[str]]
    """Commands by the word for when they run: quorum_up, quorum_down, notify_up and notify_down."""
    servers: list[BalancerServer]


class BalancerTable(TypedDict):
    """What a host that is in no pair has for its balancers."""

    ruleset: str
    """The table inet ftfw_balancer, as nft reads it."""
    contents: PackedContents
    """What is in it."""
    families: list[Family]
    """Those that the host has to forward."""
    forward_others: bool
    """Whether what is not balanced is forwarded, too."""


class BalancerParts(TypedDict, total=False):
    """A node that has balancers."""

    balancers: list[BalancerPart]
    """firewalls, and other hosts with balancers"""
    balancer_table: BalancerTable | None
    """firewalls, and other hosts with balancers; null on a firewall, which has it all in its own table"""
