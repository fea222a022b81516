"""A loopback server that says exactly the bytes it is told to, and remembers everything it was sent."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Step = bytes | float | Literal["reset", "hang", "close"]
"""Bytes are sent; a number is a pause in seconds; the words end the connection, or leave it silent."""


@dataclass(frozen=True)
class Seen:
    """One request as it arrived. ``number`` counts requests of this server from 1."""

    number: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Handler = Callable[[Seen], Sequence[Step]]


def reply(body: bytes = b"[]", status: int = 200, content_type: str | None = "application/json", **headers: str) -> bytes:
    """A complete answer; ``_`` in header names becomes ``-``."""
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_reply(value: object, status: int = 200, **headers: str) -> bytes:
    return reply(json.dumps(value).encode(), status, **headers)


@dataclass
class RawServer:
    """``origin`` to connect to; ``seen`` is every request, ``connections`` every connection, with or without one."""

    handler: Handler
    secure: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    busy: int = 0
    busiest: int = 0
    port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(len(self.seen) + 1, method, target, headers, body)
        self.seen.append(seen)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            return await self._act(self.handler(seen), writer)
        finally:
            self.busy -= 1

    async def _act(self, steps: Sequence[Step], writer: asyncio.StreamWriter) -> bool:
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "hang":
                await asyncio.sleep(3600)
            else:
                if step == "reset":
                    writer.transport.abort()
                return False
        return True

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(handler: Handler, *, secure: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """A running server; it is gone when the block ends."""
    raw = RawServer(handler, secure)
    listener = await asyncio.start_server(raw._serve, "127.0.0.1", 0, ssl=secure)
    raw.port = listener.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        listener.close()
        await raw.stop()
        await listener.wait_closed()


def script(*answers: Sequence[Step]) -> Handler:
    """One answer after the other; the last one stays."""
    return lambda seen: answers[min(seen.number, len(answers)) - 1]
