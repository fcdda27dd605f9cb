# SPDX-License-Identifier: GPL-3.0-or-later
"""Times what a policy costs: to compile, to load, and to forward through. Prints one line of JSON.

python policy_speed.py compile             needs no rights
unshare --net python policy_speed.py apply|forward
"""

from __future__ import annotations

import copy
import ctypes
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import collection  # noqa: F401  # pylint: disable=unused-import
import yaml
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.nftables import generation
from ansible_collections.ftfw.pair.plugins.module_utils.nft.keep import Keeper
from ansible_collections.ftfw.pair.plugins.module_utils.nft.node import Nft
from ansible_collections.ftfw.pair.plugins.module_utils.nft.ruleset import is_present, present
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
LAB = Path(__file__).parents[2] / "tests/sites/ipv4/inventory"
BOTH = Path(__file__).parents[2] / "inventories/lab"
"""The same with both families, through which packets of both are sent."""
ENDS = {4: ("192.168.2.{}", "192.168.0.{}", 24), 6: ("2001:db8:2::{}", "2001:db8::{}", 64)}
"""Addresses of the inside and of the outside, and the length of their prefixes."""
HOSTS = ("omarine", "fw-1", "fw-2", "client")
OUT = {"from": "inside", "to": "outside"}
FEW, MANY = 500, 5000
"""Entries of a policy."""
PREFIXES = 100_000
ROUNDS = 5
SERVICES = 1000
FIRST_PORT, STEP = 10_000, 2
"""Services have ports that don't touch, so that they are as many in the ruleset."""
USED = range(0, SERVICES, SERVICES // 10)
"""The services that packets are sent to: ten, from the first entries to the last."""
SENDERS = 2000
"""Source ports; a flow is one of these and one service."""


def site(
    policy: list[dict[str, Any]], services: dict[str, Any], lab: Path = LAB, **more: object
) -> dict[str, dict[str, Any]]:
    """The lab's variables with another policy, and more of them."""

    def load(path: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((lab / path).read_text())
        return loaded

    shared = load("group_vars/all/site.yml")
    shared |= {"site_policy": policy, "site_services": services}
    # what has hosts of its own, and rules beside those of the policy
    for name in ("site_probes", "site_balancers"):
        shared.pop(name, None)
    shared |= more
    return {host: {**copy.deepcopy(shared), **load(f"host_vars/{host}.yml")} for host in HOSTS}


def compiled(policy: list[dict[str, Any]], services: dict[str, Any], lab: Path = LAB, **more: object) -> str:
    text: str = host_view(load_site(site(policy, services, lab, **more)), "fw-1")["nftables"]["ruleset"]
    return text


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compile_policies() -> dict[str, float]:
    """A policy of FEW and of MANY entries, each with lists, services and an action of its own."""
    sites = {
        "": (LAB, lambda number: f"10.{number >> 8}.{number & 255}.0/24"),
        "v6_": (BOTH, lambda number: f"fd00:0:{number:x}::/48"),
    }
    figures: dict[str, float] = {}
    for mark, (lab, prefix) in sites.items():
        few, many = compile_times(lab, prefix)
        figures |= {
            f"policy_compile_{mark}5000_s": many,
            f"policy_compile_{mark}growth": many / few / (MANY / FEW),
        }
    return figures


def compile_times(lab: Path, prefix: Callable[[int], str]) -> tuple[float, float]:
    """Seconds for a policy of FEW and for one of MANY entries, each about a prefix of its own."""
    services = {f"s{number}": {"tcp": [FIRST_PORT + STEP * number]} for number in range(SERVICES)}
    policies = {
        count: [
            {
                **OUT,
                "services": [f"s{number % SERVICES}", "https"],
                "sources": [prefix(number)],
                "action": ("accept", "drop", "reject")[number % 3],
            }
            for number in range(count)
        ]
        for count in (FEW, MANY)
    }
    taken: dict[int, list[float]] = {FEW: [], MANY: []}
    for _round in range(3):
        for count, policy in policies.items():
            taken[count].append(timed(partial(compiled, policy, services, lab)))
    return statistics.median(taken[FEW]), statistics.median(taken[MANY])


def prefixes(last: int, family: int) -> Iterator[str]:
    """PREFIXES of a family, none touching another, of which one is another one each time."""
    if family == 6:
        yield from (
            f"2001:db9:{number >> 15:x}:{2 * number & 0xFFFF:x}::/64" for number in range(PREFIXES - 1)
        )
        yield f"2001:db8:{last:x}::/64"
        return
    for number in [*(0x0B000000 + 32 * number for number in range(PREFIXES - 1)), 0x0A000000 + 32 * last]:
        yield f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/28"


def table(last: int, family: int) -> str:
    """A table with a set of prefixes."""
    kind, match = {4: ("ipv4_addr", "ip"), 6: ("ipv6_addr", "ip6")}[family]
    elements = ",\n".join(prefixes(last, family))
    return (
        f"table inet ftfw {{\n    set blocked {{\n        type {kind}\n        flags interval\n"
        f"        elements = {{ {elements} }}\n    }}\n\n    chain forward {{\n"
        "        type filter hook forward priority filter; policy drop;\n\n"
        f"        {match} saddr @blocked drop\n        ct state established accept\n    }}\n}}\n"
    )


def apply_tables() -> dict[str, float]:
    return {**apply_table(4, ""), **apply_table(6, "v6_")}


def apply_table(family: int, mark: str) -> dict[str, float]:
    """A bare `nft -f` of a text, nft_ruleset without and with a diff, and a text that is there already."""
    taken: dict[str, list[float]] = {"bare": [], "apply": [], "diff": [], "unchanged": []}
    changes = 0
    with tempfile.TemporaryDirectory() as folder:
        nft = Nft("inet", "ftfw")
        keeper = Keeper("inet", "ftfw", Path(folder, "ruleset.nft"), Path(folder, "run"))
        for number in range(ROUNDS):
            bare, plain, differing = (table(3 * number + one, family) for one in range(3))
            script = f"table inet ftfw\ndelete table inet ftfw\n{bare}"
            taken["bare"].append(timed(partial(nft_file, script)))
            # what follows finds its own table, as it always does but for the first time
            with keeper.locked():
                replace(nft, keeper, bare)
                taken["apply"].append(timed(partial(replace, nft, keeper, plain)))
                taken["diff"].append(timed(partial(replace, nft, keeper, differing, diff=True)))
                before = generation()
                taken["unchanged"].append(timed(partial(replace, nft, keeper, differing)))
                changes += generation() - before
    medians = {name: statistics.median(all_) for name, all_ in taken.items()}
    return {
        f"policy_apply_{mark}ratio": medians["apply"] / medians["bare"],
        f"policy_apply_{mark}diff_ratio": medians["diff"] / medians["bare"],
        f"policy_unchanged_{mark}ratio": medians["unchanged"] / medians["bare"],
        f"policy_unchanged_{mark}changes": changes,
    }


def replace(nft: Nft, keeper: Keeper, text: str, diff: bool = False) -> None:
    """As the module does."""
    if diff or not is_present(keeper, text):
        present(nft, keeper, read(text, nft.family, nft.table), diff=diff)


def nft_file(text: str) -> None:
    subprocess.run(["nft", "--file", "-"], input=text, text=True, check=True)


def forward() -> dict[str, float]:
    """New UDP flows to ten services: of a policy of ten, of one of SERVICES, and of one rule for each."""
    ten, many = ruleset(USED), ruleset(range(SERVICES))
    several = re.compile(r"udp dport \{[^}]*\} ct state new accept")
    assert several.search(ten)
    chain = "\n".join(f"udp dport {port(number)} ct state new accept" for number in range(SERVICES))
    texts = {"ten": ten, "many": many, "linear": several.sub(lambda _match: chain, ten, count=1)}
    taken: dict[tuple[int, str], list[float]] = {(family, name): [] for family in ENDS for name in texts}
    kinds = {4: socket.AF_INET, 6: socket.AF_INET6}
    with wires() as (client, _server):
        with in_namespace(client):
            senders = {
                family: [socket.socket(kind, socket.SOCK_DGRAM) for _number in range(SENDERS)]
                for family, kind in kinds.items()
            }
        for _round in range(ROUNDS):
            for family, name in taken:
                nft_file(f"flush ruleset\n{texts[name]}")
                subprocess.run(["conntrack", "-F"], check=True, capture_output=True)
                before = forwarded()
                taken[family, name].append(timed(partial(send, senders[family], family)))
                if forwarded() - before < SENDERS * len(USED):
                    raise SystemExit(
                        f"{name}: only {forwarded() - before} packets of IPv{family} were forwarded"
                    )
    medians = {key: statistics.median(all_) for key, all_ in taken.items()}
    return {
        f"policy_forward_{mark}{figure}ratio": medians[family, name] / medians[family, "ten"]
        for family, mark in ((4, ""), (6, "v6_"))
        for figure, name in (("", "many"), ("linear_", "linear"))
    }


def port(number: int) -> int:
    return FIRST_PORT + STEP * number


def ruleset(numbers: range) -> str:
    """A policy of one service an entry; every other one of those that nobody uses is refused."""
    services = {f"s{number}": {"udp": [port(number)]} for number in numbers}
    policy = [
        {**OUT, "services": [f"s{number}"], "action": "drop" if number % 2 else "accept"}
        for number in numbers
    ]
    return compiled(policy, services, BOTH)


def send(senders: list[socket.socket], family: int) -> None:
    """One packet of each flow; in a namespace it goes through the firewall before sendto returns."""
    for number in USED:
        to = (ENDS[family][1].format(3), port(number))
        for sender in senders:
            sender.sendto(b"x", to)


def forwarded() -> int:
    listed = json.loads(
        subprocess.run(
            ["ip", "-json", "-statistics", "link", "show", "eth0"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    packets: int = listed[0]["stats64"]["tx"]["packets"]
    return packets


@contextmanager
def wires() -> Iterator[tuple[int, int]]:
    """Give this namespace a client on eth1 and a server on eth0, whose namespaces go with it.

    Yields the processes that hold theirs.
    """
    with ExitStack() as stack:
        client, server = (stack.enter_context(holder()) for _end in range(2))
        lines = ["link set lo up"]
        for side, (device, pid) in enumerate((("eth1", client), ("eth0", server))):
            lines += [f"link add {device} type veth peer name eth0 netns {pid}", f"link set {device} up"]
            lines += [
                f"address add {ends[side].format(1)}/{ends[2]} dev {device} {nodad(f)}"
                for f, ends in ENDS.items()
            ]
        batch(lines)
        for side, pid in enumerate((client, server)):
            with in_namespace(pid):
                batch(
                    [
                        "link set lo up",
                        "link set eth0 up",
                        *(
                            f"address add {ends[side].format(3)}/{ends[2]} dev eth0 {nodad(f)}"
                            for f, ends in ENDS.items()
                        ),
                        *(f"route add default via {ends[side].format(1)}" for ends in ENDS.values()),
                    ]
                )
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1\n")
        # link-local addresses, from which neighbours are asked, wait for their check of a second
        time.sleep(3)
        yield client, server


def nodad(family: int) -> str:
    return "nodad" if family == 6 else ""


@contextmanager
def holder() -> Iterator[int]:
    """A process in a network namespace of its own."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    try:
        own = Path("/proc/self/ns/net").readlink()
        end = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/ns/net").readlink() == own:
            if time.monotonic() > end:
                raise SystemExit("no network namespace")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def in_namespace(pid: int) -> Iterator[None]:
    with Path("/proc/self/ns/net").open() as home, Path(f"/proc/{pid}/ns/net").open() as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def enter(namespace: int) -> None:
    """setns(2); Python has it from 3.12 on."""
    if _libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def batch(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


if __name__ == "__main__":
    what = {"compile": compile_policies, "apply": apply_tables, "forward": forward}[sys.argv[1]]
    print(json.dumps(what()))
