# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that shows hosts' files, and the playbook that fills it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.action.collected_files import changes_of, remove_empty
from ansible_collections.ftfw.pair.plugins.module_utils.files.disk import apply
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import ConfigFilesError, diff
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import Collected
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[4]
CONF = Collected("/etc/a/a.conf", b"a = 1\n", "root", "root", 0o755)
KEY = Collected("/etc/b/key", b"secret\n", "root", "root", 0o600, sensitive=True)


def show(
    folder: Path, hosts: Mapping[str, list[Collected]], others: set[str] | None = None, secrets: bool = False
) -> list[str]:
    """Do it, and see that nothing is left to be done."""
    changes = changes_of(folder, hosts, others or set(), secrets)
    apply(changes)
    remove_empty(folder, changes)
    assert changes_of(folder, hosts, others or set(), secrets) == []
    return sorted(str(Path(change.path).relative_to(folder)) for change in changes)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_folder_follows(tmp_path: Path) -> None:
    folder = tmp_path / "hosts"
    both = ["fw-1.txt", "fw-1/etc/a/a.conf", "fw-2.txt", "fw-2/etc/a/a.conf"]
    assert show(folder, {"fw-1": [CONF], "fw-2": [CONF], "none": []}) == both
    (folder / "notes.txt").write_text("0644 root root /etc/a/a.conf\n")
    (folder / "fw-1" / "own").write_text("somebody's\n")
    # the file goes elsewhere
    moved = Collected("/a.conf", CONF.content, "root", "root", 0o644)
    assert show(folder, {"fw-1": [moved]}, others={"fw-2"}) == [
        "fw-1.txt",
        "fw-1/a.conf",
        "fw-1/etc/a/a.conf",
    ]
    assert files(folder) == [
        *("fw-1", "fw-1.txt", "fw-1/a.conf", "fw-1/own"),
        *("fw-2", "fw-2.txt", "fw-2/etc", "fw-2/etc/a", "fw-2/etc/a/a.conf", "notes.txt"),
    ]
    # the host is gone
    assert show(folder, {"fw-1": [moved]}) == ["fw-2.txt", "fw-2/etc/a/a.conf"]
    assert files(folder) == ["fw-1", "fw-1.txt", "fw-1/a.conf", "fw-1/own", "notes.txt"]


def test_secrets_are_written_when_they_are_asked_for_and_go_again(tmp_path: Path) -> None:
    folder, host = tmp_path / "hosts", {"fw-1": [KEY]}
    show(folder, host)
    assert "secret\n" not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    asked = changes_of(folder, host, set(), True)
    show(folder, host, secrets=True)
    place = folder / "fw-1" / "etc" / "b" / "key"
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("secret\n", 0o600)
    back = changes_of(folder, host, set(), False)
    assert "secret\n" not in str([diff(asked), diff(back)])
    show(folder, host)
    assert not place.exists()


def test_an_index_leads_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "hosts"
    show(folder, {"fw-1": [CONF]})
    (tmp_path / "precious").touch()
    index = folder / "fw-1.txt"
    index.write_text(f"{index.read_text()}0644 root root /../../precious\n")
    with pytest.raises(ConfigFilesError, match="leads out of the folder"):
        changes_of(folder, {}, set(), False)


def run(tmp_path: Path, inventory: Path, *arguments: str) -> tuple[int, str]:
    done = ansible_playbook(
        *("-i", str(inventory), str(ROOT / "playbooks" / "render.yml")),
        *("-e", f"render_folder={tmp_path / 'hosts'}", *arguments),
        settings={"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_NOCOLOR": "1"},
    )
    return done.returncode, done.stdout + done.stderr


def test_what_would_change_is_shown_and_a_wrong_site_writes_nothing(tmp_path: Path) -> None:
    """The machines of this inventory don't exist."""
    inventory, hosts = tmp_path / "metal", tmp_path / "hosts"
    shutil.copytree(ROOT / "inventories" / "metal", inventory)
    code, printed = run(tmp_path, inventory, "--check")
    assert code == 0 and not hosts.exists(), printed
    code, printed = run(tmp_path, inventory)
    assert code == 0, printed
    keepalived = (hosts / "fw-south/etc/keepalived/keepalived.conf").read_text()
    assert "virtual_router_id 30\n" in keepalived

    site = inventory / "group_vars" / "all" / "site.yml"
    site.write_text(site.read_text().replace("vrid: 30", "vrid: 33"))
    code, printed = run(tmp_path, inventory, "--check", "--diff", "--limit", "fw-south")
    assert code == 0, printed
    assert "-    virtual_router_id 30\n" in printed and "+    virtual_router_id 33\n" in printed
    assert f"{hosts}/fw-north" not in printed
    assert (hosts / "fw-south/etc/keepalived/keepalived.conf").read_text() == keepalived

    site.write_text(site.read_text().replace("vrid: 33", "vrid: 333"))
    code, printed = run(tmp_path, inventory)
    assert code == 2 and "vrid: 333" in printed
    assert (hosts / "fw-south/etc/keepalived/keepalived.conf").read_text() == keepalived


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        pytest.param("render_foldr=x", "did you mean render_folder?", id="misspelt"),
        pytest.param("render_secrets=perhaps", "render_secrets", id="no-boolean"),
    ],
)
def test_a_wrong_option_is_found_before_anything(tmp_path: Path, extra: str, said: str) -> None:
    code, printed = run(tmp_path, ROOT / "inventories" / "metal", "-e", extra)
    assert code == 2 and said in printed
    assert "Collect what the host gets" not in printed
    assert not (tmp_path / "hosts").exists()
