# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The podman connection, with pipelining: a module goes by standard input, in one podman exec."""

from __future__ import annotations

DOCUMENTATION = """
name: podman
author: The ftfw.pair authors (@ftfw)
short_description: Run tasks in a podman container, with pipelining
description:
  - Is the connection P(containers.podman.podman#connection) but for one thing,
    a module is sent by standard input. So it takes one call of podman instead of six.
version_added: 0.1.0
options:
  remote_addr:
    description: The container's name or ID.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_podman_host
  remote_user:
    description: Who runs the commands in the container.
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
  podman_extra_args:
    description: More arguments for podman.
    default: ""
    vars:
      - name: ansible_podman_extra_args
  podman_executable:
    description: The program podman.
    default: podman
    vars:
      - name: ansible_podman_executable
"""

import shlex

from ansible.plugins.connection import ConnectionBase
from ansible_collections.containers.podman.plugins.connection.podman import Connection as Podman


class Connection(Podman):
    """See `DOCUMENTATION`; `podman-exec(1)`."""

    transport = "ftfw.pair.podman"
    has_pipelining = True

    def _connect(self) -> None:
        # the container's files are mounted for a file to be copied, not for each task
        self._connected = True

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = False
    ) -> tuple[int, bytes, bytes]:
        ConnectionBase.exec_command(self, cmd, in_data=in_data, sudoable=sudoable)
        options = ["--interactive"] if in_data else []
        if self.user:
            options += ["--user", self.user]
        done: tuple[int, bytes, bytes] = self._podman(["exec", *options], shlex.split(cmd), in_data)
        return done

    def put_file(self, in_path: str, out_path: str) -> None:
        Podman._connect(self)
        super().put_file(in_path, out_path)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        Podman._connect(self)
        super().fetch_file(in_path, out_path)
