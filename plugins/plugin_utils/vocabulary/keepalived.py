# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of keepalived.conf(5) that balancers do not have, and what is right in their place."""

from __future__ import annotations

NAT = "nat"
METHODS = (NAT, "dr", "tun")
"""keepalived.conf(5), lvs_method. All but the first are those of the kernel's IPVS."""
SCHEDULERS_OF_IPVS = ("sed", "nq", "lblc", "lblcr", "dh", "ovf")
"""ipvsadm(8), -s; the others are ours, too."""
BY_IPVS = "is a scheduler of IPVS, and servers are reached by NAT"
TURNS = (
    "write rr or wrr for turns, lc or wlc for who has fewest flows, "
    "sh or mh where a client keeps its server, fo for the first that is well; or add method: dr or tun"
)

_IN_CHECK = "write it beside the kind of check, as check: {tcp: {}, KEY: …}"
_SECONDS = ("delay_loop", "connect_timeout", "retry", "delay_before_retry", "warmup")
_CHECKS = {
    "HTTP_GET": "http",
    "SSL_GET": "https",
    "TCP_CHECK": "tcp",
    "SMTP_CHECK": "smtp",
    "MISC_CHECK": "program",
    "DNS_CHECK": "dns",
    "UDP_CHECK": "udp",
    "PING_CHECK": "ping",
    "FILE_CHECK": "file",
}

OF_BALANCER = {
    **{key: _IN_CHECK.replace("KEY", key) for key in _SECONDS},
    **{key: f"write {{{kind}: …}} as check" for key, kind in _CHECKS.items()},
    **dict.fromkeys(("lb_algo", "lvs_sched"), "write it as scheduler"),
    **dict.fromkeys(("lb_kind", "lvs_method"), "write it as method, such as method: dr"),
    **dict.fromkeys(("real_server", "real_servers"), "write them as servers"),
    **dict.fromkeys(("sorry_server", "sorry_server_inhibit"), "write the sorry server as sorry"),
    "persistence_engine": "write scheduler: sh or mh, where a client keeps its server while it is well",
    **dict.fromkeys(
        ("fwmark", "virtual_server_group"), "write all addresses as address, and all ports in one service"
    ),
    **dict.fromkeys(("port", "ports", "protocol"), "declare a service in site_services, and name that"),
    **dict.fromkeys(("smtp_alert", "notification_email"), "write mail: {to: …, by: …}"),
    "virtualhost": "write it in check.http",
    "weight": "write it of a server, as servers: [{host: …, weight: 2}]",
    "ha_suspend": "leave it out: each node asks the servers all the time",
}
OF_SERVER = {
    **dict.fromkeys((*_SECONDS, *_CHECKS), "write it in the balancer's check"),
    **dict.fromkeys(("inhibit_on_failure", "notify_up", "notify_down"), "write it of the balancer"),
    **dict.fromkeys(("address", "ip", "real_server"), "write it as host"),
}
