"""The demo holds at least one case of everything a comparison can show, seen through the two APIs alone."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import EVERYTHING, AtriaClient, AutotaskClient

DAYS = (date(2026, 12, 3), date(2026, 12, 25), date(2026, 12, 26), date(2027, 3, 1))
Rows = list[dict[str, Any]]


class Seen:
    """Both sides as a reader finds them, for the period that has just closed."""

    def __init__(self, atria: AtriaClient, autotask: AutotaskClient) -> None:
        parameters = atria.get("/api/Billing/parameters")
        ends = [period["endDate"][:10] for period in parameters["billingPeriods"]]
        self.effective = parameters["billingPeriods"][-1]["startDate"][:10]
        self.billed: Rows = atria.get(f"/api/Billing/{ends[-2]}/invoice")
        self.before: Rows = atria.get(f"/api/Billing/{ends[-3]}/invoice")
        self.first: Rows = atria.get(f"/api/Billing/{ends[0]}/invoice")
        self.detail: Rows = atria.get(f"/api/Billing/{ends[-2]}/detail")
        self.companies = {str(item["id"]): item for item in autotask.items("Companies", EVERYTHING)}
        self.contracts: Rows = autotask.items("Contracts", EVERYTHING)
        self.services = {str(item["id"]): item for item in autotask.items("Services", EVERYTHING)}
        self.lines: Rows = autotask.items("ContractServices", EVERYTHING)
        self.rows: Rows = autotask.items("ContractServiceUnits", [{"op": "gte", "field": "endDate", "value": self.effective}])

    def customer(self, code: str) -> Rows:
        return [row for row in self.billed if row["customerCode"] == code]

    def contracts_of(self, code: str) -> Rows:
        rows = self.customer(code) or [row for row in self.before if row["customerCode"] == code]
        return [contract for contract in self.contracts if str(contract["companyID"]) == rows[0]["customerAccountCode"]]

    def units(self, code: str) -> dict[str, int]:
        """Units on the effective date by service."""
        contract = self.contracts_of(code)[0]["id"]
        return {
            str(row["serviceID"]): row["units"]
            for row in self.rows
            if row["contractID"] == contract and row["startDate"][:10] <= self.effective <= row["endDate"][:10]
        }

    def skus(self, code: str) -> dict[str, float]:
        total: Counter[str] = Counter()
        for row in self.customer(code):
            total[(row["sku"] or "").strip()] += row["quantity"]
        return dict(total)


@pytest.fixture(params=DAYS, ids=str, scope="module")
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    with Sandbox("demo", seed=1, today=request.param) as box, AtriaClient(box) as atria, AutotaskClient(box) as autotask:
        yield Seen(atria, autotask)


def test_about_forty_customers_and_a_dozen_services(seen: Seen) -> None:
    assert 38 <= len({row["customerCode"] for row in seen.billed}) <= 45
    assert 12 <= len([service for service in seen.services.values() if service["isActive"]]) <= 15
    assert seen.first == []


def test_rows_step_on_the_effective_date(seen: Seen) -> None:
    assert {row["startDate"][8:10] for row in seen.rows} == {"26"}
    starts = {row["startDate"][:10] for row in seen.rows}
    assert min(starts) == seen.effective


def test_most_lines_are_right_and_a_dozen_are_not(seen: Seen) -> None:
    changes: list[float] = []
    equal = 0
    for code in {row["customerCode"] for row in seen.billed}:
        if len(seen.contracts_of(code)) != 1 or seen.contracts_of(code)[0]["contractType"] != 7:
            continue
        units = seen.units(code)
        for sku, quantity in seen.skus(code).items():
            if sku in units:
                equal += quantity == units[sku]
                changes += [quantity - units[sku]] if quantity != units[sku] else []
    assert equal > 60
    assert len([change for change in changes if change > 0]) >= 12
    assert len([change for change in changes if change < 0]) >= 5
    assert len(set(changes)) >= 6


@pytest.mark.parametrize(("code", "situation"), [("MAPLE", None), ("STONE", "29999999")])
def test_customers_that_no_company_matches(seen: Seen, code: str, situation: str | None) -> None:
    identifiers = {row["customerAccountCode"] for row in seen.customer(code)}
    assert identifiers == {situation}
    assert situation not in seen.companies


def test_contracts_that_do_not_fit(seen: Seen) -> None:
    assert {contract["contractType"] for contract in seen.contracts_of("EQUALS")} == {1}
    assert len(seen.contracts_of("HARLEQ")) == 2
    assert seen.contracts_of("NORDIC")[0]["startDate"][:10] > seen.effective
    assert seen.contracts_of("ELAPSE")[0]["endDate"][:10] < seen.effective
    contract = seen.contracts_of("SMITH")[0]["id"]
    counts = Counter(line["serviceID"] for line in seen.lines if line["contractID"] == contract)
    assert counts == {605: 2, 602: 1}


def test_skus_of_every_kind(seen: Seen) -> None:
    assert "" in seen.skus("ORCHARD")
    assert "HE-RESOURCE" in seen.skus("WILLOW")
    assert "699" in seen.skus("PHOENIX")
    assert "699" not in seen.services
    assert " 602 " in {row["sku"] for row in seen.customer("LUKASZ")}
    eastgate = [row for row in seen.billed if row["sku"] == "602"]
    assert len({row["lineDescription"] for row in eastgate}) == 2


def test_lines_that_are_missing(seen: Seen) -> None:
    assert "612" in seen.skus("TOTARA")
    assert "612" not in seen.units("TOTARA")
    assert "614" in seen.skus("VULCAN")
    assert seen.services["614"]["isActive"] is False
    assert "614" not in seen.units("VULCAN")


def test_what_was_removed(seen: Seen) -> None:
    before = {row["sku"] for row in seen.before if row["customerCode"] == "SILVER"}
    assert before - set(seen.skus("SILVER")) == {"608"}
    assert seen.units("SILVER")["608"] == 6
    assert seen.customer("BYGONE") == []
    assert seen.units("BYGONE") == {"601": 4, "609": 3}


def test_identifiers_shared_and_payers(seen: Seen) -> None:
    users = {code: {row["customerAccountCode"] for row in seen.customer(code)} for code in ("TWINA", "TWINB")}
    assert users["TWINA"] == users["TWINB"]
    assert {row["billToCustomerCode"] for row in seen.customer("BELLA")} == {"KOWHAI"}


def test_lines_that_need_a_look(seen: Seen) -> None:
    everywhere = {row["sku"] for row in seen.before + seen.billed}
    assert seen.units("LAKES")["608"] == 4
    assert "608" not in seen.skus("LAKES")
    assert "608" in everywhere
    posted = [row for row in seen.rows if row["contractID"] == seen.contracts_of("MERID")[0]["id"]]
    assert {row["approveAndPostDate"] is not None for row in posted if row["startDate"][:10] == seen.effective} == {True}
    open_rows = [row for row in seen.rows if row["contractID"] == seen.contracts_of("ASP")[0]["id"]]
    assert {row["approveAndPostDate"] for row in open_rows} == {None}
    planned = {row["units"] for row in seen.rows if row["contractID"] == seen.contracts_of("PIONEER")[0]["id"]}
    assert planned == {20, 25}


def test_quantities_that_cannot_be_used(seen: Seen) -> None:
    assert seen.skus("FRACT")["613"] == 2.5
    assert seen.skus("NEGAT")["610"] == -1


def test_new_customer_and_excluded_items(seen: Seen) -> None:
    assert "TIAKI" not in {row["customerCode"] for row in seen.before}
    assert seen.units("TIAKI") == {"603": 0, "612": 0}
    reasons = {row["overrideReason"] for row in seen.detail if not row["billable"]}
    assert reasons == {"User accounts are not charged", "Included", "Test user"}


def test_names_that_spreadsheets_and_parsers_trip_over(seen: Seen) -> None:
    names = {row["customerName"] for row in seen.billed}
    assert any(name.startswith("=") for name in names)
    assert any('"' in name for name in names)
    assert any("," in name for name in names)
    assert any(not name.isascii() for name in names)


def test_companies_have_numbers(seen: Seen) -> None:
    numbers = [company["companyNumber"] for company in seen.companies.values()]
    assert all(numbers)
    assert len(set(numbers)) == len(numbers)
