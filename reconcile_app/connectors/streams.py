"""Connections that notice when a server says more than it was asked.

A second answer behind the first, or stray bytes, would be taken for the answer to the next request on the same connection: the HTTP
library keeps what it has read. Here every connection follows its answers to their end; what comes behind spoils it.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import h11
import httpcore
import httpx

_SPOILED = "spoiled"
_HEADERS = [("Host", "here")]


class _Follower:
    """Follows the bytes of one answer to its end; ``surplus`` once something came behind it."""

    def __init__(self) -> None:
        self._peer = h11.Connection(h11.CLIENT)
        self._peer.send(h11.Request(method="GET", target="/", headers=_HEADERS))
        self._peer.send(h11.EndOfMessage())
        self._ended = False
        self.begun = False
        self.surplus = False

    def take(self, data: bytes) -> None:
        self.begun = True
        try:
            self._peer.receive_data(data)
            event = self._peer.next_event()
            while event not in (h11.NEED_DATA, h11.PAUSED) and not isinstance(event, h11.ConnectionClosed):
                self._ended = self._ended or isinstance(event, h11.EndOfMessage)
                event = self._peer.next_event()
        except h11.ProtocolError:
            # what is no HTTP before the end is refused by the library itself
            self.surplus = self._ended
        else:
            self.surplus = bool(self._peer.trailing_data[0])


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._follower = _Follower()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._inner.read(max_bytes, timeout)
        self._follower.take(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._follower.begun:
            self._follower = _Follower()
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info == _SPOILED:
            return self._follower.surplus
        # the pool drops an idle connection on which there is something to read
        return (info == "is_readable" and self._follower.surplus) or self._inner.get_extra_info(info)


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))


class NetworkTransport(httpx.AsyncHTTPTransport):
    """HTTP/1.1 without retries and without the environment's proxies; at most 20 connections, ``kept`` of them between requests."""

    def __init__(self, context: ssl.SSLContext, *, kept: int) -> None:
        limits = httpx.Limits(max_keepalive_connections=kept, max_connections=20)
        super().__init__(verify=context, http2=False, retries=0, limits=limits, trust_env=False)
        # the library has no argument for the backend
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )


def said_too_much(response: httpx.Response) -> bool:
    """Whether bytes came behind this answer; ask when it has been read to its end."""
    stream = response.extensions.get("network_stream")
    return isinstance(stream, httpcore.AsyncNetworkStream) and bool(stream.get_extra_info(_SPOILED))
