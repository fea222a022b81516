"""Answers of the simulated ConnectWise PSA fit the published description of the API."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.fakes.sandbox_connectwise import ConnectWiseClient, Described, connectwise_sandbox, description

LISTS = (
    *("/company/companies", "/company/companies/statuses", "/finance/agreements", "/finance/agreements/types"),
    *("/finance/agreements/types/info", "/finance/agreementrecap/", "/finance/billingCycles", "/finance/invoices"),
    *("/procurement/catalog", "/procurement/catalog/info", "/procurement/categories", "/procurement/subcategories/"),
    *("/procurement/types", "/procurement/unitOfMeasures", "/system/apiMembers", "/system/info", "/system/members"),
    *("/system/myMembers", "/system/mySecurity", "/system/reports", "/system/securityroles"),
)
COUNTS = ("/company/companies/count", "/finance/agreements/count", "/finance/agreements/types/count", "/procurement/catalog/count")


@pytest.fixture(scope="module")
def described() -> Described:
    found = description()
    if found is None:
        pytest.skip("no copy of the published description: set RECONCILE_SHARED to the folder that holds specs/")
    return Described(found)


@pytest.fixture(scope="module")
def connectwise(described: Described) -> Iterator[ConnectWiseClient]:
    with connectwise_sandbox("demo", seed=1, today=date(2026, 12, 3)) as box, ConnectWiseClient(box) as client:
        yield client


def test_the_check_itself_finds_what_does_not_fit(described: Described) -> None:
    addition = {"$ref": "#/components/schemas/Addition"}
    good = {"id": 1, "product": {"id": 2}, "billCustomer": "Billable", "effectiveDate": "2026-01-01T00:00:00Z", "quantity": 1}
    assert described.flaws(good, addition) == []
    for change in (
        {"billCustomer": "Never"},
        {"quantity": "1"},
        {"quantity": True},
        {"effectiveDate": "2026-01-01"},
        {"effectiveDate": None},
        {"color": 1},
        {"product": {"name": 5}},
        {"customFields": [{"id": "x"}]},
    ):
        assert described.flaws({**good, **change}, addition), change
    assert described.flaws({"id": 1}, addition) == ["$.product is missing", "$.billCustomer is missing"]


@pytest.mark.parametrize("path", [*LISTS, *COUNTS])
def test_lists_fit(described: Described, connectwise: ConnectWiseClient, path: str) -> None:
    rows = connectwise.get(path, pageSize=1000)
    assert rows
    assert described.flaws(rows, described.answer("get", path)) == []


def one_agreement(connectwise: ConnectWiseClient) -> int:
    return int(connectwise.get("/finance/agreements", pageSize=1)[0]["id"])


def test_additions_fit_in_every_form(described: Described, connectwise: ConnectWiseClient) -> None:
    lists = "/finance/agreements/{parentId}/additions"
    for agreement in connectwise.every("/finance/agreements", pageSize=1000):
        rows = connectwise.get(f"/finance/agreements/{agreement['id']}/additions", pageSize=1000)
        assert described.flaws(rows, described.answer("get", lists)) == []
    path = f"/finance/agreements/{one_agreement(connectwise)}/additions"
    line = connectwise.get(path)[0]
    body = {"product": {"id": line["product"]["id"]}, "billCustomer": "Billable", "effectiveDate": "2026-12-01T00:00:00Z"}
    made = connectwise.call("POST", path, body)
    assert described.flaws(made.json(), described.answer("post", lists, 201)) == []
    own = f"{path}/{made.json()['id']}"
    for method, sent in (("patch", [{"op": "replace", "path": "quantity", "value": 3}]), ("put", body), ("get", None)):
        answer = connectwise.call(method.upper(), own, sent)
        assert answer.status_code == 200
        assert described.flaws(answer.json(), described.answer(method, lists + "/{id}")) == []
    assert connectwise.get(f"{path}/count").keys() == {"count"}


def test_single_records_fit(described: Described, connectwise: ConnectWiseClient) -> None:
    for path in (
        "/company/companies",
        "/finance/agreements",
        "/finance/agreements/types",
        "/procurement/catalog",
        "/finance/invoices",
    ):
        number = connectwise.get(path, pageSize=1)[0]["id"]
        assert described.flaws(connectwise.get(f"{path}/{number}"), described.answer("get", path + "/{id}")) == []


def test_bundles_reports_and_the_audit_trail_fit(described: Described, connectwise: ConnectWiseClient) -> None:
    number = one_agreement(connectwise)
    asked = [{"sequenceNumber": 1, "resourceType": "addition", "apiRequest": {"parentId": parent}} for parent in (number, 9)]
    told = connectwise.call("POST", "/system/bundles", {"requests": asked}).json()
    for result in told["results"]:
        addition = {"type": "array", "items": {"$ref": "#/components/schemas/Addition"}}
        assert described.flaws(result.pop("entities", []), addition) == []
    assert described.flaws(told, described.answer("post", "/system/bundles")) == []
    report = connectwise.get("/system/reports/Company", pageSize=2)
    assert {kind for column in report["column_definitions"] for kind in column} == {"Company_RecID", "Company_ID", "Company_Name"}
    line = connectwise.get(f"/finance/agreements/{number}/additions")[0]["id"]
    connectwise.control("set-quantity", line=line, quantity=5)
    entries = connectwise.get("/system/audittrail", type="AgreementAddition", id=line)
    assert entries
    assert described.flaws(entries, described.answer("get", "/system/audittrail")) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/finance/agreements/9", None),
        ("GET", "/finance/agreements?conditions=colour=1", None),
        ("GET", "/finance/colours", None),
        ("DELETE", "/system/info", None),
        ("POST", "/procurement/catalog", {}),
    ],
)
def test_refusals_fit(described: Described, connectwise: ConnectWiseClient, method: str, path: str, body: Any) -> None:
    answer = connectwise.call(method, path, body)
    assert answer.status_code in {400, 404, 405}
    assert described.flaws(answer.json(), {"$ref": "#/components/schemas/ErrorResponseMessage"}) == []
