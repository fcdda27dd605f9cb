# SPDX-License-Identifier: GPL-3.0-or-later
"""What a boot and a reload of the ruleset's unit load, and what becomes of what the kernel has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.kept import beside, beside_text, boot_text
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import build
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.programs import PROGRAMS

Check = Callable[[str, str], subprocess.CompletedProcess[str]]

WITH_FLOWTABLE = """table inet ftfw {
    flowtable fastpath {
        hook ingress priority filter
        devices = { lo, absent-0 }
    }

    chain forward {
        type filter hook forward priority filter; policy drop;
        meta l4proto tcp flow add @fastpath counter
        ct state established accept
    }
}
"""


@pytest.fixture(autouse=True)
def load(roles: Any, tmp_path: Path) -> str:
    """The script as a node has it, and the program that it calls."""
    program = tmp_path / "boot-ruleset"
    program.write_bytes(build(PROGRAMS["ruleset"]).content)
    program.chmod(0o755)
    text = roles.render("nftables", "load-ruleset.j2", __nftables_boot=str(program))
    (tmp_path / "load").write_text(text)
    return f"sh {tmp_path}/load"


def keep(tmp_path: Path, table: str) -> Path:
    """The files that a node boots with."""
    path = tmp_path / "rules.nft"
    path.write_text(boot_text("inet", "ftfw", table))
    beside(path).write_text(beside_text(read(table, "inet", "ftfw").contents))
    return path


def test_a_boot_without_a_device_has_the_same_rules_without_flowtables(check: Check, tmp_path: Path) -> None:
    """Neither has a kernel without flowtables anything else to boot with."""
    keep(tmp_path, WITH_FLOWTABLE)
    done = check("/bin/sh %s", f"sh {tmp_path}/load {tmp_path}/rules.nft && nft list ruleset")
    assert done.returncode == 0
    assert "syntax error" not in done.stderr
    assert "<4>the ruleset is loaded without its flowtables" in done.stderr
    assert "policy drop" in done.stdout
    assert "ct state established accept" in done.stdout
    assert "flowtable" not in done.stdout
    # a rule that would only count what was not offloaded
    assert "l4proto tcp" not in done.stdout


def test_a_boot_with_rules_that_can_not_be_loaded_forwards_nothing(check: Check, tmp_path: Path) -> None:
    (tmp_path / "rules.nft").write_text("table inet ftfw { chain forward { nonsense; }; }")
    load = f"sh {tmp_path}/load --start {tmp_path}/rules.nft; echo code $?"
    done = check("/bin/sh %s", f"{load}; nft list ruleset")
    assert "nonsense" in done.stderr
    assert "<2>the ruleset can not be loaded: nothing is forwarded" in done.stderr
    assert done.stdout.startswith("code 1\n")
    assert done.stdout.count("policy drop") == 2
    assert 'iifname "mgmt0" ip saddr 10.255.0.254 tcp dport 22 accept' in done.stdout


def test_a_boot_with_a_name_on_another_card_forwards_nothing(check: Check, tmp_path: Path) -> None:
    """And the management comes in by the name that its card has."""
    (tmp_path / "rules.nft").write_text("table inet ftfw { chain open { }; }")
    (tmp_path / "cards").write_text("eth0 is the card a, and not b\n")
    (tmp_path / "cards.sed").write_text('s/"mgmt0"/"eth3"/\n')
    script = tmp_path / "load"
    script.write_text(script.read_text().replace("/run/ftfw", str(tmp_path)))
    load = f"sh {tmp_path}/load --start {tmp_path}/rules.nft; echo code $?"
    done = check("/bin/sh %s", f"{load}; nft list ruleset")
    assert "only management comes in: eth0 is the card a, and not b" in done.stderr
    assert done.stdout.startswith("code 1\n")
    assert done.stdout.count("policy drop") == 2
    assert 'iifname "eth3" ip saddr 10.255.0.254 tcp dport 22 accept' in done.stdout
    assert "chain open" not in done.stdout
    # nor does a reload put rules by these names in force
    done = check("/bin/sh %s", f"{load}; {load.replace(' --start', '')}; nft list ruleset")
    assert done.stdout.startswith("code 1\ncode 1\n")
    assert "the ruleset is not loaded again: eth0 is the card a, and not b" in done.stderr
    assert done.stdout.count("policy drop") == 2


def test_closed_takes_the_place_of_what_is_there(check: Check, tmp_path: Path) -> None:
    (tmp_path / "rules.nft").write_text("table inet ftfw { chain open { accept; }; }")
    command = f"nft -f {tmp_path}/rules.nft; sh {tmp_path}/load --closed; echo code $?"
    done = check("/bin/sh %s", f"{command}; sh {tmp_path}/load --start {tmp_path}/absent; nft list ruleset")
    assert done.stdout.startswith("code 0\n")
    assert "chain open" not in done.stdout
    assert done.stdout.count("policy drop") == 2
    # what is closed is not taken for rules that are in force
    assert "the ruleset can not be loaded" in done.stderr


def test_a_reload_keeps_the_counts(check: Check, tmp_path: Path) -> None:
    table = "table inet ftfw {{\n    counter offloaded {}\n    counter policy_1 {{}}\n}}\n"
    keep(tmp_path, table.format("{}"))
    old = table.format("{ packets 7 bytes 420 }").replace("counter policy_1 {}", "counter gone {}")
    load = f"nft '{old}'; sh {tmp_path}/load {tmp_path}/rules.nft; echo code $?; nft list ruleset"
    done = check("/bin/sh %s", load)
    assert done.stdout.startswith("code 0\n"), done.stderr
    words = done.stdout.split()
    assert " ".join(words[words.index("counter") :]) == (
        "counter offloaded { packets 7 bytes 420 } counter policy_1 { packets 0 bytes 0 } }"
    )


SETS = """table inet ftfw {
    set bans { type ipv4_addr; flags timeout, interval; timeout 1h; elements = { 192.0.2.64/26 }; }
    set bans_v6 { type ipv6_addr; flags timeout; }
    map lasting { type ipv4_addr : verdict; flags timeout; }
    set seen { type ipv4_addr; size 9; flags dynamic; }
    set fixed { type ipv4_addr; elements = { 192.0.2.1 }; }
    set gate { type ifname; flags timeout; elements = { "eth0", "eth1" }; }
    set new { type ipv4_addr; flags timeout; elements = { 192.0.2.7 }; }
    chain drops { drop; }
    chain forward { type filter hook forward priority filter; policy drop; ip saddr @bans drop; }
}
"""
ADDED = """
add element inet ftfw bans { 192.0.2.40 timeout 30m, 198.51.100.0/24 expires 90s }
delete element inet ftfw bans { 192.0.2.64/26 }
add element inet ftfw bans { 192.0.2.0/27 }
add element inet ftfw bans_v6 { 2001:db8::9 timeout 1d }
add element inet ftfw lasting { 192.0.2.9 timeout 1h : jump drops }
add element inet ftfw seen { 192.0.2.5 }
add element inet ftfw fixed { 192.0.2.2 }
flush set inet ftfw gate
delete set inet ftfw new
"""


@pytest.mark.parametrize("beside_it", [True, False], ids=["data", "text"])
@pytest.mark.parametrize("option", ["--start", ""], ids=["start", "reload"])
def test_a_reload_keeps_what_came_into_sets(
    check: Check, tmp_path: Path, load: str, option: str, beside_it: bool
) -> None:
    """Bans among it, with what is left of their time. What the text says of others is in force."""
    path = keep(tmp_path, SETS)
    if not beside_it:
        beside(path).unlink()
    added = "".join(f"nft '{line}'\n" for line in ADDED.strip().splitlines())
    script = f"nft -f {path}\n{added}{load} {option} {path}; echo code $?; nft -j list table inet ftfw"
    done = check("/bin/sh %s", script)
    assert done.stderr == ""
    assert done.stdout.startswith("code 0\n")
    sets = {
        one["name"]: one.get("elem", [])
        for kind in ("set", "map")
        for entry in json.loads(done.stdout.partition("\n")[2])["nftables"]
        if (one := entry.get(kind))
    }
    assert sets["gate"] == ["eth0", "eth1"], "pair-state opens it again"
    assert sets["fixed"] == ["192.0.2.1"]
    assert sets["new"] == ["192.0.2.7"], "the kernel had none"
    told = json.dumps(sets["bans"])
    assert '"192.0.2.64"' not in told, "that one was taken out of it"
    assert '"192.0.2.40"' in told and '"198.51.100.0"' in told and '"192.0.2.0"' in told
    left = {str(one["elem"]["val"]): one["elem"] for one in sets["bans"]}
    assert 1700 < left["192.0.2.40"]["expires"] <= left["192.0.2.40"]["timeout"] == 1800
    assert all(one["expires"] <= 90 for key, one in left.items() if "198.51" in key)
    assert sets["bans_v6"][0]["elem"]["expires"] > 86300
    assert "192.0.2.5" in json.dumps(sets["seen"])
    assert "drops" in json.dumps(sets["lasting"])


def test_a_reload_with_another_set_of_the_name_has_the_texts(check: Check, tmp_path: Path, load: str) -> None:
    """What was in it does not fit; the rules are loaded all the same."""
    path = keep(tmp_path, SETS)
    other = SETS.replace("flags timeout, interval; timeout 1h;", "flags timeout;").replace("/26", "")
    done = check(
        "/bin/sh %s",
        f"nft '{other}'; nft list ruleset >&2; {load} {path}; echo code $?; nft list set inet ftfw bans",
    )
    assert done.stdout.startswith("code 0\n"), done.stderr
    assert "192.0.2.64/26" in done.stdout


def test_a_file_that_was_changed_by_hand_is_read_as_it_is(check: Check, tmp_path: Path, load: str) -> None:
    path = keep(tmp_path, "table inet ftfw {\n    counter old {}\n}\n")
    path.write_text(
        boot_text(
            "inet", "ftfw", WITH_FLOWTABLE.replace("}\n\n    chain", "}\n    counter mine {}\n    chain")
        )
    )
    table = "table inet ftfw { counter old { packets 1 bytes 1 }; counter mine { packets 7 bytes 420 }; }"
    done = check("/bin/sh %s", f"nft '{table}'; {load} {path}; echo code $?; nft list ruleset")
    assert done.stdout.startswith("code 0\n"), done.stderr
    assert "<4>the ruleset is loaded without its flowtables" in done.stderr
    assert "packets 7 bytes 420" in done.stdout and "old" not in done.stdout


@pytest.mark.parametrize("option", ["--start", ""], ids=["start", "reload"])
def test_who_changes_the_table_is_waited_for(check: Check, tmp_path: Path, option: str) -> None:
    """What he has kept at last is loaded, and not what was there before. To close does not wait for him."""
    (tmp_path / "rules.nft").write_text("table inet ftfw { chain old { }; }")
    (tmp_path / "new.nft").write_text("table inet ftfw { chain new { }; }")
    folder = "/run/nft-ruleset/inet-ftfw"
    go = f"n=0; until [ -e {tmp_path}/go ] || [ $n = 600 ]; do sleep 0.1; n=$((n + 1)); done"
    change = f"touch {tmp_path}/held; {go}; cp {tmp_path}/new.nft {tmp_path}/rules.nft"
    script = (
        f"mkdir -p {folder}; flock {folder}/lock sh -c '{change}' &"
        f"until [ -e {tmp_path}/held ]; do sleep 0.1; done; sh {tmp_path}/load --closed; nft list tables;"
        f"! grep -q new {tmp_path}/rules.nft && echo waits; nft delete table inet ftfw;"
        f"(sleep 2; touch {tmp_path}/go) &"
        f"sh {tmp_path}/load {option} {tmp_path}/rules.nft; echo code $?; nft list ruleset"
    )
    done = check("/bin/sh %s", script)
    assert done.stdout.startswith("table inet ftfw\nwaits\ncode 0\n"), done.stderr
    assert "chain new" in done.stdout and "chain old" not in done.stdout


def test_rules_that_can_not_be_loaded_leave_those_in_force(check: Check, tmp_path: Path) -> None:
    (tmp_path / "rules.nft").write_text("table inet ftfw { chain forward { nonsense; }; }")
    load = f"sh {tmp_path}/load --start {tmp_path}/rules.nft; echo code $?"
    script = f"nft add table inet ftfw; {load}; nft list ruleset"
    assert check("/bin/sh %s", script).stdout == "code 1\ntable inet ftfw {\n}\n"
    # nor does a reload make any where there are none: the node may be primary
    reload = f"sh {tmp_path}/load {tmp_path}/rules.nft; echo code $?; nft list ruleset"
    assert check("/bin/sh %s", reload).stdout == "code 1\n"


def test_the_unit_waits_for_the_devices_of_flowtables(roles: Any) -> None:
    plain = roles.render("nftables", "ftfw-nftables.service.j2")
    assert ".device" not in plain
    unit = roles.render("nftables", "ftfw-nftables.service.j2", nftables_ruleset=WITH_FLOWTABLE)
    wanted = [line for line in unit.splitlines() if line.startswith("Wants=sys")]
    assert wanted == [
        "Wants=sys-subsystem-net-devices-lo.device",
        r"Wants=sys-subsystem-net-devices-absent\x2d0.device",
    ]
    assert [
        line.replace("After=", "Wants=") for line in unit.splitlines() if line.startswith("After=sys")
    ] == wanted
