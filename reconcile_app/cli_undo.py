"""The undo of the command line: what can be taken back, in words, and then the same way as a push."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconcile_app.cli_jobs import print_calls, print_view, push_status, tell_progress
from reconcile_app.cli_output import Output
from reconcile_app.composition import Composition
from reconcile_app.core.amounts import format_amount
from reconcile_app.core.errors import PlanRefused, WrongUse
from reconcile_app.core.plan import Plan
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.report import SCHEMA, dropped_json, push_json
from reconcile_app.core.settings import Limits
from reconcile_app.core.undo import UndoLine, UndoReview, counts_words

_TITLES = {
    Way.EXACT: "Goes back exactly:",
    Way.COMPENSATING: "Goes back by a compensating change, and something stays:",
    Way.TOO_LATE: "Too late:",
    Way.DONE: "Undone already:",
}


async def undo_job(
    data_dir: Path | None, output: Output, run_id: str, customers: Sequence[str], yes: bool, xlsx: Path | None
) -> int:
    """Review, write, print."""
    session = Composition(data_dir).session
    review = await session.review_undo(run_id, Limits(), customers)
    _print_review(output, review)
    plan = review.plan
    if plan is None:
        return _refused(output, review, _nothing(review))
    if not yes:
        output.json(_told(review, "not sent"))
        raise WrongUse(
            "Nothing was sent.", "An undo without a window needs --yes.", next_step="Look at the lines above, then add --yes."
        )
    try:
        view = await session.push(plan, str(plan.totals.lines), lambda view: tell_progress(output, view))
    except PlanRefused as refused:
        return _refused(output, review, refused)
    told = push_json(review.source_run, session.reports(review.source_run)[-1])
    output.json({**told, "ops": [*told["ops"], *dropped_json(plan.dropped)], "lines": _lines_json(review)})
    print_view(output, view)
    if xlsx is not None:
        output.line(f"Excel log: {await session.export(xlsx)}")
    return push_status(view, plan)


def _nothing(review: UndoReview) -> PlanRefused:
    return PlanRefused(
        "There is nothing to undo.", f"Push {review.push_id}: {counts_words(review.lines)}.".replace("..", "."),
        meaning="Nothing was sent.", next_step="To change these lines now, compare and push.",
    )


def _refused(output: Output, review: UndoReview, refused: PlanRefused) -> int:
    output.json({**_told(review, "refused"), "error": refused.reason})
    output.error(refused)
    return refused.exit_code


def _told(review: UndoReview, result: str) -> dict[str, Any]:
    """The shape of a push of which nothing was sent."""
    return {
        "run_id": review.source_run, "schema": SCHEMA, "push_id": None, "result": result,
        "ops": dropped_json([line.dropped for line in review.of(Way.TOO_LATE)]), "log": [], "journal_head": None,
        "undoes": review.push_id, "lines": _lines_json(review),
    }


def _lines_json(review: UndoReview) -> list[dict[str, Any]]:
    return [
        {
            "key": line.op.change.key, "op_id": line.op.op_id, "way": line.way.value, "words": line.words,
            "qty_now": None if line.quantity is None else format_amount(line.quantity),
            "effective_date": None if line.change is None else line.change.effective_date.isoformat(),
        }
        for line in review.lines
    ]


def _print_review(output: Output, review: UndoReview) -> None:
    output.line(f"Undo of push {review.push_id}, made {review.pushed:%Y-%m-%d %H:%M} UTC by {review.operator}")
    output.line(counts_words(review.lines))
    for way, title in _TITLES.items():
        lines = review.of(way)
        if lines:
            output.line(title)
        for line in lines:
            output.line(f"  {_name(line)}: {line.words}")
    if review.others:
        output.line(f"Older pushes of this run that can be undone after it: {', '.join(review.others)}")
    if review.plan is not None:
        _print_size(output, review.plan)


def _print_size(output: Output, plan: Plan) -> None:
    size = plan.totals
    output.line(
        f"{size.lines} lines of {size.customers} customers: +{format_amount(size.units_up)} units, "
        f"{format_amount(size.units_down)}, {size.to_zero} to zero, {format_amount(size.money)} per period"
    )
    print_calls(output, plan)


def _name(line: UndoLine) -> str:
    change = line.op.change
    return f"{change.customer_code} {change.service_name or change.sku}"
