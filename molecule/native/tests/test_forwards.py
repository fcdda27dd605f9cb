# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for at a virtual address: who may, who may not, and how often."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from containers import VIRTUAL, VIRTUAL_6, other_of, playbook, run
from test_pair import primary, settle

pytestmark = pytest.mark.long
OUTSIDE = {4: VIRTUAL[1], 6: VIRTUAL_6[1]}
CHOSEN, BARRED = {4: "192.168.0.66", 6: "2001:db8::66"}, {4: "192.168.0.67", 6: "2001:db8::67"}
STRANGER = {4: "192.168.0.3", 6: "2001:db8::3"}
BURST = 5
ASKED = {"from": "outside", "to": "inside", "destinations": list(OUTSIDE.values())}
POLICY = {
    "site_addresses": {"chosen": list(CHOSEN.values()), "barred": list(BARRED.values())},
    "site_policy": [
        {
            "from": "inside",
            "to": "outside",
            "services": ["dns", "http", "https", "ftp", "ssh", "echo", "ping"],
            # as the pair has it: the first and the last one are site.yml's business
            "offload": "expected",
        },
        {**ASKED, "services": ["echo"], "sources": ["barred"], "action": "drop"},
        {**ASKED, "services": ["http"], "limit": "1/minute"},
    ],
    "site_port_forwards": [
        {"to": "outside", "host": "client", "address": address, **asked}
        for address in OUTSIDE.values()
        for asked in (
            {"service": "echo", "sources": ["chosen", "barred"]},
            {"service": "http"},
            {"service": "https"},
        )
    ],
}
LISTENER = """
import selectors, socket
doors = selectors.DefaultSelector()
for port in (7, 80, 443):
    door = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    doors.register(door, selectors.EVENT_READ)
while True:
    for key, _events in doors.select():
        caller, _address = key.fileobj.accept()
        caller.sendall(b"client")
        caller.close()
"""
CALLER = """
import json, socket, sys
source, target, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
heard = 0
for _call in range(count):
    try:
        with socket.create_connection((target, port), 0.7, (source, 0)) as call:
            heard += call.recv(6, socket.MSG_WAITALL) == b"client"
    except TimeoutError:
        pass
print(heard)
"""


@pytest.fixture(scope="module", autouse=True)
def forwards() -> Iterator[None]:
    run("client", f"cat >/root/listener.py <<'X'\n{LISTENER}X")
    run("server", f"cat >/root/caller.py <<'X'\n{CALLER}X")
    run("client", "systemd-run --quiet --collect --unit listener python3 /root/listener.py")
    more = [each for asker in (CHOSEN, BARRED) for each in asker.values()]
    for address in more:
        run("server", f"ip address add {address}/{'64 nodad' if ':' in address else '24'} dev eth0")
    try:
        done = playbook("playbooks/policy.yml", "-e", json.dumps(POLICY))
        assert done.returncode == 0, done.stdout[-3000:]
        yield
    finally:
        for address in more:
            run("server", f"ip address del {address}/{'64' if ':' in address else '24'} dev eth0")
        run("client", "systemctl stop listener.service")
        done = playbook("playbooks/policy.yml")
    assert done.returncode == 0, done.stdout[-3000:]


def heard(source: str, target: str, port: int, count: int = 1) -> int:
    """How many calls from an address of the server were answered by the client behind the pair."""
    return int(run("server", f"python3 /root/caller.py {source} {target} {port} {count}"))


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("turn", ["this node", "the other node"])
def test_a_virtual_address_answers_those_who_may(turn: str, family: int) -> None:
    node = primary()
    if family == 4 and turn == "the other node":
        run(node, "systemctl restart keepalived.service")
        node = other_of(node)
    settle(node)
    target = OUTSIDE[family]
    # everybody reaches what is open to all, so it is no matter of routes
    for source in (CHOSEN, BARRED, STRANGER):
        assert heard(source[family], target, 443) == 1
    assert heard(CHOSEN[family], target, 7) == 1
    assert heard(BARRED[family], target, 7) == 0
    assert heard(STRANGER[family], target, 7) == 0
    assert heard(STRANGER[family], target, 80, BURST + 3) in (BURST, BURST + 1)
