# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a section of an inventory is: its variables, how they are read, what is checked, what hosts get of it.

A section that looks at others only, such as who reaches a firewall, has no variables of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import (
    AddressBook,
    ReadFile,
    host_addresses,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import Places
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Network, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint

Named = tuple[str, str, str, Mapping[str, str]]
"""Host, key, name, and what is wrong with names that are reserved there."""


@dataclass
class HostReading:
    """The variables of one host, while they are read."""

    name: str
    variables: Mapping[str, object]
    value: Callable[[str], Value]
    """Finds a variable's value, by the name of the variable."""


@dataclass
class Reading:
    """The variables of a site, while they are read. What one section needs of another is read when asked."""

    shared: Mapping[str, Value]
    """Site-wide variables, each as all hosts have it."""
    warnings: Problems
    read_file: ReadFile
    readers: Mapping[str, ReadSite]
    """By the field of the site that they read."""
    read_hosts: Callable[[], Mapping[str, Host]]
    found: dict[str, Any] = field(default_factory=dict)

    def of(self, name: str) -> Any:
        """A field of the site."""
        if name not in self.found:
            self.found[name] = self.readers[name](self)
        return self.found[name]

    @cached_property
    def hosts(self) -> Mapping[str, Host]:
        return self.read_hosts()

    @cached_property
    def book(self) -> AddressBook:
        """Looks up what lists of addresses name; that may be hosts, with their addresses on data networks."""
        networks: Mapping[str, Network] = self.of("networks")
        pairs: Sequence[Pair] = self.of("pairs")
        known = host_addresses(self.hosts, networks, pairs)
        return AddressBook(self.shared["site_addresses"].entries(), known, self.warnings, self.read_file)


@dataclass
class Checking:
    """A site that was read, while its parts are held against each other."""

    site: Site
    problems: Problems
    warnings: Problems
    groups: Mapping[str, Sequence[str]]
    """The inventory's, each with its hosts."""
    addresses: Places = field(default_factory=lambda: Places("this address", "give every interface its own"))
    macs: Places = field(default_factory=lambda: Places("this MAC address", "give every interface its own"))


ReadSite = Callable[[Reading], Any]
ReadHost = Callable[[HostReading], Any]


@dataclass(frozen=True)
class Section:
    """One section. All that there is to know of it stands here, or is composed of all sections' such parts.

    The order of sections, and nothing else, is the order in which problems are told.
    """

    variables: tuple[str, ...] = ()
    """A site has one value of a variable that begins with site_; of others each host has its own."""
    borrowed: tuple[str, ...] = ()
    """Variables of Ansible's own that it reads, too."""

    reads: Mapping[str, ReadSite] = field(default_factory=dict)
    """Fields of Site, each with what reads it."""
    reads_host: Mapping[str, ReadHost] = field(default_factory=dict)
    """Fields of Host."""
    keeps: Mapping[type[object], Callable[[Value, Site], object]] = field(default_factory=dict)
    """What nobody else needs, by its type (see Site.part), read of its first variable."""
    files: Callable[[Mapping[str, object]], Iterable[object]] | None = None
    """The paths that a host's variables name, as they are written."""

    against: tuple[str, ...] | None = None
    """The variables that it is checked against: what is wrong here may follow from what is wrong there.
    None is all of them."""
    alone: tuple[str, ...] = ()
    """Its keys that nothing else is checked against."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Variables that somebody may look for, and where what they say is written."""

    lacking: Callable[[Site], tuple[str, str] | None] | None = None
    """What is wrong, and would be right, where its first variable is not there and others need it."""
    names: Callable[[Site], Iterator[Named]] | None = None
    """The names that it gives."""
    names_host: Callable[[Host], Iterator[Named]] | None = None
    check: Callable[[Checking], None] | None = None
    """Finds problems. What a sound part does probably not mean is a warning, even where others are wrong."""
    check_host: Callable[[Checking, Host], None] | None = None
    """Runs for one host after the other, once all of a group of sections about hosts were checked."""
    warn: Callable[[Site, Problems], None] | None = None
    """Tells what a site without problems probably does not mean."""

    view: Callable[[Viewpoint], Parts] | None = None
    """What a host gets; nothing where it has no use for it."""
    view_all: Callable[[Site], Parts] | None = None
    """What is the same for every host, and made once."""


@dataclass(frozen=True)
class OfHosts:
    """Sections about hosts, which are read and checked together, one host after the other."""

    sections: tuple[Section, ...]
