"""One op on its way to the PSA: read again, compare, arm, send once, journal what came back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.errors import PermissionDenied, PlanRefused, ReconcileError, SideUnreadable, SignInFailed
from reconcile_app.core.evidence import state_to_json
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState, OutcomeClass
from reconcile_app.core.ports import Clock, LineState, Outcome, PreparedWrite, PsaPort
from reconcile_app.core.verdict import is_done, value_of
from reconcile_app.services import opbook
from reconcile_app.services.opbook import OpBook, said

FRESH_SECONDS = 2.0
"""A reading older than this is read again before anything is sent."""

DEADLINE = timedelta(seconds=180)
"""How long one transmission may take, answer included; the connector keeps to it."""

SHORTEST_WAIT = 5.0
"""Seconds between two requests to a PSA that asked us to wait."""

_LONGEST_OWN_WAIT = 300.0
_MAX_WAITS, _MAX_UNSENT, _MAX_SLOW = 3, 2, 2
_RENEW_EVERY = 60.0
_MAX_KEPT = 65_536
_logger = logging.getLogger(__name__)


class RunPaused(Exception):
    """Nothing more may be sent in this run; ``args[0]`` says why, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How far an op came. ``before``: the reading it was sent on (E0), None when nothing was sent.

    ``seen``: the reading right before the send or the decision not to send. ``reached``: the PSA could be reached.
    """

    before: LineState | None = None
    seen: LineState | None = None
    reached: bool = True


@dataclass(slots=True)
class _Tries:
    armed: int = 0
    waits: int = 0
    unsent: int = 0
    slow: int = 0
    renewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    state: LineState
    monotonic: float
    wall: float


class Transmitter:
    """Carries out ops one at a time.

    Args:
        psa: where to.
        book: the ops of the run.
        clock: the time.
        epoch: our lease, noted with every arming.
        jitter: a number in [0, 1) for pauses the PSA did not prescribe.
        pause: waits for so many seconds, less when the operator stops the run.
    """

    def __init__(
        self, psa: PsaPort, book: OpBook, clock: Clock, *, epoch: int, jitter: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._psa = psa
        self._book = book
        self._clock = clock
        self._epoch = epoch
        self._jitter = jitter
        self._pause = pause
        self._renewed_at: float | None = None
        self.arming = asyncio.Lock()
        """Held while an op is being armed, so that a stop comes before it or after it."""

    async def carry_out(self, op_id: str, baseline: LineState) -> Attempt:
        """Steps 5 to 9 for one op; afterwards the book has it in APPLIED, UNKNOWN or a final state.

        Args:
            op_id: the op.
            baseline: the reading that was approved, or that our own earlier op on this line left behind.

        Raises:
            RunPaused: sign-in or permission is lost, or nothing may be armed any more.
        """
        tries = _Tries()
        while True:
            try:
                reading = await self._read_again(op_id)
            except ReconcileError as error:
                await self._unreadable(op_id, error)
                return Attempt(reached=not isinstance(error, SideUnreadable))
            prepared = await self._prepare(op_id, reading.state) if await self._may_go(op_id, baseline, reading.state) else None
            if prepared is None or not await self._arm(op_id, prepared, reading.state, tries):
                return Attempt(seen=reading.state)
            if self._age(reading) > FRESH_SECONDS:
                if not await self._too_slow(op_id, tries):
                    return Attempt(seen=reading.state)
                continue
            outcome = await self._send(prepared)
            if not await self._conclude(self._book[op_id], outcome, tries):
                reached = outcome.outcome is not OutcomeClass.NOT_SENT
                return Attempt(before=reading.state if reached else None, seen=reading.state, reached=reached)

    async def _read_again(self, op_id: str) -> _Reading:
        self._book.stage(op_id, opbook.CHECKING)
        state = await self._psa.read_line(self._book[op_id].change)
        return _Reading(state=state, monotonic=self._clock.monotonic(), wall=self._clock.now().timestamp())

    async def _may_go(self, op_id: str, baseline: LineState, state: LineState) -> bool:
        """Step 5. False: the op ended without anything being sent."""
        end = _why_not(self._book[op_id], baseline, state)
        if end is not None:
            await self._book.record(op_id, end[0], {"reading": state_to_json(state)}, message=end[1], quantity_after=state.quantity)
        return end is None

    async def _unreadable(self, op_id: str, error: ReconcileError) -> None:
        if isinstance(error, SignInFailed | PermissionDenied):
            raise RunPaused(f"The sign-in was lost: {error.reason}") from error
        message = f"Could not be read right before the write: {error.reason} Nothing was sent."
        await self._book.record(op_id, OpState.BLOCKED, {"error": error.reason}, message=message)

    async def _prepare(self, op_id: str, state: LineState) -> PreparedWrite | None:
        try:
            return self._psa.prepare(self._book[op_id].change, state)
        except PlanRefused as error:
            await self._book.record(op_id, OpState.BLOCKED, {"reading": state_to_json(state)}, message=f"Skipped: {error.reason}")
            return None

    async def _arm(self, op_id: str, prepared: PreparedWrite, state: LineState, tries: _Tries) -> bool:
        """Step 6. False: the journal has blocked the op, because its line has another one that is not settled."""
        tries.armed += 1
        now = self._clock.now()
        async with self.arming:
            armed = await self._book.arm(op_id, {
                "before": state_to_json(state), "method": prepared.method, "path": prepared.path,
                "body": prepared.body[:_MAX_KEPT].decode("utf-8", "replace"), "body_sha256": prepared.body_sha256,
                "attempt": tries.armed, "epoch": self._epoch, "armed": now.isoformat(), "deadline": (now + DEADLINE).isoformat(),
            })
        if not armed and self._book[op_id].state is OpState.PLANNED:
            raise RunPaused("Stopped, or another window has taken over. Nothing more was sent.")
        return armed

    def _age(self, reading: _Reading) -> float:
        """Seconds since the reading by whichever clock counted more: a suspended computer stops one of them."""
        passed = self._clock.now().timestamp() - reading.wall
        return max(self._clock.monotonic() - reading.monotonic, abs(passed))

    async def _too_slow(self, op_id: str, tries: _Tries) -> bool:
        """The reading grew old while arming; nothing was sent. True: back to the reading."""
        tries.slow += 1
        again = tries.slow <= _MAX_SLOW
        await self._book.record(
            op_id, OpState.PLANNED if again else OpState.NOT_SENT, {"nothing_sent": "the reading was too old"},
            message="" if again else "Not sent: this computer was too slow between reading the line and sending.",
        )
        return again

    async def _send(self, prepared: PreparedWrite) -> Outcome:
        """Step 7: once, in a task of its own that cancelling does not reach. Whatever goes wrong from here on is UNKNOWN."""
        sending = asyncio.ensure_future(self._psa.write(prepared))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            if not sending.cancelled():
                raise
            return Outcome(outcome=OutcomeClass.UNKNOWN, message="The transmission was cut off.")
        except Exception as error:
            _logger.exception("a write ended in an error of this program")
            return Outcome(outcome=OutcomeClass.UNKNOWN, message=f"The answer could not be used ({type(error).__name__}).")

    async def _conclude(self, op: OpRecord, outcome: Outcome, tries: _Tries) -> bool:
        """Steps 8 and 9. True: nothing happened for certain, back to the reading."""
        match outcome.outcome:
            case OutcomeClass.APPLIED:
                await self._end(op, OpState.APPLIED, outcome, "The PSA took the change.")
            case OutcomeClass.REJECTED:
                await self._end(op, OpState.REJECTED, outcome, "The PSA refused the change.")
            case OutcomeClass.REFRESH:
                return await self._renew(op, outcome, tries)
            case OutcomeClass.FORBIDDEN:
                await self._forbidden(op, outcome)
            case OutcomeClass.WAIT:
                return await self._wait(op, outcome, tries)
            case OutcomeClass.NOT_SENT:
                return await self._unsent(op, outcome, tries)
            case _:
                await self._end(op, OpState.UNKNOWN, outcome, "It is not known yet whether the PSA made the change.")
        return False

    async def _end(self, op: OpRecord, state: OpState, outcome: Outcome, message: str) -> None:
        answer = "" if state is OpState.APPLIED else outcome.message
        await self._book.record(op.op_id, state, _answer(outcome), message=message + said(answer))

    async def _forbidden(self, op: OpRecord, outcome: Outcome) -> None:
        await self._end(op, OpState.REJECTED, outcome, "The PSA refused the API user.")
        raise RunPaused(f"The API user may no longer write. {outcome.message}".strip())

    async def _renew(self, op: OpRecord, outcome: Outcome, tries: _Tries) -> bool:
        now = self._clock.monotonic()
        recently = self._renewed_at is not None and now - self._renewed_at < _RENEW_EVERY
        if tries.renewed or recently:
            await self._forbidden(op, outcome)
        await self._end(op, OpState.PLANNED, outcome, "Signing in again.")
        tries.renewed = True
        self._renewed_at = now
        try:
            await self._psa.renew()
        except ReconcileError as error:
            raise RunPaused(f"The sign-in failed: {error.reason}") from error
        return True

    async def _wait(self, op: OpRecord, outcome: Outcome, tries: _Tries) -> bool:
        tries.waits += 1
        if tries.waits > _MAX_WAITS:
            await self._end(op, OpState.REJECTED, outcome, "The PSA did not take the change: in use, or too many calls; skipped.")
            return False
        seconds = outcome.retry_after
        if seconds is None:
            seconds = min(SHORTEST_WAIT * 2**tries.waits, _LONGEST_OWN_WAIT) * self._jitter()
        seconds = max(seconds, SHORTEST_WAIT)
        await self._end(op, OpState.PLANNED, outcome, f"The PSA asks us to wait {seconds:.0f} s.")
        await self._pause(seconds)
        return True

    async def _unsent(self, op: OpRecord, outcome: Outcome, tries: _Tries) -> bool:
        tries.unsent += 1
        if tries.unsent > _MAX_UNSENT:
            await self._end(op, OpState.NOT_SENT, outcome, "The PSA could not be reached. Nothing was sent.")
            return False
        await self._end(op, OpState.PLANNED, outcome, "The PSA could not be reached; trying again.")
        await self._pause(SHORTEST_WAIT * tries.unsent)
        return True


def _answer(outcome: Outcome) -> Mapping[str, object]:
    return {
        "outcome": outcome.outcome.value, "status": outcome.status, "receipt": outcome.receipt, "message": outcome.message,
        "answer": outcome.answer[:_MAX_KEPT], "contradicts": outcome.contradicts,
    }


def _why_not(op: OpRecord, baseline: LineState, state: LineState) -> tuple[OpState, str] | None:
    """What the reading right before the write says against it."""
    change = op.change
    creates = change.creates
    if is_done(change, state):
        return OpState.SKIPPED_ALREADY, f"Already {_shown(value_of(change, state))}; nothing to do."
    if creates and state.present:
        return OpState.STALE, f"Skipped: the line is there meanwhile, with {format_amount(state.quantity)}."
    if not creates and not state.present:
        return OpState.STALE, "Skipped: the line is gone. It was not created again."
    if state.blocked:
        return OpState.BLOCKED, f"Skipped: {state.blocked}"
    return None if state.digest == baseline.digest else (OpState.STALE, _moved(op, baseline, state))


def _moved(op: OpRecord, baseline: LineState, state: LineState) -> str:
    was, is_now = _shown(value_of(op.change, baseline)), _shown(value_of(op.change, state))
    by = f" (last changed by {state.attribution})" if state.attribution else ""
    if was == is_now:
        return f"Skipped: still {is_now}, but the line was touched since you approved{by}."
    return f"Skipped: was {was} when you approved, is {is_now} now{by}."


def _shown(value: int | None) -> str:
    return "unknown" if value is None else format_amount(value)
