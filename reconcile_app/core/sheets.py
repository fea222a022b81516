"""The sheets of the Excel log as columns of plain values: what an auditor reads, in which order, with which meaning.

``storage/workbook`` turns them into cells and knows nothing of runs; this module knows nothing of Excel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.changes import Change, ChangeKind, Status
from reconcile_app.core.decisions import change_targets, decisions_digest
from reconcile_app.core.findings import Level
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.report import PushReport
from reconcile_app.core.sheet import Cell, Origin, Sheet, SheetColumn
from reconcile_app.core.summary_sheet import result_words, summary_sheet
from reconcile_app.core.undo import is_cost
from reconcile_app.core.undo_journal import WRITTEN

MARKS = {
    "raise": "▲",
    "lower": "▼",
    "add": "+",
    "zero": "0",
    "missing": "◆",
    "blocked": "◆",
    "unknown": "⊘",
    "ignored": "∅",
    "equal": "=",
    "psa_only": "◆",
    "in_doubt": "‼",
}
"""The mark of each status, the same as on the screen."""


def sheets(run: Run, pushes: Sequence[PushReport], origin: Origin, unread: str = "") -> list[Sheet]:
    """Every sheet in reading order: Summary, To do, Changes, Comparison, Log, Ignored, Rejected rows.

    ``unread`` says why the journal could not be looked into: ``pushes`` may then lack some.
    """
    log = pd.concat([run.log, *(push.log for push in pushes)], ignore_index=True) if pushes else run.log
    return [
        summary_sheet(run, pushes, origin, unread),
        _to_do(log),
        _changes(run, pushes),
        _comparison(run),
        _log(log),
        _ignored(run),
        _rejected(run),
    ]


def _to_do(log: pd.DataFrame) -> Sheet:
    """Errors first, then warnings, each by code; otherwise in the order of the log."""
    rank = log["level"].map({Level.ERROR.value: 0, Level.WARNING.value: 1})
    picked = log.assign(rank=rank)[rank.notna()].sort_values(["rank", "code"], kind="stable")
    return Sheet(
        name="To do",
        columns=(
            _text("Level", picked["level"]),
            _text("Code", picked["code"]),
            _text("Customer code", picked["customer_code"]),
            _text("Customer", picked["customer_name"]),
            _text("SKU", picked["sku"]),
            _text("Line", picked["line_description"]),
            _text("Message", picked["message"], Cell.LONG_TEXT),
            _text("What to do", picked["resolution"], Cell.LONG_TEXT),
        ),
    )


_CHANGE_WORDS = {
    ChangeKind.SET_QUANTITY: "set quantity",
    ChangeKind.ZERO_LINE: "set to zero",
    ChangeKind.CREATE_LINE: "create line",
    ChangeKind.SET_UNIT_COST: "set unit cost",
    ChangeKind.CANCEL_LINE: "end line",
    ChangeKind.REPLACE_LINE: "replace line",
}


def change_words(kind: ChangeKind) -> str:
    """What a change does, in words."""
    return _CHANGE_WORDS[kind]


def _changes(run: Run, pushes: Sequence[PushReport]) -> Sheet:
    """Every change of the comparison, then what was pushed beyond: other changes of a row, earlier attempts, rows that are gone.

    So each op of the journal has exactly one row.
    """
    rows = run.rows[run.rows["change"].notna()]
    ops = [op for push in pushes for op in push.ops]
    final = {(op.change.key, _row_kind(op.change)): op for push in pushes if not push.undoes for op in push.ops}
    own = [final.get(place) for place in zip(rows["key"], rows["change"], strict=True)]
    shown = {op.op_id for op in own if op}
    beyond = [op for op in ops if op.op_id not in shown]
    results = [*own, *beyond]
    words = _result_words(pushes)
    targets = list(change_targets(run).values())
    digest = decisions_digest(rows["key"].tolist(), targets, run.run_id)
    decisions = ["push" if flag else "leave" for flag in rows["selected"]]
    told = [words[op.op_id] if op else _not_pushed(decision) for op, decision in zip(own, decisions, strict=True)]
    nothing = [None] * len(beyond)
    return Sheet(
        name="Changes",
        status=[*rows["status"], *nothing],
        columns=(
            *_changed(rows, targets, run.basis.effective_date, beyond),
            SheetColumn(title="Decision", cell=Cell.TEXT, values=[*decisions, *nothing]),
            SheetColumn(title="Result", cell=Cell.TEXT, values=[*told, *(words[op.op_id] for op in beyond)]),
            SheetColumn(
                title="Quantity read back", cell=Cell.QUANTITY, values=[op.quantity_after if op else None for op in results]
            ),
            SheetColumn(title="Verified at", cell=Cell.TIME, values=[_verified(op) for op in results]),
            SheetColumn(title="Note", cell=Cell.LONG_TEXT, values=[op.message if op else None for op in results]),
            SheetColumn(title="Row key", cell=Cell.TEXT, values=[*rows["key"], *(op.change.key for op in beyond)]),
            SheetColumn(title="Checksum", cell=Cell.TEXT, values=[*[digest] * len(rows), *nothing]),
        ),
    )


def _changed(rows: pd.DataFrame, targets: Sequence[int], effective: date, beyond: Sequence[OpRecord]) -> list[SheetColumn]:
    """What is to be changed, from the comparison and for the ops beyond it from what was approved."""
    changes = [op.change for op in beyond]
    nothing = [None] * len(beyond)

    def texts(title: str, name: str) -> SheetColumn:
        return _joined(_text(title, rows[name]), [getattr(change, name) or None for change in changes])

    kinds = [*(ChangeKind(kind) for kind in rows["change"]), *(change.kind for change in changes)]
    return [
        _joined(_mark(rows["status"]), nothing),
        texts("Customer code", "customer_code"),
        texts("Customer", "customer_name"),
        texts("Contract", "contract_name"),
        texts("Service", "service_name"),
        texts("SKU", "sku"),
        SheetColumn(title="Change", cell=Cell.TEXT, values=[change_words(kind) for kind in kinds]),
        _joined(_amount("Before", rows["contract_quantity"]), [change.quantity_before for change in changes]),
        SheetColumn(title="After", cell=Cell.QUANTITY, values=[*targets, *(change.quantity_target for change in changes)]),
        _joined(_amount("Difference", rows["difference"]), [change.delta for change in changes]),
        _joined(_amount("Money per period", rows["money_difference"], Cell.MONEY), nothing),
        SheetColumn(
            title="Effective date",
            cell=Cell.DATE,
            values=[*[effective] * len(rows), *(change.effective_date for change in changes)],
        ),
    ]


def _row_kind(change: Change) -> str:
    """The change of the comparison that an op carries out; the end of a line that is replaced is told besides."""
    own = {ChangeKind.REPLACE_LINE: ChangeKind.SET_QUANTITY, ChangeKind.CANCEL_LINE: ChangeKind.ZERO_LINE}
    return own.get(change.kind, change.kind).value


def _joined(column: SheetColumn, more: Sequence[Any]) -> SheetColumn:
    return replace(column, values=[*column.values, *more])


def _not_pushed(decision: str) -> str:
    return "selected, not pushed" if decision == "push" else "not selected"


def _result_words(pushes: Sequence[PushReport]) -> dict[str, str]:
    """What became of each op, by its id: an undo stands beside the push it took back, and neither hides the other."""
    taken_back = {
        (push.undoes, op.change.key, is_cost(op.change)) for push in pushes if push.undoes for op in push.ops if op.state in WRITTEN
    }
    words: dict[str, str] = {}
    for push in pushes:
        for op in push.ops:
            told = result_words(op.state)
            undone = (push.push_id, op.change.key, is_cost(op.change)) in taken_back
            words[op.op_id] = f"undo: {told}" if push.undoes else f"{told}; undone since" if undone else told
    return words


def _verified(op: OpRecord | None) -> datetime | None:
    return op.updated if op and op.state in (OpState.VERIFIED, OpState.CONFIRMED_BY_STATE) else None


def _comparison(run: Run) -> Sheet:
    rows = run.rows
    return Sheet(
        name="Comparison",
        status=rows["status"].tolist(),
        columns=(
            _mark(rows["status"]),
            _text("Status", rows["status"]),
            _text("Customer code", rows["customer_code"]),
            _text("Customer", rows["customer_name"]),
            _text("Billing identifier", rows["billing_identifier"]),
            _text("Company", rows["company_name"]),
            _text("Contract", rows["contract_name"]),
            _text("Service", rows["service_name"]),
            _text("SKU", rows["sku"]),
            _text("Line", rows["description"]),
            _amount("Billed", rows["billed_quantity"]),
            _amount("Billed before", rows["previous_quantity"]),
            _amount("In the PSA", rows["contract_quantity"]),
            _amount("Last pushed", rows["last_pushed_quantity"]),
            _amount("Difference", rows["difference"]),
            _amount("Unit price", rows["unit_price"], Cell.MONEY),
            _amount("Money per period", rows["money_difference"], Cell.MONEY),
            _text("Codes", rows["codes"]),
        ),
    )


def _log(log: pd.DataFrame) -> Sheet:
    return Sheet(
        name="Log",
        columns=(
            SheetColumn(title="Time (UTC)", cell=Cell.TIME, values=_times(log["time"])),
            _text("Level", log["level"]),
            _text("Code", log["code"]),
            _text("Customer code", log["customer_code"]),
            _text("Customer", log["customer_name"]),
            _text("Billing identifier", log["billing_identifier"]),
            _text("Line", log["line_description"]),
            _text("SKU", log["sku"]),
            _amount("Old quantity", log["old_quantity"]),
            _amount("New quantity", log["new_quantity"]),
            SheetColumn(
                title="Planned or written", cell=Cell.TEXT, values=["planned" if flag else None for flag in log["planned"]]
            ),
            _text("Message", log["message"], Cell.LONG_TEXT),
            _text("What to do", log["resolution"], Cell.LONG_TEXT),
        ),
    )


def _ignored(run: Run) -> Sheet:
    held = run.rows[run.rows["status"] == Status.IGNORED.value]
    named = run.ignored.merge(
        held[["key", "customer_name", "service_name", "sku", "description"]], on="key", how="left", validate="many_to_one"
    )
    until = [None if pd.isna(value) else date.fromisoformat(value) for value in named["until"]]
    return Sheet(
        name="Ignored",
        columns=(
            _text("Customer", named["customer_name"]),
            _text("Service", named["service_name"]),
            _text("SKU", named["sku"]),
            _text("Line", named["description"]),
            _text("Reason", named["reason"], Cell.LONG_TEXT),
            SheetColumn(title="Until", cell=Cell.DATE, values=until),
            _text("By", named["by"]),
            _text("Row key", named["key"]),
        ),
    )


def _rejected(run: Run) -> Sheet:
    rows = pd.concat([run.basis.billing.rejected, run.basis.psa.rejected], ignore_index=True)
    return Sheet(
        name="Rejected rows",
        columns=(
            _text("Side", rows["side"]),
            _text("Call", rows["source"]),
            _text("Customer code", rows["customer_code"]),
            _text("Reason", rows["reason"], Cell.LONG_TEXT),
            _text("Row as received", rows["raw"], Cell.LONG_TEXT),
        ),
    )


def _text(title: str, column: pd.Series[Any], cell: Cell = Cell.TEXT) -> SheetColumn:
    return SheetColumn(title=title, cell=cell, values=column.astype(object).where(column.notna(), None).tolist())


def _amount(title: str, column: pd.Series[Any], cell: Cell = Cell.QUANTITY) -> SheetColumn:
    values = column.astype(object).where(column.notna(), None).tolist()
    return SheetColumn(title=title, cell=cell, values=values)


def _mark(status: pd.Series[Any]) -> SheetColumn:
    return SheetColumn(title="", cell=Cell.MARK, values=[MARKS.get(name) for name in status])


def _times(column: pd.Series[Any]) -> list[datetime | None]:
    known: dict[str, datetime] = {}
    times: list[datetime | None] = []
    for text, absent in zip(column.tolist(), column.isna().tolist(), strict=True):
        if absent:
            times.append(None)
            continue
        if text not in known:
            known[text] = datetime.fromisoformat(text)
        times.append(known[text])
    return times
