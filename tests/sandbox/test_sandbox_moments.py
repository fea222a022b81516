"""What other people do at an exact moment, pages that are wrong, and envelopes that tell: the sandbox's own side of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconcile_app.sandbox.scenarios import fill_accounts
from reconcile_app.sandbox.server import Sandbox
from reconcile_app.sandbox.world import World
from tests.fakes.sandbox_clients import EVERYTHING, AtriaClient, AutotaskClient

NOW = datetime(2026, 12, 3, 12, tzinfo=UTC)


def three_companies(world: World) -> None:
    fill_accounts(world)
    service = world.autotask.add_service("Mail", service_id=601, price=55_000, cost=31_000)
    start = world.today - timedelta(days=60)
    for name in ("One", "Two", "Three"):
        company = world.autotask.add_company(name)
        contract = world.autotask.add_contract(company, "Cloud", start=start, end=start + timedelta(days=364))
        world.autotask.add_line(contract, service, 2)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(three_companies, now=NOW, ticking=False) as running:
        yield running


@pytest.fixture
def autotask(box: Sandbox) -> Iterator[AutotaskClient]:
    with AutotaskClient(box) as client:
        yield client


def names(autotask: AutotaskClient) -> list[str]:
    return [row["companyName"] for row in autotask.items("Companies", [{"op": "gt", "field": "id", "value": 0}])]


def test_an_act_strikes_at_its_request_before_or_after_it(box: Sandbox, autotask: AutotaskClient) -> None:
    company = autotask.items("Companies", EVERYTHING)[-1]["id"]
    autotask.control("moment", {"do": "remove-company", "order": {"company": company}, "when": "after", "path": "companies/query$"})
    assert names(autotask) == ["One", "Two", "Three"]
    assert names(autotask) == ["One", "Two"]
    company = autotask.items("Companies", EVERYTHING)[-1]["id"]
    act = {"do": "remove-company", "order": {"company": company}}
    autotask.control("moment", {**act, "path": "companies", "nth": 2, "method": "POST"})
    assert [names(autotask), names(autotask)] == [["One", "Two"], ["One"]]
    entries = [entry.kind for entry in box.ledger.entries]
    assert entries.count("remove_company") == 2


def test_planned_acts_can_be_forgotten(autotask: AutotaskClient) -> None:
    autotask.control("moment", {"do": "keys", "order": {"revoked": True}, "times": None})
    autotask.control("moment")
    assert len(names(autotask)) == 3


@pytest.mark.parametrize("order", [{"order": {}}, {"do": "keys", "when": "during"}])
def test_an_act_that_makes_no_sense_is_refused(box: Sandbox, autotask: AutotaskClient, order: dict[str, object]) -> None:
    answer = autotask.http.post(f"{box.simulators['autotask'].base_url}/__sim/moment", json=order)
    assert answer.status_code == 400


def test_pages_are_as_long_as_the_switch_says(autotask: AutotaskClient) -> None:
    autotask.control("switch", {"page_rows": "2"})
    page = autotask.query("Companies", EVERYTHING)
    assert page["pageDetails"]["count"] == 2
    assert names(autotask) == ["One", "Two", "Three"]


@pytest.mark.parametrize(
    ("kind", "page", "found"),
    [
        ("overlap", 2, ["One", "One", "Two", "Three"]),
        ("changed", 2, ["One", "One (changed)", "Two", "Three"]),
        ("skip", 2, ["One", "Three"]),
        ("missing", 2, ["One", "Three"]),
        ("end", 2, ["One", "Two"]),
        ("short", 1, ["Two", "Three"]),
        ("again", 2, ["One", "Two", "Two", "Three"]),
        ("first", 2, ["One", "Two", "One", "Two", "Three"]),
    ],
)
def test_each_fault_of_a_page(autotask: AutotaskClient, kind: str, page: int, found: list[str]) -> None:
    autotask.control("switch", {"page_rows": "1"})
    autotask.control("paging", {"kind": kind, "page": page, "entity": "Companies"})
    assert names(autotask) == found
    assert names(autotask) == ["One", "Two", "Three"]


def test_a_wrong_count_and_a_link_that_leads_elsewhere(autotask: AutotaskClient) -> None:
    autotask.control("paging", {"kind": "miscount", "entity": "Contracts"})
    counts = [autotask.call("POST", "Contracts/query/count", {"Filter": EVERYTHING}).json()["queryCount"] for _ in range(2)]
    assert counts == [4, 3]
    autotask.control("paging", {"kind": "link", "url": "https://elsewhere.example/", "times": None})
    assert autotask.query("Companies", EVERYTHING)["pageDetails"]["nextPageUrl"] == "https://elsewhere.example/"
    autotask.control("paging")
    assert autotask.query("Companies", EVERYTHING)["pageDetails"]["nextPageUrl"] is None


def test_keys_and_tenant_and_contract_are_changed_by_others(box: Sandbox, autotask: AutotaskClient) -> None:
    autotask.control("keys", {"revoked": True})
    assert autotask.call("POST", "Companies/query", {"Filter": EVERYTHING}).status_code == 401
    autotask.control("keys", {"revoked": False})
    contract = autotask.items("Contracts", EVERYTHING)[0]["id"]
    autotask.control("contract", {"contract": contract, "status": 0})
    assert autotask.items("Contracts", EVERYTHING)[0]["status"] == 0
    line = autotask.control("add-line", {"contract": contract, "service": 601, "units": 7})["line"]
    assert line in {row["id"] for row in autotask.items("ContractServices", EVERYTHING)}
    autotask.control("tenant", {"ci": 9})
    zone = autotask.call("GET", "zoneInformation", params={"user": next(iter(box.world.autotask.users))}).json()
    assert zone["ci"] == 9


@pytest.mark.parametrize(("total", "told"), [("none", None), ("right", 0), ("wrong", 1), ("more", 1)])
def test_an_envelope_tells_how_long_its_list_is(box: Sandbox, total: str, told: int | None) -> None:
    with AtriaClient(box) as atria:
        atria.control("switch", {"envelope": "data", "total": total})
        answer = atria.get("/api/Billing/2026-11-25/invoice")
    assert answer.get("totalCount") == (None if told is None else len(answer["data"]) + told)
    assert ("nextLink" in answer) == (total == "more")
