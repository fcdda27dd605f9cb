# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics as conntrackd 1.4.7 prints them, in each of its shapes."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import OutputError
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd import stats

CACHE_INTERNAL = """\
cache internal:
current active connections:\t           5
connections created:\t\t          12\tfailed:\t           1
connections updated:\t\t           2\tfailed:\t           3
connections destroyed:\t\t           6\tfailed:\t           4

"""
CACHE_EXTERNAL = CACHE_INTERNAL.replace("internal", "external")
INJECT = """\
external inject:
connections created:\t\t           5\tfailed:\t           0
connections updated:\t\t           0\tfailed:\t           7
connections destroyed:\t\t           0\tfailed:\t           0

"""
BYPASS = """\
internal bypass:
connections new:\t\t           5
connections updated:\t\t           1
connections destroyed:\t\t           2

"""
NUMBERS = """\
                 524 Bytes sent                   64 Bytes recv
                   8 Pckts sent                    4 Pckts recv
                   1 Error send                    2 Error recv

"""
PROCESSED = """\
traffic processed:
                  10 Bytes                         3 Pckts

"""
TRACKING = """\
message tracking:
                   1 Malformed msgs                    2 Lost msgs

"""
LINK_NUMBERS = {
    "bytes_sent": 524,
    "bytes_received": 64,
    "packets_sent": 8,
    "packets_received": 4,
    "send_errors": 1,
    "receive_errors": 2,
}


def general(internal=CACHE_INTERNAL, external=CACHE_EXTERNAL, heading="UDP traffic (active device=eth2):"):
    return f"{internal}{external}{PROCESSED}{heading}\n{NUMBERS}{TRACKING}"


def test_general_with_both_caches():
    side = {
        "kind": "cache",
        "active": 5,
        "created": 12,
        "created_failed": 1,
        "updated": 2,
        "updated_failed": 3,
        "destroyed": 6,
        "destroyed_failed": 4,
    }
    assert stats.parse_general(general(), "here") == {
        "internal": side,
        "external": side,
        "traffic": {"bytes": 10, "packets": 3},
        "messages": {"malformed": 1, "lost": 2},
        "link": {"transport": "udp", "device": "eth2", **LINK_NUMBERS},
    }


def test_general_without_caches():
    found = stats.parse_general(general(BYPASS, INJECT), "here")
    assert found["internal"] == {"kind": "bypass", "created": 5, "updated": 1, "destroyed": 2}
    assert found["external"]["kind"] == "inject"
    assert found["external"]["updated_failed"] == 7
    assert "active" not in found["external"]


@pytest.mark.parametrize(
    ("heading", "transport"),
    [
        ("UDP traffic (active device=eth2):", "udp"),
        ("multicast traffic (active device=eth2):", "multicast"),
        ("TCP traffic (active device=eth2) server=connected client=connected:", "tcp"),
    ],
)
def test_each_transport(heading, transport):
    found = stats.parse_general(general(heading=heading), "here")["link"]
    assert found == {"transport": transport, "device": "eth2", **LINK_NUMBERS}


def test_links_with_status_and_role():
    text = (
        f"UDP traffic device=eth2 status=RUNNING role=ACTIVE:\n{NUMBERS}"
        f"UDP traffic device=eth3 status=NO-CARRIER role=BACKUP:\n{NUMBERS}"
    )
    assert stats.parse_links(text, "here") == [
        {"transport": "udp", "device": "eth2", "status": "running", "role": "active", **LINK_NUMBERS},
        {"transport": "udp", "device": "eth3", "status": "no-carrier", "role": "backup", **LINK_NUMBERS},
    ]


def test_network_keeps_both_directions_apart():
    text = """\
network statistics:
\trecv:
\t\tMalformed messages:\t                   1
\t\tWrong protocol version:\t                   2
\t\tMalformed header:\t                   3
\t\tMalformed payload:\t                   4
\t\tBad message type:\t                   5
\t\tTruncated message:\t                   6
\t\tBad message size:\t                   7
\tsend:
\t\tMalformed messages:\t                   8

sequence tracking statistics:
\trecv:
\t\tPackets lost:\t\t                   9
\t\tPackets before:\t\t                  10

UDP traffic (active device=eth2):
"""
    found = stats.parse_network(text + NUMBERS, "here")
    assert found["link"]["bytes_sent"] == 524
    del found["link"]
    assert list(found.values()) == list(range(1, 11))
    assert found["malformed_messages"] == 1
    assert found["malformed_messages_sent"] == 8
    assert found["packets_lost"] == 9


def test_the_extended_statistics_of_the_caches():
    text = """\
cache:internal\tactive objects:\t\t           1
\tactive/total entries:\t\t           2/           3
\tcreation OK/failed:\t\t           4/           5
\t\tno memory available:\t           6
\t\tno space left in cache:\t           7
\tupdate OK/failed:\t\t           8/           9
\t\tentry not found:\t          10
\tdeletion created/failed:\t          11/          12
\t\tentry not found:\t          13

"""
    found = stats.parse_cache(text + INJECT, "here")
    assert found["internal"] == {
        "kind": "cache",
        "active_objects": 1,
        "active_entries": 2,
        "total_entries": 3,
        "created": 4,
        "created_failed": 5,
        "created_failed_no_memory": 6,
        "created_failed_no_space": 7,
        "updated": 8,
        "updated_failed": 9,
        "updated_failed_not_found": 10,
        "destroyed": 11,
        "destroyed_failed": 12,
        "destroyed_failed_not_found": 13,
    }
    assert found["external"]["kind"] == "inject"


RUNTIME = """\
daemon uptime: UPTIME

netlink stats:
\tevents received:\t                   5
\tevents filtered:\t                   0
\tevents unknown type:\t\t           0
\tcatch event failed:\t\t           0
\tdump unknown type:\t\t           0
\tnetlink overrun:\t\t           2
\tflush kernel table:\t\t           0
\tresync with kernel table:\t           0
\tcurrent buffer size (in bytes):\t      212992

runtime stats:
\tchild process failed:\t\t           0
\t\tchild process segfault:\t           0
\t\tchild process termsig:\t           0
\tselect failed:\t\t\t           0
\twait failed:\t\t\t           0
\tlocal read failed:\t\t           0
\tlocal unknown request:\t\t           3

"""


@pytest.mark.parametrize(
    ("uptime", "minutes"),
    [("0 min", 0), ("2 h 5 min", 125), ("1 day 3 min", 1443), ("12 days 1 h 0 min", 17340)],
)
def test_runtime(uptime, minutes):
    found = stats.parse_runtime(RUNTIME.replace("UPTIME", uptime), "here")
    assert found["uptime_minutes"] == minutes
    assert found["netlink"]["overruns"] == 2
    assert found["netlink"]["buffer_bytes"] == 212992
    assert found["daemon"]["local_unknown_requests"] == 3


def test_queues():
    text = """\
allocated queue nodes:\t\t           4

queue txqueue:
current elements:\t\t           3
maximum elements:\t\t  2147483647
not enough space errors:\t           1

queue rsqueue:
current elements:\t\t           0
maximum elements:\t\t      131072
not enough space errors:\t           0

"""
    assert stats.parse_queue(text, "here") == {
        "nodes": 4,
        "queues": {
            "txqueue": {"elements": 3, "maximum": 2147483647, "no_space_errors": 1},
            "rsqueue": {"elements": 0, "maximum": 131072, "no_space_errors": 0},
        },
    }


def test_expectations_are_none_where_they_are_not_replicated():
    assert stats.parse_expectations("", "here") is None
    found = stats.parse_expectations(general(), "here")
    assert found is not None
    assert found["internal"]["active"] == 5


def test_lines_of_a_newer_daemon_are_passed_over():
    text = general(
        CACHE_INTERNAL.replace("connections updated", "connections lost:\t 9\nconnections updated")
    )
    assert stats.parse_general(text, "here")["internal"]["updated"] == 2


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        pytest.param(stats.parse_general, "", "nothing about the internal cache", id="nothing"),
        pytest.param(
            stats.parse_general,
            CACHE_INTERNAL.replace("internal", "stats") + PROCESSED,
            "statistics mode",
            id="statistics mode",
        ),
        pytest.param(
            stats.parse_general,
            general().replace("connections updated", "connections renewed"),
            "no 'connections updated'",
            id="a line is gone",
        ),
        pytest.param(
            stats.parse_general,
            general().replace("\tfailed:\t           3", ""),
            "'connections updated' has too few numbers",
            id="a number is gone",
        ),
        pytest.param(
            stats.parse_general, general().replace("Lost", "lost"), "no message tracking", id="tracking"
        ),
        pytest.param(stats.parse_links, "", "no replication link", id="no link"),
        pytest.param(
            stats.parse_links,
            f"UDP traffic device=eth2 status=DOWN role=ACTIVE:\n{NUMBERS}".replace("Pckts recv", "Pckts"),
            "a link without Pckts recv",
            id="half a link",
        ),
        pytest.param(stats.parse_runtime, RUNTIME, "no uptime", id="no uptime"),
        pytest.param(stats.parse_queue, "allocated queue nodes: 0\n", "no queue", id="no queue"),
        pytest.param(stats.parse_network, "", "no 'Malformed messages'", id="no network"),
    ],
)
def test_what_is_not_understood_is_an_error(parse, text, reason):
    with pytest.raises(OutputError, match=reason) as caught:
        parse(text, "conntrackd -s x")
    assert caught.value.where == "conntrackd -s x"
