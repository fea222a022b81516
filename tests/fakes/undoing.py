"""Undo reviews that fit the sample run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.core.plan_kinds import UNDO, Way
from reconcile_app.core.undo import UndoLine, UndoReview, inverse
from tests.fakes.plans import planned_op, sample_plan
from tests.fakes.sample_run import sample_run

PUSH_ID = "20261127-091000-aa11bb"
_WORDS = {
    Way.EXACT: "Back on 2026-11-26, the day of the push, so that both cancel out.",
    Way.COMPENSATING: "The period until 2026-12-25 is approved and posted. From 2026-12-26 on it goes back; what is billed for "
                      "the days before that stays.",
    Way.TOO_LATE: "Was 12 after the push, is 15 now: somebody changed it since. Last changed by <b>Kim</b>.",
    Way.DONE: "Undone already on 2026-11-27.",
}


def sample_undo(ways: Sequence[Way] = (Way.EXACT,), *, confirm: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> UndoReview:
    """The undo of a push of the sample run's ticked rows; the ways are taken in turns."""
    rows = sample_run().rows
    pushed = sample_plan(rows[rows["selected"]])
    lines = [_line(pushed, number, ways[number % len(ways)]) for number in range(len(pushed.changes))] if ways else []
    plan = _plan(pushed, lines, confirm)
    return UndoReview(
        push_id=PUSH_ID, source_run=pushed.source_run, operator="Alex on desk-1", pushed=pushed.created, lines=tuple(lines),
        plan=plan, others=others,
    )


def _line(pushed: Plan, number: int, way: Way) -> UndoLine:
    planned = pushed.changes[number]
    op = replace(planned_op(pushed, number, planned.change), state=OpState.VERIFIED, quantity_after=planned.change.quantity_target)
    writes = way in (Way.EXACT, Way.COMPENSATING)
    day = planned.change.effective_date + timedelta(days=30 if way is Way.COMPENSATING else 0)
    change = replace(inverse(planned.change), effective_date=day) if writes else None
    return UndoLine(
        op=op, way=way, words=_WORDS[way], change=change, state=planned.state if writes else None,
        quantity=planned.change.quantity_target,
    )


def _plan(pushed: Plan, lines: Sequence[UndoLine], confirm: tuple[str, ...]) -> Plan | None:
    changes = tuple(
        replace(planned, change=line.change)
        for planned, line in zip(pushed.changes, lines, strict=False) if line.change is not None
    )
    if not changes:
        return None
    size = replace(
        pushed.totals, lines=len(changes), units_up=-pushed.totals.units_down, units_down=-pushed.totals.units_up, created=0,
        money=-pushed.totals.money,
    )
    return replace(
        pushed, run_id="20261127-100000-cc22dd-undo", changes=changes, totals=size, confirm_reasons=confirm, kind=UNDO,
        undoes_run=PUSH_ID, calls_needed=4 * len(changes),
        dropped=tuple(line.dropped for line in lines if line.way is Way.TOO_LATE),
    )
