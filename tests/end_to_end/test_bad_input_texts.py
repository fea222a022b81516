"""Odd and huge texts from both systems: shown, kept, searched and exported as the text they are."""

import json
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from reconcile_app.core.basis import Run
from tests.end_to_end.desk_fixture import Bench, row_of, rows_of, told, two_customers
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

INVOICE = "2026-11-25/invoice"
TEXTS = {
    "formula": "=1+1",
    "command": "=cmd|'/C calc'!A0",
    "plus": "+1-555",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "markup": "<b>bold</b> & <img src=x>",
    "right to left": "invoice\u202egpj.exe",
    "nothing visible": "a\u200b\ufeffb",
    "emoji": "Mail 📧🏽",
    "combining": "e\u0301te\u0301",
    "NUL and bell": "a\x00b\x07c",
    "lines": "first\r\nsecond\tthird",
    "escape": "\x1b[31mred\x1b[0m",
    "braces": "{customer_name} %s %(x)s {0}",
    "quotes": 'O\'Brien "Bob" \\ ; -- DROP TABLE',
    "huge": "long " * 20_000,
}
"""What customers and products may be called; the last one has 100,000 characters."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def record(code: str, **fields: Any) -> dict[str, Any]:
    """A record of the invoice as this Atria writes it."""
    identifier = {"ONE": "174", "TWO": "175"}[code]
    usual = {"customerCode": code, "customerName": f"{code.title()} Ltd", "customerAccountCode": identifier, "sku": "601"}
    return {**usual, "lineDescription": "Mail", "quantity": 3.0, **fields}


def billed(bench: Bench, *records: dict[str, Any]) -> None:
    """Let Atria bill customer ONE and these records."""
    body = json.dumps([record("ONE"), *records])
    bench.control("atria", "clear-faults")
    bench.control("atria", "faults", kind="status", status=200, path=INVOICE, body=body)


def as_in_a_cell(text: str) -> str:
    """What a workbook can hold of a text: NFC, without control characters, cut with a mark."""
    kept = "".join("\ufffd" if ord(c) < 32 and c not in "\t\n\r" else c for c in unicodedata.normalize("NFC", text))
    return kept if len(kept) <= 32_767 else kept[: 32_767 - 8] + " … (cut)"


def check_workbook(path: Path, texts: list[str]) -> None:
    """It opens in two readers, holds no formula and no link, and every text is there as text."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert b"<f>" not in content
            assert b"<f " not in content
            assert b"hyperlink" not in content.lower()
    book = load_workbook(path, read_only=True)
    kinds = {cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    book.close()
    cells = {str(cell) for sheet in CalamineWorkbook.from_path(path).sheet_names for cell in _cells(path, sheet)}
    for text in texts:
        assert as_in_a_cell(text).replace("\r\n", "\n").strip() in {cell.replace("\r\n", "\n").strip() for cell in cells}


def _cells(path: Path, sheet: str) -> list[object]:
    return [cell for row in CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python() for cell in row]


def same(first: Run, second: Run) -> bool:
    return first.rows.equals(second.rows) and first.log.equals(second.log)


@pytest.mark.fault("F-50", "R")
@pytest.mark.fault("F-50", "W")
@pytest.mark.parametrize("name", ["formula", "right to left", "NUL and bell", "braces", "huge"])
async def test_a_line_with_a_strange_description_is_pushed_and_told_as_any_other(bench: Bench, name: str) -> None:
    text = TEXTS[name]
    billed(bench, record("TWO", lineDescription=text))
    run = await bench.compare()
    row = row_of(run, "TWO", "601")
    assert (row["description"], row["status"]) == (text.strip(), "raise")
    # The line is meant by its number, so a strange text is no reason not to write.
    assert (await bench.push(row["key"])).result == "finished"
    assert [(item["before"], item["after"]) for item in bench.ledger()] == [(20_000, 30_000)]
    (entry,) = told(bench.pushed_log, "AT09")
    assert entry.message == (
        f"Two Ltd Quantity Update : Line located for {text.strip()} with Product ID 601 and updated from 2.00 to 3.00"
    )
    check_workbook(await bench.session.export(bench.folder / "log.xlsx"), [text])
    decided = bench.session.run
    bench.open()
    assert decided is not None
    assert same(await bench.session.open_run(run.run_id), decided)


@pytest.mark.fault("F-50", "R")
async def test_descriptions_are_text_everywhere(bench: Bench) -> None:
    skus = {name: str(9_000 + number) for number, name in enumerate(TEXTS)}
    billed(bench, *(record("TWO", sku=skus[name], lineDescription=text) for name, text in TEXTS.items()))
    run = await bench.compare()
    for name, text in TEXTS.items():
        assert row_of(run, "TWO", skus[name])["description"] == text.strip()
        (entry,) = told(run.log, "AT08", "TWO", skus[name])
        assert f"Skipped Line {text.strip()} for Customer Two Ltd" in entry.message
    check_workbook(await bench.session.export(bench.folder / "log.xlsx"), list(TEXTS.values()))
    bench.open()
    assert same(await bench.session.open_run(run.run_id), run)


async def test_odd_skus_match_nothing_and_say_so(bench: Bench) -> None:
    billed(bench, *(record("TWO", sku=text) for text in TEXTS.values()))
    run = await bench.compare()
    messages = {entry.message for entry in told(run.log, "RC10", "TWO")}
    assert messages == {
        f"TWO SKU Not Valid : {text.strip()} is not a whole number as required by ServiceId" for text in TEXTS.values()
    }
    odd = [row for row in rows_of(run, "TWO") if row["sku"] != "601"]
    assert len(odd) == len(TEXTS)
    assert {(row["status"], row["codes"], row["selectable"]) for row in odd} == {("blocked", "RC10", False)}
    check_workbook(await bench.session.export(bench.folder / "log.xlsx"), list(TEXTS.values()))


async def test_odd_codes_and_identifiers_stop_their_customer_and_give_keys_that_can_be_decided_on(bench: Bench) -> None:
    billed(bench, *(record("TWO", customerCode=text, customerAccountCode=f"no {text}") for text in TEXTS.values()))
    run = await bench.compare()
    for text in (text.strip() for text in TEXTS.values()):
        (entry,) = told(run.log, "AT05", text)
        assert f"Customer Number for no {text} Found" in entry.message
        (row,) = rows_of(run, text)
        assert (row["status"], row["selectable"]) == ("blocked", False)
    for name in ("formula", "NUL and bell", "huge"):
        run = await bench.session.mark_waiting(TEXTS[name].strip(), "Billing Identifier")
    assert {entry.message.partition(" Waiting")[0] for entry in told(run.log, "RC11")} == {
        TEXTS[name].strip() for name in ("formula", "NUL and bell", "huge")
    }
    check_workbook(await bench.session.export(bench.folder / "log.xlsx"), list(TEXTS.values()))
    bench.open()
    assert same(await bench.session.open_run(run.run_id), run)


async def test_a_lone_surrogate_is_no_text_and_spoils_the_answer_not_the_program(bench: Bench) -> None:
    billed(bench, record("TWO", lineDescription="broken \ud800 half"))
    run = await bench.compare()
    assert not run.basis.billing.side.complete
    assert set(run.rows["status"]) == {"unknown"}
    assert not run.rows["selectable"].any()
    assert (run.log.loc[run.log["level"] == "Error", "resolution"].str.len() > 20).all()
    check_workbook(await bench.session.export(bench.folder / "log.xlsx"), [])
    bench.open()
    assert same(await bench.session.open_run(run.run_id), run)


async def test_bytes_that_are_no_text_spoil_the_answer_not_the_program(bench: Bench) -> None:
    bench.control("atria", "faults", kind="truncated", path=INVOICE, keep_bytes=40, times=None)
    run = await bench.compare()
    assert set(run.rows["status"]) == {"unknown"}


@pytest.mark.parametrize("name", ["command", "markup", "NUL and bell", "emoji", "huge"])
async def test_odd_texts_of_autotask_are_text_too(bench: Bench, name: str) -> None:
    text = TEXTS[name]
    with AutotaskClient(bench.box) as client:
        services, contracts = client.query("Services", EVERYTHING), client.query("Contracts", EVERYTHING)
    services["items"][0] |= {"name": text, "description": text}
    for contract in contracts["items"]:
        contract["contractName"] = text
    for entity, body in (("Services", services), ("Contracts", contracts)):
        bench.control("autotask", "faults", kind="status", status=200, path=f"/{entity}/query", body=json.dumps(body))
    run = await bench.compare()
    row = row_of(run, "TWO", "601")
    assert (row["status"], row["service_name"].strip(), row["contract_name"].strip()) == ("raise", text.strip(), text.strip())
    check_workbook(await bench.session.export(bench.folder / "log.xlsx"), [text])
    bench.open()
    assert same(await bench.session.open_run(run.run_id), run)
