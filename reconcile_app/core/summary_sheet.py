"""The first sheet of the Excel log: who compared what, when, with which result, and what a push did."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile_app.core.basis import Run
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.replacing import gap_text, gaps
from reconcile_app.core.report import PushReport
from reconcile_app.core.sheet import Cell, Origin, Sheet, SheetColumn
from reconcile_app.core.snapshot import Side

_RESULTS = {
    OpState.PLANNED: "not sent yet",
    OpState.STALE: "changed in the PSA, not sent",
    OpState.BLOCKED: "blocked, not sent",
    OpState.SKIPPED_ALREADY: "already right, not sent",
    OpState.CANCELLED: "canceled, not sent",
    OpState.ARMED: "in doubt",
    OpState.NOT_SENT: "could not be sent",
    OpState.REJECTED: "refused by the PSA",
    OpState.APPLIED: "written, not confirmed yet",
    OpState.VERIFIED: "written and confirmed",
    OpState.UNKNOWN: "in doubt",
    OpState.CONFIRMED_BY_STATE: "written, confirmed by reading",
    OpState.NOT_APPLIED: "not applied",
    OpState.NEEDS_REVIEW: "in doubt, look in the PSA",
    OpState.CLOSED_AS_APPLIED: "closed by a person as applied",
    OpState.CLOSED_AS_NOT_APPLIED: "closed by a person as not applied",
}


def result_words(state: OpState) -> str:
    """What became of an op, in words."""
    return _RESULTS[state]


Line = tuple[str, str | None, int | None, int | None]
"""One line of the sheet: what, text, number, money in ten-thousandths."""


def summary_sheet(run: Run, pushes: Sequence[PushReport], origin: Origin, unread: str = "") -> Sheet:
    """Facts, counts and money of the run, then of each push and undo. What is open or unknown stands before everything else."""
    lines = [*_not_complete(pushes, unread), *_facts(run, origin), *_counts(run)]
    lines.append(("Money per period, selected lines", None, None, run.summary.money_per_period))
    for push in pushes:
        lines += _pushed(push)
    if not pushes and not unread:
        lines.append(("Pushed", "nothing was pushed from this run", None, None))
    shown = (("What", Cell.TEXT), ("Text", Cell.LONG_TEXT), ("Number", Cell.COUNT), ("Money", Cell.MONEY))
    return Sheet(
        name="Summary",
        columns=tuple(
            SheetColumn(title=title, cell=cell, values=[line[place] for line in lines]) for place, (title, cell) in enumerate(shown)
        ),
    )


def _not_complete(pushes: Sequence[PushReport], unread: str) -> list[Line]:
    """Why this log does not tell the whole story yet."""
    count = sum(op.state in OPEN for push in pushes for op in push.ops)
    lines: list[Line] = []
    if count:
        what = "1 change is" if count == 1 else f"{count} changes are"
        text = f"{what} not settled: the PSA may or may not have made it. Look at the sheet Changes."
        lines.append(("NOT COMPLETE", text, count, None))
    missing = sum(len(gaps(push.ops)) for push in pushes)
    if missing:
        lines.append(("NOT COMPLETE", f"{gap_text(missing)}. Look at the sheet Changes for what to make.", missing, None))
    if unread:
        lines.append(("NOT COMPLETE", f"What was pushed may be missing here: {unread}", None, None))
    return lines


def _facts(run: Run, origin: Origin) -> list[Line]:
    basis = run.basis
    facts = {
        "Run": run.run_id,
        "Compared at": f"{basis.created:%Y-%m-%d %H:%M} UTC",
        "Log written at": f"{origin.written:%Y-%m-%d %H:%M} UTC",
        "Operator": f"{origin.operator} on {origin.machine}",
        "Program": f"Reconcile {origin.version}",
        "Billing source": _side(basis.billing.side),
        "PSA": _side(basis.psa.side),
        "Billing period": f"{basis.billing.period.start} to {basis.billing.period.end}",
        "Effective date": str(basis.effective_date),
        "Options": _options(run),
    }
    return [(what, text, None, None) for what, text in facts.items()]


def _counts(run: Run) -> list[Line]:
    s = run.summary
    counts = {
        "Lines compared": s.rows,
        "Equal": s.equal,
        "To raise": s.raised,
        "To lower": s.lowered,
        "New lines": s.add,
        "To zero": s.zero,
        "Line missing": s.missing,
        "Blocked": s.blocked,
        "Not read": s.unknown,
        "Ignored": s.ignored,
        "Only in the PSA": s.psa_only,
        "Selected": s.selected,
        "Rejected rows": len(run.basis.billing.rejected) + len(run.basis.psa.rejected),
    }
    return [(what, None, count, None) for what, count in counts.items()]


def _pushed(push: PushReport) -> list[Line]:
    word, past = ("Undo", "Undone") if push.undoes else ("Push", "Pushed")
    facts = {
        f"{word} {push.push_id}": push.result,
        **({"Undo of": f"push {push.undoes}"} if push.undoes else {}),
        f"{past} by": push.operator,
        f"{word} finished at": f"{push.finished:%Y-%m-%d %H:%M} UTC",
        "Journal hash": push.journal_head,
    }
    counts = [(f"  {result_words(state)}", None, count, None) for state, count in _state_counts(push.ops)]
    return [*((what, text, None, None) for what, text in facts.items()), *counts]


def _side(side: Side) -> str:
    how = "read completely" if side.complete else f"NOT read completely: {side.error}"
    return f"{side.title} ({side.connection}), {how}"


def _options(run: Run) -> str:
    options = run.basis.options
    parts = [f"period {options.billing_period}"]
    parts.append(f"customers {', '.join(options.customers_filter)}" if options.customers_filter else "all customers")
    flags = {
        "prorated": options.prorated,
        "lines may be created": options.allow_create,
        "removed services proposed to zero": options.zero_removed,
        "unit cost overwritten": options.overwrite_cost,
    }
    return "; ".join([*parts, *(name for name, on in flags.items() if on)])


def _state_counts(ops: Sequence[OpRecord]) -> list[tuple[OpState, int]]:
    return [(state, count) for state in OpState if (count := sum(op.state is state for op in ops))]
