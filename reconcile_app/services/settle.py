"""Looking at lines after a write: the settle window of a lost answer, the read-back of an acknowledged one, the last look.

Nothing here sends anything. A look that could not read proves nothing and leaves the op as it is.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from reconcile_app.core.changes import Change
from reconcile_app.core.errors import SideUnreadable
from reconcile_app.core.evidence import state_to_json
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Clock, LineState, PsaPort
from reconcile_app.core.verdict import Decision, contradict, decide, look_again, refute_refusal, verify
from reconcile_app.services import opbook
from reconcile_app.services.opbook import OpBook

SETTLE_SECONDS = 180.0
"""The settle window: no PSA is known to carry out a request later than this after it was received."""

LOOKS = (0.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""Seconds after the send at which a line in doubt is read before the window ends."""

READ_BACKS = (0.0, 2.0, 10.0)
"""Seconds after the answer at which an acknowledged write is read back; later ones only when the earlier did not show it."""

_GRACE = 600.0
_REPEAT = 30.0
_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Doubt:
    """A write whose outcome is open. ``since``: monotonic time from which the settle window counts; ``looked``: seconds after it at
    which the line was looked at last."""

    op_id: str
    before: LineState
    since: float
    looked: float = -1.0


class Settling:
    """The looks at the lines of one run, each journalled through the book.

    ``early`` holds ops that were confirmed before their settle window was over → monotonic time at which it is over.
    ``readings`` holds the reading that decided, by op id.
    """

    def __init__(self, psa: PsaPort, book: OpBook, clock: Clock, settle_seconds: float) -> None:
        self._psa = psa
        self._book = book
        self._clock = clock
        self._window = settle_seconds
        # A shorter window is for simulators only; then everything else about it shrinks with it.
        scale = min(1.0, settle_seconds / SETTLE_SECONDS)
        self._last = settle_seconds + _GRACE * scale
        self._repeat = max(_REPEAT * scale, 0.1)
        self._looks = (*(look for look in LOOKS if look < settle_seconds), settle_seconds)
        self.early: dict[str, float] = {}
        self.readings: dict[str, LineState] = {}

    def doubt(self, op_id: str, before: LineState, elapsed: float = 0.0) -> Doubt:
        """Start watching an op whose answer was lost; ``elapsed``: seconds since its last byte may have been sent."""
        return Doubt(op_id=op_id, before=before, since=self._clock.monotonic() - elapsed)

    def due(self, doubt: Doubt) -> float:
        """Monotonic time of the next look."""
        after = (look for look in self._looks if look > doubt.looked)
        return doubt.since + next(after, doubt.looked + self._repeat)

    async def look(self, doubt: Doubt) -> bool:
        """Read the line once. True when there is nothing more to wait for: decided, or not readable for too long."""
        op = self._book[doubt.op_id]
        doubt.looked = self._clock.monotonic() - doubt.since
        settled = doubt.looked >= self._window
        now = await self._read(op.change)
        decision = decide(
            op.change, doubt.before, now, settled, semantics=op.semantics, as_of=f"{self._clock.now():%H:%M} UTC",
        )
        if now is None or decision.state is OpState.UNKNOWN:
            return doubt.looked >= self._last
        if await self._book.contradicted(op.op_id):
            decision = contradict(op.change, doubt.before, now)
        if not settled:
            self.early[op.op_id] = doubt.since + self._window
        await self._record(op, decision, now, settled=settled)
        return True

    async def sleep_until(self, moment: float) -> None:
        """Wait for a monotonic time; one that has passed does not wait."""
        rest = moment - self._clock.monotonic()
        if rest > 0:
            await self._clock.sleep(rest)

    async def read_back(self, op_id: str, before: LineState) -> None:
        """Read an acknowledged write back.

        Only the last reading decides against us, because a PSA may show a change late. When that one fails the op stays APPLIED.
        """
        op = self._book[op_id]
        self._book.stage(op_id, opbook.CONFIRMING)
        start = self._clock.monotonic()
        for offset in READ_BACKS:
            await self.sleep_until(start + offset)
            now = await self._read(op.change)
            decision = None if now is None else verify(op.change, before, now, semantics=op.semantics)
            if decision is not None and decision.state is OpState.VERIFIED:
                break
        if now is not None and decision is not None:
            await self._record(op, decision, now, settled=True)

    async def confirm_refusal(self, op_id: str, before: LineState) -> None:
        """Read once after a refusal; a line that moved all the same needs a person."""
        op = self._book[op_id]
        now = await self._read(op.change)
        decision = None if now is None else refute_refusal(op.change, before, now)
        if now is not None and decision is not None:
            await self._record(op, decision, now, settled=False)

    async def look_again(self, op_id: str, before: LineState) -> None:
        """The last look at an op that is APPLIED, CONFIRMED_BY_STATE or NOT_APPLIED."""
        op = self._book[op_id]
        await self.sleep_until(self.early.get(op_id, 0.0))
        now = await self._read(op.change)
        decision = None if now is None else look_again(op.state, op.change, before, now, semantics=op.semantics)
        if now is not None and decision is not None:
            await self._record(op, decision, now, settled=True)

    async def _record(self, op: OpRecord, decision: Decision, now: LineState, *, settled: bool) -> None:
        body: Mapping[str, object] = {
            "reading": state_to_json(now), "attributed": decision.attributed, "alarm": decision.alarm, "settled": settled,
        }
        unwritten = decision.state in (OpState.NOT_APPLIED, OpState.NEEDS_REVIEW)
        message = opbook.with_answer(decision.message, op.message) if unwritten else decision.message
        await self._book.record(op.op_id, decision.state, body, message=message, quantity_after=decision.quantity)
        self.readings[op.op_id] = now

    async def _read(self, change: Change) -> LineState | None:
        try:
            return await self._psa.read_line(change)
        except SideUnreadable as error:
            _logger.info("a line could not be read after a write: %s", error.reason)
        except Exception:
            # Whatever it is, it is no reading, and the op must not be lost over it.
            _logger.exception("reading a line after a write failed")
        return None
