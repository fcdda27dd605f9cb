# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host of the golden sites gets what tests/sites/SITE/hosts shows; tests/sites/renew renews that."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook
from ansible_collections.ftfw.pair.tests.sites import views

ROOT = Path(__file__).parents[2]
SITES = sorted(path.parent for path in ROOT.glob("tests/sites/*/options.yml"))
SHOWN = 200
"""Lines of a difference."""


def render(site: Path, folder: Path) -> None:
    own = site / "inventory"
    inventory = own if own.is_dir() else ROOT / "inventories" / site.name
    done = ansible_playbook(
        *("-i", str(inventory), str(ROOT / "playbooks" / "render.yml")),
        *("-e", f"@{site / 'options.yml'}", "-e", f"render_folder={folder}"),
        settings={"ANSIBLE_CONFIG": str(site.parent / "ansible.cfg")},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def texts(folder: Path) -> dict[str, list[str]]:
    return {
        str(path.relative_to(folder)): path.read_text().splitlines()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def compare(site: Path, what: str, kept: dict[str, list[str]], now: dict[str, list[str]]) -> None:
    lines = [
        line
        for path in sorted({*kept, *now})
        for line in difflib.unified_diff(
            kept.get(path, []), now.get(path, []), f"shown: {path}", f"now: {path}", lineterm=""
        )
    ]
    # an empty file has no lines to differ in
    lines += [f"only shown: {path}" for path in sorted(kept.keys() - now.keys())]
    lines += [f"not shown: {path}" for path in sorted(now.keys() - kept.keys())]
    more = f"\n… and {len(lines) - SHOWN} more lines" if len(lines) > SHOWN else ""
    if lines:
        difference = "\n".join(lines[:SHOWN])
        pytest.fail(
            f"hosts of the site {site.name} would get {what}; if they should, run "
            f"tests/sites/renew {site.name}\n{difference}{more}",
            pytrace=False,
        )


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_each_host_gets_what_is_shown(site: Path, tmp_path: Path) -> None:
    render(site, tmp_path / "hosts")
    now = texts(tmp_path / "hosts")
    assert now
    compare(site, "other files", texts(site / "hosts"), now)


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_the_model_gives_each_host_what_is_shown(site: Path) -> None:
    kept, now = (site / "views.yml").read_text(), views.shown(site)
    compare(site, "another view", {"views.yml": kept.splitlines()}, {"views.yml": now.splitlines()})


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_what_is_shown_tells_of_no_place_and_no_day(site: Path) -> None:
    told = [
        f"{path}: {line}"
        for path, lines in texts(site / "hosts").items()
        for line in lines
        if str(ROOT) in line or "modified on" in line
    ]
    assert told == []
