# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a table would let the controller in again: a new connection like its present one is tried with it.

The table is loaded in a network namespace of its own, a SYN as the controller would send it comes in by the
same device, and what becomes of it is seen (run.py); then the handshake is gone through with a
server there. The connection that is open now proves nothing: it belongs to a known flow.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ACK,
    SYN,
    TCP,
    Address,
    tcp,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import Space, SpaceError
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
    ACCEPT,
    FIREWALL,
    PacketProbe,
    Send,
    Wire,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import check, open_space

LARGE = 10_000
"""Elements from which on only those of a set are loaded that have one of the two addresses."""
_NETWORK = "controller"


@dataclass(frozen=True)
class Session:
    """Who is logged in (ssh(1), SSH_CONNECTION), and the device that answers go out by."""

    client: str
    server: str
    port: int
    device: str
    addresses: tuple[str, ...]

    def __str__(self) -> str:
        return f"a new connection from {self.client} to {self.server} port {self.port} on {self.device}"


def session() -> Session | None:
    """The controller's session; None where it has not come by ssh, and so by no rule of a table."""
    told = next(filter(None, (one.get("SSH_CONNECTION") for one in _environments())), None)
    if told is None:
        return None
    client, _client_port, server, port = told.split()
    # a link-local address says its device
    device = client.partition("%")[2]
    client, server = (one.partition("%")[0] for one in (client, server))
    if not device:
        # by the table that answers of this address go by
        routes = json.loads(_run("ip", "-json", "route", "get", client, "from", server))
        device = str(routes[0]["dev"])
    if device == "lo":
        return None
    links = json.loads(_run("ip", "-json", "address", "show", "dev", device))
    own = [f"{one['local']}/{one['prefixlen']}" for link in links for one in link["addr_info"]]
    return Session(client, server, int(port), device, tuple(own))


def refusal(source: Source, who: Session) -> str | None:
    """Why the table would not let a new session in; None if it would."""
    client, server = ip_address(who.client), ip_address(who.server)
    length = client.max_prefixlen
    addresses = dict.fromkeys((*who.addresses, f"{server}/{length}"))
    if any(one.partition("/")[0] == str(server) for one in who.addresses):
        addresses.pop(f"{server}/{length}")
    wire = Wire(who.device, _NETWORK, (f"{client}/{length}",), tuple(addresses))
    probe = PacketProbe(1, "controller", _NETWORK, FIREWALL, client, server, TCP, (ACCEPT,), who.port, 40000)
    with open_space([wire], [probe]) as space:
        row = check(space, reduced(source.without_flowtables(), (who.client, who.server)), [probe])[0]
        stuck = _handshake(space, (client, 40001), (server, who.port)) if row["ok"] else None
    if not row["ok"]:
        return f"{who} would end in: {row['seen']}{', ' if row['detail'] else ''}{row['detail']}"
    return f"{who} would end in: drop of {stuck}" if stuck else None


def _handshake(space: Space, client: tuple[Address, int], server: tuple[Address, int]) -> str | None:
    """Open a connection (RFC 9293, section 3.5), and say what of it does not get through."""
    with space.listening(server[0].version, server[1]):
        heard = space.exchange([Send(_NETWORK, tcp(client, server, SYN, 1))])
        answer = next((one.packet for one in heard if one.place == _NETWORK and one.packet.flags & SYN), None)
        if answer is None:
            return "the answer to its first packet"
        third = tcp(client, server, ACK, 2, (answer.sequence + 1) % 2**32)
        arrived = [one for one in space.exchange([Send(_NETWORK, third)]) if one.place == FIREWALL]
    return None if arrived else "its second packet"


def reduced(source: Source, addresses: tuple[str, ...]) -> str:
    """The text with those elements only of large sets that may have one of the addresses."""
    numbers = [_number(one) for one in addresses]
    parts, position = [], 0
    for one in source.elements:
        if one.count <= LARGE or one.digest is None:
            continue
        head, _brace, rest = source.text[one.start : one.end].partition("{")
        kept = [item for item in rest.rpartition("}")[0].split(",") if _may_have(item, numbers)]
        parts.append(source.text[position : one.start])
        parts.append(f"{head}{{{','.join(kept)}}}" if kept else "")
        position = one.end
    return "".join([*parts, source.text[position:]])


def _may_have(item: str, numbers: list[tuple[int, int]]) -> bool:
    """Whether an element has one of these addresses; one that is not understood may."""
    words = item.split()
    if not words:
        return False
    first, dash, last = words[0].partition("-")
    address, slash, length = first.partition("/")
    try:
        family, low = _number(address)
        bits = 32 if family == 4 else 128
        high = _number(last)[1] if dash else low | ((1 << (bits - int(length))) - 1 if slash else 0)
    except (OSError, ValueError):
        return True
    return any(family == other and low <= number <= high for other, number in numbers)


def _number(address: str) -> tuple[int, int]:
    family = 6 if ":" in address else 4
    packed = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, address)
    return family, int.from_bytes(packed, "big")


def _environments() -> Iterator[Mapping[str, str]]:
    """The environment of this process and of those that have started it: sudo takes it away."""
    yield os.environ
    pid = os.getppid()
    while pid > 1:
        try:
            folder = Path("/proc", str(pid))
            pairs = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            # the name of a program may have blanks and parentheses
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return
        yield dict(pair.partition("=")[::2] for pair in pairs)
        pid = parent


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SpaceError(f"the controller's way can't be found: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
