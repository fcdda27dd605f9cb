# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_source_nat: whom networks see when somebody beyond the pair sends."""

from __future__ import annotations

import re

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import check_data_network
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    MASQUERADE,
    NO_NAT,
    SOURCE_NATS,
    VIRTUAL_ADDRESS,
    Network,
    Site,
    SourceNat,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

_KEY = "site_source_nat"
_WORDS = ", ".join(SOURCE_NATS)
_LITERAL = re.compile(r"[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")


def read_source_nat(reading: Reading) -> SourceNat:
    """Read a word for all networks, or what holds for each; then those that are not named have none."""
    value = reading.shared[_KEY]
    if not isinstance(value.raw, dict):
        if value.given and not isinstance(value.raw, str):
            value.wrong("is no word, and no mapping", f"write one of {_WORDS}, or {{NETWORK: …}}")
            return SourceNat(VIRTUAL_ADDRESS)
        if isinstance(value.raw, str) and _LITERAL.fullmatch(value.raw):
            value.wrong("is an address, which is one network's", f"write {{NETWORK: {value.raw}}}")
            return SourceNat(VIRTUAL_ADDRESS)
        return SourceNat(value.choice(*SOURCE_NATS) or VIRTUAL_ADDRESS)
    return SourceNat(NO_NAT, {name: _shown(one) for name, one in value.entries().items()})


def _shown(value: Value) -> str | tuple[Address, ...]:
    if not value.given or value.raw == []:
        value.wrong("is empty", f"write {_WORDS}, or virtual addresses")
        return NO_NAT
    if isinstance(value.raw, list):
        return value.addresses()
    if isinstance(value.raw, str) and _LITERAL.fullmatch(value.raw):
        address = value.address()
        return () if address is None else (address,)
    return value.choice(*SOURCE_NATS) or NO_NAT


def check_source_nat(checking: Checking) -> None:
    site, problems, warnings = checking.site, checking.problems, checking.warnings
    nat = site.source_nat
    masking = [_KEY] if nat.elsewhere == MASQUERADE else []
    for name, shown in nat.networks.items():
        key = f"{_KEY}.{name}"
        network = check_data_network(site, key, name, problems)
        if network is None:
            continue
        if name not in site.index.pairs_on:
            problems.add(SITE, key, name, "has no virtual router", "name a network that a pair stands on")
        elif isinstance(shown, tuple):
            _check_addresses(site, key, network, shown, problems)
        elif shown == MASQUERADE:
            masking.append(key)
    for key in masking:
        warnings.add(
            SITE,
            key,
            MASQUERADE,
            "the nodes show an address of their own, so that no flow survives a takeover",
            f"write {VIRTUAL_ADDRESS}",
        )


def _check_addresses(
    site: Site, key: str, network: Network, shown: tuple[Address, ...], problems: Problems
) -> None:
    pairs = site.index.pairs_on.get(network.name, [])
    virtual = [one for pair in pairs for one in pair.virtual_addresses(network.name)]
    for pair in pairs:
        own = [one for one in pair.virtual_addresses(network.name) if one in shown]
        if not own and all(one in virtual for one in shown):
            problems.add(
                SITE,
                key,
                ", ".join(map(str, shown)),
                f"pair {pair.name} has none of them",
                "name one of its own, too",
            )
        for address in own:
            if [one.version for one in own].count(address.version) > 1:
                problems.add(
                    SITE, key, address, "is one of several of its family", "name one address of each family"
                )
    for address in shown:
        if not network.prefixes_of_family(address.version):
            problems.add(
                SITE,
                key,
                address,
                f"network {network.name} has no prefix of IPv{address.version}",
                "leave it out, or give the network a prefix of that family",
            )
        elif address not in virtual:
            problems.add(
                SITE,
                key,
                address,
                f"is no virtual address on network {network.name}",
                f"those are: {', '.join(map(str, virtual))}",
            )


SECTION = Section(
    variables=(_KEY,),
    reads={"source_nat": read_source_nat},
    against=("site_networks", "site_pairs"),
    check=check_source_nat,
)
