"""What goes wrong on purpose, and when.

A fault is chosen by the nth matching request, by path and method, or by chance with a seed. For a write it happens *before* the
commit (nothing is stored), *after* it (stored, the answer suffers), or *late* (the client gets the fault at once and the commit
follows seconds later). A fault of another kind is one more row in ``_REPLIES`` or ``_DELIVERIES``.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reconcile_app.sandbox.gate import Deliver, Delivery, Reply, Request, whole

Kind = Literal["status", "html", "not_json", "truncated", "slow", "latency", "cut", "lost_answer"]
When = Literal["before", "after", "late"]

HTML_DOWN = (
    b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"><HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>'
    b"<BODY><h2>Service Unavailable</h2><hr><p>HTTP Error 503. The service is unavailable.</p></BODY></HTML>"
)
HTML_SIGN_IN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>User name</form></body></html>"
_HTML = "text/html; charset=us-ascii"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault.

    ``path`` is a regular expression searched in the request's path, any case; ``method`` empty means every method; ``nth`` counts
    matching requests from 1 and ``times`` says how many of them in a row suffer (None: all that follow). ``chance`` (0 to 1)
    replaces counting by the plan's seeded dice. ``writes`` restricts the fault to requests that would change something.
    ``keep_bytes`` is what still leaves before a cut (None: half), ``seconds`` the pause of ``latency``, of each byte block of
    ``slow``, or the delay of a late commit.
    """

    kind: Kind
    when: When = "before"
    product: str = ""
    path: str = ""
    method: str = ""
    writes: bool = False
    nth: int = 1
    times: int | None = 1
    chance: float | None = None
    status: int = 500
    body: str | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    block_bytes: int = 1
    keep_bytes: int | None = None

    def fits(self, product: str, request: Request, changes: bool) -> bool:
        """Whether the request is one of those this fault counts."""
        return (
            self.product in {"", product}
            and self.method.upper() in {"", request.method}
            and (changes or not self.writes)
            and (not self.path or re.search(self.path, request.path, re.IGNORECASE) is not None)
        )

    @property
    def commits(self) -> bool:
        """Whether the request is carried out before the fault strikes."""
        return self.when == "after" or self.kind in {"slow", "latency", "lost_answer"}

    def reply(self, real: Reply | None) -> Reply:
        """The answer in place of the real one; ``real`` is None when the request was not carried out."""
        make = _REPLIES.get(self.kind)
        return make(self, real) if make else real or Reply()

    def deliver(self) -> Deliver:
        """How the bytes of that answer leave."""
        make = _DELIVERIES.get(self.kind)
        return (lambda raw: make(self, raw)) if make else whole


def _status(fault: Fault, real: Reply | None) -> Reply:
    if fault.body is not None:
        return Reply(status=fault.status, body=fault.body.encode(), content_type=fault.content_type, headers=fault.headers)
    if fault.status in {502, 503, 504}:
        return Reply(status=fault.status, body=HTML_DOWN, content_type=_HTML, headers=fault.headers)
    if fault.status >= 500:
        text = b'{"errors":["An unexpected error has occurred. If the problem persists, please contact support."]}'
        return Reply(status=fault.status, body=text, headers=fault.headers)
    return Reply(status=fault.status, headers=fault.headers)


def _html(fault: Fault, real: Reply | None) -> Reply:
    return Reply(body=HTML_SIGN_IN, content_type="text/html; charset=utf-8")


def _not_json(fault: Fault, real: Reply | None) -> Reply:
    return Reply(body=(fault.body or "The operation completed successfully.").encode())


def _truncated(fault: Fault, real: Reply | None) -> Reply:
    body = real.body if real is not None else b'{"itemId":null}'
    keep = len(body) // 2 if fault.keep_bytes is None else fault.keep_bytes
    return Reply(status=real.status if real else 200, body=body[:keep])


def _slow(fault: Fault, raw: bytes) -> Delivery:
    blocks = range(0, len(raw), max(1, fault.block_bytes))
    return Delivery(parts=tuple((fault.seconds, raw[at : at + fault.block_bytes]) for at in blocks))


def _cut(fault: Fault, raw: bytes) -> Delivery:
    keep = len(raw) // 2 if fault.keep_bytes is None else fault.keep_bytes
    return Delivery(parts=((0.0, raw[:keep]),) if keep else (), end="close")


def _lost(fault: Fault, raw: bytes) -> Delivery:
    return Delivery(parts=(), end="reset")


_REPLIES: dict[str, Callable[[Fault, Reply | None], Reply]] = {
    "status": _status,
    "html": _html,
    "not_json": _not_json,
    "truncated": _truncated,
}
_DELIVERIES: dict[str, Callable[[Fault, bytes], Delivery]] = {"slow": _slow, "cut": _cut, "lost_answer": _lost}


class FaultPlan:
    """The faults of one sandbox, asked once per request. ``latency`` (seconds) is added to every answer."""

    def __init__(self, faults: Sequence[Fault] = (), *, seed: int = 1, latency: float = 0.0) -> None:
        self.latency = latency
        self.struck: list[tuple[Fault, str]] = []
        self._dice = random.Random(seed)  # noqa: S311 (repeatable mischief, not secrecy)
        self._planned: list[tuple[Fault, list[int]]] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Plan one more fault; it counts requests from now on."""
        self._planned.append((fault, [0]))

    def clear(self) -> None:
        """Forget every planned fault. The constant latency stays."""
        self._planned.clear()

    def pick(self, product: str, request: Request, *, changes: bool) -> Fault | None:
        """The fault this request suffers; every planned fault counts it, the first that strikes wins."""
        chosen: Fault | None = None
        for fault, seen in self._planned:
            if not fault.fits(product, request, changes):
                continue
            seen[0] += 1
            if chosen is None and self._strikes(fault, seen[0]):
                chosen = fault
        if chosen is not None:
            self.struck.append((chosen, request.path))
        return chosen

    def _strikes(self, fault: Fault, count: int) -> bool:
        if fault.chance is not None:
            return self._dice.random() < fault.chance
        return count >= fault.nth and (fault.times is None or count < fault.nth + fault.times)
