# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which news of a flow the kernel tells conntrackd, and so costs the pair processor time.

A short TCP connection changes its state seven times. A node that takes over needs to know that it began, that
it is established, and that it ends, so that its entry does not wait for days: the other steps follow from the
packets. Of the two FINs that of the reply is told; where only the other one has been sent, the refresh of
`pair-state` tells, and the end of the entry.
"""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_nft import Block

# nft(8), CT STATEMENTS; `mark` and `helper` are no words of its grammar here
_LASTING = "new,related,destroy,assured,seqadj,label"
_ENDING = f"{_LASTING},protoinfo"


def events() -> tuple[Block, ...]:
    """Rules for each packet: the mask holds for what the kernel tells after this packet."""
    return (
        Block(
            "of a TCP flow the peer is told that it begins, is established, and ends",
            (
                f"meta l4proto tcp ct event set {_LASTING}",
                f"ct direction reply tcp flags & fin == fin ct event set {_ENDING}",
                f"tcp flags & rst == rst ct event set {_ENDING}",
            ),
        ),
    )
