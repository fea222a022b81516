"""Decisions are read back from an Excel log, and nothing else is taken for one."""

import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from reconcile_app.core.decisions import change_targets
from reconcile_app.core.errors import StorageError, WrongUse
from reconcile_app.core.sheet import Origin
from reconcile_app.core.sheets import sheets
from reconcile_app.storage import decision_sheet
from reconcile_app.storage.decision_sheet import read_decisions
from reconcile_app.storage.workbook import write_workbook
from tests.fakes.sample_run import sample_run

AT = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
RUN = sample_run()
TITLES = ["After", "Decision", "Row key", "Checksum"]
ROW = [12, "push", "ASP/1/2", "c0ffee"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    origin = Origin(operator="Ada", machine="desk-1", version="1.2", written=AT)
    return write_workbook(tmp_path / "log.xlsx", sheets(RUN, (), origin), AT)


def made(tmp_path: Path, *rows: list[Any], titles: list[str] | None = None, name: str = "Changes") -> Path:
    book = Workbook()
    page = book.active
    page.title = name
    for row in (TITLES if titles is None else titles, *rows):
        page.append(row)
    book.save(tmp_path / "made.xlsx")
    return tmp_path / "made.xlsx"


def repacked(log: Path, change: Callable[[str, bytes], bytes] = lambda name, data: data, **more: bytes) -> Path:
    """The same workbook with changed or additional parts, as no spreadsheet program would write it."""
    path = log.with_name("repacked.xlsx")
    with zipfile.ZipFile(log) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
        for name, data in more.items():
            target.writestr(name, data)
    return path


def test_what_was_exported_is_read_back(log: Path) -> None:
    told = read_decisions(log)
    ticked = dict(zip(RUN.rows["key"], RUN.rows["selected"], strict=True))
    assert told.targets == change_targets(RUN)
    assert told.decisions == {key: ticked[key] for key in told.targets}
    assert len(told.checksum) == 16


def test_an_edited_and_sorted_sheet_keeps_its_meaning(log: Path) -> None:
    before = read_decisions(log)
    book = load_workbook(log)
    page = book["Changes"]
    titles = [cell.value for cell in page[1]]
    rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=2)]
    decision = titles.index("Decision")
    rows[0][decision] = {"push": " Leave ", "leave": "PUSH"}[rows[0][decision]]
    page.delete_rows(2, len(rows))
    for row in reversed(rows):
        page.append([*row[1:], row[0]])
    for number, title in enumerate([*titles[1:], titles[0]], start=1):
        page.cell(1, number).value = title
    book.save(log)
    after = read_decisions(log)
    key = rows[0][titles.index("Row key")]
    assert after.decisions == before.decisions | {key: not before.decisions[key]}
    assert (after.targets, after.checksum) == (before.targets, before.checksum)


def test_rows_of_earlier_pushes_and_empty_rows_take_no_part(tmp_path: Path) -> None:
    path = made(tmp_path, [3.5, "leave", "A/1/2", "c0ffee"], [], [7, None, "A/1/2", None])
    told = read_decisions(path)
    assert (told.decisions, told.targets) == ({"A/1/2": False}, {"A/1/2": 35_000})


@pytest.mark.parametrize(("rows", "words"), [
    ([ROW, [1, "maybe", "B/1/2", "c0ffee"]], "Row 3 .*'maybe'.* neither push nor leave"),
    ([[1, None, "B/1/2", "c0ffee"]], "Row 2 .*'nothing'"),
    ([[1, 1, "B/1/2", "c0ffee"]], "Row 2 .*'1'"),
    ([[1, "push", "B/1/2", None]], "Row 2 .* no row key or no checksum"),
    ([[1, "push", None, "c0ffee"]], "Row 2 .* no row key or no checksum"),
    ([ROW, ROW], "Row 3 .* repeats the row key ASP/1/2"),
    ([["12", "push", "B/1/2", "c0ffee"]], "Row 2 .* no number in the column After"),
    ([[True, "push", "B/1/2", "c0ffee"]], "Row 2 .* no number in the column After"),
    ([ROW, [1, "push", "B/1/2", "decaf"]], "more than one comparison"),
    ([], "holds no change"),
])
def test_a_row_that_cannot_be_taken_is_named(tmp_path: Path, rows: list[list[Any]], words: str) -> None:
    with pytest.raises(WrongUse, match=words) as told:
        read_decisions(made(tmp_path, *rows))
    assert told.value.meaning == "No tick was changed and nothing was sent."
    assert told.value.next_step


def test_another_workbook_is_no_log_of_ours(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no Excel log of this program\. It has no sheet Changes"):
        read_decisions(made(tmp_path, ROW, name="Budget"))
    with pytest.raises(WrongUse, match=r"no Excel log of this program\. .* no column Checksum"):
        read_decisions(made(tmp_path, ROW, titles=TITLES[:3]))
    with pytest.raises(WrongUse, match="no column After"):
        read_decisions(made(tmp_path, titles=[]))


@pytest.mark.parametrize("name", ["log.xlsm", "log.xls", "log.xlsb", "log.csv", "log"])
def test_only_xlsx_is_read(log: Path, name: str) -> None:
    with pytest.raises(WrongUse, match=r"no \.xlsx file"):
        read_decisions(log.rename(log.with_name(name)))


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xlsx", tmp_path / "folder.xlsx"):
        if path.stem == "folder":
            path.mkdir()
        with pytest.raises(StorageError, match="no such file"):
            read_decisions(path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a file that this user may not read")
def test_what_may_not_be_read(log: Path) -> None:
    log.chmod(0)
    with pytest.raises(StorageError, match="Permission denied"):
        read_decisions(log)


@pytest.mark.parametrize("content", [b"", b"PK", b"\xd0\xcf\x11\xe0" * 300, b"key;decision\n" * 90])
def test_what_is_no_workbook(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.xlsx"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"no \.xlsx workbook"):
        read_decisions(path)


def test_a_log_that_is_cut_or_torn_is_damaged_or_read_as_it_was(log: Path) -> None:
    whole, before = log.read_bytes(), read_decisions(log)
    refused = 0
    for start in range(0, len(whole) - 64, max(1, len(whole) // 150)):
        log.write_bytes(whole[:start] + b"\xa5" * 64 + whole[start + 64 :])
        try:
            told = read_decisions(log)
        except (StorageError, WrongUse):
            refused += 1
        else:
            assert told == before
    assert refused > 50
    for cut in (10, len(whole) // 2, len(whole) - 5):
        log.write_bytes(whole[:cut])
        with pytest.raises(StorageError):
            read_decisions(log)


def test_a_sheet_that_is_no_xml_is_damage(log: Path) -> None:
    path = repacked(log, lambda name, data: data[: len(data) // 2] if name.endswith("sheet3.xml") else data)
    with pytest.raises(StorageError, match="damaged"):
        read_decisions(path)


def test_entities_are_refused_not_expanded(log: Path) -> None:
    def bomb(name: str, data: bytes) -> bytes:
        if not name.endswith("sheet3.xml"):
            return data
        entities = b"".join(b'<!ENTITY e%d "%s">' % (n + 1, b"&e%d;" % n * 10) for n in range(9))
        return b'<!DOCTYPE x [<!ENTITY e0 "ha">' + entities + b"]>" + data[data.index(b"<worksheet") :]

    with pytest.raises(StorageError, match="damaged"):
        read_decisions(repacked(log, bomb))


def test_without_the_guard_nothing_is_opened(log: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from reconcile_app.storage.decision_sheet import read_decisions; "
        "read_decisions(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(log)], capture_output=True, text=True, check=False,
        env={**os.environ, "OPENPYXL_DEFUSEDXML": "False"},
    )
    assert "defusedxml) is not in use" in done.stderr


def test_a_file_larger_than_a_log_can_be(log: Path) -> None:
    with log.open("ab") as file:
        file.truncate(decision_sheet.LARGEST_FILE + 1)
    with pytest.raises(StorageError, match="more than 20 MB"):
        read_decisions(log)


def test_a_part_that_unpacks_to_too_much(log: Path) -> None:
    with pytest.raises(StorageError, match="more than 100 times its size"):
        read_decisions(repacked(log, **{"xl/more.xml": b" " * 2**21}))
    fine = repacked(log, **{"xl/more.xml": b" " * 2**19})
    assert read_decisions(fine).decisions


def test_parts_that_unpack_to_too_much_together(log: Path) -> None:
    part = random.Random(4711).randbytes(90_000) + bytes(6_600_000)  # about 70 times its packed size
    path = repacked(log, **{f"xl/{number}.xml": part for number in range(32)})
    assert path.stat().st_size < decision_sheet.LARGEST_FILE
    with pytest.raises(StorageError, match="more than 200 MB or 2,000 parts"):
        read_decisions(path)


def test_too_many_parts(log: Path) -> None:
    many = {f"xl/{number}.xml": b"" for number in range(decision_sheet.MOST_MEMBERS)}
    with pytest.raises(StorageError, match="2,000 parts"):
        read_decisions(repacked(log, **many))


@pytest.mark.parametrize("name", ["../up.xml", "/etc/x.xml", "C:/x.xml", "xl\\..\\x.xml", "xl/embeddings/inner.XLSX", "a.zip"])
def test_parts_that_do_not_belong_into_a_log(log: Path, name: str) -> None:
    with pytest.raises(WrongUse, match="do not belong"):
        read_decisions(repacked(log, **{name: b"x"}))


def test_macros_under_another_name_are_refused(log: Path) -> None:
    with pytest.raises(WrongUse, match="macros"):
        read_decisions(repacked(log, **{"xl/vbaProject.bin": b"x"}))


def test_more_rows_than_a_log_can_have(log: Path) -> None:
    def far(name: str, data: bytes) -> bytes:
        row = b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>x</t></is></c></row>'
        return data.replace(b"</sheetData>", row + b"</sheetData>") if name.endswith("sheet3.xml") else data

    with pytest.raises(StorageError, match="more than 200,000 rows"):
        read_decisions(repacked(log, far))


def test_more_columns_than_a_log_can_have(tmp_path: Path) -> None:
    titles = [f"T{number}" for number in range(decision_sheet.MOST_COLUMNS + 1)]
    with pytest.raises(StorageError, match="more than 200 columns"):
        read_decisions(made(tmp_path, titles=titles))
