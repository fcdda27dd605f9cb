# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balanced flows of both families live through takeovers, changes, and the loss of other servers."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from containers import LAB, METRICS, NODES, PREFIX, PROJECT, playbook, run, wait
from faults import check_now, settle, wait_for
from lab import Lab

FLOWS = 35
"""Of each family."""
VIRTUAL = {4: "192.168.0.100", 6: "2001:db8::100"}
SERVERS = {
    4: {"srv-1": "192.168.2.4", "srv-2": "192.168.2.5", "sorry": "192.168.2.9"},
    6: {"srv-1-6": "2001:db8:2::4", "srv-2-6": "2001:db8:2::5", "sorry-6": "2001:db8:2::9"},
}
INSIDE = {4: "192.168.2.100", 6: "2001:db8:2::100"}
"""Where the drill's client asks."""
BEYOND = {
    4: {"far-1": "192.168.0.4", "far-2": "192.168.0.5", "far-sorry": "192.168.0.9"},
    6: {"far-1-6": "2001:db8::4", "far-2-6": "2001:db8::5", "far-sorry-6": "2001:db8::9"},
}
INVENTORY = yaml.safe_load((PROJECT / "inventories/native/group_vars/all/site.yml").read_text())
OWN_POLICY = INVENTORY["site_policy"]
ALL = {name: address for names in SERVERS.values() for name, address in names.items()}
PLACES = {"client": ALL, "server": {name: at for names in BEYOND.values() for name, at in names.items()}}
"""Where servers of balancers run, and at which addresses."""


ASKED: dict[int, dict[str, Any]] = {
    4: {"http": {"path": "/"}},
    # a program, which must do without the rights of whoever calls it
    6: {"program": {"command": ["/bin/nc", "-z", "-w", "1", "{address}", "80"]}},
}


def site(count: int = 2) -> str:
    """The balancers, and the entry that lets them in, as extra variables."""
    times = {"delay_loop": 0.5, "connect_timeout": 1, "retry": 2, "delay_before_retry": 0.2}
    balancers = {
        f"web-{family}": {
            "network": "outside",
            "address": VIRTUAL[family],
            "service": "http",
            "servers": list(names.values())[:count],
            "sorry": list(names.values())[2],
            "check": {**ASKED[family], **times},
        }
        for family, names in SERVERS.items()
    }
    balancers |= {
        f"in-{family}": {
            "network": "inside",
            "address": INSIDE[family],
            "service": "http",
            "servers": list(names.values())[:2],
            "sorry": list(names.values())[2],
            "check": {"http": {"path": "/"}, **times},
            # they have no way back to the inside
            "source_nat": True,
        }
        for family, names in BEYOND.items()
    }
    policy = [
        *OWN_POLICY,
        {"from": "outside", "to": "inside", "services": ["http"], "destinations": list(VIRTUAL.values())},
    ]
    return json.dumps({"site_balancers": balancers, "site_policy": policy})


def built(*options: str) -> None:
    """Change them; packets go through the rules once, and need not again."""
    done = playbook("playbooks/policy.yml", "-e", "policy_test_first=false", *options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def own_addresses(verb: str, host: str, more: str = "") -> None:
    """Give a host the servers' addresses, or take them away."""
    words = [
        f"ip address {verb} {one}/64 dev eth0{more}" if ":" in one else f"ip address {verb} {one}/24 dev eth0"
        for one in PLACES[host].values()
    ]
    run(host, "; ".join(words), check=verb == "add")


def serve(host: str) -> None:
    own = PROJECT / "tests/integration/balance/server.py"
    subprocess.run(["podman", "cp", own, f"{PREFIX}-{host}:/root/server.py"], check=True)
    # nothing is sent from them but by the servers themselves: others know the host by its own address
    own_addresses("add", host, " nodad preferred_lft 0")
    names = " ".join(f"{name}={address}" for name, address in PLACES[host].items())
    # a pipe that stays open, so that servers can be stopped one by one
    run(
        host,
        "mkfifo /run/servers; systemd-run --quiet --unit servers --collect sh -c "
        f"'exec python3 /root/server.py 80 {names} <>/run/servers'",
    )


@pytest.fixture(scope="module", autouse=True)
def balanced() -> Iterator[None]:
    """Servers on both sides, and the pair with balancers; afterwards it has none."""
    here = Path(__file__).with_name("balanced.py")
    subprocess.run(["podman", "cp", here, f"{PREFIX}-server:/root/balanced.py"], check=True)
    try:
        for host in PLACES:
            serve(host)
        built("-e", site(), "-e", "policy_test_first=true")
        yield
    finally:
        for host in PLACES:
            run(host, "systemctl stop servers; rm -f /run/servers", check=False)
            own_addresses("delete", host)
        built()
        assert run("fw-1", "nft list maps").count("balancer.") == 0
        assert "inactive" in run("fw-1", "systemctl is-active pair-balance.service", check=False)


def say(words: str) -> None:
    run("client", f"echo {words} >/run/servers")


@contextmanager
def flows() -> Iterator[Callable[[], dict[str, int]]]:
    """Flows from the outside to both balancers: each call tells who has answered how often."""
    words = ["podman", "exec", "-i", f"{PREFIX}-server", "python3", "/root/balanced.py", "80", str(FLOWS)]
    with subprocess.Popen(
        [*words, *VIRTUAL.values()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "open\n"

        def ask() -> dict[str, int]:
            assert process.stdin and process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            found: dict[str, int] = json.loads(process.stdout.readline())
            return found

        try:
            yield ask
        finally:
            process.stdin.close()
            process.kill()


ASK = """
import sys, urllib.request
for _time in range(4):
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=3) as page:
            print(page.read().decode().rpartition("I am ")[2].strip(".\\n"))
    except OSError as error:
        print(error)
"""


def who(family: int) -> set[str]:
    """Who answers new requests."""
    host = f"[{VIRTUAL[6]}]" if family == 6 else VIRTUAL[4]
    words = ["podman", "exec", f"{PREFIX}-server", "python3", "-c", ASK, f"http://{host}/"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def evenly(seen: dict[str, int]) -> bool:
    """All flows are there, and each server has half of its family's."""
    return (
        sorted(seen) == ["srv-1", "srv-1-6", "srv-2", "srv-2-6"]
        and sum(seen.values()) == 2 * FLOWS
        and all(abs(count - FLOWS / 2) <= 1 for count in seen.values())
    )


def crash(primary: str, backup: str) -> None:
    lab = Lab(f"ftfw-{LAB}")
    lab.links(primary, "down")
    try:
        wait("the other node is primary", lambda: VIRTUAL[4] in run(backup, "ip -4 address"), 15)
    finally:
        lab.links(primary, "up")


def handover(_primary: str, _backup: str) -> None:
    done = playbook("playbooks/switchover.yml")
    assert done.returncode == 0, done.stdout[-3000:]


def one_server_less(_primary: str, _backup: str) -> None:
    """A server that is taken off the list keeps its flows."""
    built("-e", site(1))


@pytest.mark.parametrize("change", [handover, one_server_less, crash])
def test_open_flows_live_through(change: Any, roles: tuple[str, str], status: Any) -> None:
    with flows() as ask:
        before = ask()
        assert evenly(before), before
        change(*roles)
        try:
            assert ask() == before
            wanted = {4: {"srv-1", "srv-2"}, 6: {"srv-1-6", "srv-2-6"}}
            for family, names in wanted.items():
                assert who(family) == (names if change is not one_server_less else {min(names)})
        finally:
            if change is one_server_less:
                built("-e", site())
        assert ask() == before
        settle(status, 60)


def balancer(*words: str) -> subprocess.CompletedProcess[str]:
    options = [option for word in words for option in ("-e", word)]
    return playbook("playbooks/balancer.yml", "-e", site(), *options)


def test_a_server_that_is_taken_out_loses_nothing(roles: tuple[str, str], tmp_path: Path) -> None:
    name = f"web-4/{SERVERS[4]['srv-1']}"
    with flows() as ask:
        before = ask()
        report = tmp_path / "rows.json"
        done = balancer(f"balancer_drain={name}", f"balancer_json={report}")
        assert done.returncode == 0, done.stdout[-3000:]
        rows = json.loads(report.read_text())["servers"]
        assert {row["node"] for row in rows if row["state"] == "taken out"} == set(NODES)
        assert (who(4), who(6)) == ({"srv-2"}, {"srv-1-6", "srv-2-6"})
        handover(*roles)
        assert who(4) == {"srv-2"}
        assert ask() == before
        done = balancer(f"balancer_restore={name}")
        assert done.returncode == 0, done.stdout[-3000:]
        assert who(4) == {"srv-1", "srv-2"}
        assert ask() == before
    # a second time changes nothing, and a name that nobody knows ends it
    again = balancer(f"balancer_restore={name}")
    assert again.returncode == 0 and not re.search("changed=[1-9]", again.stdout), again.stdout[-2000:]
    wrong = balancer("balancer_drain=web-4/srv-9")
    assert wrong.returncode == 2 and "web-4/srv-9: no balancer has this server" in wrong.stdout


def is_about_it(line: str) -> bool:
    """Whether a line of metrics is about the first server of IPv4."""
    return line.startswith("ftfw_balancer_server_up{") and f'server="{ALL["srv-1"]}"' in line


def test_a_server_that_dies_is_told_and_reset(roles: tuple[str, str], status: Any) -> None:
    primary, _backup = roles
    with flows() as ask:
        before = ask()
        # it is gone without a word
        run(
            "client",
            "nft 'add table ip dead; add chain ip dead in { type filter hook input priority 0; }; "
            f"add rule ip dead in ip daddr {SERVERS[4]['srv-1']} drop'",
        )
        try:
            wanted = {("balancer-server", node) for node in NODES}
            wait_for(status, wanted)
            seen = ask()
            assert seen.pop("ConnectionResetError") == before["srv-1"], (before, seen)
            assert seen == {name: count for name, count in before.items() if name != "srv-1"}
            assert who(4) == {"srv-2"}
            check_now(primary)
            told = next(line for line in run(primary, f"cat {METRICS}").splitlines() if is_about_it(line))
            assert told.endswith(" 0"), told
        finally:
            run("client", "nft delete table ip dead")
        wait("it is back", lambda: who(4) == {"srv-1", "srv-2"})


def test_without_a_server_the_sorry_page_comes(roles: tuple[str, str], status: Any) -> None:
    for name in ("srv-1-6", "srv-2-6"):
        say(f"stop {name}")
    try:
        wait("the sorry server answers", lambda: who(6) == {"sorry-6"})
        assert who(4) == {"srv-1", "srv-2"}
        down = {(kind, node) for kind in ("balancer-quorum", "balancer-server") for node in NODES}
        wait_for(status, down)
    finally:
        for name in ("srv-1-6", "srv-2-6"):
            say(f"start {name}")
    wait("both are back", lambda: who(6) == {"srv-1-6", "srv-2-6"})


@pytest.mark.long
def test_a_program_that_hangs_is_ended(roles: tuple[str, str]) -> None:
    """Flows and new requests go on meanwhile, and who answers is looked after again."""
    primary, _backup = roles
    with flows() as ask:
        before = ask()
        pid = run(primary, "systemctl show --property=MainPID --value pair-balance.service").strip()
        run(primary, f"kill -STOP {pid}")
        assert who(4) == {"srv-1", "srv-2"}

        def is_new() -> bool:
            now = run(primary, "systemctl show --property=MainPID --value pair-balance.service").strip()
            return now not in ("0", pid)

        wait("systemd has ended it", is_new, 60)
        time.sleep(1)
        assert ask() == before
        assert who(4) == {"srv-1", "srv-2"}


ASK_FROM = """
import socket, sys
for port in range(20000, 20040):
    with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(5)
        one.bind(("", port))
        try:
            one.connect((sys.argv[1], 80))
            # whoever asks by this version of HTTP has the server close first, who says a line closes first
            one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n" if port % 2 else b"hello\\n")
            said = one.makefile().read() if port % 2 else one.recv(99).decode()
            print(said.rpartition("I am ")[2].strip(".\\n") if port % 2 else said.split()[0])
        except OSError as error:
            print(type(error).__name__)
"""


def answers(family: int) -> Counter[str]:
    """Who answers a client on the inside whose ports come again."""
    words = ["podman", "exec", f"{PREFIX}-client", "python3", "-c", ASK_FROM, INSIDE[family]]
    return Counter(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def are_known(node: str, wanted: Iterable[tuple[str, str]]) -> bool:
    """Whether the first of each pair of servers is refused what is open to it."""
    gone = run(node, "nft list sets inet")
    return all(BEYOND[6 if names[0].endswith("6") else 4][names[0]] in gone for names in wanted)


def test_a_port_that_comes_again_after_a_takeover_does_not_meet_a_dead_server(
    roles: tuple[str, str], status: Any
) -> None:
    """The new primary has flows that have ended on the old one, and with them their servers."""
    primary, backup = roles
    wanted = {4: ("far-1", "far-2"), 6: ("far-1-6", "far-2-6")}
    for family, names in wanted.items():
        assert answers(family) == dict.fromkeys(names, 20)
    run(primary, "systemctl stop keepalived.service")
    try:
        wait("the other node is primary", lambda: INSIDE[4] in run(backup, "ip -4 address"), 15)
        for names in wanted.values():
            run("server", f"echo stop {names[0]} >/run/servers")
        wait("both are known", lambda: are_known(backup, wanted.values()))
        for family, names in wanted.items():
            assert answers(family) == {names[1]: 40}
    finally:
        for names in wanted.values():
            run("server", f"echo start {names[0]} >/run/servers")
        run(primary, "systemctl start keepalived.service")
    settle(status, 60)


ROWS = ["servers_gone"]
MORE_ROWS = [
    "server_dies",
    "server_dies_takeover",
    "checker_kill",
    "server_flaps",
    "checker_stop_signal",
    "power_loss",
    "split_brain",
    "sync_healed",
]


@pytest.mark.parametrize(
    "rows", [pytest.param(ROWS, id="short"), pytest.param(MORE_ROWS, id="long", marks=pytest.mark.long)]
)
def test_the_drill_goes_through_balancers(roles: tuple[str, str], rows: list[str], tmp_path: Path) -> None:
    report = tmp_path / "drill.json"
    names = f"drill_faults={','.join(rows)}"
    options = ("-e", site(), "-e", "drill_confirm=native", "-e", names, "-e", f"drill_json={report}")
    done = playbook("playbooks/drill.yml", *options, "-e", f"drill_page={tmp_path / 'drill.html'}")
    assert done.returncode == 0, done.stdout[-6000:]
    faults = {one["name"]: one for one in json.loads(report.read_text())["faults"]}
    assert set(faults) == set(rows)
    for name, one in faults.items():
        assert one["result"] == "ok", one
        judged = [check["name"] for check in one["checks"] if "through a balancer" in check["name"]]
        # in both families
        of_ipv6 = [check for check in judged if "(IPv6)" in check]
        assert len(judged) >= 4 and len(judged) == 2 * len(of_ipv6), (name, judged)
