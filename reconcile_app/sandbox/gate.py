"""The loopback listener of a simulator: HTTP/1.1 over plain asyncio streams.

A web framework cannot stop in the middle of a body. Here the answer of a simulator becomes bytes first, and a *delivery* then
says which of these bytes leave, when, and how the connection ends. Every fault of the transport is a function from bytes to a
delivery, so new ones need no change in this module or in a simulator. Before any answer there are the doors: a gate can be shut.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import msgspec

from reconcile_app.sandbox.doors import Door, Doors, reset

BODY_LIMIT = 16 * 1024 * 1024
_READ = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came in. Header names are lower case; ``path`` is decoded and without the query.

    ``turn`` counts the requests of its connection from 1.
    """

    method: str
    target: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    connection: str
    port: int
    turn: int = 1

    def parameter(self, name: str) -> str | None:
        """A query parameter by name, any case; the last one wins."""
        found = [value for key, value in self.query if key.lower() == name.lower()]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a simulator answers, before it is turned into bytes. Without a ``content_type`` none is sent."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Bytes with the pause before each part, and how the connection ends.

    ``end`` is ``keep`` (as HTTP says), ``close`` (the stream simply ends), ``reset`` (the peer sees a connection reset) or ``hold``
    (nothing more is said until the peer gives up). ``then`` is called when the last byte has left, before the connection ends.
    """

    parts: Iterable[tuple[float, bytes]]
    end: str = "keep"
    then: Callable[[], None] | None = None


Deliver = Callable[[bytes], Delivery]
Respond = Callable[[Request], Awaitable[tuple[Reply, Deliver]]]
Pause = Callable[[float], Awaitable[None]]


def _reads_all(request: Request) -> bool:
    return False


def whole(raw: bytes) -> Delivery:
    """The answer as it is, at once."""
    return Delivery(parts=((0.0, raw),))


def json_reply(value: object, status: int = 200) -> Reply:
    """A reply with a JSON body."""
    return Reply(status=status, body=msgspec.json.encode(value))


class Gate:
    """Listens on 127.0.0.1 and hands every request to ``respond``. Several ports may be open at once.

    Args:
        name: how its connections are called.
        respond: answers a request.
        now: the time, for the ``Date`` of an answer.
        tls: makes it speak TLS.
        pause: lets the pauses of a delivery pass.
        refuses: asked with the head of a request alone; true resets the connection with the body unread.
    """

    def __init__(
        self,
        name: str,
        respond: Respond,
        now: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
        *,
        pause: Pause = asyncio.sleep,
        refuses: Callable[[Request], bool] = _reads_all,
    ) -> None:
        self._name = name
        self._respond = respond
        self._now = now
        self._pause = pause
        self._refuses = refuses
        self._doors = Doors(self._client, tls)
        self._clients: set[asyncio.Task[None]] = set()
        self._count = 0
        self.turn = 0

    def secure(self, tls: ssl.SSLContext) -> None:
        """Speak TLS on every port opened from now on."""
        self._doors.tls = tls

    async def listen(self, port: int = 0) -> int:
        """Open a port (0: any free one) and return its number."""
        return await self._doors.listen(port)

    def use(self, door: Door) -> int:
        """Change how every port greets a connection; anything but ``open`` also ends the connections there are.

        Returns the number of this change; ``turn`` is the number of the last one.
        """
        self.turn += 1
        if door != "open":
            for task in self._clients - {asyncio.current_task()}:
                task.cancel()
        self._doors.use(door)
        return self.turn

    async def close(self) -> None:
        """Stop listening and end every open connection."""
        self._doors.close()
        clients = list(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._doors.wait_closed()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        name = f"{self._name}-{self._count}"
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            with contextlib.suppress(ConnectionError, h11.ProtocolError, asyncio.CancelledError):
                if self._doors.door == "reset":
                    reset(writer)
                elif self._doors.door == "silent":
                    await _hold(reader)
                else:
                    await self._talk(name, reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _talk(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port: int = writer.get_extra_info("sockname")[1]
        peer = h11.Connection(h11.SERVER, max_incomplete_event_size=_READ)
        turn = 0
        while True:
            turn += 1
            head = await _read_head(peer, reader)
            if head is None:
                return
            request = _request(head, name, port, turn)
            if self._refuses(request):
                reset(writer)
                return
            request = replace(request, body=await _read_body(peer, reader))
            reply, deliver = await self._respond(request)
            delivery = deliver(_encode(peer, reply, self._now()))
            await self._deliver(delivery, writer)
            if delivery.end == "hold":
                await _hold(reader)
            if delivery.end == "reset":
                reset(writer)
            if delivery.end != "keep" or peer.our_state is not h11.DONE or peer.their_state is not h11.DONE:
                return
            peer.start_next_cycle()

    async def _deliver(self, delivery: Delivery, writer: asyncio.StreamWriter) -> None:
        for pause, part in delivery.parts:
            if pause:
                await self._pause(pause)
            writer.write(part)
            await writer.drain()
        if delivery.then is not None:
            delivery.then()


async def _hold(reader: asyncio.StreamReader) -> None:
    """Say nothing until the peer gives up."""
    while await reader.read(_READ):
        pass


async def _read_head(peer: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    while True:
        event = peer.next_event()
        if event is h11.NEED_DATA:
            peer.receive_data(await reader.read(_READ))
        else:
            return event if isinstance(event, h11.Request) else None


async def _read_body(peer: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        event = peer.next_event()
        if event is h11.NEED_DATA:
            peer.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise h11.RemoteProtocolError("body too large")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        else:
            raise h11.RemoteProtocolError("the request ended early")


def _request(head: h11.Request, name: str, port: int, turn: int) -> Request:
    target = head.target.decode("ascii", "replace")
    parts = urlsplit(target)
    return Request(
        method=head.method.decode("ascii"),
        target=target,
        path=unquote(parts.path),
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={key.decode("latin-1").lower(): value.decode("latin-1") for key, value in head.headers},
        body=b"",
        connection=name,
        port=port,
        turn=turn,
    )


def _encode(peer: h11.Connection, reply: Reply, now: datetime) -> bytes:
    headers = [("Date", format_datetime(now, usegmt=True)), ("Server", "Microsoft-IIS/10.0")]
    if reply.body and reply.content_type:
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
