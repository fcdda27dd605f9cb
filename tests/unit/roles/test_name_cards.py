# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards get their names by their MACs, whatever names they have: swaps, rings, chains, absent and more."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.unit.roles.programs import ROLES, load
from hypothesis import given
from hypothesis import strategies as st

cards = load("name_cards", "node_network")
PROGRAM = ROLES / "node_network/files/name_cards.py"
MACS = {letter: f"12:34:56:78:9a:0{letter}" for letter in "abcdef"}
LINK = "[Match]\nMACAddress={}\nType=ether\n\n[Link]\n\n[X-Ftfw]\nName={}\nManagement={}\n"
IN_ORDER = {"a": "eth0", "b": "eth1", "c": "eth2", "d": "mgmt0"}
NAMES = st.lists(st.sampled_from([*(f"eth{n}" for n in range(6)), "mgmt0", "aside3"]), unique=True)


def wanted(names: dict[str, str]) -> list[Any]:
    return [cards.Wanted(MACS[card], name, name.startswith("mgmt")) for card, name in names.items()]


def carry_out(there: list[Any], steps: list[tuple[int, str]]) -> list[Any]:
    """Rename as the kernel does: a name that is taken is refused."""
    names = {card.index: card.name for card in there}
    for index, name in steps:
        assert name not in names.values()
        names[index] = name
    return [cards.Card(card.index, names[card.index], card.mac) for card in there]


@given(NAMES.filter(lambda names: "aside3" not in names), NAMES.filter(lambda names: "aside3" not in names))
def test_every_order_ends_well(now: list[str], right: list[str]) -> None:
    there = [
        cards.Card(number, name, MACS[letter]) for number, (letter, name) in enumerate(zip(MACS, now), 2)
    ]
    asked = wanted(dict(zip("cafbed", right)))
    after = carry_out(there, cards.plan(there, asked))
    assert cards.complaints(after, asked) == []
    assert cards.plan(after, asked) == []
    assert len(after) == len(there)


def test_nothing_moves_without_need() -> None:
    there = [
        cards.Card(2, "eth0", MACS["a"]),
        cards.Card(3, "eth0.5", None),
        cards.Card(4, "eth7", MACS["f"]),
    ]
    assert cards.plan(there, wanted(IN_ORDER)) == []


def run(tmp_path: Path, names: dict[str, str], now: dict[str, str], *options: str, more: str = "") -> Any:
    """Run it in a network namespace: what it says, the names that the cards have then, what it has left."""
    links = tmp_path / "links"
    links.mkdir(exist_ok=True)
    for card, name in names.items():
        management = "yes" if name.startswith("mgmt") else "no"
        (links / f"10-ftfw-{name}.link").write_text(LINK.format(MACS[card], name, management))
    made = "".join(
        f"ip link add {name} address {MACS[card]} type veth peer name peer-{card}; "
        for card, name in now.items()
    )
    words = " ".join(
        [sys.executable, "-I", str(PROGRAM), "--links", str(links), "--run", str(tmp_path), *options]
    )
    script = f"{made}{more} {words} >&2; echo $?; ip -json link"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=True
    )
    code, listing = done.stdout.split("\n", 1)
    names_now = {link["address"]: link["ifname"] for link in json.loads(listing)}
    return int(code), {card: names_now[MACS[card]] for card in now}, done.stderr


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param(IN_ORDER, IN_ORDER, id="right"),
        pytest.param({"a": "eth1", "b": "eth0"}, {"a": "eth0", "b": "eth1"}, id="swap"),
        pytest.param(
            {"b": "eth0", "c": "eth1", "a": "eth2"}, {"b": "eth1", "c": "eth2", "a": "eth0"}, id="ring"
        ),
        pytest.param({"d": "eth0", "a": "eth1", "b": "eth2", "c": "eth3"}, IN_ORDER, id="management-first"),
        pytest.param({"b": "eth0", "c": "eth1"}, {"b": "eth1", "c": "eth2"}, id="one-is-absent"),
        pytest.param({"f": "eth0", "a": "eth1"}, {"f": "aside3", "a": "eth0"}, id="one-more"),
        pytest.param(
            {"f": "eth1", "a": "eth0"}, {"f": "aside3", "a": "eth0"}, id="in-the-place-of-an-absent"
        ),
    ],
)
def test_names(tmp_path: Path, now: dict[str, str], then: dict[str, str]) -> None:
    code, names, said = run(tmp_path, IN_ORDER, now)
    assert (code, names) == (0, then), said
    assert not (tmp_path / "ftfw/cards").exists()


def test_what_can_not_be_named_is_refused_and_the_management_goes_on(tmp_path: Path) -> None:
    code, _names, said = run(
        tmp_path,
        IN_ORDER,
        {"a": "eth0", "d": "eth3"},
        more="ip link add eth1 type bridge;"
        f" ip link set eth1 address {MACS['b']}; ip link add link eth0 name mgmt0 type macvlan;",
    )
    assert code == 0, said
    # two cards of one MAC: one of them can't have the name
    more = f"ip link add twin address {MACS['a']} type veth peer name peer-twin;"
    code, _names, said = run(tmp_path, IN_ORDER, {"a": "eth1", "d": "mgmt0"}, more=more)
    assert code == 1
    assert "no data card of this node is configured" in said
    refused = (tmp_path / "systemd/network/05-ftfw-refused.network").read_text()
    assert MACS["a"] in refused
    assert MACS["d"] not in refused
    assert "Unmanaged=yes" in refused
    assert MACS["a"] in (tmp_path / "ftfw/cards").read_text()
    # mended
    assert run(tmp_path, IN_ORDER, {"a": "eth1", "d": "mgmt0"})[0] == 0
    assert not (tmp_path / "ftfw/cards").exists()
    assert not (tmp_path / "systemd/network/05-ftfw-refused.network").exists()


def test_check_changes_nothing(tmp_path: Path) -> None:
    code, names, said = run(tmp_path, IN_ORDER, {"a": "eth1", "b": "eth0"}, "--check")
    assert (code, names) == (1, {"a": "eth1", "b": "eth0"})
    assert f"eth0 is the card {MACS['b']}, and not {MACS['a']}" in said


def test_the_management_has_its_real_name_in_the_rules() -> None:
    there = [cards.Card(2, "eth3", MACS["d"]), cards.Card(3, "eth1", MACS["a"])]
    assert cards.real_names(there, wanted(IN_ORDER)) == 's/"mgmt0"/"eth3"/\n'


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param("active", ["reload", "reconfigure eth1 eth0"], id="a-card-was-plugged-in"),
        pytest.param("activating", ["reload", "reconfigure eth1 eth0"], id="while-it-begins"),
        pytest.param("inactive", [], id="it-waits-for-this-program"),
        pytest.param("failed", [], id="it-has-failed"),
    ],
)
def test_only_a_networkd_that_runs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, told: list[str]
) -> None:
    for name, text in (
        ("SYSTEMCTL", f"#!/bin/sh\necho {state}\n"),
        ("NETWORKCTL", f"#!/bin/sh\necho $* >>{tmp_path}/told\n"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
        monkeypatch.setattr(cards, name, str(tmp_path / name))
    (tmp_path / "told").touch()
    cards.tell_networkd(["eth1", "eth0"])
    assert (tmp_path / "told").read_text().splitlines() == told


def test_a_missing_card_is_waited_for_at_boot_only(tmp_path: Path) -> None:
    """Another one that is plugged in later must not wait for it, nor a systemd-networkd that restarts."""
    (tmp_path / "udev").mkdir()
    (tmp_path / "udev/control").touch()
    there = {"a": "eth1", "b": "eth0"}
    begun = time.monotonic()
    assert run(tmp_path, IN_ORDER, there, "--wait", "3")[0] == 0
    assert time.monotonic() - begun >= 3
    begun = time.monotonic()
    code, names, said = run(tmp_path, IN_ORDER, {"c": "eth9", "a": "eth1"}, "--wait", "600")
    assert (code, names) == (0, {"c": "eth2", "a": "eth0"}), said
    assert time.monotonic() - begun < 300


@pytest.mark.parametrize(
    ("there", "known"),
    [
        pytest.param([("a", "b")], ["a"], id="a declared card was given another one's"),
        pytest.param([("f", "a")], ["a"], id="a card was given the inventory's"),
        pytest.param([("f", "a"), ("e", "a")], ["f", "e"], id="two were given it"),
        pytest.param([("a", "a"), ("f", "a")], ["a", "f"], id="another card has it by nature"),
        pytest.param([("f", None)], ["f"], id="a member of a bond"),
        pytest.param([("a", "b"), ("b", "a")], ["a", "b"], id="two have each other's"),
        pytest.param([("f", "e")], ["f"], id="nobody means it"),
    ],
)
def test_by_which_mac_a_card_is_known(there: list[tuple[str, str | None]], known: list[str]) -> None:
    found = [
        cards.Card(number, f"old{number}", MACS[own], MACS[current] if current else None)
        for number, (own, current) in enumerate(there, 2)
    ]
    assert [card.mac for card in cards.by_current(found, wanted(IN_ORDER))] == [MACS[one] for one in known]
    assert [card.current for card in cards.by_current(found, wanted(IN_ORDER))] == [
        card.current for card in found
    ]


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


@pytest.mark.parametrize(
    ("above", "current"),
    [pytest.param(b"bond", None, id="bond"), pytest.param(b"bridge", MACS["f"], id="bridge")],
)
def test_the_mac_of_a_bond_is_none_of_its_members(
    monkeypatch: pytest.MonkeyPatch, above: bytes, current: str | None
) -> None:
    """The kernel of a test may lack bonds: a message as if_link.h describes it."""
    said = [
        attribute(1, bytes.fromhex(MACS["f"].replace(":", ""))),
        attribute(3, b"eth0\0"),
        attribute(18, attribute(4, above + b"\0")),
        attribute(54, bytes.fromhex(MACS["a"].replace(":", ""))),
    ]
    entry = struct.pack("=BxHiII", 0, 1, 2, 0, 0) + b"".join(said)
    monkeypatch.setattr(cards, "talk", lambda *_words: iter([entry]))
    assert cards.look() == [cards.Card(2, "eth0", MACS["a"], current)]
