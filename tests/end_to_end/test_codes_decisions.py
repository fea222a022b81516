"""Codes that follow from what an operator decided: mappings whose target is gone, waiting for a reprocess, checked again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_app.core.mapping_rules import CustomerRule, LineRule
from tests.end_to_end.desk_fixture import Bench, Told, row_of, rows_of, told


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


async def test_a_mapping_whose_contract_is_gone_stops_the_customer(bench: Bench) -> None:
    run = await bench.compare()
    company = rows_of(run, "HARLEQ")[0]["company_id"]
    contracts = await bench.session.contracts_of(company)
    first, second = sorted(contracts["contract_id"])
    run = await bench.session.map_customer(CustomerRule(customer_code="HARLEQ", company_id=company, contract_id=second))
    assert "raise" in {row["status"] for row in rows_of(run, "HARLEQ")}
    bench.control("autotask", "remove-contract", contract=int(second))
    run = await bench.compare()
    assert told(run.log, "RC06") == [
        Told("RC06", "Warning", "HARLEQ Mapping Broken : contract 29684211 no longer exists in Autotask; map again")
    ]
    assert second == "29684211"
    rows = rows_of(run, "HARLEQ")
    assert {(row["status"], row["selectable"], row["codes"]) for row in rows} == {("blocked", False, "RC06")}
    # Mapped again, the customer goes on.
    run = await bench.session.map_customer(CustomerRule(customer_code="HARLEQ", company_id=company, contract_id=first))
    assert told(run.log, "RC06") == []
    assert row_of(run, "HARLEQ", "604")["status"] == "raise"


async def test_a_mapping_whose_line_is_gone_stops_that_line_only(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "OAK", "608")
    await bench.session.map_line(LineRule(customer_code="OAK", sku="608", contract_id=row["contract_id"], line_id=row["line_id"]))
    bench.control("autotask", "remove-line", line=int(row["line_id"]))
    run = await bench.compare()
    assert told(run.log, "RC06") == [
        Told("RC06", "Warning", "OAK Mapping Broken : line 8056 no longer exists in Autotask; map again")
    ]
    assert row["line_id"] == "8056"
    broken = row_of(run, "OAK", "608")
    assert (broken["status"], broken["selectable"], broken["codes"]) == ("blocked", False, "RC06")
    assert {each["status"] for each in rows_of(run, "OAK") if each["sku"] != "608"} == {"equal"}


async def test_a_mapping_to_a_company_that_does_not_exist_stops_the_customer(bench: Bench) -> None:
    await bench.compare()
    await bench.session.map_customer(CustomerRule(customer_code="STONE", company_id="4711"))
    run = await bench.compare()
    assert told(run.log, "RC06") == [
        Told("RC06", "Warning", "STONE Mapping Broken : company 4711 no longer exists in Autotask; map again")
    ]
    assert told(run.log, "AT05") == []
    assert {row["status"] for row in rows_of(run, "STONE")} == {"blocked"}


async def test_a_customer_that_waits_for_a_reprocess_is_held_until_the_mark_is_taken_away(bench: Bench) -> None:
    await bench.compare()
    run = await bench.session.mark_waiting("OAK", "Billing Identifier")
    expected = [
        Told("RC11", "Warning", "OAK Waiting For Reprocess : change of Billing Identifier is not in the billing records yet")
    ]
    assert told(run.log, "RC11") == expected
    assert {(row["status"], row["selectable"], row["codes"]) for row in rows_of(run, "OAK")} == {("blocked", False, "RC11")}
    assert told((await bench.compare()).log, "RC11") == expected
    run = await bench.session.mark_waiting("OAK", "")
    assert told(run.log, "RC11") == []
    assert row_of(run, "OAK", "608")["selected"]


async def test_a_customer_that_was_checked_again_is_told_and_shows_what_is_new(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "OAK", "608")
    assert row["status"] == "raise"
    bench.control("autotask", "adjust", line=row["line_id"], change=2, date="2026-11-26")
    run = await bench.session.recheck(["OAK"], lambda progress: None)
    assert told(run.log, "RC14") == [Told("RC14", "Info", "OAK Retried : processed alone")]
    assert row_of(run, "OAK", "608")["status"] == "equal"
    assert row_of(run, "ASP", "602")["status"] == "raise"
