# SPDX-License-Identifier: GPL-3.0-or-later
"""A node whose rules can't be loaded forwards nothing and takes no role, until they can."""

from __future__ import annotations

from containers import other_of, run, wait
from test_pair import is_primary, primary, settle

RULES = "/etc/ftfw/ruleset.nft"


def state(node: str, unit: str) -> str:
    return run(node, f"systemctl is-active {unit}", check=False).strip()


def test_a_node_without_rules_is_closed_and_takes_no_role() -> None:
    node = other_of(primary())
    settle(other_of(node))
    run(node, f"cp -p {RULES} /root/kept.nft && echo nonsense >>{RULES}")
    try:
        # pair-watch has it loaded as at a boot
        run(node, "nft delete table inet ftfw")
        wait("the unit has failed", lambda: state(node, "ftfw-nftables.service") == "failed")
        assert "the ruleset can not be loaded" in run(
            node, "journalctl -b -u ftfw-nftables -p crit --no-pager"
        )
        table = run(node, "nft list table inet ftfw")
        assert table.count("policy drop") == 2
        wait("keepalived has stopped", lambda: state(node, "keepalived.service") == "inactive")
        run(node, "systemctl start keepalived.service", check=False)
        assert state(node, "keepalived.service") == "inactive"
        # a reload that fails changes nothing
        run(node, "systemctl reload ftfw-nftables.service", check=False)
        assert run(node, "nft list table inet ftfw") == table
    finally:
        run(node, f"mv /root/kept.nft {RULES}; systemctl restart ftfw-nftables; systemctl start keepalived")
    assert is_primary(other_of(node))
    settle(other_of(node))
    assert run(node, "systemctl --failed --no-legend") == ""


def test_a_reload_keeps_the_counts() -> None:
    node = primary()
    run(node, "nft reset counters table inet ftfw >/dev/null")
    counted = "counter probed { packets 7 bytes 420 }"
    run(node, f"sed 's/counter probed {{}}/{counted}/' {RULES} | nft -f -")
    run(node, "systemctl reload ftfw-nftables.service")
    assert "packets 7 bytes 420" in run(node, "nft list counter inet ftfw probed")
    settle(node)
