# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that boots with names on the wrong cards mends them, or configures no data card and says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from containers import PREFIX, PROJECT, run, wait
from faults import wait_for
from pings import pinged

pytestmark = pytest.mark.long
WIRES = {
    "fw-1": {"eth0": ("12:34:56:78:9a:01", "outside"), "eth1": ("12:34:56:78:9a:11", "inside")},
    "fw-2": {"eth0": ("12:34:56:78:9a:02", "outside"), "eth1": ("12:34:56:78:9a:12", "inside")},
}
SYNC = {"fw-1": ("12:34:56:78:9a:21", "sync"), "fw-2": ("12:34:56:78:9a:22", "sync")}
WAITS = """
[Unit]
DefaultDependencies=no
Before=ftfw-cards.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for i in $(seq 300); do ip link show dev eth2 && exit; sleep 0.1; done; exit 1'
[Install]
RequiredBy=ftfw-cards.service
"""
"""A container gets its wires after it has started; a machine has its cards when it boots."""
REFUSED = "[Service]\\nCapabilityBoundingSet=~CAP_NET_ADMIN\\n"
"""The kernel refuses every new name."""
NETWORKD = "systemctl is-active systemd-networkd.service"
DROP_IN = "/etc/systemd/system/ftfw-cards.service.d"


def boot(node: str, swapped: bool = False, mute: bool = False) -> None:
    """Start the node anew. Swapped, its data cards have each other's name; mute, none is configured."""
    cards: Mapping[str, tuple[str, str]] = WIRES[node]
    if swapped:
        cards = dict(zip(cards, reversed(cards.values())))
    ends = ["/".join((node, name, *card)) for name, card in {**cards, "eth2": SYNC[node]}.items()]
    wire = ["sh", str(PROJECT / "roles/lab/files/wire-nodes"), PREFIX, "wires", *ends]
    for words in (["podman", "kill", f"{PREFIX}-{node}"], ["podman", "start", f"{PREFIX}-{node}"], wire):
        subprocess.run(words, check=True, capture_output=True, env=os.environ)
    if mute:
        # it would wait two minutes for the first card that is configured
        wait("networkd runs", lambda: run(node, NETWORKD, False).strip() == "active", 60)
        run(node, "systemctl stop systemd-networkd-wait-online.service")
    ended = ("running", "degraded")
    wait(f"{node} has booted", lambda: run(node, "systemctl is-system-running", False).strip() in ended, 60)


@contextmanager
def booted(node: str, named: bool) -> Iterator[None]:
    """The node boots with swapped names, which it may mend, or not; afterwards it boots as it was."""
    run(
        node,
        f"printf '%s' \"{WAITS}\" >/etc/systemd/system/test-wires.service".replace("$(", "\\$(").replace(
            "$i", "\\$i"
        ),
    )
    run(node, "systemctl enable --quiet test-wires.service")
    if not named:
        run(node, f"mkdir {DROP_IN} && printf '{REFUSED}' >{DROP_IN}/refused.conf")
    try:
        boot(node, swapped=True, mute=not named)
        yield
    finally:
        gone = (
            f"systemctl disable --quiet test-wires; rm -rf {DROP_IN} /etc/systemd/system/test-wires.service"
        )
        run(node, gone)
        boot(node)


def macs(node: str) -> dict[str, str]:
    listed = [line.split() for line in run(node, "ip -brief link show").splitlines()]
    return {words[0].partition("@")[0]: words[2] for words in listed}


def test_swapped_names_are_given_right(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    with booted(backup, named=True):
        found = macs(backup)
        assert {name: found[name] for name in ("eth0", "eth1")} == {
            name: mac for name, (mac, _network) in WIRES[backup].items()
        }
        assert wait_for(status, set(), 60).document["primary"] == primary


def test_a_name_on_the_wrong_card_keeps_all_data_cards_off(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    (outside, _network), (inside, _other) = WIRES[backup].values()
    wrong = {
        f"eth0 is the card {inside}, and not {outside}",
        f"eth1 is the card {outside}, and not {inside}",
        f"the card {outside} is called eth1, and not eth0",
        f"the card {inside} is called eth0, and not eth1",
    }
    with pinged() as pings:
        with booted(backup, named=False):
            assert macs(backup)["eth0"] == inside
            for card in ("eth0", "eth1", "eth2"):
                assert run(backup, f"ip -oneline address show dev {card} scope global") == ""
            logged = run(
                backup, "journalctl --boot --quiet --output=cat --unit ftfw-cards.service --priority=err"
            )
            assert {f"{each}: no data card of this node is configured" for each in wrong} <= set(
                logged.splitlines()
            )
            assert run(backup, "systemctl is-active keepalived.service", check=False).strip() != "active"
            assert run(backup, "nft list table inet ftfw").count("policy drop") == 2
            said = status()
            named = {
                message.rpartition(": ")[0].removeprefix(f"{backup}: ")
                for message in said.messages("card-name")
            }
            assert named == wrong, said.document["problems"]
            assert said.document["primary"] == primary
        gaps = pings.gaps()
    assert max(gaps.values()) < 1, gaps
    assert wait_for(status, set(), 60).document["primary"] == primary
