# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify and failover have to know, on each host of a site.

Where probes go, and the pair that they watch.
"""

from __future__ import annotations

from typing import TypedDict

from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Family


class End(TypedDict):
    """A host that a probe runs on."""

    host: str
    address: str


class VerifiedFamily(TypedDict):
    """A family that is verified, and through which addresses."""

    family: Family
    name: str
    """What the names of its rows end in; empty for IPv4."""
    client: str
    server: str
    inside: str
    """The client's way: its gateway, or the pair's virtual address there."""
    outside: str
    """The pair's virtual address on the server's network."""


class LeftOutFamily(TypedDict):
    """A family that is not verified."""

    family: Family
    wanted: bool
    """Whether the site has it; one that is wanted and not measured is no success."""
    reason: str
    """In words."""


class VerifiedPair(TypedDict):
    name: str
    nodes: list[str]
    """The preferred one first."""
    virtual_addresses: list[str]
    guests: dict[str, str]
    """Each node that is a guest, with its hypervisor."""


class ProbeForward(TypedDict):
    """A virtual address, and its ports that the client answers."""

    address: str
    tcp: int
    udp: int


class ProbedFamily(TypedDict):
    family: Family
    name: str
    """What the names of its flows end in; empty for the first family."""
    client: str
    server: str
    forward: str


class ProbedServer(TypedDict):
    """Where a server answers."""

    address: str
    port: int


class ProbedBalancer(TypedDict):
    """A balancer of the pair that the probe's client can ask for pages, by HTTP."""

    name: str
    family: Family
    address: str
    port: int
    path: str
    shows: bool
    """Whether a client sees that one server dies: others answer it, too, and flows to it are reset."""
    servers: list[ProbedServer]
    """Those that new flows go to, the one with the greatest share first."""
    seconds: float
    """How long it takes at most until a server that answers no more is known."""


class ProbesPart(TypedDict):
    """What site_probes says. The addresses beside `families` are the first family's."""

    client: End
    server: End
    tcp: int
    """The port of connections at the server."""
    udp: int
    """The port of datagrams at the server."""
    ftp: int
    """The port of FTP at the server."""
    rate: int
    """Datagrams a second."""
    sessions: int
    slack: int
    """How many times longer than on hardware everything may take."""
    forward: ProbeForward
    families: list[ProbedFamily]
    balancers: list[ProbedBalancer]
    """One of a family, if there is one."""
    nodes: list[str]
    """Where `open` and `close` are run."""
    open: list[str]
    """Commands of nft, with SECONDS where the time-out goes."""
    close: list[str]


class VerifiedEnds(TypedDict):
    """Between which hosts, and in which families, a site is verified."""

    client: End | None
    server: End | None
    families: list[VerifiedFamily]
    left_out: list[LeftOutFamily]


class VerifiedServer(TypedDict):
    name: str
    address: str
    port: int


class VerifiedBalancer(TypedDict):
    """A balancer that the client can ask, by TCP."""

    name: str
    nodes: list[str]
    """Which hosts may have it: the pair's nodes, or one that is in no pair."""
    own: list[str]
    """Addresses of these hosts. What they ask themselves checks what serves there."""
    address: str
    port: int
    kind: str
    """http where its servers are asked by HTTP, or else tcp."""
    path: str
    together: bool
    """Whether all of its servers answer one client."""
    servers: list[VerifiedServer]


class Verify(VerifiedEnds):
    """Where probes go, and the pair that they watch."""

    pair: VerifiedPair
    probes: ProbesPart | None
    """None without site_probes."""
    balancers: list[VerifiedBalancer]


class VerifyParts(TypedDict, total=False):
    """What is verified."""

    verify: Verify
    """hosts of a site that has a pair"""
