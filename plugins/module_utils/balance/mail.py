# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail about a balancer, in keepalived's words (its smtp.c), so that filters of others go on working."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import (
    SORRY,
    BalancerConfig,
    MailConfig,
    ServerConfig,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import Happening

_SECONDS = 30


def message(
    host: str, balancer: BalancerConfig, told: Happening, server: ServerConfig | None
) -> EmailMessage:
    """Write a mail; `server` is the one that it is about."""
    where = f"[{balancer.address}]:{balancer.protocol}:{balancer.port}"
    what = f"Virtualserver {where}"
    if server is not None:
        port = server.port or balancer.port
        kind = "Sorry server" if server.name == SORRY else "Realserver"
        what = f"{kind} [{server.address}]:{balancer.protocol}:{port} of virtual server {where}"
    mail = EmailMessage()
    mail["Subject"] = f"[{host}] {what} - {'UP' if told.up else 'DOWN'}"
    mail["From"] = f"root@{host}"
    mail["To"] = ", ".join(balancer.mail.to if balancer.mail else ())
    mail.set_content(f"=> {told.text} <=\n")
    return mail


def send(mail: EmailMessage, how: MailConfig) -> None:
    """Hand a mail to its server. Raises OSError or smtplib.SMTPException."""
    with smtplib.SMTP(how.by, how.port, timeout=_SECONDS) as client:
        client.send_message(mail, to_addrs=list(how.to))
