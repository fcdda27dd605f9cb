# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe behind a control socket, as the module flow_probe starts it."""

from __future__ import annotations

import gc
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.probe import Probe
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result


def serve(spec: dict[str, Any], control: socket.socket, ready: Callable[[Result], None]) -> None:
    """Run a probe under a control socket: a line `{"window": SECONDS}` there collects it."""
    # what the module has brought along is never looked through again
    gc.freeze()
    probe = Probe(spec)
    probe.open()

    def asked(_events: int) -> None:
        peer, _address = control.accept()
        peer.settimeout(2)
        with suppress(OSError, ValueError):
            request = json.loads(peer.makefile("r").readline())
            peer.settimeout(None)

            def answer(result: Result) -> None:
                peer.sendall(json.dumps(result).encode() + b"\n")
                peer.close()

            probe.loop.close(control)
            probe.collect(float(request["window"]), answer)

    probe.loop.watch(control, asked)
    ready({"notes": probe.notes, "started_at": probe.run.started_at})
    probe.loop.run()
