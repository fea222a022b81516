"""Answers that are not what they should be: each gives a code with a next step, loses nothing, and never becomes a change."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import PlanRefused, ReconcileError
from tests.end_to_end.desk_fixture import Bench, row_of, rows_of, told, two_customers
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

INVOICE = "2026-11-25/invoice"
BEFORE = "2026-10-25/invoice"
Records = list[dict[str, Any]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def record(code: str, **fields: Any) -> dict[str, Any]:
    """A record of the invoice as this Atria writes it."""
    identifier = {"ONE": "174", "TWO": "175"}[code]
    usual = {"customerCode": code, "customerName": f"{code.title()} Ltd", "customerAccountCode": identifier, "sku": "601"}
    return {**usual, "lineDescription": "Mail", "quantity": 3.0, **fields}


def answer(bench: Bench, product: str, path: str, body: str) -> None:
    """Let the next answer to a call be this."""
    bench.control(product, "clear-faults")
    bench.control(product, "faults", kind="status", status=200, path=path, body=body)


def billed(bench: Bench, *records: dict[str, Any]) -> None:
    """Let Atria bill exactly these records."""
    answer(bench, "atria", INVOICE, json.dumps(records))


def in_autotask(bench: Bench, entity: str, mend: Callable[[Records], object]) -> None:
    """Let Autotask's next answer about an entity differ from the truth."""
    with AutotaskClient(bench.box) as client:
        told = client.query(entity, EVERYTHING)
    mend(told["items"])
    answer(bench, "autotask", f"/{entity}/query", json.dumps(told))


async def check_nothing_can_be_pushed(bench: Bench, run: Run, customer: str = "") -> None:
    """No row (of the customer) can be ticked or has a change; a push of it sends nothing."""
    rows = run.rows[(run.rows["customer_code"] == customer).to_numpy(dtype=bool)] if customer else run.rows
    assert len(rows)
    assert not rows["selectable"].any()
    assert not rows["selected"].any()
    assert rows["change"].isna().all()
    with pytest.raises(PlanRefused):
        await bench.push(*rows["key"])
    assert bench.ledger() == []


# whole answers ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["html", "truncated", "not_json", "cut"])
async def test_a_damaged_invoice_makes_the_billing_side_unknown_and_keeps_the_other(bench: Bench, fault: str) -> None:
    bench.control("atria", "faults", kind=fault, path=INVOICE, times=None)
    run = await bench.compare()
    assert not run.basis.billing.side.complete
    assert {"AT23", "AT03"} & set(run.log["code"])
    assert run.basis.psa.side.complete
    assert len(run.basis.psa.lines) == 2
    assert run.rows["billed_quantity"].isna().all()
    assert set(run.rows["status"]) == {"unknown"}
    await check_nothing_can_be_pushed(bench, run)


async def test_a_damaged_invoice_of_the_period_before_takes_nothing_for_removed(bench: Bench) -> None:
    bench.control("atria", "remove", customer="TWO", end="2026-11-10")
    bench.control("atria", "reprocess")
    whole = await bench.compare()
    assert row_of(whole, "TWO", "601")["status"] == "zero"
    bench.control("atria", "faults", kind="html", path=BEFORE, times=None)
    run = await bench.compare()
    assert rows_of(run, "TWO") == []
    assert row_of(run, "ONE", "601")["status"] == "raise"
    assert not run.basis.billing.previous_complete
    assert told(run.log, "AT13") == []
    # Now the line stands in the contract with nobody who says why.
    assert "zero" not in set(run.rows["status"])


@pytest.mark.parametrize("entity", ["Companies", "Contracts", "Services", "ContractServices", "ContractServiceUnits"])
@pytest.mark.parametrize("fault", ["html", "truncated", "not_json", "cut", "status"])
async def test_a_damaged_answer_of_autotask_never_becomes_a_quantity(bench: Bench, entity: str, fault: str) -> None:
    bench.control("autotask", "faults", kind=fault, path=f"/{entity}/query", times=None)
    run = await bench.compare()
    assert not run.basis.psa.side.complete
    assert run.basis.psa.side.error
    assert set(run.rows["status"]) == {"unknown"}
    assert run.rows["difference"].isna().all()
    assert run.basis.billing.side.complete
    assert run.rows["billed_quantity"].tolist() == [30_000, 30_000]
    entries = run.log[(run.log["level"] == "Error").to_numpy(dtype=bool)]
    assert len(entries)
    assert (entries["resolution"].str.len() > 20).all()
    await check_nothing_can_be_pushed(bench, run)


@pytest.mark.parametrize(
    "body",
    [
        *('{"title":"An error"}', "null", "[null]", "[[]]", '"[]"', "[1,2]", '{"data":null}', "", "\ufeff", "[{]"),
        '[{"customerCode":"ONE"}',
    ],
)
async def test_json_of_another_shape_is_not_taken_for_an_empty_invoice(bench: Bench, body: str) -> None:
    answer(bench, "atria", INVOICE, body)
    run = await bench.compare()
    assert not run.basis.billing.side.complete
    assert told(run.log, "AT15") == []
    assert {"AT23", "RC19"} & set(run.log["code"])
    assert set(run.rows["status"]) <= {"unknown"}
    assert not run.rows["selectable"].any()


# fields ----------------------------------------------------------------------------------------------------------------------
async def test_fields_that_nobody_knows_are_left_alone(bench: Bench) -> None:
    billed(bench, record("ONE", margin=0.4, tags=["a"], nested={"a": {"b": 1}}), record("TWO", **{"": "x", "  ": None}))
    run = await bench.compare()
    assert {row["status"] for row in (row_of(run, "ONE", "601"), row_of(run, "TWO", "601"))} == {"raise"}
    assert run.basis.billing.rejected.empty

    def add(items: Records) -> None:
        for item in items:
            item["brandNewField"] = {"of": "another version"}

    in_autotask(bench, "ContractServiceUnits", add)
    assert (await bench.compare()).basis.psa.side.complete


@pytest.mark.parametrize(
    ("missing", "code", "status"),
    [("sku", "AT07", "blocked"), ("customerAccountCode", "AT04", "blocked"), ("quantity", "RC18", "blocked")],
)
async def test_a_field_that_is_missing_stops_its_row_with_the_code_for_it(
    bench: Bench, missing: str, code: str, status: str
) -> None:
    broken = record("TWO")
    del broken[missing]
    billed(bench, record("ONE"), broken)
    run = await bench.compare()
    (entry,) = told(run.log, code, "TWO")
    assert "Two Ltd" in entry.message or entry.message.startswith("TWO ")
    current = [row for row in rows_of(run, "TWO") if code in str(row["codes"])]
    assert {row["status"] for row in current} == {status}
    assert not any(row["selectable"] for row in current)
    assert row_of(run, "ONE", "601")["status"] == "raise"


async def test_a_row_without_customer_may_belong_to_anybody_so_the_side_is_unknown(bench: Bench) -> None:
    nobody = record("TWO")
    del nobody["customerCode"]
    billed(bench, record("ONE"), nobody)
    run = await bench.compare()
    assert run.basis.billing.rejected["reason"].tolist() == ["It names no customer."]
    assert not run.basis.billing.side.complete
    assert set(run.rows["status"]) == {"unknown"}
    await check_nothing_can_be_pushed(bench, run)


@pytest.mark.parametrize("field", ["id", "contractID", "serviceID", "units", "startDate", "endDate"])
@pytest.mark.parametrize("value", [None, "some text", -7, 2.5, [], {"a": 1}, True])
async def test_a_unit_row_with_a_wrong_field_never_becomes_a_change_of_its_line(bench: Bench, field: str, value: object) -> None:
    second = row_of(await bench.compare(), "TWO", "601")["contract_id"]

    def spoil(items: Records) -> None:
        for item in items:
            if item["contractID"] == int(second):
                item[field] = value

    in_autotask(bench, "ContractServiceUnits", spoil)
    run = await bench.compare()
    row = row_of(run, "TWO", "601")
    if row["status"] == "unknown":
        assert told(run.log, "RC19", "TWO")
        assert run.basis.psa.rejected["reason"].iloc[0].startswith(f"Field {field} is ")
        await check_nothing_can_be_pushed(bench, run, "TWO")
    else:
        # The field is an odd number that changes nothing: the quantity is the true one.
        assert (value, row["contract_quantity"], row["status"]) == (-7, 20_000, "raise")
    assert row_of(run, "ONE", "601")["status"] in {"raise", "unknown"}


# quantities ------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-46", "R")
@pytest.mark.parametrize(
    ("literal", "shown"),
    [
        ("-1", "-1.00"),
        ("2.5", "2.50"),
        ("0.00001", "0.00001"),
        ('"abc"', "abc"),
        ('"1,5"', "1,5"),
        ('"1_000"', "1_000"),
        ('"٣"', "٣"),
        ("true", "true"),
        ('{"a":1}', '{"a":1}'),
        ("[3]", "[3]"),
        ("1e400", "1e400"),
        ("1000000000000", "1000000000000"),
        ("null", ""),
        ('""', ""),
    ],
)
async def test_a_quantity_that_cannot_be_used_blocks_its_row_and_is_shown_as_it_came(
    bench: Bench, literal: str, shown: str
) -> None:
    body = json.dumps([record("ONE"), record("TWO", quantity="@")]).replace('"@"', literal)
    answer(bench, "atria", INVOICE, body)
    run = await bench.compare()
    (entry,) = told(run.log, "RC18")
    assert entry.message == f"TWO Quantity Not Usable : Mail with SKU 601 has quantity {shown}".strip()
    assert row_of(run, "TWO", "601")["status"] == "blocked"
    assert row_of(run, "ONE", "601")["status"] == "raise"
    await check_nothing_can_be_pushed(bench, run, "TWO")


@pytest.mark.fault("F-46", "R")
@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "0x10", "01", ".5", "5."])
async def test_what_is_no_json_number_spoils_the_answer(bench: Bench, literal: str) -> None:
    body = json.dumps([record("ONE"), record("TWO", quantity="@")]).replace('"@"', literal)
    answer(bench, "atria", INVOICE, body)
    run = await bench.compare()
    assert len(told(run.log, "AT23")) == 1
    assert set(run.rows["status"]) == {"unknown"}
    await check_nothing_can_be_pushed(bench, run)


@pytest.mark.parametrize(("literal", "quantity"), [("5", 5), ("5.00", 5), ("1e2", 100), ('"  7 "', 7)])
async def test_a_whole_quantity_is_exact_however_it_is_written(bench: Bench, literal: str, quantity: int) -> None:
    body = json.dumps([record("ONE"), record("TWO", quantity="@")]).replace('"@"', literal)
    answer(bench, "atria", INVOICE, body)
    row = row_of(await bench.compare(), "TWO", "601")
    assert (row["billed_quantity"], row["status"]) == (quantity * 10_000, "raise")


# keys ------------------------------------------------------------------------------------------------------------------------
async def test_rows_with_one_sku_are_one_row_with_their_sum(bench: Bench) -> None:
    parts = (record("ONE"), record("ONE", lineDescription="Mail, archive", quantity=4), record("ONE", sku=" 601 "))
    billed(bench, *parts, record("TWO"))
    run = await bench.compare()
    row = row_of(run, "ONE", "601")
    assert (row["billed_quantity"], row["parts"], row["status"]) == (100_000, 3, "raise")
    await bench.push(row["key"])
    assert [(entry["before"], entry["after"]) for entry in bench.ledger()] == [(20_000, 100_000)]


async def test_one_bad_part_blocks_the_whole_sum(bench: Bench) -> None:
    billed(bench, record("ONE", quantity=4), record("ONE", quantity=-1), record("TWO"))
    run = await bench.compare()
    assert row_of(run, "ONE", "601")["codes"] == "RC18"
    await check_nothing_can_be_pushed(bench, run, "ONE")


async def test_two_customers_with_one_identifier_stop_both(bench: Bench) -> None:
    billed(bench, record("ONE"), record("TWO", customerAccountCode="174"))
    run = await bench.compare()
    assert {entry.message for entry in told(run.log, "RC07")} == {
        "ONE Billing Identifier Shared : 174 is also used by TWO",
        "TWO Billing Identifier Shared : 174 is also used by ONE",
    }
    current = run.rows[run.rows["billed_quantity"].notna().to_numpy(dtype=bool)]
    assert set(current["status"]) == {"blocked"}
    assert not current["selectable"].any()


async def test_a_customer_that_comes_under_two_identifiers_is_never_added_up_across_companies(bench: Bench) -> None:
    billed(bench, record("ONE"), record("ONE", customerAccountCode="175", quantity=9))
    run = await bench.compare()
    own, foreign = sorted(rows_of(run, "ONE"), key=lambda row: row["billed_quantity"])
    assert (own["company_id"], own["billed_quantity"], own["status"]) == ("174", 30_000, "raise")
    assert (foreign["company_id"], foreign["billed_quantity"]) == ("175", 90_000)
    assert (foreign["status"], foreign["codes"]) == ("blocked", "RC07")
    assert not foreign["selectable"]


# periods ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("entry", ["2019-01-01", "2031-01-01"])
async def test_a_day_outside_every_period_is_told_with_a_next_step(bench: Bench, entry: str) -> None:
    with pytest.raises(ReconcileError) as caught:
        await bench.compare(billing_period=entry)
    assert caught.value.exit_code == 2
    assert "bill processing" in caught.value.next_step


@pytest.mark.fault("F-51", "R")
async def test_an_empty_period_zeroes_nothing(bench: Bench) -> None:
    billed(bench)
    run = await bench.compare()
    assert len(told(run.log, "AT15")) == 1
    await check_nothing_can_be_pushed(bench, run)
