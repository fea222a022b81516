"""What the journal says about undoing a push: which of its changes are still ours to take back, and which were taken back.

Pure functions over runs and ops. What the lines look like now is asked afterwards (``core.undo``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.plan_kinds import PUSH, UNDO, Way
from reconcile_app.core.undo import UndoLine, is_cost, shown_amount, too_late

WRITTEN = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.CLOSED_AS_APPLIED})
"""Ends of an op whose change is in the PSA."""

_MAY_HAVE_WRITTEN = WRITTEN | OPEN

_IN_THE_PSA = {
    ChangeKind.CANCEL_LINE: "Ended lines are taken back in the PSA: remove the end of line {change.line_id}, which is "
    "{change.effective_date}.",
    ChangeKind.REPLACE_LINE: "Replaced lines are taken back in the PSA: end the new line on {change.effective_date} too, and "
    "remove the end of line {change.replaces}.",
}
"""Changes that are taken back in the PSA: two lines would have to change together, and one of them may stand on an invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRun:
    """A push or an undo with its ops, as the journal keeps them."""

    record: RunRecord
    ops: tuple[OpRecord, ...]


def undoable(runs: Sequence[JournalRun], push: JournalRun) -> tuple[list[OpRecord], list[UndoLine]]:
    """The ops of a push that may be undone as far as the journal knows, and those that may not. Ops that wrote nothing are neither.

    Both come in reverse order of the push; only a unit cost stays behind the quantity of its line, as the engine wants it.

    Args:
        runs: every run of the tenant, oldest first.
        push: the one to undo.
    """
    wrote = [op for op in push.ops if op.state in _MAY_HAVE_WRITTEN]
    judged = [(op, _against(runs, push, op)) for op in _reversed(wrote)]
    return [op for op, against in judged if against is None], [against for _, against in judged if against is not None]


def undos_of(runs: Sequence[JournalRun], push_id: str) -> list[JournalRun]:
    """The undo runs of a push, oldest first."""
    return [run for run in runs if run.record.kind == UNDO and run.record.undoes_run == push_id]


def belong(op: OpRecord, undo: OpRecord) -> bool:
    """Whether an op of an undo undoes this one: same row, and both about the quantity or both about the unit cost."""
    return op.change.key == undo.change.key and is_cost(op.change) is is_cost(undo.change)


def undone(runs: Sequence[JournalRun], push_id: str, op: OpRecord) -> OpRecord | None:
    """The op that has undone this one, or None."""
    found = (each for run in undos_of(runs, push_id) for each in run.ops if each.state in WRITTEN and belong(op, each))
    return next(found, None)


def _against(runs: Sequence[JournalRun], push: JournalRun, op: OpRecord) -> UndoLine | None:
    """Why the journal speaks against undoing an op, or None."""
    if op.state in OPEN:
        return too_late(op, "This change is not settled yet. Settle it first.", kind=Kind.IN_DOUBT)
    if op.state is OpState.CLOSED_AS_APPLIED:
        words = "A person closed this change as written; what the line looked like then is not known."
        return too_late(op, words, kind=Kind.WRITE_REFUSED)
    if op.change.kind in _IN_THE_PSA:
        return too_late(op, _IN_THE_PSA[op.change.kind].format(change=op.change), kind=Kind.WRITE_REFUSED)
    push_id = push.record.run_id
    done = undone(runs, push_id, op)
    if done is not None:
        on = f" on {done.updated:%Y-%m-%d}" if done.updated else ""
        return UndoLine(op=op, way=Way.DONE, words=f"Undone already{on}: {result_in_short(done)}.")
    return _touched_by_us(runs, push, op)


def _touched_by_us(runs: Sequence[JournalRun], push: JournalRun, op: OpRecord) -> UndoLine | None:
    """A later run of ours that wrote, or may have written, to the same line. What was undone in its turn does not count: the
    evidence shows whether the line is again as this push left it."""
    later = list(runs)[[run.record.run_id for run in runs].index(push.record.run_id) + 1:]
    for run in reversed(later):
        run_id = run.record.run_id
        theirs = [each for each in run.ops if each.state in _MAY_HAVE_WRITTEN and _same_line(op, each)]
        if any(each.state in OPEN for each in theirs):
            return too_late(op, f"A later change of this line ({run_id}) is not settled yet.", kind=Kind.IN_DOUBT)
        if run.record.kind == PUSH and any(undone(runs, run_id, each) is None for each in theirs):
            return too_late(op, f"A later push of ours changed this line ({run_id}); undo that one first.")
    return None


def _same_line(one: OpRecord, other: OpRecord) -> bool:
    """Whether two ops touch the same thing; a line that was created has no id in the op that created it."""
    first, second = one.change, other.change
    if first.line_key == second.line_key:
        return True
    if ChangeKind.CREATE_LINE not in (first.kind, second.kind) or is_cost(first) or is_cost(second):
        return False
    return (first.contract_id, first.service_id) == (second.contract_id, second.service_id)


def _reversed(ops: Sequence[OpRecord]) -> list[OpRecord]:
    """Last first; where both quantity and unit cost of a row were written, its quantity still comes first."""
    backwards = sorted(ops, key=lambda op: op.seq, reverse=True)
    place = {op.change.key: number for number, op in reversed(list(enumerate(backwards)))}
    return sorted(backwards, key=lambda op: (place[op.change.key], is_cost(op.change)))


def refused_days(undos: Sequence[JournalRun], op: OpRecord, refusals: Collection[str]) -> frozenset[date]:
    """Effective dates on which the PSA would refuse the opposite change, judged by earlier undos of the same push.

    A date that was refused for this line; and the date of the push, where it was refused for another line and never taken: a PSA
    that takes one adjustment per line and day says so for every line.

    Args:
        undos: the undo runs of the push.
        op: the op of the push.
        refusals: ids of ops of those undos that the PSA refused with an answer of its own.
    """
    tried = [each for run in undos for each in run.ops if not is_cost(each.change)]
    days = {each.change.effective_date for each in tried if each.op_id in refusals and belong(op, each)}
    day = op.change.effective_date
    taken = any(each.state in WRITTEN and each.change.effective_date == day for each in tried)
    if not taken and any(each.op_id in refusals and each.change.effective_date == day for each in tried):
        days.add(day)
    return frozenset(days)


# what came of it ---------------------------------------------------------------------------------------------------------------


def overall_result(base: str, runs: Sequence[JournalRun]) -> str:
    """The result of a comparison over its pushes and undos: ``finished, undone`` where everything written was taken back,
    ``finished, partly undone`` where a part was. What is open or refused stays said as ``base`` says it."""
    pushed = [(run, op) for run in runs if run.record.kind == PUSH for op in run.ops if op.state in WRITTEN]
    taken_back = [undone(runs, run.record.run_id, op) is not None for run, op in pushed]
    if base != "finished" or not any(taken_back):
        return base
    return "finished, undone" if all(taken_back) else "finished, partly undone"


def result_in_short(undo: OpRecord) -> str:
    """``12 → 10 from 2026-11-26 on``: what an op of an undo wrote."""
    change = undo.change
    if is_cost(change):
        return f"unit cost {shown_amount(change.unit_cost_before)} → {shown_amount(change.unit_cost_target)}"
    numbers = f"{format_amount(change.quantity_before)} → {format_amount(change.quantity_target)}"
    return f"{numbers} from {change.effective_date} on"
