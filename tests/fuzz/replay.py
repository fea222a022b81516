"""Answers recorded from the sandbox through the real connectors, and a transport that gives them again with one of them damaged."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import httpx

from reconcile_app.connectors.http import ApiClient
from reconcile_app.core.ports import BuildContext
from tests.fakes.clock import VirtualClock
from tests.fuzz.damage import Wire

NOW = datetime(2026, 12, 3, 12, tzinfo=UTC)
AT = date(2026, 11, 26)
"""The effective date: the first day after the closed period."""

ORIGINS = {
    "atria": "https://atria.example.net",
    "autotask": "https://webservices14.autotask.net",
    "connectwise": "https://api-eu.myconnectwise.net",
}
"""Where recorded servers are said to be, so that a recording is the same every time and addresses are judged as in earnest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One exchange. ``target`` is path and query."""

    method: str
    target: str
    body: bytes
    wire: Wire

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def place(self) -> tuple[str, str, bytes]:
        """What the question was."""
        return self.method, self.target, self.body


Tape = tuple[Recorded, ...]


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on to a server and keeps what it answered. ``inner`` replaces the network."""

    def __init__(self, origins: dict[str, str], inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._inner = inner or httpx.AsyncHTTPTransport()
        self._origins = origins
        self.kept: dict[tuple[str, str, bytes], Recorded] = {}

    def client(self, **values: Any) -> ApiClient:
        """An HTTP client whose network is this recorder."""
        return ApiClient(**values, transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        await response.aclose()
        keep = (b"content-type", b"date", b"retry-after", b"link", b"location")
        headers = tuple((name, value) for name, value in response.headers.raw if name.lower() in keep)
        wire = Wire(status=response.status_code, headers=headers, content=_replaced(content, self._origins))
        recorded = Recorded(method=request.method, target=request.url.raw_path.decode(), body=request.content, wire=wire)
        self.kept.setdefault(recorded.place, recorded)
        return httpx.Response(wire.status, headers=list(headers), content=content)

    @property
    def tape(self) -> Tape:
        return tuple(self.kept.values())

    async def aclose(self) -> None:
        await self._inner.aclose()


def _replaced(content: bytes, origins: dict[str, str]) -> bytes:
    for real, said in origins.items():
        content = content.replace(real.encode(), said.encode())
    return content


class _Body(httpx.AsyncByteStream):
    """Raw bytes in pieces, and a broken connection at the end where there is one."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._wire.content
        for start in range(0, len(content), 65_536):
            yield content[start : start + 65_536]
        if self._wire.ends_early:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class Replay(httpx.AsyncBaseTransport):
    """Answers from a tape; the answer to the question ``place`` is ``instead``, as often as it is asked.

    ``asked`` lists the different questions in order, ``elsewhere`` every request that left the recorded origin.
    """

    def __init__(self, tape: Tape, place: int = -1, instead: Wire | None = None, *, origin: str = "") -> None:
        self._exact = {recorded.place: recorded for recorded in tape}
        self._similar = {(recorded.method, recorded.path): recorded for recorded in reversed(tape)}
        self._place, self._instead, self._origin = place, instead, origin
        self.asked: list[Recorded] = []
        self.elsewhere: list[str] = []
        self.requests = 0

    def client(self, **values: Any) -> ApiClient:
        """An HTTP client whose network is this tape."""
        return ApiClient(**values, transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        if self._origin and origin != self._origin:
            self.elsewhere.append(str(request.url))
        target = request.url.raw_path.decode("latin-1")
        recorded = self._exact.get((request.method, target, request.content))
        recorded = (
            recorded or self._similar.get((request.method, target.partition("?")[0])) or self._counted(request) or _unknown(request)
        )
        if recorded not in self.asked:
            self.asked.append(recorded)
        damaged = self._instead is not None and self.asked.index(recorded) == self._place
        wire = self._instead if damaged and self._instead is not None else recorded.wire
        return httpx.Response(wire.status, headers=list(wire.headers), stream=_Body(wire))

    def _counted(self, request: httpx.Request) -> Recorded | None:
        """How many rows the question would find, where it is one that only wants to know that."""
        path = request.url.path
        if not path.endswith("/query/count"):
            return None
        wanted = json.loads(request.content)["Filter"]
        rows = [row for recorded in self._exact.values() if _same_list(recorded, path, wanted) for row in _rows(recorded)]
        found = {row["id"] for row in rows if all(row.get(each["field"]) in each["value"] for each in wanted if each["op"] == "in")}
        wire = Wire(status=200, headers=((b"Content-Type", b"application/json"),), content=b'{"queryCount":%d}' % len(found))
        return Recorded(method="POST", target=path, body=request.content, wire=wire)


def _same_list(recorded: Recorded, path: str, wanted: list[dict[str, Any]]) -> bool:
    if not recorded.path.startswith(path.removesuffix("/count")) or not recorded.body:
        return False
    return [each for each in json.loads(recorded.body)["Filter"] if each["op"] != "in"] == [
        each for each in wanted if each["op"] != "in"
    ]


def _rows(recorded: Recorded) -> list[dict[str, Any]]:
    return json.loads(recorded.wire.content)["items"]


def _unknown(request: httpx.Request) -> Recorded:
    wire = Wire(status=404, headers=((b"Content-Type", b"application/json"),), content=b'{"Message":"not found"}')
    return Recorded(method=request.method, target=request.url.raw_path.decode("latin-1"), body=b"", wire=wire)


def paged(tape: Tape, origin: str) -> Tape:
    """The same tape with every list of two rows and more cut into two pages."""
    pages: list[Recorded] = []
    for recorded in tape:
        pages += _two_pages(recorded, origin) if recorded.path.endswith("/query") else [recorded]
    return tuple(pages)


def _two_pages(recorded: Recorded, origin: str) -> list[Recorded]:
    page = json.loads(recorded.wire.content)
    items, details = page["items"], page["pageDetails"]
    if len(items) < 2:
        return [recorded]
    cut = len(items) // 2
    cursor = f"{recorded.path}/next?paging=%7b%22pageSize%22%3a{cut}%2c%22nextIds%22%3a%5b{items[cut - 1]['id']}%5d%7d"
    first = {"items": items[:cut], "pageDetails": details | {"count": cut, "nextPageUrl": origin + cursor}}
    second = {"items": items[cut:], "pageDetails": details | {"count": len(items) - cut, "nextPageUrl": None}}
    return [
        replace(recorded, wire=replace(recorded.wire, content=json.dumps(first).encode())),
        replace(recorded, target=cursor, wire=replace(recorded.wire, content=json.dumps(second).encode())),
    ]


def context() -> BuildContext:
    """A clock of its own and nobody who listens."""
    return BuildContext(clock=VirtualClock(NOW), progress=lambda told: None)
