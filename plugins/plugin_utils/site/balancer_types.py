# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site says of its balancers: one service at one address, and the servers that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address


@dataclass(frozen=True)
class Server:
    """A host, or an address, that answers; flows come to it as its weight says."""

    host: str | Address
    weight: int = 1
    port: int | None = None
    """Where it answers, if not at the port that was asked for."""
    uthreshold: int | None = None
    """With so many flows it gets no new one."""
    lthreshold: int | None = None
    """With fewer than so many it gets some again."""
    index: int = 0
    """Its place in the list that the site has."""


@dataclass(frozen=True)
class ServerCheck:
    """How servers are asked whether they are well; times in seconds. `options` are those of its kind."""

    kind: str
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    delay_loop: float = 5
    connect_timeout: float = 3
    retry: int = 1
    delay_before_retry: float = 1
    warmup: float = 0


@dataclass(frozen=True)
class SorryServer:
    """Who answers while the quorum is lost; `service` names one whose port that is."""

    host: str | Address
    port: int | None = None
    service: str = ""
    check: ServerCheck | None = None
    """How it is asked. Without one it is asked as the servers are, but not for a page."""
    unchecked: bool = False
    """Whether it is not asked at all."""


@dataclass(frozen=True)
class MailOfBalancer:
    to: tuple[str, ...]
    by: Address
    port: int = 25


@dataclass(frozen=True)
class Balancer:
    """A service at a virtual address of a pair, or at an address of a host's own, and who answers it."""

    name: str
    network: str
    """Of the pair's virtual address; empty where a host has the balancer."""
    address: Address | None
    service: str
    servers: tuple[Server, ...]
    scheduler: str = "rr"
    quorum: int = 1
    hysteresis: int = 0
    sorry: SorryServer | None = None
    alpha: bool = False
    omega: bool = False
    """Whether commands are told that all is down when the checks end."""
    inhibit_on_failure: bool = False
    check: ServerCheck | None = None
    mail: MailOfBalancer | None = None
    source_nat: bool = False
    """Whether servers see the pair instead of the client."""
    persistence_granularity: int | None = None
    """The length of a prefix: clients of one prefix have one server."""
    method: str = "nat"
    """How servers get what is asked: nat, or dr and tun, by which they answer clients themselves."""
    persistence_timeout: int | None = None
    """For so many seconds IPVS leads a client that comes again to the same server."""
    host: str = ""
    """Who has the balancer, where that is no pair."""
    forward_others: bool = False
    """Whether that host forwards for others, too: what is not balanced passes then."""
    notify: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Commands by the key that says when they run."""
    declared: str = ""
    """How the site calls it. Of several addresses each but the first has a name of its own, such as web.2."""

    @property
    def key(self) -> str:
        return f"site_balancers.{self.declared or self.name}"

    @property
    def by_ipvs(self) -> bool:
        """Whether the kernel's IPVS leads flows on, and not the rules."""
        return self.method != "nat"

    @property
    def dynamic(self) -> bool:
        """Whether checks say the weights."""
        return bool(self.check and self.check.options.get("misc_dynamic"))
