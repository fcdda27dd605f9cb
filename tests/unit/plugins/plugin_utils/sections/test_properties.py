# SPDX-License-Identifier: GPL-3.0-or-later
"""No inventory, however wrong, gets anything but a site or a list of its problems."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WRONG = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=20),
        st.sampled_from(
            [
                "inside",
                "sync",
                "mgmt",
                "fw-1",
                "omarine",
                "virtual",
                "192.168.2.1",
                "::1",
                "br0",
                "any",
                "all",
            ]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
POLICY: dict[str, Any] = {
    "site_addresses": {
        "admins": ["client", "10.0.0.0/8"],
        "all": ["admins", "2001:db8::/32"],
        "blocked": {"file": "blocked.txt"},
    },
    "site_policy": [
        {
            "from": ["inside"],
            "to": "outside",
            "services": ["ssh", "ping"],
            "sources": ["all"],
            "destinations": ["omarine", "blocked"],
            "limit": "5/minute",
            "log": {"prefix": "ssh", "rate": "1/second"},
            "counter": True,
            "time": {"days": ["monday"], "from": "22:00", "to": "06:00"},
            "comment": "admins",
        },
        {"from": "inside", "to": "outside", "services": "any", "action": "reject", "log": True},
    ],
}
Places = list[tuple[Any, Any]]


def places(section: Any) -> Places:
    """List every (container, key) inside plain variables."""
    keys: Any = range(len(section)) if isinstance(section, list) else section
    found: Places = []
    if isinstance(section, (list, dict)):
        for key in keys:
            found += [(section, key), *places(section[key])]
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_may_be_wrong(lab: dict[str, dict[str, Any]], data: st.DataObject) -> None:
    hostvars = copy.deepcopy(lab)
    for variables in hostvars.values():
        variables.update(copy.deepcopy(POLICY))
    for _change in range(data.draw(st.integers(1, 3))):
        changed = hostvars[data.draw(st.sampled_from(sorted(hostvars)))]
        container, key = data.draw(st.sampled_from(places(changed)))
        container[key] = data.draw(WRONG)
        shared = {key: value for key, value in changed.items() if key.startswith("site_")}
        for variables in hostvars.values():
            variables.update(copy.deepcopy(shared))
    try:
        site = load_site(hostvars, read_file=lambda path: "10.0.0.0/8\n")
    except SiteError as error:
        lines = error.problems.lines()
        assert lines
        assert all(line.count(": ") >= 3 and "\n" not in line for line in lines)
    else:
        assert [host_view(site, host)["name"] for host in hostvars] == list(hostvars)
