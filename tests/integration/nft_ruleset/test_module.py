# SPDX-License-Identifier: GPL-3.0-or-later
"""The module nft_ruleset against the real kernel, in a network namespace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.action import nft_ruleset as action

Ruleset = Callable[..., dict[str, Any]]

FIRST = """\
define ports = { 22, 80 }
# what the site wants
table inet ftfw {
    counter passed { }
    counter stale { }
    set blocked {
        type ipv4_addr
        flags interval
        elements = { 192.0.2.0/24, 198.51.100.7 }
    }
    set gate {
        type ifname
        flags timeout
        elements = { "eth0", "eth1" }
    }
    map ways {
        type ifname : verdict
        elements = { "eth0" : jump inside }
    }
    chain inside {
        tcp dport $ports counter name "passed" accept
    }
    chain old_input {
        type filter hook input priority filter; policy drop;
        iifname "lo" counter name "passed" accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ip saddr @blocked counter name "stale" drop
        iifname vmap @ways
    }
}
"""
SECOND = """\
table inet ftfw {
    counter passed { }
    set blocked {
        type ipv4_addr
        flags interval
        elements = { 192.0.2.0/24, 203.0.113.1 }
    }
    set gate {
        type ifname
        flags timeout
        elements = { "eth0", "eth1" }
    }
    chain outside {
        tcp dport 443 counter name "passed" accept
    }
    chain input {
        type filter hook input priority filter + 5; policy accept;
        ip saddr @blocked drop
    }
    chain forward {
        type filter hook forward priority filter + 10; policy accept;
        iifname @gate drop
        iifname "eth1" jump outside
    }
}
"""


@pytest.fixture
def nft(namespace: str) -> Callable[..., str]:
    """Runs nft in the namespace."""

    def run(*words: str, text: str | None = None) -> str:
        command = ["ip", "netns", "exec", namespace, "nft", *words]
        return subprocess.run(command, check=True, input=text, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def ruleset(namespace: str, module: Ruleset, tmp_path: Path) -> Ruleset:
    """Runs the module in the namespace, with files of its own."""

    def run(text: str | None = None, check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {"table": "ftfw", "path": str(tmp_path / "ruleset.nft"), "runtime": str(tmp_path / "run")}
        arguments |= {"text": text} if text is not None else {}
        extra = {"_ansible_check_mode": check, "_ansible_diff": True}
        return module("nft_ruleset", {**arguments, **options, **extra}, "ip", "netns", "exec", namespace)

    return run


def table(nft: Callable[..., str], *flags: str) -> str:
    return blocks(nft(*flags, "list", "table", "inet", "ftfw"))


def blocks(text: str) -> str:
    """A listing with its blocks in order: what is made anew comes last in the kernel."""
    return "\n\n".join(sorted(text.partition("\n")[2].rpartition("}")[0].strip("\n").split("\n\n")))


def test_a_table_is_made_kept_changed_and_removed(
    ruleset: Ruleset, nft: Callable[..., str], tmp_path: Path
) -> None:
    nft("--file", "-", text="table ip other { counter c { packets 7 bytes 7 }; }\n")
    others = nft("list", "table", "ip", "other")

    predicted = ruleset(FIRST, check=True)
    assert predicted["changed"]
    assert "ftfw" not in nft("list", "tables")
    made = ruleset(FIRST)
    assert made["changes"] == predicted["changes"] == ["load the text", f"write {tmp_path}/ruleset.nft"]
    assert made["diff"] == predicted["diff"]
    assert "198.51.100.7" in table(nft)

    again = ruleset(FIRST)
    assert (again["changed"], again["changes"]) == (False, [])

    predicted = ruleset(SECOND, check=True)
    assert "198.51.100.7" in table(nft)
    changed = ruleset(SECOND)
    assert changed["changes"] == predicted["changes"]
    assert "blocked: 1 added: 203.0.113.1" in changed["changes"]
    assert "blocked: 1 removed: 198.51.100.7" in changed["changes"]
    assert changed["diff"]["before"] == FIRST
    assert changed["diff"]["after"] == SECOND
    assert not ruleset(SECOND)["changed"]

    assert ruleset(state="absent", check=True)["changed"]
    assert "ftfw" in nft("list", "tables")
    assert ruleset(state="absent")["changed"]
    assert not ruleset(state="absent")["changed"]
    assert "ftfw" not in nft("list", "tables")
    assert not (tmp_path / "ruleset.nft").exists()
    assert nft("list", "table", "ip", "other") == others


def test_nothing_of_the_old_text_stays(ruleset: Ruleset, nft: Callable[..., str], namespace: str) -> None:
    """The kernel has what it would have, had the new text been loaded into an empty one."""
    ruleset(FIRST)
    ruleset(SECOND)
    seen = table(nft, "--stateless")
    empty = ["unshare", "--net", "sh", "-c", "nft --file - && nft --stateless list table inet ftfw"]
    fresh = subprocess.run(empty, input=SECOND, check=True, capture_output=True, text=True).stdout
    assert seen == blocks(fresh)


def test_counts_and_what_came_at_run_time_stay(
    ruleset: Ruleset, nft: Callable[..., str], namespace: str
) -> None:
    ruleset(FIRST)
    nft("delete", "element", "inet", "ftfw", "gate", '{ "eth1" }')
    nft("add", "element", "inet", "ftfw", "gate", '{ "eth9" timeout 600s }')
    in_namespace = ["ip", "netns", "exec", namespace]
    subprocess.run([*in_namespace, "ip", "link", "set", "lo", "up"], check=True)
    send = "import socket; s = socket.socket(2, 2); [s.sendto(b'x', ('127.0.0.1', 9)) for _ in range(6)]"
    subprocess.run([*in_namespace, sys.executable, "-c", send], check=True)
    before = count(nft, "passed")
    assert before >= 6
    ruleset(SECOND)
    assert count(nft, "passed") == before
    gate = nft("--stateless", "list", "set", "inet", "ftfw", "gate")
    assert '"eth9"' in gate and '"eth0"' in gate and '"eth1"' not in gate
    answer = ruleset(SECOND.replace("type ifname\n", "type ifname\n        size 100\n"))
    assert "what is in set gate now is lost" in str(answer["warnings"])


RUN_TIME = {
    "plain": ("set", "type ipv4_addr; flags timeout; timeout 1h;", "192.0.2.7"),
    "ipv6": ("set", "type ipv6_addr; flags timeout; timeout 1h;", "2001:db8::7"),
    "ranges": ("set", "type ipv6_addr; flags interval, timeout; timeout 1h;", "2001:db8::/64"),
    "sized": ("set", "type ipv4_addr; timeout 1h; gc-interval 10s; size 100; counter;", "192.0.2.7"),
    "pairs": ("set", "typeof ip saddr . tcp dport; flags timeout; timeout 1h;", "192.0.2.7 . 22"),
    "rated": ("set", "type ipv4_addr; flags dynamic; size 9;", "192.0.2.7"),
    "ways": ("map", "type ipv4_addr : verdict; flags timeout; timeout 1h;", "192.0.2.7 : drop"),
    "marks": ("map", "typeof ip6 saddr : meta mark; timeout 1h;", "2001:db8::7 : 0x1"),
}
"""Kind, definition, and what comes in at run time."""
BANS = """\
table inet ftfw {
    quota month { over 10 mbytes }
    set local { type ipv4_addr; counter; elements = { 127.0.0.1, 192.0.2.1 }; }
    set allowance { type ipv4_addr; quota over 1 mbytes; elements = { 127.0.0.1 }; }
    SETS
    chain input {
        type filter hook input priority filter; policy accept;
        ip saddr @local accept
    }
    chain output {
        type filter hook output priority filter; policy accept;
        ip daddr @allowance quota name "month" accept
        tcp dport 22 meter m4 { ip saddr timeout 10s limit rate 5/second } accept
        tcp dport 22 meter m6 { ip6 saddr limit rate 5/second } accept
    }
}
""".replace(
    "SETS", "\n    ".join(f"{kind} {name} {{ {text} }}" for name, (kind, text, _element) in RUN_TIME.items())
)


def test_bans_outlive_a_run(
    ruleset: Ruleset, nft: Callable[..., str], namespace: str, tmp_path: Path
) -> None:
    ruleset(BANS)
    for name, (_kind, _text, element) in RUN_TIME.items():
        nft("add", "element", "inet", "ftfw", name, f"{{ {element} }}")
    in_namespace = ["ip", "netns", "exec", namespace]
    subprocess.run([*in_namespace, "ip", "link", "set", "lo", "up"], check=True)
    send = "import socket; s = socket.socket(2, 2); [s.sendto(b'x', ('127.0.0.1', 9)) for _ in range(6)]"
    subprocess.run([*in_namespace, sys.executable, "-c", send], check=True)

    again = ruleset(BANS)
    assert (again["changed"], again["changes"]) == (False, [])
    # without what was remembered the listings are compared, elements with their counts
    shutil.rmtree(tmp_path / "run")
    again = ruleset(BANS)
    assert (again["changed"], again["changes"]) == (False, [])

    other = BANS.replace("dport 22", "dport 23")
    changed = ruleset(other)
    assert changed["changed"] and "is lost" not in str(changed)
    assert not ruleset(other)["changed"]
    for name, (kind, _text, element) in RUN_TIME.items():
        assert element.split(" : ", maxsplit=1)[0] in nft("list", kind, "inet", "ftfw", name), name


def count(nft: Callable[..., str], name: str) -> int:
    words = nft("list", "counter", "inet", "ftfw", name).split()
    return int(words[words.index("packets") + 1])


def test_what_somebody_changed_by_hand_is_put_back(ruleset: Ruleset, nft: Callable[..., str]) -> None:
    ruleset(FIRST)
    wanted = table(nft, "--stateless")
    for command in (
        "flush chain inet ftfw forward",
        "add element inet ftfw blocked { 10.0.0.1 }",
        "add chain inet ftfw mine",
        "add chain inet ftfw forward { policy accept; }",
    ):
        nft(*command.split())
        assert table(nft, "--stateless") != wanted
        answer = ruleset(FIRST)
        assert answer["changed"], command
        assert table(nft, "--stateless") == wanted
        assert not ruleset(FIRST)["changed"]


def test_the_shell_finds_what_differs(
    ruleset: Ruleset, nft: Callable[..., str], namespace: str, tmp_path: Path
) -> None:
    """What the action asks before it runs any Python on the node."""

    def same(text: str = FIRST) -> bool:
        given = {"path": f"{tmp_path}/ruleset.nft", "runtime": f"{tmp_path}/run", "text": text}
        given |= {"family": "inet", "table": "ftfw"}
        command = ["ip", "netns", "exec", namespace, "sh", "-c", action.survey(given)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        found = [action.same(given, said) for said in (done.stdout, done.stdout.replace("\n", "\r\n"))]
        assert found[0] is found[1], "at a terminal it is the same"
        return done.returncode == 0 and found[0]

    assert not same()
    ruleset(FIRST)
    assert same()
    assert not same(SECOND)
    nft("add", "element", "inet", "ftfw", "gate", '{ "eth7" timeout 60s }')
    assert same(), "what comes in at run time is no difference"
    for command in ("add element inet ftfw blocked { 10.0.0.1 }", "flush chain inet ftfw forward"):
        nft(*command.split())
        assert not same()
        ruleset(FIRST)
        assert same()
    (tmp_path / "ruleset.nft").write_text("")
    assert not same()
    assert ruleset(FIRST)["changes"] == [f"write {tmp_path}/ruleset.nft"]
    (tmp_path / "run/inet-ftfw/pending.json").write_text("{}")
    assert not same()
    nft("delete", "table", "inet", "ftfw")
    assert not same()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(FIRST.replace("jump inside", "jump nowhere"), "line 18", id="unknown-chain"),
        pytest.param(FIRST.replace("saddr @blocked", "saddr @blockt"), "line 29", id="unknown-set"),
        pytest.param(FIRST + "flush ruleset\n", "'flush ruleset' stands outside of the table", id="flush"),
        pytest.param(FIRST.replace("inet ftfw", "inet mine"), "'table inet mine' is not ours", id="other"),
        pytest.param("", "there is no table in the text", id="empty"),
    ],
)
def test_a_wrong_text_changes_nothing(
    ruleset: Ruleset, nft: Callable[..., str], tmp_path: Path, text: str, expected: str
) -> None:
    ruleset(SECOND)
    before, kept = table(nft), (tmp_path / "ruleset.nft").read_text()
    for check in (True, False):
        answer = ruleset(text, check=check)
        assert answer["failed"]
        assert expected in answer["msg"], answer["msg"]
    assert table(nft) == before
    assert (tmp_path / "ruleset.nft").read_text() == kept


def test_the_kept_text_is_what_a_boot_loads(
    ruleset: Ruleset, nft: Callable[..., str], tmp_path: Path
) -> None:
    ruleset(FIRST)
    wanted = table(nft, "--stateless")
    nft("--file", str(tmp_path / "ruleset.nft"))
    assert table(nft, "--stateless") == wanted
    nft("delete", "table", "inet", "ftfw")
    nft("--file", str(tmp_path / "ruleset.nft"))
    assert table(nft, "--stateless") == wanted
    assert not ruleset(FIRST)["changed"]


def test_after_a_boot_nothing_is_changed(ruleset: Ruleset, nft: Callable[..., str], tmp_path: Path) -> None:
    """The folder of the run time is empty then."""
    ruleset(FIRST)
    shutil.rmtree(tmp_path / "run")
    assert ruleset(FIRST)["changes"] == []
    assert (tmp_path / "run" / "inet-ftfw" / "loaded.json").exists()


def test_a_long_list_is_loaded_once(ruleset: Ruleset, nft: Callable[..., str], tmp_path: Path) -> None:
    """Neither a boot nor somebody else's tables are a reason to load it again."""
    members = ", ".join(f"10.{number >> 8}.{number & 255}.0/25" for number in range(10_100))
    text = FIRST.replace("192.0.2.0/24", f"192.0.2.0/24, {members}")
    assert ruleset(text)["changed"]
    assert not ruleset(text)["changed"]
    nft("add", "table", "ip", "other")
    assert not ruleset(text)["changed"]
    shutil.rmtree(tmp_path / "run")
    nft("-f", str(tmp_path / "ruleset.nft"))
    assert not ruleset(text)["changed"]
    # what is read is put back
    nft("flush", "map", "inet", "ftfw", "ways")
    changed = ruleset(text)
    assert changed["changed"]
    assert not any("blocked" in one for one in changed["changes"])
    assert "10.39.115.0/25" in nft("list", "set", "inet", "ftfw", "blocked")
    # the unit loads the text of the boot again, under another one that was loaded for a time
    kept = (tmp_path / "ruleset.nft").read_text()
    other = text.replace("10.0.0.0/25", "10.0.0.128/25")
    assert ruleset(other)["changed"]
    assert "10.0.0.128/25" in nft("list", "set", "inet", "ftfw", "blocked")
    (tmp_path / "ruleset.nft").write_text(kept)
    nft("-f", str(tmp_path / "ruleset.nft"))
    assert ruleset(other)["changed"]
    assert "10.0.0.128/25" in nft("list", "set", "inet", "ftfw", "blocked")


def test_confirmation_needs_systemd(ruleset: Ruleset, nft: Callable[..., str]) -> None:
    """Where it does not run, nothing is changed."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs this machine; molecule has the case")
    ruleset(FIRST)
    before = table(nft)
    answer = ruleset(SECOND, confirm=60)
    assert answer["failed"] and "systemd" in answer["msg"]
    assert table(nft) == before
