# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_fragments: rules of nft that the model has no words for, at named places of the ruleset."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import SHUT_WHEN_LOADED
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import TextError, read_inner
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import ReadFile
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import unknown_network
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.fragment_devices import (
    devices_in,
    networks_in,
    quoted_in,
    shut_in,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    FRAGMENT_PLACES,
    Fragment,
    Host,
    Site,
)

_DECLARED = re.compile(
    r"(?:^|[;{}])[ ]*(chain|set|map|counter|flowtable) ([A-Za-z][\w/.\\-]*) *\{", re.MULTILINE
)
_OWN = (
    *(place for place in FRAGMENT_PLACES if place != "table"),
    *("raw_output", "helpers_of_forwards", "refused"),
    *SHUT_WHEN_LOADED,
    *("fastpath", "offloaded", "probed"),
    *("probe_ports", "probe_ftp", "probe_pings", "probe_forwards", "probe_pings_v6", "probe_forwards_v6"),
)
_OWN_KIND = re.compile(r"counter policy_.*|chain limit_\d+_\d+_[a-z]+_v[46]")


def read_fragments(reading: Reading) -> tuple[Fragment, ...]:
    entries = enumerate(reading.shared["site_fragments"].items())
    return tuple(found for index, item in entries for found in _fragment(index, item, reading.read_file))


def _fragment(index: int, value: Value, read_file: ReadFile) -> Iterator[Fragment]:
    fields = value.section("place", "text", "file", "pair", required=["place"])
    place = fields["place"].choice(*FRAGMENT_PLACES)
    given = [key for key in ("text", "file") if fields[key].given]
    if len(given) != 1:
        right = "write the rules, or name a file that has them"
        value.wrong("needs either text or file", right, follows=True)
        return
    text = fields[given[0]].text()
    if text is None:
        return
    where = f"site_fragments[{index}]"
    if given == ["file"]:
        where, path = f"{where}, {text}", text
        try:
            text = read_file(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            fields["file"].wrong(
                f"the file can't be read: {why}", "name a text file, from the inventory's directory on"
            )
            return
    text = textwrap.dedent(text.replace("\t", "    ")).rstrip()
    if not text:
        fields[given[0]].wrong("is empty", "write a rule, or leave the fragment out")
        return
    if isinstance(value.raw, dict) and "pair" in value.raw and not fields["pair"].given:
        fields["pair"].wrong("is empty", "name a pair, or leave it out for all")
    try:
        read_inner(text)
    except TextError as error:
        line = min(error.line, text.count("\n") + 1)
        value.problems.add(
            value.host, where, f"line {line}", error.reason, "braces and quotes end where they began"
        )
        return
    if place is not None:
        yield Fragment(where, place, text, fields["pair"].text())


def _files(variables: Mapping[str, object]) -> Iterator[object]:
    entries = variables.get("site_fragments")
    for entry in entries if isinstance(entries, list) else ():
        yield entry.get("file") if isinstance(entry, dict) else None


def check_fragments(checking: Checking) -> None:
    site, problems, warnings = checking.site, checking.problems, checking.warnings
    names = [pair.name for pair in site.pairs]
    own = _own_names(site)
    for fragment in site.fragments:
        declared = _DECLARED.findall(fragment.text) if fragment.place == "table" else []
        for kind, name in (one for one in declared if one[1] in own or _OWN_KIND.fullmatch(" ".join(one))):
            right = "give it another one, or write what is meant at another place"
            problems.add(SITE, fragment.where, f"{kind} {name}", "is a name of the ruleset's own", right)
        for shown in shut_in(fragment.text):
            wrong = "stands in quotes, in which nothing is replaced"
            problems.add(SITE, fragment.where, f'"{shown}"', wrong, f"write {shown}: the quotes come with it")
        for pair in site.pairs:
            nodes = [site.hosts[node] for node in pair.nodes if node in site.hosts]
            if fragment.pair in (None, pair.name) and len(nodes) == 2:
                _check_networks(site, fragment, nodes, problems)
                _check_devices(fragment, nodes, problems, warnings)
        if fragment.pair is not None and fragment.pair not in names:
            problems.add(
                SITE, f"{fragment.where}.pair", fragment.pair, "unknown pair", nearest(fragment.pair, names)
            )


def _own_names(site: Site) -> set[str]:
    """What the ruleset calls its own chains, sets and objects; nft silently puts two of a name together."""
    names = set(_OWN)
    for source in site.networks:
        for destination in site.networks:
            names |= {f"{source}_to_{destination}", f"{source}_to_{destination}_pings"}
    return names | {f"{label}_v{family}" for label in site.addresses for family in (4, 6)}


def _check_networks(site: Site, fragment: Fragment, nodes: list[Host], problems: Problems) -> None:
    """Each node needs an interface on a network that is named in the place of an interface."""
    for name in networks_in(fragment.text):
        shown = f"@interface({name})"
        if name not in site.networks:
            unknown_network(site, SITE, fragment.where, shown, name, problems)
            continue
        for node in nodes:
            if node.interface_on(name) is None:
                problems.add(
                    SITE,
                    fragment.where,
                    shown,
                    f"{node.name} has no interface on this network",
                    "name a network that both nodes are on",
                )


def _check_devices(fragment: Fragment, nodes: list[Host], problems: Problems, warnings: Problems) -> None:
    """A name means the same on both nodes, or nothing on either: of what is not in the model nobody knows."""
    direct = devices_in(fragment.text)
    for name in sorted(direct | quoted_in(fragment.text)):
        on = [sorted(i.network for i in node.interfaces if fnmatchcase(i.name, name)) for node in nodes]
        if on[0] == on[1]:
            known = {interface.name for node in nodes for interface in node.interfaces}
            if not on[0] and name in direct and (close := difflib.get_close_matches(name, known, n=1)):
                warnings.add(
                    SITE,
                    fragment.where,
                    name,
                    f"{nodes[0].name} and {nodes[1].name} have no interface of this name",
                    f"did you mean {close[0]}?",
                )
        elif on[0] and on[1]:
            where = " and ".join(f"on {', '.join(found)} on {node.name}" for node, found in zip(nodes, on))
            right = "write @interface(NETWORK), which is each node's own interface there"
            problems.add(SITE, fragment.where, name, f"is {where}", right)
        else:
            lacks, has = (nodes[1], on[0]) if on[0] else (nodes[0], on[1])
            right = f"write @interface({has[0]}), which is each node's own interface there"
            problems.add(SITE, fragment.where, name, f"{lacks.name} has no interface of this name", right)


SECTION = Section(
    variables=("site_fragments",),
    reads={"fragments": read_fragments},
    files=_files,
    against=("site_networks", "site_pairs"),
    alone=("text",),
    check=check_fragments,
)
