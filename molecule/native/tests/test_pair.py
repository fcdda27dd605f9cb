# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles on systemd containers: real daemons, and flows that live through what is done to them."""

from __future__ import annotations

import json
import re
import time
from functools import partial

from containers import PORT, SERVER, VIRTUAL, VIRTUAL_6, other_of, run, wait
from fault_table import inject, undo


def holders() -> dict[str, list[str]]:
    """Who has which virtual address, as the kernels see it."""
    found = {}
    for node in ("fw-1", "fw-2"):
        addresses = {
            entry["local"]
            for link in json.loads(run(node, "ip -json address show"))
            for entry in link["addr_info"]
        }
        found[node] = sorted(addresses.intersection(VIRTUAL + VIRTUAL_6))
    return found


def is_primary(node: str) -> bool:
    other = other_of(node)
    return holders() == {node: sorted(VIRTUAL + VIRTUAL_6), other: []}


def primary() -> str:
    wait("one primary", lambda: is_primary("fw-1") or is_primary("fw-2"))
    return "fw-1" if is_primary("fw-1") else "fw-2"


def pair_state(node: str) -> tuple[str, bool]:
    """The state that pair-state knows, and whether the transition is complete."""
    state = json.loads(run(node, "cat /run/pair-state/state.json"))
    return state["state"], state["pending"] is None


def settle(node: str) -> None:
    """Wait until `node` is primary and both nodes have carried out everything."""
    wait(f"{node} is primary", lambda: is_primary(node))
    wait("primary's steps", lambda: pair_state(node) == ("MASTER", True))
    wait("backup's steps", lambda: pair_state(other_of(node)) == ("BACKUP", True))


class Flow:
    """One TCP connection from the client through the pair."""

    def __init__(self, seconds: int) -> None:
        self.file = f"/tmp/flow-{time.monotonic_ns()}"  # noqa: S108 - inside a container
        run(
            "client",
            f"systemd-run --quiet python3 /root/traffic.py client {SERVER} {PORT} {seconds} {self.file}",
        )
        wait("the flow runs", lambda: len(self.times()) > 5)

    def times(self) -> list[float]:
        return [
            float(line.split()[1]) for line in run("client", f"cat {self.file}", check=False).splitlines()
        ]

    def echoes_after(self, moment: float) -> int:
        return sum(stamp > moment for stamp in self.times())

    def source_port(self) -> str:
        listed = run("client", "ss -tnH state established")
        ports: list[str] = re.findall(r"192\.168\.2\.3:(\d+) +192\.168\.0\.3:7", listed)
        return ports[-1]


def test_every_unit_is_up() -> None:
    for node in ("fw-1", "fw-2"):
        assert run(node, "systemctl --failed --no-legend") == ""


def test_flow_is_replicated_and_survives_sigkill_of_keepalived() -> None:
    old = primary()
    new = other_of(old)
    settle(old)
    flow = Flow(40)
    port = flow.source_port()
    wait("the backup has the tuple", lambda: f"sport={port} " in run(new, "conntrack -L 2>/dev/null"))
    killed = time.time()
    run(old, inject("keepalived_kill"))
    wait(f"no virtual address is left on {old}", lambda: holders()[old] == [], 2)
    settle(new)
    time.sleep(3)
    assert flow.echoes_after(killed + 2) > 10
    assert f"sport={port} " in run(new, "conntrack -L -p tcp 2>/dev/null")
    wait(
        "it comes back and gets the flow again",
        lambda: f"sport={port} " in run(old, "conntrack -L 2>/dev/null"),
    )
    assert is_primary(new), "the old primary took the addresses back"


def test_killed_conntrackd_of_the_primary_comes_back_with_its_flows() -> None:
    node = primary()
    flow = Flow(20)
    port = flow.source_port()
    backup = other_of(node)
    run(backup, "conntrack -F 2>/dev/null")
    assert f"sport={port} " not in run(backup, "conntrack -L 2>/dev/null")
    run(node, inject("conntrackd_kill_primary"))
    wait("bulk update after the restart", lambda: f"sport={port} " in run(backup, "conntrack -L 2>/dev/null"))


def test_flows_that_begin_while_conntrackd_starts_are_replicated() -> None:
    """It listens to the kernel only after it has read the table; the first 100 ms are those that count."""
    node = primary()
    backup = other_of(node)
    settle(node)
    run("client", f"systemd-run --quiet python3 /root/traffic.py datagrams {SERVER} 53 4 4000")
    wait("it sends", lambda: len(datagrams(node)) > 1000)
    run(node, inject("conntrackd_kill_primary"))
    wait("all were sent", lambda: len(datagrams(node)) == 16000)
    wait("the backup has them all", lambda: datagrams(node) <= datagrams(backup))


def datagrams(node: str) -> set[str]:
    """The client's ports of its flows to the name server, as a node's kernel has them."""
    listed = run(node, "conntrack -L -p udp 2>/dev/null")
    return set(re.findall(rf"dst={SERVER} sport=(\d+) dport=53 ", listed))


def test_flows_from_the_ports_of_ended_ones_are_replicated() -> None:
    """An entry whose end a node has from its peer is revived: no new one, and assured already."""
    old = primary()
    new = other_of(old)
    settle(old)
    run("client", f"python3 /root/traffic.py ports {SERVER} {PORT} 1 50")
    try:
        # whose end an event tells depends on how soon it is sent
        wait("the backup knows that they have ended", lambda: len(from_fixed_ports(new, *CLOSING)) == 50)
    except AssertionError:
        for node in (old, new):
            print(node, {state: len(from_fixed_ports(node, state)) for state in ("ESTABLISHED", *CLOSING)})
        raise
    run(old, "systemctl restart keepalived.service")
    settle(new)
    again = f"python3 /root/traffic.py ports {SERVER} {PORT} 8 50"
    run("client", f"systemd-run --quiet --collect --unit again {again}")
    wait("they are open again", lambda: len(from_fixed_ports(new, "ESTABLISHED")) == 50)
    wait("the backup has them", lambda: len(from_fixed_ports(old, "ESTABLISHED")) == 50, 5)
    # closed by the server, or the ports stay taken for a minute
    wait("they are over", lambda: run("client", "systemctl is-active again", check=False) == "inactive\n")


CLOSING = ("FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE")


def from_fixed_ports(node: str, *states: str) -> set[str]:
    listed = [run(node, f"conntrack -L -p tcp --state {state} 2>/dev/null") for state in states]
    return set(re.findall(rf"dst={SERVER} sport=(100[0-4]\d) dport={PORT} ", "".join(listed)))


def test_transition_waits_while_pair_state_is_down() -> None:
    old = primary()
    new = other_of(old)
    flow = Flow(40)
    run(new, "systemctl stop pair-state.service")
    moment = time.time()
    run(old, "systemctl restart keepalived.service")
    wait(f"{new} is primary", lambda: is_primary(new))
    assert pair_state(new)[0] == "BACKUP"
    run(new, "systemctl start pair-state.service")
    settle(new)
    time.sleep(2)
    assert flow.echoes_after(moment + 1) > 10


def test_transition_is_completed_when_conntrackd_is_back() -> None:
    old = primary()
    new = other_of(old)
    run(new, inject("conntrackd_stop_backup"))
    run(old, "systemctl restart keepalived.service")
    wait("the failure is known", lambda: pair_state(new) == ("MASTER", False))
    assert "FAILED: read the kernel's table" in run(new, "journalctl -b -u pair-state -p err --no-pager")
    run(new, undo("conntrackd_stop_backup"))
    settle(new)


def test_networkd_leaves_virtual_addresses_alone() -> None:
    node = primary()
    for command in (
        "systemctl restart systemd-networkd",
        "networkctl reload",
        "networkctl reconfigure eth0 eth1",
    ):
        run(node, command)
        time.sleep(1.5)
        assert is_primary(node), command
        assert link_local(node) == {"eth0", "eth1"}, command


def link_local(host: str) -> set[str]:
    """Interfaces with the link-local address that goes with their MAC; no address may be tentative."""
    found = set()
    for link in json.loads(run(host, "ip -json -6 address show")):
        mac = json.loads(run(host, f"ip -json link show dev {link['ifname']}"))[0].get("address", "")
        for entry in link["addr_info"]:
            assert not entry.get("tentative"), entry
            if entry["local"].startswith("fe80:"):
                # RFC 4291, appendix A: the MACs of this inventory begin with 12:34
                assert entry["local"] == f"fe80::1034:56ff:fe{mac[9:11]}:{mac[12:14]}{mac[15:]}"
                found.add(link["ifname"])
    return found


def test_link_local_addresses_are_made_from_the_mac_and_never_tentative() -> None:
    """On data links, and not on the replication link."""
    assert {host: link_local(host) for host in ("fw-1", "fw-2", "client", "server")} == {
        "fw-1": {"eth0", "eth1"},
        "fw-2": {"eth0", "eth1"},
        "client": {"eth0"},
        "server": {"eth0"},
    }


DHCP_SERVER = """mkdir -p /run/systemd/network/10-ftfw-eth0.network.d
cat > /run/systemd/network/10-ftfw-eth0.network.d/dhcp.conf <<EOF
[Network]
DHCPServer=yes
[DHCPServer]
DefaultLeaseTimeSec=12
MaxLeaseTimeSec=12
PoolOffset=50
[DHCPServerStaticLease]
MACAddress=12:34:56:78:9a:01
Address=192.168.0.1
[DHCPServerStaticLease]
MACAddress=12:34:56:78:9a:02
Address=192.168.0.2
EOF
networkctl reload"""


def test_lost_dhcp_server_takes_no_address_away() -> None:
    def has_lease(node: str) -> bool:
        # since systemd 253 it is called DHCPv4
        return re.search("DHCPv?4", run(node, "networkctl --no-pager status eth0")) is not None

    run("server", DHCP_SERVER)
    for node in ("fw-1", "fw-2"):
        wait(f"{node} has a lease", partial(has_lease, node), 60)
        assert "default" not in run(node, "ip route show")
    run("server", "rm -r /run/systemd/network/10-ftfw-eth0.network.d; networkctl reload")
    time.sleep(20)
    for number in (1, 2):
        assert f"inet 192.168.0.{number}/24" in run(f"fw-{number}", "ip -oneline -4 address show dev eth0")
    assert primary()


def test_control_without_replication_the_flow_dies() -> None:
    old = primary()
    new = other_of(old)
    settle(old)
    for node in (old, new):
        run(node, inject("conntrackd_mask_both"))
    flow = Flow(15)
    try:
        moment = time.time()
        run(old, inject("keepalived_kill"))
        wait(f"{new} is primary", lambda: is_primary(new))
        time.sleep(10)
        assert flow.echoes_after(moment + 2) == 0
    finally:
        for node in (old, new):
            run(node, undo("conntrackd_mask_both"))


def test_what_comes_in_where_its_answer_would_not_go_out_is_dropped() -> None:
    """The kernel's own counter (RFC 3704); the namespaces of the policy's tests are without this check."""
    node, false = primary(), "192.168.2.77/32"

    def dropped() -> int:
        names, values = (
            line.split()
            for line in run(node, "cat /proc/net/netstat").splitlines()
            if line.startswith("TcpExt:")
        )
        return int(dict(zip(names, values))["IPReversePathFilter"])

    before = dropped()
    run("server", f"ip address add {false} dev eth0")
    try:
        said = run("server", f"ping -c 3 -i 0.2 -W 1 -I {false.partition('/')[0]} {VIRTUAL[1]}", check=False)
    finally:
        run("server", f"ip address del {false} dev eth0")
    assert " 0 received" in said
    assert dropped() >= before + 3
