# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check of the nodes' own timer on containers: what it finds, logs and writes as metrics."""

from __future__ import annotations

import json
import re
import time

import pytest
from containers import METRICS, run
from faults import by_hand, check_now, dropped, fault, flow, logged


@pytest.mark.long
def test_timer_logs_each_finding_once_and_that_it_is_gone(roles: tuple[str, str]) -> None:
    _primary, backup = roles
    with by_hand(backup):
        before = len(logged(backup, "err", "ruleset-changed"))
        gone = len(logged(backup, "notice", "ruleset-changed: gone"))
        with fault(
            backup,
            "nft insert rule inet ftfw forward tcp dport 23 accept",
            "systemctl reload ftfw-nftables.service",
        ):
            for _minute in range(3):
                check_now(backup)
            assert len(logged(backup, "err", "ruleset-changed")) == before + 1
            assert 'ftfw_health_findings{pair="ftfw"' in run(backup, f"cat {METRICS}")
        check_now(backup)
        check_now(backup)
        assert len(logged(backup, "notice", "ruleset-changed: gone")) == gone + 1
        assert "ftfw_health_findings" not in run(backup, f"cat {METRICS}")


def compare_now(node: str) -> None:
    """The same with the flows, also where that has just taken long."""
    run(node, """sed -i 's/"compared": .*/"compared": {}}/' /run/pair-health/memory.json""")
    check_now(node)


def test_timer_finds_two_primaries(roles: tuple[str, str]) -> None:
    with by_hand(*roles):
        before = [len(logged(node, "err", "two-primaries")) for node in roles]
        with dropped(roles[0], "meta l4proto 112"), dropped(roles[1], "meta l4proto 112"):
            time.sleep(4)
            for node in roles:
                check_now(node)
        after = [logged(node, "err", "two-primaries") for node in roles]
        assert [len(lines) for lines in after] == [count + 1 for count in before]
        assert all("two primaries: fw-1 and fw-2 have 192.168.2.100" in lines[-1] for lines in after)


@pytest.mark.long
def test_timer_finds_flows_that_the_backup_lacks(roles: tuple[str, str]) -> None:
    primary, backup = roles
    with by_hand(*roles), flow() as port:
        compare_now(backup)
        before = len(logged(backup, "err", "caches-differ"))
        for _attempt in range(3):
            # the primary sends its flows again now and then
            run(backup, f"conntrack -D -p tcp --sport {port}", check=False)
            compare_now(backup)
            if len(found := logged(backup, "err", "caches-differ")) > before:
                break
        assert f"{backup} lacks flows that {primary} has to replicate: at least 1" in found[-1]
        check_now(primary)
        assert "caches-differ" not in run(primary, "cat /run/pair-health/memory.json")
        gone = len(logged(backup, "notice", "caches-differ: gone"))
        run(backup, "conntrackd -n")
        time.sleep(2)
        compare_now(backup)
        assert len(logged(backup, "notice", "caches-differ: gone")) == gone + 1


@pytest.mark.long
def test_timer_tells_of_a_peer_that_does_not_answer(roles: tuple[str, str]) -> None:
    primary, backup = roles
    with (
        by_hand(backup),
        fault(primary, "systemctl stop pair-health.socket", "systemctl start pair-health.socket"),
    ):
        before = len(logged(backup, "err", "node-unreachable"))
        for _minute in range(2):
            check_now(backup)
        found = logged(backup, "err", "node-unreachable")
        assert len(found) == before + 1
        assert f"{primary}: can't be asked for its state: " in found[-1]
        assert found[-1].endswith("TCP port 3783: Connection refused")


@pytest.mark.long
def test_timer_without_a_ruleset_cache(roles: tuple[str, str]) -> None:
    """The confined check can make the namespace itself in which it lists the file's table."""
    _primary, backup = roles
    run(backup, "systemctl stop pair-health.timer; rm -f /run/pair-health/ruleset.json")
    check_now(backup)
    run(backup, "systemctl start pair-health.timer")
    assert "listing" in json.loads(run(backup, "cat /run/pair-health/ruleset.json"))


@pytest.mark.long
def test_metrics(roles: tuple[str, str]) -> None:
    primary, backup = roles
    for node, state in ((primary, "master"), (backup, "backup")):
        check_now(node)
        text = run(node, f"cat {METRICS}")
        assert f'ftfw_pair_state{{pair="ftfw",node="{node}",state="{state}"}} 1\n' in text
        assert f'ftfw_ruleset_loaded{{pair="ftfw",node="{node}"}} 1\n' in text
        assert re.search(r'^ftfw_conntrack_entries{[^}]*table="kernel"} \d+$', text, re.MULTILINE)
        families = re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.MULTILINE)
        assert len(families) == len(set(families)) >= 15
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r'\w+\{\w+="[^"]*"(,\w+="[^"]*")*\} \d+(\.\d+)?', line) for line in samples)
        assert {line.partition("{")[0] for line in samples} == set(families)


@pytest.mark.long
def test_timer_on_a_node_without_space(roles: tuple[str, str]) -> None:
    """The check itself must not be what fails there; what it can't keep is told."""
    _primary, backup = roles
    size = "$(($(df --output=used -k /run | tail -n 1) + 8))k"
    fill = f"mount -o remount,size={size} /run; cat /dev/zero >/run/fill"
    with by_hand(backup):
        before = len(logged(backup, "warning", "No space left on device"))
        with fault(backup, f"{fill} 2>/dev/null; true", "rm -f /run/fill; mount -o remount,size=50% /run"):
            check_now(backup)
        found = logged(backup, "warning", "No space left on device")
        assert len(found) > before
        assert "/run/pair-health/memory.json: can't be written" in found[before]
        check_now(backup)
