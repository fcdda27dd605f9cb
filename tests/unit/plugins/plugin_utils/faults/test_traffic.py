# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill sends and where it listens: in each family, at every port that the site opens for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.filter.drill_rows import drill_rows
from ansible_collections.ftfw.pair.plugins.filter.drill_steps import drill_steps
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import to_data
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.site_facts import facts, view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.test_table import (
    DEFAULTS,
    FAULTS,
    NAMES,
    ROWS,
)

PROBE = view(1)["verify"]["probes"]


def chosen(**changed: Any) -> dict[str, Any]:
    known = facts()
    for node in known["nodes"]:
        node["view"]["verify"]["probes"].update(changed)
    return drill_rows(FAULTS, DEFAULTS, known, ["power_loss"])


def sent(*names: str, **changed: Any) -> list[dict[str, Any]]:
    return [one for end in chosen(**changed)["flows"] for one in end["flows"] if one["name"] in names]


def test_every_port_that_a_site_opens_for_its_probe_is_used() -> None:
    """`site_probes` opens tcp, udp and ftp of the server, and tcp and udp of the virtual address."""
    told = chosen()
    server, client = (
        {(one["kind"], one["address"], one["port"]) for one in end["listeners"]} for end in told["listeners"]
    )
    out, back = (
        {(one["kind"], one["target"], one.get("port")) for one in end["flows"]} for end in told["flows"]
    )
    assert [end["host"] for end in told["listeners"]] == ["server", "client"]
    assert [end["host"] for end in told["flows"]] == ["client", "server"]
    for each in PROBE["families"]:
        assert {(kind, each["server"], PROBE[kind]) for kind in ("tcp", "udp", "ftp")} <= out & server
        assert ("ping", each["server"], None) in out
        for kind, port in PROBE["forward"].items():
            assert (kind, each["client"], port) in client
            assert (kind, each["forward"], port) in back


def test_each_flow_has_a_name_of_its_own() -> None:
    for end in chosen()["flows"]:
        names = [one["name"] for one in end["flows"]]
        assert len(set(names)) == len(names)
        assert len([name for name in names if name.endswith(" (IPv6)")]) == len(names) / 2


@pytest.mark.parametrize(
    ("sessions", "counts"),
    [
        pytest.param(None, [20, 10], id="as-the-site-has-it"),
        pytest.param("4", [4, 4], id="of-the-command-line"),
        pytest.param(40, [40, 10], id="many"),
    ],
)
def test_how_many_sessions(sessions: int | str | None, counts: list[int]) -> None:
    row = to_data(ROWS[NAMES.index("power_loss")])
    plan = drill_steps(row, facts(), "fw-1", sessions)
    named = [next(one for one in end["flows"] if one["name"] == "sessions") for end in plan["flows"]]
    assert [one["count"] for one in named] == counts
    late = [(one["name"], one["target"], one["port"], one["count"]) for one in plan["late"]]
    assert late == [
        ("late", "192.168.0.3", PROBE["tcp"], counts[0]),
        ("late (IPv6)", "2001:db8::3", PROBE["tcp"], counts[0]),
    ]


@pytest.mark.parametrize(("rate", "few"), [(1000, [10, 5]), (100, [10, 5]), (20, [2, 1])])
def test_a_host_that_is_spared_the_stream_is_spared_connections_too(rate: int, few: list[float]) -> None:
    assert [one["rate"] for one in sent("new connections", rate=rate)] == few
    assert {one["rate"] for one in sent("stream", rate=rate)} == {rate}


@pytest.mark.parametrize(
    ("name", "slack", "seconds"),
    [
        pytest.param("power_loss", 1, 11, id="usual"),
        pytest.param("keepalived_stop_signal", 1, 16, id="longer-fault"),
        pytest.param("keepalived_stop_signal", 3, 48, id="slow-host"),
    ],
)
def test_a_download_lasts_through_the_fault(name: str, slack: int, seconds: float) -> None:
    known = facts()
    for node in known["nodes"]:
        node["view"]["verify"]["probes"]["slack"] = slack
    plan = drill_steps(to_data(ROWS[NAMES.index(name)]), known, "fw-1")
    downloads = [one for one in plan["flows"][0]["flows"] if one["kind"] == "ftp"]
    assert [one["seconds"] for one in downloads] == [seconds, seconds]
