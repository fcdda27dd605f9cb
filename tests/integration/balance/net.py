# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall with its compiled rules, a client and some servers: namespaces, joined by wires."""

from __future__ import annotations

import copy
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import BALANCER_TABLE, TABLE
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.integration.policy_check.sites import HostVars, dual

PORT = 80
VIRTUAL = {4: "192.168.0.100", 6: "2001:db8:0::100"}
SERVERS = {
    4: {"srv-1": "192.168.2.4", "srv-2": "192.168.2.5", "sorry": "192.168.2.9"},
    6: {"srv-1": "2001:db8:2::4", "srv-2": "2001:db8:2::5", "sorry": "2001:db8:2::9"},
}
HOST = {4: "192.168.0.7", 6: "2001:db8:0::7"}
"""Of one that is in no pair, and has balancers of its own."""
CLIENT = {4: "192.168.0.3", 6: "2001:db8:0::3"}
HERE = Path(__file__).parent
ASK = """
import socket, sys
here = ("", int(sys.argv[4])) if sys.argv[4:] else None
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as channel:
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    channel.settimeout(float(sys.argv[3]))
    if here:
        channel.bind(here)
    channel.connect((sys.argv[1], int(sys.argv[2])))
    channel.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
    print(channel.makefile().read().rpartition("I am ")[2].strip(".\\n"))
"""
COUNT = """
import collections, socket, sys, time
found = collections.Counter()
begun = time.monotonic()
for _time in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as channel:
        channel.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
        found[channel.makefile().read().rpartition("I am ")[2].strip(".\\n")] += 1
print(time.monotonic() - begun, *(f"{name}={times}" for name, times in found.items()))
"""
TALK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as channel:
    heard = channel.makefile("r")
    for line in sys.stdin:
        try:
            channel.sendall(line.encode())
            print(heard.readline().strip() or "closed", flush=True)
        except OSError as error:
            print(type(error).__name__, flush=True)
            break
"""


MOVED = 8080
"""Where servers answer that do so at a port of their own."""


def site(port: int = PORT, **changes: Any) -> HostVars:
    """The lab with a balancer for each family. It has the time that checks take on a busy machine."""
    hosts = dual()
    check = {
        "http": {"path": "/"},
        "delay_loop": 0.2,
        "connect_timeout": 2,
        "retry": 1,
        "delay_before_retry": 0.2,
    }
    for variables in hosts.values():
        variables["site_policy"] = [
            {"from": "outside", "to": "inside", "services": ["http"], "destinations": list(VIRTUAL.values())}
        ]
        variables["site_port_forwards"] = []
        variables["site_balancers"] = {
            f"web-{family}": {
                "network": "outside",
                "address": VIRTUAL[family],
                "service": "http",
                "servers": [{"host": SERVERS[family][name], "port": port} for name in ("srv-1", "srv-2")],
                "check": check,
                "quorum": 2,
                "sorry": {"host": SERVERS[family]["sorry"], "port": port},
                **copy.deepcopy(changes),
            }
            for family in (4, 6)
        }
    return {host: {k: v for k, v in each.items() if k != "site_probes"} for host, each in hosts.items()}


def until(question: Callable[[], Any], seconds: float = 10) -> Any:
    """Ask until the answer is a true one."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {answer!r}")
        time.sleep(0.05)
    return answer


@dataclass
class Servers:
    process: subprocess.Popen[str]

    def say(self, words: str = "") -> None:
        assert self.process.stdin and self.process.stdout
        if words:
            self.process.stdin.write(words + "\n")
            self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "done"


@dataclass
class Net:
    """Namespaces by what stands in them."""

    names: dict[str, str]
    folder: Path
    agent: Path
    servers: Servers
    view: dict[str, Any]
    asked: dict[int, str]
    """Where the balancers are asked for, by family."""

    @property
    def table(self) -> tuple[str, str]:
        """The name of the table that the balancers are in, and the whole of it."""
        if own := self.view["balancer_table"]:
            return BALANCER_TABLE, own["ruleset"]
        return TABLE, without_flowtables(self.view["nftables"]["ruleset"])

    def of(self, hostvars: HostVars) -> Net:
        """The same, with the rules of another site."""
        view: Any = host_view(load_site(hostvars), "fw-1")
        return replace(self, view=view)

    def run(self, where: str, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
        words = ["ip", "netns", "exec", self.names[where], *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, **more)

    def load(self, before: str = "") -> None:
        """Load the rules, behind some words."""
        done = self.run("fw", "nft", "--file", "-", input=f"{before}{self.table[1]}")
        assert done.returncode == 0, done.stderr

    def ask(
        self, family: int, times: int = 1, source_port: int | None = None, patience: int = 2
    ) -> list[str]:
        """Who answers within so many seconds; an error's name where nobody does."""
        found = []
        words = [self.asked[family], str(PORT), str(patience), *([str(source_port)] if source_port else [])]
        for _time in range(times):
            done = self.run("client", sys.executable, "-c", ASK, *words)
            said = done.stdout.strip() or done.stderr.strip().splitlines()[-1]
            found.append(said.partition(":")[0])
        return found

    def count(self, address: str, times: int) -> tuple[float, dict[str, int]]:
        """Who answers how many of so many requests, one after the other, and the seconds that they take."""
        done = self.run("client", sys.executable, "-c", COUNT, address, str(PORT), str(times))
        assert done.returncode == 0, done.stderr
        seconds, *words = done.stdout.split()
        return float(seconds), {name: int(n) for name, _is, n in (word.partition("=") for word in words)}

    @contextmanager
    def talk(self, family: int) -> Iterator[Callable[[], str]]:
        """A flow that stays open: each call says something, and returns what comes back."""
        words = ["ip", "netns", "exec", self.names["client"], sys.executable, "-c", TALK, self.asked[family]]
        with subprocess.Popen(
            [*words, str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin and process.stdout

            def say() -> str:
                assert process.stdin and process.stdout
                process.stdin.write("word\n")
                process.stdin.flush()
                return process.stdout.readline().strip()

            try:
                yield say
            finally:
                process.kill()

    @contextmanager
    def mailbox(self) -> Iterator[Callable[[], list[str]]]:
        """A mail server at the client's address: each call returns the mails that have come."""
        listen = [
            "-m",
            "aiosmtpd",
            "-n",
            "-l",
            f"{CLIENT[4]}:25",
            "-c",
            "aiosmtpd.handlers.Debugging",
            "stdout",
        ]
        words = ["ip", "netns", "exec", self.names["client"], sys.executable, "-u", *listen]
        with (self.folder / "mails").open("w") as mails, subprocess.Popen(words, stdout=mails) as process:
            try:
                until(lambda: self.run("client", "ss", "-Htln", "sport = :25").stdout)
                yield lambda: (self.folder / "mails").read_text().split("MESSAGE FOLLOWS")[1:]
            finally:
                process.kill()

    @contextmanager
    def balancing(self) -> Iterator[subprocess.Popen[str]]:
        """The program, as the role starts it."""
        config = self.folder / "balancers.json"
        said = {"table": self.table[0], "host": self.view["name"], "balancers": self.view["balancers"]}
        config.write_text(json.dumps(said))
        words = ["ip", "netns", "exec", self.names["fw"], sys.executable, "-I", str(self.agent), "balance"]
        options = {"--config": config, "--folder": self.folder, "--drained": self.folder / "drained.json"}
        more = [str(word) for option in options.items() for word in option]
        with (
            (self.folder / "log").open("w") as log,
            subprocess.Popen([*words, *more], stderr=log, text=True) as process,
        ):
            try:
                until(lambda: process.poll() is None and (self.folder / "state.json").exists())
                yield process
            finally:
                process.kill()

    def told(self, family: int) -> dict[str, Any]:
        """What the program says of a balancer."""
        said = json.loads((self.folder / "state.json").read_text())
        return next(one for one in said["balancers"] if one["name"] == f"web-{family}")

    def up(self, family: int) -> list[bool]:
        return [one["up"] for one in self.told(family)["servers"]]

    def drain(self, said: dict[str, list[str]]) -> None:
        (self.folder / "drained.json").write_text(json.dumps(said))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def serving(where: str, port: int, servers: dict[int, dict[str, str]]) -> Iterator[Servers]:
    """Servers in a namespace, by family and name; those of IPv6 have names of their own."""
    both = [f"{name}={address}" for name, address in servers[4].items()]
    both += [f"{name}-6={address}" for name, address in servers[6].items()]
    command = ["ip", "netns", "exec", where, sys.executable, str(HERE / "server.py"), str(port), *both]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            servers = Servers(process)
            servers.say()
            yield servers
        finally:
            process.kill()


@contextmanager
def net(
    folder: Path,
    agent: Path,
    hostvars: HostVars,
    port: int = PORT,
    more: dict[str, str] | None = None,
    host: str = "fw-1",
) -> Iterator[Net]:
    """Build it, with servers that answer at a port, and `more` of IPv4; all of it is gone afterwards."""
    view: Any = host_view(load_site(hostvars), host)
    token = secrets.token_hex(3)
    names = {what: f"ftfw-test-{token}-{what}" for what in ("fw", "client", "inside")}
    with ExitStack() as stack:
        for name in names.values():
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
            # as on nodes: a tentative link-local address sends no solicitation
            _set(name, "net.ipv6.conf.default.accept_dad", 0)
        for device, other in (("eth0", "client"), ("eth1", "inside")):
            _ip(
                "-n",
                names["fw"],
                "link",
                "add",
                device,
                "type",
                "veth",
                "peer",
                "eth0",
                "netns",
                names[other],
            )
        for device in ("eth2", "mgmt0"):
            _ip("-n", names["fw"], "link", "add", device, "type", "bridge")
        networks = {"eth0": ("192.168.0", "2001:db8:0"), "eth1": ("192.168.2", "2001:db8:2")}
        for device, (four, six) in networks.items():
            for last in ("1", "7", "100"):
                address(names["fw"], device, f"{four}.{last}/24", f"{six}::{last}/64")
        address(names["client"], "eth0", f"{CLIENT[4]}/24", f"{CLIENT[6]}/64")
        for four, six in zip(SERVERS[4].values(), SERVERS[6].values()):
            address(names["inside"], "eth0", f"{four}/24", f"{six}/64")
        if more:
            address(names["inside"], "eth0", *(f"{one}/24" for one in more.values()))
        for what, gateway in (("inside", 2), ("client", 0)):
            _ip("-n", names[what], "route", "add", "default", "via", f"192.168.{gateway}.100")
            _ip("-n", names[what], "-6", "route", "add", "default", "via", f"2001:db8:{gateway}::100")
        for where, setting in (
            ("fw", "net.ipv4.ip_forward"),
            ("fw", "net.ipv6.conf.all.forwarding"),
            # an address that goes leaves the others of its prefix
            ("inside", "net.ipv4.conf.eth0.promote_secondaries"),
        ):
            _set(names[where], setting, 1)
        every = {4: {**SERVERS[4], **(more or {})}, 6: SERVERS[6]}
        servers = stack.enter_context(serving(names["inside"], port, every))
        made = Net(names, folder, agent, servers, view, VIRTUAL if host == "fw-1" else HOST)
        made.load()
        yield made


def _set(name: str, setting: str, value: int) -> None:
    subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", f"{setting}={value}"], check=True)


def address(name: str, device: str, *addresses: str) -> None:
    for one in addresses:
        more = ("nodad",) if ":" in one else ()
        _ip("-n", name, "address", "add", one, "dev", device, *more)
    _ip("-n", name, "link", "set", device, "up")
