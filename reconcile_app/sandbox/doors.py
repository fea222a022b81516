"""How a listener greets a connection: it takes it, refuses it, cuts it off, stays silent, or never gets round to it.

While a port is shut it stays bound, so that nobody else takes it, and opening it again works in one step.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Literal

Door = Literal["open", "refused", "reset", "silent", "full"]
"""``refused``: nobody listens. ``reset``: taken and cut off at once. ``silent``: taken, and nothing is ever said. ``full``: nobody
takes it, so that connecting takes forever (on Linux; elsewhere a full listener may refuse)."""

_HOST = "127.0.0.1"
_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection so that the peer sees a reset, whatever was written and not yet read."""
    peer: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()


class Doors:
    """The ports of one gate. ``door`` is how they greet now; ``client`` serves a connection that was taken."""

    def __init__(self, client: Client, tls: ssl.SSLContext | None = None) -> None:
        self._client = client
        self.tls = tls
        self._servers: dict[int, asyncio.Server] = {}
        self._shut: dict[int, socket.socket] = {}
        self._fillers: list[socket.socket] = []
        self._opening: set[asyncio.Task[None]] = set()
        self.door: Door = "open"

    async def listen(self, port: int) -> int:
        """Open a port (0: any free one) and return its number."""
        server = await asyncio.start_server(self._client, _HOST, port, ssl=self.tls)
        number: int = server.sockets[0].getsockname()[1]
        self._servers[number] = server
        return number

    def use(self, door: Door) -> None:
        """Greet this way from now on. Takes effect at once."""
        self.door = door
        if door in {"refused", "full"}:
            self._stop_listening()
        if door == "full":
            for bound in self._shut.values():
                self._fill(bound)
        elif door != "refused":
            self._listen_again()

    def close(self) -> None:
        """Stop listening for good."""
        for server in self._servers.values():
            server.close()
        for task in self._opening:
            task.cancel()
        self._let_go()
        for bound in self._shut.values():
            bound.close()
        self._shut.clear()

    async def wait_closed(self) -> None:
        """Wait until nothing listens any more; every connection must have been ended before."""
        await asyncio.gather(*self._opening, return_exceptions=True)
        for server in self._servers.values():
            server.close()
            await server.wait_closed()
        self._servers.clear()

    def _stop_listening(self) -> None:
        for port, server in self._servers.items():
            server.close()
            self._shut[port] = _bound(port)
        self._servers.clear()

    def _listen_again(self) -> None:
        self._let_go()
        for port, bound in self._shut.items():
            # listening starts now; who connects before the server takes over waits for it
            bound.listen()
            task = asyncio.ensure_future(self._take_over(port, bound))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        self._shut.clear()

    async def _take_over(self, port: int, bound: socket.socket) -> None:
        self._servers[port] = await asyncio.start_server(self._client, sock=bound, ssl=self.tls)

    def _fill(self, bound: socket.socket) -> None:
        """Let the queue of connections that nobody takes be full."""
        bound.listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(OSError):
                filler.connect(bound.getsockname())
            self._fillers.append(filler)

    def _let_go(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    if sys.platform != "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_HOST, port))
    bound.setblocking(False)
    return bound
