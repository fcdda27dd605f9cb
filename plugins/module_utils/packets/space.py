# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces without a name: the firewall, and the wires at its devices.

They live as long as this process, or until it leaves them, so nothing is left of them whatever ends it. On
the wires no kernel answers anything: frames are written and read there as they are. The firewall resolves no
neighbours, so each address of a network is there.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_interface
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.nft.fragments import explain
from ansible_collections.ftfw.pair.plugins.module_utils.packets.conntrack import Conntrack
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ETHERTYPE,
    Packet,
    parse,
    parse_payload,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
    FIREWALL,
    Heard,
    Send,
    Wire,
)

CLONE_NEWNET = 0x40000000
# linux/if_packet.h, asm-generic/socket.h
ETH_P_ALL = 3
PACKET_OUTGOING = 4
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_SO_RCVBUFFORCE = 33
_MARK = 0x88B5
"""An Ethernet type for local experiments (IEEE 802, table 9-1)."""
_BUFFER = 1 << 24
_GROUPS = b"\xff\x02" + bytes(9) + b"\x01\xff"
"""Solicited-node multicast addresses, but for the last three octets (RFC 4291, section 2.7.1)."""
_SECONDS = 30
_SLOWEST = 100_000
"""Bytes of a ruleset that nft takes in a second at least; twenty times as many are usual."""
_HOPS = 3
"""Backlogs that a packet goes through: into the firewall, out of it, and what it sends back."""

SYSCTLS = {
    "ipv4/ip_forward": 1,
    "ipv6/conf/all/forwarding": 1,
    # the table alone has to decide
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv4/conf/all/accept_local": 1,
    # each refusal has to be seen
    "ipv4/icmp_ratemask": 0,
    "ipv4/icmp_ratelimit": 0,
    "ipv6/icmp/ratelimit": 0,
    # a bitmap of types: none of those that tell of a refusal
    "ipv6/icmp/ratemask": 255,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/accept_ra": 0,
}
CONNTRACK_SYSCTLS = {
    # the harder case, and the kernel's default: a TCP flow may be picked up midway
    "netfilter/nf_conntrack_tcp_loose": 1,
    "netfilter/nf_conntrack_helper": 0,
}

_libc = ctypes.CDLL(None, use_errno=True)


class OutOfTimeError(Exception):
    """The time for all of it is over."""


class SpaceError(Exception):
    """The namespaces can't be had."""


class CommandError(SpaceError):
    """A command has failed; what it has written is there."""

    def __init__(self, program: str, stderr: str) -> None:
        super().__init__(f"{program}: {stderr}")
        self.stderr = stderr


class TableError(SpaceError):
    """nft refuses the table."""


class Space:
    """The firewall and its wires, until it is left. The calling thread is in the firewall meanwhile."""

    def __init__(self, wires: Sequence[Wire], protocols: Iterable[tuple[int, int]]) -> None:
        self._wires = tuple(wires)
        self._protocols = sorted(set(protocols))
        self._places = {f"w{number}": wire.network for number, wire in enumerate(self._wires)}
        self._devices = {network: device for device, network in self._places.items()}
        self._descriptors: list[int] = []
        self._sockets: list[socket.socket] = []
        self._own: list[tuple[int, int, socket.socket]] = []
        self._output: dict[int, socket.socket] = {}
        self._sent: list[Packet] = []
        self._loaded: tuple[str, ...] = ()

    def __enter__(self) -> Space:
        self._home = self._namespace()
        try:
            self._outside = self._new()
            self._inside = self._new()
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        for one in self._sockets:
            one.close()
        _libc.setns(self._home, CLONE_NEWNET)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def _namespace(self) -> int:
        descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        return descriptor

    def _new(self) -> int:
        if _libc.unshare(CLONE_NEWNET):
            raise SpaceError(f"cannot make a network namespace: {os.strerror(ctypes.get_errno())}")
        return self._namespace()

    def _build(self) -> None:
        self._enter(self._outside)
        _write({"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1})
        self._enter(self._inside)
        _write(SYSCTLS)
        _run(["ip", "-batch", "-"], "\n".join(self._firewall_links()))
        self._enter(self._outside)
        links = [f"link set {device} up" for device in self._places]
        marks = ["link add name mark0 type veth peer name mark1", "link set mark0 up", "link set mark1 up"]
        _run(["ip", "-batch", "-"], "\n".join([*marks, *links]))
        _until_sending()
        self._wire = self._open(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        with suppress(OSError):
            # what is sent is not to be read again; older kernels don't know how
            self._wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._enter(self._inside)
        _until_sending()
        for family, protocol in self._protocols:
            kind = socket.AF_INET if family == 4 else socket.AF_INET6
            taken = self._open(kind, socket.SOCK_RAW, protocol)
            taken.setblocking(False)
            self._own.append((family, protocol, taken))
        for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            self._output[family] = self._open(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._join_groups()
        self.conntrack = Conntrack()
        self._sockets.append(self.conntrack.socket)

    def _firewall_links(self) -> Iterator[str]:
        yield "link set lo up"
        outside = f"/proc/{os.getpid()}/fd/{self._outside}"
        for number, wire in enumerate(self._wires):
            yield (
                f"link add name {wire.device} address {_mac(number)} type veth "
                f"peer name w{number} netns {outside}"
            )
            yield f"link set {wire.device} addrgenmode none"
            yield f"link set {wire.device} arp off up"
            for address in wire.addresses:
                yield f"address add {address} dev {wire.device}{_flags(address)}"
            for prefix in wire.prefixes:
                yield f"route replace {prefix} dev {wire.device}"

    def _join_groups(self) -> None:
        """Join the group that each address is looked for in: a device without ARP leaves that out."""
        for wire in self._wires:
            index = socket.if_nametoindex(wire.device)
            addresses = [ip_interface(address).ip for address in wire.addresses]
            groups = {_GROUPS + address.packed[-3:] for address in addresses if address.version == 6}
            if groups:
                member = self._open(socket.AF_INET6, socket.SOCK_DGRAM, 0)
                for group in groups:
                    request = struct.pack("16si", group, index)
                    member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)

    def _open(self, family: int, kind: int, protocol: int) -> socket.socket:
        made = socket.socket(family, kind, protocol)
        self._sockets.append(made)
        # beyond net.core.rmem_max: nothing may be lost before it is read
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        return made

    def _enter(self, namespace: int) -> None:
        if _libc.setns(namespace, CLONE_NEWNET):
            raise SpaceError(f"cannot enter a network namespace: {os.strerror(ctypes.get_errno())}")

    def load(self, text: str, fresh: bool, setup: Sequence[str] = ()) -> None:
        """Replace all tables by the text, in one transaction, change them by `setup`, and forget all flows.

        The same text stays as it is, unless it has to be `fresh`, with limits that nobody has met yet.
        """
        if fresh or (text, *setup) != self._loaded:
            self._loaded = ()
            _load(text, "flush ruleset\n")
            if setup:
                # apart: nft 1.1.3 crashes where a set's elements are new and flushed in one transaction
                _load("\n".join(setup))
            self._loaded = (text, *setup)
        self.conntrack.forget(self._sent)
        self._sent.clear()
        # they exist only once a table has put connection tracking to work
        _write(CONNTRACK_SYSCTLS)

    @contextmanager
    def listening(self, family: int, port: int) -> Iterator[None]:
        """Have a TCP server on the firewall itself, at all of its addresses."""
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        with socket.socket(kind, socket.SOCK_STREAM) as server:
            server.bind(("", port))
            server.listen()
            yield

    def exchange(self, sends: Sequence[Send]) -> list[Heard]:
        """Send packets, and return all that comes out until it is quiet."""
        heard: list[Heard] = []
        with _one_processor():
            for send in sends:
                packet = parse(send.packet)
                if packet is not None and packet.quoted is None:
                    self._sent.append(packet)
                self._send(send)
            for _hop in range(_HOPS):
                self._until_marked(heard)
        for family, protocol, taken in self._own:
            heard += _taken(family, protocol, taken)
        return heard

    def _send(self, send: Send) -> None:
        family = send.packet[0] >> 4
        if send.place == FIREWALL:
            at = 16 if family == 4 else 24
            to = str(ip_address(send.packet[at : at + (4 if family == 4 else 16)]))
            # what the output chain drops is an error here
            with suppress(OSError):
                self._output[family].sendto(send.packet, (to, 0))
            return
        device = self._devices[send.place]
        frame = _frame(int(device[1:]), family, send.packet)
        self._wire.sendto(frame, (device, ETHERTYPE[family]))

    def _until_marked(self, heard: list[Heard]) -> None:
        """Read until a frame comes back that was sent after all others.

        The processor's backlog is a queue, so what was in it before the frame has been worked on.
        """
        # what the device drops is an error here: it is missed below
        frame = b"\xff" * 6 + b"\2" * 6 + _MARK.to_bytes(2, "big") + b"\0" * 46
        with suppress(OSError):
            self._wire.sendto(frame, ("mark0", _MARK))
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            self._wire.settimeout(max(0.01, end - time.monotonic()))
            try:
                frame, (device, ethertype, kind, *_rest) = self._wire.recvfrom(65536)
            except TimeoutError:
                break
            if kind == PACKET_OUTGOING:
                continue
            if device == "mark1" and ethertype == _MARK:
                return
            packet = parse(frame[14:]) if device in self._places else None
            if packet is not None:
                heard.append(Heard(self._places[device], packet))
        raise SpaceError(f"the wires are dead: a frame did not come back within {_SECONDS} s")


def _flags(address: str) -> str:
    """As keepalived adds it: a virtual address of IPv6 is no source of what the node itself begins."""
    virtual = " preferred_lft 0" if address.endswith("/128") else ""
    return f" nodad{virtual}" if ":" in address else ""


def _mac(number: int) -> str:
    return f"02:00:00:00:00:{number + 1:02x}"


def _frame(number: int, family: int, packet: bytes) -> bytes:
    """Put an Ethernet header before a packet: to the firewall's device, or to those whom it addresses."""
    to = bytes([2, 0, 0, 0, 0, number + 1])
    if family == 6 and packet[24] == 0xFF:
        to = b"\x33\x33" + packet[36:40]
    elif family == 4 and packet[16:20] == b"\xff\xff\xff\xff":
        to = b"\xff" * 6
    elif family == 4 and 224 <= packet[16] < 240:
        to = b"\x01\x00\x5e" + bytes([packet[17] & 0x7F]) + packet[18:20]
    return to + bytes([2, 0, 0, 1, 0, number + 1]) + ETHERTYPE[family].to_bytes(2, "big") + packet


def _taken(family: int, protocol: int, taken: socket.socket) -> Iterator[Heard]:
    """What has passed the input chain. Of IPv6 the kernel gives no header, and so no destination."""
    while True:
        try:
            data, address = taken.recvfrom(65536)
        except BlockingIOError:
            return
        if family == 4:
            packet = parse(data)
        else:
            packet = parse_payload(protocol, data, ip_address(address[0].partition("%")[0]), None)
        if packet is not None:
            yield Heard(FIREWALL, packet)


@contextmanager
def _one_processor() -> Iterator[None]:
    """Stay on one processor: only the frames of one have an order."""
    allowed = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, {_libc.sched_getcpu()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _write(settings: dict[str, int]) -> None:
    """Set sysctls of the calling thread's namespace; what this kernel does not have is left out."""
    for key, value in settings.items():
        with suppress(FileNotFoundError):
            Path("/proc/sys/net", key).write_text(f"{value}\n")


def _until_sending() -> None:
    """Wait until each device that is up is in operation: before, what it sends is lost in silence.

    The end of a veth pair that comes up first gets its queueing discipline from the kernel's link watch,
    which may have to wait for others (linkwatch_do_dev, dev_activate).
    """
    end = time.monotonic() + _SECONDS
    while True:
        links = json.loads(_run(["ip", "-json", "link", "show"], ""))
        up = {one["ifname"]: one["operstate"] for one in links if "UP" in one["flags"]}
        dead = [device for device, state in up.items() if device != "lo" and state != "UP"]
        if not dead:
            return
        if time.monotonic() > end:
            raise SpaceError(f"the wires are dead: {', '.join(dead)} cannot send after {_SECONDS} s")
        time.sleep(0.01)


def _load(text: str, before: str = "") -> None:
    try:
        _run(["nft", "-f", "-"], f"{before}{text}\n")
    except CommandError as error:
        raise TableError(explain(error.stderr, text, added=before.count("\n"))[1]) from error


def _run(command: list[str], text: str) -> str:
    limit = _SECONDS + len(text) // _SLOWEST
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=limit)
    except FileNotFoundError as error:
        raise SpaceError(f"{command[0]}: is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise SpaceError(f"{command[0]}: had no answer after {limit} s") from error
    if done.returncode:
        raise CommandError(command[0], done.stderr.strip())
    return done.stdout
