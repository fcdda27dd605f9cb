# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which news of a flow the kernel tells conntrackd, and so costs the pair processor time.

A short TCP connection changes its state seven times. A node that takes over needs to know that it began, that
it is established, and that it ends, so that its entry does not wait for days: the other steps follow from the
packets. Of the two FINs that of the reply is told; where only the other one has been sent, the refresh of
`pair-state` tells, and the end of the entry.

A client may take a port again while the entry of its last flow is still there. An entry whose end a node has
from its peer is not replaced but revived (nf_conntrack_proto_tcp.c: a SYN-ACK that answers an ignored SYN).
That is a change of its state and nothing else, so it is told of an entry that is established a second time.
"""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import Block

# nft(8), CT STATEMENTS; `mark` and `helper` are no words of its grammar here
_LASTING = "new,related,destroy,assured,seqadj,label"
_STATES = f"{_LASTING},protoinfo"
_SYN_ACK = "tcp flags & (syn | ack) == syn | ack"
_UNESTABLISHED = "150s"
"""Longer than any state but ESTABLISHED lasts without a packet, 120 s (nf_conntrack-sysctl.rst). A site that
gives ESTABLISHED less than that has a revived flow replicated with the refresh."""


def events() -> tuple[Block, ...]:
    """Rules for each packet: the mask holds for what the kernel tells after this packet.

    The first one leaves the mask of an established flow alone: what the second one has set is to hold for the
    handshake's last packet.
    """
    return (
        Block(
            "of a TCP flow the peer is told that it begins, is established, and ends",
            (
                f"meta l4proto tcp ct expiration < {_UNESTABLISHED} ct event set {_LASTING}",
                f"ct direction reply ct status assured {_SYN_ACK} ct event set {_STATES}",
                f"ct direction reply tcp flags & fin == fin ct event set {_STATES}",
                f"tcp flags & rst == rst ct event set {_STATES}",
            ),
        ),
    )
