# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers for a balancer while a test is made, and how tests call him."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import (
    gone_set,
    member,
    replace_map,
    replace_set,
    slots_map,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.balancers import slots_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Answering, Balanced

_EACH = 4


def some_of(one: Balanced) -> tuple[Answering, ...]:
    """Those of whom each is tried by itself: of many, the first ones and the last one."""
    return one.answering if len(one.answering) <= _EACH else (*one.answering[: _EACH - 1], one.answering[-1])


def only(table: str, one: Balanced, server: Answering | None) -> list[str]:
    """What fills all slots with one server, or empties them."""
    members = [member(server.address, server.port)] * slots_of(one) if server else []
    return replace_map(table, slots_map(one.name), members).splitlines()


def failed(table: str, one: Balanced, server: Answering) -> list[str]:
    """What tells a balancer's rules that a server has failed."""
    return replace_set(table, gone_set(one.name), [member(server.address, server.port)]).splitlines()


def called(server: Answering) -> str:
    """A host that answers at several ports is several servers."""
    return f"{server.host}" if server.port is None else f"{server.host} port {server.port}"


def place(server: Answering) -> str:
    """Where its flows come out, as an expectation."""
    return f"{server.address}" if server.port is None else f"{server.address} port {server.port}"
