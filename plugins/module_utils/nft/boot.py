# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the transaction that loads the ruleset again: the file of the boot, over the table that is there.

Named counters go on. Sets of the run time keep what came into them, with what is left of its time: bans, and
what a probe has opened. Elements that the file has for these come with the next boot, as they do with
nft_ruleset. pair-state's own sets are as the file has them: shut, until it opens them.

nft's own listing of a set is what nft is given again. Where the table is not there, it is the file alone.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Contents
from ansible_collections.ftfw.pair.plugins.module_utils.nft.kept import FILE, boot_text, kept_source
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import ListingError, counters_of
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, SHUT_WHEN_LOADED, TABLE
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import DUMP_SECONDS, AskError, ask

Ask = Callable[[Sequence[str], float], str]


def transaction(source: Source, ask: Ask | None) -> str:
    """All that nft is given. `ask` runs nft; None is for the file alone. Raises AskError or ListingError."""
    listings = kept_sets(source.contents, ask) if ask else {}
    counters = kept_counters(source.contents, ask) if ask else ""
    text = source.without(set(listings))
    return boot_text(FAMILY, TABLE, "".join([counters, text, "\n", *listings.values()]))


def kept_counters(contents: Contents, ask: Ask) -> str:
    """The text's counters as they stand in the kernel. That the text declares them again changes nothing."""
    if not contents.counters:
        return ""
    found = counters_of(ask(["nft", "--json", "list", "counters", "table", FAMILY, TABLE], DUMP_SECONDS))
    lines = [
        f"    counter {name} {{ packets {found[name][0]} bytes {found[name][1]} }}"
        for name in contents.counters
        if name in found
    ]
    return "\n".join([f"table {FAMILY} {TABLE} {{", *lines, "}", ""])


def kept_sets(contents: Contents, ask: Ask) -> dict[str, str]:
    """The kernel's listings of those sets of the text that keep what came into them."""
    found = {}
    for one in contents.sets:
        if one.run_time and one.name not in SHUT_WHEN_LOADED:
            try:
                found[one.name] = ask(["nft", "list", one.kind, FAMILY, TABLE, one.name], DUMP_SECONDS)
            except AskError:
                # the kernel's table does not have it
                continue
    return found


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="boot-ruleset", description="Write what loads the ruleset over the table that is there."
    )
    parser.add_argument("file", type=Path, nargs="?", default=FILE)
    parser.add_argument("--without-flowtables", action="store_true", help="an error where it has none")
    parser.add_argument("--fresh", action="store_true", help="keep nothing of the table that is there")
    chosen = parser.parse_args(words)
    source = kept_source(chosen.file, FAMILY, TABLE)
    if source is None:
        sys.exit(f"boot-ruleset: {chosen.file} can't be read")
    if chosen.without_flowtables:
        if not source.contents.offload:
            sys.exit(1)
        source = source.without_flowtables()
    try:
        sys.stdout.write(transaction(source, None if chosen.fresh else ask))
    except (AskError, ListingError) as error:
        sys.exit(f"boot-ruleset: {error}")
