"""P12: the Excel log of a run, against openpyxl's write-only mode given the same cells and styles by the shortest code there is."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, Scale, by_turns, fresh
from benchmarks.window import compared
from benchmarks.worlds import basis
from reconcile_app.core.basis import Run
from reconcile_app.core.sheet import Cell, Origin, Sheet
from reconcile_app.core.sheets import sheets
from reconcile_app.storage.workbook import write_workbook

_FORMATS = {
    Cell.QUANTITY: "#,##0.####",
    Cell.MONEY: "#,##0.00",
    Cell.DATE: "yyyy-mm-dd",
    Cell.TIME: "yyyy-mm-dd hh:mm:ss",
    Cell.COUNT: "#,##0",
}
_FILLS = {
    "raise": "FFF1E0",
    "lower": "E6F1FC",
    "add": "E5F5EA",
    "zero": "FBE7F3",
    "blocked": "F0E9FB",
    "missing": "F0E9FB",
    "psa_only": "F0E9FB",
    "unknown": "ECEFF2",
    "ignored": "F5F6F7",
}


def p12(scale: Scale) -> Iterator[Result]:
    """Time of the export, and what it adds to the memory of a process that has the run open."""
    run = compared(basis(scale.rows))
    with tempfile.TemporaryDirectory() as folder:
        ours, reference = by_turns(
            lambda: export(run, Path(folder, "ours.xlsx")), lambda: bare(run, Path(folder, "bare.xlsx")), min(scale.times, 5)
        )
    yield Result(
        line="P12",
        what=f"Excel log of {scale.rows:,} rows",
        ours=ours,
        reference=reference,
        at_most=1.15,
        note="reference: bare openpyxl write-only with lxml",
    )
    grown = fresh("benchmarks.starts.exporting", scale.rows)["grown"]
    yield Result(line="P12", what="memory it needs on top", ours=grown, at_most=30.0, unit="MB", absolute=True)


def origin_of(run: Run) -> Origin:
    """Somebody made the log at some time."""
    return Origin(operator="bench", machine="bench", version="0", written=run.basis.created)


def export(run: Run, target: Path) -> Path:
    """As the program exports."""
    return write_workbook(target, sheets(run, [], origin_of(run)), run.basis.created)


def bare(run: Run, target: Path) -> None:
    """The same sheets, cell by cell; the values are taken from the run as they are needed for the program's export."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for sheet in sheets(run, [], origin_of(run)):
        _bare_sheet(book, sheet)
    book.save(target)


def _bare_sheet(book: Any, sheet: Sheet) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(sheet.name)
    page.freeze_panes = "A2"
    count = len(sheet.columns[0].values)
    page.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{count + 1}"
    bold = Font(bold=True)
    head = []
    for column in sheet.columns:
        cell = WriteOnlyCell(page, value=column.title)
        cell.font = bold
        head.append(cell)
    page.append(head)
    fills = {status: PatternFill("solid", fgColor=color) for status, color in _FILLS.items()}
    wrapped = Alignment(wrap_text=True, vertical="top")
    status: Sequence[str | None] = sheet.status or [None] * count
    for name, *values in zip(status, *(column.values for column in sheet.columns), strict=True):
        row = []
        for column, value in zip(sheet.columns, values, strict=True):
            cell = WriteOnlyCell(page, value=_plain(column.cell, value))
            if column.cell in _FORMATS:
                cell.number_format = _FORMATS[column.cell]
            if column.cell is Cell.LONG_TEXT:
                cell.alignment = wrapped
            if name in fills:
                cell.fill = fills[name]
            row.append(cell)
        page.append(row)


def _plain(kind: Cell, value: Any) -> Any:
    if value is None:
        return None
    if kind in (Cell.QUANTITY, Cell.MONEY):
        return value / 10_000
    if kind is Cell.TIME:
        return value.replace(tzinfo=None)
    return value


def timed_export(run: Run) -> float:
    """Seconds of one export into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        export(run, Path(folder, "log.xlsx"))
        return time.perf_counter() - start
