# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes before a new text is loaded."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import Listing, parse_listing
from ansible_collections.ftfw.pair.plugins.module_utils.nft.plan import (
    differs,
    plan,
    transaction,
    unchanged_sets,
)

LISTED = """\
table inet ftfw {
\tcomment "ours"
\tct helper ftp-std {
\t\ttype "ftp" protocol tcp
\t\tl3proto inet
\t}

\tcounter passed {
\t}

\tset blocked {
\t\ttype ipv4_addr
\t\tflags interval
\t}

\tset gate {
\t\ttype ifname
\t\tflags timeout
\t}

\tchain inside {
\t\ttcp dport 22 accept
\t}

\tchain forward {
\t\ttype filter hook forward priority filter; policy drop;
\t\tip saddr @blocked drop
\t}
}
"""


def listing(text: str = LISTED, **elements: list[str]) -> Listing:
    given = {name: frozenset(members) for name, members in ({"blocked": ["a"]} | elements).items()}
    return Listing(text, parse_listing(text), given)


def commands(new: str, same: frozenset[str] = frozenset(), current: Listing | None = None) -> list[str]:
    changes, _kept = plan("inet ftfw", current or listing(), listing(new), same)
    return [change.command for change in changes]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("tcp dport 22", "tcp dport 23", ["delete set inet ftfw blocked"], id="a-rule"),
        pytest.param(
            "policy drop",
            "policy accept",
            ["add chain inet ftfw forward { policy accept; }", "delete set inet ftfw blocked"],
            id="a-policy",
        ),
        pytest.param(
            "hook forward",
            "hook input",
            ["delete chain inet ftfw forward", "delete set inet ftfw blocked"],
            id="a-hook",
        ),
        pytest.param(
            "chain inside",
            "chain outside",
            ["delete chain inet ftfw inside", "delete set inet ftfw blocked"],
            id="a-chain-of-another-name",
        ),
        pytest.param(
            "flags interval",
            "flags constant",
            ["delete set inet ftfw blocked"],
            id="the-kind-of-a-set",
        ),
        pytest.param(
            'type "ftp" protocol tcp',
            'type "tftp" protocol udp',
            ["delete set inet ftfw blocked", "delete ct helper inet ftfw ftp-std"],
            id="an-object",
        ),
        pytest.param(
            "type ifname\n",
            "type ifname\n\t\tsize 9\n",
            ["delete set inet ftfw gate", "delete set inet ftfw blocked"],
            id="a-set-of-the-run-time",
        ),
    ],
)
def test_only_what_differs_goes(old: str, new: str, expected: list[str]) -> None:
    assert old in LISTED
    assert commands(LISTED.replace(old, new)) == ["flush table inet ftfw", *expected]


def test_elements_that_stay_are_not_loaded_again() -> None:
    current, wanted = listing(), listing(LISTED.replace("dport 22", "dport 23"))
    same = unchanged_sets(current, wanted, {}, {})
    changes, kept = plan("inet ftfw", current, wanted, same)
    assert [change.command for change in changes] == ["flush table inet ftfw"]
    assert kept == {"blocked", "gate"}


@pytest.mark.parametrize(
    ("recorded", "digests", "expected"),
    [
        pytest.param({"blocked": "1"}, {"blocked": "1"}, {"blocked"}, id="the-same-text"),
        pytest.param({"blocked": "1"}, {"blocked": "2"}, set(), id="another-text"),
        pytest.param({}, {"blocked": "1"}, set(), id="not-known"),
        pytest.param({"blocked": None}, {"blocked": None}, set(), id="with-a-variable"),
    ],
)
def test_a_large_set_is_known_by_its_text(
    recorded: dict[str, str | None], digests: dict[str, str | None], expected: set[str]
) -> None:
    large = Listing(LISTED, parse_listing(LISTED))
    assert unchanged_sets(large, large, recorded, digests) == expected


def test_a_table_that_is_as_it_should_be_does_not_differ() -> None:
    same = unchanged_sets(listing(), listing(), {}, {})
    assert not differs(listing(), listing(), same)
    assert differs(None, listing(), frozenset())
    other = listing(blocked=["b"])
    assert differs(listing(), other, unchanged_sets(listing(), other, {}, {}))


def test_the_first_table_is_loaded_as_it_is() -> None:
    assert plan("inet ftfw", None, listing(), frozenset()) == ((), frozenset())
    assert transaction("inet ftfw", (), "table inet ftfw {\n}\n") == "table inet ftfw {\n}\n"


def test_what_a_change_loses_is_said() -> None:
    new = LISTED.replace("type ifname\n", "type ifname\n\t\tsize 9\n")
    changes, kept = plan("inet ftfw", listing(), listing(new), frozenset())
    assert [change.loses for change in changes if change.loses] == ["what is in set gate now"]
    assert "gate" not in kept
