# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long runs of plain entries with different actions, as one verdict map for each protocol.

A map has no order, so each port gets the verdict of the first entry that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import OPENS
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import ICMP, Block, Verdicts, braced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    ICMP_REQUESTS,
    WITH_PORTS,
    Service,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.spans import (
    ICMP_KINDS,
    Decided,
    service_spans,
)

# a map has no statements
_VERDICTS = {"accept": "accept", "drop": "drop", "reject": "goto refused"}

REFUSED = Verdicts(
    "refused",
    (
        Block(
            "what an entry rejects",
            ("meta l4proto tcp reject with tcp reset", "reject with icmpx type admin-prohibited"),
        ),
    ),
)


def verdict_maps(
    entries: list[PolicyEntry],
    services: Mapping[str, Service],
    families: Iterable[int],
    translated: bool = False,
) -> Iterator[str]:
    """Write the rules of plain entries, whatever their actions. Ports are those that were asked for, where
    `translated` says that others may be in the packet."""
    decided: dict[str, Decided] = {}
    for entry in entries:
        for protocol, first, last in service_spans([services[name] for name in entry.services]):
            decided.setdefault(protocol, Decided()).decide(first, last, entry.index)
    verdicts = {entry.index: _VERDICTS[entry.action] for entry in entries}
    for protocol in WITH_PORTS:
        if protocol in decided:
            opens = OPENS if protocol == "tcp" else "ct state new"
            ports = (
                f"{first if first == last else f'{first}-{last}'} : {verdicts[index]}"
                for first, last, index in decided[protocol].spans
            )
            port = f"meta l4proto {protocol} ct original proto-dst" if translated else f"{protocol} dport"
            yield f"{opens} {port} vmap {braced(ports)}"
    for family in families if "icmp" in decided else ():
        known = ((ICMP_REQUESTS[ICMP_KINDS[kind]], index) for kind, _last, index in decided["icmp"].spans)
        types = [f"{names[family]} : {verdicts[index]}" for names, index in known if family in names]
        if types:
            yield f"ct state new {ICMP[family]} type vmap {braced(types)}"


def uses_refused(chains: Iterable[Verdicts]) -> bool:
    rules = (rule for chain in chains for block in chain.blocks for rule in block.rules)
    return any(f"goto {REFUSED.name}" in rule for rule in rules)
