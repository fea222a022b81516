"""The loopback listener of a simulator: HTTP/1.1 over plain asyncio streams.

A web framework cannot stop in the middle of a body. Here the answer of a simulator becomes bytes first, and a *delivery* then
says which of these bytes leave, when, and how the connection ends. Every fault of the transport is a function from bytes to a
delivery, so new ones need no change in this module or in a simulator.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import msgspec

BODY_LIMIT = 16 * 1024 * 1024
_READ = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came in. Header names are lower case; ``path`` is decoded and without the query."""

    method: str
    target: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    connection: str
    port: int

    def parameter(self, name: str) -> str | None:
        """A query parameter by name, any case; the last one wins."""
        found = [value for key, value in self.query if key.lower() == name.lower()]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a simulator answers, before it is turned into bytes."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Bytes with the pause before each part, and how the connection ends.

    ``end`` is ``keep`` (as HTTP says), ``close`` (the stream simply ends) or ``reset`` (the peer sees a connection reset).
    """

    parts: tuple[tuple[float, bytes], ...]
    end: str = "keep"


Deliver = Callable[[bytes], Delivery]
Respond = Callable[[Request], Awaitable[tuple[Reply, Deliver]]]


def whole(raw: bytes) -> Delivery:
    """The answer as it is, at once."""
    return Delivery(parts=((0.0, raw),))


def json_reply(value: object, status: int = 200) -> Reply:
    """A reply with a JSON body."""
    return Reply(status=status, body=msgspec.json.encode(value))


class Gate:
    """Listens on 127.0.0.1 and hands every request to ``respond``. Several ports may be open at once."""

    def __init__(self, name: str, respond: Respond, now: Callable[[], datetime], tls: ssl.SSLContext | None = None) -> None:
        self._name = name
        self._respond = respond
        self._now = now
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._clients: set[asyncio.Task[None]] = set()
        self._count = 0

    async def listen(self, port: int = 0) -> int:
        """Open a port (0: any free one) and return its number."""
        server = await asyncio.start_server(self._client, "127.0.0.1", port, ssl=self._tls)
        self._servers.append(server)
        number: int = server.sockets[0].getsockname()[1]
        return number

    async def close(self) -> None:
        """Stop listening and end every open connection."""
        for server in self._servers:
            server.close()
        clients = list(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        name = f"{self._name}-{self._count}"
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            with contextlib.suppress(ConnectionError, h11.ProtocolError, asyncio.CancelledError):
                await self._talk(name, reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _talk(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port: int = writer.get_extra_info("sockname")[1]
        peer = h11.Connection(h11.SERVER, max_incomplete_event_size=_READ)
        while True:
            request = await _read(peer, reader, name, port)
            if request is None:
                return
            reply, deliver = await self._respond(request)
            delivery = deliver(_encode(peer, reply, self._now()))
            for pause, part in delivery.parts:
                if pause:
                    await asyncio.sleep(pause)
                writer.write(part)
                await writer.drain()
            if delivery.end == "reset":
                writer.transport.abort()
            if delivery.end != "keep" or peer.our_state is not h11.DONE or peer.their_state is not h11.DONE:
                return
            peer.start_next_cycle()


async def _read(peer: h11.Connection, reader: asyncio.StreamReader, name: str, port: int) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = peer.next_event()
        if event is h11.NEED_DATA:
            peer.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise h11.RemoteProtocolError("body too large")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body), name, port)
        else:
            return None


def _request(head: h11.Request, body: bytes, name: str, port: int) -> Request:
    target = head.target.decode("ascii", "replace")
    parts = urlsplit(target)
    return Request(
        method=head.method.decode("ascii"),
        target=target,
        path=unquote(parts.path),
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={key.decode("latin-1").lower(): value.decode("latin-1") for key, value in head.headers},
        body=body,
        connection=name,
        port=port,
    )


def _encode(peer: h11.Connection, reply: Reply, now: datetime) -> bytes:
    headers = [("Date", format_datetime(now, usegmt=True)), ("Server", "Microsoft-IIS/10.0")]
    if reply.body:
        headers.append(("Content-Type", reply.content_type))
    headers.append(("Content-Length", str(len(reply.body))))
    headers.extend(reply.headers.items())
    response = h11.Response(status_code=reply.status, headers=headers, reason=_reason(reply.status))
    parts = [peer.send(response), peer.send(h11.Data(data=reply.body)), peer.send(h11.EndOfMessage())]
    return b"".join(part for part in parts if part)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
