# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit tests run beside the scenarios, with what those leave of the processors: no example has a deadline."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("beside", deadline=None)
settings.load_profile("beside")
