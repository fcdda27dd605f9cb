# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a checked site for the tasks that follow: Ansible runs each host's in a process of its own.

A folder that only this user can enter, in Ansible's own folder of the run, which it removes at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView

_PREFIX = "site_model-"
_SITE = "site"
_BATCH = "site_batch-"


@dataclass(frozen=True)
class Kept:
    """Where a site lies, and the view of each host beside it, so that no host has to read all of them."""

    folder: Path

    def view(self, host: str) -> HostView | None:
        """None for a host that was not there, or not played, when the site was checked."""
        try:
            text = self._place(host).read_text("utf-8")
        except FileNotFoundError:
            return None
        found: HostView = json.loads(text)
        return found

    def site(self) -> Site:
        # nobody else can have written there
        found: Site = pickle.loads((self.folder / _SITE).read_bytes())  # noqa: S301
        return found

    def _place(self, host: str) -> Path:
        # a host's name may have any characters, and be longer than a file's
        return self.folder / f"{hashlib.sha256(host.encode()).hexdigest()}.json"

    def write(self, site: Site, views: Mapping[str, HostView]) -> None:
        (self.folder / _SITE).write_bytes(pickle.dumps(site))
        for host, view in views.items():
            self._place(host).write_text(json.dumps(view), "utf-8")


@dataclass(frozen=True)
class SerialTask:
    """A task of a play with serial, which runs for one batch of hosts after the other, and who is in it."""

    task: str
    hosts: tuple[str, ...]

    def place(self, run: str) -> Path:
        return Path(run) / f"{_BATCH}{self.task}.json"


def keep(run: str, site: Site, views: Mapping[str, HostView], batch: SerialTask | None = None) -> Kept:
    """Write a site and its views down. `run` is the folder that Ansible has for this run alone."""
    kept = Kept(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=run)))
    kept.write(site, views)
    if batch is not None:
        batch.place(run).write_text(json.dumps([str(kept.folder), batch.hosts]), "utf-8")
    return kept


def kept_by(run: str, batch: SerialTask) -> Kept | None:
    """Find what the same task has kept for another batch: that is this play's site, with all its hosts."""
    try:
        path, hosts = json.loads(batch.place(run).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return kept_in(run, path) if tuple(hosts) != batch.hosts else None


def kept_in(run: str, path: str) -> Kept | None:
    """Find what keep() has written in this run: nothing else is read."""
    folder = Path(path)
    own = os.path.realpath(folder.parent) == os.path.realpath(run) and folder.name.startswith(_PREFIX)
    return Kept(folder) if own and (folder / _SITE).is_file() else None
