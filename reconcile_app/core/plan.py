"""Plans: the frozen, reviewed set of changes that a push carries out, and the guard rails around it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pandas as pd

from reconcile_app.core.amounts import MAX_QUANTITY, SCALE, format_amount, is_whole, multiply
from reconcile_app.core.change_json import change_fields
from reconcile_app.core.changes import Change, ChangeKind, Status
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.findings import Kind
from reconcile_app.core.ids import Json, canonical_json, sha256_hex
from reconcile_app.core.ports import Budget, LineState, WriteSemantics
from reconcile_app.core.settings import Limits
from reconcile_app.core.verdict import is_done, value_before, value_of

LIFETIME = timedelta(minutes=30)
"""How long an approved plan may be started."""

CALLS_PER_OP = 4
"""Requests one change takes when all goes well: contract, evidence, write, read-back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """One approved change with the fresh reading it was approved on. ``notes`` are warnings to show beside it (period posted,
    pending change, earlier attempt)."""

    op_id: str
    change: Change
    state: LineState
    semantics: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A selected change that is not part of the plan, and why.

    ``quantity`` is what the line had, where that is why (ten-thousandths).
    """

    change: Change
    kind: Kind
    reason: str
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The size of a plan in numbers; units and money in ten-thousandths. ``units_down`` and ``money`` may be negative."""

    lines: int
    customers: int
    units_up: int
    units_down: int
    to_zero: int
    created: int
    money: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A frozen plan. ``canonical`` are the exact bytes that were approved, ``sha256`` their digest.

    ``confirm_reasons`` says, in words, why the number of lines must be typed; empty: a click is enough.
    """

    run_id: str
    source_run: str
    tenant: str
    psa_kind: str
    created: datetime
    expires: datetime
    effective_date: date
    changes: tuple[PlannedChange, ...]
    dropped: tuple[Dropped, ...]
    totals: Totals
    confirm_reasons: tuple[str, ...]
    canonical: bytes
    sha256: str
    snapshot_sha256: str
    budget: Budget | None = None
    calls_needed: int = 0
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What is known at the moment of planning, besides the changes themselves.

    ``states`` are fresh readings by line key. ``unread`` are rows (by key) that were not read whole when comparing → why.
    ``incomplete`` says why a side was not read whole, or is empty; then nothing may be set to zero. ``open_lines`` are line keys
    with an op that is not settled → what it is. ``watched`` are line keys with an earlier attempt in the last day → what became
    of it. ``whole_units``: the PSA takes whole numbers only.
    """

    states: Mapping[str, LineState]
    writes: WriteSemantics
    whole_units: bool
    unread: Mapping[str, str] = field(default_factory=dict)
    incomplete: str = ""
    open_lines: Mapping[str, str] = field(default_factory=dict)
    watched: Mapping[str, str] = field(default_factory=dict)
    budget: Budget | None = None


class NothingLeft(PlanRefused):
    """Every selected change was dropped; ``dropped`` says why each."""

    def __init__(self, dropped: Sequence[Dropped]) -> None:
        first = dropped[0]
        super().__init__(
            "Nothing is left to push.",
            f"All {len(dropped)} selected changes were dropped. "
            f"The first, {first.change.customer_code} {first.change.service_name}: {first.reason}",
            meaning="Nothing was sent.", next_step="Compare again and look at the rows that changed.", kind=first.kind,
        )
        self.dropped = tuple(dropped)


def unread_rows(rows: pd.DataFrame) -> dict[str, str]:
    """The rows of a comparison (``COMPARISON``) that no change may come from, because a side was not read for them."""
    unknown = rows.loc[rows["status"] == Status.UNKNOWN.value, "key"]
    return {str(key): "This row was not read completely when comparing." for key in unknown}


def draft(
    changes: Sequence[Change], fresh: Fresh, *, run_id: str, source_run: str, tenant: str, psa_kind: str, created: datetime,
    effective_date: date, limits: Limits, snapshot_sha256: str,
) -> Plan:
    """Freeze what can be pushed of the changes that were selected, after a fresh reading.

    A change whose line moved since the comparison is dropped and told, never adapted. Customers come in the order of their codes,
    the changes of one customer in the order given.

    Raises:
        PlanRefused: the PSA cannot be written, nothing was selected, or nothing is left.
    """
    if fresh.writes is WriteSemantics.NONE:
        raise PlanRefused(
            "This PSA cannot be written from here.", "How it takes a quantity is not proven.", meaning="Nothing was sent.",
            next_step="Export the comparison and enter the quantities in the PSA.",
        )
    planned, dropped = _sort_out(sorted(changes, key=lambda change: change.customer_code), fresh, effective_date, run_id)
    if not planned:
        raise _nothing_left(dropped)
    totals = _totals(planned)
    frozen = _canonical(planned, run_id, source_run, tenant, psa_kind, effective_date)
    calls = CALLS_PER_OP * len(planned)
    return Plan(
        run_id=run_id, source_run=source_run, tenant=tenant, psa_kind=psa_kind, created=created, expires=created + LIFETIME,
        effective_date=effective_date, changes=tuple(planned), dropped=tuple(dropped), totals=totals,
        confirm_reasons=_confirm_reasons(planned, totals, limits, fresh.watched), canonical=frozen, sha256=sha256_hex(frozen),
        snapshot_sha256=snapshot_sha256, budget=fresh.budget, calls_needed=calls, warnings=_warnings(fresh.budget, calls),
    )


def check_confirmation(plan: Plan, typed: str) -> None:
    """Refuse a start whose confirmation is missing, where the plan asks for one.

    Raises:
        PlanRefused: the number of lines was not typed, or another one was.
    """
    if plan.confirm_reasons and typed.strip() != str(plan.totals.lines):
        raise PlanRefused(
            "The confirmation is missing.", " ".join(plan.confirm_reasons), meaning="Nothing was sent.",
            next_step=f"Type the number of lines, {plan.totals.lines}, to confirm this push.",
        )


def check_fresh(plan: Plan, now: datetime) -> None:
    """Refuse a plan that is too old, or is not the one that was approved.

    Raises:
        PlanRefused: it expired, or its rows are not those behind its digest.
    """
    if now >= plan.expires:
        raise PlanRefused(
            "The plan has expired.", f"It was made at {plan.created:%H:%M} UTC and holds for 30 minutes.",
            meaning="Nothing was sent.", next_step="Review the changes again.",
        )
    frozen = _canonical(plan.changes, plan.run_id, plan.source_run, plan.tenant, plan.psa_kind, plan.effective_date)
    if frozen != plan.canonical or sha256_hex(plan.canonical) != plan.sha256:
        raise PlanRefused(
            "The plan is not the one that was approved.", "Its rows and its digest do not belong together.",
            meaning="Nothing was sent.", next_step="Review the changes again.",
        )


def _sort_out(
    changes: Sequence[Change], fresh: Fresh, effective_date: date, run_id: str,
) -> tuple[list[PlannedChange], list[Dropped]]:
    planned: list[PlannedChange] = []
    dropped: list[Dropped] = []
    held: dict[str, Dropped] = {}
    times = Counter(change.line_key for change in changes)
    for change in changes:
        drop = _why_not(change, fresh, effective_date, times) or _held_back(change, held)
        if drop is None:
            planned.append(_planned(change, fresh, f"{run_id}-{len(planned) + 1:04d}"))
            continue
        dropped.append(drop)
        if drop.kind is not Kind.UNCHANGED:
            held[change.line_key] = drop
    return planned, dropped


def _held_back(change: Change, held: Mapping[str, Dropped]) -> Dropped | None:
    """A unit cost is written together with the quantity of its line or not at all."""
    first = held.get(f"line:{change.line_id}") if change.kind is ChangeKind.SET_UNIT_COST else None
    return None if first is None else replace(first, change=change)


def _planned(change: Change, fresh: Fresh, op_id: str) -> PlannedChange:
    semantics = WriteSemantics.SET if change.kind is ChangeKind.SET_UNIT_COST else fresh.writes
    state = fresh.states[change.line_key]
    notes = _notes(change, state, fresh.watched)
    return PlannedChange(op_id=op_id, change=change, state=state, semantics=semantics.value, notes=notes)


def _why_not(change: Change, fresh: Fresh, effective_date: date, times: Mapping[str, int]) -> Dropped | None:
    drop = _why_not_known(change, fresh, times) or _why_not_quantity(change, fresh.whole_units)
    if drop is None and change.effective_date != effective_date:
        drop = Kind.CHANGED_MEANWHILE, "The billing period has changed since you compared. Compare again."
    if drop is not None:
        return Dropped(change=change, kind=drop[0], reason=drop[1])
    state = fresh.states.get(change.line_key)
    drop = _why_not_state(change, state)
    quantity = state.quantity if state is not None and state.present else None
    return None if drop is None else Dropped(change=change, kind=drop[0], reason=drop[1], quantity=quantity)


def _why_not_known(change: Change, fresh: Fresh, times: Mapping[str, int]) -> tuple[Kind, str] | None:
    if change.key in fresh.unread:
        return Kind.NOT_READ, fresh.unread[change.key]
    if fresh.incomplete and change.kind is ChangeKind.ZERO_LINE:
        return Kind.NOT_READ, f"Nothing is set to zero after an incomplete reading: {fresh.incomplete}"
    if change.line_key in fresh.open_lines:
        return Kind.IN_DOUBT, fresh.open_lines[change.line_key]
    if times[change.line_key] > 1:
        return Kind.SERVICE_DUPLICATED, "Several of the selected changes lead to this line. Decide the mapping first."
    return None


def _why_not_quantity(change: Change, whole_units: bool) -> tuple[Kind, str] | None:
    if change.kind is ChangeKind.SET_UNIT_COST:
        return None
    if not 0 <= change.quantity_target <= MAX_QUANTITY:
        return Kind.QUANTITY_NOT_USABLE, f"{format_amount(change.quantity_target)} is not a quantity a contract can carry."
    if whole_units and not (is_whole(change.quantity_target) and is_whole(change.delta)):
        return Kind.QUANTITY_NOT_USABLE, f"{format_amount(change.quantity_target)} units: the PSA takes whole units only."
    return None


def _why_not_state(change: Change, state: LineState | None) -> tuple[Kind, str] | None:
    if state is None:
        return Kind.NOT_READ, "The line could not be read again."
    if is_done(change, state):
        return Kind.UNCHANGED, f"Already {_shown(value_of(change, state))}; nothing to do."
    creates = change.kind is ChangeKind.CREATE_LINE
    if state.present is creates:
        reason = f"The line is there meanwhile, with {format_amount(state.quantity)}." if creates else "The line no longer exists."
        return Kind.CHANGED_MEANWHILE, reason
    if value_of(change, state) != value_before(change):
        was, is_now = _shown(value_before(change)), _shown(value_of(change, state))
        return Kind.CHANGED_MEANWHILE, f"Was {was} when you compared, is {is_now} now."
    return (Kind.WRITE_REFUSED, state.blocked) if state.blocked else None


def _notes(change: Change, state: LineState, watched: Mapping[str, str]) -> tuple[str, ...]:
    notes = []
    if state.posted_until is not None and change.kind is not ChangeKind.SET_UNIT_COST:
        notes.append(
            f"Approved and posted until {state.posted_until}: the change appears as a separate item that cannot be deleted."
        )
    if state.pending_quantity is not None and change.kind is not ChangeKind.SET_UNIT_COST:
        on = f" on {state.pending_date}" if state.pending_date else ""
        notes.append(f"Somebody planned a change to {format_amount(state.pending_quantity)}{on}; this comes on top of it.")
    if change.line_key in watched:
        notes.append(f"Earlier attempt: {watched[change.line_key]}")
    return tuple(notes)


def _totals(planned: Sequence[PlannedChange]) -> Totals:
    quantities = [p.change for p in planned if p.change.kind is not ChangeKind.SET_UNIT_COST]
    return Totals(
        lines=len({p.change.line_key.removesuffix(":cost") for p in planned}),
        customers=len({p.change.customer_code for p in planned}),
        units_up=sum(change.delta for change in quantities if change.delta > 0),
        units_down=sum(change.delta for change in quantities if change.delta < 0),
        to_zero=sum(_zeroes(change) for change in quantities),
        created=sum(change.kind is ChangeKind.CREATE_LINE for change in quantities),
        money=sum(multiply(change.delta, change.unit_price) for change in quantities if change.unit_price is not None),
    )


def _zeroes(change: Change) -> bool:
    return change.quantity_target == 0 and change.kind is not ChangeKind.SET_UNIT_COST


def _confirm_reasons(
    planned: Sequence[PlannedChange], totals: Totals, limits: Limits, watched: Mapping[str, str],
) -> tuple[str, ...]:
    large = sum(_is_large(p.change, limits) for p in planned)
    again = sum(p.change.line_key in watched for p in planned)
    reasons = {
        f"{totals.lines} lines would change; above {limits.lines} you confirm.": totals.lines > limits.lines,
        f"{_lines(large)} would change by more than {limits.percent} % and more than {limits.units} units.": large,
        f"{_lines(totals.to_zero)} would be set to zero.": limits.zeroing and totals.to_zero,
        f"{_lines(again)} had an attempt in the last day whose outcome you should look at first.": again,
    }
    return tuple(text for text, applies in reasons.items() if applies)


def _is_large(change: Change, limits: Limits) -> bool:
    size = abs(change.delta)
    return (
        change.kind is not ChangeKind.SET_UNIT_COST
        and size > limits.units * SCALE and size * 100 > change.quantity_before * limits.percent
    )


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _warnings(budget: Budget | None, calls: int) -> tuple[str, ...]:
    if budget is None or budget.remaining >= calls:
        return ()
    return (f"This push needs about {calls} calls and {budget.remaining} are left; it stops when they are used up.",)


def _nothing_left(dropped: Sequence[Dropped]) -> PlanRefused:
    if not dropped:
        return PlanRefused(
            "Nothing is selected.", meaning="Nothing was sent.", next_step="Tick the rows to push, then review again.",
        )
    return NothingLeft(dropped)


def _canonical(
    planned: Sequence[PlannedChange], run_id: str, source_run: str, tenant: str, psa_kind: str, effective_date: date,
) -> bytes:
    """The exact bytes that are approved: every planned row with the digest of the reading it was approved on."""
    rows: list[Json] = [
        {"op": p.op_id, "semantics": p.semantics, "evidence": p.state.digest, "change": change_fields(p.change)} for p in planned
    ]
    return canonical_json({
        "schema": 1, "run": run_id, "source": source_run, "tenant": tenant, "psa": psa_kind,
        "effective_date": effective_date.isoformat(), "rows": rows,
    })


def _shown(value: int | None) -> str:
    return "unknown" if value is None else format_amount(value)
