# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a node boots with: the text of its table, and beside it what is in that text.

`/etc/ftfw/ruleset.nft` has `/etc/ftfw/ruleset.json` beside it. Where somebody has changed the one by hand the
other is another text's, as its digest tells; the text is read then.
"""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Contents
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source, TextError, read

FILE = Path("/etc/ftfw/ruleset.nft")
BOOT_MODE = 0o640
"""Of both files."""


def boot_text(family: str, table: str, text: str) -> str:
    """A text that replaces the table when nft reads it by itself, at boot and in need."""
    return f"table {family} {table}\ndelete table {family} {table}\n\n{text}"


def beside(path: Path) -> Path:
    """The file that has what is in the text at this path."""
    return path.with_name(f"{path.stem}.json")


def beside_text(contents: Contents) -> str:
    """What it has: JSON, one thing on each line."""
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in contents.pack().items())
    return "\n".join(["{", ",\n".join(lines), "}", ""])


def kept_text(path: Path, family: str, table: str) -> str | None:
    """The text that the node boots with, without what is before it; None if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return text.removeprefix(boot_text(family, table, ""))


def kept_contents(path: Path) -> Contents | None:
    """What is said of the text; None where nothing is said that can be understood."""
    try:
        return Contents.unpack(json.loads(beside(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kept_source(path: Path, family: str, table: str) -> Source | None:
    """The text that the node boots with, and what is in it; None where there is none that can be read."""
    text = kept_text(path, family, table)
    if text is None:
        return None
    try:
        return read(text, family, table, kept_contents(path))
    except TextError:
        return None
