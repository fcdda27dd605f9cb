# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a client: flows that stay open to each of some addresses.

balanced.py PORT COUNT ADDRESS …; for each line on standard input every flow says a word, and a line of JSON
tells who has answered how often, and what has become of the others.
"""

import collections
import json
import socket
import sys

PORT, COUNT = int(sys.argv[1]), int(sys.argv[2])


def said(channel):
    """Who answers on a flow; the name of the error where nobody does."""
    try:
        channel.sendall(b"word\n")
        answer = b""
        while not answer.endswith(b"\n"):
            more = channel.recv(100)
            if not more:
                return "closed"
            answer += more
        return answer.split()[0].decode()
    except OSError as error:
        return type(error).__name__


FLOWS = [socket.create_connection((address, PORT), 10) for _flow in range(COUNT) for address in sys.argv[3:]]
for flow in FLOWS:
    flow.settimeout(10)
print("open", flush=True)
for _line in sys.stdin:
    print(json.dumps(collections.Counter(map(said, FLOWS))), flush=True)
