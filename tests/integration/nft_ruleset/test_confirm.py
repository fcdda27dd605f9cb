# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of nft_ruleset: all but the timer itself, which is systemd's (molecule/native has it)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.keep import Keeper, Pending
from ansible_collections.ftfw.pair.plugins.module_utils.nft.node import Nft, NftError
from ansible_collections.ftfw.pair.plugins.module_utils.nft.ruleset import (
    Outcome,
    RulesetError,
    confirmed,
    present,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source, read
from ansible_collections.ftfw.pair.tests.integration.nft_ruleset.test_module import FIRST, SECOND, blocks
from pyroute2 import netns


@dataclass(frozen=True)
class Untimed(Keeper):
    """A keeper whose timer never comes by itself."""

    def arm(self, text_digest: str, rollback: str, seconds: int) -> Pending:
        pending = Pending(text_digest, f"test-{time.monotonic_ns()}", seconds, time.monotonic() + seconds)
        self.prepare(pending, rollback)
        self.wait_for(pending)
        return pending


@dataclass(frozen=True)
class RulesetNode:
    nft: Nft
    keeper: Keeper

    def present(self, text: str, confirm: int = 0) -> Outcome:
        return present(self.nft, self.keeper, self.source(text), confirm, check=False, diff=True)

    def confirmed(self, text: str, check: bool = False) -> Outcome:
        return confirmed(self.keeper, self.source(text), check)

    def source(self, text: str) -> Source:
        return read(text, "inet", "ftfw")

    def __call__(self, *words: str) -> str:
        return subprocess.run(["nft", *words], check=True, capture_output=True, text=True).stdout

    def table(self) -> str:
        return blocks(self("--stateless", "list", "table", "inet", "ftfw"))

    def script(self) -> Path:
        pending = self.keeper.pending()
        assert pending is not None
        return self.keeper.script(pending)

    def timer_comes(self) -> int:
        script = self.script()
        return subprocess.run(["sh", str(script)], capture_output=True, check=False).returncode


def kept(node: RulesetNode) -> str:
    source = node.keeper.kept()
    assert source is not None
    return source.text


@pytest.fixture
def node(namespace: str, tmp_path: Path) -> Iterator[RulesetNode]:
    netns.pushns(namespace)
    try:
        yield RulesetNode(
            Nft("inet", "ftfw"), Untimed("inet", "ftfw", tmp_path / "ruleset.nft", tmp_path / "run")
        )
    finally:
        netns.popns()


def test_what_nobody_confirms_is_taken_back(node: RulesetNode) -> None:
    node.present(FIRST)
    before, kept = node.table(), node.keeper.path.read_text()
    node("add", "element", "inet", "ftfw", "gate", '{ "eth9" timeout 600s }')

    assert node.present(SECOND, confirm=60).waits
    assert "outside" in node.table()
    assert node.keeper.path.read_text() == kept, "a boot must have the old rules"
    assert node.present(SECOND, confirm=60).changes == [], "it goes on waiting"

    assert node.timer_comes() == 0
    assert '"eth9"' in node("list", "set", "inet", "ftfw", "gate")
    node("delete", "element", "inet", "ftfw", "gate", '{ "eth9" }')
    assert node.table() == before
    assert node.keeper.path.read_text() == kept
    with pytest.raises(RulesetError, match="not confirmed in time"):
        node.confirmed(SECOND)
    assert node.present(FIRST).changes == []


def test_what_is_confirmed_stays(node: RulesetNode, tmp_path: Path) -> None:
    node.present(FIRST)
    node.present(SECOND, confirm=60)
    late = node.script().read_text()
    wanted = node.table()
    assert node.confirmed(SECOND).changes
    assert node.confirmed(SECOND).changes == []
    assert node.present(SECOND).changes == []
    assert kept(node) == SECOND

    # a timer that has waited for the lock meanwhile
    assert subprocess.run(["sh", "-c", late], check=False).returncode == 0
    assert node.table() == wanted


def test_a_confirmation_in_the_last_moment_is_refused_before_any_node_has_it(node: RulesetNode) -> None:
    node.present(FIRST)
    node.present(SECOND, confirm=60)
    assert node.confirmed(SECOND, check=True).changes
    pending = node.keeper.pending()
    assert pending is not None
    node.keeper.wait_for(replace(pending, until=time.monotonic() + 8))
    with pytest.raises(RulesetError, match="the old rules come back in 8 s, which may be too soon"):
        node.confirmed(SECOND, check=True)
    assert node.confirmed(SECOND).changes


def test_a_second_change_waits_instead_of_the_first(node: RulesetNode) -> None:
    """And what comes back is what was there before both."""
    node.present(FIRST)
    before = node.table()
    node.present(SECOND, confirm=60)
    node.present(SECOND.replace("dport 443", "dport 8443"), confirm=60)
    with pytest.raises(RulesetError, match="another change waits"):
        node.confirmed(SECOND)
    assert node.timer_comes() == 0
    assert node.table() == before


def test_a_second_change_that_the_kernel_does_not_see_waits_as_well(node: RulesetNode) -> None:
    """A comment alone: what is loaded is the first change, which nobody has confirmed."""
    node.present(FIRST)
    before = node.table()
    node.present(SECOND, confirm=60)
    third = f"# a comment of the file\n{SECOND}"
    assert node.present(third, confirm=60).waits
    assert kept(node) == FIRST, "nobody has confirmed it"
    assert len(list(node.keeper.folder.glob("test-*.sh"))) == 1
    with pytest.raises(RulesetError, match="another change waits"):
        node.confirmed(SECOND)
    assert node.confirmed(third, check=True).changes
    assert node.timer_comes() == 0
    assert node.table() == before
    assert kept(node) == FIRST


def test_without_a_confirmation_asked_for_it_is_kept(node: RulesetNode) -> None:
    node.present(FIRST)
    node.present(SECOND, confirm=60)
    assert node.present(SECOND).changes
    assert kept(node) == SECOND
    assert node.keeper.pending() is None


def test_the_first_table_of_a_node_is_taken_back_to_none(node: RulesetNode) -> None:
    node.present(FIRST, confirm=60)
    assert node.timer_comes() == 0
    assert "ftfw" not in node("list", "tables")
    assert not node.keeper.path.exists()


def test_where_the_way_back_fails_the_text_of_the_boot_is_loaded(node: RulesetNode) -> None:
    """Somebody has changed the table by hand meanwhile."""
    node.present(FIRST)
    before = node.table()
    node.present(SECOND, confirm=60)
    node.script().with_suffix(".nft").write_text("delete chain inet ftfw gone_already\n")
    assert node.timer_comes() == 0
    assert node.table() == before


def test_what_nft_refuses_leaves_the_change_before_it_waiting(node: RulesetNode) -> None:
    """The kernel refuses a list of many elements only when it gets them: nothing may wait for that text."""
    node.present(FIRST)
    before = node.table()
    node.present(SECOND, confirm=60)
    waiting, table = node.keeper.pending(), node.table()
    many = ", ".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(11_000))
    overlapping = SECOND.replace("192.0.2.0/24, 203.0.113.1", f"{many}, 10.0.0.0/8")
    with pytest.raises(NftError):
        node.present(overlapping, confirm=60)
    assert node.keeper.pending() == waiting
    assert node.table() == table
    assert sorted(path.suffix for path in node.keeper.folder.glob("test-*")) == [".nft", ".sh"]
    assert node.timer_comes() == 0
    assert node.table() == before
    assert list(node.keeper.folder.glob("test-*")) == []


def test_what_is_in_the_kernel_no_more_is_not_confirmed(node: RulesetNode) -> None:
    node.present(FIRST)
    node.present(SECOND, confirm=60)
    node("--file", str(node.keeper.path))
    with pytest.raises(RulesetError, match="somebody has changed it since"):
        node.confirmed(SECOND)
    assert kept(node) == FIRST


def test_whoever_has_to_know_of_a_load_is_told_also_by_the_timer(node: RulesetNode, tmp_path: Path) -> None:
    told = tmp_path / "told"
    node = replace(node, keeper=replace(node.keeper, after=f"echo loaded >>{told}"))
    node.present(FIRST)
    node.present(FIRST)
    assert told.read_text() == "loaded\n", "what is there already is not loaded"
    node.present(SECOND, confirm=60)
    assert node.timer_comes() == 0
    assert told.read_text() == "loaded\n" * 3
