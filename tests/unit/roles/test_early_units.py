# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that start before the file systems are all there wait for that of their programs."""

from __future__ import annotations

from pathlib import Path

import pytest

ROLES = Path(__file__).parents[3] / "roles"
OURS = "/usr/local/libexec/ftfw"
UNITS = {
    f"{path.parents[1].name}/{path.name}": text
    for folder in ("files", "templates")
    for path in sorted(ROLES.glob(f"*/{folder}/*"))
    if path.is_file() and f"={OURS}" in (text := path.read_text())
}
# a drop-in has its unit's dependencies: Debian's service waits for nothing either
EARLY = [name for name, text in UNITS.items() if "DefaultDependencies=no" in text or "/nftables." in name]


def test_all_are_found() -> None:
    assert EARLY == [
        "node_network/ftfw-cards.service",
        "balancer/nftables.service.conf.j2",
        "nftables/ftfw-nftables.service.j2",
        "nftables/nftables.service.conf.j2",
    ]


@pytest.mark.parametrize("name", EARLY)
def test_a_file_system_of_its_own_is_waited_for(name: str) -> None:
    unit = UNITS[name].partition("[Unit]")[2].partition("\n[")[0]
    # what is there may be a link to a program
    library = " /usr/local/lib/ftfw" if "nftables" in name else ""
    assert f"\nRequiresMountsFor={OURS}{library}\n" in f"{unit}\n"
