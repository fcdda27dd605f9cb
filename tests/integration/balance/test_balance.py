# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual's chapter on load balancing, by the program and the rules of a firewall: both families."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.integration.balance.net import (
    CLIENT,
    MOVED,
    PORT,
    SERVERS,
    Net,
    net,
    site,
    until,
)

FAMILIES = [4, 6]


def suffix(family: int) -> str:
    """Servers of IPv6 have names of their own."""
    return "" if family == 4 else "-6"


@pytest.fixture
def lab(agent: Path, tmp_path: Path) -> Iterator[Net]:
    with net(tmp_path, agent, site()) as made:
        yield made


@pytest.fixture(params=[PORT, MOVED])
def at_port(agent: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Net]:
    """The same, and one whose servers answer at another port than is asked for."""
    with net(tmp_path, agent, site(request.param), request.param) as made:
        yield made


@pytest.mark.parametrize("family", FAMILIES)
def test_the_manuals_chapter(at_port: Net, family: int) -> None:
    """Requests alternate; with one server stopped the sorry page comes; started again, both are back."""
    lab = at_port
    more = suffix(family)
    pair = [f"srv-1{more}", f"srv-2{more}"]
    with lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        seen = lab.ask(family, 6)
        assert seen in (pair * 3, pair[::-1] * 3)
        lab.servers.say(f"stop srv-1{more}")
        until(lambda: lab.told(family)["sorry"])
        assert set(lab.ask(family, 4)) == {f"sorry{more}"}
        assert lab.told(family)["servers"][0]["reason"] == "Connection refused"
        lab.servers.say(f"start srv-1{more}")
        until(lambda: not lab.told(family)["sorry"])
        assert set(lab.ask(family, 4)) == set(pair)
    said = (lab.folder / "log").read_text()
    assert f"web-{family}: quorum: Lost quorum 2-0=2 > 1" in said
    assert f"web-{family}: quorum: Gained quorum 2+0=2 <= 2" in said


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_open_to_a_server_that_dies_is_reset(at_port: Net, family: int) -> None:
    """And what is open to the other one goes on, under the sorry server as well."""
    lab = at_port
    more = suffix(family)
    address = {4: "192.168.2.4/24", 6: "2001:db8:2::4/64"}[family]
    with lab.balancing(), lab.talk(family) as one, lab.talk(family) as other:
        talks = {one().split()[0]: one, other().split()[0]: other}
        assert set(talks) == {f"srv-1{more}", f"srv-2{more}"}
        # it is gone without a word
        subprocess.run(
            ["ip", "-n", lab.names["inside"], "address", "delete", address, "dev", "eth0"], check=True
        )
        until(lambda: lab.up(family) == [False, True])
        until(lambda: lab.told(family)["sorry"])
        assert talks[f"srv-1{more}"]() == "ConnectionResetError"
        assert talks[f"srv-2{more}"]().startswith(f"srv-2{more}")
        assert set(lab.ask(family, 2)) == {f"sorry{more}"}


@pytest.mark.parametrize("family", FAMILIES)
def test_who_asks_a_server_that_dies_is_answered_by_another(at_port: Net, family: int) -> None:
    """With the next SYN; and a port that comes again does not lead to the dead one."""
    lab = at_port
    more = suffix(family)
    with lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        kind, address = {4: "ip", 6: "ip6"}[family], SERVERS[family]["srv-1"]
        rule = f"chain c {{ type filter hook input priority 0; {kind} daddr {address} drop; }}"
        assert lab.run("inside", "nft", f"table inet silent {{ {rule}; }}").returncode == 0
        # one of two has its turn
        port = next(one for one in (40001, 40002) if lab.ask(family, 1, one) == ["TimeoutError"])
        with ThreadPoolExecutor(4) as several:
            waiting = [several.submit(lab.ask, family, patience=15) for _time in range(4)]
        assert {name for asked in waiting for name in asked.result()} == {f"srv-2{more}", f"sorry{more}"}
        assert lab.ask(family, 1, port) == [f"sorry{more}"]


@pytest.mark.parametrize("family", FAMILIES)
def test_who_asks_while_nobody_is_left_is_refused_at_once(at_port: Net, family: int) -> None:
    """First whoever is left answers in place of a sorry server that has failed."""
    lab = at_port
    more, silent = suffix(family), "table inet silent"
    with lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        until(lambda: lab.told(family)["sorry_server"]["checked"])
        for name in ("srv-1", "sorry"):
            lab.servers.say(f"stop {name}{more}")
        until(lambda: not lab.told(family)["sorry_server"]["up"])
        until(lambda: lab.up(family) == [False, True])
        assert lab.told(family)["sorry"] is None
        until(lambda: lab.ask(family, 2) == [f"srv-2{more}"] * 2)
        # none of them would refuse anything itself
        rule = f"chain c {{ type filter hook input priority 0; tcp dport {{ {PORT}, {MOVED} }} drop; }}"
        assert lab.run("inside", "nft", f"{silent} {{ {rule}; }}").returncode == 0
        until(lambda: lab.up(family) == [False, False])
        until(lambda: lab.ask(family) == ["ConnectionRefusedError"])
        assert lab.ask(family, 3) == ["ConnectionRefusedError"] * 3
        lab.servers.say(f"start sorry{more}")
        assert lab.run("inside", "nft", f"delete {silent}").returncode == 0
        until(lambda: lab.told(family)["sorry_server"]["up"])
        until(lambda: set(lab.ask(family, 2)) <= {f"sorry{more}", f"srv-2{more}"})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_that_is_full_gets_no_new_flow(agent: Path, tmp_path: Path, family: int) -> None:
    """Its flows go on. When all are full the sorry server answers; a flow that ends makes room."""
    more, names = suffix(family), ("srv-1", "srv-2")
    servers = [{"host": SERVERS[family][name], "uthreshold": n} for name, n in zip(names, (1, 2))]
    hostvars = site()
    for variables in hostvars.values():
        variables["site_balancers"][f"web-{family}"]["servers"] = servers
    with net(tmp_path, agent, hostvars) as lab, lab.balancing(), ExitStack() as stack:
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        talks: dict[str, list[Callable[[], str]]] = {f"{name}{more}": [] for name in names}

        def flows() -> list[int]:
            return [one["flows"] for one in lab.told(family)["servers"]]

        for number in range(3):
            say = stack.enter_context(lab.talk(family))
            talks[say().split()[0]].append(say)
            until(lambda wanted=number + 1: sum(flows()) == wanted)
        assert flows() == [1, 2]
        until(lambda: lab.ask(family, 2) == [f"sorry{more}"] * 2)
        assert all(one["full"] and one["up"] for one in lab.told(family)["servers"])
        assert lab.told(family)["quorum"]
        for name, says in talks.items():
            for say in says:
                assert say().startswith(name)
        # all that were open end with the client
        stack.close()
        until(lambda: set(lab.ask(family, 4)) == set(talks))
    said = (tmp_path / "log").read_text()
    assert f"web-{family}: {SERVERS[family]['srv-1']} is full: it has 1" in said
    assert f"{SERVERS[family]['srv-2']} takes new flows again: it has " in said


@pytest.mark.parametrize("family", FAMILIES)
def test_who_has_fewest_flows_gets_the_new_ones(agent: Path, tmp_path: Path, family: int) -> None:
    """A server that comes back has none."""
    more = suffix(family)
    with net(tmp_path, agent, site(scheduler="lc", quorum=1)) as lab, lab.balancing(), ExitStack() as stack:
        first = lab.told(family)["servers"][0]

        def answering(number: int) -> list[str]:
            return [stack.enter_context(lab.talk(family))().split()[0] for _time in range(number)]

        lab.drain({f"web-{family}": [first["name"]]})
        until(lambda: lab.told(family)["servers"][0]["drained"])
        until(lambda: set(lab.ask(family, 4)) == {f"srv-2{more}"}, 3)
        assert answering(6) == [f"srv-2{more}"] * 6
        lab.drain({})
        until(lambda: not lab.told(family)["servers"][0]["drained"])
        until(lambda: [one["flows"] for one in lab.told(family)["servers"]] == [0, 6])
        assert answering(4) == [f"srv-1{more}"] * 4
        until(lambda: [one["flows"] for one in lab.told(family)["servers"]] == [4, 6])
        # of few flows the next ones are for both
        stack.close()
        until(lambda: [one["flows"] for one in lab.told(family)["servers"]] == [0, 0])
        until(lambda: set(lab.ask(family, 6)) == {f"srv-1{more}", f"srv-2{more}"})


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_open_to_a_sorry_server_that_dies_is_reset(at_port: Net, family: int) -> None:
    lab = at_port
    more = suffix(family)
    address = {4: "192.168.2.9/24", 6: "2001:db8:2::9/64"}[family]
    with lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        lab.servers.say(f"stop srv-1{more}")
        until(lambda: lab.told(family)["sorry"])
        with lab.talk(family) as say:
            assert say().startswith(f"sorry{more}")
            subprocess.run(
                ["ip", "-n", lab.names["inside"], "address", "delete", address, "dev", "eth0"], check=True
            )
            until(lambda: not lab.told(family)["sorry_server"]["up"])
            until(lambda: lab.ask(family, 2) == [f"srv-2{more}"] * 2)
            assert say() == "ConnectionResetError"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_that_is_taken_out_loses_nothing(agent: Path, tmp_path: Path, family: int) -> None:
    more = suffix(family)
    hostvars = site(quorum=1)
    with net(tmp_path, agent, hostvars) as lab, lab.balancing():
        first = lab.told(family)["servers"][0]["name"]
        with lab.talk(family) as one, lab.talk(family) as other:
            talks = {one().split()[0]: one, other().split()[0]: other}
            lab.drain({f"web-{family}": [first]})
            until(lambda: lab.told(family)["servers"][0]["drained"])
            until(lambda: set(lab.ask(family, 4)) == {f"srv-2{more}"}, 3)
            for name, say in talks.items():
                assert say().startswith(name)
            lab.drain({})
            until(lambda: set(lab.ask(family, 4)) == {f"srv-1{more}", f"srv-2{more}"})
            for name, say in talks.items():
                assert say().startswith(name)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_port_that_comes_again_gets_the_same_server(at_port: Net, family: int) -> None:
    """The peer has the flow before, and would keep its server; but nobody is sent to one that has failed."""
    lab = at_port
    more = suffix(family)
    with lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        first = lab.ask(family, 1, 40001)
        assert first[0] in (f"srv-1{more}", f"srv-2{more}")
        # whose turn it is goes on
        assert len(set(lab.ask(family, 2))) == 2
        assert lab.ask(family, 4, 40001) == first * 4
        lab.servers.say(f"stop {first[0]}")
        until(lambda: lab.told(family)["sorry"])
        assert lab.ask(family, 1, 40001) == [f"sorry{more}"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_that_answers_no_echo_request_is_told(agent: Path, tmp_path: Path, family: int) -> None:
    """And the site's own commands are run for it."""
    told, name = tmp_path / "told", SERVERS[family]["srv-1"]
    said = {
        when: ["/bin/sh", "-c", f'echo {when} "$@" >>{told}', "told", *words]
        for when, words in (
            ("notify_down", ["{name}", "{address}", "{port}", "{balancer}"]),
            ("notify_up", ["{name}"]),
            ("quorum_down", ["{balancer}"]),
            ("quorum_up", ["{balancer}"]),
        )
    }
    check = {"ping": {}, "delay_loop": 0.2, "connect_timeout": 1, "retry": 0}
    with net(tmp_path, agent, site(check=check, **said)) as lab, lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        length = {4: 24, 6: 64}[family]
        at = f"{name}/{length}", "dev", "eth0"
        lab.run("inside", "ip", "address", "delete", *at)
        until(lambda: lab.up(family) == [False, True])
        lab.run("inside", "ip", "address", "add", *at, *(["nodad"] if family == 6 else []))
        until(lambda: lab.up(family) == [True, True])
        until(lambda: len(told.read_text().splitlines()) == 4)
    web = f"web-{family}"
    assert told.read_text().splitlines() == [
        f"notify_down {name} {name} 80 {web}",
        f"quorum_down {web}",
        f"notify_up {name}",
        f"quorum_up {web}",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_end_of_the_checks_is_told(agent: Path, tmp_path: Path, family: int) -> None:
    """keepalived.conf(5), omega: whoever was told that a server is up is told that nobody knows any more."""
    told = tmp_path / "told"
    said = {
        when: ["/bin/sh", "-c", f'echo {when} "$@" >>{told}', "told", "{balancer}", "{name}"]
        for when in ("notify_down", "notify_up", "quorum_down", "quorum_up")
    }
    check = {"tcp": {}, "delay_loop": 0.2, "connect_timeout": 1, "retry": 0}
    servers, web = SERVERS[family], f"web-{family}"

    def lines() -> list[str]:
        return [line for line in told.read_text().splitlines() if f" {web}" in line] if told.exists() else []

    with net(tmp_path, agent, site(check=check, omega=True, **said)) as lab:
        first, second = servers["srv-1"], servers["srv-2"]
        up = [f"notify_up {web} {first}", f"notify_up {web} {second}", f"quorum_up {web} {{name}}"]
        down = [one.replace("_up", "_down") for one in up]
        with lab.balancing() as program:
            until(lambda: len(lines()) == 3)
            assert lines() == up
            until(lambda: all(one["checked"] for one in lab.told(family)["servers"]))
            ended(program)
        assert lines() == up + down
        with lab.balancing() as program:
            until(lambda: len(lines()) == 9)
            lab.servers.say(f"stop srv-1{suffix(family)}")
            until(lambda: lab.up(family) == [False, True])
            # its failure, and the quorum's, have been told already
            until(lambda: len(lines()) == 11)
            ended(program)
        assert lines()[6:] == [*up, down[0], down[2], down[1]]


def ended(program: subprocess.Popen[str]) -> None:
    """As systemd ends it."""
    program.terminate()
    assert program.wait(60) == 0


def emptied(lab: Net) -> None:
    lab.run("fw", "nft", "flush map inet ftfw balancer.web-4; flush map inet ftfw balancer.web-6")


def filled(lab: Net) -> None:
    """As a text that is loaded again has it: all are well."""
    lab.load("table inet ftfw\ndelete table inet ftfw\n")


def sorry(lab: Net, family: int) -> bool:
    return bool(lab.told(family)["sorry"])


def answers_sorry(lab: Net, family: int) -> bool:
    return set(lab.ask(family, 2)) == {f"sorry{suffix(family)}"}


@pytest.mark.parametrize("change", [emptied, filled])
def test_maps_that_somebody_has_changed_are_mended(lab: Net, change: Callable[[Net], None]) -> None:
    with lab.balancing():
        for family in FAMILIES:
            lab.servers.say(f"stop srv-2{suffix(family)}")
        for family in FAMILIES:
            until(functools.partial(sorry, lab, family))
        change(lab)
        for family in FAMILIES:
            until(functools.partial(answers_sorry, lab, family), 5)


def test_without_the_program_flows_go_on(lab: Net) -> None:
    """It was killed: who has answered last goes on to do so."""
    with lab.balancing() as program, lab.talk(4) as say:
        name = say()
        program.kill()
        program.wait()
        assert say() == name
        assert set(lab.ask(4, 4)) == {"srv-1", "srv-2"}


def test_a_map_that_is_not_there_is_told(lab: Net) -> None:
    lab.run("fw", "nft", "delete table inet ftfw")
    with lab.balancing():
        until(lambda: "the ruleset's maps" in (lab.folder / "log").read_text())
        filled(lab)
        until(lambda: "are written again" in (lab.folder / "log").read_text())


def test_mails_have_keepaliveds_words(agent: Path, tmp_path: Path) -> None:
    """The manual shows them: DOWN, UP, and the quorum that is gained."""
    told = {"to": ["tuyen"], "by": CLIENT[4]}
    with net(tmp_path, agent, site(mail=told)) as lab, lab.mailbox() as mails, lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(4)["servers"]))
        lab.servers.say("stop srv-1")
        until(lambda: len(mails()) == 2)
        lab.servers.say("start srv-1")
        until(lambda: len(mails()) == 4)
        lab.servers.say("stop sorry")
        until(lambda: len(mails()) == 5)
    virtual = "[192.168.0.100]:tcp:80"
    server = f"[fw-1] Realserver [192.168.2.4]:tcp:80 of virtual server {virtual} -"
    wanted = [
        (f"{server} DOWN", "=> CHECK failed on service : Connection refused <="),
        (f"[fw-1] Virtualserver {virtual} - DOWN", "=> Lost quorum 2-0=2 > 1 <="),
        (f"{server} UP", "=> CHECK succeed on service <="),
        (f"[fw-1] Virtualserver {virtual} - UP", "=> Gained quorum 2+0=2 <= 2 <="),
        (
            f"[fw-1] Sorry server [192.168.2.9]:tcp:80 of virtual server {virtual} - DOWN",
            "=> CHECK failed on service : Connection refused <=",
        ),
    ]
    for mail, (subject, body) in zip(mails(), wanted):
        unfolded = mail.replace("\n ", " ")
        assert f"Subject: {subject}\n" in unfolded, mail
        assert body in mail and "To: tuyen" in mail and "From: root@fw-1" in mail
