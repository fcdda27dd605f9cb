# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the rules of the distribution's nftables.service, or take them away, and spare the firewall's table.

The service's file begins with `flush ruleset`, and its stop is nothing else: both would take the firewall's
table away, and everything would pass. Here `flush ruleset` means all tables but that one, and but those that
a running program owns: the kernel's own flush spares these, and refuses to delete them. The file is read with
all that it includes, as nft would, and is loaded in one transaction.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import argparse
import glob
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import ListingError, is_owned, tables_of
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, TABLE
from ansible_collections.ftfw.pair.plugins.module_utils.nft.reader import Word, statements
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import DUMP_SECONDS, AskError, ask

FAMILIES = ("ip6", "ip", "inet", "arp", "bridge", "netdev")
DEPTH = 16
"""nft's own limit of files that include each other."""
TableName = tuple[str, str]


def with_includes(file: Path, folder: Path, depth: int = 0) -> str:
    """The text of a file and of those that it includes. Raises OSError or ValueError."""
    if depth > DEPTH:
        raise ValueError(f"{file}: more than {DEPTH} files include each other")
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    parts, position = [], 0
    for words in statements(text):
        path = included(text, words)
        if path is not None:
            parts.append(text[position : words[0].start])
            # nft(8): a path without a slash is looked for in its own folder; a pattern may match nothing
            wanted = path if path.startswith(("/", "./", "../")) else str(folder / path)
            matching = sorted(glob.glob(wanted)) if glob.has_magic(wanted) else [wanted]  # noqa: PTH207
            parts += [f"{with_includes(Path(name), folder, depth + 1)}\n" for name in matching]
            position = words[-1].end
    return "".join([*parts, text[position:]])


def included(text: str, words: Sequence[Word]) -> str | None:
    """The path in quotes that a statement includes; None for any other statement."""
    if words[0].text != "include" or len(words) < 2:
        return None
    path = text[words[1].start : words[-1].end]
    quoted = len(path) > 2 and path[0] in "\"'" and path[0] == path[-1]
    return path[1:-1] if quoted and path[0] not in path[1:-1] else None


def spared(text: str, tables: Sequence[TableName], own: TableName) -> str:
    """The text with each `flush ruleset` replaced by what takes all tables but the own one away.

    `tables` are those that there are now; what the text itself has added before is another matter.
    """
    parts, position = [], 0
    for words in statements(text):
        if [word.text for word in words[:2]] != ["flush", "ruleset"]:
            continue
        family = words[2].text if len(words) == 3 else None
        if len(words) > 3 or family not in (None, *FAMILIES):
            # nft tells what is wrong with it
            continue
        # one that an earlier flush has taken away already is no error
        gone = "; ".join(
            f"add table {kind} {name}; delete table {kind} {name}"
            for kind, name in tables
            if (kind, name) != own and family in (None, kind)
        )
        parts += [text[position : words[0].start], gone]
        position = words[-1].end
    return "".join([*parts, text[position:]])


def flushed() -> Iterator[TableName]:
    """The tables that `flush ruleset` takes away. nft's JSON has no sound flags (1.0.6)."""
    for family, name in tables_of(ask(["nft", "--json", "list", "tables"])):
        try:
            listed = ask(["nft", "--terse", "list", "table", family, name], DUMP_SECONDS)
        except AskError:
            # gone meanwhile, which is no error later
            listed = ""
        if not is_owned(listed):
            yield family, name


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="others-ruleset", description="Load others' rules, spare our own.")
    parser.add_argument("--own", default=TABLE, help="the table of family inet that is spared")
    parser.add_argument("--flush", action="store_true", help="take all other tables away, load nothing")
    parser.add_argument("--file", type=Path, default=Path("/etc/nftables.conf"))
    chosen = parser.parse_args(words)
    try:
        text = "flush ruleset" if chosen.flush else with_includes(chosen.file, Path("/etc"))
        tables = list(flushed())
    except (OSError, ValueError, AskError, ListingError) as error:
        sys.exit(f"others-ruleset: {error}")
    loaded = spared(text, tables, (FAMILY, chosen.own)) + "\n"
    done = subprocess.run(
        ["/usr/sbin/nft", "--file", "-"], input=loaded.encode(errors="surrogateescape"), check=False
    )
    sys.exit(done.returncode)
