"""What a run looks like from outside: the JSON of the command line and the sheets of the Excel log.

Pure renderings: they can be made again from run and journal at any time. JSON keys and shapes are relied on by other programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.basis import Run
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Dropped
from reconcile_app.core.snapshot import Side

SCHEMA = 1

_ROW_TEXT = (
    "key",
    "customer_code",
    "customer_name",
    "company_id",
    "company_name",
    "contract_id",
    "contract_name",
    "line_id",
    "service_id",
    "service_name",
    "sku",
    "description",
)
_ROW_AMOUNTS = (
    "billed_quantity",
    "previous_quantity",
    "contract_quantity",
    "last_pushed_quantity",
    "difference",
    "unit_price",
    "money_difference",
)

_COUNTS = {
    "rows": "rows", "equal": "equal", "raise": "raised", "lower": "lowered", "add": "add", "zero": "zero", "blocked": "blocked",
    "missing": "missing", "ignored": "ignored", "unknown": "unknown", "psa_only": "psa_only", "selected": "selected",
}
"""Counts by their name in the JSON, with the name of the summary's field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What a push or an undo did, for the outside.

    ``log`` is ``LOG``; ``journal_head`` the last hash of the journal's chain; ``undoes`` the push that an undo took back.
    """

    push_id: str
    result: str
    ops: Sequence[OpRecord]
    log: pd.DataFrame
    operator: str
    finished: datetime
    journal_head: str
    undoes: str = ""

    @property
    def kind(self) -> str:
        """``Push``, or ``Undo of`` the push that it took back."""
        return f"Undo of {self.undoes}" if self.undoes else "Push"


def compare_json(run: Run) -> dict[str, Any]:
    """A comparison as the command line prints it; quantities and amounts are decimal text, ``null`` where unknown or absent."""
    basis = run.basis
    period = basis.billing.period
    return {
        "run_id": run.run_id,
        "schema": SCHEMA,
        "period": {"start": period.start.isoformat(), "end": period.end.isoformat()},
        "effective_date": basis.effective_date.isoformat(),
        "sources": {"billing": source_json(basis.billing.side), "psa": source_json(basis.psa.side)},
        "summary": summary_json(run),
        "rows": rows_json(run.rows),
        "log": log_json(run.log),
    }


def failed_json(run_id: str, sources: Mapping[str, Side], log: pd.DataFrame) -> dict[str, Any]:
    """The same shape for a run that stopped before there was anything to compare."""
    return {
        "run_id": run_id,
        "schema": SCHEMA,
        "period": None,
        "effective_date": None,
        "sources": {name: source_json(side) for name, side in sources.items()},
        "summary": {**dict.fromkeys(_COUNTS, 0), "money_per_period": "0"},
        "rows": [],
        "log": log_json(log),
    }


def source_json(side: Side) -> dict[str, Any]:
    """One side: connection, whether it was read whole, rows and calls; ``error`` and ``unread`` only where something is missing."""
    told: dict[str, Any] = {"connection": side.connection, "complete": side.complete, "rows": side.rows, "calls": side.calls}
    if not side.complete:
        told["error"] = side.error
        told["unread"] = dict(side.unread)
    return told


def summary_json(run: Run) -> dict[str, Any]:
    """The counts of the summary cards."""
    counts = {name: getattr(run.summary, attribute) for name, attribute in _COUNTS.items()}
    return {**counts, "money_per_period": format_amount(run.summary.money_per_period)}


def rows_json(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Comparison rows as dictionaries."""
    columns: dict[str, list[Any]] = {name: _texts(rows[name]) for name in _ROW_TEXT}
    columns |= {name: decimal_texts(rows[name]) for name in _ROW_AMOUNTS}
    columns["status"] = _texts(rows["status"])
    columns["change"] = _texts(rows["change"])
    columns["codes"] = [codes.split() if codes else [] for codes in _texts(rows["codes"])]
    columns["selected"] = [bool(flag) for flag in rows["selected"]]
    columns["selectable"] = [bool(flag) for flag in rows["selectable"]]
    return _records(columns)


def log_json(log: pd.DataFrame) -> list[dict[str, Any]]:
    """Log entries as dictionaries."""
    return _records(
        {
            "code": _texts(log["code"]),
            "level": _texts(log["level"]),
            "planned": [bool(flag) for flag in log["planned"]],
            "time": _texts(log["time"]),
            "customer_code": _texts(log["customer_code"]),
            "customer_name": _texts(log["customer_name"]),
            "sku": _texts(log["sku"]),
            "old_quantity": decimal_texts(log["old_quantity"]),
            "new_quantity": decimal_texts(log["new_quantity"]),
            "message": [text or "" for text in _texts(log["message"])],
            "resolution": [text or "" for text in _texts(log["resolution"])],
        }
    )


def push_json(run_id: str, report: PushReport) -> dict[str, Any]:
    """A push as the command line prints it. ``run_id`` is the comparison that was pushed, ``push_id`` the run in the journal.

    An undo has the same shape, and ``undoes`` besides: the id of the push it took back.
    """
    return {
        "run_id": run_id,
        "schema": SCHEMA,
        "push_id": report.push_id,
        "result": report.result,
        "ops": [op_json(op) for op in report.ops],
        "log": log_json(report.log),
        "journal_head": report.journal_head,
        **({"undoes": report.undoes} if report.undoes else {}),
    }


def op_json(op: OpRecord) -> dict[str, Any]:
    """One op."""
    change = op.change
    return {
        "key": change.key,
        "op_id": op.op_id,
        "change": change.kind.value,
        "customer_code": change.customer_code,
        "line_id": change.line_id or None,
        "sku": change.sku or None,
        "state": op.state.value,
        "qty_before": format_amount(change.quantity_before),
        "qty_target": format_amount(change.quantity_target),
        "qty_after": None if op.quantity_after is None else format_amount(op.quantity_after),
        "effective_date": change.effective_date.isoformat(),
        "message": op.message,
        **({"replaces": change.replaces} if change.replaces else {}),
    }


_DROPPED_STATES = {Kind.UNCHANGED: OpState.SKIPPED_ALREADY, Kind.CHANGED_MEANWHILE: OpState.STALE}


def dropped_json(dropped: Sequence[Dropped]) -> list[dict[str, Any]]:
    """Changes that were selected and left out at the review, as ops that were never sent."""
    return [
        {
            "key": drop.change.key, "op_id": None, "change": drop.change.kind.value, "customer_code": drop.change.customer_code,
            "line_id": drop.change.line_id or None, "sku": drop.change.sku or None,
            "state": _DROPPED_STATES.get(drop.kind, OpState.BLOCKED).value,
            "qty_before": format_amount(drop.change.quantity_before), "qty_target": format_amount(drop.change.quantity_target),
            "qty_after": None, "effective_date": drop.change.effective_date.isoformat(), "message": drop.reason,
        }
        for drop in dropped
    ]


def decimal_texts(column: pd.Series[Any]) -> list[str | None]:
    """Ten-thousandths as the shortest decimal text, ``None`` where absent."""
    known: dict[int, str] = {}
    texts: list[str | None] = []
    for value, absent in zip(column.to_numpy("int64", na_value=0).tolist(), column.isna().tolist(), strict=True):
        if absent:
            texts.append(None)
            continue
        if value not in known:
            known[value] = format_amount(value)
        texts.append(known[value])
    return texts


def _texts(column: pd.Series[Any]) -> list[str | None]:
    return [None if absent else text for text, absent in zip(column.tolist(), column.isna().tolist(), strict=True)]


def _records(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
