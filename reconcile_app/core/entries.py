"""Single log entries: for failures before a comparison, and for what becomes of changes later."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import pandas as pd

from reconcile_app.core.amounts import format_fixed
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import Change, build_changes
from reconcile_app.core.codes import RC_CODES, render
from reconcile_app.core.findings import CodeTable, Kind, Level
from reconcile_app.core.frames import LOG
from reconcile_app.core.settings import LogLevel

PLANNED = frozenset({Kind.QUANTITY_UPDATED, Kind.LINE_CREATED, Kind.REDUCED_TO_ZERO})
"""Kinds that report a write; in a comparison they are flagged as planned."""


class Completion(StrEnum):
    """How a run ended, as the last entry of its log says it."""

    SUCCESS = "Success"
    WITH_WARNINGS = "CompletedWithWarnings"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One log entry to be written.

    ``change`` gives customer, line and quantities; ``fields`` what else the text needs, and wins over the change. ``row`` is the
    position in the comparison, where there is one.
    """

    kind: Kind
    change: Change | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    planned: bool = False
    row: int | None = None


def entries(codes: CodeTable, at: datetime, told: Sequence[Entry]) -> pd.DataFrame:
    """``LOG`` with these entries, in their order; a kind that the PSA has no code for is left out."""
    table = {**RC_CODES, **codes}
    kept = [(entry, table[entry.kind], _fields(entry)) for entry in told if entry.kind in table]
    columns = ("customer_code", "customer_name", "billing_identifier", "line_description", "sku")
    changes = [entry.change for entry, _, _ in kept]
    return LOG.build(
        {
            "time": [time_text(at)] * len(kept),
            "level": [code.level.value for _, code, _ in kept],
            "code": [code.id for _, code, _ in kept],
            "kind": [entry.kind.value for entry, _, _ in kept],
            "planned": [entry.planned for entry, _, _ in kept],
            "row": [pd.NA if entry.row is None else entry.row for entry, _, _ in kept],
            **{name: [fields.get(name) or pd.NA for _, _, fields in kept] for name in columns},
            "old_quantity": [pd.NA if change is None else change.quantity_before for change in changes],
            "new_quantity": [pd.NA if change is None else change.quantity_target for change in changes],
            "message": [render(code.template, fields).strip() for _, code, fields in kept],
            "resolution": [code.resolution for _, code, _ in kept],
        }
    )


def _fields(entry: Entry) -> dict[str, str]:
    change = entry.change
    if change is None:
        return dict(entry.fields)
    costs = {"old_cost": change.unit_cost_before, "new_cost": change.unit_cost_target}
    return {
        "customer_code": change.customer_code,
        "customer_name": change.customer_name,
        "line_description": change.description,
        "sku": change.sku,
        "service_name": change.service_name,
        "service_description": change.description,
        "service_id": change.service_id,
        "contract_name": change.contract_name,
        "old_quantity": format_fixed(change.quantity_before),
        "new_quantity": format_fixed(change.quantity_target),
        **{name: format_fixed(cost) for name, cost in costs.items() if cost is not None},
        **entry.fields,
    }


def run_log_for_error(
    kind: Kind,
    codes: CodeTable,
    *,
    run_id: str,
    at: datetime,
    fields: Mapping[str, str] | None = None,
    started: bool = False,
    status: Completion | None = None,
    also: Sequence[Kind] = (),
) -> pd.DataFrame:
    """``LOG`` of a run that ended before there was a comparison: worker start, the reason, what ``also`` is to be told, completion.

    ``fields`` are the placeholders of the reason (``error``, ``secret_name``, ``period_end``). ``started`` says that the period was
    known already, so that the start entry belongs in between. The status is Failed, or CompletedWithWarnings where the reason is a
    warning.
    """
    table = {**RC_CODES, **codes}
    if status is None:
        warning = kind in table and table[kind].level is Level.WARNING
        status = Completion.WITH_WARNINGS if warning else Completion.FAILED
    given = {"worker_id": run_id, **(fields or {}), "status": status.value}
    kinds = [Kind.WORKER_STARTED, *([Kind.STARTED] if started else []), kind, *also, Kind.COMPLETED]
    return entries(codes, at, [Entry(kind=each, fields=given) for each in kinds])


def not_selected(run: Run, codes: CodeTable, at: datetime, pushed: Collection[str]) -> pd.DataFrame:
    """``LOG`` with RC12 for every change that was left unticked when the rows ``pushed`` were pushed."""
    left = run.rows["selectable"].to_numpy(dtype=bool) & ~run.rows["key"].isin(list(pushed)).to_numpy(dtype=bool)
    places = {key: place for place, key in enumerate(run.rows["key"])}
    # A row with a new cost has two changes; the first one, its quantity, speaks for it.
    changes = {change.key: change for change in reversed(build_changes(run, run.rows.loc[left, "key"].tolist()))}
    told = [
        Entry(kind=Kind.NOT_SELECTED, change=change, row=places[key], fields={"billing_identifier": _identifier(run, places[key])})
        for key, change in reversed(changes.items())
    ]
    return entries(codes, at, told)


def _identifier(run: Run, place: int) -> str:
    identifier = run.rows["billing_identifier"].iloc[place]
    return "" if identifier is pd.NA else str(identifier)


def visible(log: pd.DataFrame, level: LogLevel) -> pd.DataFrame:
    """The entries that a log level shows."""
    shown = [each.value for each in Level if level.shows(each)]
    return log[log["level"].isin(shown).to_numpy(dtype=bool)].reset_index(drop=True)


def time_text(at: datetime) -> str:
    """A time of the log: ISO 8601 in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
