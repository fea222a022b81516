"""Every switch of the simulated ConnectWise PSA: what its sources leave open, in each of its forms."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_app.sandbox.connectwise_state import SWITCHES
from tests.fakes.sandbox_connectwise import ConnectWiseClient, SmallTenant, connectwise_sandbox

TODAY = date(2026, 12, 3)
TEST_WRONG = [{"op": "test", "path": "quantity", "value": 39}, {"op": "replace", "path": "quantity", "value": 42}]
TEST_RIGHT = [{"op": "test", "path": "quantity", "value": 40.0}, {"op": "replace", "path": "quantity", "value": 42}]


@pytest.fixture
def small() -> Iterator[SmallTenant]:
    with connectwise_sandbox("empty", seed=2, today=TODAY) as box:
        yield SmallTenant(box)


@pytest.fixture
def connectwise(small: SmallTenant) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(small.box) as client:
        yield client


@pytest.mark.parametrize(
    ("answer", "wrong", "right", "quantity"),
    [
        ("refused", 400, 400, 400_000),
        ("ignored", 200, 200, 420_000),
        ("honored", 409, 200, 420_000),
        ("honored_400", 400, 200, 420_000),
    ],
)
def test_the_test_operation(
    small: SmallTenant, connectwise: ConnectWiseClient, answer: str, wrong: int, right: int, quantity: int
) -> None:
    connectwise.control("switch", patch_test=answer)
    assert connectwise.call("PATCH", small.line, TEST_WRONG).status_code == wrong
    assert (small.lines[0].quantity == 400_000) == (wrong != 200)
    small.lines[0].quantity = 400_000
    assert connectwise.call("PATCH", small.line, TEST_RIGHT).status_code == right
    assert small.lines[0].quantity == quantity


def test_a_test_alone_writes_nothing(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", patch_test="honored")
    assert connectwise.call("PATCH", small.line, TEST_RIGHT[:1]).status_code == 200
    assert connectwise.call("PATCH", small.line, [{"op": "test", "path": "quantity", "value": "x"}]).status_code == 500
    assert small.entries() == []


def test_operations_before_a_failing_one_may_stay(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", patch_part="stored")
    assert connectwise.patch(small.line, ("replace", "quantity", 42), ("replace", "colour", 1)).status_code == 400
    assert small.entries() == [("set_quantity", "us", 400_000, 420_000)]
    assert connectwise.patch(small.line, ("replace", "colour", 1)).status_code == 400
    assert len(small.entries()) == 1


def test_slashes_in_a_path(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", patch_slash="refused")
    assert connectwise.patch(small.line, ("replace", "/quantity", 42)).status_code == 400
    assert connectwise.patch(small.line, ("replace", "quantity", 42)).status_code == 200


@pytest.mark.parametrize(
    ("rule", "status", "product"), [("ignored", 200, "SEAT-A"), ("applied", 200, "SEAT-C"), ("refused", 400, "SEAT-A")]
)
def test_a_path_into_a_reference(small: SmallTenant, connectwise: ConnectWiseClient, rule: str, status: int, product: str) -> None:
    connectwise.control("switch", patch_reference=rule)
    assert connectwise.patch(small.line, ("replace", "product/identifier", "SEAT-C")).status_code == status
    assert connectwise.get(small.line)["product"]["identifier"] == product
    assert len(small.entries()) == (rule == "applied")
    assert connectwise.patch(small.line, ("replace", "product/color", 1)).status_code == 400


def test_a_path_into_custom_fields(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    fields = [{"id": 1, "caption": "Ref", "type": "Text", "value": "a"}]
    assert connectwise.patch(small.line, ("replace", "customFields", fields)).status_code == 200
    assert connectwise.patch(small.line, ("replace", "customFields/0/value", "b")).json()["customFields"][0]["value"] == "b"
    assert connectwise.patch(small.line, ("replace", "customFields/1/value", "b")).status_code == 400


def test_the_status_of_an_addition_may_be_absent(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    assert connectwise.get(small.line)["additionStatus"] == "Active"
    connectwise.control("switch", addition_status="absent")
    assert "additionStatus" not in connectwise.get(small.line)


def test_conditions_on_products_and_on_what_is_worked_out(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    by_product = {"conditions": f"product/id = {small.products[0].id}"}
    by_status = {"conditions": 'agreementStatus = "Active"'}
    assert len(connectwise.get(small.list, **by_product)) == 1
    assert connectwise.call("GET", "/finance/agreements", params=by_status).status_code == 400
    connectwise.control("switch", product_condition="refused", derived_condition="supported")
    assert connectwise.refusal("GET", small.list, params=by_product)[1] == "ApiFindCondition"
    assert len(connectwise.get("/finance/agreements", **by_status)) == 1
    assert len(connectwise.get(small.list, conditions="extPrice = 500")) == 2


def test_a_site_that_trips_over_dates(connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", condition_dates="self_hosted")
    assert len(connectwise.get("/finance/agreements", conditions="startDate > [2025-12-31]")) == 1
    assert connectwise.get("/finance/agreements", conditions="startDate >= [2026-01-01]") == []
    full = {"conditions": "startDate > [2025-12-31T00:00:00Z]"}
    assert connectwise.call("GET", "/finance/agreements", params=full).status_code == 400


def test_the_link_of_a_single_page(connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", missing_page_link="empty")
    assert connectwise.call("GET", "/finance/agreements").headers["link"] == ""


def test_the_cancelled_day(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("cancel-line", line=small.lines[0].id)
    for value, bills, status in (("unbilled", False, "Cancelled"), ("billed", True, "Active")):
        connectwise.control("switch", cancelled_day=value)
        assert connectwise.control("line", line=small.lines[0].id)["bills"] is bills
        assert connectwise.get(small.line)["additionStatus"] == status


def test_what_is_included(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    small.lines[0].less_included = 100_000
    shown = connectwise.get(small.line)
    assert (shown["quantity"], shown["billedQuantity"], shown["extPrice"]) == (40.0, 30.0, 375.0)
    connectwise.control("switch", less_included="off_quantity_only")
    shown = connectwise.get(small.line)
    assert (shown["billedQuantity"], shown["extPrice"]) == (30.0, 500.0)
    small.lines[0].less_included = 500_000
    assert connectwise.get(small.line)["billedQuantity"] == 0.0


def test_whether_an_addition_touches_its_agreement(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    path = f"/finance/agreements/{small.agreement.id}"
    for value, who in (("no", "jdoe"), ("yes", "Reconcile")):
        connectwise.control("switch", agreement_touched=value)
        connectwise.patch(small.line, ("replace", "quantity", 1))
        assert connectwise.get(path)["_info"]["updatedBy"] == who


def test_writing_into_an_invoiced_period(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("invoice", agreement=small.agreement.id, through="2026-12-31")
    body = {"product": {"identifier": "SEAT-C"}, "billCustomer": "Billable", "effectiveDate": "2026-12-05T00:00:00Z"}
    assert connectwise.call("POST", small.list, body).status_code == 400
    assert connectwise.patch(small.line, ("replace", "quantity", 41)).status_code == 200
    connectwise.control("switch", invoiced_period="accepted", quantity_after_invoice="refused")
    assert connectwise.call("POST", small.list, body).status_code == 201
    assert connectwise.patch(small.line, ("replace", "quantity", 42)).status_code == 400
    assert connectwise.patch(small.line, ("replace", "quantity", 41)).status_code == 200


def test_a_second_writer(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", second_writer="before")
    assert connectwise.patch(small.line, ("replace", "quantity", 42)).json()["quantity"] == 42.0
    assert small.entries() == [("set_quantity", "other", 400_000, 410_000), ("set_quantity", "us", 410_000, 420_000)]
    connectwise.control("switch", second_writer="after")
    assert connectwise.patch(small.line, ("replace", "quantity", 50)).json()["quantity"] == 50.0
    shown = connectwise.get(small.line)
    assert (shown["quantity"], shown["_info"]["updatedBy"]) == (51.0, "hwhitford")


def test_lost_answers(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", lost_answer="on")
    with pytest.raises(httpx.TransportError):
        connectwise.patch(small.line, ("replace", "quantity", 42))
    assert small.entries() == [("set_quantity", "us", 400_000, 420_000)]
    assert connectwise.get(small.line)["quantity"] == 42.0


def bundle(small: SmallTenant, **more: Any) -> dict[str, Any]:
    request = {
        "Version": "2026.4",
        "SequenceNumber": 1,
        "ResourceType": "addition",
        "ApiRequest": {"ParentId": small.agreement.id, **more},
    }
    missing = {"version": "2026.4", "sequenceNumber": 2, "resourceType": "Addition", "apiRequest": {"parentId": 9}}
    return {"requests": [request, missing]}


def test_bundles(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    body = bundle(small, Filters={"conditions": "quantity > 1"}, Page={"page": 1, "pageSize": 1}, fields="id,quantity")
    first, second = connectwise.call("POST", "/system/bundles", body).json()["results"]
    assert first == {
        "sequenceNumber": 1,
        "resourceType": "addition",
        "entities": [{"id": small.lines[0].id, "quantity": 40.0}],
        "count": 1,
        "version": "2026.4",
        "success": True,
        "statusCode": 200,
    }
    assert (second["success"], second["statusCode"], second["error"]["message"]) == (False, 404, "Agreement 9 not found")
    counted = connectwise.call("POST", "/system/bundles/count", bundle(small)).json()["results"]
    assert [result.get("count") for result in counted] == [2, None]
    connectwise.control("switch", bundle_status="207")
    assert connectwise.call("POST", "/system/bundles", body).status_code == 207
    assert small.entries() == []


def test_bundles_that_are_refused(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("limit", bundle=1)
    assert connectwise.call("POST", "/system/bundles", bundle(small)).status_code == 400
    assert connectwise.call("POST", "/system/bundles", {"requests": 5}).status_code == 400
    connectwise.control("limit", bundle=50)
    connectwise.control("switch", bundles="refused")
    results = connectwise.call("POST", "/system/bundles", bundle(small)).json()["results"]
    assert [result["statusCode"] for result in results] == [400, 400]
    connectwise.control("switch", bundles="supported")
    connectwise.control("permission", function="Agreements", right="inquire", level="None")
    results = connectwise.call("POST", "/system/bundles", bundle(small)).json()["results"]
    assert [result["error"]["code"] for result in results] == ["Security", "Security"]


def test_every_switch_has_a_default_and_takes_nothing_else(connectwise: ConnectWiseClient) -> None:
    assert connectwise.control("switch") == {name: allowed[0] for name, allowed in SWITCHES.items()}
    answer = connectwise.http.post(f"{connectwise.site}/__sim/switch", json={"bundles": "sometimes"})
    assert (answer.status_code, "supported, refused" in answer.json()["error"]) == (400, True)
