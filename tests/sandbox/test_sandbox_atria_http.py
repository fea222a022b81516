"""The simulated Atria over HTTP: paths, sign-in, filters, the two layers."""

from collections.abc import Iterator
from datetime import date

import pytest

from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import AtriaClient

TODAY = date(2026, 12, 3)
CLOSED = "/api/Billing/2026-11-25"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("demo", seed=3, today=TODAY) as running:
        yield running


@pytest.fixture
def atria(box: Sandbox) -> Iterator[AtriaClient]:
    with AtriaClient(box) as client:
        yield client


def test_parameters_list_every_period_and_customer(atria: AtriaClient) -> None:
    answer = atria.get("/api/Billing/parameters")
    assert answer["billingPeriods"][-1]["startDate"] == "2026-11-26T00:00:00"
    assert answer["billingPeriods"][-2]["endDate"] == "2026-11-25T00:00:00"
    codes = [customer["customerCode"] for customer in answer["customers"]]
    assert codes == sorted(codes)
    assert {customer["customerCode"]: customer["customerAccountCode"] for customer in answer["customers"]}["MAPLE"] is None


@pytest.mark.parametrize("path", ["/api/billing/2026-11-25/invoice", "/API/BILLING/2026-11-25T00:00:00/Invoice/"])
def test_paths_and_dates_are_read_generously(atria: AtriaClient, path: str) -> None:
    assert atria.get(path) == atria.get(f"{CLOSED}/invoice")


def test_a_date_that_ends_no_period_gives_nothing(atria: AtriaClient) -> None:
    assert atria.get("/api/Billing/2026-11-24/invoice") == []


def test_a_value_that_cannot_be_read_is_a_problem(atria: AtriaClient) -> None:
    for path, name in (("/api/Billing/tomorrow/invoice", "endDate"), (f"{CLOSED}?billable=perhaps", "billable")):
        answer = atria.http.get(atria.root + path, headers=atria.headers)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert list(answer.json()["errors"]) == [name]


def test_unknown_paths_and_methods(atria: AtriaClient) -> None:
    assert atria.call("/api/Billing/2026-11-25/everything").status_code == 404
    assert atria.call("/api/other").status_code == 404
    assert atria.call("/API/api/Billing/parameters").status_code == 404
    assert atria.http.post(f"{atria.root}{CLOSED}/invoice", headers=atria.headers).status_code == 405


@pytest.mark.parametrize(
    ("header", "order", "status", "challenge"),
    [
        ({}, {}, 401, "Bearer"),
        ({"Authorization": "Bearer nonsense"}, {}, 401, "Bearer"),
        ({"Authorization": "Basic abc"}, {}, 401, "Bearer"),
        (None, {"enabled": False}, 401, "Bearer"),
        (None, {"deleted": True}, 401, "Bearer"),
        (None, {"expired": True}, 401, 'Bearer error="invalid_token"'),
        (None, {"developer": False}, 403, None),
    ],
)
def test_who_may_not_read(
    atria: AtriaClient, header: dict[str, str] | None, order: dict[str, bool], status: int, challenge: str | None
) -> None:
    if order:
        atria.control("token", order)
    answer = atria.call("/api/Billing/parameters", headers=header)
    assert (answer.status_code, answer.headers.get("www-authenticate"), answer.content) == (status, challenge, b"")


def test_summary_filters_and_groups(atria: AtriaClient) -> None:
    total = atria.get(CLOSED)
    assert all(row["customerCode"] is None for row in total)
    grouped = atria.get(CLOSED, aggregatebycustomer="TRUE")
    assert len(grouped) > len(total)
    assert sum(row["thisMonthCount"] for row in grouped) == sum(row["thisMonthCount"] for row in total)
    assert {row["billable"] for row in total} == {True, False}
    assert {row["billable"] for row in atria.get(CLOSED, billable="false")} == {False}


def test_detail_filters(atria: AtriaClient) -> None:
    everything = atria.get(f"{CLOSED}/detail")
    assert {row["action"] for row in everything} == {"Added", "Removed", "Carried"}
    mine = atria.get(f"{CLOSED}/detail", customer="asp", service="exchange", billable="true")
    assert (
        mine == [row for row in everything if row["customerCode"] == "ASP" and row["serviceCode"] == "HE" and row["billable"]] != []
    )
    person = next(row["userPrincipalName"] for row in everything if row["userPrincipalName"])
    assert {row["userPrincipalName"] for row in atria.get(f"{CLOSED}/detail", user=person.upper())} == {person}
    assert {row["overrideReason"] for row in everything} >= {"User accounts are not charged", "Included", "Test user", None}


def test_invoice_names_who_pays(atria: AtriaClient) -> None:
    rows = atria.get(f"{CLOSED}/invoice", customer="bella")
    assert {row["billToCustomerCode"] for row in rows} == {"KOWHAI"}
    assert {row["billToCustomerCode"] for row in atria.get(f"{CLOSED}/invoice", customer="ASP")} == {"ASP"}


def test_edits_show_after_reprocessing_only(box: Sandbox, atria: AtriaClient) -> None:
    def seen() -> tuple[str, str]:
        row = atria.get(f"{CLOSED}/invoice", customer="WILLOW")[-1]
        return row["customerAccountCode"], row["sku"]

    before = seen()
    plan = next(plan["plan"] for plan in atria.control("plans") if plan["sku"] == "HE-RESOURCE")
    atria.control("identifier", {"customer": "WILLOW", "identifier": "4711"})
    atria.control("sku", {"plan": plan, "sku": "601"})
    assert seen() == before == (before[0], "HE-RESOURCE")
    atria.control("reprocess")
    rows = atria.get(f"{CLOSED}/invoice", customer="WILLOW")
    assert {(row["customerAccountCode"], row["sku"]) for row in rows} == {("4711", "601"), ("4711", "602")}
    assert [entry.kind for entry in box.ledger.entries] == ["set_identifier", "set_sku"]


def test_provisioning_by_control_calls(atria: AtriaClient) -> None:
    plan = atria.control("plans")[0]["plan"]
    atria.control("provision", {"customer": "WILLOW", "plan": plan, "quantity": "2.5", "start": "2026-11-10"})
    atria.control("reprocess")
    new = [row for row in atria.get(f"{CLOSED}/invoice", customer="WILLOW") if row["sku"] == "601"]
    assert [row["quantity"] for row in new] == [2.5]
    assert atria.control("remove", {"customer": "WILLOW", "plan": plan, "end": "2026-11-20"}) == {"removed": 1}
    atria.control("reprocess")
    assert "601" not in {row["sku"] for row in atria.get(f"{CLOSED}/invoice", customer="WILLOW")}
    assert atria.http.post(f"{atria.root}/__sim/provision", json={"customer": "NOBODY", "plan": plan}).status_code == 400
    assert atria.http.post(f"{atria.root}/__sim/nothing").status_code == 404


def test_the_page_needs_no_sign_in(atria: AtriaClient) -> None:
    for path in ("/API/", "/api"):
        answer = atria.call(path, headers={})
        assert answer.status_code == 200
        assert "Atria External API" in answer.text
    paths = atria.call("/API/swagger/v1/swagger.json", headers={}).json()["paths"]
    assert len(paths) == 5
    assert {parameter["name"] for parameter in paths["/api/Billing/{endDate}/detail"]["get"]["parameters"]} == {
        "endDate",
        "customer",
        "billable",
        "service",
        "user",
    }
