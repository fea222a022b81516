"""Each switch of the simulated Autotask."""

import time
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

TODAY = date(2026, 12, 3)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("sized:1x2", seed=2, today=TODAY) as running:
        yield running


@pytest.fixture
def autotask(box: Sandbox) -> Iterator[AutotaskClient]:
    with AutotaskClient(box) as client:
        yield client


def adjust(client: AutotaskClient, change: int, day: str = "2026-11-26") -> httpx.Response:
    line = client.items("ContractServices", EVERYTHING)[0]
    body = {"contractServiceID": line["id"], "unitChange": change, "effectiveDate": day}
    return client.call("POST", f"Contracts/{line['contractID']}/ServiceAdjustments", body)


def units(box: Sandbox) -> int:
    return next(iter(box.world.autotask.lines.values())).units_on(date(2026, 11, 26))


def test_adjustment_answer(autotask: AutotaskClient) -> None:
    assert adjust(autotask, 1).json() == {"itemId": None}
    autotask.control("switch", {"adjustment_answer": "id"})
    assert adjust(autotask, 1, "2026-11-27").json() == {"itemId": 30_002}


def test_missing_item(autotask: AutotaskClient) -> None:
    autotask.control("switch", {"missing_item": "404"})
    assert autotask.call("GET", "Companies/999999").status_code == 404


def test_cut_row_ends(autotask: AutotaskClient) -> None:
    autotask.control("switch", {"cut_row_ends": "same_day"})
    adjust(autotask, 1, "2026-12-01")
    filters = [{"op": "lte", "field": "startDate", "value": "2026-12-01"}, {"op": "gte", "field": "endDate", "value": "2026-12-01"}]
    line = autotask.items("ContractServices", EVERYTHING)[0]["id"]
    rows = [row for row in autotask.items("ContractServiceUnits", filters) if row["contractServiceID"] == line]
    assert sorted((row["startDate"][:10], row["endDate"][:10]) for row in rows) == [
        ("2026-11-26", "2026-12-01"),
        ("2026-12-01", "2026-12-25"),
    ]


def test_same_day_adjustment(autotask: AutotaskClient) -> None:
    assert adjust(autotask, 1).status_code == 200
    assert "duplicate data into contract_service_period" in adjust(autotask, 1).json()["errors"][0]
    autotask.control("switch", {"same_day_adjustment": "accepted"})
    assert adjust(autotask, 1).status_code == 200


def test_zero_and_negative_units(box: Sandbox, autotask: AutotaskClient) -> None:
    before = units(box)
    autotask.control("switch", {"zero_units": "refused"})
    assert adjust(autotask, -before).status_code == 500
    autotask.control("switch", {"zero_units": "accepted"})
    assert adjust(autotask, -before).status_code == 200
    assert adjust(autotask, -1, "2026-11-28").status_code == 500
    autotask.control("switch", {"negative_units": "accepted"})
    assert adjust(autotask, -1, "2026-11-27").status_code == 200


def test_patch_collection(autotask: AutotaskClient) -> None:
    contract = autotask.items("Contracts", EVERYTHING)[0]["id"]
    autotask.control("switch", {"patch_collection": "html_404"})
    answer = autotask.call("PATCH", "Contracts", {"id": contract, "description": "x"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_hourly_limit(autotask: AutotaskClient) -> None:
    autotask.control("switch", {"hourly_limit": "500"})
    autotask.control("usage", {"requests": 10_000})
    answer = autotask.call("GET", "Companies/0")
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers


def test_missing_permission(autotask: AutotaskClient) -> None:
    autotask.control("permission", {"entity": "Companies", "right": "query", "access": 0})
    assert autotask.call("POST", "Companies/query", {"filter": EVERYTHING}).status_code == 500
    autotask.control("switch", {"missing_permission": "403"})
    assert autotask.call("POST", "Companies/query", {"filter": EVERYTHING}).status_code == 403


def test_latency_tiers(autotask: AutotaskClient) -> None:
    def seconds() -> float:
        before = time.perf_counter()
        autotask.call("GET", "Companies/0")
        return time.perf_counter() - before

    autotask.control("usage", {"requests": 5_000})
    quick = seconds()
    autotask.control("switch", {"latency_tiers": "on"})
    slow = seconds()
    autotask.control("usage", {"requests": 7_500})
    assert slow > quick
    assert seconds() > slow


def test_zone_moved(box: Sandbox, autotask: AutotaskClient) -> None:
    before = box.settings["autotask"]["zone_lookup_url"]
    box.switch("autotask", zone_moved="on")
    assert autotask.call("GET", "Companies/0").status_code == 401
    lookup = f"{before}/atservicesrest/v1.0/zoneInformation"
    new = autotask.http.get(lookup, params={"user": box.settings["autotask"]["zone_user"]}).json()["url"]
    assert not new.startswith(before)
    answer = autotask.call("POST", f"{new}V1.0/ContractServices/query", {"filter": EVERYTHING, "maxRecords": 1})
    assert answer.json()["pageDetails"]["nextPageUrl"].startswith(new)


def test_versions(autotask: AutotaskClient) -> None:
    autotask.control("switch", {"versions": "v1"})
    root = autotask.root.split("V1.0")[0]
    assert autotask.http.get(f"{root}versionInformation").json() == {"apiVersions": ["V1.0"]}


def test_lost_answer(box: Sandbox, autotask: AutotaskClient) -> None:
    before = units(box)
    autotask.control("switch", {"lost_answer": "on"})
    with pytest.raises(httpx.TransportError):
        adjust(autotask, 2)
    assert units(box) == before + 2
    assert len(box.ledger.entries) == 1


def test_reset_puts_everything_back(box: Sandbox, autotask: AutotaskClient) -> None:
    before = units(box)
    autotask.control("switch", {"missing_item": "404"})
    adjust(autotask, 1)
    autotask.control("reset")
    assert units(box) == before
    assert autotask.call("GET", "Companies/999999").status_code == 200
    assert [entry["kind"] for entry in autotask.control("ledger")] == ["adjustment", "reset"]
