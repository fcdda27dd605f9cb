# SPDX-License-Identifier: GPL-3.0-or-later
"""Disposable network namespaces, and modules run in them as Ansible would run them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ansible
import pytest
from ansible_collections.ftfw.pair.tests.agent_program import written

COLLECTIONS = Path(__file__).parents[2] / ".ansible" / "collections"

Run = Callable[..., dict[str, Any]]
LONG = ("test_mutation", "test_pair_path", "test_balance", "test_playbook", "test_losses", "test_derived")
"""Files that take a minute or more by themselves. They begin first: the last one would run alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def late(item: pytest.Item) -> int:
        return LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG)

    items.sort(key=late)


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a node."""
    return written(tmp_path_factory.mktemp("agent"))


@pytest.fixture
def namespace() -> Iterator[str]:
    """The name of a network namespace of the test's own, removed afterwards with all that is in it."""
    name = f"ftfw-test-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
def ip(namespace: str) -> Callable[[str], str]:
    """Runs iproute2 in the namespace: `ip("link add br9 type bridge")`."""

    def run(arguments: str) -> str:
        command = ["ip", "-n", namespace, *arguments.split()]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def links(ip: Callable[[str], str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """The devices of the namespace as iproute2 sees them, by name, with their addresses."""

    def read() -> dict[str, dict[str, Any]]:
        return {link["ifname"]: link for link in json.loads(ip("-details -json address show"))}

    return read


def run_module(name: str, arguments: dict[str, Any], *prefix: str) -> dict[str, Any]:
    """A module of the collection in a process of its own; `prefix` is a command to run it under."""
    return _run(name, arguments, [*prefix, sys.executable], COLLECTIONS)


def _run(name: str, arguments: dict[str, Any], python: list[str], packages: Path) -> dict[str, Any]:
    command = [*python, "-m", f"ansible_collections.ftfw.pair.plugins.modules.{name}"]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), str(packages)]))
    done = subprocess.run(
        command,
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer.get("failed", False) == (done.returncode != 0)
    return answer


@pytest.fixture
def module() -> Run:
    """Runs any module: `module("tap", {"taps": []})`, under another command if one is given."""
    return run_module


@pytest.fixture(scope="session")
def packages_for_all() -> Iterator[Path]:
    """What a module imports, in a folder that everybody may read, wherever the clone lies."""
    folder = Path(tempfile.mkdtemp(prefix="ftfw-test-"))
    shutil.copytree(Path(ansible.__file__).parent / "module_utils", folder / "ansible/module_utils")
    (folder / "ansible/__init__.py").touch()
    shutil.copy(Path(ansible.__file__).parent / "release.py", folder / "ansible")
    for kind in ("modules", "module_utils"):
        plugins = Path("ansible_collections/ftfw/pair/plugins", kind)
        shutil.copytree(COLLECTIONS / plugins, folder / plugins)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def unprivileged_module(packages_for_all: Path) -> Run:
    """Runs a module as a user without rights, by Debian's own Python, under a command if one is given."""

    def run(name: str, arguments: dict[str, Any], *prefix: str) -> dict[str, Any]:
        user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--clear-groups"]
        python = [*prefix, *user, "env", "HOME=/nonexistent", "/usr/bin/python3"]
        return _run(name, arguments, python, packages_for_all)

    return run


@pytest.fixture
def bridges(namespace: str) -> Run:
    """Runs the module bridge: `bridges({"name": "br0"}, check=True)`."""

    def run(*items: dict[str, Any], check: bool = False) -> dict[str, Any]:
        return run_module("bridge", {"bridges": items, "netns": namespace, "_ansible_check_mode": check})

    return run


@pytest.fixture
def taps(namespace: str) -> Run:
    """Runs the module tap: `taps({"name": "tap0"}, check=True)`."""

    def run(*items: dict[str, Any], check: bool = False) -> dict[str, Any]:
        return run_module("tap", {"taps": items, "netns": namespace, "_ansible_check_mode": check})

    return run
