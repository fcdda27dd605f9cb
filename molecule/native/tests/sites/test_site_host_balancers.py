# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is in no pair gets balancers, forwards for them alone, and is as before once they are gone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from containers import PREFIX, PROJECT, playbook, run, wait

HOST, PORT = "client", 8088
ASKED = {4: "192.168.2.3", 6: "2001:db8:2::3"}
SERVERS = {
    4: {"srv-1": "10.9.0.2", "srv-2": "10.9.0.3", "sorry": "10.9.0.4"},
    6: {"srv-1-6": "2001:db8:9::2", "srv-2-6": "2001:db8:9::3", "sorry-6": "2001:db8:9::4"},
}
ALL = [(name, at) for names in SERVERS.values() for name, at in names.items()]
KEYS = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
OWN_SERVICES = yaml.safe_load((PROJECT / "inventories/native/group_vars/all/site.yml").read_text())[
    "site_services"
]
ASK = """
import socket, sys
for _time in range(4):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as channel:
        channel.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(channel.makefile().read().rpartition("I am ")[2].strip(".\\n"))
"""


def site(**changes: object) -> str:
    """The balancers, as extra variables."""
    times = {"delay_loop": 0.5, "connect_timeout": 1, "retry": 1, "delay_before_retry": 0.2}
    balancers = {
        f"far-{family}": {
            "host": HOST,
            "address": ASKED[family],
            "service": "far",
            "servers": list(names.values())[:2],
            "sorry": list(names.values())[2],
            "check": {"http": {"path": "/"}, **times},
            "quorum": 2,
            **changes,
        }
        for family, names in SERVERS.items()
    }
    return json.dumps(
        {"site_balancers": balancers, "site_services": {**OWN_SERVICES, "far": {"tcp": [PORT]}}}
    )


def built(*more: str, **changes: object) -> subprocess.CompletedProcess[str]:
    """Build the host. What its table does with packets is tried by hand here."""
    known = ("-e", "policy_test_first=false")
    return playbook("site.yml", "--limit", f"{HOST},localhost", "-e", site(**changes), *known, *more)


def answers(family: int) -> set[str]:
    """Who answers requests of a neighbour."""
    words = ["podman", "exec", f"{PREFIX}-fw-1", "python3", "-c", ASK, ASKED[family], str(PORT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return set(done.stdout.split()) if done.returncode == 0 else {done.stderr.splitlines()[-1]}


def forwards() -> list[str]:
    return run(HOST, f"sysctl -n {' '.join(KEYS)}").split()


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    """Servers behind the host, on a wire that the site knows nothing of."""
    own = PROJECT / "tests/integration/balance/server.py"
    subprocess.run(["podman", "cp", own, f"{PREFIX}-{HOST}:/root/server.py"], check=True)
    wire = [
        "ip netns add far",
        "ip link add far type veth peer name eth0 netns far",
        "ip address add 10.9.0.1/24 dev far",
        "ip address add 2001:db8:9::1/64 dev far nodad",
        "ip link set far up",
        *(f"ip -n far address add {at}/{64 if ':' in at else 24} dev eth0" for _name, at in ALL),
        "ip -n far link set eth0 up",
        "ip -n far route add default via 10.9.0.1",
        "ip -n far -6 route add default via 2001:db8:9::1",
    ]
    names = " ".join(f"{name}={at}" for name, at in ALL)
    try:
        run(HOST, " && ".join(wire))
        # with a pipe that stays open, so that servers can be stopped one by one
        run(HOST, "mkfifo /run/far")
        run(
            HOST,
            "systemd-run --quiet --unit far --collect --property NetworkNamespacePath=/run/netns/far "
            f"sh -c 'sleep 2; exec python3 /root/server.py {PORT} {names} <>/run/far'",
        )
        yield
    finally:
        run(HOST, "systemctl stop far; ip netns delete far; rm -f /run/far /root/server.py", check=False)


def test_a_host_has_balancers_and_has_them_no_more() -> None:
    assert forwards() == ["0", "0"]
    run(HOST, "systemctl stop nftables.service")
    before = run(HOST, "nft list ruleset; ls /etc/systemd/system")
    done = built()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    try:
        assert forwards() == ["1", "1"]
        for family, names in SERVERS.items():
            first, second, sorry = names
            wait("both answer", lambda f=family, of={first, second}: answers(f) == of)
            run(HOST, f"echo stop {first} >/run/far")
            wait("the sorry server answers", lambda f=family, of={sorry}: answers(f) == of)
            run(HOST, f"echo start {first} >/run/far")
            wait("both are back", lambda f=family, of={first, second}: answers(f) == of)

        # rules of others come and go, and the table stays
        for verb in ("restart", "stop"):
            run(HOST, f"systemctl {verb} nftables.service")
            assert "ftfw_balancer" in run(HOST, "nft list tables"), verb
        run(HOST, "systemctl restart ftfw-balancer.service")
        assert forwards() == ["1", "1"]
        for family, names in SERVERS.items():
            wait("both answer", lambda f=family, of=set(list(names)[:2]): answers(f) == of)

        looked_at()

        # what changes balancers alone changes this host's, too, and the site finds nothing left to do
        less = playbook("playbooks/policy.yml", "--limit", f"{HOST},localhost", "-e", site(quorum=1))
        assert less.returncode == 0, less.stdout[-3000:] + less.stderr
        assert '"quorum": 1' in run(HOST, "cat /etc/ftfw/balancers.json")
        again = built(quorum=1)
        assert again.returncode == 0 and "changed=0" in again.stdout.partition("PLAY RECAP")[2]
        assert not any(f"changed={n}" in again.stdout for n in range(1, 10)), again.stdout[-2000:]
    finally:
        removed()
    assert forwards() == ["0", "0"]
    assert run(HOST, "nft list ruleset; ls /etc/systemd/system") == before


def looked_at() -> None:
    """`status` tells how the host is, and what ails it."""
    run(HOST, "systemctl stop pair-balance.service")
    try:
        done = playbook("playbooks/status.yml", "-e", site())
    finally:
        run(HOST, "systemctl start pair-balance.service")
    assert done.returncode == 2, done.stdout[-3000:]
    assert f"ERROR    {HOST}: pair-balance.service is inactive" in done.stdout
    done = playbook("playbooks/status.yml", "-e", site(), "--limit", "fw-1,fw-2,localhost")
    assert done.returncode == 2 and f"leaves out {HOST};" in " ".join(done.stdout.split()), done.stdout[
        -2000:
    ]
    done = playbook("playbooks/status.yml", "-e", site())
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"OK       {HOST}: no findings" in done.stdout
    assert f"BALANCER {HOST}: far-4 at {ASKED[4]}: {SERVERS[4]['srv-1']} (weight 1) well" in done.stdout


@pytest.mark.long
def test_a_server_that_is_taken_out_gets_nothing_new(tmp_path: Path) -> None:
    done = built()
    try:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        drained(tmp_path / "rows.json")
    finally:
        removed()


def removed() -> None:
    words = ("--limit", f"{HOST},localhost", "-e", site(), "-e", "remove_confirm=native")
    gone = playbook("playbooks/remove.yml", *words)
    assert gone.returncode == 0, gone.stdout[-3000:] + gone.stderr


def drained(report: Path) -> None:
    name = f"far-4/{SERVERS[4]['srv-1']}"
    options = ("-e", site(), "-e", f"balancer_json={report}")
    done = playbook("playbooks/balancer.yml", *options, "-e", f"balancer_drain={name}")
    assert done.returncode == 0, done.stdout[-3000:]
    rows = json.loads(report.read_text())["servers"]
    assert [(row["node"], row["server"]) for row in rows if row["state"] == "taken out"] == [
        (HOST, SERVERS[4]["srv-1"])
    ]
    wait("one answers", lambda: answers(4) == {"srv-2"})
    done = playbook("playbooks/balancer.yml", *options, "-e", f"balancer_restore={name}")
    assert done.returncode == 0, done.stdout[-3000:]
    wait("both answer", lambda: answers(4) == {"srv-1", "srv-2"})


@pytest.mark.parametrize("key", KEYS)
def test_a_host_that_forwards_already_is_refused(key: str) -> None:
    """It would forward for others no more; nothing is changed before that is told."""
    run(HOST, f"sysctl -qw {key}=1")
    try:
        done = built()
        assert done.returncode == 2
        said = " ".join(done.stdout.split())
        assert f"{HOST}: forwards already ({key} is 1)" in said, said[-2000:]
        assert "ftfw_balancer" not in run(HOST, "nft list tables")
    finally:
        run(HOST, f"sysctl -qw {key}=0")
