# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell how this firewall is: facts and findings as one JSON document, or, from a timer, into the journal.

`pair-health` prints the document and changes nothing. `--compare` adds what only a comparison with the peer
needs: versions, and digests of the flows. `--answer` prints what the peer compares; it asks by a line.
`--watch` prints nothing: it asks the peer, compares, logs what is new since the last watch, and what is gone,
keeps the counters for the next one, and writes metrics for Prometheus where the configuration names a file.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.health import (
    findings,
    metrics,
    peer,
)
from ansible_collections.ftfw.pair.plugins.module_utils.health.node import HealthConfig, NodeFacts
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import content, write
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, NOTICE, WARNING, log

LEVELS = {"error": ERROR, "warning": WARNING}


def load(path: Path) -> HealthConfig:
    try:
        return HealthConfig(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f"pair-health: {path}: not a configuration of this program: {error}") from error


def recall(file: Path) -> dict[str, Any]:
    """What the last watch has left; nothing where there was none, or it can't be read."""
    try:
        known = json.loads(content(file) or "{}")
        return {
            "samples": list(known.get("samples", [])),
            "heard": dict(known.get("heard", {})),
            "findings": dict(known.get("findings", {})),
            "compared": dict(known.get("compared", {})),
        }
    except (ValueError, TypeError, AttributeError):
        return {"samples": [], "heard": {}, "findings": {}, "compared": {}}


def watch(
    config: HealthConfig,
    file: Path,
    known: dict[str, Any],
    facts: dict[str, Any],
    found: list[findings.Finding],
) -> None:
    """Log the changes, remember, and write the metrics."""
    new, gone = findings.changes(known["findings"], found)
    for finding in new:
        log(LEVELS[finding.severity], f"{finding.id}: {finding.message}")
    for known_before in gone:
        log(NOTICE, f"{known_before['id']}: gone ({known_before['message']})")
    counters = findings.sample(facts)
    heard = known["heard"]
    if facts["conntrackd"] is not None:
        heard = {
            "packets": facts["conntrackd"]["network"]["link"]["packets_received"],
            "monotonic": facts["clock"]["monotonic"] - (facts["replication"]["silent_seconds"] or 0),
        }
    memory = {
        "samples": [*known["samples"], *([counters] if counters else [])][-findings.SAMPLES :],
        "heard": heard,
        "findings": {key: finding.to_json() for key, finding in findings.keyed(found).items()},
        "compared": known["compared"],
    }
    save(file, json.dumps(memory))
    if config.textfile:
        save(Path(config.textfile), metrics.render(facts, found))


def save(file: Path, text: str) -> None:
    """Write a file; a full disk is no reason to have no check, and is not what the check has found."""
    try:
        write(file, text)
    except OSError as error:
        log(LEVELS["warning"], f"{file}: can't be written: {error.strerror}")


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("health", "Tell how this firewall is.")
    parser.add_argument("--config", type=Path, default=Path("/etc/ftfw/health.json"))
    parser.add_argument("--compare", action="store_true", help="with versions and digests of the flows")
    parser.add_argument(
        "--watch", action="store_true", help="log what has changed and write metrics, print nothing"
    )
    parser.add_argument(
        "--answer", action="store_true", help="read which facts are asked for, and print them to the peer"
    )
    chosen = parser.parse_args(words)
    config = load(chosen.config)
    file = Path(config.memory) / "memory.json"
    known = recall(file)
    node = NodeFacts(config, known["heard"])
    if chosen.answer:
        print(json.dumps(node.shared(sys.stdin.readline(16).strip() == peer.FLOWS)))
        return
    facts = node.facts(chosen.compare or chosen.watch, chosen.compare)
    found = findings.find(facts, known["samples"])
    if chosen.watch:
        comparison = peer.PeerComparison(node, known["compared"], list(known["findings"].values()))
        found += comparison.find(facts)
        known["compared"] = comparison.earlier
        watch(config, file, known, facts, found)
    else:
        print(json.dumps({**facts, "findings": [finding.to_json() for finding in found]}))
