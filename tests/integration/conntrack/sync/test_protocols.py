# SPDX-License-Identifier: GPL-3.0-or-later
"""Which protocols besides TCP, UDP and ICMP the daemon replicates right, by the role's own list."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

DEFAULTS = Path(__file__).parents[4] / "roles" / "conntrackd" / "defaults" / "main.yml"
PROTOCOLS = yaml.safe_load(DEFAULTS.read_text())["conntrackd_protocols"]
SCTP = "sctp --orig-port-src 1 --orig-port-dst 2 --state ESTABLISHED -t 600 --orig-vtag 1 --reply-vtag 2"
FLOWS = [
    "-s 192.0.2.4 -d 198.51.100.1 -p esp -t 600",
    "-s 192.0.2.5 -d 198.51.100.1 -p esp -t 600 --src-nat 10.1.1.1",
    "-s 2001:db8::1 -d 2001:db8::2 -p esp -t 600",
    "-s 192.0.2.4 -d 198.51.100.1 -p ah -t 600",
    "-s 2001:db8::1 -d 2001:db8::2 -p ah -t 600",
    "-s 192.0.2.4 -d 198.51.100.1 -p 4 -t 600",
    "-s 192.0.2.4 -d 198.51.100.1 -p 41 -t 600",
    f"-s 192.0.2.4 -d 198.51.100.1 -p {SCTP}",
    f"-s 2001:db8::1 -d 2001:db8::2 -p {SCTP}",
    "-s 2001:db8::1 -d 2001:db8::2 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7 -t 600",
]
CALLS = [f"-s 192.0.2.4 -d 198.51.100.1 -p gre --srckey {key} --dstkey {key + 1} -t 600" for key in (1, 3)]


def tuples(listed: str) -> set[str]:
    """Protocol, addresses and ports of each entry; its time-out and state are another matter."""
    words = (line.split() for line in listed.splitlines())
    return {
        " ".join([one[1], *(word for word in one if "=" in word and word[:4] != "use=")]) for one in words
    }


def test_what_is_replicated_arrives_right(make_pair, eventually):
    pair = make_pair(protocols="\n".join(PROTOCOLS))
    pair.primary.inject(*FLOWS, *CALLS)
    eventually(lambda: pair.backup.count("-e") == len(FLOWS), "all flows but GRE")
    pair.backup.ask("-c")
    wanted = {one for one in tuples(pair.primary.kernel()) if not one.startswith("47 ")}
    eventually(lambda: tuples(pair.backup.kernel()) == wanted, "the same entries")


@pytest.mark.parametrize("protocol", ["gre", "udplite"])
def test_what_is_left_out_would_arrive_wrong(make_pair, eventually, protocol):
    """The control: two flows between the same two hosts become one. When this fails, replicate it."""
    flows = (
        CALLS
        if protocol == "gre"
        else [f"-s 192.0.2.4 -d 198.51.100.1 -p udplite --sport {port} --dport 9 -t 600" for port in (1, 3)]
    )
    assert protocol not in map(str.lower, PROTOCOLS)
    pair = make_pair(protocols=protocol)
    pair.primary.inject(*flows)
    eventually(lambda: pair.primary.count("-i") == 2, "two flows in the internal cache")
    eventually(lambda: pair.backup.count("-e") == 1, "one flow in the external cache")
    assert "srckey=0x0" in pair.backup.ask("-e") or "sport=0" in pair.backup.ask("-e")
