# SPDX-License-Identifier: GPL-3.0-or-later
"""What is verified: in each family that a site has, and told where one can't be measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.filter.verify_plan import verify_plan
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.verify import CLOSED
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]

ADDRESSES: dict[str, tuple[str, str]] = {
    "fw-1:node_interfaces.eth0.addresses": ("192.168.0.1", "2001:db8::1"),
    "fw-2:node_interfaces.eth0.addresses": ("192.168.0.2", "2001:db8::2"),
    "fw-1:node_interfaces.eth1.addresses": ("192.168.2.1", "2001:db8:2::1"),
    "fw-2:node_interfaces.eth1.addresses": ("192.168.2.2", "2001:db8:2::2"),
    "client:node_interfaces.eth0.addresses": ("192.168.2.3", "2001:db8:2::3"),
    "omarine:hypervisor_bridges.br0.addresses": ("192.168.0.3/24", "2001:db8::3/64"),
    "all:site_networks.inside.prefixes": ("192.168.2.0/24", "2001:db8:2::/64"),
    "all:site_networks.outside.prefixes": ("192.168.0.0/24", "2001:db8::/64"),
    "all:site_pairs.ftfw.virtual_routers.inside.addresses": ("192.168.2.100", "2001:db8:2::100"),
    "all:site_pairs.ftfw.virtual_routers.outside.addresses": ("192.168.0.100", "2001:db8::100"),
}
SIX_ONLY: dict[str, object] = {
    **{f"fw-{number}:node_interfaces.eth0.dhcp": None for number in (1, 2)},
    "client:node_resolvers": ["2001:db8::3"],
    "all:site_probes": None,
}
SERVED = {"sha256": {"small.bin": "aa", "large.bin": "bb"}, "certificate": "PEM"}
SSH = {"user": "root", "identity_file": "/key", "host_key": "ssh-ed25519 AAAA"}
IPV4 = {
    "family": 4,
    "name": "",
    "client": "192.168.2.3",
    "server": "192.168.0.3",
    "inside": "192.168.2.100",
    "outside": "192.168.0.100",
}
IPV6 = {
    "family": 6,
    "name": " (IPv6)",
    "client": "2001:db8:2::3",
    "server": "2001:db8::3",
    "inside": "2001:db8:2::100",
    "outside": "2001:db8::100",
}


def families(*which: int) -> dict[str, object]:
    changes: dict[str, object] = {
        place: [of[number == 6] for number in which] for place, of in ADDRESSES.items()
    }
    return changes if 4 in which else {**changes, **SIX_ONLY}


def verify(hostvars: dict[str, dict[str, Any]]) -> dict[str, Any]:
    view: dict[str, Any] = host_view(load_site(hostvars), "client")["verify"]
    return view


@pytest.mark.parametrize(
    ("which", "measured", "seen", "detail"),
    [
        pytest.param(
            (4,),
            [IPV4],
            "IPv4",
            "not IPv6: the pair has no virtual address of IPv6 on network inside",
            id="IPv4 only",
        ),
        pytest.param(
            (6,),
            [IPV6],
            "IPv6",
            "not IPv4: the pair has no virtual address of IPv4 on network inside",
            id="IPv6 only",
        ),
        pytest.param((4, 6), [IPV4, IPV6], "IPv4, IPv6", "", id="both"),
    ],
)
def test_a_site_is_verified_in_the_families_that_it_has(
    changed: Change, which: tuple[int, ...], measured: list[dict[str, Any]], seen: str, detail: str
) -> None:
    view = verify(changed(families(*which)))
    assert view["families"] == measured
    assert verify_plan(view)["families"] == {
        "name": "families that are verified",
        "expected": seen,
        "seen": seen,
        "ok": True,
        "detail": detail,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"client:node_interfaces.eth0.addresses": ["192.168.2.3"]},
            "client has no address of IPv6 on network inside",
            id="client",
        ),
        pytest.param(
            {"omarine:hypervisor_bridges.br0.addresses": ["192.168.0.3/24"]},
            "omarine has no address of IPv6 on network outside",
            id="server",
        ),
    ],
)
def test_a_family_that_passes_the_pair_and_is_not_measured_is_no_success(
    changed: Change, changes: dict[str, object], reason: str
) -> None:
    view = verify(changed({**families(4, 6), **changes}))
    assert view["families"] == [IPV4]
    row = verify_plan(view)["families"]
    assert (row["expected"], row["seen"], row["ok"]) == ("IPv4, IPv6", "IPv4", False)
    assert row["detail"] == f"not IPv6: {reason}"


def test_a_family_that_the_policy_does_not_let_in_is_not_wanted(changed: Change) -> None:
    entry = {"from": "inside", "to": "outside", "services": ["dns"], "destinations": ["192.168.0.3"]}
    view = verify(changed({**families(4, 6), "all:site_policy": [entry], "all:site_probes": None}))
    row = verify_plan(view)["families"]
    assert (row["seen"], row["ok"]) == ("IPv4", True)
    assert row["detail"] == "not IPv6: the policy lets in no IPv6 from inside to outside"


def test_without_a_client_nothing_is_verified_and_that_is_told(changed: Change) -> None:
    hostvars = changed({"all:site_probes": None})
    del hostvars["client"]
    row = verify_plan(host_view(load_site(hostvars), "fw-1")["verify"])["families"]
    assert (row["expected"], row["seen"], row["ok"]) == ("IPv4", "none", False)
    assert row["detail"].startswith("not IPv4: no host but the firewalls has an address on network inside")


@pytest.mark.parametrize("which", [(4,), (6,), (4, 6)], ids=["IPv4", "IPv6", "both"])
def test_what_is_measured_in_one_family_is_measured_in_the_other(
    changed: Change, which: tuple[int, ...]
) -> None:
    view = verify(changed(families(*which)))
    plan = {**verify_plan(view, SERVED), **verify_plan(view, SERVED, SSH, 2)}
    for part in ("from_client", "from_server", "flows"):
        named: dict[str, list[str]] = {" (IPv6)": [], "": []}
        for row in plan[part]:
            suffix = " (IPv6)" if ":" in row["target"] else ""
            assert row["name"].endswith(" (IPv6)") == bool(suffix)
            named[suffix].append(row["name"].removesuffix(" (IPv6)"))
        assert len({tuple(names) for names in named.values() if names}) == 1
        assert sum(bool(names) for names in named.values()) == len(which)
    assert [one["host"] for one in plan["listening"]] == ["omarine", "client"]
    listeners = [(one["protocol"], one["port"]) for one in plan["listening"][0]["listeners"]]
    assert listeners == list(CLOSED) * len(which)
    assert plan["route"].count("ip route replace ") == plan["unroute"].count("ip route delete ") == len(which)


def test_what_is_sent_in_ipv6(changed: Change) -> None:
    view = verify(changed(families(6)))
    plan = verify_plan(view, SERVED)
    assert plan["from_client"][0] == {
        "name": "DNS (IPv6)",
        "kind": "dns",
        "target": "2001:db8::3",
        "query": "omarine",
        "answer": "2001:db8::3",
    }
    assert plan["from_client"][-1] == {
        "name": "TCP to the virtual address itself (IPv6)",
        "kind": "tcp",
        "target": "2001:db8:2::100",
        "port": 8080,
        "expected": "drop",
    }
    assert plan["route"] == "ip route replace 2001:db8:2::3 via 2001:db8::100 proto static metric 7"
    flows = verify_plan(view, SERVED, SSH, 1)["flows"]
    assert flows[0] == {"name": "ssh session (IPv6)", "kind": "ssh", "target": "2001:db8::3", **SSH}
    assert [flow["kind"] for flow in flows] == ["ssh", "download", "ftp", "http"]
