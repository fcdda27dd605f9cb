# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in no pair balances by the kernel's IPVS: both methods, both families, and one over the other.

The guest `client` is that host: the kernel under the lab has no IPVS. Its servers, and who asks, are
namespaces on its wire.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import PROJECT
from kernel import Ansible, write

pytestmark = pytest.mark.long

HOST, BRIDGE = "client", "br1"
ASKED = {4: "192.168.2.70", 6: "2001:db8:2::70"}
PORTS = {"dr": 8088, "tun": 8089, "over": 8090}
"""By `over` a tunnel leads to servers of the other family."""
NAMES = ("ipvs-1", "ipvs-2")
ADDRESSES = {
    "ipvs-1": ("192.168.2.71/24", "2001:db8:2::71/64"),
    "ipvs-2": ("192.168.2.72/24", "2001:db8:2::72/64"),
    "ipvs-ask": ("192.168.2.79/24", "2001:db8:2::79/64"),
}
ALL = [(family, method) for family in ASKED for method in PORTS]
SOMEBODY_S = "192.168.2.70:9999"
SECONDS = 60
SCRIPTS = {
    "ask.sh": "exec 3<>/dev/tcp/$1/$2 && echo >&3 && head -n 1 <&3",
    "flow.sh": """\
exec 3<>/dev/tcp/$1/$2
while sleep 1; do
    echo >&3 && read -t 5 -u 3 line || exit 9
    echo $line
done
""",
}


def site() -> str:
    """The lab's balancers, and those of the host."""
    known = yaml.safe_load((PROJECT / "inventories/lab/group_vars/all/site.yml").read_text())
    times = {"delay_loop": 1, "connect_timeout": 2, "retry": 1, "delay_before_retry": 1}
    balancers = {
        f"{method}-{family}": {
            "host": HOST,
            "address": ASKED[family],
            "service": f"by-{method}",
            "method": "tun" if method == "over" else method,
            "servers": [_server(name, family, method) for name in NAMES],
            "check": {"tcp": {}, **times},
        }
        for family, method in ALL
    }
    services = {f"by-{method}": {"tcp": [port]} for method, port in PORTS.items()}
    return json.dumps({"site_balancers": {**known["site_balancers"], **balancers}, "site_services": services})


class Wire:
    """The namespaces on the hypervisor, and what is asked there."""

    def __init__(self, omarine: Any) -> None:
        self.omarine, self.opened = omarine, 0

    def make(self) -> None:
        for name, addresses in ADDRESSES.items():
            lines = [
                f"ip netns add {name}",
                f"ip link add {name} type veth peer name eth0 netns {name}",
                f"ip link set {name} master {BRIDGE} up",
                f"ip -n {name} link set lo up",
                *(f"ip -n {name} address add {one} dev eth0 nodad" for one in addresses),
                f"ip -n {name} link set eth0 up",
            ]
            self.omarine.check_output(" && ".join(lines))
        for name in NAMES:
            keys = "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 "
            keys += "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"
            self.omarine.check_output(f"ip netns exec {name} sysctl -qw {keys}")
            for address in ASKED.values():
                length = 128 if ":" in address else 32
                self.omarine.check_output(f"ip -n {name} address add {address}/{length} dev lo nodad")
            self.serve(name)

    def serve(self, name: str) -> None:
        program = f"python3 /root/ipvs_server.py {name} {' '.join(map(str, PORTS.values()))}"
        unit = (
            f"systemd-run --quiet --unit {name} --collect --property NetworkNamespacePath=/run/netns/{name}"
        )
        self.omarine.check_output(f"{unit} {program}")

    def unmake(self) -> None:
        for name in ADDRESSES:
            self.omarine.run(
                f"systemctl stop {name} ipvs-flow-*; ip netns delete {name}; ip link delete {name}"
            )
        self.omarine.run("rm -f /root/ipvs_server.py /root/ask.sh /root/flow.sh /root/ipvs-flow-*")

    def who(self, family: int, method: str, times: int = 4) -> list[str]:
        """Who answers new flows, in order; what went wrong is among them."""
        ask = f"ip netns exec ipvs-ask timeout 3 bash /root/ask.sh {ASKED[family]} {PORTS[method]}"
        asked = [self.omarine.run(ask) for _time in range(times)]
        return [one.stdout.strip() or f"error {one.rc}" for one in asked]

    def until(self, wanted: set[str], which: list[tuple[int, str]] = ALL) -> None:
        end = time.monotonic() + SECONDS
        for family, method in which:
            while (seen := set(self.who(family, method))) != wanted:
                assert time.monotonic() < end, (family, method, seen)

    def open(self, family: int, method: str) -> str:
        """Open a flow that says a line a second, and writes what comes back; its name."""
        self.opened += 1
        name = f"ipvs-flow-{self.opened}"
        unit = f"systemd-run --quiet --unit {name} --property NetworkNamespacePath=/run/netns/ipvs-ask"
        program = f"bash /root/flow.sh {ASKED[family]} {PORTS[method]}"
        self.omarine.check_output(f"{unit} --property StandardOutput=append:/root/{name} {program}")
        return name

    def close(self, names: list[str]) -> None:
        for name in names:
            self.omarine.run(f"systemctl stop {name}; systemctl reset-failed {name}; rm -f /root/{name}")

    def said(self, name: str) -> list[str]:
        return list(self.omarine.run(f"cat /root/{name}").stdout.split())

    def goes_on(self, name: str) -> bool:
        """Whether a flow gets two more answers."""
        before, end = len(self.said(name)), time.monotonic() + 10
        while time.monotonic() < end:
            if len(self.said(name)) >= before + 2:
                return True
            time.sleep(1)
        return False


@pytest.fixture(scope="module")
def wire(omarine: Any) -> Iterator[Wire]:
    made = Wire(omarine)
    programs = {"ipvs_server.py": (Path(__file__).parent / "ipvs_server.py").read_text(), **SCRIPTS}
    try:
        for name, text in programs.items():
            write(omarine, f"/root/{name}", text)
        made.make()
        yield made
    finally:
        made.unmake()


@pytest.fixture(scope="module")
def asked_for(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options: the host has addresses for its balancers, beside those from which it asks servers."""
    folder = tmp_path_factory.mktemp("inventory")
    (folder / "host_vars").mkdir()
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {HOST: {}}}}))
    variables = yaml.safe_load((PROJECT / f"inventories/lab/host_vars/{HOST}.yml").read_text())
    variables["node_interfaces"]["eth0"]["addresses"] += ASKED.values()
    (folder / f"host_vars/{HOST}.yml").write_text(yaml.safe_dump(variables))
    return ["-i", str(folder), "-e", site()]


@pytest.fixture(scope="module")
def balanced(
    wire: Wire, guest: Callable[[str], Any], ansible: Ansible, asked_for: list[str]
) -> Iterator[Any]:
    """The host with its balancers; afterwards it is as before, and somebody else's service is still there."""
    host = guest(HOST)
    others = f"ipvsadm --add-service --tcp-service {SOMEBODY_S} --scheduler rr"
    host.check_output(f"modprobe ip_vs && {others}")
    command = [
        "ansible-playbook",
        "site.yml",
        "-e",
        "policy_test_first=false",
        "--limit",
        f"{HOST},localhost",
    ]
    try:
        ansible(*command, *asked_for)
        yield host
        again = ansible(*command, *asked_for)
        assert not re.search("changed=[1-9]", again.partition("PLAY RECAP")[2]), again[-2000:]
    finally:
        ansible(*command)
        left = host.check_output("ipvsadm --save --numeric")
        host.check_output(f"ipvsadm --delete-service --tcp-service {SOMEBODY_S}")
    assert left == f"-A -t {SOMEBODY_S} -s rr"
    assert host.run("ls /usr/local/sbin/pair-balance /etc/ftfw/balancers.json").rc != 0


def test_new_flows_alternate(balanced: Any, wire: Wire) -> None:
    wire.until(set(NAMES))
    for family, method in ALL:
        seen = wire.who(family, method, 6)
        assert seen in ([*NAMES] * 3, [*NAMES][::-1] * 3), (family, method, seen)
    told = balanced.check_output("ipvsadm --save --numeric").split()
    ways = {word for word in told if word in ("-m", "-g", "-i")}
    assert ways == {"-g", "-i"}


def test_a_server_that_is_taken_out_keeps_its_flows(
    balanced: Any, wire: Wire, ansible: Ansible, asked_for: list[str]
) -> None:
    flows = [wire.open(*one) for one in ALL for _server in NAMES]
    assert all(map(wire.goes_on, flows))
    with_site = ("ansible-playbook", "playbooks/balancer.yml", *asked_for)
    names = ",".join(f"{method}-{family}/{_server(NAMES[0], family, method)}" for family, method in ALL)
    said = ansible(*with_site, "-e", f"balancer_drain={names}")
    assert "taken out" in said
    try:
        for family, method in ALL:
            assert set(wire.who(family, method)) == {NAMES[1]}
        assert all(map(wire.goes_on, flows))
        # the program ends, and flows go on; it comes back, and finds all as it was
        balanced.check_output("systemctl kill --signal KILL pair-balance.service")
        assert all(map(wire.goes_on, flows))
        wire.until({NAMES[1]})
    finally:
        ansible(*with_site, "-e", f"balancer_restore={names}")
    wire.until(set(NAMES))
    assert all(map(wire.goes_on, flows))
    wire.close(flows)


def test_a_server_that_dies_gets_nothing_and_its_flows_end(balanced: Any, wire: Wire) -> None:
    flows = {one: [wire.open(*one) for _server in NAMES] for one in ALL}
    assert all(wire.goes_on(name) for names in flows.values() for name in names)
    dead = NAMES[1]
    wire.omarine.check_output(f"ip link set {dead} down")
    try:
        wire.until({NAMES[0]})
        for names in flows.values():
            ended = [name for name in names if wire.said(name)[0] == dead]
            assert len(ended) == 1
            assert [wire.omarine.run(f"systemctl is-active {name}").stdout.strip() for name in ended] == [
                "failed"
            ]
            assert all(wire.goes_on(name) for name in names if name not in ended)
    finally:
        wire.omarine.check_output(f"ip link set {dead} up")
    wire.until(set(NAMES))
    wire.close([name for names in flows.values() for name in names])


def test_who_has_how_many_flows_is_told(
    balanced: Any, wire: Wire, ansible: Ansible, asked_for: list[str], tmp_path: Path
) -> None:
    names, report = [wire.open(*one) for one in ALL], tmp_path / "rows.json"
    assert all(map(wire.goes_on, names))
    try:
        ansible("ansible-playbook", "playbooks/balancer.yml", *asked_for, "-e", f"balancer_json={report}")
        rows = [one for one in json.loads(report.read_text())["servers"] if one["node"] == HOST]
        assert {one["balancer"] for one in rows if int(one["flows"])} == {
            f"{method}-{family}" for family, method in ALL
        }, rows
    finally:
        wire.close(names)


def _server(name: str, family: int, method: str) -> str:
    return ADDRESSES[name][(family == 6) != (method == "over")].partition("/")[0]
