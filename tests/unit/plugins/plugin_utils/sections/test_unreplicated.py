# SPDX-License-Identifier: GPL-3.0-or-later
"""What a takeover ends is warned of, with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site

END = (
    "are not replicated, and end with a takeover; "
    "nothing, if they may be opened again; otherwise a service over TCP, UDP or ESP"
)
PPTP = {"from": "inside", "to": "outside", "services": ["ssh", "pptp"]}


@pytest.mark.parametrize(
    ("key", "value", "lines"),
    [
        pytest.param(
            "site_policy",
            [PPTP],
            [f"all: site_policy[0].services: pptp: its flows of GRE {END}"],
            id="entry",
        ),
        pytest.param(
            "site_policy",
            [{**PPTP, "services": ["ssh"]}, {**PPTP, "services": ["pptp"], "action": "drop"}],
            [],
            id="dropped",
        ),
        pytest.param("site_policy", [{**PPTP, "services": "any"}], [], id="any"),
        pytest.param(
            "site_port_forwards",
            [{"to": "outside", "service": "pptp", "host": "client"}],
            [f"all: site_port_forwards[0].service: pptp: its flows of GRE {END}"],
            id="port-forward",
        ),
        pytest.param(
            "site_fragments",
            [{"place": "forward", "text": "meta l4proto gre accept\nmeta l4proto udplite accept"}],
            [
                f"all: site_fragments[0]: gre: its flows of GRE {END}",
                f"all: site_fragments[0]: udplite: its flows of UDP-Lite {END}",
            ],
            id="fragment",
        ),
        pytest.param(
            "site_fragments",
            [{"place": "forward", "text": "ip protocol { 50, 47 } accept"}],
            [f"all: site_fragments[0]: 47: its flows of GRE {END}"],
            id="number",
        ),
        pytest.param(
            "site_fragments",
            [
                {
                    "place": "forward",
                    "text": 'tcp dport 47 accept comment "gre" # gre\nmeta l4proto esp accept',
                }
            ],
            [],
            id="others",
        ),
    ],
)
def test_warnings(
    changed: Callable[[dict[str, object]], dict[str, dict[str, Any]]],
    key: str,
    value: object,
    lines: list[str],
) -> None:
    found = load_site(changed({f"all:{key}": value})).warnings
    assert [line for line in found if "takeover" in line] == lines
