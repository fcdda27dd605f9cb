# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of services that a policy can name; site_services of an inventory comes on top of it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES

WITH_PORTS = ("tcp", "udp", "sctp")
"""Protocols in which a service can have ports (RFC 9293, RFC 768, RFC 9260)."""


@dataclass(frozen=True)
class Service:
    """Ports as (first, last); a helper opens what the control connection announces."""

    name: str
    tcp: tuple[tuple[int, int], ...] = ()
    udp: tuple[tuple[int, int], ...] = ()
    sctp: tuple[tuple[int, int], ...] = ()
    icmp: tuple[str, ...] = ()
    helper: str | None = None

    def ports(self, protocol: str) -> tuple[tuple[int, int], ...]:
        """Those of one of WITH_PORTS."""
        return {"tcp": self.tcp, "udp": self.udp, "sctp": self.sctp}[protocol]

    @property
    def protocols(self) -> tuple[str, ...]:
        """Those in which it has ports."""
        return tuple(protocol for protocol in WITH_PORTS if self.ports(protocol))


HELPERS = {
    "amanda": "udp",
    "ftp": "tcp",
    "h323": "tcp",
    "irc": "tcp",
    "netbios-ns": "udp",
    "pptp": "tcp",
    "ras": "udp",
    "sane": "tcp",
    "sip": "udp",
    "snmp": "udp",
    "tftp": "udp",
}
"""The kernel's connection tracking helpers, each with the protocol of its control connection."""

_OF_IPV4_ONLY = ("irc", "netbios-ns", "pptp", "snmp")
"""Helpers that the kernel registers for AF_INET alone (nf_conntrack_irc.c and so on)."""


def helper_families(helper: str) -> tuple[int, ...]:
    """The families in whose flows the kernel has a helper; in others none is set, whatever a rule says."""
    return FAMILIES[:1] if helper in _OF_IPV4_ONLY else FAMILIES


_OWN_NAMES = {"h323": "Q.931", "ras": "RAS"}
_HANDED_ON = {"h323": ("Q.931", "H.245"), "ras": ("RAS", "Q.931", "H.245")}


def helper_type(helper: str) -> str:
    """The kernel's own name of a helper (nf_conntrack_h323_main.c has several)."""
    return _OWN_NAMES.get(helper, helper)


def helpers_of_flows(helper: str) -> tuple[str, ...]:
    """Whose expectations belong to a service: what H.323 expects are control connections of the next kind."""
    return _HANDED_ON.get(helper, (helper,))


_MODULES = {"ras": ("nf_conntrack_h323", "nf_nat_h323"), "snmp": ("nf_conntrack_snmp", "nf_nat_snmp_basic")}
_WITHOUT_NAT = ("netbios-ns", "sane")
"""What these announce has no address, so NAT has nothing to change in it."""


def helper_modules(helper: str) -> tuple[str, ...]:
    """The kernel's modules for a helper (net/netfilter, net/ipv4/netfilter), or built into it."""
    word = helper.replace("-", "_")
    both = (f"nf_conntrack_{word}", f"nf_nat_{word}")
    return _MODULES.get(helper, both[:1] if helper in _WITHOUT_NAT else both)


ICMP_REQUESTS: dict[str, dict[int, str]] = {
    "echo-request": {4: "echo-request", 6: "echo-request"},
    "timestamp-request": {4: "timestamp-request"},
    "info-request": {4: "info-request"},
    "address-mask-request": {4: "address-mask-request"},
    # RFC 4620; nft has no word for it
    "node-information-query": {6: "139"},
}
"""ICMP types that open a tracked flow (valid_new in the kernel's nf_conntrack_proto_icmp.c and _icmpv6.c), as
nft names them in each family."""


def _service(
    name: str,
    tcp: tuple[int, ...] = (),
    udp: tuple[int, ...] = (),
    sctp: tuple[int, ...] = (),
    icmp: tuple[str, ...] = (),
    helper: str | None = None,
) -> Service:
    by_tcp, by_udp, by_sctp = (tuple((port, port) for port in ports) for ports in (tcp, udp, sctp))
    return Service(name, by_tcp, by_udp, by_sctp, icmp, helper)


CATALOGUE: dict[str, Service] = {
    service.name: service
    for service in (
        _service("amanda", udp=(10080,), helper="amanda"),
        _service("bgp", tcp=(179,)),
        # RFC 6733, section 11.4
        _service("diameter", tcp=(3868,), sctp=(3868,)),
        # RFC 7766: every resolver must be able to ask again over TCP
        _service("dns", tcp=(53,), udp=(53,)),
        # RFC 7858, and RFC 9250 over QUIC
        _service("dns-over-tls", tcp=(853,), udp=(853,)),
        _service("ftp", tcp=(21,), helper="ftp"),
        _service("git", tcp=(9418,)),
        _service("h323", tcp=(1720,), helper="h323"),
        _service("h323-ras", udp=(1719,), helper="ras"),
        _service("http", tcp=(80,)),
        _service("https", tcp=(443,)),
        _service("imap", tcp=(143,)),
        _service("imaps", tcp=(993,)),
        _service("ipp", tcp=(631,)),
        _service("ipsec", udp=(500, 4500)),
        _service("irc", tcp=(6667,), helper="irc"),
        # what is encrypted no helper can read
        _service("ircs", tcp=(6697,)),
        # RFC 4120, section 7.2: both
        _service("kerberos", tcp=(88,), udp=(88,)),
        _service("kpasswd", tcp=(464,), udp=(464,)),
        _service("l2tp", udp=(1701,)),
        _service("ldap", tcp=(389,)),
        _service("ldaps", tcp=(636,)),
        # RFC 4666, section 7.1
        _service("m3ua", sctp=(2905,)),
        _service("mqtt", tcp=(1883,)),
        _service("mqtts", tcp=(8883,)),
        _service("mssql", tcp=(1433,)),
        _service("mysql", tcp=(3306,)),
        _service("netbios-ns", udp=(137,), helper="netbios-ns"),
        # version 4: the others need a port mapper
        _service("nfs", tcp=(2049,)),
        _service("ntp", udp=(123,)),
        _service("openvpn", udp=(1194,)),
        _service("ping", icmp=("echo-request",)),
        _service("pop3", tcp=(110,)),
        _service("pop3s", tcp=(995,)),
        _service("postgresql", tcp=(5432,)),
        _service("pptp", tcp=(1723,), helper="pptp"),
        # HTTP/3
        _service("quic", udp=(443,)),
        _service("radius", udp=(1812, 1813)),
        _service("rdp", tcp=(3389,)),
        _service("rsync", tcp=(873,)),
        _service("sane", tcp=(6566,), helper="sane"),
        _service("sieve", tcp=(4190,)),
        _service("sip", udp=(5060,), helper="sip"),
        # what is encrypted no helper can read
        _service("sips", tcp=(5061,)),
        _service("smb", tcp=(445,)),
        _service("smtp", tcp=(25,)),
        _service("smtps", tcp=(465,)),
        # its helper is only for addresses inside of its messages: a site's own service can have it
        _service("snmp", udp=(161,)),
        _service("snmp-trap", udp=(162,)),
        _service("ssh", tcp=(22,)),
        _service("stun", tcp=(3478,), udp=(3478,)),
        _service("submission", tcp=(587,)),
        _service("syslog", udp=(514,)),
        _service("syslog-tls", tcp=(6514,)),
        _service("telnet", tcp=(23,)),
        _service("tftp", udp=(69,), helper="tftp"),
        _service("vnc", tcp=(5900,)),
        _service("winrm", tcp=(5985, 5986)),
        _service("wireguard", udp=(51820,)),
        _service("xmpp", tcp=(5222,)),
        _service("xmpp-server", tcp=(5269,)),
    )
}
