# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench measures both families in every row that has two, and shows both."""

from __future__ import annotations

import importlib
import io
import json
import struct
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.page import document as result_document
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.page import page

ROOT = Path(__file__).parents[3]
VIRTUAL = ["192.168.0.100", "192.168.2.100"]
VIRTUAL_6 = ["2001:db8:2::100", "2001:db8::100"]
WITHOUT_FAMILY = {"busy_flaps"}
"""Figures that are of no family."""


def test_every_figure_has_both_families(bench: dict[str, Any]) -> None:
    pairs = importlib.import_module("catalogue").IN_IPV6
    both = {*pairs, *pairs.values()}
    assert set(bench["FIGURES"]) == both | WITHOUT_FAMILY
    for four, six in pairs.items():
        assert bench["FIGURES"][six].limit == bench["FIGURES"][four].limit


def addresses(*held: str) -> str:
    """What `ip -json address show` says of a node's eth0, beside a link without addresses."""
    own = [{"family": "inet", "local": "192.168.0.1"}, *({"local": address} for address in held)]
    return json.dumps([{"ifname": "eth0", "addr_info": own}, {"ifname": "sit0"}])


@pytest.mark.parametrize(
    ("profile", "one", "two", "primary", "split"),
    [
        pytest.param("default", [*VIRTUAL, *VIRTUAL_6], [], True, False, id="both-families"),
        pytest.param("default", VIRTUAL, [], False, False, id="ipv4-alone"),
        pytest.param("default", VIRTUAL_6, [], False, False, id="ipv6-alone"),
        pytest.param(
            "default", [*VIRTUAL, *VIRTUAL_6], VIRTUAL_6[:1], False, False, id="peer-has-one-of-ipv6"
        ),
        pytest.param("default", [*VIRTUAL, *VIRTUAL_6], [*VIRTUAL, *VIRTUAL_6], False, True, id="split"),
        pytest.param("default", [*VIRTUAL, *VIRTUAL_6], VIRTUAL, False, False, id="split-in-ipv4-alone"),
        pytest.param("manual", VIRTUAL, [], True, False, id="the-manual-has-ipv4"),
        pytest.param("manual", [*VIRTUAL, *VIRTUAL_6], [], False, False, id="left-by-another-profile"),
    ],
)
def test_a_primary_holds_the_addresses_of_its_families(
    bench: dict[str, Any], profile: str, one: list[str], two: list[str], primary: bool, split: bool
) -> None:
    module = importlib.import_module("lab")
    lab = module.Lab("ftfw-bench", importlib.import_module("profiles").families(profile))
    held = {"fw-1": one, "fw-2": two}
    lab.run = lambda node, script: addresses(*held[node])
    assert lab.holders() == {node: sorted(all_) for node, all_ in held.items()}
    assert (lab.is_primary("fw-1"), lab.is_primary("fw-2")) == (primary, False)
    assert lab.two_primaries() is split


def test_a_profile_brings_its_families(
    bench: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = SimpleNamespace(
        prefix="ftfw-bench", run=lambda *_, **__: "", primary=lambda: "fw-1", wait=lambda *_: None
    )
    profiles = bench["Profiles"](lab, tmp_path, [])
    monkeypatch.setattr(profiles, "files", lambda _profile, _node: {})
    monkeypatch.setattr(profiles, "_settled", lambda _profile: True)
    monkeypatch.setattr(importlib.import_module("profiles"), "FILES", {"transition": "x", "ruleset.nft": "y"})
    for profile, families in (("manual", [4]), ("fast", [4, 6]), ("stock", [4])):
        profiles.apply(profile)
        assert [one.family for one in lab.ends] == families


def segment(
    family: int, *, flags: int = 0x10, options: bytes = b"", data: bytes = b"", protocol: int = 6
) -> bytes:
    """A packet from port 40001 to 7001, padded as on a short frame; its checksum is wrong."""
    tcp = struct.pack("!HHIIBBHHH", 40001, 7001, 1, 2, (5 + len(options) // 4) << 4, flags, 8, 0xBEEF, 0)
    tcp += options + data
    if family == 4:
        ends = bytes([192, 168, 2, 3, 192, 168, 0, 3])
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, protocol, 0)
    else:
        ends = bytes.fromhex("20010db8000200000000000000000003" + "20010db8000000000000000000000003")
        header = struct.pack("!IHBB", 0x60012345, len(tcp), protocol, 64)
    return header + ends + tcp + b"\0" * 6


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("more", "ports"),
    [
        pytest.param({}, (40001, 7001), id="bare"),
        pytest.param({"options": b"\1" * 12}, (40001, 7001), id="options"),
        pytest.param({"data": b"x"}, None, id="data"),
        pytest.param({"flags": 0x12}, None, id="syn"),
        pytest.param({"flags": 0x18}, None, id="push"),
        pytest.param({"protocol": 17}, None, id="udp"),
    ],
)
def test_a_bare_acknowledgement_is_known_by_its_header(
    bench: dict[str, Any], family: int, more: dict[str, Any], ports: tuple[int, int] | None
) -> None:
    load = importlib.import_module("load")
    packet = segment(family, **more)
    assert load.bare_acknowledgement(packet, family) == ports
    assert load.bare_acknowledgement(packet, 10 - family) is None
    assert load.bare_acknowledgement(packet[:30], family) is None


@pytest.mark.parametrize("family", [4, 6])
def test_a_segment_gets_its_checksum(bench: dict[str, Any], family: int) -> None:
    load = importlib.import_module("load")
    packet = segment(family, options=b"\1" * 12)
    mended = load.with_checksum(packet)
    start, tcp = (20, mended[20:]) if family == 4 else (40, mended[40:])
    assert mended[:start] == packet[:start] and len(tcp) == 32
    # the pseudo header of RFC 9293, section 3.1, and of RFC 8200, section 8.1
    ends = mended[12:20] if family == 4 else mended[8:40]
    assert load.checksum(ends + struct.pack("!HH", 6, len(tcp)) + tcp) == 0


class FakeLab:
    """A pair that hands over both families, and hosts that print what load.py prints."""

    def __init__(self, silent: int = 0) -> None:
        self.silent, self.started = silent, list[tuple[str, ...]]()

    def run(self, host: str, script: str, check: bool = True, text: str | None = None) -> str:
        return ""

    def start(self, host: str, *words: str) -> Any:
        self.started.append((host, *words))
        said, error = "", ""
        if "monitor" in words:
            said = (
                "[2026-11-22T10:00:00.500000+00:00] 2: eth1    inet 192.168.2.100/32 scope global eth1\n"
                "[2026-11-22T10:00:00.600000+00:00] 2: eth1    inet6 2001:db8:2::100/128 scope global\n"
            )
        elif "watch" in words:
            # 10:00:00.5 is 1795341600.5; ports of both families may be the same
            first = {"4": 1795341600.52, "6": 1795341600.67}[words[-1]]
            said = f"watching\n40001 {first - 3:.6f}\n40001 {first:.6f}\n40002 {first:.6f}\n"
        elif words[-1] == str(self.silent):
            error = "TimeoutError: timed out"
        else:
            said = "40001 40002\n"
        return SimpleNamespace(
            stdout=io.StringIO(said),
            stderr=io.StringIO(error),
            terminate=lambda: None,
            communicate=lambda: (said, error),
        )

    def links(self, node: str, state: str) -> None: ...

    def wait(self, *_: Any) -> None: ...


@pytest.mark.parametrize(
    ("profile", "firsts"),
    [
        pytest.param("manual", {"crash_100k_first_packet_ms": 20}, id="one-family"),
        pytest.param(
            "fast", {"crash_100k_first_packet_ms": 20, "crash_100k_v6_first_packet_ms": 70}, id="both"
        ),
    ],
)
def test_the_first_packet_is_measured_in_the_families_of_the_pair(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, profile: str, firsts: dict[str, float]
) -> None:
    cases = importlib.import_module("cases")
    held = {"survivors": 1, "resets": 0}
    seen = {f"{mark}{name}": held for mark in ("", "v6_") for name in ("snat", "dnat")}
    monkeypatch.setattr(cases, "RunningProbe", lambda *_: SimpleNamespace(collect=lambda: seen))
    monkeypatch.setattr(cases.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(cases, "fill", lambda *_: None)
    monkeypatch.setattr(cases, "survivors", lambda *_: {})
    lab = FakeLab()
    figures = cases.survival(lab, profile, "fw-1").figures
    assert {name: value for name, value in figures.items() if "first" in name} == pytest.approx(firsts)
    kinds = {(words[-3], words[-1]) for words in lab.started if "/root/load.py" in words}
    families = ["4", "6"][: len(firsts)]
    assert kinds == {(what, family) for what in ("watch", "stream") for family in families}
    with pytest.raises(bench["LabError"], match="no flow of IPv4: TimeoutError: timed out"):
        cases.survival(FakeLab(silent=4), profile, "fw-1")


def test_a_table_has_as_many_prefixes_of_either_family(bench: dict[str, Any]) -> None:
    speed = importlib.import_module("policy_speed")
    for family, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        made = [ip_network(prefix) for prefix in speed.prefixes(7, family)]
        assert len(made) == speed.PREFIXES and {one.version for one in made} == {family}
        ordered = sorted(made)
        # none touches another, so that the kernel's set has as many
        assert all(
            int(before.broadcast_address) + 1 < int(after.network_address)
            for before, after in zip(ordered, ordered[1:])
        )
        assert set(made) ^ {ip_network(prefix) for prefix in speed.prefixes(8, family)} == {
            made[-1],
            ip_network([*speed.prefixes(8, family)][-1]),
        }
        assert f"type {kind}\n" in speed.table(7, family)


def test_policies_are_measured_in_both_families(
    bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = importlib.import_module("policy_speed")
    monkeypatch.setattr(speed, "FEW", 4)
    monkeypatch.setattr(speed, "MANY", 40)
    texts: list[str] = []
    compiled = speed.compiled

    def kept(*given: Any) -> str:
        texts.append(compiled(*given))
        return texts[-1]

    monkeypatch.setattr(speed, "compiled", kept)
    figures = speed.compile_policies()
    assert set(figures) == {
        f"policy_compile_{mark}{what}" for mark in ("", "v6_") for what in ("5000_s", "growth")
    }
    # each entry's own prefix is in the ruleset
    assert any("10.0.39.0/24" in text for text in texts) and any("fd00:0:27::/48" in text for text in texts)
    monkeypatch.setattr(speed, "apply_table", lambda family, mark: {f"{family}{mark}": 1.0})
    assert speed.apply_tables() == {"4": 1.0, "6v6_": 1.0}


def whole_run(bench: dict[str, Any]) -> dict[str, Any]:
    """A run of all measures with its figures, as the program writes it."""
    trials: dict[tuple[str, str], list[float]] = {}
    catalogue = importlib.import_module("catalogue")
    for name, figure in bench["FIGURES"].items():
        for profile in bench["PROFILES"]:
            if "v6_" in name and profile not in bench["OURS"]:
                continue
            limit = (figure.limit or {}).get(profile, {})
            best = limit.get("min", min(limit.get("max", 1.0), 1.0))
            trials[name, profile] = [best] * 3
    assert set(catalogue.IN_IPV6.values()) <= {name for name, _profile in trials}
    lab = SimpleNamespace(run=lambda *_: "Keepalived v2\nconntrackd v1\nnftables v1\n")
    made: dict[str, Any] = bench["document"](trials, {}, [], lab)
    return made


def publish(bench: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch, run: dict[str, Any]) -> str:
    """Publish a run beside what is kept here, and return the page of the documentation."""
    table = importlib.import_module("table")
    names = {"README.md": "README.md", "docs/bench.md": "bench.md", "docs/bench.json": "bench.json"}
    for source, target in names.items():
        (folder / target).write_text((ROOT / source).read_text())
    kept = json.loads((folder / "bench.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "machine": kept["machine"]}))
    table.publish(folder / "run.json", folder / "bench.json", folder / "README.md", folder / "bench.md")
    return table.whole(json.loads((folder / "bench.json").read_text()))  # type: ignore[no-any-return]


def test_a_run_with_all_figures_is_published_in_both_families(
    bench: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = whole_run(bench)
    result_document.load(run, "run.json")
    made = publish(bench, tmp_path, monkeypatch, run)
    assert "(IPv4)" not in made and made in (tmp_path / "bench.md").read_text()
    kept = result_document.load(json.loads((tmp_path / "bench.json").read_text()), "bench.json")
    drawn = page(kept)
    for figure in bench["FIGURES"].values():
        assert figure.title.replace("'", "&#39;") in drawn


@pytest.mark.parametrize("measured", ["control", "two_holders", "cost", "policy_forward", "policy_compile"])
def test_a_run_of_one_measure_replaces_its_rows_only(
    bench: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: str
) -> None:
    whole = whole_run(bench)
    before = (ROOT / "docs/bench.md").read_text().splitlines()
    kept = {
        (one["name"], one["profile"]) for one in json.loads((ROOT / "docs/bench.json").read_text())["cases"]
    }
    ours = [
        one
        for one in whole["cases"]
        if one["name"].startswith(measured)
        and ("v6_" in one["name"] or (one["name"], one["profile"]) in kept)
    ]
    made = publish(bench, tmp_path, monkeypatch, {**whole, "cases": ours}).splitlines()
    rows = [line for line in made if line.startswith(f"| `{measured}")]
    assert rows and not any("(IPv4)" in line for line in rows)
    # what was not measured stands as it stood
    others = [line for line in made if line.startswith("| `") and line not in rows]
    assert others == [line for line in others if line in before] and len(others) > 20


def test_what_is_kept_is_drawn(bench: dict[str, Any]) -> None:
    kept = result_document.load(json.loads((ROOT / "docs/bench.json").read_text()), "bench.json")
    drawn = page(kept)
    assert all(one.title.replace("'", "&#39;") in drawn for one in kept.cases)
