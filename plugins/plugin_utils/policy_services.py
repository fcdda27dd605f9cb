# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of services that a policy can name; site_services of an inventory comes on top of it."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import Service

HELPERS = {
    "amanda": "udp",
    "ftp": "tcp",
    "irc": "tcp",
    "netbios-ns": "udp",
    "pptp": "tcp",
    "sane": "tcp",
    "sip": "udp",
    "snmp": "udp",
    "tftp": "udp",
}
"""The kernel's connection tracking helpers, each with the protocol of its control connection."""

ICMP_REQUESTS: dict[str, dict[int, str]] = {
    "echo-request": {4: "echo-request", 6: "echo-request"},
    "timestamp-request": {4: "timestamp-request"},
    "address-mask-request": {4: "address-mask-request"},
}
"""ICMP types that open a tracked flow, as nft names them in each family."""


def _service(
    name: str,
    tcp: tuple[int, ...] = (),
    udp: tuple[int, ...] = (),
    icmp: tuple[str, ...] = (),
    helper: str | None = None,
) -> Service:
    return Service(name, tuple((p, p) for p in tcp), tuple((p, p) for p in udp), icmp, helper)


CATALOGUE: dict[str, Service] = {
    service.name: service
    for service in (
        # RFC 7766: every resolver must be able to ask again over TCP
        _service("dns", tcp=(53,), udp=(53,)),
        _service("ftp", tcp=(21,), helper="ftp"),
        _service("http", tcp=(80,)),
        _service("https", tcp=(443,)),
        _service("imap", tcp=(143,)),
        _service("imaps", tcp=(993,)),
        _service("ipsec", udp=(500, 4500)),
        _service("ldap", tcp=(389,)),
        _service("ldaps", tcp=(636,)),
        _service("mysql", tcp=(3306,)),
        _service("ntp", udp=(123,)),
        _service("openvpn", udp=(1194,)),
        _service("ping", icmp=("echo-request",)),
        _service("pop3s", tcp=(995,)),
        _service("postgresql", tcp=(5432,)),
        _service("rdp", tcp=(3389,)),
        _service("sip", udp=(5060,), helper="sip"),
        _service("smtp", tcp=(25,)),
        _service("smtps", tcp=(465,)),
        _service("snmp", udp=(161,)),
        _service("ssh", tcp=(22,)),
        _service("submission", tcp=(587,)),
        _service("syslog", udp=(514,)),
        _service("telnet", tcp=(23,)),
        _service("tftp", udp=(69,), helper="tftp"),
        _service("wireguard", udp=(51820,)),
    )
}
