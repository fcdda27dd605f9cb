#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: site_model
short_description: Check the inventory of a site, and give each host its view of it
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Reads the variables that describe a site from all hosts of the inventory, checks them against each other,
    and sets the fact C(site_view), from which the collection's roles take the defaults of their variables.
  - Every error of the inventory is found in one run. Each is one line of the message. It names the host, the
    key and the value, and says what is wrong and what would be right. A site-wide variable has C(all) in the
    place of the host.
  - What is probably not meant, such as an entry of C(site_policy) that is never reached, is a warning.
  - Files that C(site_addresses) and C(site_fragments) name are read from the directory of the inventory on.
  - Runs on the controller, connects to no host and changes nothing.
options:
  check_only:
    description:
      - Only check the inventory, and set no fact. Meant to be run once, before any host is touched.
    type: bool
    default: false
  policy_tests:
    description:
      - Whether to give firewalls the section C(policy_test) as well, which takes some time where a policy has
        thousands of entries. All other tasks find it in the fact, once it is set.
      - With O(check_only), whether what C(site_policy_tests) says of derived tests is checked as well.
    type: bool
    default: false
    version_added: 0.2.0
  checked:
    description:
      - What a task with O(check_only) has returned as RV(checked) in the same run. The host takes its view
        from there, and does not read the whole inventory again.
      - A host that was not played then reads the inventory by itself. Whatever changes variables after the
        check, such as M(ansible.builtin.add_host), needs another check.
    type: str
    version_added: 0.2.0
  extra_only:
    description:
      - Only check the names and the values of variables that were given on the command line. For a playbook
        that has to do its work with any inventory, also with one that has errors.
    type: bool
    default: false
    version_added: 0.2.0
extends_documentation_fragment: [ftfw.pair.attributes]
attributes:
  action:
    description: Runs on the controller, as an action plugin.
    support: full
  check_mode:
    support: full
    details: [It does the same in check mode.]
  diff_mode:
    support: none
    details: [Nothing is ever changed.]
  idempotent:
    support: full
notes:
  - C(docs/inventory.md) lists the variables, and C(docs/architecture.md) the view.
  - Without O(check_only), the first host of the play tells the errors, and the others refer to it. One
    that is asked after the first has failed may tell them, too.
"""

EXAMPLES = r"""
- name: Check the whole inventory before any host is touched
  ftfw.pair.site_model:
    check_only: true
  run_once: true
  register: site

- name: Give every host its view of the site
  ftfw.pair.site_model:
    checked: "{{ site.checked }}"
"""

RETURN = r"""
checked:
  description:
    - Where the site that was checked is kept for the tasks that follow. Only this user can read it, and
      Ansible removes it at the end of the run.
  returned: when O(check_only) is true, without O(extra_only)
  type: str
  sample: /tmp/ansible/ansible-local-4711abcdefgh/site_model-1a2b3c4d
ansible_facts:
  description: Facts of the host, absent with O(check_only) and O(extra_only).
  returned: when O(check_only) and O(extra_only) are false
  type: dict
  contains:
    site_view:
      description: What the host has to know of the site. Sections that it has no use for are absent.
      returned: always
      type: dict
      contains:
        name:
          description: The host's name in the inventory.
          returned: always
          type: str
          sample: fw-1
        site:
          description: The site's name.
          returned: always
          type: str
          sample: lab
        roles:
          description: What the host is, of V(hypervisor), V(guest), V(firewall) and V(endpoint).
          returned: always
          type: list
          elements: str
          sample: [guest, firewall]
        node_network:
          description: Hostname, resolvers and interfaces of a node.
          returned: when the host has node_interfaces
          type: dict
          sample:
            hostname: client
            resolvers: [192.168.0.3]
            interfaces:
              - name: eth0
                mac: "12:34:56:78:9a:13"
                network: inside
                addresses: [192.168.2.3/24]
                link_local: null
                kernel_link_local: false
                dhcp: false
                gateways: [192.168.2.100]
                mtu: null
                management: false
        pair:
          description: The pair that the host belongs to, and its place in it.
          returned: on firewalls
          type: dict
          sample: {name: ftfw, node: fw-1, peer: fw-2, preferred: true}
        keepalived:
          description: VRRP instances, one for each virtual router and family, and the group that binds them.
          returned: on firewalls
          type: dict
          sample:
            sync_groups: [{name: ftfw, instances: [inside]}]
            instances:
              - name: inside
                interface: eth1
                family: 4
                vrid: 61
                priority: 250
                source: 192.168.2.1
                peers: [192.168.2.2]
                addresses: [192.168.2.100/32]
                excluded: []
            advert_interval: 0.07
            realtime: wanted
        conntrackd:
          description: Replication links, own addresses that are ignored, and whether the peer's flows wait.
          returned: on firewalls
          type: dict
          sample:
            links:
              - {network: sync, interface: eth2, local: 192.168.100.100, peer: 192.168.100.200, port: 3780}
            ignored_addresses: [127.0.0.1, 192.168.2.1, "::1"]
            external_cache: false
        pair_state:
          description: The virtual addresses and the interfaces that they come to, and how a takeover goes.
          returned: on firewalls
          type: dict
          sample:
            addresses: [{interface: eth1, address: 192.168.2.100/32}]
            replication: direct
            preempt: never
            gate: []
            offload: []
            names: {eth0: outside, 192.168.0.1: own outside 0, 192.168.0.2: peer outside 4}
            paths:
              - network: inside
                interface: eth1
                local: 192.168.2.1
                peer: 192.168.2.2
                leg: true
                targets: [192.168.2.3]
        firewall_kernel:
          description: Settings of the kernel that follow from the site.
          returned: on firewalls
          type: dict
          sample: {rp_filter: 1, ipv6_forwarding: false}
        nftables:
          description: The text of table inet ftfw, what is in it, and the connection tracking helpers of it.
          returned: on firewalls
          type: dict
          sample:
            contents:
              table: inet ftfw
              lines: 1
              digest: 3b1f0e6a6f6d9e3c0c8ad2a1a0a4b0a5d6a7c5f2a6d2f1d9d4b7b1c1e0f3a2b4
              digest_without_flowtables: null
              helpers: [{name: ftp, type: ftp, protocol: tcp}]
              sets: []
              elements: []
              counters: [probed]
              flowtables: []
              devices: []
              fragments: []
              offload: []
            helpers: [ftp]
            management: ['iifname "mgmt0" ip saddr 10.255.0.254 tcp dport 22 accept']
            modules: [nf_conntrack_ftp, nf_nat_ftp]
            ruleset: "table inet ftfw {}\n"
        policy_test:
          description: Options of M(ftfw.pair.policy_check), with the tests of the site and the derived ones.
          returned: on firewalls, with O(policy_tests)
          type: dict
          sample: {interfaces: [], tests: []}
        host_network:
          description: Bridges of a hypervisor, and taps of its guests.
          returned: on hypervisors
          type: dict
          sample:
            filter_bridges: false
            bridges: []
            taps: [{name: net01, bridge: br0, owner: guest-fw-1, group: null, mtu: null, isolated: false}]
        guest:
          description: The virtual machines of a hypervisor.
          returned: on hypervisors
          type: dict
          sample: {vms: []}
        lab_services:
          description: What servers on the hypervisor's first grounded bridge need to know.
          returned: on hypervisors with a grounded bridge that is not for management
          type: dict
          sample:
            address: 192.168.0.3
            more_addresses: ["2001:db8::3"]
            interface: br0
            prefix: 192.168.0.0/24
            leases: []
            names: []
        verify:
          description: Where probes go, and the pair that they watch.
          returned: when the site has a pair
          type: dict
          sample:
            client: {host: client, address: 192.168.2.3}
            server: {host: omarine, address: 192.168.0.3}
            families:
              - family: 4
                name: ""
                client: 192.168.2.3
                server: 192.168.0.3
                inside: 192.168.2.100
                outside: 192.168.0.100
            left_out:
              - family: 6
                wanted: false
                reason: the pair has no virtual address of IPv6 on network inside
            pair:
              name: ftfw
              nodes: [fw-1, fw-2]
              virtual_addresses: [192.168.2.100]
              guests: {fw-1: omarine}
            probes: null
"""
