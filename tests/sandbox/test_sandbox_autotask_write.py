"""Writing to the simulated Autotask, and that the ledger holds every commit."""

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.autotask_state import Contract, Record
from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

TODAY = date(2026, 12, 3)
OUTSIDE = (
    "ContractServiceAdjustment effectiveDate must be between the start date and end date of the Contract referenced by contractID."
)
REFERENCE = "Reference value on field: {} of type: {} does not exist or is invalid."
DUPLICATE = "Attempt to insert duplicate data into contract_service_period"


class Small:
    """One company with one contract, two services on it, two that are not."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.state = box, box.world.autotask
        self.company = self.state.add_company("Aspen Street")
        self.contract: Contract = self.state.add_contract(
            self.company, "Cloud", start=date(2026, 1, 26), end=date(2027, 1, 25), contractNumber="C-1"
        )
        self.services: list[Record] = [
            self.state.add_service(name, price=10 * SCALE, cost=6 * SCALE, active=name != "Old") for name in ("A", "B", "C", "Old")
        ]
        self.lines = [self.state.add_line(self.contract, service, 10) for service in self.services[:2]]
        self.support = self.state.add_contract(self.company, "T&M", start=date(2026, 1, 1), end=date(2026, 12, 31), contract_type=1)
        self.url = f"Contracts/{self.contract.id}/ServiceAdjustments"

    def body(self, change: int | None = 2, day: str = "2026-11-26", **fields: Any) -> dict[str, Any]:
        return {"contractServiceID": self.lines[0].id, "unitChange": change, "effectiveDate": day, **fields}


@pytest.fixture
def small() -> Iterator[Small]:
    with Sandbox("empty", seed=2, today=TODAY) as box:
        yield Small(box)


@pytest.fixture
def autotask(small: Small) -> Iterator[AutotaskClient]:
    with AutotaskClient(small.box) as client:
        yield client


@pytest.mark.parametrize("day", ["2026-11-26", "2026-11-26T00:00:00", "2026-11-26T23:59:59Z", "20261126T000000"])
def test_an_adjustment_answers_null_and_is_in_force_from_its_day(small: Small, autotask: AutotaskClient, day: str) -> None:
    answer = autotask.call("POST", small.url, small.body(3, day))
    assert (answer.status_code, answer.content) == (200, b'{"itemId":null}')
    filters = [{"op": "eq", "field": "contractServiceID", "value": small.lines[0].id}]
    units = [row["units"] for row in autotask.items("ContractServiceUnits", filters)]
    assert units == [10] * 10 + [13] * 2
    assert [row.units for row in small.lines[1].rows] == [10] * 12
    [entry] = small.box.ledger.entries
    assert (entry.kind, entry.line, entry.before, entry.after) == ("adjustment", str(small.lines[0].id), 100_000, 130_000)
    assert (entry.actor, entry.effective_date, entry.product) == ("us", "2026-11-26", "autotask")
    assert entry.body_sha256 == hashlib.sha256(answer.request.content).hexdigest()
    assert entry.path == f"/ATServicesRest/V1.0/{small.url}"
    assert entry.connection.startswith("autotask-")


def test_an_adjustment_leaves_a_note_on_the_contract(small: Small, autotask: AutotaskClient) -> None:
    autotask.call("POST", small.url, small.body(-3))
    [note] = autotask.call("GET", f"Contracts/{small.contract.id}/Notes").json()["items"]
    assert note["description"] == "A: 10 -> 7 units, effective 2026-11-26"
    assert note["creatorResourceID"] == 29_682_885
    assert note["createDateTime"].startswith("2026-12-03T12:00:")


def test_the_root_route_takes_contract_and_service(small: Small, autotask: AutotaskClient) -> None:
    body = {"contractID": small.contract.id, "serviceID": small.services[0].id, "unitChange": 1, "effectiveDate": "2026-11-26"}
    assert autotask.call("POST", "contractserviceadjustments", body).status_code == 200
    assert small.lines[0].units_on(TODAY) == 11


def test_a_missing_line_is_made_by_its_first_adjustment(small: Small, autotask: AutotaskClient) -> None:
    body = {"serviceID": small.services[2].id, "unitChange": 4, "effectiveDate": "2026-12-01"}
    assert autotask.call("POST", small.url, body).json() == {"itemId": None}
    made = autotask.items("ContractServices", [{"op": "eq", "field": "serviceID", "value": small.services[2].id}])
    assert [(line["contractID"], line["unitPrice"], line["internalCurrencyAdjustedPrice"]) for line in made] == [
        (small.contract.id, 10.0, 10.0)
    ]
    rows = autotask.items("ContractServiceUnits", [{"op": "eq", "field": "contractServiceID", "value": made[0]["id"]}])
    assert [(row["startDate"][:10], row["units"]) for row in rows] == [("2026-12-01", 4), ("2026-12-26", 4)]
    assert [(entry.kind, entry.before, entry.after) for entry in small.box.ledger.entries] == [("create_line", None, 40_000)]


def test_a_second_line_of_the_same_service_only_when_allowed(small: Small, autotask: AutotaskClient) -> None:
    body = {"serviceID": small.services[0].id, "unitChange": 4, "effectiveDate": "2026-11-26", "allowRepeatService": True}
    autotask.call("POST", small.url, body)
    assert [line.item_id for line in small.contract.lines].count(small.services[0].id) == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"effectiveDate": "2027-01-26"}, OUTSIDE),
        ({"effectiveDate": "2026-01-25"}, OUTSIDE),
        ({"effectiveDate": None}, "Missing Required Field: effectiveDate."),
        ({"effectiveDate": "now"}, "Unexpected character encountered while parsing value: n"),
        ({"unitChange": None}, "Missing Required Field: unitChange."),
        ({"unitChange": 2.5}, "Unexpected character encountered while parsing value: 2"),
        ({"unitChange": True}, "Unexpected character encountered while parsing value: T"),
        ({"unitChange": -11}, "ContractServiceAdjustment unitChange must not make the units of a period negative."),
        ({"contractServiceID": 5}, REFERENCE.format("contractServiceID", "ContractService")),
        ({"contractID": 5}, REFERENCE.format("contractID", "Contract")),
        ({"serviceID": 5}, REFERENCE.format("serviceID", "Service")),
        ({"contractServiceID": None}, "Either contractServiceID, or contractID and serviceID, must be given."),
    ],
)
def test_what_an_adjustment_may_not_say(small: Small, autotask: AutotaskClient, change: dict[str, Any], text: str) -> None:
    status, error = autotask.refusal("POST", small.url, {**small.body(), **change})
    assert status == 500
    assert error.startswith(text)
    assert not small.box.ledger.entries
    assert small.lines[0].units_on(TODAY) == 10


def test_references_must_fit_together(small: Small, autotask: AutotaskClient) -> None:
    missing = autotask.refusal("POST", "Contracts/5/ServiceAdjustments", small.body())
    assert missing[1].startswith("Reference value on field: contractID of type: Contract")
    other = small.body(serviceID=small.services[1].id)
    assert autotask.refusal("POST", small.url, other)[1].startswith("Reference value on field: contractServiceID")
    inactive = {"serviceID": small.services[3].id, "unitChange": 1, "effectiveDate": "2026-11-26"}
    assert autotask.refusal("POST", small.url, inactive)[1].startswith("Reference value on field: serviceID of type: Service")
    plain = {"serviceID": small.services[2].id, "unitChange": 1, "effectiveDate": "2026-11-26"}
    refused = autotask.refusal("POST", f"Contracts/{small.support.id}/ServiceAdjustments", plain)
    assert refused[1] == "The Contract referenced by contractID must be of type Recurring Service."
    assert not small.box.ledger.entries


def test_a_price_alone_can_change(small: Small, autotask: AutotaskClient) -> None:
    autotask.call("POST", small.url, small.body(0, adjustedUnitPrice=12.5, adjustedUnitCost=7))
    rows = autotask.items("ContractServiceUnits", [{"op": "eq", "field": "contractServiceID", "value": small.lines[0].id}])
    assert [(row["price"], row["cost"]) for row in rows[-3:]] == [(100.0, 60.0), (125.0, 70.0), (125.0, 70.0)]


def test_a_line_by_itself_has_no_units_until_its_first_adjustment(small: Small, autotask: AutotaskClient) -> None:
    body = {"serviceID": small.services[2].id, "invoiceDescription": "Seats", "unitCost": 5.5}
    line = autotask.call("POST", f"Contracts/{small.contract.id}/Services", body).json()["itemId"]
    assert autotask.items("ContractServiceUnits", [{"op": "eq", "field": "contractServiceID", "value": line}]) == []
    item = autotask.call("GET", f"ContractServices/{line}").json()["item"]
    assert (item["invoiceDescription"], item["unitCost"], item["contractID"]) == ("Seats", 5.5, small.contract.id)
    autotask.call("POST", small.url, small.body(2, contractServiceID=line))
    assert small.state.lines[line].units_on(TODAY) == 2
    assert [entry.kind for entry in small.box.ledger.entries] == ["create_line", "adjustment"]


def test_a_cost_is_patched_under_the_contract(small: Small, autotask: AutotaskClient) -> None:
    url, line = f"Contracts/{small.contract.id}/Services", small.lines[0].id
    assert autotask.call("PATCH", url, {"id": line, "unitCost": 6.25, "unitPrice": 1}).json() == {"itemId": line}
    item = autotask.call("GET", f"ContractServices/{line}").json()["item"]
    assert (item["unitCost"], item["unitPrice"]) == (6.25, 10.0)
    [entry] = small.box.ledger.entries
    assert (entry.kind, entry.before, entry.after) == ("set_cost", 60_000, 62_500)
    assert autotask.refusal("PATCH", url, {"id": 5, "unitCost": 1})[1].startswith("No matching records found.")
    assert autotask.refusal("PATCH", f"Contracts/{small.support.id}/Services", {"id": line})[1].startswith("No matching records")
    assert autotask.refusal("PATCH", url, {"unitCost": 1})[1] == "Missing Required Field: id."
    assert autotask.refusal("PATCH", url, {"id": line, "internalDescription": "x" * 101})[1].endswith("maximum length of 100.")
    autotask.control("permission", {"sees_costs": False})
    autotask.call("PATCH", url, {"id": line, "unitCost": 9, "invoiceDescription": "Seats"})
    assert small.lines[0].unit_cost == 62_500
    assert small.lines[0].invoice_description == "Seats"


def test_the_end_of_a_contract_moves_its_rows(small: Small, autotask: AutotaskClient) -> None:
    number = small.contract.id
    assert autotask.call("PATCH", "Contracts", {"id": number, "endDate": "2027-03-25"}).json() == {"itemId": number}
    assert [row.end for row in small.lines[0].rows][-2:] == [date(2027, 2, 25), date(2027, 3, 25)]
    small.box.call(lambda: small.state.approve_and_post(small.contract, date(2026, 10, 26)))
    text = autotask.refusal("PATCH", "Contracts", {"id": number, "endDate": "2026-09-25"})[1]
    assert text.startswith("Unable to make changes as it would result in the deletion/modification of an already approved")
    early = autotask.refusal("PATCH", "Contracts", {"id": number, "endDate": "2025-01-01"})
    assert early[1] == "endDate must be later than startDate."
    assert autotask.refusal("PATCH", "Contracts", {"id": 5})[1].startswith("No matching records found.")
    nameless = autotask.refusal("PATCH", "Contracts", {"id": number, "contractName": None})
    assert nameless[1] == "Missing Required Field: contractName."
    autotask.call("PATCH", "Contracts", {"id": number, "description": "kept", "contractType": 1})
    assert (small.contract.values["description"], small.contract.values["contractType"]) == ("kept", 7)


def test_posting_makes_billing_items(small: Small, autotask: AutotaskClient) -> None:
    assert autotask.control("post", {"contract": small.contract.id, "through": "2026-02-01"}) == {"billing_items": 2}
    items = autotask.items("BillingItems", [{"op": "eq", "field": "contractID", "value": small.contract.id}])
    rows = autotask.items("ContractServiceUnits", [{"op": "exist", "field": "approveAndPostDate"}])
    assert {item["contractServicePeriodID"] for item in items} == {row["id"] for row in rows}
    assert [(item["quantity"], item["rate"], item["extendedPrice"]) for item in items] == [(10.0, 10.0, 100.0)] * 2
    patched = autotask.call("PATCH", "BillingItems", {"id": items[0]["id"], "webServiceDate": "2026-12-03", "rate": 5})
    assert patched.status_code == 200
    changed = autotask.call("GET", f"BillingItems/{items[0]['id']}").json()["item"]
    assert (changed["webServiceDate"], changed["rate"]) == ("2026-12-03T00:00:00Z", 10.0)


def test_records_can_be_created_patched_and_put(small: Small, autotask: AutotaskClient) -> None:
    contract = {
        "companyID": small.company.id,
        "contractName": "New",
        "contractType": 7,
        "contractPeriodType": 2,
        "status": 1,
        "startDate": "2026-11-26",
        "endDate": "2027-11-25",
        "timeReportingRequiresStartAndStopTimes": 0,
    }
    made = autotask.call("POST", "Contracts", contract).json()["itemId"]
    assert small.state.contracts[made].term.periods[0].start == date(2026, 11, 26)
    note = {"title": "Reconciled", "description": "Run 1"}
    assert autotask.call("POST", f"Contracts/{made}/Notes", note).status_code == 200
    assert autotask.call("GET", f"Contracts/{made}/Notes").json()["items"][0]["title"] == "Reconciled"
    service = {"name": "D", "billingCodeID": 29_683_278, "periodType": 2, "unitPrice": 4.2, "sku": "D-1"}
    number = autotask.call("POST", "Services", service).json()["itemId"]
    autotask.call("PUT", "Services", {"id": number, "name": "D2", "unitPrice": 5, "billingCodeID": 29_683_278})
    item = autotask.call("GET", f"Services/{number}").json()["item"]
    assert (item["name"], item["sku"], item["unitPrice"], item["isActive"]) == ("D2", None, 5.0, None)
    missing = autotask.call("POST", "Services", {"name": "E"}).json()["errors"]
    assert missing == [f"Missing Required Field: {name}." for name in ("billingCodeID", "periodType", "unitPrice")]
    wrong = autotask.refusal("POST", "Services", {**service, "billingCodeID": 1})[1]
    assert wrong == "Reference value on field: billingCodeID of type: BillingCode does not exist or is invalid."
    assert autotask.refusal("PATCH", "Companies", {"id": 5})[1].startswith("No matching records found.")
    assert autotask.refusal("PATCH", "Companies", {"id": 0, "companyName": 3})[1].startswith("Unexpected character")
    kinds = [entry.kind for entry in small.box.ledger.entries]
    assert kinds == ["create_contract", "create_contractnote", "create_service", "update_service"]


def test_bundles_work_like_services(small: Small, autotask: AutotaskClient) -> None:
    bundle = small.box.call(lambda: small.state.add_bundle("Workplace", price=50 * SCALE))
    body = {"serviceBundleID": bundle.id, "adjustedPrice": 45}
    line = autotask.call("POST", f"Contracts/{small.contract.id}/ServiceBundles", body).json()["itemId"]
    change = {"contractServiceBundleID": line, "unitChange": 3, "effectiveDate": "2026-11-26", "adjustedUnitPrice": 1}
    assert autotask.call("POST", f"Contracts/{small.contract.id}/ServiceBundleAdjustments", change).status_code == 200
    rows = autotask.call("GET", f"Contracts/{small.contract.id}/ServiceBundleUnits").json()["items"]
    assert [(row["units"], row["price"]) for row in rows] == [(3, 135.0), (3, 135.0)]
    autotask.call("PATCH", f"Contracts/{small.contract.id}/ServiceBundles", {"id": line, "adjustedPrice": 40})
    assert autotask.call("GET", f"ContractServiceBundles/{line}").json()["item"]["adjustedPrice"] == 40.0
    assert len(autotask.items("ContractServices", EVERYTHING)) == 2
    assert [entry.kind for entry in small.box.ledger.entries] == ["create_line", "adjustment", "update_line"]
    posted = small.box.call(lambda: small.state.approve_and_post(small.contract, date(2026, 12, 1)))
    assert posted[-1].values["contractServiceBundlePeriodID"] == rows[0]["id"]


def test_another_user_changes_and_removes_lines(small: Small, autotask: AutotaskClient) -> None:
    assert autotask.control("adjust", {"line": small.lines[0].id, "change": 5, "date": "2026-11-26"}) == {"units": 15}
    note = autotask.call("GET", f"Contracts/{small.contract.id}/Notes").json()["items"][0]
    assert note["creatorResourceID"] == 29_682_901
    refused = autotask.http.post(
        autotask.root.split("/ATS")[0] + "/__sim/adjust", json={"line": small.lines[0].id, "change": -50, "date": "2026-12-01"}
    )
    assert refused.status_code == 400
    autotask.control("remove-line", {"line": small.lines[1].id})
    assert len(autotask.items("ContractServices", EVERYTHING)) == 1
    ledger = autotask.control("ledger")
    assert [(entry["actor"], entry["kind"]) for entry in ledger] == [("other", "adjustment"), ("other", "remove_line")]
    assert autotask.refusal("POST", small.url, small.body(1, contractServiceID=small.lines[1].id))[0] == 500


def test_the_undo_of_a_change_comes_on_another_day(small: Small, autotask: AutotaskClient) -> None:
    autotask.call("POST", small.url, small.body(4))
    assert DUPLICATE in autotask.refusal("POST", small.url, small.body(-4))[1]
    assert autotask.call("POST", small.url, small.body(-4, "2026-11-27")).status_code == 200
    assert small.lines[0].units_on(TODAY) == 10
