"""Plans: the frozen, reviewed set of changes that a push carries out, and the guard rails around it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pandas as pd

from reconcile_app.core.amounts import MAX_QUANTITY, format_amount, is_whole
from reconcile_app.core.change_json import change_fields
from reconcile_app.core.changes import Change, ChangeKind, Status
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.findings import Kind
from reconcile_app.core.ids import Json, canonical_json, sha256_hex
from reconcile_app.core.plan_kinds import PUSH, UNDO
from reconcile_app.core.plan_size import Totals, confirm_reasons, totals_of
from reconcile_app.core.ports import Budget, LineState, WriteSemantics
from reconcile_app.core.replacing import ending_of, notes_of, successor_of
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
class Heading:
    """What a plan is about. ``run_id`` is its own id, ``source_run`` the comparison; ``undoes_run`` is the push that is undone."""

    run_id: str
    source_run: str
    tenant: str
    psa_kind: str
    created: datetime
    effective_date: date
    snapshot_sha256: str
    kind: str = PUSH
    undoes_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A frozen plan. ``canonical`` are the exact bytes that were approved, ``sha256`` their digest.

    ``confirm_reasons`` says, in words, why the number of lines must be typed; empty: a click is enough. ``kind`` is ``push`` or
    ``undo``; the changes of an undo may take effect on other days than ``effective_date``, which is that of the push.
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
    kind: str = PUSH
    undoes_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What is known at the moment of planning, besides the changes themselves.

    ``states`` are fresh readings by line key; where the connection ``replaces`` lines, also for ``replacing.with_successors``.
    ``unread`` are rows (by key) that were not read whole when comparing → why. ``incomplete`` says why a side was not read whole,
    or is empty; then nothing may be set to zero. ``open_lines`` are line keys with an op that is not settled → what it is.
    ``watched`` are line keys with an earlier attempt in the last day → what became of it. ``whole_units``: the PSA takes whole
    numbers only.
    """

    states: Mapping[str, LineState]
    writes: WriteSemantics
    whole_units: bool
    unread: Mapping[str, str] = field(default_factory=dict)
    incomplete: str = ""
    open_lines: Mapping[str, str] = field(default_factory=dict)
    watched: Mapping[str, str] = field(default_factory=dict)
    budget: Budget | None = None
    replaces: bool = False


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
    heading = Heading(
        run_id=run_id, source_run=source_run, tenant=tenant, psa_kind=psa_kind, created=created, effective_date=effective_date,
        snapshot_sha256=snapshot_sha256,
    )
    return freeze(heading, planned, dropped, limits, watched=fresh.watched, budget=fresh.budget)


def freeze(
    heading: Heading, planned: Sequence[PlannedChange], dropped: Sequence[Dropped], limits: Limits, *,
    watched: Mapping[str, str], budget: Budget | None,
) -> Plan:
    """The plan of these changes, with its size, what has to be confirmed, and the bytes that stand for it."""
    changes = [each.change for each in planned]
    totals = totals_of(changes)
    frozen = _canonical(planned, heading)
    calls = CALLS_PER_OP * len(planned)
    return Plan(
        run_id=heading.run_id, source_run=heading.source_run, tenant=heading.tenant, psa_kind=heading.psa_kind,
        created=heading.created, expires=heading.created + LIFETIME, effective_date=heading.effective_date,
        changes=tuple(planned), dropped=tuple(dropped), totals=totals,
        confirm_reasons=confirm_reasons(changes, totals, limits, watched), canonical=frozen, sha256=sha256_hex(frozen),
        snapshot_sha256=heading.snapshot_sha256, budget=budget, calls_needed=calls, warnings=_warnings(budget, calls, heading.kind),
        kind=heading.kind, undoes_run=heading.undoes_run,
    )


def check_confirmation(plan: Plan, typed: str) -> None:
    """Refuse a start whose confirmation is missing, where the plan asks for one.

    Raises:
        PlanRefused: the number of lines was not typed, or another one was.
    """
    if plan.confirm_reasons and typed.strip() != str(plan.totals.lines):
        raise PlanRefused(
            "The confirmation is missing.", " ".join(plan.confirm_reasons), meaning="Nothing was sent.",
            next_step=f"Type the number of lines, {plan.totals.lines}, to confirm this {plan.kind}.",
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
    if _canonical(plan.changes, plan) != plan.canonical or sha256_hex(plan.canonical) != plan.sha256:
        raise PlanRefused(
            "The plan is not the one that was approved.", "Its rows and its digest do not belong together.",
            meaning="Nothing was sent.", next_step="Review the changes again.",
        )


def _sort_out(
    changes: Sequence[Change], fresh: Fresh, effective_date: date, run_id: str,
) -> tuple[list[PlannedChange], list[Dropped]]:
    kept: list[Change] = []
    dropped: list[Dropped] = []
    held: dict[str, Dropped] = {}
    times = Counter(step.line_key for change in changes for step in _steps(change, fresh))
    for change in changes:
        drop = _why_not(change, fresh, effective_date, times) or _held_back(change, held) or _why_not_replaced(change, fresh, times)
        if drop is None:
            kept.append(change)
            continue
        dropped.append(drop)
        if drop.kind is not Kind.UNCHANGED:
            held[change.line_key] = drop
    steps = enumerate(_carried_out(kept, fresh), start=1)
    return [_planned(step, fresh, f"{run_id}-{number:04d}") for number, step in steps], dropped


def _held_back(change: Change, held: Mapping[str, Dropped]) -> Dropped | None:
    """A unit cost is written together with the quantity of its line or not at all."""
    first = held.get(f"line:{change.line_id}") if change.kind is ChangeKind.SET_UNIT_COST else None
    return None if first is None else replace(first, change=change)


_REPLACED = (ChangeKind.SET_QUANTITY, ChangeKind.ZERO_LINE)


def _carried_out(changes: Sequence[Change], fresh: Fresh) -> list[Change]:
    """What is written for these changes, in order. A line that is replaced gets its new unit cost by being made with it."""
    costs = {change.line_id: change for change in changes if change.kind is ChangeKind.SET_UNIT_COST}
    steps = [step for change in changes for step in _steps(change, fresh, costs.get(change.line_id))]
    replaced = {step.replaces for step in steps if step.replaces}
    return [step for step in steps if step.kind is not ChangeKind.SET_UNIT_COST or step.line_id not in replaced]


def _steps(change: Change, fresh: Fresh, cost: Change | None = None) -> list[Change]:
    """The change itself; or the end of its line, and the new line that takes its place."""
    state = fresh.states.get(change.line_key)
    if not fresh.replaces or change.kind not in _REPLACED or state is None or state.in_place:
        return [change]
    return [ending_of(change), *([successor_of(change, cost)] if change.kind is ChangeKind.SET_QUANTITY else [])]


def _why_not_replaced(change: Change, fresh: Fresh, times: Mapping[str, int]) -> Dropped | None:
    """What stands against the new line that would take the place of this one."""
    successor = next((step for step in _steps(change, fresh) if step.replaces), None)
    if successor is None:
        return None
    state = fresh.states.get(successor.line_key)
    drop = _why_not_known(successor, fresh, times)
    if drop is None and state is None:
        drop = Kind.NOT_READ, "The line could not be read again."
    if drop is None and state is not None and state.blocked:
        drop = Kind.WRITE_REFUSED, state.blocked
    if drop is None and state is not None and state.present:
        drop = Kind.WRITE_REFUSED, "The same product is on another line too; replace the line in the PSA."
    return None if drop is None else Dropped(change=change, kind=drop[0], reason=drop[1])


def _planned(change: Change, fresh: Fresh, op_id: str) -> PlannedChange:
    state = fresh.states[change.line_key]
    semantics = semantics_of(change, fresh.writes)
    in_place = f"Changed as a whole: {state.in_place}" if fresh.replaces and change.kind in _REPLACED else ""
    told = [note for note in (notes_of(change), in_place) if note]
    notes = (*told, *_notes(change, state, fresh.watched, semantics))
    return PlannedChange(op_id=op_id, change=change, state=state, semantics=semantics, notes=notes)


def semantics_of(change: Change, writes: WriteSemantics) -> str:
    """How the PSA takes this change: a unit cost is always set, whatever it does with quantities."""
    return (WriteSemantics.SET if change.kind is ChangeKind.SET_UNIT_COST else writes).value


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
        return Kind.QUANTITY_NOT_USABLE, f"{format_amount(change.quantity_target)} is not a quantity a line can carry."
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


def _notes(change: Change, state: LineState, watched: Mapping[str, str], semantics: str) -> tuple[str, ...]:
    notes = []
    if state.posted_until is not None and change.kind is not ChangeKind.SET_UNIT_COST:
        notes.append(
            f"Approved and posted until {state.posted_until}: the change appears as a separate item that cannot be deleted."
        )
    if state.pending_quantity is not None and change.kind is not ChangeKind.SET_UNIT_COST:
        on = f" on {state.pending_date}" if state.pending_date else ""
        then = "this comes on top of it" if semantics == WriteSemantics.DELTA else "this holds until then"
        notes.append(f"Somebody planned a change to {format_amount(state.pending_quantity)}{on}; {then}.")
    if change.line_key in watched:
        notes.append(f"Earlier attempt: {watched[change.line_key]}")
    return tuple(notes)


def _warnings(budget: Budget | None, calls: int, kind: str) -> tuple[str, ...]:
    if budget is None or budget.remaining >= calls:
        return ()
    return (f"This {kind} needs about {calls} calls and {budget.remaining} are left; it stops when they are used up.",)


def _nothing_left(dropped: Sequence[Dropped]) -> PlanRefused:
    if not dropped:
        return PlanRefused(
            "Nothing is selected.", meaning="Nothing was sent.", next_step="Tick the rows to push, then review again.",
        )
    return NothingLeft(dropped)


def _canonical(planned: Sequence[PlannedChange], heading: Heading | Plan) -> bytes:
    """The exact bytes that are approved: every planned row with the digest of the reading it was approved on."""
    rows: list[Json] = [
        {"op": p.op_id, "semantics": p.semantics, "evidence": p.state.digest, "change": change_fields(p.change)} for p in planned
    ]
    undo: dict[str, Json] = {"kind": heading.kind, "undoes": heading.undoes_run} if heading.kind == UNDO else {}
    return canonical_json({
        "schema": 1, "run": heading.run_id, "source": heading.source_run, "tenant": heading.tenant, "psa": heading.psa_kind,
        "effective_date": heading.effective_date.isoformat(), "rows": rows, **undo,
    })


def _shown(value: int | None) -> str:
    return "unknown" if value is None else format_amount(value)
