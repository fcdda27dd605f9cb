# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the distribution's nftables.service come and go, and the firewall's table stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import build
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.programs import PROGRAMS

OURS = "table inet ftfw { set bans { type ipv4_addr; elements = { 192.0.2.1 }; }; chain c { drop; }; }"
THEIRS = "table inet mine { chain c { counter; }; }"


@pytest.fixture(autouse=True)
def program(tmp_path: Path) -> str:
    """As a node has it."""
    path = tmp_path / "others-ruleset"
    path.write_bytes(build(PROGRAMS["ruleset"]).content)
    return f"{sys.executable} -I {path}"


def loaded(tmp_path: Path, text: str, *options: str, before: str = f"{OURS}\n{THEIRS}") -> str:
    """Load a file in a network namespace that has tables already: what is there then, with its handles."""
    file = tmp_path / "nftables.conf"
    file.write_text(text)
    words = " ".join([sys.executable, "-I", f"{tmp_path}/others-ruleset", "--file", str(file), *options])
    script = f"nft -f - <<'X'\n{before}\nX\n{words} || echo failed\nnft -a list ruleset"
    command = ["unshare", "--net", "sh", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("text", "there", "gone"),
    [
        pytest.param("flush ruleset\ntable ip new { }\n", ["ip new"], ["mine"], id="debian"),
        pytest.param("flush ruleset; table ip new { };", ["ip new"], ["mine"], id="one-line"),
        pytest.param("flush ruleset ip\ntable ip new { }\n", ["ip new", "mine"], [], id="family"),
        pytest.param("flush ruleset inet\n", [], ["mine"], id="our-family"),
        pytest.param("# flush ruleset\ntable ip new { }\n", ["ip new", "mine"], [], id="comment"),
        pytest.param('flush ruleset\ninclude "{0}/more.nft"\n', ["ip more"], ["mine"], id="included"),
        pytest.param('include "{0}/m*.nft"\ninclude "{0}/none*"\n', ["ip more"], ["mine"], id="pattern"),
        pytest.param('define x = 1\ninclude "{0}/more.nft"', ["ip more"], ["mine"], id="definition"),
        pytest.param(
            'table ip new { chain c { log prefix "flush ruleset"; }; }',
            ['"flush ruleset"', "mine"],
            [],
            id="text",
        ),
        pytest.param("flush ruleset\nnonsense\n", ["failed", "mine"], [], id="broken"),
        pytest.param("flush ruleset nonsense\n", ["failed", "mine"], [], id="no-family"),
        pytest.param("flush  ruleset # all\n table ip new { }\n", ["ip new"], ["mine"], id="blanks"),
        pytest.param(
            "table ip new {\n include '{0}/inner.nft'; chain b { }\n}\n",
            ["chain a", "chain b"],
            [],
            id="inner",
        ),
        pytest.param('include "{0}/absent"\n', ["failed", "mine"], [], id="absent"),
    ],
)
def test_load(tmp_path: Path, text: str, there: list[str], gone: list[str]) -> None:
    (tmp_path / "more.nft").write_text("flush ruleset\ntable ip more { }\n")
    (tmp_path / "inner.nft").write_text("chain a { }")
    listing = loaded(tmp_path, text.replace("{0}", str(tmp_path)))
    assert "192.0.2.1" in listing
    assert [words for words in there if words not in listing] == []
    assert [words for words in gone if words in listing] == []
    assert "table inet ftfw { # handle 1" in listing


def test_stop(tmp_path: Path) -> None:
    listing = loaded(tmp_path, "", "--flush")
    assert "mine" not in listing
    assert "192.0.2.1" in listing
    assert "table inet ftfw { # handle 1" in listing


def test_a_boot_where_it_comes_first(tmp_path: Path) -> None:
    listing = loaded(tmp_path, f"flush ruleset\n{THEIRS}\n", before="")
    assert "table inet mine" in listing
    assert "ftfw" not in listing


@pytest.mark.parametrize("option", ["", "--flush"], ids=["start", "stop"])
def test_what_a_running_program_owns_stays(tmp_path: Path, program: str, option: str) -> None:
    """The kernel's flush spares it, too, and refuses to delete it."""
    (tmp_path / "nftables.conf").write_text("flush ruleset\ntable ip new { }\n")
    words = f"{program} --file {tmp_path}/nftables.conf {option}"
    owned = "table inet held { flags owner; chain c { }; }; table ip6 held { flags owner; }"
    script = (
        f"nft '{OURS}; {THEIRS}'; (echo '{owned}';"
        f"until [ -e {tmp_path}/end ]; do sleep 0.1; done) | nft -i &"
        f"until nft list table ip6 held; do sleep 0.1; done >/dev/null 2>&1; {words} || echo failed;"
        f"nft list tables; touch {tmp_path}/end; wait"
    )
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=True
    )
    tables = ["table inet ftfw", "table inet held", "table ip6 held", *([] if option else ["table ip new"])]
    assert sorted(done.stdout.splitlines()) == sorted(tables), done.stderr
