# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps as keepalived 2.2.7 writes them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.keepalived import dumps as keepalived
from ansible_collections.ftfw.pair.plugins.module_utils.keepalived.signal import DEFAULT_TMP_DIR, tmp_dir

ENTRY = {
    "data": {
        "iname": "outside",
        "ifp_ifname": "eth0",
        "master_priority": 0,
        "last_transition": 1795246298.863154,
        "vrid": 62,
        "base_priority": 150,
        "effective_priority": 160,
        "adver_int": 0.3,
        "nopreempt": True,
        "state": 2,
        "version": 3,
        "vips": [
            "192.168.0.100 dev eth0 scope global set",
            "192.168.0.101/24 dev lo scope global label lo:x",
        ],
        "evips": ["fd00::1 dev eth0 scope global deprecated set"],
    },
    "stats": {
        "advert_rcvd": 4,
        "advert_sent": 10,
        "become_master": 2,
        "release_master": 1,
        "packet_len_err": 1,
        "advert_interval_err": 2,
        "ip_ttl_err": 3,
        "invalid_type_rcvd": 4,
        "addr_list_err": 5,
        "invalid_authtype": 6,
        "authtype_mismatch": 0,
        "auth_failure": 0,
        "pri_zero_rcvd": 7,
        "pri_zero_sent": 8,
    },
}
INSTANCE = {
    "name": "outside",
    "interface": "eth0",
    "state": "MASTER",
    "version": 3,
    "vrid": 62,
    "priority": 160,
    "base_priority": 150,
    "master_priority": 0,
    "preempt": False,
    "advert_interval": 0.3,
    "addresses": [
        {"address": "192.168.0.100/32", "interface": "eth0", "set": True},
        {"address": "192.168.0.101/24", "interface": "lo", "set": False},
    ],
    "excluded_addresses": [{"address": "fd00::1/128", "interface": "eth0", "set": True}],
    "since": "2026-11-21T07:31:38.863154+00:00",
    "since_epoch": 1795246298.863154,
    "adverts_sent": 10,
    "adverts_received": 4,
    "became_master": 2,
    "released_master": 1,
    "priority_zero_sent": 8,
    "priority_zero_received": 7,
    "errors": {
        "packet_length": 1,
        "advert_interval": 2,
        "ip_ttl": 3,
        "invalid_type": 4,
        "address_list": 5,
        "invalid_authentication_type": 6,
    },
}


def entry(**data):
    changed = {**ENTRY["data"], **data}
    return {**ENTRY, "data": {key: value for key, value in changed.items() if value is not None}}


@pytest.mark.parametrize("dump", [[ENTRY], {"vrrp": [ENTRY]}], ids=["version 1", "version 2"])
def test_an_instance(dump):
    assert keepalived.parse_instances(json.dumps(dump), "here") == [INSTANCE]


@pytest.mark.parametrize(
    ("number", "state"), [(0, "INIT"), (1, "BACKUP"), (2, "MASTER"), (3, "FAULT"), (98, "STOP")]
)
def test_states(number, state):
    assert keepalived.parse_instance(entry(state=number), "here")["state"] == state


def test_an_instance_that_never_ran():
    found = keepalived.parse_instance(
        entry(ifp_ifname=None, vips=None, evips=None, last_transition=0.0), "here"
    )
    assert (found["interface"], found["addresses"], found["since"], found["since_epoch"]) == (
        None,
        [],
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "here: not JSON", id="empty"),
        pytest.param('[{"data":', "here: not JSON", id="cut off"),
        pytest.param('{"lvs": []}', "here: no list of instances", id="something else"),
        pytest.param('[{"stats": {}}]', "not understood", id="no data"),
        pytest.param(json.dumps([entry(vrid=None)]), "KeyError\\('vrid'\\)", id="no vrid"),
        pytest.param(
            json.dumps([entry(state=42)]), "outside is in a state of an unknown number, 42", id="state"
        ),
    ],
)
def test_instances_that_are_not_understood(text, reason):
    with pytest.raises(keepalived.DumpError, match=reason):
        keepalived.parse_instances(text, "here")


HEAD = "------< Global definitions >------\n Router ID = a\n"
GROUPS = """\
------< VRRP Sync groups >------
 VRRP Sync Group = ftfw, MASTER
   Num member fault 0, num member init 0
   VRRP member instances :
     inside
     outside
   Using smtp notification = no
   Tracked scripts :
     health weight 0
 VRRP Sync Group = other one, FAULT
   Num member fault 1, num member init 0
   VRRP member instances :
     third
   Using smtp notification = no
"""
TAIL = "------< Interfaces >------\n Name = lo\n   Tracking VRRP instances :\n     outside, weight 0\n"


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        pytest.param(HEAD + TAIL, [], id="no groups"),
        pytest.param(
            HEAD + GROUPS + TAIL,
            [
                {"name": "ftfw", "state": "MASTER", "instances": ["inside", "outside"]},
                {"name": "other one", "state": "FAULT", "instances": ["third"]},
            ],
            id="two groups",
        ),
    ],
)
def test_groups(text, groups):
    assert keepalived.parse_groups(text, "here") == groups


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not a dump of keepalived", id="empty"),
        pytest.param(HEAD + "------< VRRP Sync groups >------\n", "not understood", id="cut off"),
        pytest.param(
            HEAD + GROUPS.replace("member instances", "members") + TAIL, "not understood", id="other words"
        ),
    ],
)
def test_groups_that_are_not_understood(text, reason):
    with pytest.raises(keepalived.DumpError, match=reason):
        keepalived.parse_groups(text, "here")


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        pytest.param(b"", DEFAULT_TMP_DIR, id="default"),
        pytest.param(b"PATH=/bin\0TMPDIR=/run/x\0", "/run/x", id="set"),
        pytest.param(b"TMPDIR=x\0", DEFAULT_TMP_DIR, id="not absolute"),
        pytest.param(b"XTMPDIR=/run/x\0", DEFAULT_TMP_DIR, id="another variable"),
    ],
)
def test_tmp_dir(environment, directory):
    assert tmp_dir(environment) == directory
