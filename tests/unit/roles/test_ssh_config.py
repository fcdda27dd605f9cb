# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the controller reaches guests: the ssh_config that the role guest writes."""

from __future__ import annotations

from typing import Any

import pytest

ADDRESSES = {
    "IPv4": ("10.255.0.1/24", "10.255.0.1"),
    "IPv6": ("2001:db8::1/64", "2001:db8::1"),
    "the first address of an IPv6 prefix": ("2001:db8::/64", "2001:db8::"),
    "one of a link of two": ("10.255.0.0/31", "10.255.0.0"),
    "without a length": ("fe80::1", "fe80::1"),
    "a name": ("fw-1.example.net", "fw-1.example.net"),
}


@pytest.mark.parametrize(("address", "reached"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_guest_is_reached_at_its_management_address(roles: Any, address: str, reached: str) -> None:
    text = roles.render(
        "guest",
        "ssh_config.j2",
        inventory_hostname="omarine",
        guest_ssh_directory="/ssh",
        __guest_reachable=[{"name": "fw-1", "management": {"address": address}}],
    )
    assert text.splitlines()[3:7] == [
        f"Host fw-1 {reached}",
        f"    HostName {reached}",
        "    HostKeyAlias fw-1",
        "Host *",
    ]


def test_the_rest_of_it(roles: Any) -> None:
    text = roles.render(
        "guest",
        "ssh_config.j2",
        inventory_hostname="omarine",
        guest_ssh_directory="/ssh",
        guest_ssh_identity_file="/ssh/key",
        guest_ssh_proxy_command="nc %h %p",
        __guest_reachable=[],
    )
    assert text.splitlines()[3:] == [
        "Host *",
        "    User root",
        '    UserKnownHostsFile "/ssh/omarine.known_hosts"',
        "    StrictHostKeyChecking yes",
        '    IdentityFile "/ssh/key"',
        "    IdentitiesOnly yes",
        "    ProxyCommand nc %h %p",
    ]
