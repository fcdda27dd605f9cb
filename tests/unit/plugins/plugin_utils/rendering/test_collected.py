# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of hosts' files, and what of it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import (
    Collected,
    collect,
    collected,
    indexed,
    shipped,
    shown,
)

ROOT = Path(__file__).parents[5]
CONF = Collected("/etc/a.conf", b"a = 1\n", "root", "adm", 0o640)
HEAD = "# mode, owner, group and path of each file; one with a note stands in no file here\n"


def test_files_are_kept_by_host_and_path(tmp_path: Path) -> None:
    later = replace(CONF, content=b"a = 2\n")
    other = Collected("/b \xfc", bytes(range(256)), "0", "0", 0o755, sensitive=True)
    collect(str(tmp_path), "fw-1", [other, CONF])
    collect(str(tmp_path), "a/../b", [CONF])
    collect(str(tmp_path), "fw-1", [later])
    assert collected(str(tmp_path), "fw-1") == [other, later]
    assert collected(str(tmp_path), "a/../b") == [CONF]
    assert collected(str(tmp_path), "fw-2") == []
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o700]


@pytest.mark.parametrize(
    ("file", "secrets", "note"),
    [
        pytest.param(CONF, False, "", id="shown"),
        pytest.param(replace(CONF, sensitive=True), False, "  (sensitive)", id="secret"),
        pytest.param(replace(CONF, sensitive=True), True, "", id="secret-asked-for"),
        pytest.param(replace(CONF, content=b"program\n"), True, "  (the collection's own)", id="program"),
        pytest.param(replace(CONF, content=b"\xff"), True, "  (no text)", id="binary"),
        pytest.param(replace(CONF, content=b""), False, "", id="empty"),
    ],
)
def test_what_is_shown(file: Collected, secrets: bool, note: str) -> None:
    index, *files = shown({"fw-1": [file], "fw-2": []}, {b"program\n"}, secrets)
    assert (index.path, index.content) == ("fw-1.txt", f"{HEAD}0640 root adm /etc/a.conf{note}\n")
    assert [(one.path, one.content.encode(), one.secret) for one in files] == (
        [] if note else [("fw-1/etc/a.conf", file.content, file.sensitive)]
    )
    # what an index names can be found again
    assert indexed("fw-1", index.content) == ["fw-1.txt", *(one.path for one in files)]


def test_a_file_that_is_no_index_names_nothing() -> None:
    assert indexed("notes", "0644 root root /etc/passwd\n") == []


def test_programs_and_shared_code_are_shipped() -> None:
    programs = shipped(ROOT)
    assert (ROOT / "roles/node_network/files/name_cards.py").read_bytes() in programs
    assert (ROOT / "plugins/module_utils/files/plan.py").read_bytes() in programs
    assert (ROOT / "roles/nftables/templates/load-ruleset.j2").read_bytes() not in programs
    # an empty file is no program
    assert b"" not in programs
