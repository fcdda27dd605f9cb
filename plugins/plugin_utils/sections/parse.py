# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns an inventory's variables into the typed model, noting every value that is not what it must be.

Names (of networks, hosts, services) are kept as written, known or not, so that one misspelt name gives one
error and not a dozen; site_checks looks them up. A model may be used only when no problem was found.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entry import read_entry
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, closest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.fragments import read_fragments
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.pairs import read_pair
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.source_nat import read_source_nat
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import (
    AddressBook,
    ReadFile,
    host_addresses,
    no_file,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LEAST_MTU
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import ANY
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    REVERSE_PATHS,
    Bridge,
    Guest,
    Host,
    Interface,
    Network,
    PortForward,
    Probes,
    Site,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, Prefix
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    CATALOGUE,
    HELPERS,
    ICMP_REQUESTS,
    Service,
)

SITE_VARIABLES = (
    "site_name",
    "site_networks",
    "site_pairs",
    "site_addresses",
    "site_policy",
    "site_policy_tests",
    "site_services",
    "site_port_forwards",
    "site_source_nat",
    "site_reverse_path",
    "site_fragments",
    "site_filter_bridges",
    "site_probes",
)
HOST_VARIABLES = ("hypervisor_bridges", "guest", "node_interfaces", "node_resolvers")
CONNECTION_VARIABLES = ("ansible_host", "ansible_connection")
"""Ansible's own: they say which way it comes."""
CONNECTION_OPTIONS = (
    "ansible_port",
    "ansible_ssh_port",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
)
"""Where these differ, one address may be two machines."""
MODEL = (*SITE_VARIABLES, *HOST_VARIABLES)
_READ = frozenset((*MODEL, *CONNECTION_VARIABLES, *CONNECTION_OPTIONS))

_FORWARD = ("to", "address", "service", "host", "hairpin", "sources")
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,64}}$){_LABEL}(\.{_LABEL})*")
_GUEST_NAME = re.compile(r"(?=.{1,26}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


def read_site(
    hostvars: Mapping[str, Mapping[str, object]],
    problems: Problems,
    warnings: Problems,
    read_file: ReadFile = no_file,
) -> Site:
    """Read all hosts' variables (name → variables) into one model."""
    shared = _shared_variables(hostvars, problems)
    networks = {name: _network(name, value) for name, value in shared["site_networks"].entries().items()}
    own_services = {name: _service(name, value) for name, value in shared["site_services"].entries().items()}
    pairs = tuple(read_pair(name, value) for name, value in shared["site_pairs"].entries().items())
    hosts = {name: _host(name, variables, problems) for name, variables in hostvars.items()}
    named_hosts = host_addresses(hosts, networks, pairs)
    book = AddressBook(shared["site_addresses"].entries(), named_hosts, warnings, read_file)
    addresses = book.resolve()
    return Site(
        name=shared["site_name"].word() or "site",
        networks=networks,
        pairs=pairs,
        policy=tuple(read_entry(i, value, book) for i, value in enumerate(shared["site_policy"].items())),
        services={**CATALOGUE, **own_services},
        port_forwards=tuple(
            _port_forward(i, value, book) for i, value in enumerate(shared["site_port_forwards"].items())
        ),
        source_nat=read_source_nat(shared["site_source_nat"]),
        reverse_path=shared["site_reverse_path"].choice(*REVERSE_PATHS) or "strict",
        filter_bridges=shared["site_filter_bridges"].boolean(False),
        hosts=hosts,
        probes=_probes(shared["site_probes"]) if shared["site_probes"].given else None,
        addresses=addresses,
        fragments=read_fragments(shared["site_fragments"], read_file),
    )


def _shared_variables(hostvars: Mapping[str, Mapping[str, object]], problems: Problems) -> dict[str, Value]:
    """Take each site-wide variable from the first host that has it; the others must say the same."""
    shared = {}
    unread = [
        (meant(name), value)
        for variables in hostvars.values()
        for name, value in variables.items()
        if name not in _READ
    ]
    for key in SITE_VARIABLES:
        holders = [(host, variables[key]) for host, variables in hostvars.items() if key in variables]
        misspelt = [] if holders else [value for about, value in unread if about == key]
        if misspelt:
            shared[key] = Value(SITE, key, misspelt[0], problems, silent=True)
            continue
        first = holders[0] if holders else (SITE, None)
        for host, raw in holders[1:]:
            # a number that is none (.nan) differs from itself
            if raw != first[1] and repr(raw) != repr(first[1]):
                problems.add(
                    host,
                    key,
                    raw,
                    f"differs from what {first[0]} has",
                    "a site-wide variable is written once, for the group all",
                )
        shared[key] = Value(SITE, key, None, problems).at(key, first[1])
    return shared


@functools.cache
def meant(name: str) -> str | None:
    """Find the variable of the model that a misspelt name was meant for."""
    if name in MODEL or not name.startswith(("site_", "hypervisor_", "node_")):
        return None
    return closest(name, MODEL, 0.88)


def _meant_for(key: str, variables: Mapping[str, object]) -> list[object]:
    """What stands under a misspelt name, which is told by itself, is read as if the name were right."""
    return [value for name, value in variables.items() if name not in _READ and meant(name) == key]


def _network(name: str, value: Value) -> Network:
    fields = value.section("prefixes", "purpose", "mtu", "link_local", required=["prefixes"])
    Value(value.host, value.key, name, value.problems).word()
    prefixes: tuple[Prefix, ...] = present(item.prefix() for item in fields["prefixes"].items())
    if fields["prefixes"].raw == []:
        fields["prefixes"].wrong("is empty", "give the network a prefix")
    own_link_local = fields["link_local"].boolean(False) if fields["link_local"].given else None
    mtu = fields["mtu"].integer(576, 65535)
    if mtu is not None and mtu < LEAST_MTU:
        least = f"IPv6 needs {LEAST_MTU} (RFC 8200, section 5)"
        if any(prefix.version == 6 for prefix in prefixes):
            fields["mtu"].wrong(least, "give the network more, or leave its prefixes of IPv6 out")
        elif own_link_local:
            fields["mtu"].wrong(least, "give the network more, or leave link_local out")
    return Network(
        name,
        prefixes,
        management=fields["purpose"].choice("data", "management") == "management",
        mtu=mtu,
        own_link_local=own_link_local,
    )


def _service(name: str, value: Value) -> Service:
    fields = value.section("tcp", "udp", "icmp", "helper")
    Value(value.host, value.key, name, value.problems).word()
    if name == ANY:
        value.wrong("stands for every protocol", "give the service another name")
    tcp, udp = (present(_ports(item) for item in fields[key].items()) for key in ("tcp", "udp"))
    icmp = present(item.choice(*ICMP_REQUESTS) for item in fields["icmp"].items())
    helper = fields["helper"].choice(*HELPERS)
    if not any(fields[key].raw for key in ("tcp", "udp", "icmp")):
        value.wrong("a service without a port", "give it tcp, udp or icmp", follows=True)
    if helper and not (tcp if HELPERS[helper] == "tcp" else udp):
        fields["helper"].wrong(
            f"follows a {HELPERS[helper]} control connection",
            f"give the service its {HELPERS[helper]} port",
            follows=True,
        )
    return Service(name, tcp, udp, icmp, helper)


def _ports(value: Value) -> tuple[int, int] | None:
    """Read a port, or a range such as 30000-30999."""
    match = _PORTS.fullmatch(value.raw) if isinstance(value.raw, str) else None
    if match is None:
        port = value.integer(1, 65535)
        if value.raw is None:
            value.wrong("is no port", "use 1 to 65535")
        return None if port is None else (port, port)
    first, last = int(match[1]), int(match[2])
    if not 1 <= first <= last <= 65535:
        value.wrong("is no range of ports", "write FIRST-LAST, within 1 to 65535")
        return None
    return first, last


def _port_forward(index: int, value: Value, book: AddressBook) -> PortForward:
    fields = value.section(*_FORWARD, required=["to", "service", "host"])
    host = fields["host"].text() or ""
    if isinstance(value.raw, dict) and "sources" in value.raw and not fields["sources"].given:
        # what came out empty would let in anybody
        fields["sources"].wrong("is empty", "name addresses, or leave the key out for any")
    literal = re.fullmatch(r"[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*", host)
    return PortForward(
        index,
        network=fields["to"].text() or "",
        address=fields["address"].address(),
        service=fields["service"].name() or "",
        host=(fields["host"].address() or "") if literal else host,
        hairpin=fields["hairpin"].boolean(False),
        sources=book.listed(fields["sources"]),
    )


def _probes(value: Value) -> Probes:
    ports, amounts = ("tcp", "udp", "ftp", "forward"), ("rate", "sessions", "slack")
    fields = value.section("client", "server", *ports, *amounts, required=["client", "server"])
    forward = fields["forward"].section("tcp", "udp")
    default = Probes(fields["client"].text() or "", fields["server"].text() or "")
    return Probes(
        default.client,
        default.server,
        tcp=fields["tcp"].integer(1, 65535) or default.tcp,
        udp=fields["udp"].integer(1, 65535) or default.udp,
        ftp=fields["ftp"].integer(1, 65535) or default.ftp,
        forward_tcp=forward["tcp"].integer(1, 65535) or default.forward_tcp,
        forward_udp=forward["udp"].integer(1, 65535) or default.forward_udp,
        rate=fields["rate"].integer(10, 1000) or default.rate,
        sessions=fields["sessions"].integer(1, 100) or default.sessions,
        slack=fields["slack"].integer(1, 10) or default.slack,
    )


def _host(name: str, variables: Mapping[str, object], problems: Problems) -> Host:
    def top(key: str) -> Value:
        value = Value(name, key, None, problems)
        misspelt = [] if key in variables else _meant_for(key, variables)
        return value._replace(raw=misspelt[0], silent=True) if misspelt else value.at(key, variables.get(key))

    guest_value = top("guest")
    guest = _guest(guest_value) if guest_value.given else None
    interfaces = top("node_interfaces").entries()
    if guest and not _GUEST_NAME.fullmatch(name):
        problems.add(
            name,
            "guest",
            name,
            "a guest's name becomes its hostname, its unit and its user",
            "use up to 26 lower-case letters, digits and '-'",
        )
    elif interfaces and not _HOSTNAME.fullmatch(name):
        problems.add(name, "node_interfaces", name, "is no hostname", "use letters, digits, '-' and '.'")
    return Host(
        name,
        bridges=tuple(_bridge(key, value) for key, value in top("hypervisor_bridges").entries().items()),
        guest=guest,
        interfaces=tuple(_interface(key, value, guest is not None) for key, value in interfaces.items()),
        resolvers=top("node_resolvers").addresses(zone=True),
        reached_at=_reached_at(variables),
        reached_by=_reached_by(variables),
    )


def _guest(value: Value) -> Guest:
    fields = value.section(
        "hypervisor", "memory_mib", "cpus", "disk_mib", "swap_mib", required=["hypervisor"]
    )
    default = Guest(fields["hypervisor"].text() or "")
    swap = fields["swap_mib"].integer(0, 1 << 20)
    return Guest(
        default.hypervisor,
        memory_mib=fields["memory_mib"].integer(128, 1 << 22) or default.memory_mib,
        cpus=fields["cpus"].integer(1, 255) or default.cpus,
        disk_mib=fields["disk_mib"].integer(1024, 1 << 24) or default.disk_mib,
        swap_mib=default.swap_mib if swap is None else swap,
    )


def _bridge(name: str, value: Value) -> Bridge:
    fields = value.section("network", "addresses", "uplinks", "mac", required=["network"])
    value.named_device()
    return Bridge(
        name,
        network=fields["network"].text() or "",
        addresses=present(item.interface_address() for item in fields["addresses"].items()),
        uplinks=present(item.device_name() for item in fields["uplinks"].items()),
        mac=fields["mac"].mac(),
    )


def _interface(name: str, value: Value, of_guest: bool) -> Interface:
    fields = value.section(
        "network",
        "mac",
        "tap",
        "addresses",
        "dhcp",
        "gateway",
        required=["network", "mac", "tap"] if of_guest else ["network"],
    )
    value.named_device()
    if fields["tap"].given and not of_guest:
        fields["tap"].wrong("only a guest's interface has a tap", "leave it out, or declare guest")
    virtual = fields["gateway"].raw == "virtual"
    return Interface(
        name,
        network=fields["network"].text() or "",
        mac=fields["mac"].mac(),
        tap=fields["tap"].device_name(),
        addresses=fields["addresses"].addresses(),
        dhcp=fields["dhcp"].boolean(False),
        gateways=() if virtual else _gateways(fields["gateway"]),
        gateway_virtual=virtual,
    )


def _gateways(value: Value) -> tuple[Address, ...]:
    """Read an address, or a list of one for each family."""
    if isinstance(value.raw, list):
        found = value.addresses()
    else:
        one = value.address()
        found = () if one is None else (one,)
    if len({address.version for address in found}) < len(found):
        value.wrong("has two of one family", "name one address of each family at most")
    return found


def _reached_at(variables: Mapping[str, object]) -> str:
    """Where ssh leads to, as far as it is said; a name is as good as an address."""
    connection = str(variables.get("ansible_connection") or "ssh")
    if connection.rpartition(".")[2] not in ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh"):
        return ""
    return str(variables.get("ansible_host") or "")


def _reached_by(variables: Mapping[str, object]) -> tuple[str, ...] | None:
    """How ssh gets there, as far as it is written out; None where a template says it."""
    found = tuple(str(variables.get(name) or "") for name in CONNECTION_OPTIONS)
    return None if any(start in one for one in found for start in ("{{", "{%")) else found
