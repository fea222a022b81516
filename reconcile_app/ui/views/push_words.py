"""A push in words: its size, the state of each change, what came of it. Pure functions over plan and ops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconcile_app.core.change import Change, ChangeKind, Status
from reconcile_app.core.judge import OpState
from reconcile_app.core.replacing import gap_text, gaps
from reconcile_app.ui.messages import MINUS, Numbers, day_text, join, plural

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord
    from reconcile_app.core.plan import Plan
    from reconcile_app.core.plan_size import Totals

ARROW = "→"


@dataclass(frozen=True, slots=True)
class StateWords:
    """How a state is told: a mark, a status of the theme for its colors (``ok`` for done), a word for the row and a phrase that
    follows a number in the result ("31 written and confirmed")."""

    mark: str
    style: str
    word: str
    counted: str
    order: int
    """Place in the result, what needs a person first in lists."""


_DONE = StateWords("✓", "ok", "written and confirmed", "written and confirmed", 0)
_WATCHED = StateWords("‼", "doubt", "in doubt, being watched", "in doubt, being watched", 6)

STATES: dict[OpState, StateWords] = {
    OpState.VERIFIED: _DONE,
    OpState.CONFIRMED_BY_STATE: _DONE,
    OpState.SKIPPED_ALREADY: StateWords("=", "ok", "was right already", "right already", 1),
    OpState.STALE: StateWords("◆", Status.BLOCKED, "changed in the PSA, nothing written", "had changed in the PSA", 2),
    OpState.REJECTED: StateWords("×", "doubt", "refused by the PSA, nothing written", "refused", 3),
    OpState.NOT_SENT: StateWords("⊘", Status.UNKNOWN, "not sent", "not sent", 4),
    OpState.BLOCKED: StateWords("◆", Status.BLOCKED, "could not be written, nothing sent", "could not be written", 4),
    OpState.NOT_APPLIED: StateWords("×", Status.UNKNOWN, "proven not written", "proven not written", 4),
    OpState.CANCELLED: StateWords("⊘", Status.UNKNOWN, "stopped before sending", "stopped before sending", 5),
    OpState.PLANNED: StateWords("⊘", Status.UNKNOWN, "not started", "not started", 5),
    OpState.ARMED: _WATCHED,
    OpState.APPLIED: StateWords("‼", "doubt", "written, not confirmed yet", "written, not confirmed yet", 6),
    OpState.UNKNOWN: _WATCHED,
    OpState.NEEDS_REVIEW: StateWords("‼", "doubt", "needs your decision", "need your decision", 7),
    OpState.CLOSED_AS_APPLIED: StateWords("✓", "ok", "closed as written", "closed as written", 8),
    OpState.CLOSED_AS_NOT_APPLIED: StateWords("×", Status.UNKNOWN, "closed as not written", "closed as not written", 8),
}

STAGES: dict[str, tuple[str, str]] = {
    "waiting": ("·", ""),
    "checking": ("…", Status.LOWER),
    "sending": ("▸", Status.LOWER),
    "confirming": ("…", Status.LOWER),
    "done": ("✓", "ok"),
    "was changed meanwhile": ("◆", Status.BLOCKED),
    "refused": ("×", "doubt"),
    "stopped": ("⊘", Status.UNKNOWN),
    "in doubt": ("‼", "doubt"),
}
"""Live stage → mark and style."""

FINISHED_STAGES = frozenset({"done", "was changed meanwhile", "refused", "stopped", "in doubt"})


def stage_look(stage: str) -> tuple[str, str]:
    """Mark and style of a live stage; a stage nobody foresaw is shown plainly."""
    return STAGES.get(stage, ("·", ""))


def is_settled(op: OpRecord) -> bool:
    """Whether nothing more will happen to the op by itself or by a person."""
    return op.state not in (OpState.PLANNED, OpState.ARMED, OpState.APPLIED, OpState.UNKNOWN, OpState.NEEDS_REVIEW)


def cents(amount: int) -> int:
    """Money rounded half to even to cents: the effect on a month is looked at, never written."""
    whole, rest = divmod(amount, 100)
    return (whole + (rest > 50 or (rest == 50 and whole % 2 == 1))) * 100


def size_parts(totals: Totals, numbers: Numbers) -> list[str]:
    """The size of a plan, part by part: lines, customers, units up and down, to zero, new, money."""
    parts = [plural(totals.lines, "line", numbers=numbers), plural(totals.customers, "customer", numbers=numbers)]
    if totals.units_up:
        parts.append(f"{numbers.signed(totals.units_up)} units")
    if totals.units_down:
        parts.append(f"{MINUS}{numbers.fixed(abs(totals.units_down))} units")
    if totals.to_zero:
        parts.append(f"{numbers.count(totals.to_zero)} to zero")
    if totals.created:
        parts.append(plural(totals.created, "new line", numbers=numbers))
    parts.append(f"{numbers.money(cents(totals.money), signed=True)} a month")
    return parts


def size_text(plan: Plan, numbers: Numbers) -> str:
    """The whole plan in one sentence of numbers."""
    return join([*size_parts(plan.totals, numbers), f"effective date {day_text(plan.effective_date)}"])


def calls_text(plan: Plan, numbers: Numbers) -> str:
    """How many calls the push needs and how many there are."""
    needed = f"Needs about {plural(plan.calls_needed, 'call', numbers=numbers)}"
    if plan.budget is None:
        return f"{needed}; this PSA does not tell how many are left."
    left = numbers.count(plan.budget.remaining)
    return f"{needed} · {left} left for this program in the current {plan.budget.window_minutes} minutes."


def too_few_calls(plan: Plan) -> bool:
    """Whether the allowance will probably not last for the whole plan."""
    return plan.budget is not None and plan.calls_needed > plan.budget.remaining


def before_after(change: Change, numbers: Numbers) -> str:
    """``10 → 12``; money for a unit cost; ``new → 3`` for a line to be created; ``10 → ends`` for one that ends."""
    if change.kind is ChangeKind.SET_UNIT_COST:
        before = numbers.money(change.unit_cost_before) if change.unit_cost_before is not None else "–"
        after = numbers.money(change.unit_cost_target) if change.unit_cost_target is not None else "–"
        return f"{before} {ARROW} {after}"
    before = "new" if change.creates else numbers.fixed(change.quantity_before)
    after = "ends" if change.kind is ChangeKind.CANCEL_LINE else numbers.fixed(change.quantity_target)
    return f"{before} {ARROW} {after}"


def change_status(change: Change) -> str:
    """The status whose mark and color stand for the change."""
    if change.kind in (ChangeKind.ZERO_LINE, ChangeKind.CANCEL_LINE):
        return Status.ZERO
    if change.creates:
        return Status.ADD
    if change.kind is ChangeKind.SET_UNIT_COST:
        return Status.EQUAL
    return Status.RAISE if change.delta >= 0 else Status.LOWER


def line_name(change: Change) -> str:
    """What the line is called: its service, else its description, else its SKU."""
    return change.service_name or change.description or change.sku


def result_text(ops: Sequence[OpRecord], numbers: Numbers) -> str:
    """``31 written and confirmed · 2 had changed in the PSA · 1 in doubt, being watched``."""
    counts: dict[tuple[int, str], int] = {}
    for op in ops:
        words = STATES[op.state]
        counts[words.order, words.counted] = counts.get((words.order, words.counted), 0) + 1
    missing = len(gaps(ops))
    told = [f"{numbers.count(count)} {_agreeing(phrase, count)}" for (_, phrase), count in sorted(counts.items())]
    return join([*told, gap_text(missing) if missing else ""]) or "Nothing was written."


def _agreeing(phrase: str, count: int) -> str:
    if count == 1 and phrase.startswith("need "):
        return f"needs {phrase[5:]}"
    return phrase


def problems_first(ops: Iterable[OpRecord]) -> list[OpRecord]:
    """Ops with what needs a person first, then what was not written, then what went well; in order of sending within each."""
    return sorted(ops, key=lambda op: (-_urgency(op.state), op.seq))


def _urgency(state: OpState) -> int:
    if state is OpState.NEEDS_REVIEW:
        return 3
    if state in (OpState.UNKNOWN, OpState.ARMED, OpState.APPLIED):
        return 2
    return 0 if STATES[state].style == "ok" else 1


def with_newer_states(ops: Iterable[OpRecord], open_now: Iterable[OpRecord], decided: Mapping[str, bool]) -> list[OpRecord]:
    """The ops with the states they have now: open ones as the journal tells, closed ones as a person decided (op id → applied)."""
    newer = {op.op_id: op for op in open_now}
    closed = {True: OpState.CLOSED_AS_APPLIED, False: OpState.CLOSED_AS_NOT_APPLIED}
    return [
        newer.get(op.op_id) or (replace(op, state=closed[decided[op.op_id]]) if op.op_id in decided else op) for op in ops
    ]


def customers_to_retry(ops: Iterable[OpRecord]) -> list[tuple[str, str]]:
    """Customers (code, name) with a change that provably was not written, so that reading and deciding again makes sense."""
    again = (OpState.STALE, OpState.REJECTED, OpState.NOT_SENT, OpState.NOT_APPLIED, OpState.CANCELLED, OpState.PLANNED)
    found = {op.change.customer_code: op.change.customer_name for op in ops if op.state in again}
    return sorted(found.items(), key=lambda item: item[1].casefold())
