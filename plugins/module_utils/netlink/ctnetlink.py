# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of netlink messages about the connection tracking table (linux/netfilter/nfnetlink_conntrack.h).

pyroute2 is no help here: its types (0.7.2, 0.9.7) take the nested CTA_HELP for a plain string.
"""

from __future__ import annotations

SUBSYS_CTNETLINK = 1
MSG_CT_NEW, MSG_CT_GET, MSG_CT_DELETE = ((SUBSYS_CTNETLINK << 8) | number for number in range(3))

CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO, CTA_HELP, CTA_NAT_SRC, CTA_TIMEOUT = range(1, 8)
CTA_TUPLE_MASTER, CTA_ZONE, CTA_STATUS_MASK = 14, 18, 26
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = range(1, 5)
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
CTA_HELP_NAME = 1
CTA_NAT_V4_MINIP, CTA_NAT_V4_MAXIP = 1, 2

IPS_EXPECTED, IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED = 0x1, 0x2, 0x4, 0x8
