# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check on containers: each fault is really caused, has to be named, and has to go again."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from containers import METRICS, PORT, PREFIX, SERVER, VIRTUAL, playbook, run

CONFIG = "/etc/conntrackd/conntrackd.conf"
CACHE, DIRECT = "Off", "On"
"""Values of DisableExternalCache, for the two ways of replication."""

Findings = set[tuple[str, "str | None"]]


class Status:
    """What `playbooks/status.yml` says and writes, now."""

    def __init__(self, folder: Path) -> None:
        path = folder / "status.json"
        path.unlink(missing_ok=True)
        done = playbook("playbooks/status.yml", "-e", f"status_json={path}")
        self.code, self.printed = done.returncode, done.stdout
        assert path.exists(), done.stdout[-3000:] + done.stderr
        self.document: dict[str, Any] = json.loads(path.read_text())
        assert self.document["healthy"] is (self.code == 0), self.printed
        for finding in self.document["findings"]:
            assert finding["message"] in self.printed

    @property
    def findings(self) -> Findings:
        return {(finding["id"], finding["node"]) for finding in self.document["findings"]}

    def messages(self, identity: str) -> list[str]:
        return [each["message"] for each in self.document["findings"] if each["id"] == identity]

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.document["nodes"] if node["node"] == name)


@pytest.fixture
def status(tmp_path: Path) -> Any:
    return lambda: Status(tmp_path)


def wait_for(status: Any, wanted: Findings, seconds: float = 30) -> Status:
    """Look until exactly these findings are there."""
    end = time.monotonic() + seconds
    while (now := status()).findings != wanted:
        assert time.monotonic() < end, (
            f"{now.findings}, not {wanted}, for {seconds} s: {now.document['problems']}"
        )
        time.sleep(1)
    return now


def settle(status: Any, seconds: float = 30) -> Status:
    """Look until there are no findings."""
    end = time.monotonic() + seconds
    while found := (now := status()).findings:
        assert time.monotonic() < end, f"not well: {now.document['problems']}"
        if {identity for identity, _node in found} == {"messages-lost"}:
            # a finding for two intervals of the timer, which nothing else shortens
            for node in ("fw-1", "fw-2", "fw-1", "fw-2"):
                check_now(node)
        time.sleep(1)
    return now


@pytest.fixture
def roles(status: Any) -> Iterator[tuple[str, str]]:
    """Primary and backup of a pair that is well before the test, and has to be well again after it."""
    primary: str = settle(status).document["primary"]
    yield primary, {"fw-1": "fw-2", "fw-2": "fw-1"}[primary]
    settle(status)


@contextmanager
def fault(host: str, cause: str, cure: str) -> Iterator[None]:
    run(host, cause)
    try:
        yield
    finally:
        run(host, cure)


@contextmanager
def dropped(host: str, matches: str) -> Iterator[None]:
    """Packets that come to the host and match are dropped, in a table that has nothing to do with ours."""
    chain = "nft add chain inet fault input '{ type filter hook prerouting priority -400; }'"
    cause = f"nft add table inet fault && {chain} && nft add rule inet fault input {matches} drop"
    with fault(host, cause, "nft delete table inet fault"):
        yield


@contextmanager
def flow(seconds: int = 60) -> Iterator[str]:
    """A TCP connection from the client through the pair, while the block runs; its source port."""
    command = f"python3 /root/traffic.py client {SERVER} {PORT} {seconds} /tmp/flow"
    run("client", f"systemd-run --quiet --unit flow --collect {command}")
    try:
        end = time.monotonic() + 10
        while not (
            found := re.search(
                r"192\.168\.2\.3:(\d+) ", run("client", "ss -tnH state established dport = :7")
            )
        ):
            assert time.monotonic() < end, "no flow"
            time.sleep(0.2)
        yield found[1]
    finally:
        run("client", "systemctl stop flow.service", check=False)


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


def check_now(node: str) -> None:
    """What the timer does each minute; the timer itself is stopped so that nothing comes between."""
    run(node, "systemctl start pair-health.service")


def logged(node: str, priority: str, words: str) -> list[str]:
    command = f"journalctl --quiet --output=cat --unit pair-health.service --priority={priority}..{priority}"
    return [line for line in run(node, command).splitlines() if words in line]


@contextmanager
def by_hand(*nodes: str) -> Iterator[None]:
    """The check of these nodes runs when a test wants it, and has run before."""
    try:
        for node in nodes:
            run(node, "systemctl stop pair-health.timer")
            check_now(node)
        yield
    finally:
        for node in nodes:
            run(node, "systemctl start pair-health.timer")


def test_a_pair_that_is_well(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    with flow():
        time.sleep(2)
        seen = status()
    assert seen.findings == set()
    assert "OK" in seen.printed and "no findings" in seen.printed
    first, second = seen.node(primary), seen.node(backup)
    assert (first["vrrp_state"], second["vrrp_state"]) == ("MASTER", "BACKUP")
    assert (first["virtual_addresses"], second["virtual_addresses"]) == (list(VIRTUAL), [])
    assert first["entries"]["kernel"] >= 1
    for node in (first, second):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node["since"])
        assert node["ruleset"]["same"] is True
        assert 0 <= node["replication"]["silent_seconds"] < 3
        assert abs(node["clock_offset"]) < 1
        assert all(node["versions"].values())


def test_conntrackd_stopped(roles: tuple[str, str], status: Any) -> None:
    _primary, backup = roles
    with fault(backup, "systemctl stop conntrackd.service", "systemctl start conntrackd.service"):
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
    with fault(primary, "pkill -STOP -x conntrackd", "pkill -CONT -x conntrackd"):
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
    with dropped(backup, "ip protocol 112"), dropped(primary, "ip protocol 112"):
        time.sleep(4)
        seen = status()
    assert ("two-primaries", None) in seen.findings
    assert seen.document["primary"] is None
    assert all(address in seen.messages("two-primaries")[0] for address in VIRTUAL)


@pytest.mark.long
def test_no_primary(roles: tuple[str, str], status: Any) -> None:
    wanted: Findings = {("no-primary", None), *(("keepalived-down", node) for node in roles)}
    try:
        for node in roles:
            run(node, "systemctl stop keepalived.service")
        wait_for(status, wanted)
    finally:
        for node in roles:
            run(node, "systemctl start keepalived.service")


@pytest.mark.long
def test_transition_incomplete(roles: tuple[str, str], status: Any) -> None:
    old, new = roles
    with fault(new, "systemctl stop conntrackd.service", "systemctl start conntrackd.service"):
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
    with fault(backup, "nft delete table inet ftfw", "systemctl reload ftfw-nftables.service"):
        wait_for(status, {("ruleset-missing", backup)})


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
    program = "/usr/local/sbin/pair-state"
    with fault(backup, f"cp -p {program} /root/kept && echo >>{program}", f"cp -p /root/kept {program}"):
        seen = wait_for(status, {("version-skew", None)})
        assert "versions of pair-state differ" in seen.messages("version-skew")[0]


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
    with fault(backup, f"mv {program} {program}.away", f"mv {program}.away {program}"):
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
            run(primary, "systemctl stop conntrackd.service")
        run(primary, f"conntrack -D -p tcp --sport {port}; systemctl start conntrackd.service")
        seen = wait_for(status, {("caches-differ", None)})
        assert seen.messages("caches-differ") == [f"{backup} has flows that {primary} has not: at least 1"]
        run(backup, "conntrackd -f external; conntrackd -n")
        wait_for(status, set())


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
        with dropped(roles[0], "ip protocol 112"), dropped(roles[1], "ip protocol 112"):
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
