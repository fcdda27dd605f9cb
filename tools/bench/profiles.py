# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that are compared, as the files that keepalived, conntrackd and nft read on each node.

`manual` is the system that the manual describes, `stock` the same with keepalived's own defaults (adverts
every second, priority 100), `default` and `fast` are what the roles of the collection have written, and so
are the variants, which are measured when they are asked for by name.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

from lab import FOUR, NODES, SIX, VIRTUAL, VIRTUAL_6, Ends, Lab, other

TEMPLATES = Path(__file__).parent / "profiles/manual"
FILES = {
    "keepalived.conf": "/etc/keepalived/keepalived.conf",
    "conntrackd.conf": "/etc/conntrackd/conntrackd.conf",
    "ruleset.nft": "/etc/ftfw/ruleset.nft",
    "transition": "/etc/conntrackd/transition",
    "pair-state.service": "/etc/systemd/system/pair-state.service",
}
KEPT = tuple(name for name in FILES if name != "transition")
"""What the roles write of them. How pair-state replicates, and its gate, are options in its unit."""
OURS = ("default", "fast")
VARIANTS = ("external", "kernelspace", "unreliable")
"""`default` with another choice of docs/design-notes.md, Replication."""
WRITTEN = (*OURS, *VARIANTS)
FOREIGN = {
    "manual": {"priority": "80", "advert": "    advert_int 3\n"},
    "stock": {"priority": "100", "advert": ""},
}
ADDRESSES = {
    "fw-1": {"outside_local": "192.168.0.1", "inside_local": "192.168.2.1", "sync_local": "192.168.100.100"},
    "fw-2": {"outside_local": "192.168.0.2", "inside_local": "192.168.2.2", "sync_local": "192.168.100.200"},
}
PROFILES = (*FOREIGN, *OURS)


def families(profile: str) -> tuple[Ends, ...]:
    """The families that a profile's pair has."""
    return (FOUR, SIX) if profile in WRITTEN else (FOUR,)


_DROP_IN = "/run/systemd/system/{}.service.d/90-bench.conf"
AS_FOREIGN = {
    # the real-time priority that conntrackd takes where nobody forbids it
    _DROP_IN.format("conntrackd"): "[Service]\nRestrictRealtime=no\nNice=0\nCapabilityBoundingSet=~\n",
    # only ours has these; keepalived wants them, and they stand in /etc, where a mask in /run does not count
    **dict.fromkeys(
        map(_DROP_IN.format, ("pair-state", "pair-guard", "pair-watch", "pair-path")),
        "[Unit]\nConditionPathExists=/run/ftfw-ours\n",
    ),
}
"""Files that make a node what it is without our roles."""
UNITS = "keepalived conntrackd pair-state pair-guard pair-watch pair-path"


@dataclass
class Profiles:
    """Puts one profile after the other into force. `folder` keeps what the roles have written."""

    lab: Lab
    folder: Path
    probe: list[str]
    """Commands of nft that let the probe through our ruleset (`open` of site_view.verify.probes)."""

    def keep(self, profile: str) -> None:
        """Keep the files that are on the nodes now as those of a profile that the roles have written."""
        for node in NODES:
            target = self.folder / profile / node
            target.mkdir(parents=True, exist_ok=True)
            for name in KEPT:
                subprocess.run(
                    ["podman", "cp", f"{self.lab.prefix}-{node}:{FILES[name]}", str(target / name)],
                    check=True,
                )

    def kept(self, profile: str) -> bool:
        """Whether all files of a profile that the roles write are there."""
        return all((self.folder / profile / node / name).exists() for node in NODES for name in KEPT)

    def files(self, profile: str, node: str) -> dict[str, str]:
        """The profile's files on a node: name to text."""
        if profile in WRITTEN:
            folder = self.folder / profile / node
            return {path.name: path.read_text() for path in sorted(folder.iterdir())}
        values = {**FOREIGN[profile], **ADDRESSES[node], "sync_peer": ADDRESSES[other(node)]["sync_local"]}
        return {
            path.name: Template(path.read_text()).substitute(values)
            for path in sorted(TEMPLATES.iterdir())
            if path.name != "transition"
        } | {"transition": (TEMPLATES / "transition").read_text()}

    def apply(self, profile: str) -> str:
        """Start the pair anew with the profile, with empty tables; the node that is primary then."""
        self.lab.ends = families(profile)
        for node in NODES:
            removal = "; ".join(
                f"ip address del {address}/32 dev {leg} 2>/dev/null"
                for address, leg in zip(VIRTUAL, ("eth1", "eth0"))
            ) + "".join(
                f"; ip address del {address}/128 dev {leg} 2>/dev/null"
                for address, leg in zip(VIRTUAL_6, ("eth1", "eth0"))
            )
            self.lab.run(
                node,
                f"systemctl unmask --runtime {UNITS} 2>/dev/null; systemctl stop {UNITS}; {removal}; true",
            )
        for node in NODES:
            for name, text in self.files(profile, node).items():
                self.lab.run(node, f"cat > {FILES[name]}", text=text)
            self.lab.run(
                node,
                f"chmod 700 {FILES['transition']} 2>/dev/null; nft -f {FILES['ruleset.nft']}"
                " && conntrack -F 2>/dev/null; rm -f /run/pair-state/state.json",
            )
            self._make_foreign(node, profile not in WRITTEN)
            if profile in WRITTEN:
                self.lab.run(node, "nft -f -", text="\n".join(self.probe).replace("SECONDS", "36000") + "\n")
                self.lab.run(node, "systemctl start conntrackd pair-state pair-guard pair-watch pair-path")
            else:
                self.lab.run(node, "systemctl start conntrackd")
        for node in NODES:
            self.lab.run(node, "systemctl start keepalived")
        primary = self.lab.primary()
        self.lab.wait("the transitions are over", lambda: self._settled(profile), 30)
        return primary

    def _make_foreign(self, node: str, wanted: bool) -> None:
        for path, text in AS_FOREIGN.items():
            write = f"mkdir -p $(dirname {path}) && cat > {path}" if wanted else f"rm -f {path}"
            self.lab.run(node, write, text=text)
        self.lab.run(node, "systemctl daemon-reload")

    def _settled(self, profile: str) -> bool:
        if profile not in WRITTEN:
            return True
        states = [self.lab.run(node, "cat /run/pair-state/state.json", check=False) for node in NODES]
        return all('"pending": null' in state and '"state": "UNKNOWN"' not in state for state in states)
