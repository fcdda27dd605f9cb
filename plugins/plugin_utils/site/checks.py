# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold between the wires, hypervisors and nodes of a site."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    Cause,
    Problems,
    closest,
    nearest,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    Network,
    Site,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, Prefix, of_family

_ANY_NETWORK = {
    **dict.fromkeys(("any", "all", "*"), "no word stands for all of them: name those that you mean, of {}"),
    "firewall": "what the firewalls themselves take is said by a fragment: {{place: input, text: …}}",
}
"""What to write in the place of words that other firewalls know."""


@dataclass
class Places:
    """Where each thing that may exist once was first seen."""

    what: str
    right: str
    seen: dict[object, str] = field(default_factory=dict)

    def claim(self, problems: Problems, host: str, key: str, value: object, place: str) -> None:
        """Note a value's place; a second place is a problem. `place` says whose it is, in words."""
        first = self.seen.setdefault(value, place)
        if first != place:
            wrong = f"{self.what} is already that of {first}"
            problems.add(host, key, value, wrong, self.right, follows=False)


def known_network(site: Site, host: str, key: str, name: str, problems: Problems) -> Network | None:
    """Look a network up; an empty name was already reported as missing."""
    network = site.networks.get(name)
    if network is None and name:
        unknown_network(site, host, key, name, name, problems, hole=True)
    return network


def unknown_network(
    site: Site, host: str, key: str, shown: str, name: str, problems: Problems, hole: bool = False
) -> None:
    """Tell of a name that no network has; what stands in several places is one mistake."""
    words = _ANY_NETWORK.get(name, "").format(", ".join(sorted(site.networks)))
    right = words or _renamed(site, name) or nearest(name, site.networks)
    cause = Cause("site_networks", name, "unknown network, which stands in", right)
    problems.add(host, key, shown, "unknown network", right, hole=hole, cause=cause)


def _renamed(site: Site, name: str) -> str | None:
    """The network that was given another name, if all says so: it is the only one that nobody is on."""
    used = {bridge.network for _host, bridge in site.bridges()}
    used |= {interface.network for _host, interface in site.interfaces()}
    unused = [one for one in site.networks if one not in used]
    if len(unused) != 1 or name not in used or closest(name, site.networks, cutoff=0.85):
        return None
    return f"did you mean {unused[0]}?"


def _moved(site: Site, network: Network, family: int) -> Cause | None:
    """Where no address on a network lies in it, its prefix is the mistake."""
    on_it = [
        address
        for _host, interface in site.index.interfaces_on.get(network.name, ())
        for address in interface.addresses
    ]
    on_it += [
        ip.ip for _host, bridge in site.index.bridges_on.get(network.name, ()) for ip in bridge.addresses
    ]
    on_it += site.index.virtual.get(network.name, [])
    if any(network.prefix_of(one) for one in of_family(tuple(on_it), family)):
        return None
    return Cause(
        f"site_networks.{network.name}.prefixes",
        [str(prefix) for prefix in network.prefixes],
        f"no IPv{family} address on this network lies there:",
        "write the prefix that they have, or change them",
    )


def check_on_link(
    site: Site, network: Network, host: str, key: str, address: Address, problems: Problems
) -> Prefix | None:
    """An address must be inside its network and usable by a host."""
    if not network.prefixes:
        return None
    prefix = network.prefix_of(address)
    prefixes = " or ".join(map(str, network.prefixes))
    if prefix is None:
        problems.add(
            host,
            key,
            address,
            f"is outside network {network.name}",
            f"use an address of {prefixes}",
            cause=_moved(site, network, address.version),
        )
    elif isinstance(prefix, IPv4Network) and prefix.prefixlen < 31:
        if address in (prefix.network_address, prefix.broadcast_address):
            problems.add(
                host,
                key,
                address,
                f"is the network's or the broadcast address of {prefix}",
                "use another one",
            )
    elif address.version == 6 and address == prefix.network_address and prefix.prefixlen < 127:
        problems.add(host, key, address, f"is the anycast address of {prefix}'s routers", "use another one")
    return prefix
