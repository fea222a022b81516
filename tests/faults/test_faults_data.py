"""Data that cannot be used, is ambiguous, hostile, missing or enormous, and a period that ends meanwhile, through real sockets."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import PlanRefused, ReconcileError
from reconcile_app.core.settings import Limits
from reconcile_app.sandbox.scenarios import empty, sized
from tests.end_to_end.desk_fixture import Bench, row_of, rows_of, told, two_customers
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

INVOICE = "2026-11-25/invoice"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def record(code: str, **fields: Any) -> dict[str, Any]:
    """A record of the invoice as this Atria writes it."""
    identifier = {"ONE": "174", "TWO": "175"}[code]
    usual = {"customerCode": code, "customerName": f"{code.title()} Ltd", "customerAccountCode": identifier, "sku": "601"}
    return {**usual, "lineDescription": "Mail", "quantity": 3.0, **fields}


def answers(bench: Bench, product: str, path: str, body: str) -> None:
    """Let every answer to a call be this, until the next one is set."""
    bench.control(product, "clear-faults")
    bench.control(product, "faults", kind="status", status=200, path=path, body=body, times=None)


async def billed(bench: Bench, *literals: str) -> Run:
    """A comparison with these records on the invoice, as they are written on the wire."""
    answers(bench, "atria", INVOICE, f"[{','.join(literals)}]")
    return await bench.compare()


async def check_cannot_be_ticked(bench: Bench, run: Run, customer: str) -> None:
    rows = rows_of(run, customer)
    assert rows
    assert not any(row["selectable"] or row["selected"] for row in rows)
    with pytest.raises(PlanRefused):
        await bench.push(*(row["key"] for row in rows))
    assert bench.ledger() == []


# F-46, F-47 ------------------------------------------------------------------------------------------------------------------
UNUSABLE = {"-1": "-1.00", '"５"': "５", '"NaN"': "NaN", "1000001": "1000001"}


@pytest.mark.fault("F-46", "R")
async def test_a_billed_quantity_that_is_none_blocks_its_row_and_shows_what_came(bench: Bench) -> None:
    for literal, shown in UNUSABLE.items():
        run = await billed(bench, json.dumps(record("ONE")), json.dumps(record("TWO", quantity="@")).replace('"@"', literal))
        (entry,) = told(run.log, "RC18")
        assert entry.message == f"TWO Quantity Not Usable : Mail with SKU 601 has quantity {shown}".strip(), literal
        assert [row_of(run, code, "601")["status"] for code in ("ONE", "TWO")] == ["raise", "blocked"]
    await check_cannot_be_ticked(bench, run, "TWO")


@pytest.mark.fault("F-46", "R")
@pytest.mark.parametrize("literal", ["-3", "2.5", "true", "2000000"])
async def test_units_that_are_no_whole_number_are_unknown_and_show_what_came(bench: Bench, literal: str) -> None:
    with AutotaskClient(bench.box) as client:
        page = client.query("ContractServiceUnits", EVERYTHING)
    second = row_of(await bench.compare(), "TWO", "601")
    for row in page["items"]:
        if row["contractID"] == int(second["contract_id"]):
            row["units"] = "@"
    answers(bench, "autotask", "/contractserviceunits/query$", json.dumps(page).replace('"@"', literal))
    run = await bench.compare()
    assert [row_of(run, code, "601")["status"] for code in ("ONE", "TWO")] == ["raise", "unknown"]
    assert f"Field units is {literal}." in run.basis.psa.rejected["reason"].tolist()
    assert told(run.log, "RC19", "TWO")
    await check_cannot_be_ticked(bench, run, "TWO")


@pytest.mark.fault("F-47", "R")
async def test_parts_of_units_are_exact_and_never_rounded(bench: Bench) -> None:
    for literal, exact in (("0.1", 1_000), ("2.99990", 29_999)):
        run = await billed(bench, json.dumps(record("ONE")), json.dumps(record("TWO", quantity="@")).replace('"@"', literal))
        row = row_of(run, "TWO", "601")
        assert (row["billed_quantity"], row["status"]) == (exact, "blocked")
    (entry,) = told(run.log, "RC18")
    assert "2.9999" in entry.message
    await check_cannot_be_ticked(bench, run, "TWO")

# F-48 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-48", "R")
async def test_a_service_that_stands_twice_on_a_contract_is_shown_as_one_block_and_never_guessed(bench: Bench) -> None:
    second = row_of(await bench.compare(), "TWO", "601")
    bench.control("autotask", "add-line", contract=second["contract_id"], service=601, units=7)
    run = await billed(bench, json.dumps(record("ONE")), json.dumps(record("TWO")), json.dumps(record("TWO", quantity=4)))
    rows = rows_of(run, "TWO", "601")
    assert {row["status"] for row in rows} == {"blocked"}
    assert [row["billed_quantity"] for row in rows] == [70_000], "one block"
    (entry,) = told(run.log, "RC04", "TWO")
    assert entry.message == "TWO Duplicate Service : SKU 601 appears 2 times on Cloud; nothing was written"
    await check_cannot_be_ticked(bench, run, "TWO")


# F-49 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-49", "R")
@pytest.mark.parametrize("name", ["quantity", "sku", "customerAccountCode", "customerCode"])
async def test_a_record_that_says_the_same_thing_twice_is_not_believed(bench: Bench, name: str) -> None:
    doubled = json.dumps(record("TWO"))[:-1] + f', "{name}": "999"}}'
    run = await billed(bench, json.dumps(record("ONE")), doubled)
    assert not run.basis.billing.side.complete
    assert f"Ambiguous: field {name} stands there twice." in run.basis.billing.rejected["reason"].tolist()
    assert any("Ambiguous" in message for message in run.log["message"])
    assert all(row["status"] == "unknown" for row in rows_of(run, "TWO"))
    assert run.rows.loc[run.rows["customer_code"] == "TWO", "change"].isna().all()


@pytest.mark.fault("F-49", "R")
@pytest.mark.parametrize("entity", ["Companies", "ContractServiceUnits", "Services"])
async def test_a_row_that_says_the_same_thing_twice_refuses_its_page(bench: Bench, entity: str) -> None:
    with AutotaskClient(bench.box) as client:
        body = json.dumps(client.query(entity, EVERYTHING))
    answers(bench, "autotask", f"/{entity}/query$", body.replace('"id":', '"\\u0069d": 1, "id":', 1))
    run = await bench.compare()
    assert not run.basis.psa.side.complete
    assert "Ambiguous: the field" in run.basis.psa.side.error
    assert set(run.rows["status"]) == {"unknown"}
    assert any("Ambiguous" in message for message in run.log["message"])


@pytest.mark.fault("F-49", "W", "after")
async def test_an_answer_to_a_write_that_says_two_things_proves_nothing(bench: Bench) -> None:
    run = await bench.compare()
    body = '{"itemId": 30001, "itemId": 30002}'
    bench.control("autotask", "faults", kind="status", status=200, body=body, path="serviceadjustments$", when="after")
    view = await bench.push(row_of(run, "ONE", "601")["key"])
    assert [op.state.value for op in view.ops] == ["CONFIRMED_BY_STATE"]
    assert len(bench.ledger()) == 1


@pytest.mark.fault("F-49", "R")
@pytest.mark.parametrize("spelling", ["0601", " 601 ", "601\u00a0"])
async def test_a_sku_in_another_spelling_never_becomes_a_second_quantity(bench: Bench, spelling: str) -> None:
    run = await billed(bench, json.dumps(record("ONE")), json.dumps(record("TWO")), json.dumps(record("TWO", sku=spelling)))
    changed = [row for row in rows_of(run, "TWO") if row["status"] == "raise"]
    assert len(changed) <= 1
    together = {row["billed_quantity"] for row in rows_of(run, "TWO") if row["status"] in {"raise", "blocked"}}
    assert together <= {60_000, 30_000}
    lines = [row["line_id"] for row in rows_of(run, "TWO") if row["selectable"]]
    assert len(lines) == len(set(lines))


# F-50 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-50", "R")
async def test_names_in_two_unicode_forms_are_one_customer_and_stay_as_they_came(bench: Bench) -> None:
    composed, apart = "Caf\u00e9", "Cafe\u0301"
    run = await billed(
        bench,
        json.dumps(record("ONE", lineDescription=composed)),
        json.dumps(record("TWO", lineDescription=f"{apart}\u202e\u200b<b>")),
    )
    assert row_of(run, "ONE", "601")["description"] == composed
    assert row_of(run, "TWO", "601")["description"] == f"{apart}\u202e\u200b<b>"
    assert {row["status"] for row in run.rows.to_dict("records")} == {"raise"}


@pytest.mark.fault("F-50", "R")
async def test_a_text_that_is_none_spoils_the_answer_and_not_the_program(bench: Bench) -> None:
    spoiled = json.dumps(record("TWO", lineDescription="@")).replace("@", "a\\ud800b")
    run = await billed(bench, json.dumps(record("ONE")), spoiled)
    assert not run.basis.billing.side.complete
    assert {row["status"] for row in run.rows.to_dict("records")} == {"unknown"}
    (entry,) = told(run.log, "AT23")
    assert "Unreadable answer from Atria." in entry.message
    assert bench.ledger() == []


# F-51 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-51", "R")
async def test_nobody_to_bill_is_told_and_changes_nothing(tmp_path: Path) -> None:
    with Bench(tmp_path, empty) as bench:
        run = await bench.compare()
        assert len(run.rows) == 0
        assert len(told(run.log, "AT15")) == 1
        with pytest.raises(ReconcileError, match="Nothing is selected"):
            await bench.session.review(Limits())
        assert bench.ledger() == []


@pytest.mark.fault("F-51", "R")
async def test_a_row_without_a_sku_matches_no_service_without_one(bench: Bench) -> None:
    bench.box.call(lambda: bench.box.world.autotask.add_service("", service_id=699, price=10_000, cost=5_000, sku=""))
    run = await billed(bench, json.dumps(record("ONE")), json.dumps(record("TWO", sku="")), json.dumps(record("TWO", sku=None)))
    nameless = [row for row in rows_of(run, "TWO") if row["codes"] == "AT07"]
    assert [(row["status"], row["selectable"]) for row in nameless] == [("blocked", False)] * 2
    assert all(not isinstance(row["line_id"], str) for row in nameless)
    assert len(told(run.log, "AT07", "TWO")) == 2


@pytest.mark.fault("F-51", "R")
async def test_one_customer_with_very_many_lines_is_compared_whole(tmp_path: Path) -> None:
    with Bench(tmp_path, sized(1, 1_200)) as bench:
        run = await bench.compare()
        assert (len(run.basis.billing.lines), len(run.basis.psa.lines), len(run.rows)) == (1_200, 1_200, 1_200)
        assert run.basis.psa.side.complete
        assert set(run.rows["status"]) == {"equal", "raise"}


# F-52 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-52", "R")
async def test_a_customer_is_read_again_for_the_period_and_day_of_the_comparison(bench: Bench) -> None:
    run = await bench.compare()
    line = row_of(run, "ONE", "601")["line_id"]
    bench.control("autotask", "advance", days=30)
    bench.clock.advance(timedelta(days=30).total_seconds())
    # What takes effect after the day of the comparison is not in force on it.
    bench.control("autotask", "adjust", line=line, change=40, date="2026-12-20")
    again = await bench.session.recheck(["ONE"], lambda progress: None)
    assert again.basis.billing.period == run.basis.billing.period
    assert again.basis.effective_date == run.basis.effective_date
    row = row_of(again, "ONE", "601")
    assert (row["billed_quantity"], row["contract_quantity"]) == (30_000, 20_000)
    assert bench.ledger() == []


@pytest.mark.fault("F-52", "W")
async def test_a_comparison_of_a_period_that_has_ended_is_neither_reviewed_nor_pushed(bench: Bench) -> None:
    run = await bench.compare()
    await bench.select(row_of(run, "ONE", "601")["key"])
    plan = await bench.session.review(Limits())
    for product in ("atria", "autotask"):
        bench.control(product, "advance", days=15)
    bench.clock.advance(timedelta(days=30).total_seconds())
    for act in (bench.session.review(Limits()), bench.session.push(plan, "1", lambda view: None)):
        with pytest.raises(PlanRefused) as refused:
            await act
        assert refused.value.title == "The billing period has changed since you compared."
        assert (refused.value.meaning, refused.value.next_step) == ("Nothing was sent.", "Compare again.")
    assert bench.ledger() == []
