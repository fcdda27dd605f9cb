# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check on containers: each fault is really caused, has to be named, and has to go again."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from containers import PREFIX, VIRTUAL, VIRTUAL_6, run
from fault_table import inject, undo
from faults import Findings, by_hand, check_now, dropped, fault, flow, made, wait_for

CONFIG = "/etc/conntrackd/conntrackd.conf"
CACHE, DIRECT = "Off", "On"
"""Values of DisableExternalCache, for the two ways of replication."""
BOTH = [address for leg in zip(VIRTUAL, VIRTUAL_6) for address in leg]
"""The virtual addresses of both families, in the order of the inventory."""


@contextmanager
def replication(mode: str) -> Iterator[None]:
    """Both nodes with an external cache, or without one. There is no takeover in this mode."""
    change = f"sed -i.kept 's/DisableExternalCache .*/DisableExternalCache {mode}/' {CONFIG}"
    try:
        for node in ("fw-1", "fw-2"):
            run(node, f"{change} && systemctl restart conntrackd.service")
        yield
    finally:
        for node in ("fw-1", "fw-2"):
            run(node, f"mv {CONFIG}.kept {CONFIG} && systemctl restart conntrackd.service")


def test_a_pair_that_is_well(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    with flow():
        time.sleep(2)
        seen = status()
    assert seen.findings == set()
    assert "OK" in seen.printed and "no findings" in seen.printed
    first, second = seen.node(primary), seen.node(backup)
    assert (first["vrrp_state"], second["vrrp_state"]) == ("MASTER", "BACKUP")
    assert (first["virtual_addresses"], second["virtual_addresses"]) == (BOTH, [])
    assert first["entries"]["kernel"] >= 1
    for node in (first, second):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node["since"])
        assert node["ruleset"]["same"] is True
        assert 0 <= node["replication"]["silent_seconds"] < 3
        assert abs(node["clock_offset"]) < 1
        assert all(node["versions"].values())


def test_conntrackd_stopped(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    with made("conntrackd_stop_backup", backup):
        # nothing arrives at the primary either, but that follows
        seen = wait_for(status, {("conntrackd-down", backup)})
    assert seen.code == 2
    assert seen.node(backup)["entries"]["internal"] is None


@pytest.mark.long
def test_path_tracking_stopped(roles: tuple[str, str], status: Any) -> None:
    primary, _backup = roles
    with fault(primary, "systemctl stop pair-path.service", "systemctl start pair-path.service"):
        wait_for(status, {("pair-path-down", primary)})


@pytest.mark.long
def test_conntrackd_frozen(roles: tuple[str, str], status: Any) -> None:
    primary, _backup = roles
    with made("conntrackd_stop_signal_primary", primary):
        wait_for(status, {("conntrackd-stopped", primary)})


@pytest.mark.long
@pytest.mark.parametrize("deaf", [0, 1], ids=["to-primary", "to-backup"])
def test_replication_stalled_in_one_direction(roles: tuple[str, str], status: Any, deaf: int) -> None:
    node, peer = roles[deaf], roles[1 - deaf]
    with dropped(node, "udp dport 3780"):
        seen = wait_for(status, {("replication-stalled", None)})
        assert seen.messages("replication-stalled")[0].startswith(
            f"replication from {peer} to {node} is stalled: nothing has arrived for "
        )


@pytest.mark.long
def test_keepalived_frozen(roles: tuple[str, str], status: Any) -> None:
    primary, _backup = roles
    # its guard would kill it
    cause = "systemctl stop pair-guard.service; pkill -STOP -x keepalived"
    with fault(primary, cause, "pkill -CONT -x keepalived; systemctl start pair-guard.service"):
        wait_for(
            status,
            {("keepalived-stopped", primary), ("pair-guard-down", primary), ("two-primaries", None)},
        )


def test_two_primaries(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    # in both directions: a node that hears one of a higher priority gives way
    with dropped(backup, "meta l4proto 112"), dropped(primary, "meta l4proto 112"):
        time.sleep(4)
        seen = status()
    assert ("two-primaries", None) in seen.findings
    assert seen.document["primary"] is None
    assert all(address in seen.messages("two-primaries")[0] for address in BOTH)


@pytest.mark.long
def test_no_primary(roles: tuple[str, str], status: Any) -> None:
    wanted: Findings = {("no-primary", None), *(("keepalived-down", node) for node in roles)}
    try:
        for node in roles:
            run(node, inject("keepalived_stop"))
        wait_for(status, wanted)
    finally:
        for node in roles:
            run(node, undo("keepalived_stop"))


@pytest.mark.long
def test_transition_incomplete(roles: tuple[str, str], status: Any) -> None:
    old, new = roles
    with made("conntrackd_stop_backup", new):
        run(old, "systemctl restart keepalived.service")
        wait_for(status, {("conntrackd-down", new), ("transition-incomplete", new)})


@pytest.mark.long
def test_rule_by_hand(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    cause = "nft insert rule inet ftfw forward tcp dport 23 accept"
    with fault(backup, cause, "systemctl reload ftfw-nftables.service"):
        wait_for(status, {("ruleset-changed", backup)})


@pytest.mark.long
def test_table_missing(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    # the watch brings it back
    cause = "systemctl stop pair-watch.service; nft delete table inet ftfw"
    with fault(backup, cause, "systemctl start pair-watch.service"):
        wait_for(status, {("ruleset-missing", backup), ("pair-watch-down", backup)})


@pytest.mark.long
def test_rulesets_that_differ(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    load = "systemctl reload ftfw-nftables.service"
    rule = "add rule inet ftfw forward tcp dport 23 accept"
    cause = f"cp -p /etc/ftfw/ruleset.nft /root/kept && echo '{rule}' >>/etc/ftfw/ruleset.nft && {load}"
    with fault(backup, cause, f"cp -p /root/kept /etc/ftfw/ruleset.nft && {load}"):
        wait_for(status, {("rulesets-differ", None)})


@pytest.mark.long
def test_version_skew(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    file, own = "/usr/local/lib/ftfw/agent.pyz", run(backup, "pair-state --version").split("+")[1].strip()
    other = "0" * len(own)
    cause = f"cp -p {file} /root/kept && LC_ALL=C sed -i s/{own}/{other}/g {file}"
    with fault(backup, cause, f"cp -p /root/kept {file}"):
        seen = wait_for(status, {("version-skew", None)})
        message = seen.messages("version-skew")[0]
        assert "versions of pair-state differ" in message
        assert f"+{other} on {backup}" in message and f"+{own} on " in message


@pytest.mark.long
def test_failed_unit(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    cause = "systemd-run --quiet --wait --unit broken false || true"
    with fault(backup, cause, "systemctl reset-failed broken.service"):
        seen = wait_for(status, {("unit-failed", backup)})
        assert seen.messages("unit-failed") == ["unit broken.service has failed"]


@pytest.mark.long
def test_sync_link_without_carrier(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles

    def set_link(state: str) -> None:
        run("wires", f"ip link set dev {backup}-eth2 {state}")

    set_link("down")
    try:
        seen = wait_for(status, {("sync-link-down", backup), ("replication-stalled", None)})
        assert len(seen.messages("replication-stalled")) == 2
    finally:
        set_link("up")


def test_node_that_cannot_be_reached(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    subprocess.run(["podman", "pause", f"{PREFIX}-{backup}"], check=True, capture_output=True)
    try:
        time.sleep(6)
        seen = status()
        assert seen.code != 0
        assert {("node-unreachable", backup), ("replication-stalled", None)} == seen.findings
        assert seen.document["primary"] == primary
        assert seen.node(backup)["reachable"] is False
    finally:
        subprocess.run(["podman", "unpause", f"{PREFIX}-{backup}"], check=True, capture_output=True)


@pytest.mark.long
def test_node_without_the_program(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    program = "/usr/local/sbin/pair-health"
    # the timer may have come meanwhile
    cure = f"mv {program}.away {program} && systemctl reset-failed pair-health.service"
    with fault(backup, f"mv {program} {program}.away", cure):
        seen = wait_for(status, {("health-unknown", backup)})
        assert "not found" in seen.messages("health-unknown")[0]


@pytest.mark.long
@pytest.mark.parametrize("mode", [CACHE, DIRECT], ids=["external-cache", "direct"])
def test_flows_that_the_backup_lacks(roles: tuple[str, str], status: Any, mode: str) -> None:
    primary, backup = roles
    with replication(mode):
        wait_for(status, set())
        with flow() as port:
            seen = wait_for(status, set())
            external = seen.node(backup)["entries"]["external"]
            assert (external is None) is (mode == DIRECT)
            for _attempt in range(3):
                # the primary sends its flows again now and then
                lose = "conntrackd -f external" if mode == CACHE else f"conntrack -D -p tcp --sport {port}"
                run(backup, lose)
                if (seen := status()).findings:
                    break
            assert seen.findings == {("caches-differ", None)}
            assert f"{backup} lacks flows that {primary} has to replicate: at least 1" in seen.printed
            run(backup, "conntrackd -n")
            wait_for(status, set())


@pytest.mark.long
def test_flows_that_only_the_backup_has(roles: tuple[str, str], status: Any) -> None:
    """A flow that ends while the primary's daemon is away stays in the external cache."""
    primary, backup = roles
    with replication(CACHE):
        wait_for(status, set())
        with flow() as port:
            wait_for(status, set())
            run(primary, inject("conntrackd_stop_primary"))
        run(primary, f"conntrack -D -p tcp --sport {port}; systemctl start conntrackd.service")
        seen = wait_for(status, {("caches-differ", None)})
        assert seen.messages("caches-differ") == [f"{backup} has flows that {primary} has not: at least 1"]
        run(backup, "conntrackd -f external; conntrackd -n")
        wait_for(status, set())


@pytest.mark.long
def test_lost_messages(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    with by_hand(backup):
        with dropped(backup, "udp dport 3780 numgen random mod 2 0"):
            for _flow in range(3):
                with flow():
                    time.sleep(2)
        seen = status()
        assert ("messages-lost", backup) in seen.findings
        assert seen.node(backup)["replication"]["lost"] > 0
        for _minute in range(2):
            check_now(backup)
