"""The jobs of the command line: compare, push, recover, runs, export. The undo has a module of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from reconcile_app.cli_output import Output
from reconcile_app.composition import Composition
from reconcile_app.core.amounts import format_amount
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused, WrongUse
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.plan import Dropped, NothingLeft, Plan
from reconcile_app.core.report import PushReport, compare_json, dropped_json, failed_json, log_json, push_json
from reconcile_app.core.settings import CompareOptions, Limits
from reconcile_app.core.snapshot import Side
from reconcile_app.core.summary_sheet import result_words
from reconcile_app.services.comparing import RunStopped
from reconcile_app.services.desk import PushView
from reconcile_app.services.session import Session

_SETTLED_WELL = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.SKIPPED_ALREADY, OpState.CLOSED_AS_APPLIED})

_WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls"})
"""What is read as an Excel log; the reader says why it takes only the first."""


def options_from(
    period: str, customers: str, effective: str, prorated: bool, allow_create: bool, overwrite_cost: bool, zero_removed: bool
) -> CompareOptions:
    """Options as typed.

    Raises:
        WrongUse: the effective date is none.
    """
    try:
        explicit = date.fromisoformat(effective) if effective else None
    except ValueError as error:
        raise WrongUse(f"{effective[:40]} is no date.", next_step="Write YYYY-MM-DD.") from error
    return CompareOptions(
        billing_period=period,
        customers_filter=tuple(code.strip() for code in customers.split(",") if code.strip()),
        prorated=prorated,
        effective_date=explicit,
        allow_create=allow_create,
        overwrite_cost=overwrite_cost,
        zero_removed=zero_removed,
    )


async def compare_job(
    data_dir: Path | None, output: Output, billing: str, psa: str, options: CompareOptions, xlsx: Path | None
) -> int:
    """Compare, save, print."""
    session = Composition(data_dir).session
    try:
        run = await session.compare(billing, psa, options, output.progress)
    except RunStopped as stopped:
        output.progress_done()
        output.json(failed_json(stopped.run_id, _stopped_sides(stopped), stopped.log))
        output.error(stopped)
        return stopped.exit_code
    output.progress_done()
    output.json(compare_json(run))
    print_run(output, run)
    if xlsx is not None:
        output.line(f"Excel log: {await session.export(xlsx)}")
    return _incomplete(output, run)


def _stopped_sides(stopped: RunStopped) -> dict[str, Side]:
    return {
        role: Side(connection=name, kind="", title="", complete=False, rows=0, calls=0, error=stopped.cause.reason)
        for role, name in (("billing", stopped.billing), ("psa", stopped.psa))
    }


def _incomplete(output: Output, run: Run) -> int:
    sides = [side for side in (run.basis.billing.side, run.basis.psa.side) if not side.complete]
    for side in sides:
        output.note(f"{side.title} could not be read completely: {side.error} Its rows are unknown and cannot be pushed.")
    return 3 if sides else 0


def print_run(output: Output, run: Run) -> None:
    """A run in words."""
    s, basis = run.summary, run.basis
    output.line(
        f"Run {run.run_id}: period {basis.billing.period.start} to {basis.billing.period.end}, effective {basis.effective_date}"
    )
    output.line(
        f"{s.rows} lines: {s.equal} equal, {s.raised} to raise (+{format_amount(s.raised_units)} units), "
        f"{s.lowered} to lower ({format_amount(s.lowered_units)}), {s.add} new, {s.zero} to zero, {s.missing} missing, "
        f"{s.blocked} blocked, {s.unknown} not read, {s.ignored} ignored"
    )
    output.line(f"Selected: {s.selected} lines, {format_amount(s.money_per_period)} per period")
    seen = run.log[run.log["level"].isin(["Error", "Warning"])]
    counts = Counter(zip(seen["code"].tolist(), seen["level"].tolist(), strict=True))
    ordered = sorted(counts.items())
    output.table(("Code", "Level", "Entries"), [(str(code), str(level), str(count)) for (code, level), count in ordered])


async def push_job(
    data_dir: Path | None,
    output: Output,
    run_id: str,
    select: str,
    customers: Sequence[str],
    include_zero: bool,
    yes: bool,
    xlsx: Path | None,
) -> int:
    """Select, review, write, print."""
    session = Composition(data_dir).session
    run = await session.open_run(run_id)
    try:
        run = await _ticked(session, run, select, customers, include_zero)
        plan = await session.review(Limits())
    except PlanRefused as refused:
        return _refused(output, session, run, refused)
    _print_plan(output, plan)
    if not yes:
        raise WrongUse(
            "Nothing was sent.", "A push without a window needs --yes.", next_step="Look at the lines above, then add --yes."
        )
    try:
        view = await session.push(plan, str(plan.totals.lines), lambda view: tell_progress(output, view))
    except PlanRefused as refused:
        return _refused(output, session, run, refused)
    output.json(_pushed_json(run, plan, session.reports(run.run_id)[-1]))
    print_view(output, view)
    if xlsx is not None:
        output.line(f"Excel log: {await session.export(xlsx)}")
    return push_status(view, plan)


async def _ticked(session: Session, run: Run, select: str, customers: Sequence[str], include_zero: bool) -> Run:
    """The run with exactly the wanted rows ticked."""
    if Path(select).suffix.lower() in _WORKBOOKS:
        run = await session.apply_decisions(Path(select))
        select, include_zero = "all", False  # the workbook has decided on every row
    return await select_exactly(session, run, _chosen(run, select, customers, include_zero))


def _chosen(run: Run, select: str, customers: Sequence[str], include_zero: bool) -> list[str]:
    """The row keys to push: what is ticked, or a file's; restricted to customers where given."""
    rows = run.rows[run.rows["change"].notna()]
    if select == "all":
        picked = rows["selected"].to_numpy(dtype=bool)
        if include_zero:
            picked = picked | ((rows["change"] == ChangeKind.ZERO_LINE.value) & rows["selectable"]).to_numpy(
                dtype=bool, na_value=False
            )
        rows = rows[picked]
    else:
        rows = rows[rows["key"].isin(_keys_in(Path(select), set(rows["key"]))).to_numpy(dtype=bool)]
    if customers:
        wanted = {code.casefold() for code in customers}
        rows = rows[rows["customer_code"].str.casefold().isin(wanted).to_numpy(dtype=bool)]
    return [str(key) for key in rows["key"]]


def _keys_in(file: Path, known: Collection[str]) -> set[str]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUse("The selection could not be read.", f"{file}: {error}", next_step="Give a JSON list of row keys.") from error
    if not isinstance(told, list) or not all(isinstance(key, str) for key in told):
        raise WrongUse("The selection is no JSON list of row keys.", f"{file}", next_step='Write ["ASP/29684183/650"].')
    unknown = sorted(set(told) - set(known))
    if unknown:
        raise WrongUse(
            "The selection names rows without a change.",
            f"{len(unknown)} of them, such as {unknown[0][:120]}.",
            next_step="Take the keys from the JSON of this very run.",
        )
    return set(told)


async def select_exactly(session: Session, run: Run, keys: Collection[str]) -> Run:
    """Tick these rows and no others."""
    wanted = set(keys)
    changeable = run.rows[run.rows["change"].notna()]
    drop = [str(key) for key in changeable.loc[changeable["selected"], "key"] if key not in wanted]
    add = [str(key) for key in changeable.loc[~changeable["selected"], "key"] if key in wanted]
    if drop:
        run = await session.decide(drop, False)
    if add:
        run = await session.decide(add, True)
    return run


def _refused(output: Output, session: Session, run: Run, refused: PlanRefused) -> int:
    dropped: Sequence[Dropped] = refused.dropped if isinstance(refused, NothingLeft) else ()
    output.json(
        {
            "run_id": run.run_id,
            "schema": 1,
            "push_id": None,
            "result": "refused",
            "ops": dropped_json(dropped),
            "log": log_json(session.refused_log(dropped)) if dropped else [],
            "journal_head": None,
            "error": refused.reason,
        }
    )
    output.error(refused)
    for drop in dropped:
        output.note(f"{drop.change.customer_code} {drop.change.sku}: {drop.reason}")
    return refused.exit_code


def _pushed_json(run: Run, plan: Plan, report: PushReport) -> dict[str, Any]:
    told = push_json(run.run_id, report)
    told["ops"] += dropped_json(plan.dropped)
    return told


def _print_plan(output: Output, plan: Plan) -> None:
    t = plan.totals
    output.line(
        f"{t.lines} lines of {t.customers} customers: +{format_amount(t.units_up)} units, {format_amount(t.units_down)}, "
        f"{t.to_zero} to zero, "
        f"{t.created} new, {format_amount(t.money)} per period, effective {plan.effective_date}"
    )
    for drop in plan.dropped:
        output.line(f"Left out: {drop.change.customer_code} {drop.change.service_name or drop.change.sku}: {drop.reason}")
    print_calls(output, plan)


def print_calls(output: Output, plan: Plan) -> None:
    """How many calls the plan needs and how many are left, before anything is sent."""
    needed = f"Needs about {plan.calls_needed} calls"
    if plan.budget is None:
        output.line(f"{needed}; this PSA does not tell how many are left.")
    else:
        left = plan.budget
        output.line(f"{needed}; {left.remaining} are left for this program in the current {left.window_minutes} minutes.")
    for text in plan.warnings:
        output.note(text)


def tell_progress(output: Output, view: PushView) -> None:
    """How far a push is."""
    done = sum(op.state is not OpState.PLANNED for op in view.ops)
    output.moving(f"{done} of {len(view.ops)} changes")


def print_view(output: Output, view: PushView) -> None:
    """What came of each change, and of the whole."""
    output.progress_done()
    output.table(("Customer", "Service", "Before", "After", "Read back", "Result"), [_op_row(op) for op in view.ops])
    output.line(view.message)
    output.line(f"Result: {view.result}")


def _op_row(op: OpRecord) -> tuple[str, ...]:
    change = op.change
    after = "" if op.quantity_after is None else format_amount(op.quantity_after)
    return (
        change.customer_code,
        change.service_name or change.sku,
        format_amount(change.quantity_before),
        format_amount(change.quantity_target),
        after,
        result_words(op.state),
    )


def push_status(view: PushView, plan: Plan) -> int:
    """0 all is well, 1 something needs a person, 4 nothing was sent."""
    if view.result == "refused":
        return 4
    return 0 if all(op.state in _SETTLED_WELL for op in view.ops) and not plan.dropped else 1


async def recover_job(data_dir: Path | None, output: Output) -> int:
    """Settle what interrupted pushes left open."""
    session = Composition(data_dir).session
    summaries = await session.recover_all()
    ops = [op for summary in summaries for op in summary.ops]
    output.json(
        {
            "ops": [{"key": op.change.key, "state": op.state.value, "message": op.message} for op in ops],
            "problems": [summary.problem for summary in summaries if summary.problem],
        }
    )
    for summary in summaries:
        output.line(summary.words or summary.problem)
    if not summaries:
        output.line("Nothing was open.")
    still_open = any(op.state in OPEN for op in ops) or any(summary.problem for summary in summaries)
    return 1 if still_open or await session.open_ops() else 0


def list_runs(data_dir: Path | None, output: Output) -> int:
    """Saved runs, newest first."""
    views = Composition(data_dir).session.runs()
    output.json(
        [
            {
                "run_id": v.run_id,
                "created": v.created.isoformat(),
                "period": {"start": v.period.start.isoformat(), "end": v.period.end.isoformat()},
                "billing": v.billing,
                "psa": v.psa,
                "rows": v.rows,
                "warnings": v.warnings,
                "money_per_period": format_amount(v.money_per_period),
                "complete": v.complete,
                "result": v.result,
            }
            for v in views
        ]
    )
    output.table(
        ("Run", "Period", "From", "To", "Lines", "Warnings", "Money", "Result"),
        [
            (
                v.run_id,
                f"{v.period.start} – {v.period.end}",
                v.billing,
                v.psa,
                str(v.rows),
                str(v.warnings),
                format_amount(v.money_per_period),
                v.result,
            )
            for v in views
        ],
        empty="There are no runs yet.",
    )
    return 0


async def show_run(data_dir: Path | None, output: Output, run_id: str) -> int:
    """A saved run as it was."""
    session = Composition(data_dir).session
    run = await session.open_run(run_id)
    output.json(compare_json(run))
    print_run(output, run)
    for report in await session.pushed():
        output.line(f"{report.kind} ({report.push_id}): {report.result}, by {report.operator}")
    for problem in session.journal_problems:
        output.note(problem)
    return 0


async def export_job(data_dir: Path | None, output: Output, run_id: str, file: Path) -> int:
    """The Excel log of a saved run."""
    session = Composition(data_dir).session
    await session.open_run(run_id)
    output.line(f"Excel log: {await session.export(file)}")
    return 0
