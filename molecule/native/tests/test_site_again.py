# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml on a pair that runs: check mode finds no change, and what disturbs goes node by node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from containers import NODES, other_of, playbook, run, wait
from faults import settle
from messages import messages

SERVERS = {"-4": "192.168.0.3", "-6": "2001:db8::3"}
NEW = {4: "192.168.0.101", 6: "2001:db8::101"}
ROUTERS = {
    "inside": {"vrid": 61, "addresses": ["192.168.2.100", "2001:db8:2::100"]},
    "outside": {"vrid": 62, "addresses": ["192.168.0.100", "2001:db8::100"]},
}


def changed(output: str) -> dict[str, int]:
    return {host: int(count) for host, count in re.findall(r"^(\S+)\s.*changed=(\d+)", output, re.MULTILINE)}


def site(routers: dict[str, Any]) -> Any:
    pairs = {"ftfw": {"nodes": list(NODES), "sync": ["sync"], "virtual_routers": routers}}
    return playbook("site.yml", "-e", json.dumps({"site_pairs": pairs}))


@contextmanager
def pings() -> Iterator[dict[str, int]]:
    """Twenty a second in each family; afterwards how many of them were lost."""
    lost: dict[str, int] = {}
    for family, server in SERVERS.items():
        unit = f"systemd-run --quiet --unit ping{family} sh -c"
        run("client", f"{unit} 'ping -n {family} -i 0.05 {server} >/root/ping{family} 2>&1'")
    yield lost
    for family in SERVERS:
        run("client", f"systemctl kill --signal INT ping{family}.service", check=False)
    for family in SERVERS:
        lost[family] = lost_by(family)


def lost_by(family: str) -> int:
    wait("pings are counted", lambda: "received" in run("client", f"cat /root/ping{family}"))
    counted = run("client", f"cat /root/ping{family}")
    found = re.search(r"(\d+) packets transmitted, (\d+) received", counted)
    assert found
    assert int(found[1]) > 100
    return int(found[1]) - int(found[2])


def test_check_mode_of_a_site_that_is_up_finds_nothing_to_change(roles: tuple[str, str]) -> None:
    done = playbook("site.yml", "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert not any(changed(done.stdout).values()), done.stdout


@pytest.mark.long
def test_a_virtual_router_comes_and_goes_and_no_packet_is_lost(roles: tuple[str, str], status: Any) -> None:
    new = roles[1]
    second = {"network": "outside", "vrid": 64, "addresses": list(NEW.values())}
    try:
        with pings() as lost:
            done = site({**ROUTERS, "second": second})
        assert done.returncode == 0, done.stdout
        assert f"{new} is changed first, as the backup" in done.stdout
        assert lost == dict.fromkeys(SERVERS, 0)
        # announced: the role has moved once, and the new addresses are on who has it
        assert settle(status).document["primary"] == new
        held = run(new, "ip -o address show")
        assert all(address in held for address in NEW.values())
    finally:
        with pings() as lost:
            done = site(ROUTERS)
    assert done.returncode == 0, done.stdout
    assert lost == dict.fromkeys(SERVERS, 0)
    settle(status)
    assert not any(address in run(node, "ip -o address show") for node in NODES for address in NEW.values())


OLD_NETWORK = r"""
python3 - <<'X'
import pathlib, re
for file in pathlib.Path("/etc/systemd/network").glob("10-ftfw-eth*.network"):
    text = file.read_text()
    section = r"\n#[^\n]*\n\[Address\]\nAddress=fe80:[^\n]*\nDuplicateAddressDetection=none\n"
    file.write_text(re.sub(section, "", text))
X
networkctl reload
for card in eth0 eth1 eth2; do ip -6 address flush dev $card scope link; done
"""
"""Files as of a collection that knew no link-local addresses, and a node that has none."""
DROP_IN = "/run/systemd/system/keepalived.service.d"
CHANGES = "cat /etc/keepalived/keepalived.conf /etc/ftfw/ruleset.nft /etc/systemd/network/*"
LINK_LOCAL = "ip -6 -oneline address show scope link | wc -l"


def addresses(node: str) -> list[str]:
    """A node's own addresses: what it has besides the virtual ones."""
    listed = run(node, "ip -oneline address show scope global")
    return [
        one for one in sorted(re.findall(r"eth\d +inet6? \S+", listed)) if not one.endswith(("/32", "/128"))
    ]


@pytest.mark.long
def test_links_that_are_configured_anew_lose_no_message(roles: tuple[str, str], status: Any) -> None:
    """As when a pair that was built by an older collection gets link-local addresses."""
    primary, backup = roles
    before = {node: addresses(node) for node in NODES}
    assert all(before.values())
    for node in NODES:
        run(node, OLD_NETWORK)
        assert run(node, LINK_LOCAL).strip() == "0"
    with messages() as sent:
        done = playbook("site.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    said = " ".join(done.stdout.split())
    anew = "networkd configures eth0, eth1 anew"
    assert f"{backup} is changed first, as the backup: {anew}" in said
    assert f"{primary} is changed after it has handed over: {anew}" in said
    assert sent.lost() == {}, sent.gaps()
    assert {node: addresses(node) for node in NODES} == before
    assert all(int(run(node, LINK_LOCAL)) >= 2 for node in NODES)
    assert settle(status).document["primary"] == backup


@pytest.mark.long
@pytest.mark.parametrize("whose", ["backup", "primary"])
def test_a_turn_that_fails_on_one_node_leaves_the_pair_up(
    roles: tuple[str, str], status: Any, whose: str
) -> None:
    node = dict(zip(("primary", "backup"), roles))[whose]
    other = other_of(node)
    second = {"network": "outside", "vrid": 64, "addresses": list(NEW.values())}
    was = run(other, CHANGES)
    run(
        node,
        f"mkdir -p {DROP_IN} && printf '[Service]\\nExecStartPre=/bin/false\\n' >{DROP_IN}/90-refuse.conf",
    )
    run(node, "systemctl daemon-reload")
    try:
        with messages() as sent:
            done = site({**ROUTERS, "second": second})
        assert done.returncode == 2, done.stdout[-3000:]
        said = " ".join(done.stdout.split())
        assert f"{node}: " in said
        assert f"Its keepalived is stopped, and stays so: {other} is primary without a backup." in said
        assert sent.lost() == {}, sent.gaps()
        held = run(other, "ip -oneline address show")
        assert all(address in held for router in ROUTERS.values() for address in router["addresses"])
        if whose == "backup":
            assert run(other, CHANGES) == was
    finally:
        run(node, f"rm {DROP_IN}/90-refuse.conf && systemctl daemon-reload")
        done = site(ROUTERS)
    assert done.returncode == 0, done.stdout[-3000:]
    settle(status)
