# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports between the nodes as bytes, also those of earlier versions."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import plan
from ansible_collections.ftfw.pair.tests.unit.plugins.module_utils.agent.path.path_reports import (
    report,
)


def test_a_report_arrives_as_it_was_sent() -> None:
    sent = report(
        7,
        able=False,
        fault=True,
        given_up=3,
        heard=frozenset({"sync"}),
        neighbours={"inside": ("192.0.2.1",)},
    )
    data = plan.encode(sent)
    assert plan.decode(data) == sent
    assert json.loads(data)["version"] == plan.VERSION


def test_the_longest_report_fits() -> None:
    names = [f"network-{n:07d}" for n in range(6)]
    addresses = ("255.255.255.255",) * plan.MAX_NEIGHBOURS
    data = plan.encode(
        report(
            2**40,
            given_up=2**40,
            boot="f" * 16,
            heard=frozenset(names),
            legs=dict.fromkeys(names, plan.UNKNOWN),
            neighbours=dict.fromkeys(names, addresses),
        )
    )
    assert len(data) <= plan.MAX_BYTES


GOOD = json.loads(plan.encode(report()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(plan.encode(report())[:-1], id="cut-off"),
        pytest.param(b"[" * 1400, id="deep"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"7", id="number"),
        *(
            pytest.param(json.dumps({**GOOD, name: value}).encode(), id=f"{name}={value!r}")
            for name, value in (
                ("version", 2),
                ("boot", 7),
                ("boot", None),
                ("sequence", "1"),
                ("sequence", True),
                ("sequence", 1.5),
                ("able", 1),
                ("fault", None),
                ("claims", 1),
                ("given_up", None),
                ("given_up", True),
                ("given_up", 0.5),
                ("heard", 3),
                ("heard", [1]),
                ("heard", [["inside"]]),
                ("legs", []),
                ("legs", "peer"),
                ("legs", {"inside": "well"}),
                ("legs", {"inside": ["peer"]}),
                ("neighbours", []),
                ("neighbours", {"inside": 7}),
                ("neighbours", {"inside": ["2001:db8::1"]}),
                ("neighbours", {"inside": [{}]}),
                ("neighbours_v6", []),
                ("neighbours_v6", {"inside": ["192.0.2.1"]}),
            )
        ),
        *(
            pytest.param(json.dumps({k: v for k, v in GOOD.items() if k != name}).encode(), id=f"no-{name}")
            for name in sorted(set(GOOD) - {"claims", "given_up", "neighbours_v6"})
        ),
    ],
)
def test_what_is_no_report(data: bytes) -> None:
    with pytest.raises(plan.ReportError):
        plan.decode(data)


def test_what_earlier_versions_do_not_say() -> None:
    newer = ("claims", "given_up", "neighbours_v6")
    said = {name: value for name, value in GOOD.items() if name not in newer}
    assert plan.decode(json.dumps(said).encode()) == report(claims=False, given_up=0)


def test_neighbours_of_ipv6_are_told_apart() -> None:
    """An earlier version takes a report with such an address among the others for none."""
    sent = report(neighbours={"inside": ("192.0.2.1",), "outside": ("2001:db8::1",)})
    data = plan.encode(sent)
    assert json.loads(data)["neighbours"] == {"inside": ["192.0.2.1"]}
    assert plan.decode(data) == sent


def test_a_report_that_would_be_too_long_tells_no_neighbours() -> None:
    names = [f"network-{n:07d}" for n in range(9)]
    long = report(neighbours=dict.fromkeys(names, ("2001:db8:1111:2222:3333:4444:5555:6666",) * 4))
    assert plan.decode(plan.encode(long)) == report()


def test_no_more_neighbours_are_taken_than_are_sent() -> None:
    many = {**GOOD, "neighbours": {"inside": [f"192.0.2.{n}" for n in range(1, 9)]}}
    assert len(plan.decode(json.dumps(many).encode()).neighbours["inside"]) == plan.MAX_NEIGHBOURS


def test_an_earlier_version_claims_nothing() -> None:
    sent = json.loads(plan.encode(report(7)))
    del sent["claims"]
    assert plan.decode(json.dumps(sent).encode()).claims is False
