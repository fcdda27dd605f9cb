# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible only warns of in an inventory's files, or takes without a word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible import constants
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.files import (
    Ignored,
    check_files,
    check_hosts,
    check_sources,
    check_variable_places,
    inventory_files,
    unsound_files,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import named_files
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems

IGNORED = Ignored(tuple(constants.INVENTORY_IGNORE_EXTS), tuple(constants.INVENTORY_IGNORE_PATTERNS))
LIST = "# by hand\n198.51.100.0/24\n2001:db8::/32\n203.0.113.7\n"
FRAGMENT = "set own {\n  type ipv4_addr\n}\nchain own {\n  ip saddr @own drop\n}\n"
RULE = "tcp dport 9100 accept\n"
TWICE = "and only the last one counts; leave one of them out"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of an inventory, as `site` in the folder that we are in."""
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path / "site" / "hosts.yml",
        "all: {hosts: {fw-1: , fw-2: }, children: {firewalls: {hosts: {fw-1: }}}}\n",
    )
    return tmp_path / "site"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def files_lines(site: Path) -> list[str]:
    problems = Problems()
    check_files([site], site / "nowhere", IGNORED, problems, ["fw-1", "fw-1.example", "site.a"])
    return problems.lines()


def test_a_program_may_be_called_as_it_likes(site: Path) -> None:
    program = write(site / "made.yml", '#!/bin/sh\necho \'{"all": {"hosts": ["fw-1"]}}\'\n\'\n')
    assert len(files_lines(site)) == 1
    program.chmod(0o755)
    assert files_lines(site) == []


def test_a_sound_inventory_has_no_mistake(site: Path) -> None:
    write(
        site / "group_vars" / "all" / "site.yml",
        "a: &x {b: 1}\nc: [*x, *x]\nd: {<<: *x, b: 2}\n'1': 1\n1: 2\n",
    )
    write(
        site / "host_vars" / "fw-1",
        "secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3361\nx: !unsafe '{{'\n",
    )
    write(site / "group_vars" / "all" / "vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n3361\n3361\n")
    write(site / "group_vars" / "all" / "old.yml~", "a: 1\na: 2\n")
    write(site / "lists" / "x.txt", LIST + LIST)
    # of no host, and so read by nobody; and an inventory that is no YAML
    write(site / "host_vars" / "fw-9.example", "a: 1\na: 2\n")
    write(site / "host_vars" / "fw-2" / "fw-1.example", "a: 1\na: 2\n")
    write(site / "more", "[firewalls]\nfw-1\nfw-1\n")
    assert files_lines(site) == []


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("hosts.yml", "all: {}\nall: {}\n", "line 2: all: this key stands in line 1, too, "),
        ("more.yaml", "all:\n  hosts:\n    a:\n    a:\n", "line 4: a: this key stands in line 3, too, "),
        (
            "group_vars/all.yml",
            "site_name: a\nsite_name: b\n",
            "line 2: site_name: this key stands in line 1, too, ",
        ),
        (
            "group_vars/all/site.yml",
            "site_policy:\n  - from: a\n    to: b\n    from: c\n",
            "line 4: from: this key stands in line 2, too, ",
        ),
        ("group_vars/all", "x: {y: 1, y: 2}\n", "line 1: y: this key stands in line 1, too, "),
        ("host_vars/fw-1.json", '{"x": 1,\n "x": 2}\n', "line 2: x: this key stands in line 1, too, "),
        (
            "host_vars/fw-1/net.yml",
            "---\na: 1\n---\nb: 1\nb: 2\n",
            "line 5: b: this key stands in line 4, too, ",
        ),
        (
            "host_vars/fw-1.example",
            "a: 1\nb: 1\na: 2\n",
            "line 3: a: this key stands in line 1, too, ",
        ),
        (
            "host_vars/fw-1.example.yml",
            "a: 1\na: 2\n",
            "line 2: a: this key stands in line 1, too, ",
        ),
        ("group_vars/site.a", "a: 1\na: 2\n", "line 2: a: this key stands in line 1, too, "),
        ("hosts", "all: {}\nall: {}\n", "line 2: all: this key stands in line 1, too, "),
        (
            "host_vars/fw-1.yml",
            "x: !vault |\n  a\nx: !vault |\n  b\n",
            "line 3: x: this key stands in line 1, too, ",
        ),
    ],
)
def test_a_key_that_stands_twice_is_told_with_both_lines(
    site: Path, place: str, text: str, expected: str
) -> None:
    write(site / place, text)
    assert files_lines(site) == [f"inventory: site/{place} {expected}{TWICE}"]


SKIPPED = "is no part of a group, so that Ansible skips it; did you mean"
LIST_FOR_MAPPING = (
    'is not a mapping, so that Ansible reads none of it; write each on a line of its own as "{}", '
    "without a dash"
)
NAMES = LIST_FOR_MAPPING.format("NAME:")
HOST = "YAML takes this host's name for no text; write it in quotes"
OCTAL = "for it begins with 0; leave the 0 out, or write it in quotes where it is a name"
BASE_60 = "of base 60; write it in quotes; a range of ports has a dash, such as 20-21"
ODD = {
    "var": ("all: {hosts: {fw-1: }, var: {a: 1}}", f"1: var: {SKIPPED} vars?"),
    "child": ("all: {child: {x: {}}}", f"1: child: {SKIPPED} children?"),
    "in another group": ("all:\n children:\n  one:\n   host:\n    fw-1:", f"4: host: {SKIPPED} hosts?"),
    "a list of hosts": ("all:\n hosts:\n  - fw-1", f"2: hosts: {NAMES}"),
    "a list of groups": ("all:\n children: [x]", f"2: children: {NAMES}"),
    "a text of variables": ("x: {vars: a=1}", f"1: vars: {LIST_FOR_MAPPING.format('NAME: VALUE')}"),
    "a number for a host": ("all: {hosts: {1: }}", f"1: 1: {HOST}"),
    "an address for variables": (
        "all: {hosts: {a: 192.0.2.1, b: }}",
        "1: a: is no mapping of variables, so that Ansible reads none of it; write {ansible_host: 192.0.2.1}",
    ),
    "a truth for a host": ("all: {hosts: {a: , yes: }}", f"1: yes: {HOST}"),
    "base 8": (
        "all:\n vars:\n  site_pairs: {a: {vrid: 030}}",
        f"3: 030: YAML reads this as 24, {OCTAL}",
    ),
    "a card in base 8": (
        "all: {hosts: {a: {node_interfaces: {010: {}}}}}",
        f"1: 010: YAML reads this as 8, {OCTAL}",
    ),
    "ports with a colon": (
        "all:\n vars:\n  site_services: {a: {tcp: [20:21]}}",
        f"3: 20:21: YAML reads this as 1221, {BASE_60}",
    ),
    "a MAC address without letters": (
        "all: {hosts: {a: {node_interfaces: {eth0: {mac: 52:54:00:12:34:56}}}}}",
        f"1: 52:54:00:12:34:56: YAML reads this as 41135085296, {BASE_60}",
    ),
}


@pytest.mark.parametrize(("text", "line"), ODD.values(), ids=ODD)
def test_what_ansible_skips_and_yaml_reads_otherwise(site: Path, text: str, line: str) -> None:
    write(site / "hosts.yml", text + "\n")
    assert files_lines(site) == [f"inventory: site/hosts.yml line {line}"]


def test_numbers_of_base_8_in_a_file_of_variables(site: Path) -> None:
    text = "own_mode: 0644\nsite_services:\n  game: {tcp: [0100, 100, 0x10, '010', 0]}\n"
    write(site / "host_vars" / "fw-1.yml", text)
    assert files_lines(site) == [
        f"inventory: site/host_vars/fw-1.yml line 3: 0100: YAML reads this as 64, {OCTAL}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "plugin: ftfw.own\nhosts: [a]",
        "all:\n  hosts:\n  vars: ~\n  children: {a: , b: {hosts: {c: }}}",
        "- a",
        "all:",
    ],
)
def test_other_inventories_are_left_alone(site: Path, text: str) -> None:
    write(site / "hosts.yml", text + "\n")
    assert files_lines(site) == []


def test_variables_beside_a_file_and_beside_the_playbooks_are_read_too(site: Path) -> None:
    write(site / "group_vars" / "all.yml", "a: 1\na: 2\n")
    write(site.parent / "books" / "host_vars" / "fw-1.yml", "b: 1\nb: 2\n")
    problems = Problems()
    check_files([site / "hosts.yml"], site.parent / "books", IGNORED, problems)
    assert [line.split(": ")[1] for line in problems.lines()] == [
        "site/group_vars/all.yml line 2",
        "books/host_vars/fw-1.yml line 2",
    ]


def test_what_cannot_be_read_is_one_line(site: Path) -> None:
    (site / "group_vars").mkdir()
    (site / "group_vars" / "all.yml").symlink_to("nowhere")
    (site / "more.yml").write_bytes(b"a: \xff\n")
    write(site / "host_vars" / "fw-1.yml", "a: [1\nb: 2\n")
    lines = files_lines(site)
    assert lines[0] == (
        "inventory: site/more.yml: (file): can't be read: it is no text in UTF-8; mend the file, or remove it"
    )
    assert lines[1] == (
        "inventory: site/group_vars/all.yml: (file): can't be read: No such file or directory; "
        "mend the file, or remove it"
    )
    assert lines[2].startswith("inventory: site/host_vars/fw-1.yml line 2: (file): is no sound YAML: ")
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(
            "- site_name: x\n",
            [
                "line 1: (file): is no mapping of variables; write each variable on a line of its own as "
                '"NAME: VALUE", without a dash'
            ],
            id="a-list",
        ),
        pytest.param(
            "a: 1\nb: [!no x, !no y]\n",
            [
                "line 2: !no: is a tag that Ansible does not know; write the value in quotes, if it is a "
                "text that begins so"
            ],
            id="a-tag",
        ),
        pytest.param("a: !unsafe x\nb: !vault y\nc: ! z\nd: !!str 5\n", [], id="tags-that-there-are"),
        pytest.param("# nothing\n", [], id="empty"),
        pytest.param("---\n~\n", [], id="null"),
    ],
)
def test_what_ansible_cannot_take_is_named_with_its_line(site: Path, text: str, lines: list[str]) -> None:
    write(site / "host_vars" / "fw-1.yml", text)
    found = unsound_files([site], site.parent / "books", IGNORED)
    assert found == [f"inventory: site/host_vars/fw-1.yml {line}" for line in lines]


def test_sources_that_are_not_there(site: Path) -> None:
    problems = Problems()
    assert check_sources([str(site), "site/hosts.yml", "fw-1,fw-2", "sites"], problems) == [
        site,
        Path("site/hosts.yml"),
    ]
    assert problems.lines() == [
        "inventory: path: sites: there is no such file or folder; "
        "name the inventory that you mean: -i inventories/NAME"
    ]


def odd(site: Path, *named: str) -> tuple[list[str], list[str]]:
    """What is told about hosts that Ansible itself has made, and the names of those hosts."""
    manager = InventoryManager(loader=DataLoader(), sources=[str(site)])
    files = {
        name: os.path.realpath(host.vars["inventory_file"]) if "inventory_file" in host.vars else ""
        for name, host in manager.hosts.items()
    }
    read = {os.path.realpath(path) for path in inventory_files(site, IGNORED)}
    problems = Problems()
    hosts = check_hosts(files, {os.path.realpath(site / path): path for path in named}, read, problems)
    return problems.lines(), sorted(hosts)


READ = "Ansible reads this file as an inventory, too, and takes its lines for hosts"


@pytest.mark.parametrize(
    ("name", "text", "hosts"),
    [
        ("feeds/blocked.list", LIST, ["198.51.100.0/24", "2001:db8::/32", "203.0.113.7"]),
        ("blocked", LIST, ["198.51.100.0/24", "2001:db8::/32", "203.0.113.7"]),
        ("feeds/one", "203.0.113.7\n", ["203.0.113.7"]),
        ("rules/own.nft", FRAGMENT, []),
        ("rules/one.nft", RULE, []),
    ],
)
def test_a_file_that_ansible_takes_for_an_inventory_is_named(
    site: Path, name: str, text: str, hosts: list[str]
) -> None:
    write(site / name, text)
    lines, made = odd(site, name)
    assert lines == [
        f"inventory: site/{name}: {name}: {READ}; name it {Path(name).name}.txt, which Ansible leaves alone, "
        "or move it out of the inventory's folder"
    ]
    assert made == hosts


def test_a_file_that_nobody_names_is_found_by_its_hosts(site: Path) -> None:
    write(site / "old.list", LIST)
    lines, made = odd(site)
    assert len(lines) == 1
    assert lines[0].startswith(f"inventory: site/old.list: (file): {READ}; name it old.list.txt, ")
    assert made == ["198.51.100.0/24", "2001:db8::/32", "203.0.113.7"]


@pytest.mark.parametrize(
    "name",
    [
        *("blocked.txt", "own.nft.txt", "feeds/blocked.txt", "group_vars/files/own.nft", "../own.nft"),
        # folders that our own settings name
        *("lists/blocked", "nft/own.nft"),
    ],
)
def test_the_documented_places_are_left_alone_by_ansible(site: Path, name: str) -> None:
    write(site / name, LIST)
    assert odd(site, name) == ([], [])
    assert sorted(InventoryManager(loader=DataLoader(), sources=[str(site)]).hosts) == ["fw-1", "fw-2"]


def test_addresses_may_be_hosts(site: Path) -> None:
    write(site / "more.yml", "all: {hosts: {192.0.2.1: , fw_3.example.org: }}\n")
    assert odd(site) == ([], [])


def test_the_files_that_a_site_names() -> None:
    shared = {
        "site_addresses": {"a": {"file": "a.txt"}, "b": ["10.0.0.1"], "c": 5},
        "site_fragments": [{"place": "input", "file": "b.txt"}, {"text": "x"}, None],
    }
    assert named_files({"fw-1": shared, "fw-2": shared, "x": {"site_addresses": [1]}}) == ["a.txt", "b.txt"]


def test_variables_that_nobody_reads_are_warned_of(site: Path) -> None:
    for name in ("all.yml", "firewals.yml", "site_firewalls.yml", "README.md", "files/x.nft"):
        write(site / "group_vars" / name, "")
    for name in ("fw-1.yml", "fw1/net.yml", ".hidden.yml"):
        write(site / "host_vars" / name, "")
    warnings = Problems()
    check_variable_places([site, site / "nowhere"], ["all", "firewalls"], ["fw-1", "fw-2"], warnings)
    assert warnings.lines() == [
        "inventory: site/group_vars/firewals.yml: firewals: there is no group of this name, "
        "so that nobody reads it; did you mean firewalls?",
        "inventory: site/host_vars/fw1: fw1: there is no host of this name, "
        "so that nobody reads it; did you mean fw-1?",
    ]
