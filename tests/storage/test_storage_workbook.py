"""The workbook: typed cells, text that stays text, whole files or none."""

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from reconcile_app.core.errors import DiskFull, StorageError
from reconcile_app.core.sheet import Cell, Sheet, SheetColumn
from reconcile_app.storage import workbook
from reconcile_app.storage.workbook import LONGEST_TEXT, clean_text, write_workbook

WRITTEN = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)


def one_sheet(*columns: tuple[str, Cell, list[Any]], status: tuple[str | None, ...] = ()) -> Sheet:
    return Sheet(name="Changes", status=status, columns=tuple(SheetColumn(title=t, cell=c, values=v) for t, c, v in columns))


def test_quantities_money_dates_and_times_are_real_cells(tmp_path: Path) -> None:
    sheet = one_sheet(
        ("", Cell.MARK, ["▲", None]),
        ("Quantity", Cell.QUANTITY, [125_000, None]),
        ("Money", Cell.MONEY, [-95_000, 0]),
        ("Day", Cell.DATE, [date(2026, 11, 26), None]),
        ("At", Cell.TIME, [WRITTEN, None]),
        ("Count", Cell.COUNT, [3, None]),
        ("Text", Cell.TEXT, ["Birch Ltd", None]),
        status=("raise", None),
    )
    path = write_workbook(tmp_path / "log.xlsx", [sheet], WRITTEN)
    page = load_workbook(path)["Changes"]
    assert [cell.value for cell in page[2]] == [
        "▲",
        12.5,
        -9.5,
        datetime(2026, 11, 26),
        datetime(2026, 11, 26, 8, 15),
        3,
        "Birch Ltd",
    ]
    assert page["C2"].number_format == "#,##0.00"
    assert page["B2"].fill.fgColor.rgb == "00FFF1E0"
    assert page["B3"].fill.fgColor.rgb == "00000000"
    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == "A1:G3"
    assert page.print_title_rows == "$1:$1"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", '=HYPERLINK("http://x")', "12"])
def test_text_stays_text(tmp_path: Path, text: str) -> None:
    path = write_workbook(tmp_path / "log.xlsx", [one_sheet(("Text", Cell.TEXT, [text]))], WRITTEN)
    cell = load_workbook(path)["Changes"]["A2"]
    assert cell.data_type == "s"
    assert cell.value == text
    assert all(b"<f>" not in zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist())


@pytest.mark.parametrize(
    ("received", "kept"),
    [("a\x00b", "a\ufffdb"), ("\ud800", "\ufffd"), ("\ufffe", "\ufffd"), ("e\u0301", "é"), ("x\ny", "x\ny"), ("plain", "plain")],
)
def test_odd_text_becomes_what_a_workbook_can_hold(received: str, kept: str) -> None:
    assert clean_text(received) == kept


def test_text_beyond_the_limit_is_cut_visibly(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "log.xlsx", [one_sheet(("Text", Cell.LONG_TEXT, ["x" * 100_000]))], WRITTEN)
    text = CalamineWorkbook.from_path(path).get_sheet_by_name("Changes").to_python()[1][0]
    assert len(text) == LONGEST_TEXT
    assert text.endswith("(cut)")


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    sheet = one_sheet(("Text", Cell.TEXT, ["a", "b"]), ("Quantity", Cell.QUANTITY, [1, 2]))
    first = write_workbook(tmp_path / "1.xlsx", [sheet], WRITTEN).read_bytes()
    second = write_workbook(tmp_path / "2.xlsx", [sheet], WRITTEN).read_bytes()
    assert first == second


@pytest.mark.fault("F-56")
def test_a_log_that_is_open_elsewhere_gets_another_name(tmp_path: Path) -> None:
    target = tmp_path / "log.xlsx"
    target.mkdir()  # cannot be replaced by a file, as a file that another program holds open cannot
    path = write_workbook(target, [one_sheet(("Text", Cell.TEXT, ["a"]))], WRITTEN)
    assert path == tmp_path / "log (2).xlsx"
    assert load_workbook(path)["Changes"]["A2"].value == "a"
    again = write_workbook(target, [one_sheet(("Text", Cell.TEXT, ["b"]))], WRITTEN)
    assert again == tmp_path / "log (3).xlsx"


def test_a_folder_that_cannot_be_made_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as told:
        write_workbook(tmp_path / "file" / "log.xlsx", [one_sheet(("Text", Cell.TEXT, ["a"]))], WRITTEN)
    assert "nothing was lost" in str(told.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as refused, Path("/dev/full").open("wb", buffering=0) as full:
        workbook._save(workbook._workbook([one_sheet(("Text", Cell.TEXT, ["a"]))], WRITTEN), full)
    told = workbook._translated(refused.value, tmp_path / "log.xlsx")
    assert isinstance(told, DiskFull)
    assert "nothing was lost" in str(told)
