# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jinja reads of site_view is found, in whatever way it does so."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.contract.reads import Reads

VARIABLES = {
    "instances": ["{{ site_view.keepalived.instances }}"],
    "first": ["{{ instances | first }}"],
    "peer_view": ["{{ hostvars[site_view.pair.peer].site_view }}"],
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{ site_view.pair.pear }}", id="key"),
        pytest.param("{{ site_view['pair']['pear'] }}", id="item"),
        pytest.param("{{ (site_view.pair | default({})).pear | default('') }}", id="default"),
        pytest.param("{{ peer_view.pair.pear }}", id="through-hostvars"),
        pytest.param("{{ hostvars['fw-2'].peer_view.pair.pear }}", id="variable-of-another-host"),
        pytest.param("{{ hosts | map('extract', hostvars, ['site_view', 'pair', 'pear']) }}", id="extract"),
        pytest.param(
            "{{ hosts | map('extract', hostvars, 'site_view') | map(attribute='pair.pear') }}", id="path"
        ),
        pytest.param("{{ {'name': site_view.pair.pear} }}", id="in-a-dictionary"),
        pytest.param("{% if 'pear' in site_view.pair %}{% endif %}", id="in"),
        pytest.param("{% for pair in [1] %}{{ site_view.pair.pear }}{% endfor %}", id="in-a-loop"),
        pytest.param("{% set pair = site_view.pair %}{{ pair.pear }}", id="set"),
        pytest.param(
            "{{ lookup('ansible.builtin.template', 'a.j2', template_vars={'it': site_view.pair}) }}",
            id="template",
        ),
    ],
)
def test_an_unknown_key_of_a_part_is_found(text: str) -> None:
    reads = Reads(VARIABLES, lambda name: "{{ it.pear }}" if name == "a.j2" else None)
    reads.text(text, {})
    assert reads.unknown == {"PairPlace.pear"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{% for one in instances %}{{ one.vird }}{% endfor %}", id="loop"),
        pytest.param("{% for one in instances if one.vird %}{% endfor %}", id="loop-with-a-condition"),
        pytest.param("{{ first.vird }}", id="first"),
        pytest.param("{{ instances[0].vird }}", id="number"),
        pytest.param("{{ (instances + [])[1:] | sort(attribute='vird') | join }}", id="sort"),
        pytest.param("{{ instances | map(attribute='vird') | list }}", id="map"),
        pytest.param("{{ instances | selectattr('vird') | list }}", id="selectattr"),
        pytest.param("{{ instances | items2dict(key_name='name', value_name='vird') }}", id="items2dict"),
        pytest.param("{{ (instances if a else []) | map(attribute='vird') | list }}", id="choice"),
    ],
)
def test_an_unknown_key_of_an_element_is_found(text: str) -> None:
    reads = Reads(VARIABLES, lambda _name: None)
    reads.text(text, {})
    assert reads.unknown == {"VrrpInstance.vird"}


def test_what_goes_out_as_a_whole_is_known() -> None:
    reads = Reads(VARIABLES, lambda _name: None)
    reads.text("{{ instances | to_json }}{{ site_view.conntrackd.links[0].port }}", {})
    assert {part.__name__ for part in reads.whole} == {"VrrpInstance"}
    assert {f"{part.__name__}.{key}" for part, key in reads.read} == {
        *("HostView.keepalived", "KeepalivedPart.instances"),
        *("HostView.conntrackd", "ConntrackdPart.links", "SyncLink.port"),
    }
