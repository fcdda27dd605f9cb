#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nft_ruleset
short_description: Replace one nft table by a text, with a way back
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Replaces a table by a text, in one transaction, and keeps the text for the next boot. What the new text no
    longer has is taken away. Named counters keep their counts, and sets and maps with a timeout or the flag
    C(dynamic) what came into them at run time. Elements that the text has for these come with the next boot.
    Other tables are not touched.
  - Changes nothing when the text is the one that was loaded last, and the kernel has what it had then.
  - With O(confirm) the old rules come back by themselves, unless the change is confirmed in time. A node that
    reboots meanwhile has its old rules.
  - Nothing is changed when nft refuses the text. The error names its line.
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.collect]
attributes:
  action:
    description: The comparison runs on the controller, as an action plugin.
    support: full
  check_mode:
    support: full
    details: [nft and the kernel check the transaction.]
  diff_mode:
    support: full
    details: [Of a set of more than 10,000 elements it shows their number and a digest.]
  idempotent:
    support: full
options:
  text:
    description:
      - The table as nft reads it, C(table FAMILY NAME { … }), and before it C(define)s. Nothing else, and no
        C(include).
      - Required for O(state=present) and O(state=confirmed).
    type: str
  contents:
    description:
      - What is in the text, and in which of its lines, as C(site_view.nftables.contents) has it.
      - Without it, or where it is that of another text, the text is read, which takes longer.
    type: dict
    version_added: 0.2.0
  family:
    description: The family of the table.
    type: str
    default: inet
    choices: [ip, ip6, inet, arp, bridge]
  table:
    description: The name of the table.
    type: str
    required: true
  state:
    description:
      - V(confirmed) keeps a change that waits for it, and is an error when the old rules are back already. It
        makes a new connection to the node first.
      - V(absent) removes the table, the file at O(path), and that beside it.
    type: str
    default: present
    choices: [present, confirmed, absent]
  confirm:
    description:
      - After how many seconds the old rules come back, unless O(state=confirmed) comes first.
      - V(0) keeps the new ones at once.
      - The old rules are those at O(path) or, where there is no such file, those in the kernel.
    type: int
    default: 0
  lockout:
    description:
      - Whether a text is refused that would not let the controller in again. Where the controller has come by
        ssh, a new connection as its own is tried with the text, in a network namespace.
      - What other tables would do to it is not looked at.
    type: str
    default: refused
    choices: [refused, allowed]
  after:
    description:
      - A shell command that is run whenever the table was loaded, also when the old rules come back. It is
        for a program that puts elements into a set of the run time, and has to do so again where that was
        made anew.
    type: str
    default: ""
  path:
    description:
      - The file that the node loads at boot, by C(nft --file). It replaces the table as a whole.
      - Beside it there is one of the same name with the ending C(.json), which has what is in the text.
    type: path
    default: /etc/ftfw/ruleset.nft
  runtime:
    description: The folder for what a reboot may forget.
    type: path
    default: /run/nft-ruleset
requirements: [nft, 'unshare (util-linux)', systemd for O(confirm)]
notes:
  - The text is tried in a network namespace of its own first, which ends with that.
  - Elements of a set of more than 10,000 are compared by their text, with what was loaded last.
"""

EXAMPLES = r"""
- name: Replace the table
  ftfw.pair.nft_ruleset:
    table: ftfw
    text: "{{ site_view.nftables.ruleset }}"

- name: Replace it for a minute
  ftfw.pair.nft_ruleset:
    table: ftfw
    text: "{{ site_view.nftables.ruleset }}"
    confirm: 60

- name: Keep it, over a new connection
  ftfw.pair.nft_ruleset:
    table: ftfw
    text: "{{ site_view.nftables.ruleset }}"
    state: confirmed
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [take all rules away, empty set blocked, load the text, "blocked: 1 added: 192.0.2.7"]
waits:
  description: Whether the change waits for its confirmation.
  returned: success
  type: bool
  sample: false
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.nft.keep import Keeper, KeepError
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import ListingError
from ansible_collections.ftfw.pair.plugins.module_utils.nft.node import Nft, NftError
from ansible_collections.ftfw.pair.plugins.module_utils.nft.options import (
    argument_spec,
    contents_of,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.ruleset import (
    Outcome,
    RulesetError,
    absent,
    confirmed,
    is_present,
    present,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source, TextError, read
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import SpaceError
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.lockout import refusal, session


def main() -> None:
    module = AnsibleModule(**argument_spec(), supports_check_mode=True)
    given = module.params
    if given["confirm"] < 0:
        module.fail_json(msg=f"confirm: {given['confirm']}: is no number of seconds; use 0 or more")
    program = module.get_bin_path("nft", required=not module.check_mode, opt_dirs=["/usr/sbin"])
    if program is None:
        # what would be installed before this
        module.exit_json(changed=True, changes=["load the text"], waits=False)
    nft = Nft(given["family"], given["table"], program)
    keeper = Keeper(nft.family, nft.table, Path(given["path"]), Path(given["runtime"]), given["after"])
    try:
        with keeper.locked():
            if given["state"] == "absent":
                outcome = absent(nft, keeper, module.check_mode)
            elif given["state"] == "present" and not module._diff and is_present(keeper, given["text"]):
                outcome = Outcome()
            else:
                source = read(given["text"], nft.family, nft.table, contents_of(given))
                if given["state"] == "confirmed":
                    outcome = confirmed(keeper, source, module.check_mode)
                else:
                    outcome = present(
                        nft,
                        keeper,
                        source,
                        given["confirm"],
                        module.check_mode,
                        bool(module._diff),
                        lambda: lockout(source) if given["lockout"] == "refused" else None,
                    )
    except (TextError, NftError, ListingError, KeepError, RulesetError, SpaceError) as error:
        module.fail_json(msg=f"table {nft.address}: {error}")
    except OSError as error:
        module.fail_json(msg=f"table {nft.address}: {error}")
    for lost in outcome.loses:
        module.warn(f"table {nft.address}: {lost} is lost, since its definition is another one")
    module.exit_json(
        changed=bool(outcome.changes),
        changes=outcome.changes,
        waits=outcome.waits,
        diff={"before": outcome.before, "after": outcome.after},
    )


def lockout(source: Source) -> str | None:
    """Why the text would lock the controller out; None if it would not."""
    who = session()
    why = refusal(source, who) if who else None
    return (
        f"it would lock the controller out, {why}; mend the rules, or set lockout: allowed" if why else None
    )


if __name__ == "__main__":
    main()
