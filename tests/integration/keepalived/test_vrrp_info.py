# SPDX-License-Identifier: GPL-3.0-or-later
"""vrrp_info with two real keepalived, each in a network namespace of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.daemon import PATIENCE, Daemon, join, remove

CONFIG = """\
global_defs {{
  router_id test
  vrrp_version 3
}}
vrrp_sync_group ftfw {{
  group {{
    inside
    outside
  }}
}}
vrrp_instance inside {{
  state BACKUP
  interface wire0
  virtual_router_id 61
  priority {priority}
  advert_int 0.1
  nopreempt
  virtual_ipaddress {{
    192.168.2.100/32 dev wire0
  }}
}}
vrrp_instance outside {{
  state BACKUP
  interface wire0
  virtual_router_id 62
  priority {priority}
  advert_int 0.1
  nopreempt
  virtual_ipaddress {{
    192.168.0.100/24
    192.168.0.101/24
  }}
  virtual_ipaddress_excluded {{
    fd00::100/64
  }}
}}
vrrp_instance tracking {{
  state BACKUP
  interface wire0
  virtual_router_id 63
  priority {priority}
  advert_int 0.1
  nopreempt
  track_interface {{
    lo weight 5
  }}
  virtual_ipaddress {{
    192.168.4.100/32
  }}
}}
"""


class Router(Daemon):
    """A namespace with a keepalived."""

    @property
    def pid_file(self) -> Path:
        return self.directory / "keepalived.pid"

    def start(self, config: str, *prefix: str) -> None:
        """`prefix` is a command to run keepalived under."""
        (self.directory / "tmp").mkdir(exist_ok=True)
        (self.directory / "keepalived.conf").write_text(config, encoding="utf-8")
        command = [*prefix, "keepalived", "-n", "-l", "-P"]
        command += ["-f", str(self.directory / "keepalived.conf"), "-p", str(self.pid_file)]
        # one for each process it may have, or both share what is in /run: keepalived 2.3 locks them
        for option, process in {"-r": "vrrp", "-c": "checkers", "-b": "bfd"}.items():
            command += [option, str(self.directory / f"{process}.pid")]
        self.launch(*command, environment={**os.environ, "TMPDIR": str(self.directory / "tmp")})
        deadline = time.monotonic() + PATIENCE
        while not (self.pid_file.exists() and (self.directory / "vrrp.pid").exists()):
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.05)

    def info(self, *prefix: str, **arguments: Any) -> dict[str, Any]:
        return self.module("vrrp_info", {"pid_file": str(self.pid_file), **arguments}, *prefix)

    def until(self, state: str) -> dict[str, Any]:
        """The answer in which the group has this state."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.info()
            if found["groups"]["ftfw"]["state"] == state:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)


@pytest.fixture
def routers(module: Callable[..., dict[str, Any]]) -> Iterator[tuple[Router, Router]]:
    """Two routers on one wire, without keepalived yet."""
    one, two = made = (Router(module), Router(module))
    try:
        for router in made:
            router.make()
        join(one, two, "wire0", ("192.168.2.1/24", "192.168.2.2/24"))
        yield one, two
    finally:
        remove(made)


def test_states_over_a_takeover(routers):
    one, two = routers
    started = datetime.now(timezone.utc)
    one.start(CONFIG.format(priority=200))
    primary = one.until("MASTER")
    two.start(CONFIG.format(priority=150))
    time.sleep(0.5)
    backup = two.until("BACKUP")

    assert primary["changed"] is False
    assert primary["groups"] == {
        "ftfw": {"name": "ftfw", "state": "MASTER", "instances": ["inside", "outside"]}
    }
    assert list(primary["instances"]) == ["inside", "outside", "tracking"]
    inside = primary["instances"]["inside"]
    assert (inside["state"], inside["interface"], inside["vrid"], inside["version"]) == (
        "MASTER",
        "wire0",
        61,
        3,
    )
    assert (inside["priority"], inside["base_priority"], inside["preempt"]) == (200, 200, False)
    assert inside["addresses"] == [{"address": "192.168.2.100/32", "interface": "wire0", "set": True}]
    assert inside["advert_interval"] == 0.1
    assert (inside["became_master"], inside["released_master"]) == (1, 0)
    assert started < datetime.fromisoformat(inside["since"]) < datetime.now(timezone.utc)
    outside = primary["instances"]["outside"]
    assert [item["address"] for item in outside["addresses"]] == ["192.168.0.100/24", "192.168.0.101/24"]
    assert [item["address"] for item in outside["excluded_addresses"]] == ["fd00::100/64"]
    assert primary["instances"]["tracking"]["priority"] == 205

    other = backup["instances"]["inside"]
    assert (other["state"], other["priority"], other["master_priority"]) == ("BACKUP", 150, 200)
    assert other["addresses"] == [{"address": "192.168.2.100/32", "interface": "wire0", "set": False}]
    assert other["adverts_received"] > 0

    # each answer is a new one: adverts go on
    later = one.info()["instances"]["inside"]["adverts_sent"]
    assert later > inside["adverts_sent"]

    one.stop()
    taken = two.until("MASTER")["instances"]["inside"]
    assert (taken["state"], taken["became_master"], taken["priority_zero_received"]) == ("MASTER", 1, 1)
    assert taken["addresses"][0]["set"] is True
    assert taken["since_epoch"] > inside["since_epoch"]

    subprocess.run(["ip", "-n", two.namespace, "link", "set", "wire0", "down"], check=True)
    assert two.until("FAULT")["instances"]["outside"]["state"] == "FAULT"


def test_a_private_temporary_directory(routers):
    one, _two = routers
    hidden = one.directory / "tmp"
    # a mount over the directory, in a mount namespace of the daemon's own, as PrivateTmp makes it
    hide = f'mount -t tmpfs none {hidden} && exec "$@"'
    one.start(CONFIG.format(priority=200), "unshare", "--mount", "sh", "-c", hide, "sh")
    assert one.until("MASTER")["instances"]["inside"]["state"] == "MASTER"
    assert list(hidden.iterdir()) == []


def test_a_stale_dump_is_not_taken(routers):
    one, _two = routers
    one.start(CONFIG.format(priority=200))
    stale = one.directory / "tmp" / "keepalived.json"
    stale.write_text("[]", encoding="utf-8")
    assert set(one.info()["instances"]) == {"inside", "outside", "tracking"}


def test_a_symbolic_link_in_the_place_of_a_dump(routers, tmp_path):
    one, _two = routers
    one.start(CONFIG.format(priority=200))
    target = tmp_path / "target"
    target.write_text("untouched", encoding="utf-8")
    (one.directory / "tmp" / "keepalived.json").symlink_to(target)
    assert "inside" in one.info()["instances"]
    assert target.read_text(encoding="utf-8") == "untouched"


def test_no_daemon(routers):
    one, _two = routers
    answer = one.info()
    assert answer["failed"]
    assert answer["msg"] == f"keepalived of {one.pid_file}: not running, there is no PID file"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "the PID file is of no use"),
        ("4194304", "not running, there is no process 4194304"),
        (str(os.getpid()), f"not running, process {os.getpid()} is "),
    ],
    ids=["rubbish", "no process", "another program"],
)
def test_a_stale_pid_file(routers, text, reason):
    one, _two = routers
    one.pid_file.write_text(text, encoding="ascii")
    answer = one.info()
    assert answer["failed"]
    assert reason in answer["msg"]


def test_a_daemon_that_does_not_answer(routers):
    one, _two = routers
    one.start(CONFIG.format(priority=200))
    assert one.until("MASTER")
    vrrp = int((one.directory / "vrrp.pid").read_text(encoding="ascii"))
    os.kill(vrrp, signal.SIGSTOP)
    try:
        answer = one.info(timeout=0.5)
    finally:
        os.kill(vrrp, signal.SIGCONT)
    assert answer["failed"]
    assert "keepalived.json within 0.5 s of signal" in answer["msg"]


def test_a_user_without_rights(routers, unprivileged_module):
    one, _two = routers
    one.start(CONFIG.format(priority=200))
    one.directory.chmod(0o755)
    one.pid_file.chmod(0o644)
    answer = unprivileged_module("vrrp_info", {"pid_file": str(one.pid_file)})
    assert answer["failed"]
    assert "user 65534 may not look at process" in answer["msg"]
