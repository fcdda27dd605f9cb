# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose kernel lacks what balancers want of IPVS is told so, by this machine's own kernel."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook, apart


def there(module: str) -> bool:
    modprobe = shutil.which("modprobe")
    if Path("/sys/module", module).is_dir() or modprobe is None:
        return Path("/sys/module", module).is_dir()
    return subprocess.run([modprobe, "--dry-run", "--quiet", module], check=False).returncode == 0


def balancer(name: str, scheduler: str, method: str | None) -> dict[str, object]:
    # where the role is used by itself, a balancer may say nothing of IPVS
    ipvs = {} if method is None else {"ipvs": {"method": method, "asks_from": ["192.0.2.1"]}}
    return {"name": name, "scheduler": scheduler, **ipvs}


@pytest.mark.parametrize(
    ("balancers", "modules"),
    [
        ([balancer("web", "rr", None)], []),
        ([balancer("video", "ovf", "dr")], ["ip_vs", "ip_vs_ovf"]),
        (
            [balancer("video", "ovf", "dr"), balancer("mail", "sh", "tun"), balancer("web", "mh", None)],
            ["ip_vs", "ip_vs_ovf", "ip_vs_sh"],
        ),
    ],
)
def test_what_the_kernel_lacks_is_named(
    balancers: list[dict[str, object]], modules: list[str], tmp_path: Path
) -> None:
    role = {"name": "ftfw.pair.balancer", "tasks_from": "check_ipvs"}
    variables = {"balancer_balancers": balancers, "balancer_host": "here", "balancer_table": None}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.include_role": role, "vars": variables}],
    }
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([play]))
    settings = {**apart(tmp_path), "ANSIBLE_STDOUT_CALLBACK": "default"}
    done = ansible_playbook(str(book), "-i", "localhost,", settings=settings)
    lacking = [module for module in modules if not there(module)]
    assert done.returncode == (2 if lacking else 0), done.stdout + done.stderr
    if lacking:
        said = " ".join(done.stdout.split())
        names = ", ".join(str(one["name"]) for one in balancers if "ipvs" in one)
        assert f"localhost: the kernel lacks {', '.join(lacking)}, for balancer {names}; boot one" in said, (
            said
        )
        assert ("choose another scheduler" in said) == ("ip_vs" not in lacking)
