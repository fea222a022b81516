"""The watch list: lines whose write did not end well in the last day, to be compared again by every later fetch.

A PSA may carry out a request long after it was given up; only a later reading can show that.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.evidence import state_from_json
from reconcile_app.core.journal import JournalPort, OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Clock, LineState
from reconcile_app.core.verdict import looks_doubled

WATCHED_FOR = timedelta(hours=24)

_WATCHED = frozenset({OpState.NOT_APPLIED, OpState.NEEDS_REVIEW, OpState.CONFIRMED_BY_STATE})
_WITHOUT_TRACE = frozenset({
    OpState.PLANNED, OpState.STALE, OpState.BLOCKED, OpState.SKIPPED_ALREADY, OpState.CANCELLED, OpState.NOT_SENT, OpState.REJECTED,
})


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchItem:
    """One watched line: the op, and the line as it was right before the send (E0)."""

    op: OpRecord
    before: LineState

    @property
    def change(self) -> Change:
        """What was attempted."""
        return self.op.change


async def watch_items(journal: JournalPort, clock: Clock) -> list[WatchItem]:
    """Lines of the last 24 hours that were not applied, need review, or were confirmed by reading only.

    A line that one of our later pushes wrote is left out: there is nothing to compare E0 with any more.
    """
    newest: dict[str, OpRecord] = {}
    oldest = clock.now() - WATCHED_FOR
    for run in await journal.runs():
        # A plan lives for half an hour and settling takes minutes: a run is over long before its day is.
        if run.created >= oldest - WATCHED_FOR:
            for op in await journal.ops(run.run_id):
                if op.state not in _WITHOUT_TRACE:
                    newest[op.change.line_key] = op
    return [item for op in newest.values() if (item := await _item(journal, op, oldest)) is not None]


async def _item(journal: JournalPort, op: OpRecord, oldest: datetime) -> WatchItem | None:
    if op.state not in _WATCHED or op.updated is None or op.updated < oldest:
        return None
    armed = await journal.armed_body(op.op_id)
    before = None if armed is None else armed["before"]
    return WatchItem(op=op, before=state_from_json(before)) if isinstance(before, dict) else None


def alarm(item: WatchItem, quantity: int | None) -> str:
    """What a later fetch says about a watched line, in words; empty: nothing to tell.

    Args:
        item: the watched line.
        quantity: what the fetch read for it, ten-thousandths; None when the line was not read, which proves nothing.
    """
    change = item.change
    if quantity is None or change.kind is ChangeKind.SET_UNIT_COST:
        return ""
    now = LineState(line_id=item.before.line_id, present=True, quantity=quantity)
    if looks_doubled(change, item.before, now, item.op.semantics):
        return f"May have been applied twice: {_readings(item, quantity)}. Check in the PSA before doing anything."
    if item.op.state is OpState.NOT_APPLIED and quantity != item.before.quantity:
        return f"Was reported as not applied, and has moved since; it may have come late: {_readings(item, quantity)}."
    return ""


def _readings(item: WatchItem, quantity: int) -> str:
    before, target = format_amount(item.before.quantity), format_amount(item.change.quantity_target)
    return f"before {before}, intended {target}, now {format_amount(quantity)}"
