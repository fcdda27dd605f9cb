# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What numbers of roles and playbooks may be at least and at most, and which paths have to be absolute.

An argument specification of Ansible has words for types and choices, and none for bounds.
"""

from __future__ import annotations

MOST = 2**31 - 1
"""The kernel's settings and the daemons' numbers are of 32 bits, and none of ours is negative."""
FEWEST_FLOWS = 1024
"""Below that a site's own chatter fills the table, and nothing new passes."""
_ADVERT = (0.01, 255)
"""Hundredths of a second with version 3 of VRRP (RFC 9568, section 5.2.7), whole seconds with version 2."""

BOUNDS: dict[str, tuple[float, float]] = {
    "balancer_confirm": (0, MOST),
    "conntrackd_ack_window_size": (1, MOST),
    "conntrackd_conntrack_max": (FEWEST_FLOWS, MOST),
    "conntrackd_hash_limit": (1, MOST),
    "conntrackd_hash_size": (1, MOST),
    "conntrackd_netlink_buffer": (1, MOST),
    "conntrackd_netlink_buffer_max": (1, MOST),
    "conntrackd_purge_timeout": (1, MOST),
    "conntrackd_resend_queue_size": (1, MOST),
    "conntrackd_socket_buffer": (1, MOST),
    "drill_sessions": (1, MOST),
    "drill_warning_seconds": (0, MOST),
    "firewall_kernel_conntrack_buckets": (1, MOST),
    "firewall_kernel_conntrack_max": (FEWEST_FLOWS, MOST),
    "firewall_kernel_rp_filter": (0, 2),
    "guest_shutdown_seconds": (1, MOST),
    "guest_translation_mib": (1, MOST),
    "keepalived_advert_interval": _ADVERT,
    "keepalived_garp_delay": (0, MOST),
    "keepalived_garp_refresh": (0, MOST),
    "keepalived_garp_repeat": (1, MOST),
    "keepalived_realtime_priority": (1, 99),
    "keepalived_vrrp_version": (2, 3),
    "lab_services_large_mib": (1, MOST),
    "lab_services_small_kib": (1, MOST),
    "nft_ruleset_confirm": (0, MOST),
    "nftables_advert_interval": _ADVERT,
    "nftables_confirm": (0, MOST),
    "pair_state_gate_deadline": (1, MOST),
    "pair_state_guard_patience": (0.01, MOST),
    "pair_state_health_interval": (10, MOST),
    "pair_state_path_hold": (0.01, MOST),
    "pair_state_path_interval": (0.01, 1),
    "pair_state_path_recovery": (0, MOST),
    "pair_state_preempt_deadline": (0, MOST),
    "pair_state_preempt_interval": (0.1, MOST),
    "pair_state_refresh": (0, MOST),
    "pair_state_settle": (0, MOST),
    "pair_state_step_timeout": (1, MOST),
    "policy_test_timeout": (1, MOST),
    "site_conntrack_max": (FEWEST_FLOWS, MOST),
    "verify_boot_seconds": (1, MOST),
    "verify_web_sessions": (1, MOST),
    "verify_window": (0.1, MOST),
}
"""By the name of the variable."""

ON_NODES = {
    "guest_directory",
    "guest_image_directory",
    "keepalived_notify_fifo",
    "keepalived_track_file",
    "lab_services_directory",
    "pair_state_textfile",
}
"""Paths of managed nodes, where nobody knows from which folder on a relative one would be meant."""
