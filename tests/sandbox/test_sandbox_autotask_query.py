"""The query grammar and the paging of the simulated Autotask."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from reconcile_app.sandbox.autotask_tables import ENTITIES
from reconcile_app.sandbox.server import Sandbox
from reconcile_app.sandbox.world import World
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

TODAY = date(2026, 12, 3)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox("sized:60x4", seed=2, today=TODAY) as running:
        running.call(lambda: _odd_companies(running.world))
        yield running


def _odd_companies(world: World) -> None:
    udf = [{"name": "Customer Ranking", "value": "Gold"}]
    world.autotask.add_company("Zebra & Sons", number="Z-1", active=False, userDefinedFields=udf, assetValue=12_345_600)


@pytest.fixture
def autotask(box: Sandbox) -> Iterator[AutotaskClient]:
    with AutotaskClient(box) as client:
        yield client


def names(autotask: AutotaskClient, *filters: dict[str, Any]) -> list[str]:
    return [item["companyName"] for item in autotask.items("Companies", list(filters))]


ZEBRA = ["Zebra & Sons"]


@pytest.mark.parametrize(
    "condition",
    [
        {"op": "eq", "field": "companyName", "value": "zebra & sons"},
        {"OP": "EQ", "FIELD": "COMPANYNUMBER", "VALUE": "z-1"},
        {"op": "beginsWith", "field": "companyName", "value": "zeb"},
        {"op": "endsWith", "field": "companyName", "value": "SONS"},
        {"op": "contains", "field": "companyName", "value": "bra &"},
        {"op": "eq", "field": "isActive", "value": False},
        {"op": "eq", "field": "isActive", "value": "false"},
        {"op": "noteq", "field": "isActive", "value": True},
        {"op": "exist", "field": "assetValue"},
        {"op": "gt", "field": "assetValue", "value": 1234.5},
        {"op": "lte", "field": "assetValue", "value": 1234.56},
        {"op": "in", "field": "companyNumber", "value": ["Z-1", "nobody"]},
        {"op": "eq", "field": "Customer Ranking", "udf": True, "value": "gold"},
        {"op": "and", "items": [{"op": "gt", "field": "id", "value": 0}, {"op": "eq", "field": "companyNumber", "value": "Z-1"}]},
        {"op": "or", "items": [{"op": "eq", "field": "id", "value": -1}, {"op": "eq", "field": "companyNumber", "value": "Z-1"}]},
    ],
)
def test_every_operator_finds_the_one_company(autotask: AutotaskClient, condition: dict[str, Any]) -> None:
    assert names(autotask, condition) == ZEBRA


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ({"op": "notExist", "field": "assetValue"}, 61),
        ({"op": "eq", "field": "assetValue", "value": None}, 61),
        ({"op": "noteq", "field": "assetValue", "value": 3}, 1),
        ({"op": "notIn", "field": "id", "value": [0]}, 61),
        ({"op": "lt", "field": "id", "value": 174}, 1),
        ({"op": "gte", "field": "createDate", "value": "2026-12-03"}, 62),
        ({"op": "lt", "field": "createDate", "value": "2026-12-03T00:00:00Z"}, 0),
        ({"op": "eq", "field": "id", "value": "0"}, 1),
    ],
)
def test_how_many_match(autotask: AutotaskClient, condition: dict[str, Any], count: int) -> None:
    assert autotask.call("POST", "Companies/query/count", {"filter": [condition]}).json() == {"queryCount": count}
    assert len(names(autotask, condition)) == count


OR_TEXT = "Invalid query syntax. Queries are limited to 500 or fewer 'OR' conditions."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"Filter": EVERYTHING, "MaxRecords": 501}, "maxCountOfRecordsToReturn must be between 1 and 500"),
        ({"Filter": EVERYTHING, "MaxRecords": 0}, "maxCountOfRecordsToReturn must be between 1 and 500"),
        ({"Filter": [{"op": "eq", "field": "colour", "value": 1}]}, "Unable to find colour in the Company Entity."),
        ({"Filter": EVERYTHING, "IncludeFields": ["colour"]}, "Unable to find colour in the Company Entity."),
        ({"Filter": EVERYTHING, "IncludeFields": "id"}, "Unexpected character"),
        ({"Filter": []}, "Invalid query syntax. A query needs a filter."),
        ({"Filter": ["id"]}, "Unexpected character"),
        ({"Filter": [{"op": "like", "field": "id", "value": 1}]}, "Invalid query syntax. The operator like"),
        ({"Filter": [{"op": "or", "items": []}]}, "Invalid query syntax. A group needs items."),
        ({"Filter": [{"op": "in", "field": "id", "value": list(range(501))}]}, OR_TEXT),
        ({"Filter": [{"op": "or", "items": EVERYTHING * 501}]}, OR_TEXT),
        ({"Filter": [{"op": "in", "field": "id", "value": 3}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "isActive", "value": None}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "isActive", "value": "maybe"}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "id", "value": "abc"}]}, "Unexpected character encountered while parsing value: a"),
        ({"Filter": [{"op": "eq", "field": "assetValue", "value": "abc"}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "assetValue", "value": True}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "createDate", "value": "soon"}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "createDate", "value": "0001-01-01T00:00:00+10:00"}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "id", "value": True}]}, "Unexpected character"),
        ({"Filter": [{"op": "eq", "field": "A", "udf": True, "value": "1"}] * 2}, "Invalid query syntax. Queries are limited to"),
    ],
)
def test_a_query_it_does_not_understand_is_a_500(autotask: AutotaskClient, body: dict[str, Any], text: str) -> None:
    status, error = autotask.refusal("POST", "Companies/query", body)
    assert status == 500
    assert error.startswith(text)


def test_exactly_500_or_terms_are_fine(autotask: AutotaskClient) -> None:
    assert len(autotask.items("Companies", [{"op": "in", "field": "id", "value": list(range(500))}])) == 62


def test_a_body_that_is_no_object_is_refused(autotask: AutotaskClient) -> None:
    for content in (b"true", b"{", b"[]"):
        answer = autotask.http.post(f"{autotask.root}Companies/query", content=content, headers=autotask.headers)
        assert answer.status_code == 500
        assert answer.json()["errors"][0].startswith("Unexpected character encountered while parsing value")


def test_fields_can_be_chosen_in_any_case_and_udfs_come_anyway(autotask: AutotaskClient) -> None:
    [item] = autotask.query("Companies", [{"op": "eq", "field": "id", "value": 0}], includefields=["ID", "companyname"])["items"]
    assert item == {"id": 0, "companyName": "Northgate Managed Services", "userDefinedFields": []}


@pytest.mark.parametrize("entity", [entity.name for entity in ENTITIES.values() if entity.query])
def test_every_record_has_exactly_the_fields_of_its_table(autotask: AutotaskClient, entity: str) -> None:
    with Sandbox("demo", today=TODAY) as demo, AutotaskClient(demo) as client:
        contract = next(iter(demo.world.autotask.contracts))
        demo.call(lambda: demo.world.autotask.note(contract, "Title", "Text", 4))
        items = client.items(entity, EVERYTHING)
    assert items
    expected = {field.name for field in ENTITIES[entity].fields.values()}
    assert all(set(item) == expected for item in items)
    ids = [item["id"] for item in items]
    assert ids == sorted(set(ids))


def test_pages_by_post_follow_with_the_same_body(autotask: AutotaskClient) -> None:
    body = {"MaxRecords": 25, "Filter": EVERYTHING, "IncludeFields": ["id"]}
    first = autotask.call("POST", "ContractServices/query", body).json()
    details = first["pageDetails"]
    assert (details["count"], details["requestCount"], details["prevPageUrl"]) == (25, 25, None)
    last = first["items"][-1]["id"]
    assert details["nextPageUrl"].endswith(
        f"/ATServicesRest/V1.0/ContractServices/query/next?paging=%7b%22pageSize%22%3a25%2c%22previousIds%22%3a%5b%5d"
        f"%2c%22nextIds%22%3a%5b{last}%5d%7d"
    )
    refused = autotask.call("GET", details["nextPageUrl"])
    assert refused.status_code == 405
    assert refused.json() == {"Message": "The requested resource does not support http method 'GET'."}
    second = autotask.call("POST", details["nextPageUrl"], body).json()
    assert second["items"][0]["id"] > last
    back = autotask.call("POST", second["pageDetails"]["prevPageUrl"], body).json()
    assert back == first
    everything = autotask.items("ContractServices", EVERYTHING, MaxRecords=25)
    assert len(everything) == 240


def test_pages_by_get_follow_with_get(autotask: AutotaskClient) -> None:
    search = quote(msgspec.json.encode({"maxRecords": 100, "filter": EVERYTHING}))
    page = autotask.call("GET", f"ContractServices/query?search={search}").json()
    total = page["items"]
    assert "&search=%7b%22maxRecords" in page["pageDetails"]["nextPageUrl"]
    while page["pageDetails"]["nextPageUrl"]:
        page = autotask.call("GET", page["pageDetails"]["nextPageUrl"]).json()
        total += page["items"]
    assert len(total) == 240
    count = autotask.call("GET", f"ContractServices/query/count?search={search}").json()
    assert count == {"queryCount": 240}


def test_paging_that_cannot_be_read_and_addresses_that_are_too_long(autotask: AutotaskClient) -> None:
    assert autotask.refusal("POST", "Companies/query/next?paging=x", {"Filter": EVERYTHING})[0] == 500
    long = quote(msgspec.json.encode({"filter": [{"op": "in", "field": "id", "value": list(range(400))}]}))
    assert autotask.call("GET", f"Companies/query?search={long}").status_code == 414


def test_contracts_by_company(autotask: AutotaskClient) -> None:
    companies = [item["id"] for item in autotask.items("Companies", EVERYTHING)][1:9]
    filters = [{"op": "in", "field": "companyID", "value": companies}, {"op": "eq", "field": "contractType", "value": 7}]
    assert [contract["companyID"] for contract in autotask.items("Contracts", filters)] == companies
    assert autotask.items("Contracts", [*filters, {"op": "eq", "field": "companyID", "value": 0}]) == []


def test_rows_by_contract_and_date(box: Sandbox, autotask: AutotaskClient) -> None:
    contracts = list(box.world.autotask.contracts)[:7]
    filters = [
        {"op": "in", "field": "contractID", "value": contracts},
        {"op": "lte", "field": "startDate", "value": "2026-11-26T23:59:59"},
        {"op": "gte", "field": "endDate", "value": "2026-11-26T00:00:00"},
    ]
    rows = autotask.items("ContractServiceUnits", filters, MaxRecords=10)
    assert len(rows) == 28
    assert {(row["startDate"], row["endDate"]) for row in rows} == {("2026-11-26T00:00:00Z", "2026-12-25T00:00:00Z")}
    line = rows[0]["contractServiceID"]
    by_line = autotask.items("ContractServiceUnits", [{"op": "eq", "field": "contractServiceID", "value": line}])
    assert len(by_line) == 12
    assert {row["contractServiceID"] for row in by_line} == {line}
    price = next(item["unitPrice"] for item in autotask.items("Services", EVERYTHING) if item["id"] == rows[0]["serviceID"])
    assert rows[0]["price"] == round(rows[0]["units"] * price, 2)


def test_a_walk_sees_a_change_between_its_pages(box: Sandbox, autotask: AutotaskClient) -> None:
    body = {"MaxRecords": 60, "Filter": [{"op": "beginsWith", "field": "companyName", "value": "c"}]}
    first = autotask.call("POST", "Companies/query", body).json()
    assert first["pageDetails"]["nextPageUrl"] is None
    smaller = {**body, "MaxRecords": 50}
    first = autotask.call("POST", "Companies/query", smaller).json()
    added = box.call(lambda: box.world.autotask.add_company("Castaway Boats", number="X-9"))
    rest = autotask.call("POST", first["pageDetails"]["nextPageUrl"], smaller).json()["items"]
    assert rest[-1]["id"] == added.id
    box.call(lambda: box.world.autotask.records["Companies"].pop(added.id))
