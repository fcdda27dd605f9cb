# SPDX-License-Identifier: GPL-3.0-or-later
"""A fragment's set with a timeout: what came in at run time stays over runs, and a boot empties it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from containers import NODES, other_of, playbook, run, wait
from test_cards import boot
from test_pair import primary, settle

pytestmark = pytest.mark.long
BANS = {4: "bans", 6: "bans6"}
BANNED = {4: ("192.0.2.7", "198.51.100.9"), 6: ("2001:db8:bad::7", "2001:db8:bad::9")}
TEXT = " ".join(
    f"set {name} {{ type ipv{family}_addr; flags timeout; timeout 1h; }}" for family, name in BANS.items()
)
FRAGMENTS = [
    {"place": "table", "text": TEXT.replace(" set", "\nset")},
    {"place": "raw_prerouting", "text": "ip saddr @bans drop\nip6 saddr @bans6 drop"},
]
SITE = ("-e", json.dumps({"site_fragments": FRAGMENTS}))


def elements(node: str) -> dict[str, int]:
    """What is in both sets, and the seconds that each has left."""
    found = {}
    for name in BANS.values():
        listed = json.loads(run(node, f"nft --json list set inet ftfw {name}"))["nftables"]
        for one in next(each["set"] for each in listed if "set" in each).get("elem", []):
            found[one["elem"]["val"]] = one["elem"]["expires"]
    return found


def changed(output: str) -> dict[str, str]:
    return dict(re.findall(r"^(fw-\d) .* changed=(\d+) ", output.split("PLAY RECAP")[1], re.MULTILINE))


@pytest.fixture(autouse=True)
def bans() -> Iterator[None]:
    """The pair with two elements of each family on both nodes: one for an hour, one for ten minutes."""
    done = playbook("playbooks/policy.yml", *SITE)
    assert done.returncode == 0, done.stdout[-3000:]
    settle(primary())
    for node in NODES:
        for family, name in BANS.items():
            long, short = BANNED[family]
            run(node, f"nft 'add element inet ftfw {name} {{ {long}, {short} timeout 10m }}'")
    yield
    done = playbook("playbooks/policy.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    settle(primary())


def test_what_is_banned_stays_over_runs_and_a_boot_empties_it() -> None:
    banned = set(BANNED[4] + BANNED[6])
    before = {node: elements(node) for node in NODES}
    assert all(set(found) == banned for found in before.values()), before
    for book in ("site.yml", "playbooks/policy.yml"):
        done = playbook(book, *SITE)
        assert done.returncode == 0, done.stdout[-3000:]
        assert changed(done.stdout) == dict.fromkeys(NODES, "0"), done.stdout[-3000:]
        for node in NODES:
            after = elements(node)
            assert set(after) == banned, f"{book}: {after}"
            # their time goes on: they were not put back anew
            assert all(left < before[node][one] for one, left in after.items()), (before[node], after)
    # new rules beside them, and a reload of what is kept
    more = [*FRAGMENTS, {"place": "forward", "text": 'tcp dport 5353 drop comment "new"'}]
    done = playbook("playbooks/policy.yml", "-e", json.dumps({"site_fragments": more}))
    assert done.returncode == 0, done.stdout[-3000:]
    for node in NODES:
        assert 'comment "new"' in run(node, "nft list chain inet ftfw forward")
        assert set(elements(node)) == banned
        run(node, "systemctl reload ftfw-nftables.service")
        assert set(elements(node)) == banned
    done = playbook("playbooks/policy.yml", *SITE)
    assert done.returncode == 0, done.stdout[-3000:]
    backup = other_of(primary())
    boot(backup)
    wait(
        "the rules are loaded", lambda: "set bans" in run(backup, "nft list table inet ftfw", check=False), 60
    )
    assert elements(backup) == {}
    assert set(elements(other_of(backup))) == banned
