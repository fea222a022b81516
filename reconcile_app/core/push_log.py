"""What a push adds to the log: one entry per op, per dropped change and per change that stayed unticked, then the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from reconcile_app.core.amounts import format_fixed
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.entries import Completion, Entry, entries, not_selected
from reconcile_app.core.findings import CodeTable, Kind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Dropped
from reconcile_app.core.replacing import gaps, told_once

_WRITTEN = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.CLOSED_AS_APPLIED})
_IN_DOUBT = frozenset({OpState.ARMED, OpState.UNKNOWN, OpState.APPLIED, OpState.NEEDS_REVIEW})
_NOT_TRIED = frozenset({OpState.CANCELLED, OpState.PLANNED})

_WRITTEN_KINDS = {
    ChangeKind.SET_QUANTITY: Kind.QUANTITY_UPDATED,
    ChangeKind.ZERO_LINE: Kind.REDUCED_TO_ZERO,
    ChangeKind.CREATE_LINE: Kind.LINE_CREATED,
    ChangeKind.SET_UNIT_COST: Kind.COST_UPDATED,
    ChangeKind.CANCEL_LINE: Kind.REDUCED_TO_ZERO,
    ChangeKind.REPLACE_LINE: Kind.QUANTITY_UPDATED,
}
_SIMPLE_KINDS = {OpState.SKIPPED_ALREADY: Kind.UNCHANGED, OpState.STALE: Kind.CHANGED_MEANWHILE}


def kind_of(op: OpRecord, *, undo: bool = False) -> Kind:
    """What the log says of an op. What was refused, could not be sent or is known to have had no effect is a refused write.

    An undo sets quantities back, also to zero: nothing was created, and nothing was removed in the billing source.
    """
    if op.state in _WRITTEN:
        quantity = undo and op.change.kind is not ChangeKind.SET_UNIT_COST
        return Kind.QUANTITY_UPDATED if quantity else _WRITTEN_KINDS[op.change.kind]
    if op.state in _IN_DOUBT:
        return Kind.IN_DOUBT
    if op.state in _NOT_TRIED:
        return Kind.NOT_SELECTED
    return _SIMPLE_KINDS.get(op.state, Kind.WRITE_REFUSED)


def push_log(
    run: Run, ops: Sequence[OpRecord], dropped: Sequence[Dropped], codes: CodeTable, psa_title: str, at: datetime,
    *, undo: bool = False,
) -> pd.DataFrame:
    """The entries of a push or an undo, as ``LOG``, in the order of the plan; the last one is the completion with its status.

    An undo says nothing of lines that were not pushed.
    """
    places = {key: place for place, key in enumerate(run.rows["key"])}
    times = Counter(drop.change.line_key for drop in dropped)
    services = run.basis.psa.services
    descriptions = dict(zip(services["service_id"], services["description"].fillna(""), strict=True))
    identifiers = run.rows["billing_identifier"].astype(object).where(run.rows["billing_identifier"].notna(), "").tolist()

    def entry(kind: Kind, change: Change, message: str, now: int | None) -> Entry:
        row = places.get(change.key)
        fields: Mapping[str, str] = {
            "billing_identifier": "" if row is None else identifiers[row], "error": message, "reason": message, "psa": psa_title,
            "side": psa_title, "current_quantity": "another quantity" if now is None else format_fixed(now),
            "service_description": descriptions.get(change.service_id) or change.description, "count": str(times[change.line_key]),
        }
        return Entry(kind=kind, change=change, fields=fields, row=row)

    gone = {op.op_id for op in gaps(ops)}
    told = [
        entry(Kind.WRITE_REFUSED if op.op_id in gone else kind_of(op, undo=undo), op.change, op.message, op.quantity_after)
        for op in told_once(ops)
    ]
    told += [entry(drop.kind, drop.change, drop.reason, drop.quantity) for drop in dropped]
    # A row that is ticked was not left out by choice, whatever kept it from being pushed.
    ticked = run.rows.loc[run.rows["selected"], "key"]
    tried = {op.change.key for op in ops} | {drop.change.key for drop in dropped} | set(ticked)
    end = Entry(kind=Kind.COMPLETED, fields={"status": status_of(ops, dropped).value})
    unticked = [] if undo else [not_selected(run, codes, at, tried)]
    parts = [entries(codes, at, told), *unticked, entries(codes, at, [end])]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def status_of(ops: Sequence[OpRecord], dropped: Sequence[Dropped]) -> Completion:
    """The status in the last entry: ``Success``, ``CompletedWithWarnings``, ``Failed`` (nothing was written) or ``Cancelled``."""
    states = {op.state for op in ops}
    if states & _NOT_TRIED:
        return Completion.CANCELLED
    if not states & (_WRITTEN | {OpState.SKIPPED_ALREADY}):
        return Completion.FAILED
    return Completion.WITH_WARNINGS if dropped or states - _WRITTEN - {OpState.SKIPPED_ALREADY} else Completion.SUCCESS
