# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for each of some addresses: it says its name, and echoes whatever is no request of HTTP.

server.py PORT NAME=ADDRESS …; a line on standard input, `stop NAME` or `start NAME`, is answered with `done`.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

PORT = int(sys.argv[1])
NAMES = dict(word.split("=", 1) for word in sys.argv[2:])
LISTENING: dict[str, asyncio.Server] = {}


async def fields_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while field := (await reader.readline()).strip().lower():
        yield field


async def serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            if line.startswith(b"GET "):
                fields = [field async for field in fields_of(reader)]
                # whoever names no host speaks no HTTP/1.1, and waits for the end
                keeps = any(field.startswith(b"host:") for field in fields)
                keeps = keeps and b"connection: close" not in fields
                page = f"Hello, I am {name}.\n".encode()
                words = "keep-alive" if keeps else "close"
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\nConnection: {words}\r\n\r\n"
                writer.write(head.encode() + page)
                if not keeps:
                    break
                await writer.drain()
                continue
            writer.write(name.encode() + b" " + line)
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def start(name: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(name, reader, writer)

    LISTENING[name] = await asyncio.start_server(answer, NAMES[name], PORT, family=socket.AF_UNSPEC)


async def main() -> None:
    for name in NAMES:
        await start(name)
    print("done", flush=True)
    loop = asyncio.get_running_loop()
    while words := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        if words[0] == "stop":
            LISTENING.pop(words[1]).close()
        else:
            await start(words[1])
        print("done", flush=True)


asyncio.run(main())
