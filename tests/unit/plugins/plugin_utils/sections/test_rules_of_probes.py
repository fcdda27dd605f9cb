# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of probes: each is one line that names host, key and value."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    FORWARD,
    PROBES,
    Change,
    errors,
)

CASES: dict[str, tuple[dict[str, object], str]] = {
    "probe on an unknown host": (
        {"all:site_probes": {**PROBES, "server": "omarin"}},
        "all: site_probes.server: omarin: is not in the inventory; did you mean omarine?",
    ),
    "probe without a server": (
        {"all:site_probes": {"client": "client"}},
        "all: site_probes.server: (empty): is missing; server is required here",
    ),
    "probe on a firewall": (
        {"all:site_probes": {**PROBES, "client": "fw-1"}},
        "all: site_probes.client: fw-1: is a firewall; name a host on one side of the pair",
    ),
    "probe port out of range": (
        {"all:site_probes": {**PROBES, "forward": {"udp": 70000}}},
        "all: site_probes.forward.udp: 70000: is out of range; use 1 to 65535",
    ),
    "probe port given twice": (
        {"all:site_probes": {**PROBES, "tcp": 21}},
        "all: site_probes.ftp: 21: tcp has this port on the server too; give each a port of its own",
    ),
    "probe that sends too much": (
        {"all:site_probes": {**PROBES, "rate": 5000}},
        "all: site_probes.rate: 5000: is out of range; use 10 to 1000",
    ),
    "probe without slack": (
        {"all:site_probes": {**PROBES, "slack": 0}},
        "all: site_probes.slack: 0: is out of range; use 1 to 10",
    ),
    "probe port that is forwarded already": (
        {
            "all:site_probes": {**PROBES, "forward": {"tcp": 80}},
            "all:site_port_forwards": [FORWARD],
        },
        "all: site_probes.forward.tcp: 80: site_port_forwards[0] has this port of 192.168.0.100; "
        "use another one",
    ),
    "probe on a host that is on no data network": (
        {"all:site_probes": PROBES, "client:node_interfaces.eth0.addresses": []},
        "all: site_probes.client: client: has no address on a data network; name a host on inside or outside",
    ),
    "probe against the policy's direction": (
        {"all:site_probes": {"client": "omarine", "server": "client"}},
        "all: site_probes: omarine to client: no policy entry leads from one to the other, in a family that "
        "both have; name hosts on the networks of an entry, client on from and server on to",
    ),
    "misspelt probe option": (
        {"all:site_probes": {**PROBES, "forwards": {}}},
        "all: site_probes.forwards: {}: unknown option; did you mean forward?",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CASES.values(), ids=CASES)
def test_bad_input(changed: Change, changes: dict[str, object], line: str) -> None:
    found = errors(changed(changes))
    assert line in found
