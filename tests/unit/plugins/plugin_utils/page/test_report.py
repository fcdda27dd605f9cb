# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.report import (
    CHECK_COLUMNS,
    check_rows,
    failures,
    table,
    verification,
    write,
    write_text,
)

CHECKS = [
    {"name": "http", "expected": "accept", "seen": "accept", "ok": True, "detail": "4096 bytes"},
    {"name": "TCP 25", "expected": "drop", "seen": "reject", "ok": False},
]


def test_table() -> None:
    assert table(CHECK_COLUMNS, check_rows(CHECKS)) == [
        "check   expected  seen            detail",
        "------  --------  ------  ------  ----------",
        "http    accept    accept  ok      4096 bytes",
        "TCP 25  drop      reject  FAILED",
    ]


def test_document_has_what_is_promised_and_no_more() -> None:
    assert verification("lab", CHECKS) == {
        "site": "lab",
        "checks": [
            {"name": "http", "expected": "accept", "seen": "accept", "ok": True},
            {"name": "TCP 25", "expected": "drop", "seen": "reject", "ok": False},
        ],
    }


def test_failures_say_what_was_seen() -> None:
    assert failures(CHECKS) == ["1 of 2 checks failed: TCP 25 (reject, expected drop)"]
    assert failures(CHECKS[:1]) == []


def test_write_replaces(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "verify.json"
    for document in ({"checks": [1, 2, 3]}, {"checks": []}):
        write(path, document)
        assert json.loads(path.read_text()) == document
    assert [file.name for file in path.parent.iterdir()] == ["verify.json"]


def test_what_is_written_is_for_everybody_to_read(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_text(path, "für alle")
    assert path.read_bytes() == "für alle".encode()
    assert path.stat().st_mode & 0o777 == 0o644


def test_nothing_is_left_behind_where_it_can_t_be_written(tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path / "page.html", "text")
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
