#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: units
short_description: Enable, mask, start and stop systemd units, fast where nothing is to be done
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Asks systemd by one shell command over the connection for the state of all units, and calls C(systemctl)
    for what differs. The managed node needs no Python and no facts.
  - When systemd says of one of the units that its files have changed on disk, it is told to read them first.
  - A unit that doesn't exist, or fails to start, is an error with the last lines of its journal.
options:
  units:
    description: The units.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name with its suffix; without one it is a service.
        type: str
        required: true
      enabled:
        description: Whether the unit starts at boot. A unit without an install section counts as enabled.
        type: bool
      state:
        description:
          - V(started) takes a unit that systemd skips because of its conditions as it is, after one attempt
            to start it.
          - V(stopped) takes a failed unit as it is.
          - V(restarted) and V(reloaded) are a change each time, for handlers; both start a unit that does not
            run, and one that can't reload is restarted.
        type: str
        choices: [started, stopped, restarted, reloaded]
      masked:
        description: Whether the unit can be started at all.
        type: bool
  daemon_reload:
    description:
      - Tell systemd to read all unit files again, also if it sees no need. This alone is not a change.
    type: bool
    default: false
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action]
attributes:
  check_mode:
    support: full
    details:
      - A unit that doesn't exist is a change and not an error, since an earlier task may be going to make it.
      - A unit that was skipped at its last start because of its conditions is taken as it is.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A oneshot service without C(RemainAfterExit=yes) is never started for long, and is started again.
"""

EXAMPLES = r"""
- name: Start the daemons of a firewall, now and at boot
  ftfw.pair.units:
    units:
      - {name: conntrackd.service, enabled: true, state: started}
      - {name: keepalived.service, enabled: true, state: started}

- name: Keep the distribution's rules away from ours
  ftfw.pair.units:
    units:
      - {name: nftables.service, masked: true, state: stopped}
"""

RETURN = r"""
changed_units:
  description: The units that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [keepalived.service]
status:
  description: What systemd says of each unit afterwards.
  returned: success
  type: dict
  sample:
    keepalived.service: {active: active, sub: running, enabled: enabled, load: loaded, condition: "yes"}
"""
