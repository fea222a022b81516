"""What goes wrong on purpose, and when.

A fault is chosen by the nth matching request, by path and method, or by chance with a seed. For a write it happens *before* the
commit (nothing is stored), *after* it (stored, the answer suffers), or *late* (the client gets the fault at once and the commit
follows seconds later). A fault of another kind is one more row in ``_REPLIES`` (another answer), ``_DELIVERIES`` (the same answer
otherwise delivered) or ``OUTAGES`` (the network is gone from then on).
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from reconcile_app.sandbox import damage
from reconcile_app.sandbox.doors import Door
from reconcile_app.sandbox.gate import Deliver, Delivery, Reply, Request, whole
from reconcile_app.sandbox.network import Network

Kind = Literal[
    # another answer
    "status", "html", "not_json", "empty", "truncated", "trailing_text", "byte_order_mark", "utf16", "bad_utf8", "retyped",
    "broken_gzip", "gzip_bomb", "nested", "object_for_list", "null_list", "missing_field", "renamed_field", "extra_field",
    "key_twice", "other_echo",
    # otherwise delivered
    "slow", "slow_head", "endless", "latency", "silent", "cut", "short", "lost_answer", "reset", "reset_unread", "close_after",
    "broken_chunk", "twice", "surplus", "long_header", "many_headers", "many_cookies",
    # the network is gone
    "refused", "unreachable", "cut_off", "mute", "network_lost",
]  # fmt: skip
When = Literal["before", "after", "late"]

HTML_DOWN = (
    b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"><HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>'
    b"<BODY><h2>Service Unavailable</h2><hr><p>HTTP Error 503. The service is unavailable.</p></BODY></HTML>"
)
HTML_SIGN_IN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>User name</form></body></html>"
_HTML = "text/html; charset=us-ascii"
_PRETENDED = Reply(body=b'{"itemId":null}')

OUTAGES: Mapping[str, tuple[Door, bool]] = {
    "refused": ("refused", True),
    "unreachable": ("full", True),
    "cut_off": ("reset", True),
    "mute": ("silent", True),
    "network_lost": ("refused", False),
}
"""How the gates greet from this request on, and whether its own answer still leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault.

    ``path`` is a regular expression searched in the request's path, any case; ``method`` empty means every method; ``nth`` counts
    matching requests from 1 and ``times`` says how many of them in a row suffer (None: all that follow). ``chance`` (0 to 1)
    replaces counting by the plan's seeded dice. ``writes`` restricts the fault to requests that would change something,
    ``reused`` to those on a connection that has served one before. ``keep_bytes`` is what still leaves before a cut (None: half)
    or a reset (None: nothing), ``seconds`` the pause of ``latency``, of each byte block of a slow answer, how long the network is
    gone (0: for good), and with ``when="late"`` the delay of the commit. ``field`` names the field that a record has in another
    shape, ``size`` the mebibytes of a bomb. ``retry_in`` adds a ``Retry-After`` as a date so many seconds ahead.
    """

    kind: Kind
    when: When = "before"
    product: str = ""
    path: str = ""
    method: str = ""
    writes: bool = False
    reused: bool = False
    nth: int = 1
    times: int | None = 1
    chance: float | None = None
    status: int = 500
    body: str | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    retry_in: float | None = None
    seconds: float = 0.0
    late_by: float | None = None
    block_bytes: int = 1
    keep_bytes: int | None = None
    field: str = ""
    size: int = 1024

    def fits(self, product: str, request: Request, changes: bool) -> bool:
        """Whether the request is one of those this fault counts."""
        return (
            self.product in {"", product}
            and self.method.upper() in {"", request.method}
            and (changes or not self.writes)
            and (request.turn > 1 or not self.reused)
            and (not self.path or re.search(self.path, request.path, re.IGNORECASE) is not None)
        )

    @property
    def commits(self) -> bool:
        """Whether the request is carried out before the fault strikes."""
        return self.when == "after" or self.kind in {"slow", "latency", "lost_answer"}

    @property
    def delay(self) -> float:
        """Seconds after which a late commit follows."""
        return self.seconds if self.late_by is None else self.late_by

    @property
    def unread(self) -> bool:
        """Whether it strikes before the body of the request was read."""
        return self.kind == "reset_unread"

    def reply(self, real: Reply | None) -> Reply:
        """The answer in place of the real one; ``real`` is None when the request was not carried out."""
        make = _REPLIES.get(self.kind)
        return make(self, real) if make else real or _PRETENDED

    def deliver(self) -> Deliver:
        """How the bytes of that answer leave."""
        make = _DELIVERIES.get(self.kind)
        return (lambda raw: make(self, raw)) if make else whole


MakeReply = Callable[[Fault, Reply | None], Reply]
MakeDelivery = Callable[[Fault, bytes], Delivery]


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
    answer = real or _PRETENDED
    keep = len(answer.body) // 2 if fault.keep_bytes is None else fault.keep_bytes
    return Reply(status=answer.status, body=answer.body[:keep])


def _bomb(fault: Fault, real: Reply | None) -> Reply:
    return Reply(body=damage.gzip_bomb(fault.size), headers={"Content-Encoding": "gzip"})


def _broken_gzip(fault: Fault, real: Reply | None) -> Reply:
    answer = real or _PRETENDED
    return replace(answer, body=damage.damaged_gzip(answer.body), headers={**answer.headers, "Content-Encoding": "gzip"})


def _mended(mend: Callable[[Fault, bytes], bytes]) -> MakeReply:
    def make(fault: Fault, real: Reply | None) -> Reply:
        answer = real or _PRETENDED
        return replace(answer, body=mend(fault, answer.body))

    return make


_REPLIES: dict[str, MakeReply] = {
    "status": _status,
    "html": _html,
    "not_json": _not_json,
    "empty": lambda fault, real: Reply(),
    "truncated": _truncated,
    "trailing_text": _mended(lambda fault, body: damage.trailing_text(body)),
    "byte_order_mark": _mended(lambda fault, body: damage.with_mark(body)),
    "utf16": _mended(lambda fault, body: damage.in_utf16(body)),
    "bad_utf8": _mended(lambda fault, body: damage.bad_utf8(body)),
    "retyped": lambda fault, real: replace(real or _PRETENDED, content_type=fault.content_type),
    "broken_gzip": _broken_gzip,
    "gzip_bomb": _bomb,
    "nested": _mended(lambda fault, body: damage.nested(body)),
    "key_twice": _mended(lambda fault, body: damage.key_twice(body, fault.field)),
    "other_echo": _mended(lambda fault, body: damage.other_echo(body)),
    **{how: _mended(lambda fault, body: damage.reshaped(body, fault.kind, fault.field)) for how in damage.SHAPES},
}


def _slow(fault: Fault, raw: bytes) -> Delivery:
    blocks = range(0, len(raw), max(1, fault.block_bytes))
    return Delivery(parts=tuple((fault.seconds, raw[at : at + fault.block_bytes]) for at in blocks))


def _slow_head(fault: Fault, raw: bytes) -> Delivery:
    head, body = damage.split_head(raw)
    return Delivery(parts=(*_slow(fault, head).parts, (0.0, body)))


def _endless(fault: Fault, raw: bytes) -> Delivery:
    return Delivery(parts=((fault.seconds, part) for part in damage.unending(raw)))


def _cut(fault: Fault, raw: bytes) -> Delivery:
    keep = len(raw) // 2 if fault.keep_bytes is None else fault.keep_bytes
    return Delivery(parts=((0.0, raw[:keep]),) if keep else (), end="close")


def _short(fault: Fault, raw: bytes) -> Delivery:
    head, body = damage.split_head(raw)
    return Delivery(parts=((0.0, head + body[: len(body) // 2]),), end="close")


def _reset(fault: Fault, raw: bytes) -> Delivery:
    return Delivery(parts=((0.0, raw[: fault.keep_bytes]),) if fault.keep_bytes else (), end="reset")


def _sent(change: Callable[[bytes], bytes], end: str = "keep") -> MakeDelivery:
    return lambda fault, raw: Delivery(parts=((0.0, change(raw)),), end=end)


def _outage(fault: Fault, raw: bytes) -> Delivery:
    answers = OUTAGES[fault.kind][1]
    return Delivery(parts=((0.0, raw),), end="close") if answers else Delivery(parts=(), end="reset")


_DELIVERIES: dict[str, MakeDelivery] = {
    "slow": _slow,
    "slow_head": _slow_head,
    "endless": _endless,
    "silent": lambda fault, raw: Delivery(parts=(), end="hold"),
    "cut": _cut,
    "short": _short,
    "lost_answer": lambda fault, raw: Delivery(parts=(), end="reset"),
    "reset": _reset,
    "close_after": _sent(lambda raw: raw, end="close"),
    "broken_chunk": _sent(lambda raw: damage.in_chunks(raw, b"zz\r\n"), end="close"),
    "twice": _sent(lambda raw: raw + raw),
    "surplus": _sent(lambda raw: raw + b"HTTP/1.1 200 OK\r\nX-Second: "),
    "long_header": _sent(lambda raw: damage.more_headers(raw, b"X-Flood: %b\r\n" % (b"v" * 200_000))),
    "many_headers": _sent(lambda raw: damage.more_headers(raw, b"".join(b"X-%d: v\r\n" % n for n in range(10_000)))),
    "many_cookies": _sent(
        lambda raw: damage.more_headers(raw, b"".join(b"Set-Cookie: c%d=%b\r\n" % (n, b"v" * 60) for n in range(1_000)))
    ),
    **dict.fromkeys(OUTAGES, _outage),
}


class FaultPlan:
    """The faults of one sandbox, asked once per request.

    ``latency`` (seconds) is added to every answer. ``virtual`` lets every pause move the world's clock instead of taking time.
    """

    def __init__(self, faults: Sequence[Fault] = (), *, seed: int = 1, latency: float = 0.0, virtual: bool = False) -> None:
        self.latency = latency
        self.virtual = virtual
        self.network = Network()
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

    def pick(self, product: str, request: Request, *, changes: bool, unread: bool = False) -> Fault | None:
        """The fault this request suffers; every planned fault counts it, the first that strikes wins.

        ``unread``: only the head of the request is there, and only faults that strike so early are asked.
        """
        chosen: Fault | None = None
        for fault, seen in self._planned:
            if fault.unread is not unread or not fault.fits(product, request, changes):
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
