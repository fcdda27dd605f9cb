# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf as the role writes it, and changes of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Instance:
    name: str
    interface: str
    vrid: int
    source: str
    peer: str
    addresses: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    priority: int = 250


@dataclass(frozen=True)
class Pair:
    instances: tuple[Instance, ...]
    group: str = "ftfw"
    version: int = 3
    interval: str = "0.3"
    settings: Sequence[str] = field(default_factory=tuple)
    flags_v6: str = ""
    """What stands behind the virtual addresses of IPv6."""

    def with_router(self, router: str, **changed: object) -> Pair:
        """The pair with another value in one router."""
        made = tuple(
            replace(one, **changed) if one.name == router else one  # type: ignore[arg-type]
            for one in self.instances
        )
        return replace(self, instances=made)

    def flags(self, address: str) -> str:
        return self.flags_v6 if ":" in address else ""

    def text(self) -> str:
        lines = ["global_defs {", f"    vrrp_version {self.version}", *self.settings, "}", ""]
        lines += [f"vrrp_sync_group {self.group} {{", "    group {"]
        lines += [f"        {one.name}" for one in self.instances]
        lines += ["    }", "}"]
        for one in self.instances:
            lines += [
                f"vrrp_instance {one.name} {{",
                "    state BACKUP",
                "    nopreempt",
                f"    interface {one.interface}",
                f"    virtual_router_id {one.vrid}",
                f"    priority {one.priority}",
                f"    advert_int {self.interval}",
                f"    unicast_src_ip {one.source}",
                "    unicast_peer {",
                f"        {one.peer}",
                "    }",
                "    virtual_ipaddress {",
                *(
                    f"        {address} dev {one.interface}{self.flags(address)}    # listed"
                    for address in one.addresses
                ),
                "    }",
            ]
            if one.excluded:
                lines += ["    virtual_ipaddress_excluded {"]
                lines += [f"        {address} dev {one.interface}" for address in one.excluded]
                lines += ["    }"]
            lines += ["}"]
        return "\n".join(["# a comment { that is none", *lines, ""])


INSIDE = Instance("inside", "eth1", 61, "192.168.2.1", "192.168.2.2", ("192.168.2.100/32",))
OUTSIDE = Instance("outside", "eth0", 62, "192.168.0.1", "192.168.0.2", ("192.168.0.100/32",))
INSIDE_V6 = Instance("inside_v6", "eth1", 61, "2001:db8:2::1", "2001:db8:2::2", ("2001:db8:2::100/128",))
DMZ = Instance("dmz", "eth2", 63, "192.168.3.1", "192.168.3.2", ("192.168.3.100/32",))
DMZ_V6 = Instance("dmz_v6", "eth2", 63, "2001:db8:3::1", "2001:db8:3::2", ("2001:db8:3::100/128",))
BEFORE = Pair((INSIDE, OUTSIDE, INSIDE_V6))

# what a reload takes in, and what it doesn't, as tests/integration/keepalived/test_reload.py sees it
TAKEN_IN = {
    "nothing": BEFORE,
    "priority": BEFORE.with_router("inside", priority=200),
    "interval": replace(BEFORE, interval="0.2"),
    "one-more-address": BEFORE.with_router("inside", addresses=("192.168.2.100/32", "192.168.2.101/32")),
    "another-address": BEFORE.with_router("outside", addresses=("192.168.0.101/32",)),
    "another-address-v6": BEFORE.with_router("inside_v6", addresses=("2001:db8:2::101/128",)),
    "excluded": BEFORE.with_router("inside", excluded=("192.168.2.102/32",)),
    "peer": BEFORE.with_router("inside", peer="192.168.2.3"),
    "router-gone": Pair((INSIDE, INSIDE_V6)),
    "router-gone-v6": Pair((INSIDE, OUTSIDE)),
    "renamed": BEFORE.with_router("inside", name="lan"),
    "order": Pair((INSIDE_V6, OUTSIDE, INSIDE)),
    "group-renamed": replace(BEFORE, group="other"),
    "flags-v6": replace(BEFORE, flags_v6=" -nodad"),
}
FALLS = {
    "new-router": (Pair((*BEFORE.instances, DMZ)), "the virtual router dmz is new"),
    "new-router-v6": (Pair((*BEFORE.instances, DMZ_V6)), "the virtual router dmz_v6 is new"),
    "vrid": (BEFORE.with_router("inside", vrid=71), "the virtual router inside gets VRID 71"),
    "vrid-v6": (BEFORE.with_router("inside_v6", vrid=71), "the virtual router inside_v6 gets VRID 71"),
    "source": (
        BEFORE.with_router("inside", source="192.168.2.3"),
        "the virtual router inside gets the source 192.168.2.3",
    ),
    "interface": (
        BEFORE.with_router("inside", interface="eth2"),
        "the virtual router inside gets the interface eth2",
    ),
}
