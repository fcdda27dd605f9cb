# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that would lock the controller out, over the ssh that it comes by."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel import Ansible

NODE, SECONDS = "fw-2", 40
RULES = "nft --stateless list table inet ftfw"
# without what a node's role and its balancers put into sets and maps
KEPT = "nft --stateless --terse list table inet ftfw"
BOOT = "cat /etc/ftfw/ruleset.nft"
UNREACHABLE = 4


@pytest.fixture
def shut(guest: Callable[[str], Any]) -> dict[str, Any]:
    """What replaces the node's rules by some that let nobody in anew."""
    rules: str = guest(NODE).check_output(RULES)
    changed = rules.replace("tcp dport 22 accept", "tcp dport 2222 accept")
    assert changed != rules
    return {"table": "ftfw", "text": f"{changed}\n"}


def told(output: str) -> str:
    """What Ansible says, which it folds."""
    return " ".join(output.split())


def test_rules_that_would_lock_the_controller_out_are_refused(
    guest: Callable[[str], Any], ansible: Ansible, shut: dict[str, Any]
) -> None:
    before = guest(NODE).check_output(KEPT), guest(NODE).check_output(BOOT)
    said = told(ansible("ansible", NODE, "-m", "ftfw.pair.nft_ruleset", "-a", json.dumps(shut), code=2))
    assert "it would lock the controller out" in said
    assert "to 10.255.0.2 port 22 on mgmt0 would end in: drop" in said
    assert (guest(NODE).check_output(KEPT), guest(NODE).check_output(BOOT)) == before


def test_what_no_new_connection_confirms_goes_and_sessions_live_on(
    guest: Callable[[str], Any], ansible: Ansible, shut: dict[str, Any], ssh_config: Path
) -> None:
    before = guest(NODE).check_output(KEPT), guest(NODE).check_output(BOOT)
    module = ("ansible", NODE, "-m", "ftfw.pair.nft_ruleset", "-a")
    # a connection of its own, and not one that is shared
    words = ["ssh", "-F", str(ssh_config), "-o", "ControlPath=none", NODE, "while date +%s; do sleep 1; done"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as session:
        try:
            assert session.stdout is not None
            stamps = [int(session.stdout.readline())]
            said = told(ansible(*module, json.dumps({**shut, "lockout": "allowed", "confirm": SECONDS})))
            assert "waits: true" in said
            began = time.monotonic()
            said = told(ansible(*module, json.dumps({**shut, "state": "confirmed"}), code=UNREACHABLE))
            assert "UNREACHABLE!" in said
            time.sleep(max(0.0, began + SECONDS + 10 - time.monotonic()))
            # over a new connection
            assert "SUCCESS" in ansible("ansible", NODE, "-m", "ansible.builtin.ping")
            assert (guest(NODE).check_output(KEPT), guest(NODE).check_output(BOOT)) == before
            assert session.poll() is None
        finally:
            session.terminate()
        stamps += map(int, session.stdout)
    # it went on while nobody could come in
    assert stamps[-1] - stamps[0] > SECONDS
    assert max(later - earlier for earlier, later in itertools.pairwise(stamps)) < 10
    assert guest(NODE).check_output("systemctl --failed --plain --no-legend") == ""
    said = told(ansible(*module, json.dumps({**shut, "state": "confirmed"}), code=2))
    assert "the old rules are back" in said
