# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node has the rules that it boots with, and whether its peer has the same policy."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.health import parse
from ansible_collections.ftfw.pair.plugins.module_utils.nft.kept import kept_source
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import ListingError, counters_of, stable
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, TABLE
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import DUMP_SECONDS, AskError, ask
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import content, write

LISTING = ("nft", "-s", "list", "table", FAMILY, TABLE)
FORM = 2
"""Of listings that are compared: what an older version has noted down of one is no use."""


@dataclass(frozen=True)
class Rules:
    """The file that the node boots with, and the folder for what is noted down of it.

    `names` are the node's own in the file, and what both nodes call them.
    """

    file: Path
    memory: Path
    names: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """Whether the kernel has the file's table, and a fingerprint of the file's policy."""
        text, policy = content(self.file), self.policy()
        try:
            listed = parse.digest(stable(ask(LISTING)))
        except (AskError, ListingError) as error:
            return {"loaded": False, "same": None, "why": str(error), "policy": policy}
        try:
            return {"loaded": True, "same": listed == self.expected(text), "why": None, "policy": policy}
        except (AskError, ListingError) as error:
            return {"loaded": True, "same": None, "why": str(error), "policy": policy}

    def policy(self) -> str | None:
        """A fingerprint of the ruleset file that both nodes share when their policy is the same."""
        text = content(self.file)
        return None if text is None else parse.digest(parse.normalised(text, self.names))

    def expected(self, text: str | None) -> str:
        """The digest of the listing that the kernel gives of the file's table.

        nft has a form of its own for each rule, so the file is loaded into a network namespace that is thrown
        away, and listed there. That is done once for a file and a version of nft. A check that may not make
        namespaces makes its own user namespace first.
        """
        if text is None:
            raise AskError(f"{self.file}: can't be read")
        cache = self.memory / "ruleset.json"
        key = parse.digest(f"{FORM} {text}" + ask(["nft", "--version"]))
        try:
            known = json.loads(content(cache) or "{}")
            if known["key"] == key:
                return str(known["listing"])
        except (ValueError, KeyError, TypeError):
            pass
        # flowtables name devices, which have to be there; which kind they are does not matter
        link = 'ip link add name "$device" type'
        script = (
            "file=$1; shift; for device; do "
            f"{link} dummy 2>/dev/null || {link} veth 2>/dev/null; done; "
            f'nft --file "$file" && {" ".join(LISTING)}'
        )
        source = kept_source(self.file, FAMILY, TABLE)
        devices = source.contents.needed_devices() if source else ()
        shell = ["sh", "-c", script, "sh", str(self.file), *devices]
        try:
            listed = ask(["unshare", "--net", *shell], DUMP_SECONDS)
        except AskError:
            listed = ask(["unshare", "--user", "--map-root-user", "--net", *shell], DUMP_SECONDS)
        listing = parse.digest(stable(listed))
        # where there is no place for it, it is made anew the next time
        with contextlib.suppress(OSError):
            if cache.parent.is_dir():
                write(cache, json.dumps({"key": key, "listing": listing}))
        return listing


def rule_counters() -> dict[str, int] | None:
    """Packets that the ruleset's named counters have counted."""
    try:
        listed = ask(["nft", "--json", "list", "counters", "table", FAMILY, TABLE])
        return {name: packets for name, (packets, _bytes) in counters_of(listed).items()}
    except (AskError, ListingError):
        return None
