#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: guest_disk
short_description: Make the disks of guests from one image
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw)
description:
  - Makes a raw, sparse disk with a root and a swap partition for each guest, from a root file system image,
    and writes the guest's identity into it (name, links by MAC address, management address, SSH keys).
    No mount and no loop device is used.
  - A disk that exists is never written to, whatever image it was made from; another size is an error.
options:
  disks:
    description: The disks, one per guest.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The guest's name, and its host name.
        type: str
        required: true
      path:
        description: The folder of the guest; the disk is C(disk.raw) in it.
        type: path
        required: true
      owner:
        description: The user that runs the guest; the folder and the disk belong to it.
        type: str
        required: true
      disk_mib:
        description: The size of the whole disk in MiB.
        type: int
        required: true
      swap_mib:
        description: The size of the swap partition in MiB; 0 for none.
        type: int
        default: 0
      interfaces:
        description: The guest's network cards.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The interface's name in the guest.
            type: str
            required: true
          mac:
            description: The card's MAC address.
            type: str
            required: true
          tap:
            description: The tap on the hypervisor; not used here.
            type: str
      management:
        description: The out-of-band interface.
        type: dict
        suboptions:
          interface:
            description: The interface's name in the guest.
            type: str
            required: true
          mac:
            description: The card's MAC address.
            type: str
          address:
            description: The address with its prefix length.
            type: str
            required: true
  image:
    description: The root file system image (ext4).
    type: path
    required: true
  authorized_keys:
    description: The public SSH keys that may log in as root.
    type: list
    elements: str
    required: true
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.collect]
attributes:
  action:
    description: With O(collect) it runs on the controller, as an action plugin.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Make the disks of two firewalls
  ftfw.pair.guest_disk:
    image: /var/lib/ftfw/images/bookworm-0123456789abcdef/root.ext4
    authorized_keys: ["ssh-ed25519 AAAA… admin"]
    disks:
      - name: fw-1
        path: /var/lib/ftfw/guests/fw-1
        owner: guest-fw-1
        disk_mib: 2048
        swap_mib: 256
        interfaces: [{name: eth0, mac: "12:34:56:78:9a:01"}]
        management: {interface: mgmt0, address: 10.255.0.1/24}
"""

RETURN = r"""
host_keys:
  description: The public SSH host key of each guest.
  returned: success
  type: dict
  sample: {"fw-1": "ssh-ed25519 AAAA… fw-1"}
made:
  description: The guests whose disks were made.
  returned: success
  type: list
  elements: str
  sample: [fw-1]
"""

import pwd
import shutil
import uuid
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.guest.disk import (
    DiskError,
    argument_spec,
    layout,
    make_disk,
    make_host_key,
)
from ansible_collections.ftfw.pair.plugins.module_utils.guest.seed import (
    identity,
    seed_files,
)

PUBLIC_KEY = "ssh_host_ed25519_key.pub"


def missing(disks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the disks to make. A disk of another size is an error: growing one is another matter."""
    wanted = []
    for disk in disks:
        path = Path(disk["path"], "disk.raw")
        if not path.exists():
            wanted.append(disk)
        elif path.stat().st_size != disk["disk_mib"] << 20:
            raise DiskError(
                f"guest {disk['name']}: {path} has {path.stat().st_size >> 20} MiB, not {disk['disk_mib']}; "
                "set disk_mib to the size it has, or remove the disk and what is on it to have it made again"
            )
    return wanted


def make(disk: dict[str, Any], image: Path, authorized_keys: list[str]) -> None:
    """Make one guest's folder, disk and public host key."""
    folder = Path(disk["path"])
    try:
        parts = layout(disk["disk_mib"], disk["swap_mib"], -(-image.stat().st_size >> 20))
        owner = pwd.getpwnam(disk["owner"])
    except DiskError as error:
        raise DiskError(f"guest {disk['name']}: {error}") from error
    except FileNotFoundError as error:
        raise DiskError(f"image {image} does not exist") from error
    except KeyError as error:
        raise DiskError(f"guest {disk['name']}: unknown user {disk['owner']}") from error
    private, public = make_host_key(disk["name"])
    guest = identity(disk, authorized_keys, uuid.uuid4().hex, private, public)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / PUBLIC_KEY).write_text(public)
    try:
        make_disk(folder / "disk.raw", image, parts, seed_files(guest))
    except BaseException:
        (folder / PUBLIC_KEY).unlink()
        raise
    for path in (folder, folder / "disk.raw"):
        shutil.chown(path, owner.pw_uid, owner.pw_gid)


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    disks = module.params["disks"]
    try:
        wanted = missing(disks)
        if not module.check_mode:
            for disk in wanted:
                make(disk, Path(module.params["image"]), module.params["authorized_keys"])
        keys = {disk["name"]: Path(disk["path"], PUBLIC_KEY) for disk in disks}
        host_keys = {name: path.read_text().strip() for name, path in keys.items() if path.exists()}
    except (DiskError, OSError) as error:
        module.fail_json(msg=str(error))
    names = [disk["name"] for disk in wanted]
    existing = [disk["name"] for disk in disks if disk["name"] not in names]
    diff = {
        "before": "".join(f"disk of {name}\n" for name in existing),
        "after": "".join(f"disk of {disk['name']}\n" for disk in disks if disk["name"] in existing + names),
    }
    module.exit_json(changed=bool(wanted), made=names, host_keys=host_keys, diff=diff)


if __name__ == "__main__":
    main()
