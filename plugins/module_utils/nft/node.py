# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks nft(8) for the table that the kernel has and for what a text would become, and loads transactions."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.nft.fragments import explain
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import (
    Listing,
    elements_of,
    parse_listing,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.reader import LineError
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source

LARGE = 10_000
"""Elements from which on a set is known by its text alone: nft takes seconds to list it."""
_END = "#"


class NftError(LineError):
    """What nft has refused."""


@dataclass(frozen=True)
class Nft:
    """nft for one table, in the network namespace that this process is in."""

    family: str
    table: str
    program: str = "nft"

    @property
    def address(self) -> str:
        return f"{self.family} {self.table}"

    def complete(self) -> str:
        """The kernel's table with its elements, but without counts."""
        done = self._run("--stateless", "list", "table", self.family, self.table)
        self._check(done)
        return done.stdout

    def look(self, table: Listing) -> str:
        """A shell script that prints all of the kernel's table that is compared."""
        nft = f"{self.program} --stateless"
        lists = [f"{nft} list {item.kind} {self.address} {item.name}" for item in table.read_sets()]
        return "\n".join([f"{nft} --terse list table {self.address}", *lists, ""])

    def current(self, large: frozenset[str]) -> Listing | None:
        """The kernel's table, with the elements of its static sets but for those named in `large`."""
        done = self._run("--stateless", "--terse", "list", "table", self.family, self.table)
        if done.returncode and "No such file or directory" in done.stderr:
            return None
        self._check(done)
        listed, items = done.stdout, parse_listing(done.stdout)
        elements = {}
        for item in items:
            if item.kind in ("set", "map") and not item.keeps_elements and item.name not in large:
                done = self._run(
                    "--stateless", "--json", "list", item.kind, self.family, self.table, item.name
                )
                self._check(done)
                elements[item.name] = elements_of(done.stdout).get(item.name, frozenset())
        return Listing(listed, items, elements)

    def wanted(self, source: Source) -> Listing:
        """What a text becomes: it is loaded in a network namespace of its own, which ends with that.

        Elements of large sets are left out of that; whether they are right is seen when they are loaded.
        """
        large = large_sets(source)
        table = f"{self.program} --stateless --terse list table {self.address}"
        # flowtables name devices, which have to be there; which kind they are does not matter
        link = 'ip link add name "$device" type'
        script = (
            f"for device; do {link} dummy 2>/dev/null || {link} veth 2>/dev/null; done; "
            f"{self.program} --file - && {table} && echo '{_END}' && "
            f"{self.program} --stateless --json list table {self.address}"
        )
        devices = source.contents.needed_devices()
        done = subprocess.run(
            ["/usr/bin/unshare", "--net", "sh", "-c", script, "sh", *devices],
            input=source.without(set(large)),
            capture_output=True,
            text=True,
            check=False,
        )
        self._check(done, source)
        text, _end, document = done.stdout.partition(f"\n{_END}\n")
        items = parse_listing(text)
        found = elements_of(document)
        static = {item.name for item in items if item.kind in ("set", "map") and not item.keeps_elements}
        return Listing(f"{text}\n", items, {name: found.get(name, frozenset()) for name in static - large})

    def load(self, transaction: str, source: Source | None = None, check: bool = False) -> None:
        """Load a transaction, or have nft and kernel check it. An error names the line of the source."""
        done = self._run(*(["--check"] if check else []), "--file", "-", text=transaction)
        added = transaction.count("\n") - source.text.count("\n") if source else 0
        self._check(done, source, added)

    def _run(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program, *words], input=text, capture_output=True, text=True, check=False)

    def _check(
        self, done: subprocess.CompletedProcess[str], source: Source | None = None, added: int = 0
    ) -> None:
        if not done.returncode:
            return
        text, fragments = (source.text, source.fragment_lines()) if source else ("", ())
        line, reason = explain(done.stderr, text, added, fragments)
        raise NftError(line, reason or f"nft ends with code {done.returncode}")


def large_sets(source: Source) -> frozenset[str]:
    return frozenset(name for name, count in source.counts().items() if count > LARGE)
