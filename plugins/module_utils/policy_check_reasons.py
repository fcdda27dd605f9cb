# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants that no packet can tell from the ruleset, each with the argument why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.policy_check_mutants import Mutant


@dataclass(frozen=True)
class Reason:
    """Patterns for chain, change and rule, all of which fit as a whole; and the argument."""

    chain: str
    change: str
    rule: str
    because: str

    def fits(self, mutant: Mutant) -> bool:
        return all(
            re.fullmatch(pattern, text)
            for pattern, text in (
                (self.chain, mutant.chain),
                (self.change, mutant.change),
                (self.rule, mutant.rule),
            )
        )


REASONS: tuple[Reason, ...] = (
    Reason(
        "prerouting",
        ".*",
        ".* ct event set .*",
        "it decides what conntrackd is told, and nothing about a packet",
    ),
    Reason(
        "prerouting",
        "without ct state new",
        ".* ct helper set .*",
        "the kernel gives a helper to a flow with its first packet only",
    ),
)


def reason_for(mutant: Mutant, reasons: Sequence[Reason] = REASONS) -> str:
    """The argument why the mutant is no mistake; empty for one without."""
    return next((reason.because for reason in reasons if reason.fits(mutant)), "")
