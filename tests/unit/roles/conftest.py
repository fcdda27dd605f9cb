# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a role's templates with its own defaults, as ansible would."""

from __future__ import annotations

import copy
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.source import ruleset_source

Check = Callable[[str, str], "subprocess.CompletedProcess[str]"]

SITE_VIEW: dict[str, Any] = {
    "name": "fw-1",
    "site": "lab",
    "roles": ["guest", "firewall"],
    "node_network": {
        "hostname": "fw-1",
        "resolvers": [],
        "interfaces": [
            {
                "name": "eth0",
                "mac": "12:34:56:78:9a:01",
                "network": "outside",
                "addresses": ["192.168.0.1/24"],
                "link_local": None,
                "kernel_link_local": False,
                "dhcp": True,
                "gateways": [],
                "mtu": None,
                "management": False,
            },
            {
                "name": "eth1",
                "mac": None,
                "network": "inside",
                "addresses": ["192.168.2.1/24"],
                "link_local": None,
                "kernel_link_local": False,
                "dhcp": False,
                "gateways": ["192.168.2.254"],
                "mtu": 9000,
                "management": False,
            },
        ],
    },
    "pair": {"name": "ftfw", "node": "fw-1", "peer": "fw-2", "preferred": True},
    "firewall_kernel": {"rp_filter": 1, "ipv6_forwarding": False},
    "keepalived": {
        "sync_groups": [{"name": "ftfw", "instances": ["inside", "outside"]}],
        "instances": [
            {
                "name": "inside",
                "interface": "eth1",
                "family": 4,
                "vrid": 61,
                "priority": 250,
                "source": "192.168.2.1",
                "peers": ["192.168.2.2"],
                "addresses": ["192.168.2.100/32"],
                "excluded": [],
            },
            {
                "name": "outside",
                "interface": "eth0",
                "family": 4,
                "vrid": 62,
                "priority": 250,
                "source": "192.168.0.1",
                "peers": ["192.168.0.2"],
                "addresses": ["192.168.0.100/32"],
                "excluded": [],
            },
        ],
        "advert_interval": 0.07,
        "realtime": "wanted",
    },
    "conntrackd": {
        "links": [
            {
                "network": "sync",
                "interface": "eth2",
                "local": "192.168.100.100",
                "peer": "192.168.100.200",
                "port": 3780,
            }
        ],
        "ignored_addresses": ["127.0.0.1", "192.168.0.1", "192.168.2.1", "192.168.100.100", "::1"],
        "external_cache": False,
    },
    "pair_state": {
        "addresses": [
            {"interface": "eth1", "address": "192.168.2.100/32"},
            {"interface": "eth0", "address": "192.168.0.100/32"},
        ],
        "replication": "direct",
        "preempt": "never",
        "gate": [],
        "offload": [],
        "names": {"eth0": "outside", "192.168.0.1": "own outside 0"},
        "paths": [
            {
                "network": "inside",
                "interface": "eth1",
                "local": "192.168.2.1",
                "peer": "192.168.2.2",
                "leg": True,
                "targets": ["192.168.2.3"],
            },
            {
                "network": "sync",
                "interface": "eth2",
                "local": "192.168.100.100",
                "peer": "192.168.100.200",
                "leg": False,
                "targets": [],
            },
        ],
    },
    "nftables": {
        "ruleset": "table inet ftfw {\n}\n",
        "contents": read("table inet ftfw {\n}\n", "inet", "ftfw").contents.pack(),
        "helpers": ["ftp"],
        "modules": ["nf_conntrack_ftp", "nf_nat_ftp"],
        "management": ['iifname "mgmt0" ip saddr 10.255.0.254 tcp dport 22 accept'],
    },
}


class Roles:
    """The roles of the collection, on fw-1 of the lab."""

    path = Path(__file__).parents[3] / "roles"
    site_view = SITE_VIEW

    def variables(self, role: str, **overrides: Any) -> dict[str, Any]:
        """The role's defaults and internal variables, the lab's site_view and what is overridden."""
        variables: dict[str, Any] = {
            "site_view": copy.deepcopy(SITE_VIEW),
            "ansible_managed": "Managed",
            "ansible_check_mode": False,
        }
        for folder in ("defaults", "vars"):
            file = self.path / role / folder / "main.yml"
            if file.exists():
                variables.update(DataLoader().load_from_file(str(file), trusted_as_template=True))
        if role == "nftables":
            # what the collection's filter of this name says: Ansible finds filters by its own importer alone
            text = overrides.get("nftables_ruleset", variables["site_view"]["nftables"]["ruleset"])
            variables["__nftables_source"] = ruleset_source(text)
        return {**variables, **overrides}

    def render(self, role: str, template: str, **overrides: Any) -> str:
        """The text of one template of the role."""
        text = trust_as_template((self.path / role / "templates" / template).read_text())
        result = Templar(DataLoader(), variables=self.variables(role, **overrides)).template(text)
        assert isinstance(result, str)
        return result

    def value(self, role: str, variable: str, **overrides: Any) -> Any:
        """The final value of one variable of the role."""
        variables = self.variables(role, **overrides)
        return Templar(DataLoader(), variables=variables).template(variables[variable])


@pytest.fixture(scope="session")
def roles() -> Roles:
    return Roles()


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run a `validate` command on a text in a network namespace that has the firewall's interfaces."""
    links = "".join(
        f"ip link add {name} type veth peer name peer-{name}; " for name in ("eth0", "eth1", "eth2")
    )
    # pair-path.service makes it before keepalived starts, and keepalived 2.3 looks for it
    folder = "mount -t tmpfs tmpfs /run; mkdir /run/pair-path; "

    def in_namespace(command: str, text: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "file"
        file.write_text(text)
        words = [word.replace("%s", str(file)) for word in shlex.split(command)]
        return subprocess.run(
            ["unshare", "--net", "--mount", "sh", "-c", links + folder + shlex.join(words)],
            capture_output=True,
            text=True,
            check=False,
        )

    return in_namespace
