# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_services: a site's own services, beside those of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Named, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import ANY
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    CATALOGUE,
    HELPERS,
    ICMP_REQUESTS,
    WITH_PORTS,
    Service,
)

_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


def read_services(reading: Reading) -> dict[str, Service]:
    own = {name: _service(name, value) for name, value in reading.shared["site_services"].entries().items()}
    return {**CATALOGUE, **own}


def _service(name: str, value: Value) -> Service:
    fields = value.section(*WITH_PORTS, "icmp", "helper")
    Value(value.host, value.key, name, value.problems).word()
    if name == ANY:
        value.wrong("stands for every protocol", "give the service another name")
    tcp, udp, sctp = (present(_ports(item) for item in fields[key].items()) for key in WITH_PORTS)
    icmp = present(item.choice(*ICMP_REQUESTS) for item in fields["icmp"].items())
    helper = fields["helper"].choice(*HELPERS)
    if not any(fields[key].raw for key in (*WITH_PORTS, "icmp")):
        value.wrong("a service without a port", "give it tcp, udp, sctp or icmp", follows=True)
    if helper and not (tcp if HELPERS[helper] == "tcp" else udp):
        fields["helper"].wrong(
            f"follows a {HELPERS[helper]} control connection",
            f"give the service its {HELPERS[helper]} port",
            follows=True,
        )
    return Service(name, tcp, udp, sctp, icmp, helper)


def _ports(value: Value) -> tuple[int, int] | None:
    """Read a port, or a range such as 30000-30999."""
    match = _PORTS.fullmatch(value.raw) if isinstance(value.raw, str) else None
    if match is None:
        port = value.integer(1, 65535)
        if value.raw is None:
            value.wrong("is no port", "use 1 to 65535")
        return None if port is None else (port, port)
    first, last = int(match[1]), int(match[2])
    if 1 <= last < first <= 65535:
        value.wrong("ends before it begins", f"write {last}-{first}")
        return None
    if not 1 <= first <= last <= 65535:
        value.wrong("is no range of ports", "write FIRST-LAST, within 1 to 65535")
        return None
    return first, last


def _names(site: Site) -> Iterator[Named]:
    for name in site.services:
        yield SITE, f"site_services.{name}", name, {}


SECTION = Section(variables=("site_services",), reads={"services": read_services}, against=(), names=_names)
