# SPDX-License-Identifier: GPL-3.0-or-later
"""Load that runs on a host of the lab: a burst of new flows, a stream within one old flow, and its watcher.

    load.py burst COUNT SECONDS [FAMILY]    send COUNT TCP SYNs of as many flows (raw sockets)
    load.py stream SECONDS [FAMILY]    hold STREAMS TCP connections, send their last acknowledgements at 1 kHz
    load.py watch SECONDS [FAMILY]     print when packets of these connections arrive

Times of arrival are seconds since the epoch. Each is of IPv4, or of IPv6 where FAMILY is 6.

An acknowledgement that was sent before is valid in its flow, and changes nothing: so it shows within ms when
a firewall begins to know the flow, which the flow itself, waiting for its timer (RFC 6298), does not.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

SERVERS = {4: "192.168.0.3", 6: "2001:db8::3"}
PORT = 7001
SOURCES = {4: ("192.168.2.3", "192.168.2.4"), 6: ("2001:db8:2::3", "2001:db8:2::4")}
TARGETS = {4: (SERVERS[4], "192.168.0.4"), 6: (SERVERS[6], "2001:db8::4")}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
HEADERS = {4: 20, 6: 40}
"""Length of a header of IPv4 without options, and of IPv6."""
ALL_PROTOCOLS = 3
ETHERTYPES = {4: 0x0800, 6: 0x86DD}
"""Of packet(7): outgoing packets are seen by who asks for all protocols only."""
TCP, ACK = 6, 0x10
BURST_PORT, PER_PAIR = 80, 25_000
STREAMS = 10
SO_TIMESTAMPNS = 35


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def syn(source: str, port: int, target: str, target_port: int) -> bytes:
    """A TCP segment with SYN, behind a header of IPv4, which the kernel completes (raw(7)), or of IPv6."""
    family = 6 if ":" in target else 4
    ends = socket.inet_pton(FAMILIES[family], source) + socket.inet_pton(FAMILIES[family], target)
    tcp = struct.pack("!HHIIBBHHH", port, target_port, 1, 0, 5 << 4, 2, 8192, 0, 0)
    # the words of both pseudo headers add up alike (RFC 9293, section 3.1)
    tcp = tcp[:16] + struct.pack("!H", checksum(ends + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    if family == 6:
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ends + tcp
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends + tcp


def with_checksum(packet: bytes) -> bytes:
    """A sniffed segment with its checksum, which the sender had left to a card that doesn't exist."""
    family = packet[0] >> 4
    header, tcp = packet[: HEADERS[family]], packet[HEADERS[family] : packet_length(packet)]
    tcp = tcp[:16] + b"\0\0" + tcp[18:]
    ends = header[12:] if family == 4 else header[8:]
    total = checksum(ends + struct.pack("!HH", TCP, len(tcp)) + tcp)
    return header + tcp[:16] + struct.pack("!H", total) + tcp[18:]


def packet_length(packet: bytes) -> int:
    """What the header says; a frame may be padded behind it."""
    told: int = struct.unpack("!H", packet[2:4] if packet[0] >> 4 == 4 else packet[4:6])[0]
    return told + (HEADERS[6] if packet[0] >> 4 == 6 else 0)


def bare_acknowledgement(packet: bytes, family: int) -> tuple[int, int] | None:
    """Source and destination port of a segment of the family that has ACK alone, and no data."""
    start = HEADERS[family]
    if len(packet) < start + 20 or packet[0] >> 4 != family:
        return None
    protocol = packet[9] if family == 4 else packet[6]
    if protocol != TCP or packet[start + 13] != ACK:
        return None
    if packet_length(packet) != start + 4 * (packet[start + 12] >> 4):
        return None
    source, target = struct.unpack("!HH", packet[start : start + 4])
    return source, target


def flows(count: int, family: int = 4) -> list[tuple[str, int, str, int]]:
    """The tuples of a burst: source, port, destination, port."""
    pairs = [(source, target) for source in SOURCES[family] for target in TARGETS[family]]
    made = [
        (source, 1024 + number, target, BURST_PORT) for source, target in pairs for number in range(PER_PAIR)
    ]
    return made[:count]


def burst(count: int, seconds: float, family: int) -> None:
    packets = [(syn(*flow), flow[2]) for flow in flows(count, family)]
    with socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        start = time.monotonic()
        for number, (packet, target) in enumerate(packets):
            if not number % 100:
                ahead = start + seconds * number / count - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
            raw.sendto(packet, (target, 0))
        print(f"{count} in {time.monotonic() - start:.3f} s", flush=True)


def acknowledgement(sniffer: socket.socket, port: int, family: int) -> bytes:
    """The segment that ended the handshake of the connection from `port`: nothing but a header with ACK."""
    while True:
        packet, address = sniffer.recvfrom(2048)
        ports = bare_acknowledgement(packet, family)
        if address[2] == socket.PACKET_OUTGOING and ports and ports[0] == port:
            return with_checksum(packet)


def stream(seconds: float, family: int) -> None:
    server = SERVERS[family]
    with contextlib.ExitStack() as stack:
        sniffer = stack.enter_context(
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
        )
        sniffer.settimeout(5)
        packets = []
        for _number in range(STREAMS):
            flow = stack.enter_context(socket.create_connection((server, PORT), 5))
            port = flow.getsockname()[1]
            packets.append(acknowledgement(sniffer, port, family))
            print(port, end=" ")
        print(flush=True)
        raw = stack.enter_context(socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW))
        start = time.monotonic()
        for number in range(int(seconds * 1000)):
            # without a next hop there is nothing to count
            with contextlib.suppress(OSError):
                raw.sendto(packets[number % STREAMS], (server, 0))
            time.sleep(max(0.0, start + number / 1000 - time.monotonic()))


def watch(seconds: float, family: int) -> None:
    kind = socket.htons(ETHERTYPES[family])
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, kind) as sniffer:
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sniffer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        end = time.monotonic() + seconds
        sniffer.settimeout(0.2)
        print("watching", flush=True)
        arrivals = []
        while time.monotonic() < end:
            try:
                packet, extra, _flags, address = sniffer.recvmsg(128, 128)
            except TimeoutError:
                continue
            ports = bare_acknowledgement(packet, family)
            if address[2] == socket.PACKET_HOST and ports and ports[1] == PORT:
                stamp = struct.unpack("@ll", extra[0][2])
                arrivals.append((ports[0], stamp[0] + stamp[1] / 1e9))
        for port, at in arrivals:
            print(port, f"{at:.6f}")


if __name__ == "__main__":
    {
        "burst": lambda: burst(int(sys.argv[2]), float(sys.argv[3]), int("".join(sys.argv[4:]) or 4)),
        "stream": lambda: stream(float(sys.argv[2]), int("".join(sys.argv[3:]) or 4)),
        "watch": lambda: watch(float(sys.argv[2]), int("".join(sys.argv[3:]) or 4)),
    }[sys.argv[1]]()
