"""A listener that nobody may ever connect to: another host name and another port, which remembers every byte it is sent.

It answers as if all were well, so that a program which follows a strange address shows it.
"""

import asyncio
import contextlib

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n" + b'{"itemId":null}'
)
_HOSTS = ("127.0.0.1", "127.0.0.2")
_PATIENCE = 0.2


class Trap:
    """``urls`` are its addresses: by host name, and on systems that have more than one loopback address by another one."""

    def __init__(self) -> None:
        self.connections = 0
        self.received = bytearray()
        self.urls: list[str] = []
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Listen."""
        for host in _HOSTS:
            # systems other than Linux have one loopback address unless told otherwise
            with contextlib.suppress(OSError):
                server = await asyncio.start_server(self._client, host, 0)
                self._servers.append(server)
                name = "localhost" if host == _HOSTS[0] else host
                self.urls.append(f"http://{name}:{server.sockets[0].getsockname()[1]}")

    async def close(self) -> None:
        """Stop listening; what was received stays."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while part := await reader.read(65_536):
                    self.received += part
                    if b"\r\n\r\n" in self.received:
                        break
            writer.write(_ANSWER)
            await writer.drain()
        writer.close()
