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
requirements: [netaddr >= 0.8.0]
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
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action, ftfw.pair.attributes.look]
attributes:
  check_mode:
    details: [It does the same in check mode.]
notes:
  - C(docs/inventory.md) lists the variables, and C(docs/site_view.md) the keys of the view.
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
      description: What the host has to know of the site. It lacks each part that it has no use for.
      returned: always
      type: dict
      contains:
        name:
          description: The host's name in the inventory.
          returned: always
          type: str
          sample: fw-1
        site: {description: The site's name., returned: always, type: str, sample: lab}
        roles:
          description: What the host is, of hypervisor, guest, firewall, endpoint and balancer.
          returned: always
          type: list
          elements: str
          sample: [guest]
        node_network:
          description: 'The network of a node: a guest, or an existing machine.'
          returned: on nodes
          type: dict
          sample:
            hostname: fw-1
            resolvers: []
            interfaces:
              - name: eth0
                mac: 12:34:56:78:9a:01
                network: outside
                addresses: [192.168.0.1/24]
                link_local: fe80::1034:56ff:fe78:9a01/64
                kernel_link_local: false
                dhcp: true
                gateways: []
                mtu: null
                management: false
        pair:
          description: A firewall's pair, and its place in it.
          returned: on firewalls
          type: dict
          sample: {name: ftfw, node: fw-1, peer: fw-2, preferred: true}
        keepalived:
          description: VRRP instances, one for each virtual router and family, and the group that
            binds them.
          returned: on firewalls
          type: dict
          sample:
            sync_groups:
              - name: ftfw
                instances: [inside]
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
            advert_interval: 0.3
            realtime: wanted
        conntrackd:
          description: How flows get to the peer.
          returned: on firewalls
          type: dict
          sample:
            links:
              - network: sync
                interface: eth2
                local: 192.168.100.100
                peer: 192.168.100.200
                port: 3780
            ignored_addresses: [127.0.0.1]
            external_cache: false
        pair_state:
          description: How a takeover goes.
          returned: on firewalls
          type: dict
          sample:
            addresses:
              - {interface: eth1, address: 192.168.2.100/32}
            replication: direct
            preempt: never
            gate: []
            offload: [eth0]
            names:
              eth0: outside
              eth1: inside
              eth2: sync
              mgmt0: mgmt
              192.168.0.1: own outside 0
              2001:db8::1: own outside 1
              192.168.2.1: own inside 0
              2001:db8:2::1: own inside 1
              192.168.100.100: own sync 0
              10.255.0.1: own mgmt 0
              192.168.2.2: peer inside 4
              2001:db8:2::2: peer inside 6
              192.168.0.2: peer outside 4
              2001:db8::2: peer outside 6
              192.168.100.200: peer sync
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
          sample: {rp_filter: 1, ipv6_forwarding: true}
        nftables:
          description: The policy as a table, and what the compiler knows of it.
          returned: on firewalls
          type: dict
          sample:
            contents: {table: inet ftfw}
            helpers: [ftp]
            management: [iifname "mgmt0" ip saddr 10.255.0.254 tcp dport 22 accept]
            modules: [nf_conntrack_ftp]
            ruleset: '# The policy of lab on fw-1, firewall of pair ftfw'
        balancers:
          description: One service at one address.
          returned: on firewalls, and other hosts with balancers
          type: dict
          elements: dict
          sample:
            - name: web
              address: 192.168.2.100
              protocol: tcp
              port: 80
              asked:
                - {protocol: tcp, first: 80, last: 80}
              map: balancer.web
              gone: balancer.web.gone
              last: balancer.web.last
              last_port: null
              slots: 2
              scheduler: rr
              ipvs: null
              quorum: 2
              hysteresis: 0
              sorry: 192.168.0.3
              sorry_port: null
              sorry_check:
                kind: tcp
                options: {port: 80}
                delay_loop: 5
                connect_timeout: 3
                retry: 1
                delay_before_retry: 1
                warmup: 0
              alpha: false
              omega: false
              inhibit_on_failure: false
              check:
                kind: http
                options: {port: 80, path: /, status_code: []}
                delay_loop: 5
                connect_timeout: 3
                retry: 1
                delay_before_retry: 1
                warmup: 0
              mail: null
              notify: {}
              servers:
                - name: srv-1
                  address: 192.168.0.4
                  port: null
                  weight: 1
                  uthreshold: null
                  lthreshold: null
        balancer_table:
          description: What a host that is in no pair has for its balancers.
          returned: on firewalls, and other hosts with balancers; null on a firewall, which has it
            all in its own table
          type: dict
          sample: null
        policy_test:
          description: Options of the module policy_check.
          returned: on firewalls, and hosts with balancers that are in no pair, where the module is
            told policy_tests
          type: dict
          sample:
            interfaces:
              - name: eth0
                network: outside
                prefixes: [192.168.0.0/24]
                addresses: [192.168.0.1/24]
            tests:
              - name: 'site_policy[0]: inside to outside: dns, tcp/53 (IPv4)'
                from: inside
                source: 192.168.2.3
                destination: 192.168.0.3
                expected: [accept]
                protocol: tcp
                port: 53
                to: outside
        host_network:
          description: Bridges of a hypervisor, and taps of its guests.
          returned: on hypervisors
          type: dict
          sample:
            filter_bridges: false
            bridges:
              - name: br0
                mac: null
                addresses: [192.168.0.3/24]
                uplinks: []
                routes: []
                mtu: null
                management: false
                multicast_snooping: false
                stp: false
                forward_delay: 0
            taps:
              - name: net01
                bridge: br0
                owner: guest-fw-1
                group: null
                mtu: null
                isolated: false
        guest:
          description: The virtual machines of a hypervisor.
          returned: on hypervisors
          type: dict
          sample:
            vms:
              - name: fw-1
                user: guest-fw-1
                memory_mib: 512
                cpus: 1
                disk_mib: 2048
                swap_mib: 256
                interfaces:
                  - {name: eth0, mac: '12:34:56:78:9a:01', tap: net01}
                management: {interface: mgmt0, mac: '12:34:56:78:9a:f1', address: 10.255.0.1/24}
        lab_services:
          description: What servers on the hypervisor's first grounded bridge need to know.
          returned: on hypervisors with a grounded bridge that is not for management
          type: dict
          sample:
            address: 192.168.0.3
            more_addresses: [192.168.0.6]
            interface: br0
            prefix: 192.168.0.0/24
            leases:
              - {mac: '12:34:56:78:9a:01', address: 192.168.0.1, name: fw-1}
            names:
              - {name: omarine, address: 192.168.0.3}
        verify:
          description: Where probes go, and the pair that they watch.
          returned: on hosts of a site that has a pair
          type: dict
          sample:
            client: {host: client, address: 192.168.2.3}
            server: {host: omarine, address: 192.168.0.3}
            families:
              - family: 4
                name: ''
                client: 192.168.2.3
                server: 192.168.0.3
                inside: 192.168.2.100
                outside: 192.168.0.100
            left_out: []
            balancers:
              - name: web
                nodes: [fw-1]
                own: [192.168.2.100]
                address: 192.168.2.100
                port: 80
                kind: http
                path: /
                together: true
                servers:
                  - {name: srv-1, address: 192.168.0.4, port: 80}
            pair:
              name: ftfw
              nodes: [fw-1]
              virtual_addresses: [192.168.2.100]
              guests: {fw-1: omarine, fw-2: omarine}
            probes:
              client: {host: client, address: 192.168.2.3}
              server: {host: omarine, address: 192.168.0.3}
              tcp: 7001
              udp: 7002
              ftp: 2121
              rate: 50
              sessions: 5
              slack: 3
              forward: {address: 192.168.0.100, tcp: 7003, udp: 7004}
              families:
                - family: 4
                  name: ''
                  client: 192.168.2.3
                  server: 192.168.0.3
                  forward: 192.168.0.100
              balancers:
                - name: web
                  family: 4
                  address: 192.168.2.100
                  port: 80
                  path: /
                  shows: true
                  servers:
                    - {address: 192.168.0.4, port: 80}
                  seconds: 12
              nodes: [fw-1]
              open:
                - add element inet ftfw probe_ports { tcp . 7001 timeout SECONDSs, udp . 7002 timeout
                  SECONDSs, tcp . 2121 timeout SECONDSs, tcp . 7003 timeout SECONDSs, udp . 7004 timeout
                  SECONDSs }
              close: [flush set inet ftfw probe_ports]
"""
