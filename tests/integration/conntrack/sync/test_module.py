# SPDX-License-Identifier: GPL-3.0-or-later
"""conntrack_sync on one node, with real daemons: apply, again, change, check mode."""

from __future__ import annotations

import signal

import pytest


def test_committed(pair, flows):
    pair.primary.inject(*flows["all"], *flows["unreplicated"])
    pair.settle(5)
    backup = pair.backup
    assert backup.kernel() == ""

    predicted = backup.sync(check=True, state="committed")
    assert predicted["changed"]
    assert predicted["changes"] == ["commit the external cache, 5 of its flows are not in the kernel's table"]
    assert predicted["diff"] == {
        "before": {"internal": 0, "external": 5, "uncommitted": 5},
        "after": {"internal": 0, "external": 5, "uncommitted": 0},
    }
    assert backup.kernel() == ""

    done = backup.sync(state="committed")
    assert (done["changed"], done["changes"], done["diff"]) == (True, predicted["changes"], predicted["diff"])
    table = backup.kernel()
    assert len(table.splitlines()) == 5
    assert "sport=53 dport=5000" in table

    again = backup.sync(state="committed")
    assert (again["changed"], again["changes"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]

    pair.primary.inject(flows["ping"].replace("77", "79"))
    pair.settle(6)
    changed = backup.sync(state="committed")
    assert changed["changes"] == ["commit the external cache, 1 of its flows are not in the kernel's table"]
    assert len(backup.kernel().splitlines()) == 6


def test_committed_without_an_external_cache(make_pair, flows):
    pair = make_pair(external_cache=False)
    pair.primary.inject(flows["tcp"])
    assert not pair.backup.sync(state="committed")["changed"]


@pytest.mark.parametrize(
    ("node", "direction", "text"),
    [
        ("backup", "request", "request all flows from the peer"),
        ("primary", "send", "send all flows to the peer"),
    ],
)
def test_resynced_brings_what_was_missed(pair, flows, node, direction, text):
    pair.cut()
    pair.primary.inject(flows["tcp"])
    pair.heal()
    assert pair.backup.count("-e") == 0
    acting = getattr(pair, node)

    predicted = acting.sync(check=True, state="resynced", direction=direction)
    assert (predicted["changed"], predicted["changes"]) == (True, [text])
    assert pair.backup.count("-e") == 0

    done = acting.sync(state="resynced", direction=direction)
    assert (done["changed"], done["changes"]) == (True, [text])
    pair.settle(1)

    again = acting.sync(state="resynced", direction=direction)
    assert again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]


def test_flushed(pair, flows):
    pair.primary.inject(*flows["all"])
    pair.settle(5)
    backup, primary = pair.backup, pair.primary

    predicted = backup.sync(check=True, state="flushed")
    assert predicted["changes"] == ["flush 5 flows from the external cache"]
    assert predicted["diff"]["before"]["external"] == 5
    assert predicted["diff"]["after"]["external"] == 0
    assert backup.count("-e") == 5

    done = backup.sync(state="flushed")
    assert (done["changed"], done["diff"]) == (True, predicted["diff"])
    assert backup.count("-e") == 0
    assert not backup.sync(state="flushed")["changed"]

    done = primary.sync(state="flushed", caches=["internal", "external"])
    assert done["changes"] == ["flush 5 flows from the internal cache"]
    assert primary.count("-i") == 0
    assert len(primary.kernel().splitlines()) == 5

    # and back from the kernel's table, which sends nothing by itself
    assert primary.sync(state="resynced", direction="kernel")["changed"]
    assert (primary.count("-i"), backup.count("-e")) == (5, 0)
    primary.sync(state="resynced", direction="send")
    pair.settle(5)


def test_a_flush_that_would_reach_the_kernel_is_refused(make_pair, flows):
    pair = make_pair(external_cache=False, mode="NOTRACK", more="DisableInternalCache on")
    pair.primary.inject(flows["tcp"])
    answer = pair.primary.sync(state="flushed", caches=["internal"])
    assert answer["failed"]
    assert "no internal cache to flush" in answer["msg"]
    assert len(pair.primary.kernel().splitlines()) == 1


@pytest.mark.parametrize("check", [False, True], ids=["run", "check mode"])
def test_synced_waits_on_the_backup(pair, flows, check):
    pair.primary.inject(*flows["all"], *flows["unreplicated"])
    pair.settle(5)
    snapshot = pair.primary.info(gather=[], tables=["internal"])["flows"]["internal"]
    assert snapshot["count"] == 5

    done = pair.backup.sync(check=check, state="synced", tuples=snapshot["packed"], timeout=5)
    assert done["changed"] is False
    assert (done["replicated"], done["missing_count"], done["table"]) == (5, 0, "external")
    assert "diff" not in done

    pair.backup.ask("-f", "external")
    late = pair.backup.sync(check=check, state="synced", tuples=snapshot["packed"], timeout=0.5)
    assert late["failed"]
    assert late["msg"].startswith("5 of 5 flows are not in the external table after 0.5 s: ")
    assert "icmp src=192.0.2.3 dst=198.51.100.1 type=8 code=0 id=77" in late["missing"]
    assert late["missing_count"] == 5
    assert late["pending"] == snapshot["packed"]


def test_synced_looks_into_the_kernel_where_there_is_no_external_cache(make_pair, flows):
    pair = make_pair(external_cache=False)
    pair.primary.inject(*flows["all"])
    snapshot = pair.primary.info(gather=[], tables=["internal"])["flows"]["internal"]
    done = pair.backup.sync(state="synced", tuples=snapshot["packed"], timeout=5)
    assert (done["table"], done["replicated"], done["missing_count"]) == ("kernel", 5, 0)

    # the same original tuple, without the NAT
    backup = pair.backup
    backup.run("conntrack", "-D", "-p", "udp")
    backup.inject(flows["nat"].partition(" --src-nat")[0])
    wrong = backup.sync(state="synced", tuples=snapshot["packed"], timeout=0.5)
    assert wrong["missing_count"] == 1
    assert wrong["missing"][0].endswith("reply src=198.51.100.1 dst=10.1.1.1 sport=53 dport=5000")

    explicit = backup.sync(state="synced", tuples=snapshot["packed"], table="external", timeout=0.5)
    assert explicit["failed"]
    assert "no external cache, the configuration turns it off" in explicit["msg"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"state": "synced"}, "any of the following are missing: backup, tuples"),
        ({"state": "synced", "tuples": "x"}, "not a packed set of flows"),
        ({"state": "synced", "tuples": "x", "backup": "b"}, "mutually exclusive"),
        ({"state": "synced", "backup": "b"}, "needs the action plugin"),
        ({"state": "flushed", "caches": ["kernel"]}, "must be one"),
    ],
)
def test_bad_arguments(pair, arguments, reason):
    answer = pair.primary.sync(**arguments)
    assert answer["failed"]
    assert reason in answer["msg"]


def test_a_daemon_that_is_down(pair):
    pair.backup.stop()
    for state in ("committed", "resynced", "flushed"):
        answer = pair.backup.sync(state=state)
        assert answer["failed"]
        assert answer["msg"] == (
            f"conntrackd of {pair.backup.config}: not running: "
            f"socket {pair.backup.directory}/ctl: No such file or directory"
        )


def test_a_daemon_that_was_killed(pair):
    assert pair.backup.daemon is not None
    pair.backup.daemon.send_signal(signal.SIGKILL)
    pair.backup.daemon.wait()
    answer = pair.backup.info()
    assert answer["msg"].endswith("/ctl: Connection refused")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "can't read the configuration, or it is absent"),
        ("Sync { Mode Nothing }\n", "the configuration is not understood: "),
    ],
    ids=["absent", "wrong"],
)
def test_a_configuration_that_is_of_no_use(pair, tmp_path, text, reason):
    config = tmp_path / "other.conf"
    if text is not None:
        config.write_text(text, encoding="utf-8")
    answer = pair.primary.sync(state="flushed", config=str(config))
    assert answer["failed"]
    assert f"conntrackd of {config}: " in answer["msg"]
    assert reason in answer["msg"]


def test_a_user_without_rights(pair, unprivileged_module):
    pair.primary.directory.chmod(0o755)
    arguments = {"state": "flushed", "config": pair.primary.config}
    in_namespace = ("ip", "netns", "exec", pair.primary.namespace)
    answer = unprivileged_module("conntrack_sync", arguments, *in_namespace)
    assert answer["failed"]
    assert f"user 65534 may not use its socket {pair.primary.directory}/ctl" in answer["msg"]
