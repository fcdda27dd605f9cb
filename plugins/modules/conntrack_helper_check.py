#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conntrack_helper_check
short_description: Check that the kernel keeps the helper of an injected connection
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Injects a connection with NAT and a helper into the table of a network namespace of its own, as
    conntrackd does at a takeover, and reads it back.
  - Fails when the helper is lost. After a takeover such a kernel would open no more data connections.
  - Kernels without the commit C(d1ca60efc53d) lose it. It is in 5.10.101, 5.15.24, 5.16.10 and later ones.
    What the kernel does counts, not its number.
  - Nothing of the machine's own network is touched.
extends_documentation_fragment: [ftfw.pair.attributes]
attributes:
  check_mode:
    support: full
    details:
      - Checks just the same, and does not keep the verdict.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  helper:
    description: The helper, by the kernel's name for it.
    type: str
    default: ftp
  verdict:
    description:
      - File that the verdict is kept in, for callers that want to ask only once per boot.
      - Not written when the helper is lost.
    type: path
"""

EXAMPLES = r"""
- name: Check that FTP control connections survive a takeover with their helper
  ftfw.pair.conntrack_helper_check:

- name: Check it for another helper and keep the verdict until the next boot
  ftfw.pair.conntrack_helper_check:
    helper: sip
    verdict: /run/ftfw/conntrack-helper-sip.json
"""

RETURN = r"""
helper:
  description: The helper that the injected entry still had.
  type: str
  returned: success
  sample: ftp
kernel:
  description: The release of the kernel that was asked.
  type: str
  returned: always
  sample: 6.1.0-35-cloud-amd64
"""

import json
import platform
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.helper import (
    HelperCheckError,
    helper_after_injection,
)

FIXED_IN = "commit d1ca60efc53d is in Linux 5.10.101, 5.15.24, 5.16.10 and later ones"


def main() -> None:
    module = AnsibleModule(
        argument_spec={"helper": {"type": "str", "default": "ftp"}, "verdict": {"type": "path"}},
        supports_check_mode=True,
    )
    helper: str = module.params["helper"]
    result = {"changed": False, "kernel": platform.release(), "helper": helper}
    try:
        found = helper_after_injection(helper)
    except (HelperCheckError, OSError) as error:
        module.fail_json(
            msg=f"kernel {result['kernel']}: {error}; needed are nf_conntrack_netlink, nf_nat, the helper",
            kernel=result["kernel"],
        )
    if found != helper:
        lost = (
            f"an injected entry with NAT lost its helper {helper}"
            if found is None
            else f"helper {helper} is {found}"
        )
        module.fail_json(msg=f"kernel {result['kernel']}: {lost}; {FIXED_IN}", kernel=result["kernel"])
    if module.params["verdict"] and not module.check_mode:
        verdict = Path(module.params["verdict"])
        verdict.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        verdict.write_text(json.dumps({"kernel": result["kernel"], "helper": helper}) + "\n")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
