"""The push: carries a frozen plan to the PSA, one change at a time, so that nothing is written twice or unseen.

From the moment a plan is in the journal the engine works from the journal. Its effects go through the ports only. A line whose
outcome is open is set aside and looked at on its own schedule while other customers go on; there is never more than one request.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from reconcile_app import __version__
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused, ReconcileError, SideUnreadable, StorageError
from reconcile_app.core.journal import JournalPort, OpRecord, RunRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.plan import CALLS_PER_OP, Plan, PlannedChange, check_confirmation, check_fresh
from reconcile_app.core.ports import Budget, Clock, LineState, PsaPort
from reconcile_app.services.desk import PushListener, PushView
from reconcile_app.services.following import first_of, is_between, starts_pair, why_not_now
from reconcile_app.services.opbook import OpBook
from reconcile_app.services.outcome import result_of, so_far, words_of
from reconcile_app.services.settle import SETTLE_SECONDS, Doubt, Settling
from reconcile_app.services.transmit import Attempt, RunPaused, Transmitter

MAX_CLOCK_SKEW = 300.0
"""Seconds this computer's clock may differ from the PSA's: effective dates depend on it."""

MAX_DRIFT = 30.0
"""Seconds by which wall clock and monotonic clock may part before the computer must have slept or been set."""

_MAX_TROUBLE, _MAX_REVIEWS = 3, 2
_LAST_LOOK = (OpState.APPLIED, OpState.CONFIRMED_BY_STATE, OpState.NOT_APPLIED)
_SAME_CUSTOMER = "Not sent: another change of this customer is in doubt."

_logger = logging.getLogger(__name__)

Queue = deque[PlannedChange]


async def check_tenant(psa: PsaPort, fingerprint: str) -> None:
    """Make sure that these credentials lead to the PSA the plan was made for, and that the clocks agree.

    Raises:
        PlanRefused: another tenant, or the clocks differ by more than five minutes.
        SideUnreadable: the PSA could not be asked.
    """
    tenant = await psa.tenant()
    if tenant.fingerprint != fingerprint:
        raise PlanRefused(
            "These credentials belong to another PSA.", f"They lead to {tenant.label}; the plan was made for another one.",
            meaning="Nothing was sent.", next_step="Check the connection, then compare again.",
        )
    if tenant.clock_skew is not None and abs(tenant.clock_skew) > MAX_CLOCK_SKEW:
        raise PlanRefused(
            "This computer's clock is wrong.", f"It differs from the PSA's by {abs(tenant.clock_skew) / 60:.0f} minutes.",
            meaning="Nothing was sent, because effective dates depend on it.", next_step="Set the clock, then review again.",
        )


@dataclass(slots=True)
class _Parked:
    """A line in doubt, and what the same customer still has to do."""

    doubt: Doubt
    rest: Queue


class Push:
    """Carries out one plan; make a new one for every push. The caller holds the tenant lock and has run recovery.

    Args:
        psa: where to write.
        journal: the tenant's journal, open.
        clock: the time.
        operator: who approved.
        machine: where.
        settle_seconds: the settle window; below 180 for simulators only.
        jitter: a number in [0, 1) for pauses the PSA did not prescribe.
    """

    def __init__(
        self, psa: PsaPort, journal: JournalPort, clock: Clock, operator: str, machine: str,
        settle_seconds: float = SETTLE_SECONDS, *, jitter: Callable[[], float] = random.random,
    ) -> None:
        self._psa = psa
        self._journal = journal
        self._clock = clock
        self._operator = operator
        self._machine = machine
        self._settle_seconds = settle_seconds
        self._jitter = jitter
        self._stop = asyncio.Event()
        self._run_id = ""
        self._result = ""
        self._why_paused = ""
        self._trouble = 0
        self._reviews = 0
        self._ending = ""
        self._between = False
        self._parked: list[_Parked] = []
        self._pending: deque[Queue] = deque()
        self._before: dict[str, LineState] = {}
        self._seen: dict[str, LineState] = {}

    async def run(self, plan: Plan, typed: str, listener: PushListener) -> PushView:
        """Push. Cancelling the caller stops the push after the current change and then ends as cancelled.

        Args:
            plan: what was approved.
            typed: what the operator typed to confirm, where the plan asks for it.
            listener: told after every journalled step, with a view that never changes.

        Returns:
            The finished view.

        Raises:
            PlanRefused: nothing was sent: not confirmed, expired, another tenant, wrong clock.
            SideUnreadable: the PSA could not be reached before the first change; nothing was sent.
            StorageError: the journal could not be written; the push stopped, and what is open is settled at the next start.
        """
        check_confirmation(plan, typed)
        check_fresh(plan, self._clock.now())
        working = asyncio.ensure_future(self._carry_out(plan, listener))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            if not working.done():
                await self.stop()
                await asyncio.wait([working])
                _log_error(working)
            raise

    async def stop(self) -> None:
        """Stop after the current change: no further change is armed, also not after a crash. Returns at once.

        Where a line ends and a new one takes its place, the two are one change as soon as the first of them is armed.
        """
        self._stop.set()
        if self._run_id:
            async with self._transmitter.arming:
                if not self._ending or self._book[self._ending].state is OpState.PLANNED:
                    await self._journal.request_cancel(self._run_id)
            self._book.notify()

    # one run -----------------------------------------------------------------------------------------------------------------

    async def _carry_out(self, plan: Plan, listener: PushListener) -> PushView:
        await check_tenant(self._psa, plan.tenant)
        self._plan = plan
        self._least_calls = CALLS_PER_OP * (2 if any(planned.change.replaces for planned in plan.changes) else 1)
        self._listener = listener
        self._budget = await self._ask_budget()
        self._calls_before = self._psa.calls
        self._drift = self._wall_minus_monotonic()
        epoch = await self._journal.raise_epoch()
        await self._journal.begin(self._record_of(plan), _ops_of(plan))
        self._book = OpBook(self._journal, self._clock, await self._journal.ops(plan.run_id), self._tell)
        self._settling = Settling(self._psa, self._book, self._clock, self._settle_seconds)
        self._transmitter = Transmitter(
            self._psa, self._book, self._clock, epoch=epoch, jitter=self._jitter, pause=self._sleep_or_stop,
        )
        self._run_id = plan.run_id
        if self._stop.is_set():
            await self._journal.request_cancel(plan.run_id)
        self._book.notify()
        await self._work()
        self._result = result_of(self._book.ops)
        self._book.notify()
        return self._view()

    async def _work(self) -> None:
        self._pending = deque(deque(ops) for _, ops in groupby(self._plan.changes, lambda planned: planned.change.customer_code))
        try:
            while self._pending or self._parked:
                await self._look_at_due()
                if self._pending:
                    await self._customer(self._pending.popleft())
                elif self._parked:
                    await self._settling.sleep_until(min(self._settling.due(parked.doubt) for parked in self._parked))
            await self._last_look()
        except StorageError:
            # What the journal holds is all that counts now; the next start settles it.
            raise
        except Exception:
            await self._cancel(self._planned_left(), "Not sent: the program met an error of its own.")
            raise

    async def _last_look(self) -> None:
        for op in self._book.in_state(*_LAST_LOOK):
            await self._settling.look_again(op.op_id, self._before[op.op_id])

    async def _customer(self, rest: Queue) -> None:
        """The changes of one customer, until one of them stays open."""
        while rest:
            reason = "" if self._between else await self._why_stop()
            if reason:
                await self._cancel(rest, f"Not sent: {reason}")
                return
            planned = rest.popleft()
            pair = starts_pair(planned, rest)
            self._ending = planned.op_id if pair else self._ending
            await self._op(planned)
            self._between = pair and is_between(self._book[planned.op_id].state)
            await self._leave_pair()
            if self._book[planned.op_id].state is OpState.UNKNOWN:
                self._park(planned.op_id, rest)
                return
            if self._book[planned.op_id].state in OPEN:
                await self._cancel(rest, _SAME_CUSTOMER)
            await self._look_at_due()

    async def _leave_pair(self) -> None:
        """A stop that came while a line was being replaced takes effect once the new line was tried."""
        if self._ending and not self._between:
            self._ending = ""
            if self._stop.is_set():
                await self._journal.request_cancel(self._run_id)

    async def _op(self, planned: PlannedChange) -> None:
        """One change, up to its read-back."""
        waits = why_not_now(first_of(self._book.ops, planned), planned)
        if waits:
            await self._cancel([planned], waits)
            return
        try:
            attempt = await self._transmitter.carry_out(planned.op_id, self._baseline(planned))
        except RunPaused as paused:
            self._pause(str(paused))
            await self._cancel([planned], f"Not sent: {paused}")
            return
        self._count_trouble(planned.op_id, attempt)
        if attempt.seen is not None:
            self._seen[planned.op_id] = attempt.seen
        if attempt.before is not None:
            self._before[planned.op_id] = attempt.before
            await self._read_after(planned, attempt.before)

    async def _read_after(self, planned: PlannedChange, before: LineState) -> None:
        state = self._book[planned.op_id].state
        if state is OpState.APPLIED:
            await self._settling.read_back(planned.op_id, before)
            self._count_review(planned.op_id)
        elif state is OpState.REJECTED:
            await self._settling.confirm_refusal(planned.op_id, before)
            self._count_review(planned.op_id)

    def _baseline(self, planned: PlannedChange) -> LineState:
        """What the line must still look like: as approved, or as the change of its quantity left it."""
        first = first_of(self._book.ops, planned)
        if first is None or planned.change.kind is not ChangeKind.SET_UNIT_COST:
            return planned.state
        after = self._settling.readings.get(first.op_id) or self._seen[first.op_id]
        return replace(after, unit_cost=planned.state.unit_cost)

    # lines in doubt ----------------------------------------------------------------------------------------------------------

    def _park(self, op_id: str, rest: Queue) -> None:
        self._parked.append(_Parked(self._settling.doubt(op_id, self._before[op_id]), rest))

    async def _look_at_due(self) -> None:
        for parked in list(self._parked):
            if self._settling.due(parked.doubt) <= self._clock.monotonic() and await self._settling.look(parked.doubt):
                self._parked.remove(parked)
                await self._resume(parked)

    async def _resume(self, parked: _Parked) -> None:
        op = self._book[parked.doubt.op_id]
        if op.state in OPEN:
            await self._cancel(parked.rest, _SAME_CUSTOMER)
        elif parked.rest:
            self._pending.append(parked.rest)

    # reasons to stop ---------------------------------------------------------------------------------------------------------

    async def _why_stop(self) -> str:
        """Checked before every change; empty: go on. Not between the end of a line and the one that replaces it."""
        if self._stop.is_set() or await self._journal.cancel_requested(self._run_id):
            return "Stopped by the operator."
        if not self._why_paused:
            await self._check_circumstances()
        return self._why_paused

    async def _check_circumstances(self) -> None:
        left = self._calls_left()
        if self._clock.now() >= self._plan.expires:
            self._pause("The plan has expired. Review the changes again.")
        elif left is not None and left < self._least_calls:
            self._pause("The calls this program may make are used up. Try again in an hour.")
        elif abs(self._wall_minus_monotonic() - self._drift) > MAX_DRIFT:
            await self._after_sleep()

    async def _after_sleep(self) -> None:
        """The computer slept or its clock was set: whom we talk to and what time it is must be asked again."""
        self._drift = self._wall_minus_monotonic()
        try:
            await check_tenant(self._psa, self._plan.tenant)
        except ReconcileError as error:
            self._pause(f"After this computer woke up: {error.reason}")

    def _count_trouble(self, op_id: str, attempt: Attempt) -> None:
        """Changes in a row without a usable answer: the network or the PSA is gone."""
        lost = not attempt.reached or self._book[op_id].state is OpState.UNKNOWN
        self._trouble = self._trouble + 1 if lost else 0
        if self._trouble >= _MAX_TROUBLE:
            self._pause(f"{_MAX_TROUBLE} changes in a row had no usable answer.")

    def _count_review(self, op_id: str) -> None:
        self._reviews += self._book[op_id].state is OpState.NEEDS_REVIEW
        if self._reviews >= _MAX_REVIEWS:
            self._pause(f"{_MAX_REVIEWS} lines did not read as they were written.")

    def _pause(self, reason: str) -> None:
        self._why_paused = self._why_paused or reason

    async def _cancel(self, rest: Iterable[PlannedChange], reason: str) -> None:
        for planned in list(rest):
            if self._book[planned.op_id].state is OpState.PLANNED:
                await self._book.record(planned.op_id, OpState.CANCELLED, {}, message=reason)
        if isinstance(rest, deque):
            rest.clear()

    def _planned_left(self) -> list[PlannedChange]:
        return [planned for planned in self._plan.changes if self._book[planned.op_id].state is OpState.PLANNED]

    async def _sleep_or_stop(self, seconds: float) -> None:
        """Wait, but no longer than until the operator stops the run; a line that has ended gets its new one all the same.

        Raises:
            RunPaused: after the wait nothing more may be sent.
        """
        if self._between:
            await self._clock.sleep(seconds)
            return
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        reason = await self._why_stop()
        if reason:
            raise RunPaused(reason)

    # telling -----------------------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        self._listener(self._view())

    def _view(self) -> PushView:
        stopping = "Stopping after the current change." if self._stop.is_set() else ""
        running = so_far(self._book.ops, self._why_paused) if self._why_paused else stopping
        message = words_of(self._book.ops, self._why_paused) if self._result else running
        return PushView(
            plan=self._plan, ops=self._book.ops, stages=self._book.stages, calls_left=self._calls_left(), result=self._result,
            message=message,
        )

    def _calls_left(self) -> int | None:
        if self._budget is None:
            return None
        return max(0, self._budget.remaining - (self._psa.calls - self._calls_before))

    async def _ask_budget(self) -> Budget | None:
        try:
            return await self._psa.budget()
        except SideUnreadable:
            return None

    def _wall_minus_monotonic(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _record_of(self, plan: Plan) -> RunRecord:
        return RunRecord(
            run_id=plan.run_id, source_run=plan.source_run, tenant=plan.tenant, psa=plan.psa_kind, operator=self._operator,
            machine=self._machine, created=plan.created, expires=plan.expires, plan_json=plan.canonical, plan_sha256=plan.sha256,
            snapshot_sha256=plan.snapshot_sha256, app_version=__version__, kind=plan.kind, undoes_run=plan.undoes_run,
        )


def _log_error(working: asyncio.Task[PushView]) -> None:
    """The caller is being cancelled and cannot be told; what is open is settled at the next start."""
    error = None if working.cancelled() else working.exception()
    if error is not None:
        _logger.error("a push that was being stopped ended in an error", exc_info=error)


def _ops_of(plan: Plan) -> list[OpRecord]:
    return [
        OpRecord(
            op_id=planned.op_id, run_id=plan.run_id, seq=seq, change=planned.change, semantics=planned.semantics,
            evidence_sha256=planned.state.digest, state=OpState.PLANNED,
        )
        for seq, planned in enumerate(plan.changes, start=1)
    ]
