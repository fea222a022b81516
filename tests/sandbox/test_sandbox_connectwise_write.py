"""Writing to the simulated ConnectWise PSA, and that the ledger holds every commit."""

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from reconcile_app.sandbox.ledger import Entry
from tests.fakes.sandbox_connectwise import ConnectWiseClient, SmallTenant, connectwise_sandbox

TODAY = date(2026, 12, 3)
MAY_MOVE = {"quantity", "billedQuantity", "extPrice", "extCost", "margin", "extendedProratePrice", "extendedProrateCost", "_info"}


@pytest.fixture
def small() -> Iterator[SmallTenant]:
    with connectwise_sandbox("empty", seed=2, today=TODAY, ticking=False) as box:
        yield SmallTenant(box)


@pytest.fixture
def connectwise(small: SmallTenant) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(small.box) as client:
        yield client


def test_a_patch_of_the_quantity_changes_it_and_what_follows_from_it(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    before = connectwise.get(small.line)
    answer = connectwise.patch(small.line, ("replace", "quantity", 42))
    after = answer.json()
    assert answer.status_code == 200
    assert after == connectwise.get(small.line)
    assert {name for name in before if before[name] != after[name]} <= MAY_MOVE
    assert (after["quantity"], after["extPrice"], after["extCost"], after["margin"]) == (42.0, 525.0, 298.2, 226.8)
    assert after["_info"] == {"lastUpdated": "2026-12-03T12:00:00Z", "updatedBy": "Reconcile"}
    assert before["_info"]["updatedBy"] == "jdoe"


def test_the_ledger_says_who_wrote_what(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    answer = connectwise.patch(small.line, ("replace", "quantity", 42))
    [entry] = small.box.ledger.entries
    assert isinstance(entry, Entry)
    assert (entry.kind, entry.line, entry.before, entry.after) == ("set_quantity", str(small.lines[0].id), 400_000, 420_000)
    assert (entry.actor, entry.product, entry.note, entry.effective_date) == ("us", "connectwise", "quantity", None)
    assert entry.body_sha256 == hashlib.sha256(answer.request.content).hexdigest()
    assert entry.path == f"/v4_6_release/apis/3.0{small.line}"
    assert entry.connection.startswith("connectwise-")


@pytest.mark.parametrize(
    ("value", "stored"), [(0, 0), (2.5, 25_000), ("17.25", 172_500), (40, 400_000), (-3, -30_000), (0.0001, 1), (None, None)]
)
def test_quantities_that_are_taken(small: SmallTenant, connectwise: ConnectWiseClient, value: object, stored: int | None) -> None:
    assert connectwise.patch(small.line, ("replace", "/quantity", value)).status_code == 200
    assert small.lines[0].quantity == stored
    assert small.entries() == [("set_quantity", "us", 400_000, stored)]
    assert ("quantity" in connectwise.get(small.line)) == (stored is not None)


@pytest.mark.parametrize("value", [True, "many", "NaN", [1], {"a": 1}, 1e15])
def test_quantities_of_the_wrong_type_are_a_500(small: SmallTenant, connectwise: ConnectWiseClient, value: object) -> None:
    status, code, message = connectwise.refusal("PATCH", small.line, [{"op": "replace", "path": "quantity", "value": value}])
    assert (status, code) == (500, "ConnectWiseApi")
    assert message.startswith("Error converting value")
    assert small.entries() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"op": "replace", "path": "quantity", "value": 1}, 400),
        ([1], 400),
        ([{"op": "move", "path": "quantity", "value": 1}], 400),
        ([{"op": "REPLACE", "path": "quantity", "value": 1}], 400),
        ([{"op": "replace", "value": 1}], 400),
        ([{"op": "replace", "path": "Quantity", "value": 1}], 400),
        ([{"op": "replace", "path": "colour", "value": 1}], 400),
        ([{"op": "replace", "path": "billCustomer", "value": "Sometimes"}], 500),
        ([{"op": "remove", "path": "billCustomer"}], 400),
        ([{"op": "replace", "path": "product", "value": {"id": 9}}], 400),
        ([{"op": "replace", "path": "product", "value": 9}], 500),
        ([{"op": "replace", "path": "serialNumber", "value": "x" * 51}], 400),
        ([{"op": "replace", "path": "serialNumber", "value": 5}], 500),
        ([{"op": "replace", "path": "taxableFlag", "value": "yes"}], 500),
        ([{"op": "replace", "path": "effectiveDate", "value": "soon"}], 500),
        ([{"op": "replace", "path": "effectiveDate", "value": "2025-12-31T00:00:00Z"}], 400),
        ([{"op": "replace", "path": "cancelledDate", "value": "2025-12-31"}], 400),
        ([{"op": "replace", "path": "quantity", "value": 1}, {"op": "replace", "path": "colour", "value": 1}], 400),
    ],
)
def test_patches_that_are_refused_store_nothing(small: SmallTenant, connectwise: ConnectWiseClient, body: Any, status: int) -> None:
    before = connectwise.get(small.line)
    assert connectwise.call("PATCH", small.line, body).status_code == status
    assert (connectwise.get(small.line), small.entries()) == (before, [])


def test_a_refusal_names_field_and_resource(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    answer = connectwise.call("POST", small.list, {"quantity": 1})
    assert answer.json() == {
        "code": "InvalidObject",
        "message": "addition object is invalid",
        "errors": [
            {"code": "MissingRequiredField", "message": f"The {name} field is required.", "resource": "addition", "field": name}
            for name in ("product", "billCustomer")
        ],
    }


def test_what_the_server_works_out_is_passed_over(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    answer = connectwise.patch(small.line, ("replace", "extPrice", 1), ("replace", "id", 5), ("replace", "agreementId", 9))
    assert (answer.status_code, answer.json()["extPrice"], small.entries()) == (200, 500.0, [])


def test_cancel_and_take_back(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    for operation in (("remove", "cancelledDate"), ("replace", "cancelledDate", None)):
        shown = connectwise.patch(small.line, ("replace", "cancelledDate", "2026-11-30T00:00:00Z")).json()
        assert (shown["cancelledDate"], shown["additionStatus"]) == ("2026-11-30T00:00:00Z", "Cancelled")
        shown = connectwise.patch(small.line, operation).json()
        assert ("cancelledDate" in shown, shown["additionStatus"]) == (False, "Active")
    assert [kind for kind, *_ in small.entries()] == ["cancel_line"] * 4


def test_cost_and_other_members(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.patch(small.line, ("replace", "unitCost", 8.25))
    connectwise.patch(small.line, ("add", "serialNumber", "A-1"), ("replace", "lessIncluded", 5))
    assert small.entries() == [("set_cost", "us", 71_000, 82_500), ("update_line", "us", None, None)]
    shown = connectwise.get(small.line)
    assert (shown["serialNumber"], shown["billedQuantity"], shown["extCost"]) == ("A-1", 35.0, 288.75)


def test_members_can_be_taken_away(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    path = f"/finance/agreements/{small.agreement.id}"
    for where, name, value in ((small.line, "serialNumber", "A-1"), (path, "reasonCancelled", "Moved"), (path, "expiredDays", "3")):
        assert name in connectwise.patch(where, ("add", name, value)).json()
        assert name not in connectwise.patch(where, ("remove", name)).json()
    assert connectwise.patch(path, ("add", "expiredDays", True)).status_code == 500


def test_another_product_brings_its_own_price_unless_pinned(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    small.products[2].values["price"] = 990_000
    shown = connectwise.patch(small.line, ("replace", "product", {"identifier": "SEAT-C"}), ("replace", "unitCost", 3)).json()
    assert (shown["product"]["identifier"], shown["unitPrice"], shown["unitCost"]) == ("SEAT-C", 99.0, 3.0)
    assert (shown["description"], shown["invoiceDescription"]) == ("Seat C", "Seat C")


def test_a_new_line_takes_what_is_missing_from_its_product(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    body = {
        "product": {"id": small.products[2].id},
        "billCustomer": "Billable",
        "quantity": 3,
        "effectiveDate": "2026-11-15T00:00:00Z",
    }
    answer = connectwise.call("POST", small.list, body)
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{connectwise.root}{small.list}/{made['id']}")
    assert (made["unitPrice"], made["unitCost"], made["invoiceDescription"], made["sequenceNumber"]) == (12.5, 7.1, "Seat C", 3.0)
    assert connectwise.get(f"{small.list}/{made['id']}") == made
    [entry] = small.box.ledger.entries
    assert (entry.kind, entry.line, entry.before, entry.after) == ("create_line", str(made["id"]), None, 30_000)
    assert entry.effective_date == "2026-11-15"


def test_a_line_of_no_agreement(connectwise: ConnectWiseClient) -> None:
    body = {"product": {"identifier": "SEAT-C"}, "billCustomer": "Billable"}
    assert connectwise.refusal("POST", "/finance/agreements/9/additions", body) == (404, "NotFound", "Agreement 9 not found")


def test_a_second_line_of_a_product_is_legal(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    body = {"product": {"identifier": "seat-a"}, "billCustomer": "NoCharge", "unitPrice": 1, "invoiceDescription": "Again"}
    assert connectwise.call("POST", small.list, body).status_code == 201
    lines = connectwise.get(small.list, conditions='product/identifier = "SEAT-A"')
    assert [(line["billCustomer"], line["unitPrice"], line["quantity"]) for line in lines] == [
        ("Billable", 12.5, 40.0),
        ("NoCharge", 1.0, 0.0),
    ]
    assert lines[1]["effectiveDate"] == "2026-12-03T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"effectiveDate": "2025-12-31T00:00:00Z"}, "effectiveDate cannot be less than the agreement billing start date"),
        ({"effectiveDate": "2026-11-30T00:00:00Z"}, "The period of the effectiveDate has already been invoiced."),
        ({"product": {"id": 99}}, "product/id is required."),
        ({"product": {}}, "product/id is required."),
        ({"product": {"identifier": "OLD"}}, "The product OLD cannot be added to an agreement."),
        ({"product": {"identifier": "PACK"}}, "The product PACK cannot be added to an agreement."),
        ({"billCustomer": None}, "The billCustomer field is required."),
    ],
)
def test_lines_that_are_not_made(small: SmallTenant, connectwise: ConnectWiseClient, change: dict[str, Any], told: str) -> None:
    small.state.add_product("OLD", "Old", price=1, cost=1, inactiveFlag=True)
    small.state.add_product("PACK", "Pack", price=1, cost=1, productClass="Bundle")
    small.state.invoice(small.agreement, date(2026, 11, 30))
    body = {"product": {"identifier": "SEAT-C"}, "billCustomer": "Billable", "quantity": 1, "effectiveDate": "2026-12-01T00:00:00Z"}
    status, code, message = connectwise.refusal("POST", small.list, {**body, **change})
    assert (status, code) == (400, "InvalidObject")
    assert message.startswith(told)
    assert small.entries() == []
    small.agreement.values["prorateFlag"] = True
    body["effectiveDate"] = "2026-11-30T00:00:00Z"
    assert connectwise.call("POST", small.list, body).status_code == 201


def test_unknown_members_of_a_body(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    body = {"product": {"identifier": "SEAT-C"}, "billCustomer": "Billable", "colour": "red"}
    status, code, message = connectwise.refusal("POST", small.list, body)
    assert (status, code) == (400, "ConnectWiseApi")
    assert message.startswith("Could not find member 'colour' on object of type 'Addition'. Path 'colour', line 1, position ")
    assert ".Please ensure that you have specified the correct version in the accept header" in message
    connectwise.control("switch", unknown_member="ignored")
    assert connectwise.call("POST", small.list, body).status_code == 201


def test_put_replaces_everything(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    body = {"product": {"id": small.products[0].id}, "billCustomer": "Billable", "quantity": 9, "agreementId": 5}
    shown = connectwise.call("PUT", small.line, body).json()
    assert (shown["id"], shown["agreementId"], shown["quantity"]) == (small.lines[0].id, small.agreement.id, 9.0)
    assert not {"unitPrice", "unitCost", "effectiveDate", "invoiceDescription", "lessIncluded", "extPrice"} & set(shown)
    assert small.entries() == [("set_quantity", "us", 400_000, 90_000)]
    assert connectwise.call("PUT", small.line, {"quantity": 1}).status_code == 400
    assert connectwise.refusal("PUT", f"/finance/agreements/{small.agreement.id}", {"name": "X"})[2].endswith("is required.")


def test_delete_takes_the_line_away(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    answer = connectwise.call("DELETE", small.line)
    assert (answer.status_code, answer.content) == (204, b"")
    assert connectwise.refusal("GET", small.line) == (404, "NotFound", f"Addition {small.lines[0].id} not found")
    assert connectwise.call("PATCH", small.line, [{"op": "replace", "path": "quantity", "value": 1}]).status_code == 404
    assert small.entries() == [("delete_line", "us", 400_000, None)]
    assert len(connectwise.get(small.list)) == 1


def test_agreements_products_and_companies_are_written_too(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    path = f"/finance/agreements/{small.agreement.id}"
    shown = connectwise.patch(path, ("replace", "cancelledFlag", True), ("add", "reasonCancelled", "Moved")).json()
    assert (shown["agreementStatus"], shown["reasonCancelled"], shown["_info"]["updatedBy"]) == ("Cancelled", "Moved", "Reconcile")
    assert connectwise.get(small.line)["agreementStatus"] == "Cancelled"
    body = {"name": "New", "type": {"id": small.kind.id}, "company": {"id": small.company.id}, "contact": {"id": 9}}
    made = connectwise.call("POST", "/finance/agreements", {**body, "startDate": "2027-01-01T00:00:00Z"}).json()
    assert (made["agreementStatus"], made["billingCycle"]["name"]) == ("Inactive", "Monthly")
    item = {"identifier": "NEW", "description": "New", "customerDescription": "New", "type": {"id": 1}, "subcategory": {"id": 1}}
    assert connectwise.call("POST", "/procurement/catalog", item).status_code == 201
    assert connectwise.refusal("POST", "/procurement/catalog", item)[2] == "The identifier NEW exists already."
    assert connectwise.refusal("POST", "/company/companies", {"name": "X"})[2] == "The identifier field is required."
    assert connectwise.call("DELETE", f"/finance/agreements/{made['id']}").status_code == 204
    assert connectwise.call("DELETE", f"/company/companies/{small.company.id}").status_code == 204
    kinds = ["update_agreement", "create_agreement", "create_catalogitem", "delete_agreement", "delete_company"]
    assert [kind for kind, *_ in small.entries()] == kinds


def test_proration_follows_the_agreement_and_the_effective_date(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    small.agreement.values["prorateFlag"] = True
    assert connectwise.get(small.line)["proratePrice"] == 0.0
    connectwise.patch(small.line, ("replace", "effectiveDate", "2026-12-17T00:00:00Z"))
    shown = connectwise.get(small.line)
    # 15 of the 31 days of December are left
    assert (shown["proratePrice"], shown["prorateCost"], shown["extendedProratePrice"]) == (6.05, 3.44, 241.94)
    assert shown["additionStatus"] == "Inactive"
    small.agreement.values["prorateFlag"] = False
    assert connectwise.get(small.line)["extendedProratePrice"] == 0.0
