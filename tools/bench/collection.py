# SPDX-License-Identifier: GPL-3.0-or-later
"""Has Python find the collection's code. Import this before anything of `ansible_collections`."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".ansible/collections"
if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))
