# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that come to both nodes in order, or to none; what nobody confirms goes again by itself."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest
from containers import NODES, PROJECT, other_of, playbook, run, wait
from fault_table import inject, undo
from test_pair import Flow, primary, settle

RULES = "{{ site_view.nftables.ruleset | replace('%s', '%s') }}"
TABLE = "nft --stateless list table inet ftfw"
OF_THE_ROLE = re.compile(r"\tset offload_shut {.*?\n\t}\n", re.DOTALL)
BOOT = "cat /etc/ftfw/ruleset.nft"
SECONDS = 12
"""Until the old rules come back."""


def rules(old: str, new: str) -> tuple[str, str]:
    """An option that gives each node its own rules, with something else in the place of `old`."""
    return "-e", json.dumps({"nftables_ruleset": RULES % (old, new)})


def kept() -> list[str]:
    return [run(node, BOOT) for node in NODES]


def tables() -> list[str]:
    """What the kernels have; what was made anew comes last there.

    Without the counts, and without the set that tells a backup from a primary.
    """
    tables = [OF_THE_ROLE.sub("", run(node, TABLE)) for node in NODES]
    return ["\n".join(sorted(table.splitlines())) for table in tables]


def come_back(was: list[str]) -> None:
    """Wait until the old rules are in force on both nodes."""
    end = time.monotonic() + SECONDS + 5
    while (now := tables()) != was:
        if time.monotonic() > end:
            lines = [unified_diff(*(table.splitlines() for table in each), n=0) for each in zip(was, now)]
            pytest.fail("the old rules are not back:\n" + "\n".join(line for node in lines for line in node))
        time.sleep(0.1)


@pytest.fixture(autouse=True, scope="module")
def rules_of_the_site() -> Iterator[None]:
    """What the last test has changed is none of the next file's business."""
    yield
    done = playbook("playbooks/policy.yml")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture(autouse=True)
def yardstick() -> float:
    """Seconds that a run takes that changes nothing; all is as before then."""
    started = time.monotonic()
    done = playbook("playbooks/policy.yml")
    took = time.monotonic() - started
    assert done.returncode == 0, done.stdout[-3000:]
    settle(primary())
    return took


def test_a_change_comes_to_both_and_a_second_run_changes_nothing(yardstick: float) -> None:
    flow, before = Flow(60), primary()
    started = time.monotonic()
    changed = rules("dport 53 ct state new", "dport { 53, 5353 } ct state new")
    done = playbook("playbooks/policy.yml", *changed)
    took = time.monotonic() - started
    assert done.returncode == 0, done.stdout[-3000:]
    assert all("5353" in table for table in tables() + kept())
    assert took < 3 * yardstick, f"{took:.0f} s, where nothing to change takes {yardstick:.0f}"
    for node, table in zip(NODES, tables()):
        told = f"{node}: the kernel has no flowtables, so no flow is offloaded" in done.stdout
        assert told == ("flow add @" not in table)
    again = playbook("playbooks/policy.yml", *changed)
    recap = again.stdout.split("PLAY RECAP")[1]
    assert re.findall(r"^(fw-\d) .* changed=(\d+) ", recap, re.MULTILINE) == [("fw-1", "0"), ("fw-2", "0")], (
        recap
    )
    moment = time.time()
    wait("the flow lives", lambda: flow.echoes_after(moment) > 5)
    assert primary() == before
    assert [run(node, "ls /run/nft-ruleset/inet-ftfw/pending.json", check=False) for node in NODES] == [
        "",
        "",
    ]


@pytest.mark.long
def test_a_backup_that_hears_no_adverts_keeps_the_primary_from_the_rules() -> None:
    before, was, boots = primary(), tables(), kept()
    # the policy's test would not let them pass
    deaf = (*rules("112 accept", "112 drop"), "-e", "policy_test_first=false")
    done = playbook("playbooks/policy.yml", *deaf, "-e", f"nft_ruleset_confirm={SECONDS}")
    assert done.returncode != 0
    assert "under the new rules it does not hear the other node's adverts" in done.stdout
    assert tables()[NODES.index(before)] == was[NODES.index(before)]
    assert kept() == boots
    come_back(was)
    settle(primary())


@pytest.mark.long
def test_a_backup_that_lacks_flows_keeps_the_primary_from_the_rules() -> None:
    before, was, boots = primary(), tables(), kept()
    run(other_of(before), inject("conntrackd_stop_backup"))
    try:
        changed = rules("dport 53 ct state new", "dport { 53, 5353 } ct state new")
        done = playbook("playbooks/policy.yml", *changed, "-e", f"nft_ruleset_confirm={SECONDS}")
        assert done.returncode != 0
        assert "See that its backup has all flows under the new rules" in done.stdout
        assert tables()[NODES.index(before)] == was[NODES.index(before)]
        assert kept() == boots
        come_back(was)
    finally:
        run(other_of(before), undo("conntrackd_stop_backup"))
    settle(before)


@pytest.mark.long
def test_what_nobody_confirms_goes_from_both_and_flows_live_on(tmp_path: Path) -> None:
    """The controller dies after it has changed both nodes."""
    flow, was, boots = Flow(60), tables(), kept()
    rules_here = RULES % ("dport 53 ct state new", "dport 5353 ct state new")
    if "flow add @" not in was[0]:
        # the kernel has no flowtables
        rules_here = f"{{{{ ({rules_here[3:-3]} | ftfw.pair.ruleset_source).without_flowtables.text }}}}"
    play = [
        {"import_playbook": str(PROJECT / "playbooks/site_model.yml")},
        {
            "hosts": "site_firewalls",
            "gather_facts": False,
            "tasks": [
                {
                    "ftfw.pair.nft_ruleset": {
                        "table": "ftfw",
                        "confirm": SECONDS,
                        "text": rules_here,
                    }
                },
            ],
        },
    ]
    file = PROJECT / "build" / f"{tmp_path.name}.yml"
    file.write_text(json.dumps(play))
    try:
        done = playbook(str(file))
    finally:
        file.unlink()
    assert done.returncode == 0, done.stdout[-3000:]
    assert all("5353" in table for table in tables())
    assert kept() == boots, "a boot would have the old rules"
    for node in NODES:
        assert "nft-ruleset-inet-ftfw" in run(node, "systemctl list-timers --no-legend")
    moment = time.time()
    wait("the flow lives", lambda: flow.echoes_after(moment) > 5)
    come_back(was)
    assert kept() == boots
    moment = time.time()
    wait("the flow lives on", lambda: flow.echoes_after(moment) > 5)
    for node in NODES:
        assert run(node, "systemctl --failed --no-legend") == ""
