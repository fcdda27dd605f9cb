# SPDX-License-Identifier: GPL-3.0-or-later
"""The module policy_check as Ansible runs it: rows, mutants, mistakes, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.conftest import COLLECTIONS, Run

INTERFACES = [
    {"name": "eth0", "prefixes": ["192.0.2.0/24"], "addresses": ["192.0.2.1/24"]},
    {"name": "eth1", "prefixes": ["198.51.100.0/24"], "addresses": ["198.51.100.1/24"]},
]
RULES = """
table inet small {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established accept
        iifname "eth1" oifname "eth0" tcp dport 22 accept
    }
}
"""
SSH = {
    "name": "ssh",
    "from": "eth1",
    "source": "198.51.100.3",
    "destination": "192.0.2.3",
    "protocol": "tcp",
    "port": 22,
    "expected": ["accept"],
}
TELNET = {**SSH, "name": "telnet", "port": 23, "expected": ["drop"]}
BACK = {
    **SSH,
    "name": "back",
    "from": "eth0",
    "source": "192.0.2.3",
    "destination": "198.51.100.3",
    "expected": ["drop"],
}
OVER_THERE = {**BACK, "name": "over there", "destination": "192.0.2.9"}
INSIDE = {**SSH, "name": "inside", "destination": "198.51.100.9", "expected": ["drop"]}
Check = Callable[..., dict[str, Any]]


@pytest.fixture
def check(module: Run) -> Check:
    def run(*tests: dict[str, Any], **options: Any) -> dict[str, Any]:
        given = {"ruleset": RULES, "interfaces": INTERFACES, "tests": list(tests), **options}
        return module("policy_check", given)

    return run


def test_rows_and_ok(check: Check) -> None:
    answer = check(SSH, TELNET)
    assert (answer["ok"], answer["changed"]) == (True, False)
    assert answer["rows"][1] == {
        "name": "telnet",
        "expected": "drop",
        "seen": "drop",
        "ok": True,
        "detail": "",
    }


def test_a_wrong_expectation_is_a_failed_row_but_no_failed_task(check: Check) -> None:
    answer = check({**SSH, "expected": ["drop"]}, TELNET)
    assert [row["ok"] for row in answer["rows"]] == [False, True]
    assert not answer["ok"]
    assert not answer.get("failed", False)


def test_a_broken_ruleset_is_noticed(check: Check) -> None:
    answer = check(SSH, TELNET, ruleset=RULES.replace("dport 22", "dport 23"))
    assert [row["ok"] for row in answer["rows"]] == [False, False]


def test_each_mutant_is_noticed_by_enough_tests(check: Check) -> None:
    mutation = check(SSH, TELNET, BACK, OVER_THERE, INSIDE, mutate=True)["mutation"]
    assert mutation["unnoticed"] == []
    assert mutation["noticed"] == mutation["mutants"] == 7


def test_a_mutant_that_no_test_notices_is_told(check: Check) -> None:
    answer = check(SSH, TELNET, BACK, OVER_THERE, mutate=True)
    assert not answer["ok"]
    assert [one["change"] for one in answer["mutation"]["unnoticed"]] == ['without oifname "eth0"']


def test_a_failed_row_ends_the_run_before_mutants(check: Check) -> None:
    assert "mutation" not in check({**SSH, "expected": ["drop"]}, mutate=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"from": "eth7"},
            "test ssh: from: eth7: no interface is on this network; there are eth0, eth1, firewall",
        ),
        ({"source": "198.51.100"}, "test ssh: source: 198.51.100: is no address"),
        ({"source": "2001:db8::1"}, "test ssh: 2001:db8::1 and 192.0.2.3 are of different families"),
        (
            {"protocol": "tpc"},
            "test ssh: protocol: tpc: is none of tcp, udp, sctp, icmp, icmpv6, and no number up to 254",
        ),
        ({"port": None}, "test ssh: port: is missing"),
        ({"flags": ["sin"]}, "test ssh: flags: sin: is none of fin, syn, rst, psh, ack, urg"),
        (
            {"protocol": "icmp", "type": "packet-too-big"},
            "test ssh: type: packet-too-big: IPv4 does not have it",
        ),
        ({"expected": ["acept"]}, "test ssh: expected: acept: is no expectation"),
        ({"expected": ["accept", "drop"]}, "test ssh: expected: accept and drop: a packet has one fate"),
        ({"expected": []}, "test ssh: expected: expects nothing"),
        ({"repeat": 1000}, "test ssh: repeat: 1000: is not 1 to 100"),
        ({"packet": "expected"}, "test ssh: helper: None: has no dialog here; there are ftp, tftp"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_mistakes_in_a_test(check: Check, change: dict[str, Any], said: str) -> None:
    answer = check({**SSH, **change})
    assert answer["failed"]
    assert said in answer["msg"]


def test_all_mistakes_are_told_at_once(check: Check) -> None:
    said = check({**SSH, "port": None}, {**TELNET, "source": "x"})["msg"]
    assert "test ssh: port" in said
    assert "test telnet: source" in said


def test_what_nft_refuses(check: Check) -> None:
    answer = check(SSH, ruleset=RULES.replace("accept", "acept"))
    assert answer["failed"]
    assert answer["msg"].startswith("nft refuses it, syntax error")
    assert "acept" in answer["msg"]


def test_a_device_name_that_the_kernel_refuses(check: Check) -> None:
    answer = check(SSH, interfaces=[{**INTERFACES[0], "name": "eth0" * 5, "network": "eth0"}, INTERFACES[1]])
    assert answer["failed"]
    assert answer["msg"].startswith("ip: ")


def test_it_ends_when_its_time_is_over(check: Check) -> None:
    begun = time.monotonic()
    # thousands of mutants, some milliseconds each
    rules = RULES.replace("    }\n", '        iifname "x" accept\n' * 2000 + "    }\n")
    answer = check(SSH, TELNET, BACK, OVER_THERE, INSIDE, ruleset=rules, mutate=True, timeout=4)
    assert time.monotonic() - begun < 30
    assert (answer["ok"], len(answer["rows"])) == (False, 5)
    tried = answer["mutation"]["mutants"] - answer["mutation"]["untried"]
    assert 0 < tried < answer["mutation"]["mutants"]


def namespaces(processes: str = "[0-9]*") -> set[str]:
    """The network namespaces that some process is in or has a descriptor of."""
    found = set()
    for pattern in (f"{processes}/ns/net", f"{processes}/fd/*"):
        for link in Path("/proc").glob(pattern):
            # processes and descriptors come and go
            with suppress(OSError):
                found.add(str(link.readlink()))
    return {name for name in found if name.startswith("net:")}


def marked(mark: str) -> list[str]:
    """The processes that have a variable in their environment."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in file.read_bytes().split(b"\0"):
                found.append(file.parent.name)
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_killed_one(number: signal.Signals) -> None:
    rules = RULES.replace("    }\n", '        iifname "x" accept\n' * 3000 + "    }\n")
    given = {
        "ruleset": rules,
        "interfaces": INTERFACES,
        "tests": [SSH, TELNET, BACK, OVER_THERE, INSIDE],
        "mutate": True,
    }
    # what a shell without job control starts in the background ignores SIGINT, and so would all below it
    python = ["env", "--default-signal=INT", sys.executable]
    command = [*python, "-m", "ansible_collections.ftfw.pair.plugins.modules.policy_check"]
    mark = f"FTFW_MARK={os.urandom(8).hex()}"
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS), **dict([mark.split("=")])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        process.stdin.close()
        end = time.monotonic() + 20
        mine: set[str] = set()
        while len(mine) < 2 and time.monotonic() < end:
            mine = namespaces(str(process.pid)) - namespaces("self")
            time.sleep(0.02)
        assert len(mine) == 2
        assert marked(mark)
        process.send_signal(number)
        process.wait(timeout=20)
    # namespaces live as long as somebody is in them; their numbers are given to others at once
    end = time.monotonic() + 20
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert marked(mark) == []
