# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts pip into a virtual environment of ansible-test from what Python brings, then lets pip update itself.

Stands in for the get-pip.py that ansible-test would download from a host that is not a package index.
"""

from __future__ import annotations

import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", *wanted], check=True)
