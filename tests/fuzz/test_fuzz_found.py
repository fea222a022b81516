"""What the fuzzing has found, each as a test of its own."""

import hashlib
import json
import sqlite3
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile_app.connectors.atria.answers import read_parameters
from reconcile_app.connectors.atria.invoice import read_invoice
from reconcile_app.connectors.atria.names import SUMMARY
from reconcile_app.connectors.atria.records import text_table
from reconcile_app.connectors.autotask import Autotask
from reconcile_app.connectors.autotask.wire import Company, Service, UnitRow, read_page
from reconcile_app.core.amounts import AmountError, parse_money, parse_quantity
from reconcile_app.core.errors import AnswerUnreadable, JournalDamaged, StorageError
from reconcile_app.storage.journal import open_journal
from reconcile_app.storage.snapshots import Snapshots
from reconcile_app.storage.window_state import WindowState
from tests.fakes.autotask_changes import a_change, tenant
from tests.fakes.autotask_world import ZONE, AutotaskWorld, connection, context, on, reply
from tests.fakes.clock import VirtualClock
from tests.fakes.journal_records import op_record, run_record
from tests.fakes.snapshot_basis import snapshot_basis
from tests.fuzz.oddities import NUMBERS

AT = date(2026, 11, 26)
BEYOND_DECIMALS = "1e99999999999999999999"


def page(rows: list[dict[str, Any]], **details: Any) -> bytes:
    return json.dumps({"items": rows, "pageDetails": {"count": len(rows), "nextPageUrl": None, **details}}).encode()


def autotask(world: AutotaskWorld) -> Autotask:
    return Autotask(connection(base_url=ZONE), context()[0], client=world.client)


# Numbers beyond what decimals can hold: the first catch, and the reason for all of this.


@pytest.mark.parametrize("text", [*NUMBERS, BEYOND_DECIMALS, f"-{BEYOND_DECIMALS}", BEYOND_DECIMALS.replace("e", "e-")])
def test_no_number_raises_what_decimals_raise(text: str) -> None:
    for parse in (parse_quantity, parse_money):
        with suppress(AmountError):  # and not InvalidOperation
            assert type(parse(text)) is int


def test_a_page_with_a_number_beyond_decimals_is_refused_or_loses_that_row() -> None:
    content = page([{"id": 1, "name": "x", "unitPrice": "PRICE"}]).replace(b'"PRICE"', BEYOND_DECIMALS.encode())
    read = read_page(content, Service, "Services/query")
    assert len(read.faults) == 1
    with pytest.raises(AnswerUnreadable):
        read_page(page([]).replace(b'"count": 0', f'"count": {BEYOND_DECIMALS}'.encode()), Service, "Services/query")


# Autotask


async def test_a_time_without_its_zone_compares_with_one_that_has_it() -> None:
    world = tenant()
    for number, row in enumerate(world.tables["ContractServiceUnits"]):
        row["startDate"] = row["startDate"].rstrip("Z") + ("Z" if number % 2 else "")
    first = world.tables["ContractServiceUnits"][0]
    world.tables["ContractServiceUnits"].append(first | {"id": 99, "startDate": first["startDate"] + "Z", "units": first["units"]})
    lines = await autotask(world).lines(["5"], AT)
    assert lines.complete
    assert lines.frame["quantity"].notna().any()


@pytest.mark.parametrize("field", ["id", "contractID", "contractServiceID", "serviceID"])
def test_an_id_beyond_all_ids_is_no_id(field: str) -> None:
    row = {
        "id": 1,
        "contractID": 2,
        "contractServiceID": 3,
        "serviceID": 4,
        "startDate": "2026-11-26",
        "endDate": "2026-12-25",
        "units": 5,
        "approveAndPostDate": None,
    }
    read = read_page(page([row | {field: 10**38}]), UnitRow, "ContractServiceUnits/query")
    assert [fault.reason for fault in read.faults] == [f"Field {field} is {10**38}."]


def test_a_page_that_does_not_say_whether_another_follows_is_refused() -> None:
    content = json.dumps({"items": [], "pageDetails": {"count": 0}}).encode()
    with pytest.raises(AnswerUnreadable, match="nextPageUrl missing"):
        read_page(content, Company, "Companies/query")
    shouted = json.dumps({"items": [], "pageDetails": {"count": 0, "NEXTPAGEURL": f"{ZONE}/next"}}).encode()
    assert read_page(shouted, Company, "Companies/query").next_url == f"{ZONE}/next"


def test_a_key_that_took_the_place_of_another_one_is_found() -> None:
    rows = [{"id": number, "companyName": "x", "companyNumber": "", "isActive": True} for number in (1, 2)]
    content = page(rows).replace(b'"companyNumber": "", "isActive": true}]', b'"id": 7, "isActive": true}]')
    with pytest.raises(AnswerUnreadable, match="id stands there twice"):
        read_page(content, Company, "Companies/query")


async def test_rows_that_nobody_asked_for_leave_what_was_asked_for_unread() -> None:
    world = tenant()
    row = world.tables["ContractServiceUnits"][0]
    world.faults.append(on("ContractServiceUnits/query", reply(json.loads(page([row | {"contractID": 44}])))))
    lines = await autotask(world).lines([str(row["contractID"])], AT)
    assert not lines.complete
    assert "not asked for" in lines.error


async def test_unknown_units_of_a_row_that_is_only_evidence_are_not_zero() -> None:
    world = tenant()
    before = dict(world.tables["ContractServiceUnits"][0])
    before |= {"id": 77, "startDate": "2026-10-26T00:00:00Z", "endDate": "2026-11-25T00:00:00Z", "units": None}
    world.tables["ContractServiceUnits"].append(before)
    with pytest.raises(AnswerUnreadable, match="Unit row 77 holds no whole number"):
        await autotask(world).read_line(a_change())


@pytest.mark.parametrize("allowed", [10**400, -5, 1.5, "10000"])
async def test_a_call_allowance_that_nobody_has_is_none(allowed: object) -> None:
    world = AutotaskWorld()
    told = {"externalRequestThreshold": allowed, "requestThresholdTimeframe": 60, "currentTimeframeRequestCount": 1}
    world.faults.append(on("ThresholdInformation", reply(told)))
    assert await autotask(world).budget() is None


async def test_an_allowance_said_twice_is_none() -> None:
    twice = b'"externalRequestThreshold":1,"externalRequestThreshold":2'
    content = b"{" + twice + b',"requestThresholdTimeframe":3,"currentTimeframeRequestCount":4}'
    world = AutotaskWorld()
    world.faults.append(
        on("ThresholdInformation", httpx.Response(200, headers={"Content-Type": "application/json"}, content=content))
    )
    assert await autotask(world).budget() is None


# Atria

RECORD = {"customerCode": "ASP", "sku": "127", "lineDescription": "x", "quantity": 1}


def test_another_spelling_in_one_record_takes_nothing_from_the_others() -> None:
    other = {("SKU" if name == "sku" else name): value for name, value in RECORD.items()}
    read = read_invoice(json.dumps([RECORD, other, RECORD]).encode(), "invoice")
    assert read.complete
    assert read.frame["sku"].tolist() == ["127"] * 3


@pytest.mark.parametrize("again", ["customerCode", "Customer_Code", "CUSTOMERCODE"])
def test_a_record_that_names_its_customer_twice_is_nobodys(again: str) -> None:
    doubled = json.dumps(RECORD).replace('"lineDescription"', f'"{again}"')
    gap = json.dumps({"lineDescription": "y", **RECORD}).replace('"customerCode"', '"lineDescription"')
    for records in ([doubled], [doubled, json.dumps(RECORD)], [doubled, gap]):
        read = read_invoice(f"[{', '.join(records)}]".encode(), "invoice")
        assert not read.complete
        assert "x" not in read.frame["customer_code"].tolist()
        assert len(read.frame) + len(read.rejected) == len(records)


def test_an_envelope_with_two_lists_of_one_name_is_refused() -> None:
    content = b'{"value": [{"customerCode": "ASP"}], "value": []}'
    with pytest.raises(AnswerUnreadable, match="twice"):
        read_invoice(content, "invoice")
    with pytest.raises(AnswerUnreadable, match="twice"):
        text_table(content, SUMMARY)
    with pytest.raises(AnswerUnreadable, match="twice"):
        read_parameters(b'{"billingPeriods": [], "customers": [], "billingPeriods": []}')


# Files


async def test_a_journal_that_was_cut_off_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    path.parent.mkdir()
    path.write_bytes(b"S")
    with pytest.raises(JournalDamaged, match="cut off"):
        await open_journal(path, VirtualClock())
    assert path.read_bytes() == b"S"


async def damaged_journal(path: Path, was: bytes, now: bytes) -> None:
    """A journal with two ops, and then other bytes in its file."""
    opened = await open_journal(path, VirtualClock())
    await opened.begin(run_record(), [op_record(), op_record("op-2", seq=2, line_id="8002")])
    await opened.aclose()
    content = path.read_bytes()
    assert content.count(was) >= 1
    at = content.rindex(was)
    path.write_bytes(content[:at] + now + content[at + len(was) :])


async def test_an_index_that_hides_a_change_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await damaged_journal(path, b"RCJL", b"RCJL")
    with sqlite3.connect(path) as db:
        root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name='sqlite_autoindex_op_2'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    db.close()
    content = bytearray(path.read_bytes())
    start = (root - 1) * size
    at = content.index(b"20261126-081500-aaaaaa", start, start + size)
    content[at] ^= 4
    path.write_bytes(bytes(content))
    with pytest.raises(JournalDamaged):
        await open_journal(path, VirtualClock())


async def test_a_table_that_sqlite_cannot_even_quote_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await damaged_journal(path, b"run_kept BEFORE", b"run_kept B\xc5FORE")
    with pytest.raises(JournalDamaged):
        await open_journal(path, VirtualClock())


async def test_a_time_that_is_none_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    opened = await open_journal(path, VirtualClock())
    await opened.begin(run_record(), [op_record()])
    await opened.arm("op-1", {})
    await opened.aclose()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE op SET updated_utc='2026-11-2x'")
    db.close()
    opened = await open_journal(path, VirtualClock())
    with pytest.raises(JournalDamaged):
        await opened.unfinished()
    await opened.aclose()


def test_a_saved_run_whose_text_is_none_is_damaged(tmp_path: Path) -> None:
    basis = snapshot_basis(2)
    Snapshots(tmp_path).save(basis)
    meta = tmp_path / basis.run_id / "meta"
    body = meta.read_bytes()[32:].replace(b"current", b"cu\xf2rent")
    meta.write_bytes(hashlib.sha256(body).digest() + body)
    with pytest.raises(StorageError, match="damaged"):
        Snapshots(tmp_path).load(basis.run_id)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN"])
def test_a_window_state_that_could_not_be_saved_again_is_not_taken(tmp_path: Path, number: str) -> None:
    path = tmp_path / "window.json"
    path.write_text(f'{{"width": [{number}]}}')
    assert WindowState(path).load() == {}
