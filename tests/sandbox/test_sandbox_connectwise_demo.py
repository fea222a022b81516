"""The demo holds at least one case of everything a comparison with ConnectWise can show, seen through the two APIs alone."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from reconcile_app.sandbox.scenarios import scenario
from reconcile_app.sandbox.world import World
from tests.fakes.sandbox_clients import AtriaClient
from tests.fakes.sandbox_connectwise import ConnectWiseClient, connectwise_sandbox

DAYS = (date(2026, 12, 3), date(2027, 3, 1))
HOSTING = "Hosting and Cloud Services"
Rows = list[dict[str, Any]]


class Seen:
    """Both sides as a reader finds them, for the period that has just closed."""

    def __init__(self, atria: AtriaClient, connectwise: ConnectWiseClient) -> None:
        parameters = atria.get("/api/Billing/parameters")
        ends = [period["endDate"][:10] for period in parameters["billingPeriods"]]
        self.effective = parameters["billingPeriods"][-1]["startDate"][:10]
        self.billed: Rows = atria.get(f"/api/Billing/{ends[-2]}/invoice")
        self.before: Rows = atria.get(f"/api/Billing/{ends[-3]}/invoice")
        self.companies = {row["identifier"]: row for row in connectwise.every("/company/companies", pageSize=1000)}
        self.agreements = connectwise.every("/finance/agreements", pageSize=1000, orderBy="id asc")
        self.products = {row["identifier"]: row for row in connectwise.every("/procurement/catalog", pageSize=1000)}
        self.recap = {row["id"]: row for row in connectwise.every("/finance/agreementrecap/", pageSize=1000)}
        self.additions: dict[int, Rows] = {
            row["id"]: connectwise.every(f"/finance/agreements/{row['id']}/additions", pageSize=1000) for row in self.agreements
        }

    def rows(self, code: str) -> Rows:
        own = [row for row in self.billed if row["customerCode"] == code]
        return own or [row for row in self.before if row["customerCode"] == code]

    def agreements_of(self, code: str, kind: str = HOSTING) -> Rows:
        identifier = self.rows(code)[0]["customerAccountCode"]
        return [row for row in self.agreements if row["company"]["identifier"] == identifier and row["type"]["name"] == kind]

    def lines(self, code: str) -> Rows:
        return [line for row in self.agreements_of(code) for line in self.additions[row["id"]]]

    def in_force(self, code: str) -> dict[str, float]:
        """What is billed on the effective date by product."""
        total: Counter[str] = Counter()
        for line in self.lines(code):
            ends = line.get("cancelledDate", "9999")[:10]
            if line["billCustomer"] == "Billable" and line["effectiveDate"][:10] <= self.effective < ends:
                total[line["product"]["identifier"]] += line["billedQuantity"]
        return dict(total)

    def skus(self, code: str) -> dict[str, float]:
        total: Counter[str] = Counter()
        for row in self.billed:
            if row["customerCode"] == code:
                total[(row["sku"] or "").strip()] += row["quantity"]
        return dict(total)


@pytest.fixture(params=DAYS, ids=str, scope="module")
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    with (
        connectwise_sandbox("demo", seed=1, today=request.param) as box,
        AtriaClient(box) as atria,
        ConnectWiseClient(box) as connectwise,
    ):
        yield Seen(atria, connectwise)


def test_most_lines_are_right_and_a_dozen_are_not(seen: Seen) -> None:
    changes: list[float] = []
    equal = 0
    for code in {row["customerCode"] for row in seen.billed} - {"TWINB", "STONE", "MAPLE"}:
        if len(seen.agreements_of(code)) == 1:
            carried = seen.in_force(code)
            pairs = [(quantity, carried[sku]) for sku, quantity in seen.skus(code).items() if sku in carried]
            equal += sum(left == right for left, right in pairs)
            changes += [left - right for left, right in pairs if left != right]
    assert equal > 60
    assert len([change for change in changes if change > 0]) >= 12
    assert len([change for change in changes if change < 0]) >= 4


def test_identifiers_match_those_of_the_portal(seen: Seen) -> None:
    told = {row["customerAccountCode"] for row in seen.billed}
    assert told - set(seen.companies) == {None, "29999999"}
    assert {row["customerAccountCode"] for row in seen.rows("MAPLE")} == {None}
    assert {row["customerAccountCode"] for row in seen.rows("STONE")} == {"29999999"}
    assert seen.rows("TWINA")[0]["customerAccountCode"] == seen.rows("TWINB")[0]["customerAccountCode"]
    assert seen.companies["DORMANT"]["deletedFlag"] is True


def test_agreements_that_do_not_fit(seen: Seen) -> None:
    assert seen.agreements_of("EQUALS") == []
    assert len(seen.agreements_of("EQUALS", "Managed Services")) == 1
    assert len(seen.agreements_of("HARLEQ")) == 2
    assert {row["agreementStatus"] for row in seen.agreements_of("HARLEQ")} == {"Active"}
    for code, status in (("NORDIC", "Inactive"), ("ELAPSE", "Expired"), ("LANTERN", "Cancelled")):
        assert [row["agreementStatus"] for row in seen.agreements_of(code)] == [status]
    assert seen.agreements_of("NORDIC")[0]["startDate"][:10] > seen.effective
    assert seen.agreements_of("ELAPSE")[0]["endDate"][:10] < seen.effective
    assert sorted(row["agreementStatus"] for row in seen.agreements_of("DELTA")) == ["Active", "Expired"]
    assert sorted(row["agreementStatus"] for row in seen.agreements_of("GLEN")) == ["Active", "Cancelled"]
    [child] = [row for row in seen.agreements if "parentAgreement" in row]
    assert child["type"]["name"] == "Managed Services"


def test_skus_of_every_kind(seen: Seen) -> None:
    assert "" in seen.skus("ORCHARD")
    assert "699" in seen.skus("PHOENIX")
    assert "699" not in seen.products
    assert seen.in_force("WILLOW")["HE-RESOURCE"] == 3.0
    assert " 602 " in {row["sku"] for row in seen.rows("LUKASZ")}
    assert seen.products["650"]["inactiveFlag"] is True


def test_lines_that_are_missing(seen: Seen) -> None:
    assert "612" in seen.skus("TOTARA")
    assert "612" not in seen.in_force("TOTARA")
    assert "614" in seen.skus("VULCAN")
    assert "614" not in {line["product"]["identifier"] for line in seen.lines("VULCAN")}
    assert seen.products["614"]["productClass"] == "Bundle"  # the server refuses it on an agreement


def test_several_lines_of_one_product(seen: Seen) -> None:
    assert [line["quantity"] for line in seen.lines("SMITH") if line["product"]["identifier"] == "605"] == [8.0, 2.0]
    planned = [line for line in seen.lines("PIONEER") if line["product"]["identifier"] == "604"]
    assert [line["quantity"] for line in planned] == [20.0, 25.0]
    assert planned[0]["cancelledDate"] == planned[1]["effectiveDate"]
    assert seen.in_force("PIONEER")["604"] == 20.0
    assert sorted(line["quantity"] for line in seen.lines("COASTAL") if line["product"]["identifier"] == "602") == [10.0, 13.0]
    assert seen.in_force("COASTAL")["602"] == 13.0


def test_lines_with_dates_and_statuses(seen: Seen) -> None:
    statuses = {line["additionStatus"] for lines in seen.additions.values() for line in lines}
    assert statuses == {"Active", "Cancelled", "Inactive"}
    [backup] = [line for line in seen.lines("EASTGATE") if line["product"]["identifier"] == "609"]
    assert backup["cancelledDate"][:10] > seen.effective
    [voice] = [line for line in seen.lines("FERN") if line["product"]["identifier"] == "608"]
    assert voice["effectiveDate"][:10] > seen.effective
    assert "608" not in seen.in_force("FERN")
    [desktop] = [line for line in seen.lines("CEDAR") if line["product"]["identifier"] == "606"]
    assert (desktop["quantity"], desktop["lessIncluded"], desktop["billedQuantity"]) == (25.0, 3.0, 22.0)
    assert "DoNotBill" in {line["billCustomer"] for line in seen.lines("HARBOUR")}
    assert seen.agreements_of("KAURI")[0]["prorateFlag"] is True
    assert seen.agreements_of("OAK")[0]["billingCycle"]["name"] == "Yearly"


def test_what_was_removed_or_was_never_billed(seen: Seen) -> None:
    assert seen.in_force("SILVER")["608"] == 6.0
    assert "608" not in seen.skus("SILVER")
    assert seen.skus("BYGONE") == {}
    assert seen.in_force("BYGONE") == {"601": 4.0, "609": 3.0}
    assert seen.in_force("LAKES")["608"] == 4.0
    assert seen.in_force("TIAKI") == {"603": 0.0, "612": 0.0}


def test_quantities_costs_and_invoices_that_need_a_look(seen: Seen) -> None:
    assert (seen.skus("FRACT")["613"], seen.in_force("FRACT")["613"]) == (2.5, 2.0)
    assert (seen.skus("NEGAT")["610"], seen.in_force("NEGAT")["610"]) == (-1, 1.0)
    costs = {line["product"]["identifier"]: line["unitCost"] for line in seen.lines("RATA")}
    assert all(cost < seen.products[sku]["cost"] for sku, cost in costs.items())
    posted, usual = (seen.recap[seen.agreements_of(code)[0]["id"]] for code in ("MERID", "ASP"))
    assert posted["lastInvoiceDate"][:10] > seen.effective > usual["lastInvoiceDate"][:10]


def books(world: World) -> bytes:
    state = world.connectwise
    records: list[Any] = [record.values for kind in state.records.values() for record in kind.values()]
    return msgspec.json.encode([records, [line.stored() for line in state.additions.values()]], enc_hook=str, order="deterministic")


@pytest.mark.parametrize("name", ["demo", "sized:20x4"])
def test_the_same_seed_and_day_give_the_same_books(name: str) -> None:
    first, second = (World(scenario(name), seed=5, today=DAYS[0]) for _ in range(2))
    assert books(first) == books(second)
    assert first.connectwise.user.private_key != World(scenario(name), seed=6, today=DAYS[0]).connectwise.user.private_key


def test_worlds_of_any_size_hold_the_same_on_both_sides() -> None:
    world = World(scenario("sized:7x3"), today=DAYS[0])
    state = world.connectwise
    assert (len(state.additions), len(state.records["Agreement"])) == (21, 7)
    carried = [line.quantity for line in state.additions.values()]
    assert carried == [line.units_on(DAYS[0]) * 10_000 for line in world.autotask.lines.values()]
    identifiers = {record.get("identifier") for record in state.records["Company"].values()}
    assert {customer.identifier for customer in world.atria.customers.values()} == identifiers
