# SPDX-License-Identifier: GPL-3.0-or-later
"""Load that runs on a host of the lab: a burst of new flows, a stream within one old flow, and its watcher.

    load.py burst COUNT SECONDS [FAMILY]    send COUNT TCP SYNs of as many flows (raw sockets)
    load.py stream SECONDS    hold STREAMS TCP connections, send their last acknowledgements at 1 kHz
    load.py watch SECONDS     print when packets of these connections arrive (seconds since the epoch)

A burst is of IPv4, or of IPv6 where FAMILY is 6.

An acknowledgement that was sent before is valid in its flow, and changes nothing: so it shows within ms when
a firewall begins to know the flow, which the flow itself, waiting for its timer (RFC 6298), does not.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

SERVER, PORT = "192.168.0.3", 7001
SOURCES = {4: ("192.168.2.3", "192.168.2.4"), 6: ("2001:db8:2::3", "2001:db8:2::4")}
TARGETS = {4: (SERVER, "192.168.0.4"), 6: ("2001:db8::3", "2001:db8::4")}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
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
    header, tcp = packet[:20], packet[20 : struct.unpack("!H", packet[2:4])[0]]
    tcp = tcp[:16] + b"\0\0" + tcp[18:]
    total = checksum(header[12:20] + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    return header + tcp[:16] + struct.pack("!H", total) + tcp[18:]


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


def acknowledgement(sniffer: socket.socket, port: int) -> bytes:
    """The segment that ended the handshake of the connection from `port`: nothing but a header with ACK."""
    while True:
        packet, address = sniffer.recvfrom(2048)
        # outgoing (packet(7)), TCP, from our port, ACK alone
        if (
            address[2] == 4
            and packet[9] == 6
            and packet[20:22] == struct.pack("!H", port)
            and packet[33] == 0x10
        ):
            return with_checksum(packet)


def stream(seconds: float) -> None:
    with contextlib.ExitStack() as stack:
        sniffer = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)))
        sniffer.settimeout(5)
        packets = []
        for _number in range(STREAMS):
            flow = stack.enter_context(socket.create_connection((SERVER, PORT), 5))
            port = flow.getsockname()[1]
            packets.append(acknowledgement(sniffer, port))
            print(port, end=" ")
        print(flush=True)
        raw = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
        start = time.monotonic()
        for number in range(int(seconds * 1000)):
            # without a next hop there is nothing to count
            with contextlib.suppress(OSError):
                raw.sendto(packets[number % STREAMS], (SERVER, 0))
            time.sleep(max(0.0, start + number / 1000 - time.monotonic()))


def watch(seconds: float) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as sniffer:
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
            if (
                address[2] == 0
                and packet[9] == 6
                and packet[22:24] == struct.pack("!H", PORT)
                and packet[33] == 0x10
            ):
                length = struct.unpack("!H", packet[2:4])[0]
                if length == 20 + 4 * (packet[32] >> 4):
                    stamp = struct.unpack("@ll", extra[0][2])
                    arrivals.append((struct.unpack("!H", packet[20:22])[0], stamp[0] + stamp[1] / 1e9))
        for port, at in arrivals:
            print(port, f"{at:.6f}")


if __name__ == "__main__":
    {
        "burst": lambda: burst(int(sys.argv[2]), float(sys.argv[3]), int("".join(sys.argv[4:]) or 4)),
        "stream": lambda: stream(float(sys.argv[2])),
        "watch": lambda: watch(float(sys.argv[2])),
    }[sys.argv[1]]()
