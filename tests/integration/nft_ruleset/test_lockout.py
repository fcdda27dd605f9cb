# SPDX-License-Identifier: GPL-3.0-or-later
"""A table that would not let the controller in again is refused before it is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check import lockout
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.lockout import Session, refusal

WHO = Session("192.0.2.7", "192.0.2.1", 22, "mgmt0", ("192.0.2.1/24",))
WHO_6 = Session("2001:db8::7", "2001:db8::1", 22, "mgmt0", ("2001:db8::1/64", "fe80::1/64"))
ANSWERS = "chain output { type filter hook output priority filter; tcp sport 22 drop\n }"
LISTED = "set bad {{ type ipv4_addr; flags interval; elements = {{ {} }}\n }}"
MANY = ", ".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(10_001))


def table(rule: str, policy: str = "drop", more: str = "") -> str:
    return f"""\
table inet ftfw {{
    {more}
    chain input {{
        type filter hook input priority filter; policy {policy};
        {rule}
    }}
}}
"""


@pytest.mark.parametrize(
    ("text", "let_in"),
    [
        pytest.param(table('iifname "mgmt0" tcp dport 22 accept'), True, id="accepted"),
        pytest.param(
            table('iifname "mgmt0" ip saddr 192.0.2.0/24 tcp dport 22 accept'), True, id="by-address"
        ),
        pytest.param(
            table('iifname "mgmt0" ip saddr 192.0.2.8 tcp dport 22 accept'), False, id="other-address"
        ),
        pytest.param(table('iifname "eth0" tcp dport 22 accept'), False, id="other-device"),
        pytest.param(table("tcp dport 2222 accept"), False, id="other-port"),
        pytest.param(table("ct state established accept"), False, id="only-what-is-open"),
        pytest.param(table("tcp dport 22 reject with tcp reset", "accept"), False, id="rejected"),
        pytest.param(table("", "accept", ANSWERS), False, id="answer-dropped"),
        pytest.param(table("tcp dport 22 tcp flags syn accept"), False, id="first-packet-only"),
        pytest.param(
            table("ct state established accept; tcp dport 22 ct state new accept"), True, id="by-state"
        ),
        pytest.param(
            table(
                "ip saddr @bad drop",
                "accept",
                LISTED.format(MANY),
            ),
            True,
            id="not-in-a-long-list",
        ),
        pytest.param(
            table(
                "ip saddr @bad drop",
                "accept",
                LISTED.format(f"{MANY}, 192.0.2.4-192.0.2.9"),
            ),
            False,
            id="in-a-long-list",
        ),
    ],
)
def test_a_new_connection_is_tried(text: str, let_in: bool) -> None:
    why = refusal(read(text, "inet", "ftfw"), WHO)
    assert (why is None) == let_in, why
    if why:
        assert "a new connection from 192.0.2.7 to 192.0.2.1 port 22 on mgmt0 would end in: " in why


def test_a_new_connection_over_ipv6_is_tried() -> None:
    assert refusal(read(table('iifname "mgmt0" tcp dport 22 accept'), "inet", "ftfw"), WHO_6) is None
    assert refusal(read(table("ip saddr 192.0.2.0/24 tcp dport 22 accept"), "inet", "ftfw"), WHO_6)


def test_the_session_is_that_of_the_parents_where_sudo_has_taken_it_away(
    namespace: str, ip: Callable[[str], str]
) -> None:
    ip("link add mgmt0 type veth peer name other")
    ip("address add 192.0.2.1/24 dev mgmt0")
    ip("link set mgmt0 up")
    ip("link set other up")
    inner = f"from {lockout.__name__} import session; print(session())"
    command = ["ip", "netns", "exec", namespace, "sh", "-c", 'env -u SSH_CONNECTION "$@"; true', "sh"]
    environment = {**os.environ, "SSH_CONNECTION": "192.0.2.7 40000 192.0.2.1 22"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3] / ".ansible/collections")
    done = subprocess.run(
        [*command, sys.executable, "-c", inner], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "a new connection from 192.0.2.7 to 192.0.2.1 port 22 on mgmt0", done.stderr


def test_the_module_refuses_and_can_be_told_not_to(
    namespace: str, ip: Callable[[str], str], module: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    ip("link add mgmt0 type veth peer name other")
    ip("address add 192.0.2.1/24 dev mgmt0")
    ip("link set mgmt0 up")
    ip("link set other up")
    prefix = ["ip", "netns", "exec", namespace, "env", "SSH_CONNECTION=192.0.2.7 40000 192.0.2.1 22"]
    given = {"table": "ftfw", "path": str(tmp_path / "ruleset.nft"), "runtime": str(tmp_path / "run")}
    given["text"] = table("tcp dport 80 accept")
    refused = module("nft_ruleset", given, *prefix)
    assert refused["failed"]
    assert "it would lock the controller out, a new connection from 192.0.2.7" in refused["msg"]
    assert "lockout: allowed" in refused["msg"]
    listing = ["ip", "netns", "exec", namespace, "nft", "list", "tables"]
    assert subprocess.run(listing, check=True, capture_output=True, text=True).stdout == ""
    assert not (tmp_path / "ruleset.nft").exists()
    assert module("nft_ruleset", {**given, "lockout": "allowed"}, *prefix)["changed"]
    assert not module("nft_ruleset", given, *prefix)["changed"], (
        "what is loaded already locks nobody out anew"
    )
