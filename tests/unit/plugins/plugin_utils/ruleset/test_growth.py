# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that the compiler takes: in proportion to the policy."""

from __future__ import annotations

import time

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import OUT, Change


def many(count: int) -> list[dict[str, object]]:
    """Entries of all kinds, as a large site has them."""
    kinds: tuple[dict[str, object], ...] = (
        {},
        {"action": "drop"},
        {"log": True},
        {"counter": True, "limit": "5/minute"},
        {"time": {"from": "22:00", "to": "06:00"}},
    )
    return [
        {
            **OUT,
            "services": ["http", "dns"],
            "sources": [f"10.{i >> 8}.{i & 255}.0/25"],
            "destinations": ["10.200.0.0/16", f"10.100.{i >> 8}.{i & 255}"],
            **kinds[i % len(kinds)],
        }
        for i in range(count)
    ] + [{**OUT, "services": ["ssh"]}]


def seconds(changed: Change, policy: list[dict[str, object]]) -> float:
    hostvars = changed({"all:site_policy": policy})
    begin = time.process_time()
    host_view(load_site(hostvars), "fw-1")
    return time.process_time() - begin


def test_time_grows_in_proportion_to_the_policy(changed: Change) -> None:
    few = min(seconds(changed, many(500)) for _trial in range(3))
    # ten times as many: 10 in proportion, 100 if each were compared with each
    assert seconds(changed, many(5000)) < 25 * few
