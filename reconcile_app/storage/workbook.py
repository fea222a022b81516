"""The Excel log: sheets of plain values become typed cells in a file.

The workbook is a rendering and can be made again at any time. It is written beside its target and renamed, so that a full disk or a
crash never leaves half a file; the same data gives the same bytes.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from reconcile_app.core.errors import DiskFull, StorageError
from reconcile_app.core.sheet import Cell, Sheet, SheetColumn

if TYPE_CHECKING:
    from openpyxl import Workbook

LONGEST_TEXT = 32_767
_CUT_MARK = " … (cut)"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_WIDTHS = {
    Cell.TEXT: 18,
    Cell.LONG_TEXT: 60,
    Cell.QUANTITY: 12,
    Cell.MONEY: 14,
    Cell.DATE: 12,
    Cell.TIME: 18,
    Cell.COUNT: 12,
    Cell.MARK: 4,
}
_FORMATS = {
    Cell.QUANTITY: "#,##0.####",
    Cell.MONEY: "#,##0.00",
    Cell.DATE: "yyyy-mm-dd",
    Cell.TIME: "yyyy-mm-dd hh:mm:ss",
    Cell.COUNT: "#,##0",
}
_FILLS = {
    "raise": ("B35900", "FFF1E0"),
    "lower": ("0B5CAD", "E6F1FC"),
    "add": ("1B7F3B", "E5F5EA"),
    "zero": ("9C1F6E", "FBE7F3"),
    "blocked": ("6A35B8", "F0E9FB"),
    "missing": ("6A35B8", "F0E9FB"),
    "psa_only": ("6A35B8", "F0E9FB"),
    "unknown": ("5B6470", "ECEFF2"),
    "ignored": ("5B6470", "F5F6F7"),
}
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def write_workbook(target: Path, sheets: Sequence[Sheet], written: datetime) -> Path:
    """Write the sheets and return the path they really got.

    Where the target is open in another program or may not be replaced, the log gets the next free name beside it.

    Raises:
        DiskFull: no room; nothing was left behind.
        StorageError: the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".reconcile-", suffix=".xlsx", dir=target.parent)
    except OSError as error:
        raise _translated(error, target) from error
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            _save(_workbook(sheets, written), stream)
            stream.flush()
            os.fsync(stream.fileno())
        return _rename(beside, target)
    except OSError as error:
        raise _translated(error, target) from error
    finally:
        beside.unlink(missing_ok=True)


def clean_text(text: str) -> str:
    """Text as a workbook can hold it: NFC, without control characters and lone surrogates, cut with a visible mark."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - len(_CUT_MARK)] + _CUT_MARK
    return text


def _translated(error: OSError, target: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            "The Excel log could not be written.",
            f"The disk that holds {target.parent} is full.",
            meaning="The run and the journal are untouched; nothing was lost.",
            next_step="Free some room, or export to another disk.",
        )
    return StorageError(
        "The Excel log could not be written.",
        f"{target.parent}: {error.strerror or error}.",
        meaning="The run and the journal are untouched; nothing was lost.",
        next_step="Export to another folder.",
    )


def _rename(beside: Path, target: Path) -> Path:
    for candidate in _names(target):
        if candidate is not target and candidate.exists():
            continue
        try:
            beside.replace(candidate)
        except PermissionError:
            continue  # open in another program, which Windows reports like this
        except IsADirectoryError:
            continue
        return candidate
    raise PermissionError(errno.EACCES, "no free name beside it", str(target))


def _names(target: Path) -> Iterator[Path]:
    yield target
    for number in range(2, 100):
        yield target.with_name(f"{target.stem} ({number}){target.suffix}")


def _workbook(sheets: Sequence[Sheet], written: datetime) -> Workbook:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    stamp = written.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    book.properties.creator = "Reconcile"
    book.properties.created = stamp
    book.properties.modified = stamp
    for sheet in sheets:
        _write_sheet(book, sheet)
    return book


def _write_sheet(book: Workbook, sheet: Sheet) -> None:
    from openpyxl.utils import get_column_letter

    page: Any = book.create_sheet(sheet.name)
    page.freeze_panes = "A2"
    for number, column in enumerate(sheet.columns, start=1):
        page.column_dimensions[get_column_letter(number)].width = _WIDTHS[column.cell]
    count = len(sheet.columns[0].values)
    page.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{count + 1}"
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_title_rows = "1:1"
    page.append(_header(page, sheet.columns))
    for row in _rows(page, sheet):
        page.append(row)
    page.close()


def _header(page: Any, columns: Sequence[SheetColumn]) -> list[Any]:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill

    cells = []
    for column in columns:
        cell = WriteOnlyCell(page, value=column.title or None)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="33415C")
        cell.alignment = Alignment(vertical="center", wrap_text=True)
        cells.append(cell)
    return cells


def _rows(page: Any, sheet: Sheet) -> Iterator[list[Any]]:
    """Rows of cells. One cell object per column and status serves every row: openpyxl writes a row before it asks for the next."""
    writers = [_writer(column.cell) for column in sheet.columns]
    templates: dict[str | None, list[Any]] = {}
    status = sheet.status or [None] * len(sheet.columns[0].values)
    for name, *values in zip(status, *(column.values for column in sheet.columns), strict=True):
        if name not in templates:
            templates[name] = [_template(page, column.cell, name) for column in sheet.columns]
        cells = templates[name]
        for cell, write, value in zip(cells, writers, values, strict=True):
            write(cell, value)
        yield cells


def _template(page: Any, kind: Cell, status: str | None) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill

    cell = WriteOnlyCell(page)
    if kind in _FORMATS:
        cell.number_format = _FORMATS[kind]
    if kind is Cell.LONG_TEXT:
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    if status in _FILLS:
        color, fill = _FILLS[status]
        cell.fill = PatternFill("solid", fgColor=fill)
        if kind is Cell.MARK:
            cell.font = Font(bold=True, color=color)
    return cell


# openpyxl guesses a cell's type from its value and takes text that starts with "=" for a formula. The type is known here, so it is
# set beside the value, which is both safe and quicker.
def _write_text(cell: Any, value: str | None) -> None:
    cell._value = None if value is None else clean_text(value)
    cell.data_type = "n" if value is None else "s"


def _write_scaled(cell: Any, value: int | None) -> None:
    cell._value = None if value is None else (value // 10_000 if value % 10_000 == 0 else value / 10_000)
    cell.data_type = "n"


def _write_count(cell: Any, value: int | None) -> None:
    cell._value = value
    cell.data_type = "n"


def _write_date(cell: Any, value: date | None) -> None:
    cell._value = value
    cell.data_type = "n" if value is None else "d"


def _write_time(cell: Any, value: datetime | None) -> None:
    cell._value = None if value is None else value.astimezone(UTC).replace(tzinfo=None)
    cell.data_type = "n" if value is None else "d"


def _writer(kind: Cell) -> Callable[[Any, Any], None]:
    writers: dict[Cell, Callable[[Any, Any], None]] = {
        Cell.QUANTITY: _write_scaled,
        Cell.MONEY: _write_scaled,
        Cell.COUNT: _write_count,
        Cell.DATE: _write_date,
        Cell.TIME: _write_time,
    }
    return writers.get(kind, _write_text)


class _SteadyZip(zipfile.ZipFile):
    """A zip whose members carry a fixed time, so that the same workbook is the same bytes."""

    def writestr(
        self, zinfo_or_arcname: Any, data: Any, compress_type: int | None = None, compresslevel: int | None = None
    ) -> None:
        name = zinfo_or_arcname.filename if isinstance(zinfo_or_arcname, zipfile.ZipInfo) else zinfo_or_arcname
        super().writestr(_member(name), data, zipfile.ZIP_DEFLATED, compresslevel)

    def write(self, filename: Any, arcname: Any = None, compress_type: int | None = None, compresslevel: int | None = None) -> None:
        with Path(filename).open("rb") as source, self.open(_member(str(arcname or filename)), "w", force_zip64=True) as member:
            while chunk := source.read(1 << 20):
                member.write(chunk)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _FIXED_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def _save(book: Workbook, stream: IO[bytes]) -> None:
    from openpyxl.writer.excel import ExcelWriter

    try:
        with _SteadyZip(stream, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            ExcelWriter(book, archive).write_data()
    finally:
        for page in cast("list[Any]", book.worksheets):
            Path(page._writer.out).unlink(missing_ok=True)
