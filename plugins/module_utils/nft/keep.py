# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node keeps of its table: the text for its next boot, what was loaded last, and the way back.

An unconfirmed change is loaded and not kept: a node that reboots has its old rules. A timer of systemd puts
the old ones back, so it needs neither a controller nor a way to one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.kept import (
    BOOT_MODE,
    beside,
    beside_text,
    boot_text,
    kept_source,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source

SYSTEMD = Path("/run/systemd/system")
"""There when systemd is the one that runs the node (sd_booted(3))."""


class KeepError(Exception):
    """What can't be kept, or was not."""


@dataclass(frozen=True)
class Loaded:
    """What was loaded last: SHA-256 of the text, of each set's elements, and of what `look` prints.

    `generation` is nf_tables' number right after that (0 if somebody else was there at the same time),
    `handle` that of the table, and `listing` how nft lists it without elements. `seen` is empty until
    somebody has looked.
    """

    text: str = ""
    seen: str = ""
    elements: dict[str, str | None] = field(default_factory=dict)
    generation: int = 0
    listing: str = ""
    handle: int = 0


@dataclass(frozen=True)
class Pending:
    """A change that waits for its confirmation: its text's digest, and the timer that takes it back."""

    text: str
    unit: str
    seconds: float = 0
    """How long it waits in all."""
    until: float = 0
    """When the old rules come back (monotonic clock)."""

    def left(self) -> float:
        return self.until - time.monotonic()


@dataclass(frozen=True)
class Keeper:
    """Files of one table: `path` for the boot, `folder` for what a reboot may forget."""

    family: str
    table: str
    path: Path
    runtime: Path
    after: str = ""
    """A shell command that is run whenever the table was loaded, also by the timer."""

    @property
    def folder(self) -> Path:
        return self.runtime / f"{self.family}-{self.table}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else, and no timer, changes the table meanwhile."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # --- the text for the boot ------------------------------------------------------------------------------

    def kept(self) -> Source | None:
        """The text that the node boots with; None where there is none that can be read."""
        return kept_source(self.path, self.family, self.table)

    def keeps(self, text: str) -> bool:
        """Whether the node boots with this text, and what is in it stands beside it."""
        try:
            kept = self.path.read_text(encoding="utf-8") == boot_text(self.family, self.table, text)
        except FileNotFoundError:
            return False
        return kept and beside(self.path).exists()

    def keep(self, source: Source) -> None:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write(self.path, boot_text(self.family, self.table, source.text), BOOT_MODE)
        _write(beside(self.path), beside_text(source.contents), BOOT_MODE)

    def keep_none(self) -> None:
        for path in (self.path, beside(self.path)):
            path.unlink(missing_ok=True)

    # --- what was loaded ------------------------------------------------------------------------------------

    def loaded(self) -> Loaded:
        known = _read(self.folder / "loaded.json")
        return Loaded(**known) if known else Loaded()

    def remember(self, loaded: Loaded, look: str | None = None) -> None:
        """Note what the kernel has from now on; `look` is the shell script that tells what it has."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if look is not None:
            _write(self.folder / "look", look, 0o600)
        _write(self.folder / "digests", f"{loaded.text} {loaded.seen or '-'}\n", 0o600)
        _write(self.folder / "loaded.json", json.dumps(asdict(loaded)), 0o600)

    def seen(self) -> str:
        """The digest of what the kernel has now; of no use before anything was loaded."""
        done = subprocess.run(["/bin/sh", str(self.folder / "look")], capture_output=True, check=False)
        return hashlib.sha256(done.stdout).hexdigest()

    def forget(self) -> None:
        for name in ("loaded.json", "digests", "look"):
            (self.folder / name).unlink(missing_ok=True)

    # --- the way back ---------------------------------------------------------------------------------------

    def pending(self) -> Pending | None:
        known = _read(self.folder / "pending.json")
        return Pending(**known) if known else None

    def arm(self, text_digest: str, rollback: str, seconds: int) -> Pending:
        """Have the old rules come back after these seconds, unless `disarm` or `withdraw` comes first.

        The timer of a change before this one goes on: its script finds that it is not waited for any more.
        """
        if not SYSTEMD.is_dir():
            raise KeepError("only systemd can put the old rules back, and it does not run this node")
        now = time.monotonic()
        unit = f"nft-ruleset-{self.family}-{self.table}-{time.monotonic_ns()}"
        pending = Pending(text_digest, unit, seconds, now + seconds)
        self.prepare(pending, rollback)
        timer = ["--on-active", str(seconds), "--timer-property=AccuracySec=100ms", "--unit", pending.unit]
        done = subprocess.run(
            [
                "/usr/bin/systemd-run",
                "--quiet",
                "--collect",
                *timer,
                "/bin/sh",
                str(self.script(pending)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self._forget_script(pending)
            raise KeepError(f"no timer can be set, so nothing was changed: {done.stderr.strip()}")
        self.wait_for(pending)
        return pending

    def script(self, pending: Pending) -> Path:
        """What the timer of a change runs."""
        return self.folder / f"{pending.unit}.sh"

    def rollback(self, pending: Pending) -> str:
        """The transaction that the timer of a change loads."""
        return self.script(pending).with_suffix(".nft").read_text(encoding="utf-8")

    def wait_for(self, pending: Pending) -> None:
        """Let a change be the one that waits."""
        _write(self.folder / "pending.json", json.dumps(asdict(pending)), 0o600)

    def withdraw(self, pending: Pending, before: Pending | None) -> None:
        """A change could not be loaded: the one before it, if any, is the one that waits again."""
        if before:
            self.wait_for(before)
        else:
            (self.folder / "pending.json").unlink(missing_ok=True)
        self.end(pending)

    def end(self, pending: Pending) -> None:
        """Stop the timer of a change that nobody waits for any more."""
        _stop(pending.unit)
        self._forget_script(pending)

    def _forget_script(self, pending: Pending) -> None:
        for path in (self.script(pending), self.script(pending).with_suffix(".nft")):
            path.unlink(missing_ok=True)

    def prepare(self, pending: Pending, rollback: str) -> None:
        """Write what the timer runs. It fails into the text of the boot, which replaces the whole table."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder, boot = shlex.quote(str(self.folder)), shlex.quote(str(self.path))
        own = f"{pending.unit}.sh {pending.unit}.nft"
        script = f"""#!/bin/sh
# Puts back the table {self.family} {self.table}, unless the change was confirmed.
cd {folder} || exit 1
exec 9>lock
flock 9
grep -qs '"unit": "{pending.unit}"' pending.json || {{ rm -f {own}; exit 0; }}
nft --file {pending.unit}.nft || nft --file {boot}
code=$?
rm -f pending.json {own} loaded.json digests look
{self.after}
echo "the change of table {self.family} {self.table} was not confirmed in time: the old rules are back" >&2
exit $code
"""
        _write(self.script(pending), script, 0o700)
        _write(self.script(pending).with_suffix(".nft"), rollback, 0o600)

    def disarm(self) -> None:
        pending = self.pending()
        (self.folder / "pending.json").unlink(missing_ok=True)
        if pending:
            self.end(pending)

    def tell(self) -> None:
        """The table was loaded: whoever has something to do then does it. That it fails is its own matter."""
        if self.after:
            subprocess.run(["/bin/sh", "-c", self.after], capture_output=True, check=False, timeout=30)


def _stop(unit: str) -> None:
    if SYSTEMD.is_dir():
        subprocess.run(["/usr/bin/systemctl", "stop", f"{unit}.timer"], capture_output=True, check=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file as a whole: a crash leaves the old one or the new one."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
