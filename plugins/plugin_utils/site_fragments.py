# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads site_fragments: rules of nft that the model has no words for, at named places of the ruleset."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.module_utils.nft_ruleset_text import TextError, read_inner
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_addresses import ReadFile
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import FRAGMENT_PLACES, Fragment, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_values import Value


def read_fragments(value: Value, read_file: ReadFile) -> tuple[Fragment, ...]:
    return tuple(
        fragment for index, item in enumerate(value.items()) for fragment in _fragment(index, item, read_file)
    )


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


def check_fragments(site: Site, problems: Problems) -> None:
    names = [pair.name for pair in site.pairs]
    for fragment in site.fragments:
        if fragment.pair is not None and fragment.pair not in names:
            problems.add(
                SITE, f"{fragment.where}.pair", fragment.pair, "unknown pair", nearest(fragment.pair, names)
            )
