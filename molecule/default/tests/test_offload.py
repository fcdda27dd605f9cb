# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads are offloaded, and outlive the primary as other flows do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from kernel import Ansible, addresses

SERVER = "192.168.0.3"
SIZE, RATE = 9_000_000, 150_000
"""Bytes, and bytes a second: enough for a takeover in the middle."""
PORTS = {"fw-1": ("net01", "net11", "net21"), "fw-2": ("net02", "net12", "net22")}
FETCH = f"""
import ftplib, hashlib, json, time
begun, last, seen, longest = time.monotonic(), None, 0, 0.0
digest = hashlib.sha256()
def take(block):
    global last, seen, longest
    now = time.monotonic()
    longest = max(longest, now - (last or now))
    seen += len(block)
    digest.update(block)
    # no faster than that, so that it is under way when the primary goes
    time.sleep(max(0.0, begun + seen / {RATE} - now))
    last = time.monotonic()
with ftplib.FTP("{SERVER}", timeout=60) as ftp:
    ftp.login()
    ftp.retrbinary("RETR large", take, blocksize=8192)
print(json.dumps({{"bytes": seen, "sha256": digest.hexdigest(), "longest": longest}}))
"""


def wait(what: str, true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(1)


def offloaded(host: Any) -> int:
    """How many flows this node has offloaded."""
    listed = json.loads(host.check_output("nft --json list counter inet ftfw offloaded"))
    return int(listed["nftables"][1]["counter"]["packets"])


def flows(host: Any) -> str:
    """The client's TCP flows that the kernel knows."""
    listed: str = host.run(
        f"conntrack -L -p tcp --orig-src 192.168.2.3 --orig-dst {SERVER} 2>/dev/null"
    ).stdout
    return listed


def offloaded_ports(host: Any) -> str:
    """The ports of an offloaded flow, as conntrack writes them; empty without one."""
    found = re.search(r"(sport=\d+ dport=\d+) .*\[OFFLOAD\]", flows(host))
    return found[1] if found else ""


@pytest.fixture
def large(omarine: Any) -> Any:
    omarine.check_output(f"head -c {SIZE} /dev/urandom >/srv/ftfw-lab/large")
    yield omarine.check_output("sha256sum /srv/ftfw-lab/large").split()[0]
    omarine.check_output("rm -f /srv/ftfw-lab/large")


def replicated_anew(omarine: Any, old: Any, new: Any, links: tuple[str, ...], ports: str) -> None:
    """A node that comes back without any entry is given that of a flow that the other one has offloaded."""
    # with a higher priority it would be primary again
    old.check_output("systemctl stop keepalived")
    for link in links:
        omarine.check_output(f"ip link set {link} up")
    # until it has given up its flows
    time.sleep(5)
    source = ports.split()[0].partition("=")[2]
    old.check_output(f"conntrack -D -p tcp --orig-port-src {source}")
    assert ports not in flows(old)
    assert offloaded_ports(new) == ports
    old.check_output("conntrackd -n")
    wait("it is on the backup again", lambda: ports in flows(old), 15)


def test_a_download_is_offloaded_and_outlives_the_primary(
    omarine: Any, guest: Callable[[str], Any], large: str
) -> None:
    first = next(name for name in PORTS if "192.168.0.100/32" in addresses(guest(name), "eth0"))
    second = next(name for name in PORTS if name != first)
    old, new, client = guest(first), guest(second), guest("client")
    before = {name: offloaded(guest(name)) for name in PORTS}
    client.check_output(
        "systemd-run --quiet --unit=fetch --property=StandardOutput=truncate:/root/fetched python3 -c %s",
        FETCH,
    )
    try:
        wait("the download is offloaded", lambda: offloaded_ports(old) != "", 30)
        ports = offloaded_ports(old)
        assert offloaded(old) == before[first] + 1
        assert offloaded(new) == before[second]
        wait("the backup knows it, too", lambda: ports in flows(new), 10)
        for port in PORTS[first]:
            omarine.check_output(f"ip link set {port} down")
        wait("the other node takes over", lambda: "192.168.0.100/32" in addresses(new, "eth0"), 15)
        # what was expected on the old primary is so on the new one
        wait("it is offloaded there", lambda: offloaded_ports(new) == ports, 15)
        assert offloaded(new) == before[second] + 1
        replicated_anew(omarine, old, new, PORTS[first], ports)
        wait("the download ends", lambda: client.run("systemctl is-active fetch").rc != 0, 120)
    finally:
        for port in PORTS[first]:
            omarine.check_output(f"ip link set {port} up")
        client.run("systemctl stop fetch; systemctl reset-failed fetch")
        old.run("systemctl start keepalived")
    fetched = json.loads(client.check_output("cat /root/fetched; rm -f /root/fetched"))
    assert (fetched["bytes"], fetched["sha256"]) == (SIZE, large)
    # seconds; adverts of 0.3 are missed three times before the takeover
    assert fetched["longest"] < 5


SPARE = """\
table inet spare {{
\tflowtable short {{
\t\thook ingress priority filter
\t\tdevices = {{ {devices} }}
\t}}

\tchain forward {{
\t\ttype filter hook forward priority filter + 5; policy accept;
\t\tip protocol tcp flow add @short
\t}}
}}
"""
EMPTY = "table inet spare {\n}\n"


def test_a_flowtable_is_changed_and_removed_with_its_rules(
    guest: Callable[[str], Any], ansible: Ansible
) -> None:
    node = guest("fw-2")

    def load(**wanted: Any) -> str:
        arguments = {"table": "spare", "path": "/run/spare.nft", **wanted}
        return ansible("ansible", "fw-2", "-m", "ftfw.pair.nft_ruleset", "-a", json.dumps(arguments))

    try:
        for devices in ("eth0", "eth0, eth1"):
            assert "CHANGED" in load(text=SPARE.format(devices=devices))
            listed = node.check_output("nft list flowtable inet spare short")
            assert f"devices = {{ {devices} }}" in listed
            assert "flow add @short" in node.check_output("nft list chain inet spare forward")
        assert "CHANGED" in load(text=EMPTY)
        assert node.check_output("nft list table inet spare").split() == ["table", "inet", "spare", "{", "}"]
    finally:
        load(state="absent")
    assert node.run("nft list table inet spare").rc != 0
