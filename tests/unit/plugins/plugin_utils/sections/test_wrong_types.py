# SPDX-License-Identifier: GPL-3.0-or-later
"""A value of a wrong type, at any place of an inventory, is one line that names host and key."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HostVars = dict[str, dict[str, Any]]
Place = tuple[Any, ...]

FULL: dict[str, Any] = {
    "site_services": {
        "game": {"tcp": [7777], "udp": [7777], "icmp": ["echo-request"]},
        "own-ftp": {"tcp": [2121], "helper": "ftp"},
    },
    "site_addresses": {"admins": ["client", "192.168.2.16/28"], "more": ["admins"]},
    "site_policy": [
        {
            "from": "inside",
            "to": "outside",
            "services": ["dns", "ftp"],
            "offload": "expected",
            "comment": "x",
        },
        {
            "from": "inside",
            "to": ["outside"],
            "services": ["game"],
            "sources": ["admins"],
            "time": {"days": ["monday"], "from": "08:00", "to": "17:00"},
            "limit": "1/second",
            "log": {"prefix": "a", "rate": "1/second"},
            "counter": "web",
        },
        {
            "from": "inside",
            "to": "outside",
            "services": ["ssh"],
            "destinations": ["more"],
            "action": "drop",
        },
    ],
    "site_port_forwards": [
        {"to": "outside", "service": "http", "host": "client", "address": "192.168.0.100", "hairpin": True}
    ],
    "site_source_nat": {"outside": "virtual_address", "inside": ["192.168.2.100"]},
    "site_policy_tests": [
        {
            "from": "inside",
            "to": "outside",
            "service": "ssh",
            "source": "client",
            "destination": "192.168.0.3",
            "expected": ["accept", "snat to 192.168.0.100"],
            "name": "ours",
            "at": "saturday 22:30",
            "family": 4,
        },
        {"derived": "a test", "to": "outside", "expected": "accept"},
    ],
    "site_reverse_path": "strict",
    "site_filter_bridges": False,
    "site_fragments": [{"place": "input", "text": "tcp dport 22 accept", "pair": "ftfw"}],
    "site_probes": {
        "client": "client",
        "server": "omarine",
        "tcp": 7001,
        "udp": 7002,
        "ftp": 2121,
        "forward": {"tcp": 7003, "udp": 7004},
        "rate": 100,
        "sessions": 5,
        "slack": 1,
    },
}
PAIR = {
    "priorities": {"fw-1": 200, "fw-2": 100},
    "profile": "default",
    "advert_interval": 0.3,
    "replication": "direct",
    "preempt": "never",
}
WRONG: list[Any] = [True, 10, -1, 1.5, "zz zz", [], ["zz zz"], [[1]], {}, {"a": 1}, {1: 2}, {"a": {"b": []}}]
# Each of what is named in it, or not named any more, is wrong by itself.
SEVERAL = [("site_pairs", "ftfw", "nodes"), ("site_addresses",)]


@pytest.fixture
def full(lab: HostVars) -> HostVars:
    """The lab, with each key that the model knows."""
    for variables in lab.values():
        variables.update(copy.deepcopy(FULL))
        variables["site_pairs"]["ftfw"].update(copy.deepcopy(PAIR))
        variables["site_networks"]["inside"]["mtu"] = 1500
    return lab


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*above, key)
        yield from places(child, (*above, key))


def put(hostvars: HostVars, host: str, place: Place, value: object) -> HostVars:
    """Change one host's variable; a site-wide one on all hosts."""
    changed = copy.deepcopy(hostvars)
    for name, variables in changed.items():
        if name != host and not place[0].startswith("site_"):
            continue
        section: Any = variables
        for key in place[:-1]:
            section = section[key]
        section[place[-1]] = copy.deepcopy(value)
    return changed


def value_at(hostvars: HostVars, host: str, place: Place) -> Any:
    value: Any = hostvars["fw-1" if host == "all" else host]
    for key in place:
        value = value[key]
    return value


def lines(hostvars: HostVars) -> list[str]:
    try:
        load_site(hostvars)
    except SiteError as error:
        return error.problems.lines()
    return []


def all_places(hostvars: HostVars) -> list[tuple[str, Place]]:
    found = [
        ("all", place) for place in places({k: v for k, v in hostvars["fw-1"].items() if k[:5] == "site_"})
    ]
    for host, variables in hostvars.items():
        found += [(host, place) for place in places({k: v for k, v in variables.items() if k[:5] != "site_"})]
    return found


def test_the_full_site_has_no_mistake(full: HostVars) -> None:
    assert lines(full) == []


def test_a_wrong_type_is_one_line_that_names_host_and_key(full: HostVars) -> None:
    # each place has every third of them; the next place has others
    for number, (host, place) in enumerate(all_places(full)):
        for wrong in WRONG[number % 3 :: 3]:
            # an empty list or mapping is sound in the place of another one
            if place not in SEVERAL and (wrong or type(wrong) is not type(value_at(full, host, place))):
                check(full, host, place, wrong)


@given(st.data())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_wrong_value_anywhere(full: HostVars, data: st.DataObject) -> None:
    host, place = data.draw(st.sampled_from(all_places(full)))
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    value = data.draw(
        st.recursive(
            scalars,
            lambda inner: (
                st.lists(inner, max_size=1) | st.dictionaries(st.text(max_size=5), inner, max_size=1)
            ),
            max_leaves=2,
        )
    )
    for line in lines(put(full, host, place, value)):
        assert_one_clear_line(line)


def check(hostvars: HostVars, host: str, place: Place, wrong: object) -> None:
    told = lines(put(hostvars, host, place, wrong))
    assert len(told) <= 1, (host, place, wrong, told)
    for line in told:
        assert_one_clear_line(line)
        assert line.startswith(f"{host}: "), (host, place, wrong, line)
        key = line.split(": ")[1]
        assert key.partition(".")[0].partition("[")[0] == place[0], (place, wrong, line)


def assert_one_clear_line(line: str) -> None:
    host, key, *rest = line.split(": ")
    assert host
    assert key
    assert rest
    assert "\n" not in line
    assert "; " in line
    assert "Traceback" not in line
    assert "nexpected" not in line
