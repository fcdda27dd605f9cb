#!/usr/bin/python3 -I
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give cards their names by their MACs, before the network is up; swaps and rings of names as well.

udev renames one card after the other, as they come, and a name that another card still has is refused: with
names of the kernel's own pattern (eth0, eth1) cards end up swapped. So the .link files of these cards leave
the names alone, and have them in a section of their own, which this program reads. All cards that are to move
go out of the way first, and then to their places. A card that nobody has declared goes out of the way, too.

Where a name sits on another card all the same, nothing is put on the data cards: systemd-networkd is told to
leave them alone, the ruleset stays closed (load-ruleset reads what is written here), and keepalived does not
start. The management goes on by its MAC.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ERROR, NOTICE = 3, 5
"""Levels of syslog(3); systemd takes them from a prefix (sd-daemon(3))."""
TRIALS = 5
PAUSE = 0.1
"""Seconds between two looks at cards that have not come yet."""
PATTERN = "10-ftfw-*.link"
SYSTEMCTL, NETWORKCTL = "/usr/bin/systemctl", "/usr/bin/networkctl"
_NLMSG, _IFINFOMSG, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxHiII"), struct.Struct("=HH")
_NEWLINK, _GETLINK, _SETLINK, _ERROR, _DONE = 16, 18, 19, 2, 3
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_PERM_ADDRESS = 1, 3, 18, 54
_INFO_KIND, _INFO_SLAVE_KIND = 1, 4
_ETHER = 1


@dataclass(frozen=True)
class Wanted:
    """A card of the inventory."""

    mac: str
    name: str
    management: bool


@dataclass(frozen=True)
class Card:
    """A device as the kernel has it. `mac` is None for what has none of its own, as a VLAN or a bond."""

    index: int
    name: str
    mac: str | None
    """The permanent one, where the card has one."""
    current: str | None = None
    """The one that it was given since; a bond's member has the bond's, which is none of its own."""


def plan(cards: Sequence[Card], wanted: Sequence[Wanted]) -> list[tuple[int, str]]:
    """Which device gets which name, in order; none where all is well. Names of absent cards stay free."""
    names = {one.mac: one.name for one in wanted}
    taken = set(names.values())
    wrong = [card for card in cards if card.mac in names and card.name != names[card.mac]]
    strangers = [card for card in cards if card.mac not in names and card.name in taken]
    out = [(card.index, f"aside{card.index}") for card in (*strangers, *wrong)]
    return out + [(card.index, names[card.mac]) for card in wrong if card.mac is not None]


def by_current(cards: Sequence[Card], wanted: Sequence[Wanted]) -> list[Card]:
    """The cards, known by the MACs that the inventory may mean.

    The permanent one comes first: it is the card's alone. Whoever gave a card another one, a hypervisor or an
    administrator, may have written that into the inventory, and systemd-networkd goes by it, too. It counts
    where no card has it by nature, one card only was given it, and that card is not declared itself.
    """
    declared, born = {one.mac for one in wanted}, {card.mac for card in cards}
    given = [card.current for card in cards if card.current]
    return [
        replace(card, mac=card.current)
        if card.current in declared - born and given.count(card.current) == 1 and card.mac not in declared
        else card
        for card in cards
    ]


def complaints(cards: Sequence[Card], wanted: Sequence[Wanted]) -> list[str]:
    """What is wrong, each a sentence. A card that is absent is no wrong name."""
    found = []
    for one in wanted:
        holders = [card for card in cards if card.name == one.name and card.mac != one.mac]
        others = [card.name for card in cards if card.mac == one.mac and card.name != one.name]
        found += [f"{one.name} is the card {card.mac or 'of others'}, and not {one.mac}" for card in holders]
        found += [f"the card {one.mac} is called {name}, and not {one.name}" for name in others]
    return found


def read_links(folder: Path) -> list[Wanted]:
    """The cards that the node's .link files declare."""
    found = []
    for file in sorted(folder.glob(PATTERN)):
        said = dict(re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE))
        if said.get("MACAddress") and said.get("Name"):
            mac = said["MACAddress"].lower().replace("-", ":")
            found.append(Wanted(mac, said["Name"], said.get("Management") == "yes"))
    return found


def refusal(wanted: Sequence[Wanted]) -> str:
    """The .network file that keeps systemd-networkd away from the data cards."""
    macs = " ".join(one.mac for one in wanted if not one.management)
    return f"[Match]\nMACAddress={macs}\nType=ether\n\n[Link]\nUnmanaged=yes\n"


def real_names(cards: Sequence[Card], wanted: Sequence[Wanted]) -> str:
    """sed's commands for rules that name the management's cards: the names that these have now."""
    return "".join(
        f's/"{one.name}"/"{card.name}"/\n'
        for one in wanted
        for card in cards
        if one.management and card.mac == one.mac and card.name != one.name
    )


def log(level: int, message: str) -> None:
    print(f"<{level}>{message}", file=sys.stderr, flush=True)


def talk(kind: int, flags: int, body: bytes) -> Iterator[bytes]:
    """Ask rtnetlink(7); the devices that it answers with. Raises OSError for its errors."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(5)
        asked.send(_NLMSG.pack(_NLMSG.size + len(body), kind, _REQUEST | flags, 1, 0) + body)
        while True:
            data, place = asked.recv(1 << 17), 0
            while place + _NLMSG.size <= len(data):
                length, answer, _flags, _sequence, _port = _NLMSG.unpack_from(data, place)
                entry = data[place + _NLMSG.size : place + length]
                place += max((length + 3) & ~3, _NLMSG.size)
                if answer == _ERROR:
                    number = -int(struct.unpack_from("=i", entry)[0])
                    if number:
                        raise OSError(number, os.strerror(number))
                    return
                if answer == _DONE:
                    return
                if answer == _NEWLINK:
                    yield entry


def attributes(entry: bytes, place: int = 0) -> dict[int, bytes]:
    found = {}
    while place + _ATTRIBUTE.size <= len(entry):
        length, kind = _ATTRIBUTE.unpack_from(entry, place)
        found[kind & 0x3FFF] = entry[place + _ATTRIBUTE.size : place + length]
        place += max((length + 3) & ~3, _ATTRIBUTE.size)
    return found


def look_for(wanted: Sequence[Wanted]) -> list[Card]:
    return by_current(look(), wanted)


def look() -> list[Card]:
    """All devices of this network namespace."""
    found = []
    for entry in talk(_GETLINK, _DUMP, _IFINFOMSG.pack(0, 0, 0, 0, 0)):
        _family, kind, index, _flags, _change = _IFINFOMSG.unpack_from(entry)
        said = attributes(entry, _IFINFOMSG.size)
        link = attributes(said.get(_IFLA_LINKINFO, b""))
        made, above = (link.get(one, b"").rstrip(b"\0") for one in (_INFO_KIND, _INFO_SLAVE_KIND))
        current = said.get(_IFLA_ADDRESS) or b""
        # a member of a bond has the bond's address, and still its own
        own = said.get(_IFLA_PERM_ADDRESS) or current
        card = kind == _ETHER and made in (b"", b"veth", b"dummy")
        found.append(
            Card(
                index,
                said[_IFLA_IFNAME].rstrip(b"\0").decode(),
                own.hex(":") if card else None,
                current.hex(":") if card and above not in (b"bond", b"team") else None,
            )
        )
    return found


def rename(index: int, name: str) -> None:
    packed = name.encode() + b"\0"
    attribute = (
        _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), _IFLA_IFNAME) + packed + bytes(-len(packed) % 4)
    )
    for _entry in talk(_SETLINK, _ACK, _IFINFOMSG.pack(0, 0, index, 0, 0) + attribute):
        pass


def await_cards(wanted: Sequence[Wanted], seconds: float) -> list[Card]:
    """Wait until all cards are there, so long at most."""
    end = time.monotonic() + seconds
    while True:
        cards = look_for(wanted)
        if not {one.mac for one in wanted} - {card.mac for card in cards} or time.monotonic() >= end:
            return cards
        time.sleep(PAUSE)


def settle(wanted: Sequence[Wanted], seconds: float) -> tuple[list[Card], list[str]]:
    """Rename until all is well: what there is then, and the names that were given."""
    cards, given = await_cards(wanted, seconds), []
    for _trial in range(TRIALS):
        steps = plan(cards, wanted)
        if not steps:
            break
        for index, name in steps:
            try:
                rename(index, name)
                given.append(name)
            except OSError as error:
                log(ERROR, f"the card {index} can't be called {name}: {error.strerror}")
        cards = look_for(wanted)
        if plan(cards, wanted):
            time.sleep(PAUSE)
    return cards, given


def write(files: Mapping[Path, str]) -> bool:
    """Write files, or remove those without content; whether one has changed."""
    changed = False
    for file, text in files.items():
        if text == (file.read_text() if file.exists() else ""):
            continue
        changed = True
        file.parent.mkdir(parents=True, exist_ok=True)
        if text:
            file.write_text(text)
        else:
            file.unlink()
    return changed


def tell_networkd(names: Sequence[str]) -> None:
    """Have files read and cards configured by a networkd that runs: one was plugged in.

    At boot, and when it is started anew, it is inactive, waits for this program, and reads all files then.
    To wait for its answer then would be to wait for each other.
    """
    asked = [SYSTEMCTL, "is-active", "systemd-networkd.service"]
    commands = [["reload"], *([["reconfigure", *names]] if names else [])]
    try:
        state = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        if state in ("active", "activating", "reloading"):
            for command in commands:
                subprocess.run([NETWORKCTL, *command], check=False)
    except OSError as error:
        log(ERROR, f"systemd-networkd can't be told: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="name-cards", description="Give cards their names by their MACs.")
    parser.add_argument("--check", action="store_true", help="change nothing; say what is wrong, exit 1 then")
    parser.add_argument(
        "--links", type=Path, default=Path("/etc/systemd/network"), help="folder of .link files"
    )
    parser.add_argument("--run", type=Path, default=Path("/run"), help="where to leave what is wrong")
    parser.add_argument("--wait", type=float, default=20, help="seconds that cards may take to come")
    chosen = parser.parse_args()
    wanted = read_links(chosen.links)
    if chosen.check:
        wrong = complaints(look_for(wanted), wanted)
        sys.exit("\n".join(wrong) or None)
    # cards may be late at boot only; where there is no udev, as in a container, none comes by its doing
    waited = chosen.run / "ftfw/waited"
    boot = (chosen.run / "udev/control").exists() and not waited.exists()
    cards, given = settle(wanted, chosen.wait if boot else 0)
    if boot:
        write({waited: "for all cards, once\n"})
    wrong = complaints(cards, wanted)
    for sentence in wrong:
        log(ERROR, f"{sentence}: no data card of this node is configured")
    changed = write(
        {
            chosen.run / "ftfw/cards": "".join(f"{sentence}\n" for sentence in wrong),
            chosen.run / "ftfw/cards.sed": real_names(cards, wanted) if wrong else "",
            chosen.run / "systemd/network/05-ftfw-refused.network": refusal(wanted) if wrong else "",
        }
    )
    names = [name for name in given if not name.startswith("aside")]
    if names:
        log(NOTICE, f"named by their MACs: {', '.join(names)}")
    if changed or names:
        tell_networkd(names)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
