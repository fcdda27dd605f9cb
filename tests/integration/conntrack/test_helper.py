# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper check on the running kernel; it makes a network namespace of its own each time."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.helper import (
    HelperCheckError,
    helper_after_injection,
)
from ansible_collections.ftfw.pair.plugins.modules import conntrack_helper_check

ROOT = Path(__file__).parents[3]


def run_module(arguments: str, *options: str) -> dict[str, Any]:
    command = [
        "ansible",
        "localhost",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-m",
        "ftfw.pair.conntrack_helper_check",
    ]
    done = subprocess.run(
        [*command, "-a", arguments, *options],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    document, _end = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("{"))
    return dict(document["plays"][0]["tasks"][0]["hosts"]["localhost"])


def test_the_kernel_keeps_the_helper() -> None:
    before = Path("/proc/self/ns/net").readlink()
    assert helper_after_injection("ftp") == "ftp"
    assert Path("/proc/self/ns/net").readlink() == before


def test_unknown_helper_is_an_error() -> None:
    with pytest.raises(HelperCheckError, match="cannot inject an entry with the helper none-such"):
        helper_after_injection("none-such")


@pytest.mark.parametrize(
    ("options", "kept"), [pytest.param([], True, id="run"), pytest.param(["--check"], False, id="check-mode")]
)
def test_module(tmp_path: Path, options: list[str], kept: bool) -> None:
    verdict = tmp_path / "folder" / "verdict.json"
    for _run in range(2):
        result = run_module(f"verdict={verdict}", *options)
        assert (result["changed"], result["helper"], result["kernel"]) == (False, "ftp", platform.release())
    assert verdict.exists() is kept


def test_module_names_kernel_and_fixed_versions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(conntrack_helper_check, "helper_after_injection", lambda helper: None)
    with patch_module_args({"verdict": str(tmp_path / "verdict")}), pytest.raises(SystemExit):
        conntrack_helper_check.main()
    message = json.loads(capsys.readouterr().out)["msg"]
    for part in (platform.release(), "lost its helper ftp", "d1ca60efc53d", "5.10.101", "5.15.24", "5.16.10"):
        assert part in message
    assert not (tmp_path / "verdict").exists()
