# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft says of a ruleset, in the lines of those who have written it."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.fragments import (
    begin,
    end,
    explain,
    fragments_of,
    origin,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read

OWN = "site_fragments[0], nft/own.nft"
TEXT = f"""table inet ftfw {{
    chain input {{
        # {begin(OWN)}
        # the exporter
        tcp dport 9100 acept
        # {end(OWN)}

        ct state bad drop
    }}
}}
"""


@pytest.mark.parametrize(
    ("line", "place"), [(2, None), (4, f"{OWN} line 1"), (5, f"{OWN} line 2"), (8, None)]
)
def test_a_line_of_a_fragment_is_known_by_its_file(line: int, place: str | None) -> None:
    assert origin(fragments_of(TEXT.splitlines()), line) == place
    assert origin(read(TEXT, "inet", "ftfw").contents.fragments, line) == place


@pytest.mark.parametrize(
    ("stderr", "added", "told"),
    [
        (
            "/dev/stdin:6:24-28: Error: syntax error, unexpected string\n  tcp dport 9100 acept\n",
            1,
            (0, f"{OWN} line 2: nft refuses it, syntax error, unexpected string: tcp dport 9100 acept"),
        ),
        ("nft: /dev/stdin:8:1-2: Error: bad", 0, (8, "nft refuses it, bad: ct state bad drop")),
        ("/dev/stdin:1:1-2: Error: bad", 1, (0, "nft refuses it, bad")),
        ("Operation\n not permitted", 0, (0, "Operation not permitted")),
    ],
)
def test_an_error_of_nft_is_told_by_its_line(stderr: str, added: int, told: tuple[int, str]) -> None:
    assert explain(stderr, TEXT, added) == told
