# SPDX-License-Identifier: GPL-3.0-or-later
"""What IPVS has, as a kernel has printed it, and what it is told so that it has what is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import (
    SORRY,
    AskedPorts,
    IpvsConfig,
    ServerConfig,
    ipvs_config,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.ipvs import (
    Known,
    RealServer,
    VirtualService,
    commands,
    flows_in,
    read_services,
    removals,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import BalancerState, Verdict
from ansible_collections.ftfw.pair.tests.unit.plugins.module_utils.balance.balancers import balancer, check

HEADER = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
PRINTED = f"""\
{HEADER}TCP  C0A80006:0050 rr\x20
  -> C0A80004:0050      Route   1      3          7        \x20
  -> C0A80005:0050      Route   0      0          0        \x20
UDP  [2001:0db8:0000:0000:0000:0000:0000:0006]:0035 wlc persistent 300000 FFFFFFFF
  -> [2001:0db8:0000:0000:0000:0000:0000:0004]:0035      Tunnel  2      1          0        \x20
FWM  00000001 rr\x20
  -> C0A80007:0000      Masq    1      0          0        \x20
"""
WEB = VirtualService("tcp", "192.168.0.6", 80)
DNS = VirtualService("udp", "2001:db8::6", 53)
OTHERS = VirtualService("tcp", "192.168.0.7", 443)
ASKED = (AskedPorts("tcp", 80, 80),)
WELL, FAILED = Verdict(True, "is well"), Verdict(False, "no answer")
FROM = ("192.168.0.7",)
TO = "--tcp-service 192.168.0.6:80"


def begun(**changes: Any) -> BalancerState:
    said: dict[str, Any] = {"address": "192.168.0.6", "asked": ASKED, "check": check(), "servers": SERVERS}
    said["ipvs"] = IpvsConfig("dr", FROM)
    return BalancerState.begin(balancer(**{**said, **changes}), 0)


SERVERS = (ServerConfig("srv-1", "192.168.0.4", 1), ServerConfig("srv-2", "192.168.0.5", 2))


def having(**weights: int) -> dict[VirtualService, Known]:
    names = {one.name: one.address for one in SERVERS} | {SORRY: "192.168.0.9"}
    servers = {names[name.replace("_", "-")]: RealServer(weight, "dr") for name, weight in weights.items()}
    return {WEB: Known("rr", servers), OTHERS: Known("rr", {"192.168.0.8": RealServer(1, "dr")})}


def server(address: str, weight: int, verb: str, way: str = "--gatewaying", limits: str = "0 0") -> str:
    most, least = limits.split()
    return (
        f"--{verb}-server {TO} --real-server {address}:80 {way} --weight {weight}"
        f" --u-threshold {most} --l-threshold {least}"
    )


def test_what_the_kernel_prints() -> None:
    found = read_services(PRINTED)
    assert found == {
        WEB: Known("rr", {"192.168.0.4": RealServer(1, "dr", 3), "192.168.0.5": RealServer(0, "dr", 0)}),
        DNS: Known("wlc", {"2001:db8::4": RealServer(2, "tun", 1)}),
    }
    assert flows_in(begun().config, found) == {"srv-1": 3, "srv-2": 0}
    assert read_services(HEADER) == {}


def test_a_kernel_that_has_nothing_is_told_all() -> None:
    assert commands([begun()], {}, (), True) == [
        f"--add-service {TO} --scheduler rr",
        server("192.168.0.4", 1, "add"),
        server("192.168.0.5", 2, "add"),
    ]


def test_what_is_there_is_left_alone_and_what_others_have_too() -> None:
    assert commands([begun()], having(srv_1=1, srv_2=2), (), False) == []


def test_the_first_time_all_is_told_once_more() -> None:
    """The kernel does not say which limits servers have."""
    limited = (ServerConfig("srv-1", "192.168.0.4", 1, None, 100, 50),)
    found = commands([begun(servers=limited)], having(srv_1=1), (), True)
    assert found == [
        f"--edit-service {TO} --scheduler rr",
        server("192.168.0.4", 1, "edit", limits="100 50"),
    ]


def test_a_server_that_fails_goes_and_comes_back() -> None:
    state = begun()
    state.note("srv-1", FAILED, 1)
    assert commands([state], having(srv_1=1, srv_2=2), (), False) == [
        f"--delete-server {TO} --real-server 192.168.0.4:80"
    ]
    state.note("srv-1", WELL, 2)
    assert commands([state], having(srv_2=2), (), False) == [server("192.168.0.4", 1, "add")]


def test_what_is_open_to_it_may_stay_open() -> None:
    state = begun(inhibit_on_failure=True)
    state.note("srv-1", FAILED, 1)
    assert commands([state], having(srv_1=1, srv_2=2), (), False) == [server("192.168.0.4", 0, "edit")]


def test_a_server_that_is_taken_out_keeps_its_flows() -> None:
    state = begun()
    state.drain(frozenset({"srv-2"}), 1)
    assert commands([state], having(srv_1=1, srv_2=2), (), False) == [server("192.168.0.5", 0, "edit")]


def test_the_sorry_server_answers_alone_while_the_quorum_is_lost() -> None:
    state = begun(quorum=2, sorry=ServerConfig(SORRY, "192.168.0.9", 0), servers=SERVERS)
    state.note("srv-2", FAILED, 1)
    sorry = server("192.168.0.9", 1, "add")
    assert commands([state], having(srv_1=1, srv_2=2), (), False) == [
        # whose flows go on
        server("192.168.0.4", 0, "edit"),
        sorry,
        f"--delete-server {TO} --real-server 192.168.0.5:80",
    ]
    state.note("srv-2", WELL, 2)
    there = {**having(srv_1=0), WEB: Known("rr", {"192.168.0.9": RealServer(1, "dr")})}
    assert commands([state], there, (), False)[-1] == f"--delete-server {TO} --real-server 192.168.0.9:80"


def test_nobody_is_left() -> None:
    """IPVS refuses what asks for a service without servers."""
    state = begun()
    for name in ("srv-1", "srv-2"):
        state.note(name, FAILED, 1)
    assert [one.split()[0] for one in commands([state], having(srv_1=1, srv_2=2), (), False)] == [
        "--delete-server",
        "--delete-server",
    ]


def test_a_server_that_was_never_seen_waits_for_its_first_check() -> None:
    assert commands([begun(alpha=True)], {}, (), True) == [f"--add-service {TO} --scheduler rr"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scheduler": "wlc"}, "--scheduler wlc"),
        ({"ipvs": IpvsConfig("dr", FROM, 300)}, "--scheduler rr --persistent 300"),
        (
            {"ipvs": IpvsConfig("dr", FROM, 300, 20)},
            "--scheduler rr --persistent 300 --netmask 255.255.240.0",
        ),
    ],
)
def test_words_of_a_service(changes: dict[str, Any], words: str) -> None:
    found = commands([begun(**changes)], having(srv_1=1, srv_2=2), (), True)
    assert found[0] == f"--edit-service {TO} {words}"


def test_another_scheduler_is_told_at_once() -> None:
    found = commands([begun(scheduler="sh")], having(srv_1=1, srv_2=2), (), False)
    assert found == [f"--edit-service {TO} --scheduler sh"]


def test_a_prefix_of_ipv6_and_another_way() -> None:
    asked = (AskedPorts("udp", 53, 53),)
    changes = {"address": "2001:db8::6", "asked": asked, "ipvs": IpvsConfig("tun", ("2001:db8::7",), 60, 64)}
    servers = (ServerConfig("srv-1", "2001:db8::4", 1),)
    state = begun(**changes, servers=servers, scheduler="wlc")
    to = "--udp-service [2001:db8::6]:53"
    assert commands([state], {}, (), True) == [
        f"--add-service {to} --scheduler wlc --persistent 60 --netmask 64",
        f"--add-server {to} --real-server [2001:db8::4]:53 --ipip --weight 1 --u-threshold 0 --l-threshold 0",
    ]
    # the same server, reached as it is not meant to be
    there = {DNS: Known("wlc", {"2001:db8::4": RealServer(1, "dr")})}
    assert [one.split()[0] for one in commands([state], there, (), False)] == ["--edit-server"]


def test_a_tunnel_leads_to_the_other_family() -> None:
    ways = ("192.168.0.7", "2001:db8::7")
    servers = (ServerConfig("srv-1", "192.168.0.4", 1), ServerConfig("srv-2", "2001:db8::5", 1))
    asked = (AskedPorts("udp", 53, 53),)
    state = begun(address="2001:db8::6", asked=asked, ipvs=IpvsConfig("tun", ways), servers=servers)
    found = commands([state], {}, (), True)
    assert [one.split(" --")[2] for one in found[1:]] == [
        "real-server 192.168.0.4:53",
        "real-server [2001:db8::5]:53",
    ]
    printed = PRINTED.replace("[2001:0db8:0000:0000:0000:0000:0000:0004]:", "C0A80004:")
    assert flows_in(state.config, read_services(printed)) == {"srv-1": 1, "srv-2": 0}
    assert {who.name: how.bindto for who, how in state.checks()} == {"srv-1": ways[0], "srv-2": ways[1]}


def test_a_former_version_has_written_one_address() -> None:
    said = {"method": "dr", "persistence_timeout": None, "persistence_granularity": None}
    for address in (FROM[0], list(FROM)):
        assert ipvs_config({**said, "asks_from": address}) == IpvsConfig("dr", FROM)


def test_each_port_is_a_service() -> None:
    ports = (AskedPorts("tcp", 80, 81), AskedPorts("sctp", 2905, 2905))
    found = commands([begun(asked=ports, servers=SERVERS[:1])], {}, (), True)
    assert [one.split(" --")[1:3] for one in found if "add-service" in one] == [
        ["tcp-service 192.168.0.6:80", "scheduler rr"],
        ["tcp-service 192.168.0.6:81", "scheduler rr"],
        ["sctp-service 192.168.0.6:2905", "scheduler rr"],
    ]


def test_what_an_earlier_run_has_made_goes_and_nothing_else() -> None:
    gone = VirtualService("tcp", "192.168.0.99", 80)
    assert commands([], having(srv_1=1), (WEB, gone), False) == [f"--delete-service {TO}"]
    assert removals(having(srv_1=1), (WEB, WEB, gone)) == [f"--delete-service {TO}"]
    assert commands([begun()], having(srv_1=1, srv_2=2), (WEB,), False) == []


def test_servers_are_asked_from_another_address() -> None:
    """They would answer themselves at the balancer's."""
    state = begun(sorry=ServerConfig(SORRY, "192.168.0.9", 0), sorry_check=check())
    assert {how.bindto for _who, how in state.checks()} == set(FROM)
    assert {how.bindto for _who, how in begun(ipvs=None).checks()} == {None}
