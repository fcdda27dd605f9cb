# SPDX-License-Identifier: GPL-3.0-or-later
"""A server behind IPVS. It says its name for each line that it gets, and unpacks what comes in a tunnel.

Usage: ipvs_server.py NAME PORT... It runs in a network namespace of its own, which has the balancer's
addresses. Tunnels are unpacked here, since the kernel under the lab has none (RFC 2003, RFC 2473, RFC 4213).
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading

TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
INNER_4, INNER_6 = 4, 41


def serve(name: str, port: int) -> None:
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        channel, _peer = listener.accept()
        threading.Thread(target=answer, args=(channel, name), daemon=True).start()


def answer(channel: socket.socket, name: str) -> None:
    try:
        while channel.recv(1000):
            channel.sendall(f"{name}\n".encode())
    except OSError:
        channel.close()


def unpack(family: socket.AddressFamily, protocol: int, device: int) -> None:
    """What comes in a tunnel is given to the kernel as if it had come by the device."""
    outer = socket.socket(family, socket.SOCK_RAW, protocol)
    while True:
        packet = outer.recv(65536)
        # with IPv4 the outer header is there, too
        inner = packet[(packet[0] & 15) * 4 :] if family == socket.AF_INET else packet
        os.write(device, inner)


def main(name: str, *ports: str) -> None:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"unpacked", IFF_TUN_NO_PI))
    subprocess.run(["ip", "link", "set", "unpacked", "up"], check=True)
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (INNER_4, INNER_6):
            threading.Thread(target=unpack, args=(family, protocol, device), daemon=True).start()
    for port in ports:
        threading.Thread(target=serve, args=(name, int(port)), daemon=True).start()
    threading.Event().wait()


main(*sys.argv[1:])
