# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of one firewall, those that its site has written and those that follow from its policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, GATE, TABLE
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import PacketCase
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.decisions import USUAL
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived import forward_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived_balancers import balancer_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived_forwards import port_forward_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived_own import gate_cases, own_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived_probe import probe_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived_times import time_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.host_balancers import (
    HostBench,
    host_cases,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import (
    Otherwise,
    PolicyTest,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.written import (
    with_otherwise,
    written_cases,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    SITE,
    Problems,
    SiteError,
    nearest,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import SYNC_PORT
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import policy_tests
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.policy_tests import PolicyTestsPart


def policy_test_view(
    site: Site, name: str, tests: Sequence[PolicyTest | Otherwise]
) -> PolicyTestsPart | None:
    """Make the section policy_test of site_view: options of the module policy_check. None for a host without
    rules to test: it is no firewall, and has no balancers either.

    What is said of derived tests that this firewall does not have is left out: see check_derived.
    """
    bench = _bench(site, name)
    if bench is None:
        of_host = HostBench(site, site.hosts[name])
        if name not in {one.host for one in site.balancers}:
            return None
        alone = cast(list[policy_tests.PolicyTestPart], host_cases(of_host))
        return {"interfaces": of_host.device_views(), "tests": alone}
    written = [test for test in tests if isinstance(test, PolicyTest)]
    otherwise = [test for test in tests if isinstance(test, Otherwise)]
    cases = [*written_cases(bench, written), *with_otherwise(derived_cases(bench), otherwise)]
    return {
        "interfaces": bench.device_views(),
        "tests": cast(list[policy_tests.PolicyTestPart], cases),
    }


def _bench(site: Site, name: str) -> Bench | None:
    pair = site.pair_of(name)
    if pair is None:
        return None
    return Bench(Firewall(site, pair, site.hosts[name], site.hosts[pair.peer(name)], SYNC_PORT))


def check_derived(site: Site, tests: Sequence[PolicyTest | Otherwise]) -> None:
    """See that each derived test that the site has words for is one of some firewall.

    Raises SiteError where there is no such test.
    """
    names: set[str] = set()
    missing = [test for test in tests if isinstance(test, Otherwise)]
    for node in (node for pair in site.pairs for node in pair.nodes):
        if not missing:
            return
        bench = _bench(site, node)
        names |= {str(one["name"]) for one in derived_cases(bench)} if bench else set()
        missing = [test for test in missing if test.derived not in names]
    problems = Problems()
    for test in missing:
        close = nearest(test.derived, names)
        right = close if close.endswith("?") else "playbooks/policy_test.yml prints the names of all tests"
        problems.add(SITE, test.key, test.derived, "no test with this name follows from the policy", right)
    if problems:
        raise SiteError(problems)


def derived_cases(bench: Bench) -> list[PacketCase]:
    """Derive tests; what several entries lead to is tested once."""
    found: dict[str, PacketCase] = {}
    closed_gate = bench.firewall.pair.replication == "external"
    clock = {"at": str(USUAL)} if any(entry.window for entry in bench.firewall.entries) else {}
    forwarded = (*forward_cases(bench), *port_forward_cases(bench), *balancer_cases(bench))
    cases = (*forwarded, *time_cases(bench), *own_cases(bench), *probe_cases(bench))
    for one in ({**clock, **case} for case in cases):
        key = repr({key: value for key, value in one.items() if key != "name"})
        found.setdefault(key, _with_open_gate(one) if closed_gate else one)
    return [*found.values(), *(gate_cases(bench) if closed_gate else ())]


def _with_open_gate(one: PacketCase) -> PacketCase:
    """Open the gate, as the program pair-state does when the flows are there."""
    return {**one, "setup": [f"flush set {FAMILY} {TABLE} {GATE}", *one.get("setup", [])]}
