"""What the wire does to a request, as data: name, when the server commits, and what the client gets to see.

``never``: the request does not reach the server. ``before``: it does, and nothing is stored. ``after``: it is stored, and the
answer suffers. ``late``: the client gets its answer or gives up, and the server stores it afterwards.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

Given = httpx.Response | Exception

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>User name</form></body></html>"
DOWN = b"<html><body><h2>Service Unavailable</h2></body></html>"
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_HTML = {"Content-Type": "text/html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to go wrong. ``give`` makes what the client gets from the true answer (None where there is none); ``wait`` is how
    many seconds that takes. ``whole_run``: it concerns more than one customer, so a run may stop over it."""

    name: str
    when: str
    give: Callable[["Struck"], Given]
    wait: float = 0.0
    whole_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A request that suffers: its method and body, the server's true answer, the seed's dice, where a redirect would lead, and the
    product's own way to refuse (texts → body)."""

    body: bytes
    true: httpx.Response | None
    dice: Random
    trap: str
    refusal: Callable[[str], bytes]
    date: str


class _Dripping(httpx.AsyncByteStream):
    """A byte now and then, without end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(20)


class _Broken(httpx.AsyncByteStream):
    """Part of a body, and then the connection is gone."""

    def __init__(self, part: bytes) -> None:
        self._part = part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._part
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def _raise(error: Callable[[], Exception]) -> Callable[[Struck], Given]:
    return lambda struck: error()


def _status(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Callable[[Struck], Given]:
    return lambda struck: httpx.Response(status, headers={"Date": struck.date, **(headers or {})}, content=body)


def _own(status: int, text: str, headers: Mapping[str, str] | None = None) -> Callable[[Struck], Given]:
    """The product's own error answer."""
    return lambda struck: httpx.Response(
        status, headers={"Date": struck.date, **_JSON, **(headers or {})}, content=struck.refusal(text)
    )


def _truncated(struck: Struck) -> Given:
    body = struck.true.content if struck.true is not None else b'{"itemId":null}'
    return httpx.Response(200, headers=_JSON, content=body[: len(body) // 2])


def _cut(struck: Struck) -> Given:
    return httpx.Response(200, headers=_JSON, stream=_Broken(b'{"item'))


def _slow(struck: Struck) -> Given:
    return httpx.Response(200, headers=_JSON, stream=_Dripping())


def _redirect(struck: Struck) -> Given:
    status = struck.dice.choice((301, 302, 303, 307, 308))
    return httpx.Response(status, headers={"Location": struck.trap})


def _wrong_echo(struck: Struck) -> Given:
    other = struck.dice.choice((b'{"itemId":"?"}', b'{"item":[]}', b"[1]", b'{"itemId":1.5}'))
    return httpx.Response(200, headers=_JSON, content=other)


def _rate(struck: Struck) -> Given:
    """429 in every form of ``Retry-After``."""
    wanted = struck.dice.choice(("7", "-1", "99999", "soon", "", "Thu, 03 Dec 2026 12:40:00 GMT", "0"))
    return httpx.Response(429, headers={"Date": struck.date, **({"Retry-After": wanted} if wanted else {})}, content=b"slow down")


_RESET = _raise(lambda: httpx.ReadError("connection reset by peer"))
_CLOSED = _raise(lambda: httpx.RemoteProtocolError("Server disconnected without sending a response."))
_WRITE_ERROR = _raise(lambda: httpx.WriteError("broken pipe"))
_TIMEOUT = _raise(lambda: httpx.ReadTimeout("timed out"))
_VALIDATION = "Missing Required Field: unitChange."

_ANSWERS: tuple[tuple[str, Callable[[Struck], Given], float], ...] = (
    ("reset", _RESET, 0.0),
    ("closed", _CLOSED, 0.0),
    ("write_error", _WRITE_ERROR, 0.0),
    ("timeout", _TIMEOUT, 120.0),
    ("slow_body", _slow, 1.0),
    ("cut", _cut, 0.0),
    ("500", _status(500), 0.0),
    ("500_validation", _own(500, _VALIDATION), 0.0),
    ("502_html", _status(502, DOWN, _HTML), 0.0),
    ("503", _status(503, DOWN, _HTML), 0.0),
    ("504", _status(504), 90.0),
    ("html", _status(200, HTML, _HTML), 0.0),
    ("truncated", _truncated, 0.0),
    ("empty", _status(200), 0.0),
    ("204", _status(204), 0.0),
    ("202", _status(202, b"{}", _JSON), 0.0),
    ("redirect", _redirect, 0.0),
    ("408", _status(408), 0.0),
    ("425", _status(425), 0.0),
    ("404_html", _status(404, HTML, _HTML), 0.0),
    ("400_gateway", _status(400, b"Bad Request"), 0.0),
    ("wrong_echo", _wrong_echo, 0.0),
)
"""Answers that prove nothing: the server may have committed before, after, or not at all."""

_PROVEN: tuple[Fault, ...] = (
    Fault(name="409", when="before", give=_own(409, "The record is in use.")),
    Fault(name="412", when="before", give=_own(412, "Precondition failed.")),
    Fault(name="429", when="before", give=_rate, whole_run=True),
    Fault(name="401", when="before", give=_own(401, "Not signed in."), whole_run=True),
    Fault(name="403", when="before", give=_own(403, "Not allowed."), whole_run=True),
    Fault(name="400", when="before", give=_own(400, "The date is outside the contract.")),
    Fault(name="404", when="before", give=_own(404, "Not found.")),
    Fault(name="422", when="before", give=_own(422, "Cannot be processed.")),
)
"""Answers that prove that nothing happened."""

_NEVER: tuple[Fault, ...] = (
    Fault(name="refused", when="never", give=_raise(lambda: httpx.ConnectError("connection refused"))),
    Fault(name="dns", when="never", give=_raise(lambda: httpx.ConnectError("Name or service not known"))),
    Fault(name="tls", when="never", give=_raise(lambda: httpx.ConnectError("certificate verify failed"))),
    Fault(name="connect_timeout", when="never", give=_raise(lambda: httpx.ConnectTimeout("timed out")), wait=10.0),
)

WRITE_FAULTS: tuple[Fault, ...] = (
    *_NEVER,
    *_PROVEN,
    *(Fault(name=name, when=when, give=give, wait=wait) for name, give, wait in _ANSWERS for when in ("before", "after", "late")),
)
"""Everything that can happen to a write."""


def _fewer(struck: Struck) -> Given:
    """Rows are missing, and only the page's own count tells."""
    return _edited(struck, lambda page, items: items.pop(struck.dice.randrange(len(items))))


def _damaged(struck: Struck) -> Given:
    """A row holds what is no quantity."""

    def spoil(page: dict[str, Any], items: list[dict[str, Any]]) -> None:
        row = struck.dice.choice(items)
        for name in ("units", "quantity", "id"):
            if name in row:
                row[name] = struck.dice.choice((None, "12", True, -3, 1e300, [1]))
                return

    return _edited(struck, spoil)


def _edited(struck: Struck, edit: Callable[[dict[str, Any], list[Any]], object]) -> Given:
    if struck.true is None or struck.true.status_code != 200:
        return _CLOSED(struck)
    try:
        page = json.loads(struck.true.content)
    except ValueError:
        return _CLOSED(struck)
    items = page.get("items") if isinstance(page, dict) else None
    if not items:
        return struck.true
    edit(page, items)
    return httpx.Response(200, headers=_JSON, content=json.dumps(page).encode())


READ_FAULTS: tuple[Fault, ...] = (
    *(Fault(name=fault.name, when="before", give=fault.give, wait=fault.wait) for fault in _NEVER),
    Fault(name="reset", when="before", give=_RESET),
    Fault(name="closed", when="before", give=_CLOSED),
    Fault(name="timeout", when="before", give=_TIMEOUT, wait=60.0),
    Fault(name="slow_body", when="before", give=_slow, wait=1.0),
    Fault(name="cut", when="before", give=_cut),
    Fault(name="500", when="before", give=_status(500)),
    Fault(name="500_validation", when="before", give=_own(500, _VALIDATION)),
    Fault(name="503", when="before", give=_status(503, DOWN, _HTML)),
    Fault(name="html", when="before", give=_status(200, HTML, _HTML)),
    Fault(name="truncated", when="before", give=_truncated),
    Fault(name="empty", when="before", give=_status(200)),
    Fault(name="404", when="before", give=_status(404)),
    Fault(name="412", when="before", give=_own(412, "Precondition failed.")),
    Fault(name="429", when="before", give=_rate, whole_run=True),
    Fault(name="401", when="before", give=_own(401, "Not signed in."), whole_run=True),
    Fault(name="redirect", when="before", give=_redirect),
    Fault(name="fewer_rows", when="before", give=_fewer),
    Fault(name="damaged", when="before", give=_damaged),
)
"""Everything that can happen to a reading."""
