"""What a comparison of the sample provider with ConnectWise tells of customers and lines, and what each entry holds back."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.mapping_rules import CustomerRule
from tests.end_to_end.desk_fixture import Bench, Told, row_of, rows_of, told


@dataclass(frozen=True)
class Case:
    """One entry of the log, about a customer (``sku`` blank) or one of its lines, and the status of the rows concerned.

    ``free``: the rows can be ticked. ``ticked``: they are ticked from the start.
    """

    told: Told
    customer: str
    sku: str
    status: str
    free: bool = False
    ticked: bool = False


NO_SKU = "(none)"
CASES = [
    Case(
        Told(
            "CW04",
            "Warning",
            "MAPLE CompanyID Missing Unable to process records for Atria Customer Maple Leaf Childcare Ltd – Please add CompanyID "
            "from ConnectWise into Billing Identifier field on Customer",
        ),
        "MAPLE",
        "",
        "blocked",
    ),
    Case(
        Told(
            "CW05",
            "Warning",
            "ORCHARD SKU Missing in Atria : ORCHARD : Skipped Line Hosted Exchange, Temporary Mailbox for Customer Orchard Lane "
            "Design Studio as no SKU was provided",
        ),
        "ORCHARD",
        NO_SKU,
        "blocked",
    ),
    Case(
        Told(
            "CW06",
            "Warning",
            "PHOENIX Product Missing : Skipped Line Spam Filter, Legacy with Product ID 699 for Customer Phoenix Courier Services "
            "as the SKU could not be located in ConnectWise. Please add this product in ConnectWise portal",
        ),
        "PHOENIX",
        "699",
        "blocked",
    ),
    Case(
        Told(
            "CW07",
            "Info",
            "ASP Quantity Update : Line located for Hosted Exchange, Advanced with Product ID 602 and updated from 12.00 to 14.00",
            planned=True,
        ),
        "ASP",
        "602",
        "raise",
        free=True,
        ticked=True,
    ),
    Case(
        Told(
            "CW07",
            "Info",
            "FRACT Quantity Update : Line located for Cloud Storage (Assigned to Customer) with Product ID 613 and updated from "
            "2.00 to 2.50",
            planned=True,
        ),
        "FRACT",
        "613",
        "raise",
        free=True,
        ticked=True,
    ),
    Case(
        Told("CW09", "Verbose", "ASP Contract Line for Sign-in Security, Standard located – quantity is unchanged"),
        "ASP",
        "612",
        "equal",
    ),
    Case(
        Told(
            "CW14",
            "Warning",
            "No Agreement exists for the customer Stonebridge Legal. Check ConnectWise to see if the customer: Stonebridge Legal "
            "with Id: 29999999 and agreement type: Hosting and Cloud Services exists.",
        ),
        "STONE",
        "",
        "blocked",
    ),
    Case(
        Told(
            "CW14",
            "Warning",
            "No Agreement exists for the customer =Equals Architecture Ltd. Check ConnectWise to see if the customer: =Equals "
            "Architecture Ltd with Id: 193 and agreement type: Hosting and Cloud Services exists.",
        ),
        "EQUALS",
        "",
        "blocked",
    ),
    Case(
        Told(
            "CW20",
            "Info",
            "Silver Birch Travel| Line located for Hosted Voice, Extension with Product ID 608 is been removed in the selected "
            "billing period. The Quantity is updated from 6.00 to 0.00",
            planned=True,
        ),
        "SILVER",
        "608",
        "zero",
        free=True,
    ),
    Case(
        Told(
            "CW22",
            "Warning",
            "Contract Line Missing in ConnectWise : Skipped Line Sign-in Security, Standard with Product ID 612 for Customer "
            "Totara Grove Care as the SKU could not be located in ConnectWise",
        ),
        "TOTARA",
        "612",
        "missing",
    ),
    Case(
        Told(
            "RC01",
            "Warning",
            "HARLEQ Ambiguous Contract : 2 contracts of type Hosting and Cloud Services found for Customer Harlequin Events; "
            "choose one",
        ),
        "HARLEQ",
        "",
        "blocked",
    ),
    Case(
        Told(
            "RC02",
            "Warning",
            'NORDIC Contract Not Started : Hosting and Cloud Services - Müller & Søn "Nordic" Joinery starts on 2026-12-26; '
            "nothing was written",
        ),
        "NORDIC",
        "",
        "blocked",
    ),
    Case(
        Told(
            "RC03",
            "Warning",
            "ELAPSE Contract Expired : Hosting and Cloud Services - Elapsed Time Clockmakers ended on 2026-10-25; nothing was "
            "written",
        ),
        "ELAPSE",
        "",
        "blocked",
    ),
    Case(
        Told(
            "RC03",
            "Warning",
            "LANTERN Contract Expired : Hosting and Cloud Services - Lantern Media Ltd ended on 2026-10-26; nothing was written",
        ),
        "LANTERN",
        "",
        "blocked",
    ),
    Case(
        Told(
            "RC04",
            "Warning",
            "SMITH Duplicate Service : SKU 605 appears 2 times on Hosting and Cloud Services - Smith, Jones and Partners; nothing "
            "was written",
        ),
        "SMITH",
        "605",
        "blocked",
    ),
    Case(
        Told(
            "RC16",
            "Warning",
            "PIONEER Pending Change : Microsoft 365, Business Standard with SKU 604 changes to 25.00 on 2026-12-26",
        ),
        "PIONEER",
        "604",
        "raise",
        free=True,
    ),
    Case(
        Told("RC16", "Warning", "FERN Pending Change : Hosted Voice, Extension with SKU 608 changes to 6.00 on 2026-12-26"),
        "FERN",
        "608",
        "raise",
        free=True,
    ),
    Case(
        Told("RC18", "Warning", "NEGAT Quantity Not Usable : Server Backup (Assigned to Customer) with SKU 610 has quantity -1.00"),
        "NEGAT",
        "610",
        "blocked",
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with Bench(tmp_path_factory.mktemp("rows"), psa="connectwise") as bench:
        yield asyncio.run(bench.compare())


def concerned(run: Run, case: Case) -> "list[dict[str, object]]":
    if case.sku == NO_SKU:
        return [row for row in rows_of(run, case.customer) if row["sku"] is None or row["sku"] is pd.NA]
    return rows_of(run, case.customer, case.sku)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.told.code}-{case.customer}")
def test_a_case_is_told_once_with_its_text_and_holds_its_rows_back(run: Run, case: Case) -> None:
    entries = told(run.log, case.told.code, case.customer)
    assert entries.count(case.told) == 1
    rows = concerned(run, case)
    assert rows
    assert {row["status"] for row in rows} == {case.status}
    assert {bool(row["selectable"]) for row in rows} == {case.free}
    assert {bool(row["selected"]) for row in rows} == {case.ticked}
    if case.told.level in {"Warning", "Error"}:
        assert all(case.told.code in str(row["codes"]).split() for row in rows)


def test_the_two_causes_of_one_code_say_what_to_do_about_each(run: Run) -> None:
    entries = run.log[(run.log["code"] == "CW14").to_numpy(dtype=bool)]
    said = dict(zip(entries["customer_code"], entries["resolution"], strict=True))
    assert said["STONE"].startswith("ConnectWise has no company with this company ID.")
    assert said["EQUALS"].startswith("The company exists.")


def test_customers_that_are_gone_come_last_and_have_no_marks_around_them(run: Run) -> None:
    assert run.log["code"].tolist()[-3:] == ["CW20", "CW20", "CW23"]
    assert told(run.log, "CW20", "BYGONE") == [
        Told(
            "CW20",
            "Info",
            "Bygone Antiques Ltd| Line located for Hosted Exchange, Basic with Product ID 601 is been removed in the selected "
            "billing period. The Quantity is updated from 4.00 to 0.00",
            planned=True,
        ),
        Told(
            "CW20",
            "Info",
            "Bygone Antiques Ltd| Line located for Cloud Backup, Workstation with Product ID 609 is been removed in the selected "
            "billing period. The Quantity is updated from 3.00 to 0.00",
            planned=True,
        ),
    ]


def test_what_only_agreements_and_additions_can_have_is_read_as_it_stands(run: Run) -> None:
    held = {
        (customer, sku): row_of(run, customer, sku)["contract_quantity"]
        for customer, sku in (("CEDAR", "606"), ("COASTAL", "602"), ("EASTGATE", "609"), ("GLEN", "602"), ("DELTA", "604"))
    }
    # The free part included; the line that followed another; one that ends later; beside a cancelled agreement; after a renewal.
    assert held == {
        ("CEDAR", "606"): 250_000,
        ("COASTAL", "602"): 130_000,
        ("EASTGATE", "609"): 70_000,
        ("GLEN", "602"): 160_000,
        ("DELTA", "604"): 100_000,
    }


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("bench"), psa="connectwise") as made:
        yield made


async def test_a_missing_line_is_planned_where_lines_may_be_created_and_a_bundle_is_not(bench: Bench) -> None:
    run = await bench.compare(allow_create=True)
    assert told(run.log, "CW08") == [
        Told(
            "CW08",
            "Info",
            "TOTARA Contract Line Added : New Line added for Sign-in Security, Standard with Product ID 612",
            planned=True,
        )
    ]
    row = row_of(run, "TOTARA", "612")
    assert (row["status"], row["change"], row["selected"]) == ("add", "create_line", True)
    assert row_of(run, "VULCAN", "614")["status"] == "missing"
    assert told(run.log, "CW22") == [
        Told(
            "CW22",
            "Warning",
            "Contract Line Missing in ConnectWise : Skipped Line Pager Gateway, Standard with Product ID 614 for Customer Vulcan "
            "Steel Limited as the SKU could not be located in ConnectWise",
        )
    ]


async def test_an_agreement_that_is_gone_is_called_an_agreement(bench: Bench) -> None:
    run = await bench.compare()
    company = rows_of(run, "HARLEQ")[0]["company_id"]
    first, second = sorted((await bench.session.contracts_of(company))["contract_id"])
    run = await bench.session.map_customer(CustomerRule(customer_code="HARLEQ", company_id=company, contract_id=second))
    bench.control("connectwise", "remove-agreement", agreement=int(second))
    run = await bench.compare()
    assert told(run.log, "RC06") == [
        Told("RC06", "Warning", f"HARLEQ Mapping Broken : agreement {second} no longer exists in ConnectWise; map again")
    ]
    run = await bench.session.map_customer(CustomerRule(customer_code="HARLEQ", company_id=company, contract_id=first))
    assert row_of(run, "HARLEQ", "604")["status"] == "raise"
