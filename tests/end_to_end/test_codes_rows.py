"""What a comparison of the sample provider tells of customers and lines: code, level, text, flag, and what each one holds back."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest

from reconcile_app.core.basis import Run
from tests.end_to_end.desk_fixture import Bench, Told, rows_of, told


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
            "AT04",
            "Warning",
            "MAPLE CompanyID Missing Unable to process records for Atria Customer Maple Leaf Childcare Ltd – Please add "
            "CompanyNumber "
            "from Autotask into Billing Identifier field on Customer.",
        ),
        "MAPLE",
        "",
        "blocked",
    ),
    Case(
        Told(
            "AT05",
            "Error",
            "No Company with Customer Number for 29999999 Found. Check Autotask to see if the customer: Stonebridge Legal with "
            "Company Number: 29999999 exists in Autotask.",
        ),
        "STONE",
        "",
        "blocked",
    ),
    Case(
        Told(
            "AT06",
            "Warning",
            "No Contract exists for the Customer =Equals Architecture Ltd. Check Autotask to see if customer =Equals "
            "Architecture Ltd "
            "and a Recurring Service Contract with Contract Number : 193 exists in Autotask.",
        ),
        "EQUALS",
        "",
        "blocked",
    ),
    Case(
        Told(
            "AT07",
            "Warning",
            "Orchard Lane Design Studio SKU Missing in Atria : Orchard Lane Design Studio : Skipped Line Hosted Exchange, "
            "Temporary "
            "Mailbox for Customer Orchard Lane Design Studio as no SKU was provided",
        ),
        "ORCHARD",
        NO_SKU,
        "blocked",
    ),
    Case(
        Told(
            "AT08",
            "Warning",
            "Phoenix Courier Services Service Missing in Autotask : Phoenix Courier Services : Skipped Line Spam Filter, "
            "Legacy for "
            "Customer Phoenix Courier Services as no SKU was provided",
        ),
        "PHOENIX",
        "699",
        "blocked",
    ),
    Case(
        Told(
            "AT09",
            "Info",
            "Aspen Street Physiotherapy Ltd Quantity Update : Line located for Hosted Exchange, Advanced with Product ID 602 and "
            "updated from 12.00 to 14.00",
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
            "AT09",
            "Info",
            "Northern Lights Electrical Ltd Quantity Update : Line located for Hosted Desktop, Standard with Product ID 606 and "
            "updated from 17.00 to 12.00",
            planned=True,
        ),
        "NORTH",
        "606",
        "lower",
        free=True,
        ticked=True,
    ),
    Case(
        Told(
            "AT10",
            "Verbose",
            "Aspen Street Physiotherapy Ltd Contract Line for Sign-in Security, Standard located – quantity is unchanged",
        ),
        "ASP",
        "612",
        "equal",
    ),
    Case(
        Told(
            "AT12",
            "Warning",
            "Totara Grove Care Contract Line Missing in Autotask : Skipped Line Sign-in Security, Standard with Product ID 612 for "
            "Customer Totara Grove Care as the Contract Service SKU could not be located in Autotask",
        ),
        "TOTARA",
        "612",
        "missing",
    ),
    Case(
        Told(
            "AT13",
            "Info",
            "Silver Birch Travel Line located for Hosted Voice Extension, per month with Service Name Hosted Voice Extension "
            "is been "
            "removed in the selected billing period. The Quantity is updated from 6.00 to 0.00",
            planned=True,
        ),
        "SILVER",
        "608",
        "zero",
        free=True,
    ),
    Case(
        Told(
            "RC01",
            "Warning",
            "HARLEQ Ambiguous Contract : 2 contracts of type Recurring Service found for Customer Harlequin Events; choose one",
        ),
        "HARLEQ",
        "",
        "blocked",
    ),
    Case(
        Told("RC02", "Warning", "NORDIC Contract Not Started : Cloud Services starts on 2026-12-26; nothing was written"),
        "NORDIC",
        "",
        "blocked",
    ),
    Case(
        Told("RC03", "Warning", "ELAPSE Contract Expired : Cloud Services ended on 2026-10-25; nothing was written"),
        "ELAPSE",
        "",
        "blocked",
    ),
    Case(
        Told("RC04", "Warning", "SMITH Duplicate Service : SKU 605 appears 2 times on Cloud Services; nothing was written"),
        "SMITH",
        "605",
        "blocked",
    ),
    Case(Told("RC07", "Warning", "TWINA Billing Identifier Shared : 206 is also used by TWINB"), "TWINA", "", "blocked"),
    Case(Told("RC07", "Warning", "TWINB Billing Identifier Shared : 206 is also used by TWINA"), "TWINB", "", "blocked"),
    Case(Told("RC08", "Info", "BELLA Billed To KOWHAI : processed for BELLA"), "BELLA", "604", "raise", free=True, ticked=True),
    Case(
        Told("RC10", "Warning", "WILLOW SKU Not Valid : HE-RESOURCE is not a whole number as required by ServiceId"),
        "WILLOW",
        "HE-RESOURCE",
        "blocked",
    ),
    Case(
        Told("RC13", "Warning", "LAKES No Atria Record : Hosted Voice Extension with SKU 608 has quantity 4.00 in Autotask"),
        "LAKES",
        "608",
        "psa_only",
    ),
    Case(
        Told(
            "RC15",
            "Warning",
            "MERID Period Posted : Microsoft 365, Business Premium with SKU 605 is approved and posted until 2026-12-25; a change "
            "appears as a separate item",
        ),
        "MERID",
        "605",
        "raise",
        free=True,
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
        Told("RC18", "Warning", "FRACT Quantity Not Usable : Cloud Storage (Assigned to Customer) with SKU 613 has quantity 2.50"),
        "FRACT",
        "613",
        "blocked",
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
    with Bench(tmp_path_factory.mktemp("rows")) as bench:
        yield asyncio.run(bench.compare())


def concerned(run: Run, case: Case) -> "list[dict[str, object]]":
    if case.sku == NO_SKU:
        return [row for row in rows_of(run, case.customer) if row["sku"] is None or row["sku"] is pd.NA]
    return rows_of(run, case.customer, case.sku)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.told.code}-{case.customer}")
def test_a_case_is_told_once_with_its_text_and_holds_its_rows_back(run: Run, case: Case) -> None:
    entries = told(run.log, case.told.code, case.customer)
    assert entries.count(case.told) == 1
    if case.told.code not in {"AT10", "AT09"}:
        assert entries == [case.told]
    rows = concerned(run, case)
    assert rows
    assert {row["status"] for row in rows} == {case.status}
    assert {bool(row["selectable"]) for row in rows} == {case.free}
    assert {bool(row["selected"]) for row in rows} == {case.ticked}
    assert all(bool(row["change"] is None or pd.isna(row["change"])) is not case.free for row in rows)


@pytest.mark.parametrize("case", [case for case in CASES if case.told.level in {"Warning", "Error"}], ids=lambda c: c.told.code)
def test_what_needs_a_person_shows_its_code_on_its_rows_and_says_what_to_do(run: Run, case: Case) -> None:
    assert all(case.told.code in str(row["codes"]).split() for row in concerned(run, case))
    entries = run.log[(run.log["code"] == case.told.code).to_numpy(dtype=bool)]
    assert entries["resolution"].str.len().min() > 20


def test_the_other_lines_of_a_customer_go_on(run: Run) -> None:
    for customer in ("ORCHARD", "PHOENIX", "TOTARA", "SMITH", "WILLOW", "FRACT", "NEGAT"):
        assert "equal" in {row["status"] for row in rows_of(run, customer)}


def test_customers_that_are_gone_come_last_between_their_two_marks(run: Run) -> None:
    codes = run.log["code"].tolist()
    start, end = codes.index("AT20"), codes.index("AT21")
    assert told(run.log, "AT20") == [Told("AT20", "Verbose", "Started Processing Deprovisioned Customers")]
    assert told(run.log, "AT21") == [Told("AT21", "Verbose", "Finished Processing Deprovisioned Customers")]
    assert run.log["message"].tolist()[start + 1 : end] == [
        "Bygone Antiques Ltd Line located for Hosted Exchange Basic, per month with Service Name Hosted Exchange Basic is "
        "been removed "
        "in the selected billing period. The Quantity is updated from 4.00 to 0.00",
        "Bygone Antiques Ltd Line located for Workstation Backup, per month with Service Name Workstation Backup is been "
        "removed in "
        "the selected billing period. The Quantity is updated from 3.00 to 0.00",
    ]
    assert codes[end + 1 :] == ["AT24"]


async def test_a_missing_line_is_planned_where_lines_may_be_created(bench: Bench) -> None:
    run = await bench.compare(allow_create=True)
    assert told(run.log, "AT11", "TOTARA") == [
        Told(
            "AT11",
            "Info",
            "Totara Grove Care Contract Line Added : New Line added for Sign-in Security, Standard with Service ID 612",
            planned=True,
        )
    ]
    (row,) = rows_of(run, "TOTARA", "612")
    assert (row["status"], row["change"], row["selectable"], row["selected"]) == ("add", "create_line", True, True)
    # A service that is switched off cannot be put on a contract, so its line stays missing.
    assert told(run.log, "AT12") == [
        Told(
            "AT12",
            "Warning",
            "Vulcan Steel Limited Contract Line Missing in Autotask : Skipped Line Pager Gateway, Standard with Product ID 614 for "
            "Customer Vulcan Steel Limited as the Contract Service SKU could not be located in Autotask",
        )
    ]


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("bench")) as made:
        yield made
