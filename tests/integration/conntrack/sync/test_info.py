# SPDX-License-Identifier: GPL-3.0-or-later
"""conntrack_sync_info with real daemons."""

from __future__ import annotations

import signal

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd.client import Conntrackd, NoAnswerError

SECTIONS = ["general", "network", "cache", "runtime", "link", "queue", "expectations"]


def test_all_sections(pair, flows):
    pair.primary.inject(*flows["all"])
    pair.settle(5)
    found = pair.primary.info()
    assert found["changed"] is False
    statistics = found["conntrackd"]
    assert list(statistics) == SECTIONS
    assert statistics["general"]["internal"]["active"] == 5
    assert statistics["general"]["external"]["active"] == 0
    assert statistics["network"]["packets_lost"] == 0
    assert statistics["cache"]["internal"]["created"] == 5
    assert statistics["runtime"]["uptime_minutes"] == 0
    assert statistics["runtime"]["netlink"]["events_received"] >= 5
    assert len(statistics["link"]) == 1
    assert statistics["link"][0]["bytes_sent"] > 0
    assert (statistics["link"][0]["status"], statistics["link"][0]["role"]) == ("running", "active")
    assert statistics["link"][0]["device"] == "sync0"
    assert statistics["queue"]["queues"]["rsqueue"]["maximum"] == 131072
    assert statistics["expectations"] is None
    assert pair.backup.info(gather=["general"])["conntrackd"]["general"]["external"]["active"] == 5


def test_a_link_without_carrier_is_seen(pair, eventually):
    def status(node):
        return node.info(gather=["link"])["conntrackd"]["link"][0]["status"]

    for node in pair.nodes:
        eventually(lambda node=node: status(node) == "running", "a carrier")
    pair.cut()
    eventually(lambda: status(pair.primary) == "no-carrier", "a lost carrier")
    eventually(lambda: status(pair.backup) == "down", "a link that is down")


def test_without_external_cache(make_pair, flows):
    pair = make_pair(external_cache=False)
    pair.primary.inject(flows["tcp"])
    found = pair.backup.info(gather=["general", "cache"])["conntrackd"]
    assert found["general"]["external"]["kind"] == "inject"
    assert found["cache"]["external"]["kind"] == "inject"
    assert "no external cache" in pair.backup.info(tables=["external"])["msg"]


def test_flows_of_each_table(pair, flows):
    pair.primary.inject(*flows["all"], *flows["unreplicated"])
    pair.settle(5)
    found = pair.primary.info(gather=[], tables=["internal", "external", "kernel"])
    assert found["conntrackd"] == {}
    counts = {table: found["flows"][table]["count"] for table in found["flows"]}
    assert counts == {"internal": 5, "external": 0, "kernel": 7}

    some = pair.primary.info(gather=[], tables=["kernel"], among=found["flows"]["internal"]["packed"])
    assert some["flows"]["kernel"] == found["flows"]["internal"]
    assert pair.backup.info(gather=[], tables=["external"])["flows"]["external"]["count"] == 5


def test_a_daemon_in_statistics_mode_replicates_nothing(pair):
    node = pair.backup
    node.stop()
    config = node.directory / "conntrackd.conf"
    general = config.read_text(encoding="utf-8").partition("General {")[2].partition("  Filter")[0]
    config.write_text(f"Stats {{\n  LogFile off\n}}\nGeneral {{{general}}}\n", encoding="utf-8")
    node.start()
    answer = node.info()
    assert answer["failed"]
    assert answer["msg"] == "conntrackd -s ct: conntrackd runs in statistics mode, it replicates nothing"


def test_a_daemon_that_does_not_answer(pair):
    assert pair.backup.daemon is not None
    pair.backup.daemon.send_signal(signal.SIGSTOP)
    with pytest.raises(NoAnswerError, match=r"no answer to 'conntrackd .* -s ct' within 0.5 s"):
        Conntrackd(pair.backup.config, answer_seconds=0.5).general()
