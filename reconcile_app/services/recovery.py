"""Recovery: settles what an interrupted push left open. It reads; it never writes to the PSA. Doing it twice changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from reconcile_app.core.errors import SideUnreadable, WrongUse
from reconcile_app.core.evidence import state_from_json
from reconcile_app.core.journal import JournalPort, OpRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.ports import Clock, LineState, PsaPort, Tenant
from reconcile_app.core.replacing import endings_of, gap_text, gap_words, gaps
from reconcile_app.services.opbook import OpBook
from reconcile_app.services.push import MAX_CLOCK_SKEW
from reconcile_app.services.settle import SETTLE_SECONDS, Settling

_DONE = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.SKIPPED_ALREADY, OpState.CLOSED_AS_APPLIED})
_WITHOUT_EFFECT = frozenset({OpState.REJECTED, OpState.NOT_APPLIED, OpState.CLOSED_AS_NOT_APPLIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySummary:
    """What recovery found and made of it.

    ``found``: the ops that were unfinished, as they were found. ``ops``: every op of the runs they belong to, as they are now.
    ``problem``: why lines could not be looked at, or empty.
    """

    found: tuple[OpRecord, ...]
    ops: tuple[OpRecord, ...]
    problem: str = ""

    @property
    def open(self) -> tuple[OpRecord, ...]:
        """Ops that are still not settled."""
        return tuple(op for op in self.ops if op.state in OPEN)

    @property
    def interrupted(self) -> bool:
        """Whether a push had been cut off (and not merely left lines for a person)."""
        return any(op.state is not OpState.NEEDS_REVIEW for op in self.found)

    @property
    def words(self) -> str:
        """One or two sentences for the operator; empty when nothing was found."""
        if not self.found:
            return ""
        review = sum(op.state is OpState.NEEDS_REVIEW for op in self.ops)
        checked = len(self.open) - review
        done = sum(op.state in _DONE for op in self.ops)
        undone = sum(op.state in _WITHOUT_EFFECT for op in self.ops)
        unsent = len(self.ops) - done - undone - len(self.open)
        start = "The last push was interrupted: " if self.interrupted else "Left from earlier pushes: "
        counts = [
            (done, "done"), (checked, "being checked"), (review, "to be looked at by you"), (unsent, "not sent"),
            (undone, "without effect"),
        ]
        told = start + ", ".join(f"{count} {words}" for count, words in counts if count) + "."
        missing = len(gaps(self.ops))
        told += f" {gap_text(missing)}: make what is missing in the PSA." if missing else ""
        return f"{told} {self.problem}".strip()


class Recovery:
    """Settles the open ops of one tenant's journal. The caller holds the tenant lock and the journal passed its checks.

    Args:
        psa: the connection the tenant belongs to.
        journal: the tenant's journal, open.
        clock: the time.
        settle_seconds: the settle window.
    """

    def __init__(self, psa: PsaPort, journal: JournalPort, clock: Clock, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._psa = psa
        self._journal = journal
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._problem = ""

    async def run(self) -> RecoverySummary:
        """Recover. Where the PSA cannot be read the ops stay open and their lines locked.

        Raises:
            StorageError: the journal could not be written.
        """
        await self._journal.raise_epoch()
        found = await self._journal.unfinished()
        book = OpBook(self._journal, self._clock, await self._ops_of_runs(found), _nobody)
        await self._take_over(book)
        tenant = await self._tenant(book)
        if tenant is not None:
            await self._look_at_lines(book, tenant)
        await self._let_go(book, looked=True)
        return RecoverySummary(found=tuple(found), ops=tuple(await self._ops_of_runs(found)), problem=self._problem)

    async def _ops_of_runs(self, found: Sequence[OpRecord]) -> list[OpRecord]:
        return [op for run_id in dict.fromkeys(op.run_id for op in found) for op in await self._journal.ops(run_id)]

    async def _take_over(self, book: OpBook) -> None:
        for op in book.in_state(OpState.ARMED):
            await book.record(
                op.op_id, OpState.UNKNOWN, {"found": "after a restart"},
                message="The program ended while this change was being sent. It may or may not have arrived.",
            )
        await self._let_go(book, looked=False)

    async def _let_go(self, book: OpBook, *, looked: bool) -> None:
        """Nothing that was not sent is sent now. What is left to do for a new line depends on whether the one it was to replace
        has ended; where that is open, it waits until the lines were ``looked`` at."""
        endings = endings_of(book.ops)
        for op in book.in_state(OpState.PLANNED):
            ending = endings.get((op.run_id, op.change.replaces))
            if looked or ending is None or ending.state not in OPEN:
                await book.record(
                    op.op_id, OpState.CANCELLED, {"found": "after a restart"},
                    message="Not sent: the push was interrupted. Compare again and plan it again if you still want it.",
                )

    async def _tenant(self, book: OpBook) -> Tenant | None:
        """Whom we talk to; asked only when there is a line to look at."""
        if not book.in_state(OpState.UNKNOWN, OpState.APPLIED):
            return None
        try:
            return await self._psa.tenant()
        except SideUnreadable as error:
            self._problem = f"The lines cannot be checked now: {error.reason}"
            return None

    async def _look_at_lines(self, book: OpBook, tenant: Tenant) -> None:
        runs = {run.run_id: run for run in await self._journal.runs()}
        settling = Settling(self._psa, book, self._clock, self._settle_seconds)
        doubts = []
        for op in book.in_state(OpState.UNKNOWN, OpState.APPLIED):
            armed = await self._journal.armed_body(op.op_id)
            if runs[op.run_id].tenant != tenant.fingerprint:
                self._problem = f"These credentials lead to {tenant.label}; the open lines belong to another PSA."
            elif armed is None:
                self._problem = "The journal does not say what some lines looked like before; look at them in the PSA."
            elif op.state is OpState.APPLIED:
                await settling.read_back(op.op_id, _before(armed))
            else:
                doubts.append(settling.doubt(op.op_id, _before(armed), await self._elapsed(op, tenant)))
        while doubts:
            doubt = min(doubts, key=settling.due)
            await settling.sleep_until(settling.due(doubt))
            if await settling.look(doubt):
                doubts.remove(doubt)

    async def _elapsed(self, op: OpRecord, tenant: Tenant) -> float:
        """Seconds since nothing of the op can have been on its way any more, at the least; 0: the whole settle window is ahead.

        That is when it became UNKNOWN: the transmission was over, or a new process found it armed. The time of arming says less
        than it seems to, because a computer may sleep between arming and sending.
        """
        events = await self._journal.events(op.op_id)
        over = next(event for event in reversed(events) if event["kind"] == OpState.UNKNOWN)
        passed = (self._clock.now() - datetime.fromisoformat(str(over["utc"]))).total_seconds()
        now = self._clock.monotonic()
        since = now - cast(int, over["mono_ns"]) / 1e9
        # A clock that was set proves nothing. The monotonic one starts with the computer: where it shows less than it did then, the
        # computer was started since, and at least as long ago as it shows.
        trusted = abs(tenant.clock_skew or 0.0) <= MAX_CLOCK_SKEW
        return max(0.0, min(passed, since if since >= 0 else now)) if trusted else 0.0


async def close_op(journal: JournalPort, op_id: str, *, applied: bool, by: str, reason: str) -> None:
    """A person decides what became of an op that needs review.

    Raises:
        WrongUse: the op is not in review, or name or reason is missing.
        StorageError: the journal could not be written.
    """
    if not by.strip() or not reason.strip():
        raise WrongUse(
            "A reason is missing.", "Closing a line needs a name and a reason.", next_step="Say what you saw in the PSA.",
        )
    ops: Sequence[OpRecord] = await journal.unfinished()
    op = next((op for op in ops if op.op_id == op_id), None)
    if op is None or op.state is not OpState.NEEDS_REVIEW:
        raise WrongUse(
            "This line is not waiting for a person.", "Only a line that needs review can be closed.", next_step="Look at it again.",
        )
    state = OpState.CLOSED_AS_APPLIED if applied else OpState.CLOSED_AS_NOT_APPLIED
    what = "applied" if applied else "not applied"
    left = gap_words(endings_of(await journal.ops(op.run_id)), op, state)
    await journal.record(
        op_id, state, {"by": by.strip(), "reason": reason.strip()},
        message=f"Closed as {what} by {by.strip()}: {reason.strip()} {left}".strip(), quantity_after=op.quantity_after,
    )


def _before(armed: dict[str, object]) -> LineState:
    before = armed["before"]
    if not isinstance(before, dict):
        raise TypeError("the journal's ARMED event holds no reading")
    return state_from_json(before)


def _nobody() -> None:
    """Recovery runs before there is a window to tell."""
