#!/usr/bin/python3 -I
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the rules of the distribution's nftables.service, or take them away, and spare the firewall's table.

The service's file begins with `flush ruleset`, and its stop is nothing else: both would take the firewall's
table away, and everything would pass. Here `flush ruleset` means all tables but that one, and but those that
a running program owns: the kernel's own flush spares these, and refuses to delete them. The file is read with
all that it includes, as nft would, and is loaded in one transaction.
"""

from __future__ import annotations

import argparse
import glob
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NFT = "/usr/sbin/nft"
FAMILIES = "ip6|ip|inet|arp|bridge|netdev"
_INCLUDE = re.compile(r"""^\s*include\s+(["'])(?P<path>[^"']+)\1\s*;?\s*(?:#.*)?$""")
_PIECES = re.compile(
    rf"""(?P<kept>"[^"\n]*"|\#[^\n]*)|\bflush\s+ruleset\b(?:[ \t]+(?P<family>{FAMILIES})\b)?[ \t]*;?""",
    re.VERBOSE,
)
_TABLE = re.compile(rf"^table\s+(?P<family>{FAMILIES})\s+(?P<name>\S+)")
DEPTH = 16
"""nft's own limit of files that include each other."""


def with_includes(file: Path, folder: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a file and of those that it includes. Raises OSError or ValueError."""
    if depth > DEPTH:
        raise ValueError(f"{file}: more than {DEPTH} files include each other")
    for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        found = _INCLUDE.match(line)
        if found is None:
            yield line
            continue
        path = found["path"]
        # nft(8): a path without a slash is looked for in its own folder; a pattern may match nothing
        wanted = path if path.startswith(("/", "./", "../")) else str(folder / path)
        matching = sorted(glob.glob(wanted)) if glob.has_magic(wanted) else [wanted]  # noqa: PTH207
        for name in matching:
            yield from with_includes(Path(name), folder, depth + 1)


def spared(text: str, tables: list[tuple[str, str]], own: tuple[str, str]) -> str:
    """The text with each `flush ruleset` replaced by what takes all tables but the own one away.

    `tables` are those that there are now; what the text itself has added before is another matter.
    """

    def replace(found: re.Match[str]) -> str:
        if found["kept"]:
            return found["kept"]
        # one that an earlier flush has taken away already is no error
        return " ".join(
            f"add table {family} {name}; delete table {family} {name};"
            for family, name in tables
            if (family, name) != own and found["family"] in (None, family)
        )

    return _PIECES.sub(replace, text)


def tables_of(listing: str) -> list[tuple[str, str]]:
    """Family and name of each table that `nft list tables` prints."""
    found = (_TABLE.match(line) for line in listing.splitlines())
    return [(table["family"], table["name"]) for table in found if table]


def is_owned(listing: str) -> bool:
    """Whether a table has the flag `owner`: only the program that made it may change it."""
    return re.search(r"^\tflags\b.*\bowner\b", listing.partition("{")[2], re.MULTILINE) is not None


def ask(*words: str, needed: bool = True) -> str:
    return subprocess.run([NFT, *words], check=needed, capture_output=True, text=True).stdout


def flushed() -> list[tuple[str, str]]:
    """The tables that `flush ruleset` takes away. nft's JSON has no sound flags (1.0.6)."""
    found = tables_of(ask("list", "tables"))
    return [one for one in found if not is_owned(ask("--terse", "list", "table", *one, needed=False))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="others-ruleset", description="Load others' rules, spare our own.")
    parser.add_argument("--own", default="ftfw", help="the table of family inet that is spared")
    parser.add_argument("--flush", action="store_true", help="take all other tables away, load nothing")
    parser.add_argument("--file", type=Path, default=Path("/etc/nftables.conf"))
    chosen = parser.parse_args()
    try:
        text = "flush ruleset" if chosen.flush else "\n".join(with_includes(chosen.file, Path("/etc")))
        tables = flushed()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        sys.exit(f"others-ruleset: {error}")
    loaded = spared(text, tables, ("inet", chosen.own)) + "\n"
    done = subprocess.run([NFT, "--file", "-"], input=loaded.encode(errors="surrogateescape"), check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
