# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill leaves when it ends early, and what its nodes count with real nft."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import traffic
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import (
    FaultNode,
    collect,
    count_announcements,
    stamp,
)
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
PLAYBOOKS = ROOT / "playbooks"
MAC = "02 00 00 00 00 01"


def node(*virtual: str) -> FaultNode:
    interfaces = [{"name": "eth1", "network": "inside"}]
    addresses = [{"interface": "eth1", "address": one} for one in virtual]
    return FaultNode(
        "fw-1", {"pair_state": {"addresses": addresses}, "node_network": {"interfaces": interfaces}}
    )


def arp(sender: str, target: str) -> str:
    """A request (RFC 826); a gratuitous one asks for its sender's own address."""
    one, other = (bytes(map(int, address.split("."))).hex() for address in (sender, target))
    return f"ffffffffffff {MAC} 0806 0001 0800 06 04 0001 {MAC} {one} 000000000000 {other}"


def advertisement(to: str) -> str:
    """A neighbour advertisement with the target 2001:db8::100 (RFC 4861, section 4.4)."""
    address = "20010db8000000000000000000000100"
    head = f"3333 00000001 {MAC} 86dd 60000000 0018 3a ff"
    return f"{head} {address} {to} 88 00 0000 20000000 {address}"


ALL_NODES, PEER = f"ff02{'0' * 27}1", "20010db8000000000000000000000003"
SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth1", 0))
for frame in sys.argv[1:]: s.send(bytes.fromhex(frame))
"""
Shell = Callable[..., str]


@pytest.fixture
def shell(namespace: str, ip: Callable[[str], str]) -> Shell:
    ip("link add eth1 type veth peer name other")
    ip("link set eth1 up")
    ip("link set other up")

    def run(*command: str) -> str:
        words = ["ip", "netns", "exec", namespace, *command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    return run


def counted(shell: Shell) -> tuple[float | None, float | None]:
    """What a node tells at the end; without what it watches by systemd, which is not in a namespace."""
    text = collect()
    said = shell("/bin/sh", "-c", text[text.index("if nft") :])
    return stamp(said, "arp"), stamp(said, "advert")


VIRTUAL, OTHER = "192.168.2.100", "192.168.2.3"


@pytest.mark.parametrize(
    ("virtual", "announced", "rest", "seen"),
    [
        pytest.param(
            [f"{VIRTUAL}/32", "2001:db8::100/128"],
            arp(VIRTUAL, VIRTUAL),
            [arp(VIRTUAL, OTHER), arp(OTHER, OTHER), advertisement(ALL_NODES)],
            (2, 1),
            id="both",
        ),
        pytest.param(
            ["2001:db8::100/128"],
            advertisement(ALL_NODES),
            [advertisement(PEER), arp(VIRTUAL, VIRTUAL)],
            (0, 2),
            id="without-ipv4",
        ),
    ],
)
def test_announcements_are_counted_from_now_on(
    shell: Shell, virtual: list[str], announced: str, rest: list[str], seen: tuple[int, int]
) -> None:
    count = ("/bin/sh", "-c", count_announcements(node(*virtual)))
    shell(*count)
    shell(sys.executable, "-c", SEND, announced)
    # a row that broke off has not collected: what it has counted is not this one's
    shell(*count)
    shell(sys.executable, "-c", SEND, announced, announced, *rest)
    assert counted(shell) == seen
    assert shell("nft", "list", "tables") == ""
    assert counted(shell) == (None, None)


SEEN = [{"name": "x", "expected": "yes", "seen": "yes", "ok": True}]
RESULT = {"title": "X", "result": "ok", "seconds": 1, "note": "", "timeline": None, "checks": SEEN}
STUBS: dict[str, list[dict[str, Any]]] = {
    "asked": [],
    "before": [
        {
            "ansible.builtin.set_fact": {
                "__drill_healthy_after": 0,
                "__drill_health": {"primary": "fw-1", "nodes": [], "findings": [], "problems": []},
            }
        }
    ],
    "fault": [
        {
            "ansible.builtin.set_fact": {
                "__drill_results": "{{ __drill_results + [__result | combine({'name': __drill_row.name})] }}",
                "__drill_sending": True,
            },
            "vars": {"__result": RESULT},
        }
    ],
    "stop": [{"ansible.builtin.fail": {"msg": "no way"}, "when": "__drill_row.name in fails"}],
    "after": [{"ansible.builtin.fail": {"msg": "no way"}, "when": "'after' in fails"}],
}


def view(number: int) -> dict[str, Any]:
    return {
        "site": "here",
        "pair": {"preferred": number == 1},
        "node_network": {
            "interfaces": [{"name": "eth1", "network": "inside", "addresses": [f"192.168.2.{number}/24"]}]
        },
        "conntrackd": {"links": []},
        "pair_state": {"addresses": [{"interface": "eth1", "address": f"{VIRTUAL}/32"}]},
        "verify": {
            "pair": {"guests": {}, "nodes": ["fw-1", "fw-2"]},
            "probes": {
                "client": {"host": "localhost", "address": OTHER},
                "server": {"host": "localhost", "address": OTHER},
                "families": [{"name": "", "client": OTHER, "server": OTHER, "forward": VIRTUAL}],
                "balancers": [],
                **{"tcp": 1, "udp": 2, "ftp": 3, "forward": {"tcp": 4, "udp": 5}, "rate": 200},
                "slack": 1,
                "sessions": 1,
                "close": [],
                "open": [],
            },
        },
    }


def playbook(folder: Path, play: dict[str, Any], firewalls: dict[str, Any], *options: str) -> tuple[int, str]:
    """Run one play on this machine."""
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    every = {"hosts": {"localhost": {}}, "vars": local}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"site_firewalls": {"hosts": firewalls}, "all": every}))
    done = ansible_playbook(
        *("-i", str(inventory), str(folder / "play.yml"), *options),
        settings={"ANSIBLE_HOME": str(folder), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp")},
    )
    return done.returncode, done.stdout + done.stderr


def drill(folder: Path, fails: list[str], **asked: Any) -> tuple[int, str, list[str] | None]:
    """The drill's own play and rows on this machine, without hosts to look at: what it does is left out."""
    play = yaml.safe_load((PLAYBOOKS / "drill.yml").read_text())[-1]
    (folder / "vars").symlink_to(PLAYBOOKS / "vars")
    (folder / "tasks" / "drill").mkdir(parents=True)
    for name in ("round", "row", "report"):
        (folder / "tasks" / "drill" / f"{name}.yml").symlink_to(PLAYBOOKS / "tasks" / "drill" / f"{name}.yml")
    for name, tasks in STUBS.items():
        (folder / "tasks" / "drill" / f"{name}.yml").write_text(yaml.safe_dump(tasks))
    nodes = {
        f"fw-{number}": {
            "site_view": view(number),
            "__fault_node": {"name": f"fw-{number}", "view": view(number), "container": "", "lab": {}}
            | {"kill": "", "start": ""},
        }
        for number in (1, 2)
    }
    document, page = folder / "drill.json", folder / "drill.html"
    given = {
        "drill_faults": ["keepalived_kill", "keepalived_stop", "sync_loss"],
        "drill_json": str(document),
        "drill_page": str(page),
        "fails": fails,
        **asked,
    }
    code, printed = playbook(folder, play, nodes, "-e", json.dumps(given))
    assert page.exists() == document.exists()
    names = None
    if document.exists():
        names = [one["name"] for one in json.loads(document.read_text())["faults"]]
    return code, printed, names


def test_a_drill_that_nothing_ends_early(tmp_path: Path) -> None:
    code, printed, names = drill(tmp_path, [])
    assert (code, names) == (0, ["keepalived_kill", "keepalived_stop", "sync_loss"]), printed
    assert "3 faults: 3 ok, 0 failed" in printed


@pytest.mark.parametrize(
    ("fails", "names"),
    [
        pytest.param(["keepalived_stop"], ["keepalived_kill", "keepalived_stop"], id="in-a-row"),
        pytest.param(["after"], ["keepalived_kill", "keepalived_stop", "sync_loss"], id="at-the-end"),
        pytest.param(["sync_loss", "after"], ["keepalived_kill", "keepalived_stop", "sync_loss"], id="both"),
    ],
)
def test_what_was_judged_is_kept(tmp_path: Path, fails: list[str], names: list[str]) -> None:
    code, printed, kept = drill(tmp_path, fails)
    assert (code, kept) == (2, names), printed
    assert ("the drill ended after 2 of 3 faults" in " ".join(printed.split())) == (len(names) == 2)


def test_faults_that_are_drawn(tmp_path: Path) -> None:
    """The order is printed before anything is done. All that is drawn has its turn while there is time."""
    drawn = {"drill_random": {"seed": 7, "minutes": 1}}
    code, printed, names = drill(tmp_path, [], **drawn)
    assert code == 0 and names is not None and len(names) == 6, printed
    told = [name.replace("-", " ", 1).replace("-with-", " with ") for name in names]
    assert [printed.index(name) for name in told] == sorted(printed.index(name) for name in told)
    assert printed.index(told[-1]) < printed.index("Begin the time")
    assert {part for name in names for part in name.partition("-")[2].split("-with-")} == {
        *("keepalived_kill", "keepalived_stop", "sync_loss")
    }
    assert "the same order again: drill_random: {seed: 7, minutes: 1}" in " ".join(printed.split())


def test_no_round_begins_after_the_time(tmp_path: Path) -> None:
    code, printed, names = drill(tmp_path, [], drill_random={"seed": 7, "minutes": 1}, __drill_end=0)
    assert (code, names) == (0, None), printed
    assert "Bring about one fault" not in printed


def test_the_probe_is_asked_for_what_it_can_do(tmp_path: Path) -> None:
    """In check mode it looks at its options, and sends nothing."""
    before = yaml.safe_load((PLAYBOOKS / "tasks" / "drill" / "before.yml").read_text())
    (listen,) = (task for task in before if task["name"] == "Listen at both ends")
    ends = {end: {"host": "localhost", "address": OTHER} for end in ("client", "server")}
    probe = {**ends, "tcp": 7001, "udp": 7002, "ftp": 2121, "rate": 50, "slack": 3}
    probe["forward"] = {"address": VIRTUAL, "tcp": 7003, "udp": 7004}
    probe["families"] = [
        {"name": "", "client": OTHER, "server": OTHER, "forward": VIRTUAL},
        {"name": " (IPv6)", "client": "fd00::1", "server": "fd00::2", "forward": "fd00::100"},
    ]
    servers = [{"address": OTHER, "port": 80}]
    probe["balancers"] = [{"name": "web", "address": VIRTUAL, "port": 80, "path": "/", "servers": servers}]
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {
            "__probe": probe,
            "__drill_seconds": 3600,
            "__drill_chosen": {"listeners": traffic.listeners(probe)},
        },
        "tasks": [
            listen,
            *(
                {
                    "ansible.builtin.include_tasks": str(PLAYBOOKS / "tasks" / "drill" / "send.yml"),
                    "vars": {"__drill_flows": traffic.flows(probe, 5, seconds)},
                }
                for seconds in (3, 8)
            ),
        ],
    }
    code, printed = playbook(tmp_path, play, {}, "--check", "-vvv")
    assert code == 0, printed
    asked = re.findall(r"kind: ftp\n(?:.*: .*\n)*? +seconds: (\S+)", printed)
    assert {float(one.strip("'")) for one in asked} == {33.0, 48.0}, printed
