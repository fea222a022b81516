"""Every way the simulated Atria may differ, and its provisioning interface."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from xml.etree import ElementTree

import httpx
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


def test_pascal_case(atria: AtriaClient) -> None:
    plain = atria.get(f"{CLOSED}/invoice")
    atria.control("switch", {"casing": "pascal"})
    assert [{name[0].lower() + name[1:]: value for name, value in row.items()} for row in atria.get(f"{CLOSED}/invoice")] == plain
    assert set(atria.get("/api/Billing/parameters")) == {"BillingPeriods", "Customers"}


def test_nested_invoice_with_payer_object_in_an_envelope(atria: AtriaClient) -> None:
    plain = atria.get(f"{CLOSED}/invoice")
    atria.control("switch", {"nesting": "nested", "bill_to": "object", "envelope": "items", "casing": "pascal"})
    [(name, customers)] = atria.get(f"{CLOSED}/invoice").items()
    assert name == "Items"
    assert sum(len(customer["Lines"]) for customer in customers) == len(plain)
    bella = next(customer for customer in customers if customer["CustomerCode"] == "BELLA")
    assert bella["BillToCustomer"]["CustomerCode"] == "KOWHAI"
    assert set(bella["Lines"][0]) == {"Sku", "ServiceCode", "ServiceName", "LineDescription", "Quantity"}


def test_nested_and_flat_payer(atria: AtriaClient) -> None:
    atria.control("switch", {"nesting": "nested"})
    nested = atria.get(f"{CLOSED}/invoice")
    assert all(customer["billToCustomerCode"] and customer["lines"] for customer in nested)
    assert "difference" in atria.get(CLOSED)[0]


@pytest.mark.parametrize(("how", "value"), [("missing", "no key"), ("empty", ""), ("null", None)])
def test_absent_values(atria: AtriaClient, how: str, value: Any) -> None:
    atria.control("switch", {"absent": how, "nesting": "nested"})
    rows = atria.get(f"{CLOSED}/invoice", customer="MAPLE")
    assert rows[0].get("customerAccountCode", "no key") == value
    orchard = atria.get(f"{CLOSED}/invoice", customer="ORCHARD")[0]["lines"]
    assert orchard[0].get("sku", "no key") == value


@pytest.mark.parametrize(("form", "length", "last"), [("date", 10, "6"), ("zulu", 20, "Z"), ("time", 19, "0")])
def test_dates(atria: AtriaClient, form: str, length: int, last: str) -> None:
    atria.control("switch", {"dates": form})
    start = atria.get("/api/Billing/parameters")["billingPeriods"][0]["startDate"]
    assert len(start) == length
    assert start[-1] == last


def test_duration_scale(atria: AtriaClient) -> None:
    hundred = [row["durationPercent"] for row in atria.get(f"{CLOSED}/analysis")]
    atria.control("switch", {"duration": "one"})
    one = [row["durationPercent"] for row in atria.get(f"{CLOSED}/analysis")]
    assert max(hundred) == 100
    assert one == [round(value / 100, 4) for value in hundred]


def test_double_prefix(atria: AtriaClient) -> None:
    plain = atria.get(f"{CLOSED}/invoice")
    atria.control("switch", {"prefix": "double"})
    assert atria.call(f"{CLOSED}/invoice").status_code == 404
    assert atria.get(f"/API{CLOSED}/invoice") == plain
    paths = atria.get("/API/swagger/v1/swagger.json")["paths"]
    assert all(path.startswith("/API/api/Billing/") for path in paths)


def test_other_parameter_names_are_announced_and_the_old_ones_ignored(atria: AtriaClient) -> None:
    everything = atria.get(f"{CLOSED}/invoice")
    atria.control("names", {"customer": "customerCode", "AggregateByCustomer": "byCustomer"})
    parameters = atria.get("/API/swagger/v1/swagger.json")["paths"]["/api/Billing/{endDate}/invoice"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["endDate", "customerCode"]
    assert atria.get(f"{CLOSED}/invoice", customer="ASP") == everything
    assert {row["customerCode"] for row in atria.get(f"{CLOSED}/invoice", customerCode="ASP")} == {"ASP"}
    assert atria.get(CLOSED, byCustomer="true")[0]["customerCode"]


def test_an_unknown_switch_is_refused_with_what_there_is(atria: AtriaClient) -> None:
    answer = atria.http.post(f"{atria.root}/__sim/switch", json={"casing": "upper"})
    assert answer.status_code == 400
    assert "camel, pascal" in answer.json()["error"]


def cortex(atria: AtriaClient, body: str, password: str = "portal-password") -> httpx.Response:
    sign_in = httpx.BasicAuth("cortex@northgate.example", password)
    return atria.http.post(f"{atria.root}/CortexAPI/Default.aspx", content=body.encode(), auth=sign_in)


def envelope(action: str, inner: str) -> str:
    return f'<request action="{action}" version="1.0">{inner}</request>'


def test_cortex_finds_and_reads_customers(atria: AtriaClient) -> None:
    found = ElementTree.fromstring(cortex(atria, envelope("FIND", "<customer/>")).content)
    assert len(found.findall("customer")) == 43
    inner = '<customer><name>BELLA</name><properties detail="true"/></customer>'
    bella = ElementTree.fromstring(cortex(atria, envelope("GET", inner)).content).find("customer")
    assert bella is not None
    assert bella.findtext("parent/name") == "KOWHAI"
    names = {entry.findtext("name"): entry.findtext("value") for entry in bella.iterfind("properties/property")}
    assert names["BillingID"] == bella.findtext("billingid") != ""


def test_cortex_sets_the_identifier_after_a_while_and_reprocessing(box: Sandbox, atria: AtriaClient) -> None:
    value = "<property><name>BillingID</name><value>9901</value></property>"
    inner = f"<customer><name>MAPLE</name><properties>{value}</properties></customer>"
    answer = ElementTree.fromstring(cortex(atria, envelope("SET", inner)).content)
    number = answer.findtext("request/id")
    poll = envelope("GET", f"<request><id>{number}</id></request>")
    states = [ElementTree.fromstring(cortex(atria, poll).content).findtext("request/status") for _ in range(2)]
    assert states == ["InProgress", "Provisioned"]
    assert atria.get(f"{CLOSED}/invoice", customer="MAPLE")[0]["customerAccountCode"] is None
    atria.control("reprocess")
    assert atria.get(f"{CLOSED}/invoice", customer="MAPLE")[0]["customerAccountCode"] == "9901"
    [entry] = box.ledger.entries
    assert (entry.kind, entry.actor, entry.line, entry.note) == ("set_identifier", "us", "MAPLE", " -> 9901")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (envelope("GET", "<customer><name>NOBODY</name></customer>"), "was not found"),
        (envelope("GET", "<request><id>1</id></request>"), "was not found"),
        (envelope("DELETE", "<customer><name>ASP</name></customer>"), "is not supported"),
        ("<request", "unclosed token"),
        ('<!DOCTYPE x [<!ENTITY e "e">]><request>&e;</request>', "Entit"),
    ],
)
def test_cortex_refuses_with_a_message(atria: AtriaClient, body: str, text: str) -> None:
    answer = cortex(atria, body)
    assert answer.status_code == 500
    message = ElementTree.fromstring(answer.content).findtext("error/message") or ""
    assert text in message


def test_cortex_refuses_an_identifier_that_is_taken(box: Sandbox, atria: AtriaClient) -> None:
    taken = box.world.atria.customers["ASP"].identifier
    value = f"<property><name>BillingID</name><value>{taken}</value></property>"
    inner = f"<customer><name>MAPLE</name><properties>{value}</properties></customer>"
    answer = ElementTree.fromstring(cortex(atria, envelope("SET", inner)).content)
    assert answer.findtext("error/message") == "The Billing ID is in use by a different customer"
    assert not box.ledger.entries


def test_cortex_wants_its_own_sign_in(atria: AtriaClient) -> None:
    assert cortex(atria, envelope("FIND", "<customer/>"), password="wrong").status_code == 401
    unsigned = atria.http.post(f"{atria.root}/cortexapi/default.aspx", content=b"<request/>", headers=atria.headers)
    assert unsigned.status_code == 401
    broken = atria.http.post(f"{atria.root}/cortexapi/default.aspx", headers={"Authorization": "Basic %%%"})
    assert broken.status_code == 401
