"""What the outcome of a write is, and which states an op may take. Pure functions over values.

What an unknown outcome turns out to be is decided in ``core.verdict``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType


class OpState(StrEnum):
    """States of an op, as the journal stores them."""

    PLANNED = "PLANNED"
    STALE = "STALE"
    BLOCKED = "BLOCKED"
    SKIPPED_ALREADY = "SKIPPED_ALREADY"
    CANCELLED = "CANCELLED"
    ARMED = "ARMED"
    NOT_SENT = "NOT_SENT"
    REJECTED = "REJECTED"
    APPLIED = "APPLIED"
    VERIFIED = "VERIFIED"
    UNKNOWN = "UNKNOWN"
    CONFIRMED_BY_STATE = "CONFIRMED_BY_STATE"
    NOT_APPLIED = "NOT_APPLIED"
    NEEDS_REVIEW = "NEEDS_REVIEW"
    CLOSED_AS_APPLIED = "CLOSED_AS_APPLIED"
    CLOSED_AS_NOT_APPLIED = "CLOSED_AS_NOT_APPLIED"


TRANSITIONS: Mapping[OpState, frozenset[OpState]] = MappingProxyType({
    OpState.PLANNED: frozenset({
        OpState.STALE, OpState.BLOCKED, OpState.SKIPPED_ALREADY, OpState.CANCELLED, OpState.ARMED,
    }),
    OpState.ARMED: frozenset({
        OpState.PLANNED, OpState.NOT_SENT, OpState.REJECTED, OpState.APPLIED, OpState.UNKNOWN,
    }),
    OpState.APPLIED: frozenset({OpState.VERIFIED, OpState.NEEDS_REVIEW}),
    OpState.UNKNOWN: frozenset({OpState.CONFIRMED_BY_STATE, OpState.NOT_APPLIED, OpState.NEEDS_REVIEW}),
    OpState.NEEDS_REVIEW: frozenset({OpState.CLOSED_AS_APPLIED, OpState.CLOSED_AS_NOT_APPLIED}),
    OpState.REJECTED: frozenset({OpState.NEEDS_REVIEW}),
    OpState.CONFIRMED_BY_STATE: frozenset({OpState.NEEDS_REVIEW}),
    OpState.NOT_APPLIED: frozenset({OpState.NEEDS_REVIEW}),
    OpState.STALE: frozenset(),
    OpState.BLOCKED: frozenset(),
    OpState.SKIPPED_ALREADY: frozenset(),
    OpState.CANCELLED: frozenset(),
    OpState.NOT_SENT: frozenset(),
    OpState.VERIFIED: frozenset(),
    OpState.CLOSED_AS_APPLIED: frozenset(),
    OpState.CLOSED_AS_NOT_APPLIED: frozenset(),
})
"""The only steps an op may take. ARMED leads back to PLANNED only after an outcome that proves that nothing happened; there is no
way from UNKNOWN, or from anything after it, to ARMED. REJECTED, CONFIRMED_BY_STATE and NOT_APPLIED can still turn into
NEEDS_REVIEW, because a later reading may contradict them."""

OPEN: frozenset[OpState] = frozenset({OpState.ARMED, OpState.UNKNOWN, OpState.APPLIED, OpState.NEEDS_REVIEW})
"""An op in one of these locks its line: no second op may be armed for it."""

FINAL: frozenset[OpState] = frozenset(OpState) - OPEN - {OpState.PLANNED}
"""Nothing is left to do by the program; every other state is unfinished."""


class OutcomeClass(StrEnum):
    """What the answer to a write proves."""

    NOT_SENT = "not_sent"
    APPLIED = "applied"
    REJECTED = "rejected"
    REFRESH = "refresh"
    """401 with the PSA's error shape: proven nil, the sign-in may be renewed once."""
    FORBIDDEN = "forbidden"
    """403 or a second 401: refused, and the run pauses."""
    WAIT = "wait"
    """409, 412 or 429: proven nil, wait and read again."""
    UNKNOWN = "unknown"


class Transport(StrEnum):
    """Where a transmission broke, as far as the client can tell."""

    NEVER_LEFT = "never_left"
    """DNS, connect refused or timed out, TLS, proxy, pool: no byte of the request was sent."""
    BROKEN = "broken"
    """Anything later: the request may have arrived."""


class Shape(StrEnum):
    """What the body of an answer is, judged by the connector that knows the API."""

    SUCCESS = "success"
    """The API's own success answer, and it echoes our line where it echoes anything."""
    ERROR = "error"
    """The API's own error answer."""
    FOREIGN = "foreign"
    """The API's own success answer, about another line or with another quantity than was sent."""
    OTHER = "other"


LONGEST_WAIT = 600.0
"""Seconds; a PSA that asks for a longer wait is asked again after this."""

_OWN_REFUSALS = frozenset({400, 404, 405, 415, 422})
_CALL_AGAIN = frozenset({409, 412, 429})
_ACCEPTED_FOR_LATER = 202


def classify(status: int | None, shape: Shape, transport: Transport | None = None) -> OutcomeClass:
    """What the answer to a write proves. Total: what is not listed here is UNKNOWN.

    Every 5xx is UNKNOWN, readable text or not: a server that failed may have committed first. So is every 4xx that does not carry
    the PSA's own error shape, because a gateway may have answered in its place; only 409, 412 and 429 need no shape, since whoever
    sends them says that the request was not carried out.

    Args:
        status: HTTP status, or None when no answer was read.
        shape: what the body is, judged by the connector.
        transport: where the transmission broke, or None when it did not.
    """
    if transport is not None or status is None:
        never_left = transport is Transport.NEVER_LEFT and status is None
        return OutcomeClass.NOT_SENT if never_left else OutcomeClass.UNKNOWN
    if status in _CALL_AGAIN:
        return OutcomeClass.WAIT
    if shape is Shape.SUCCESS and 200 <= status < 300 and status != _ACCEPTED_FOR_LATER:
        return OutcomeClass.APPLIED
    return _refusal(status) if shape is Shape.ERROR else OutcomeClass.UNKNOWN


def _refusal(status: int) -> OutcomeClass:
    if status in _OWN_REFUSALS:
        return OutcomeClass.REJECTED
    return {401: OutcomeClass.REFRESH, 403: OutcomeClass.FORBIDDEN}.get(status, OutcomeClass.UNKNOWN)


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait as a ``Retry-After`` header asks (RFC 9110 10.2.3: seconds or a date), at most ``LONGEST_WAIT``.

    A date that has passed means no wait. Anything else, negative numbers included, gives None: the caller uses its own pause.
    """
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return min(float(text), LONGEST_WAIT)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return min(max(0.0, (then - now).total_seconds()), LONGEST_WAIT)
