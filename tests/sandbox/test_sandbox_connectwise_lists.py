"""Lists of the simulated ConnectWise PSA: conditions, fields, order, both kinds of paging, counts."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_connectwise import ConnectWiseClient, connectwise_sandbox

TODAY = date(2026, 12, 3)
AGREEMENTS, COMPANIES = "/finance/agreements", "/company/companies"


def fill(box: Sandbox) -> None:
    state = box.world.connectwise
    kinds = list(state.records["AgreementType"].values())
    for index in range(7):
        custom = [{"id": 1, "caption": "Renewal Date", "type": "Date", "value": f"2026-0{index + 1}-01T00:00:00Z"}]
        company = state.add_company(
            f'Company "{index}" & Sons', identifier=f"C{index}", customFields=custom, types=[{"id": 1, "name": "Client"}]
        )
        start, end = date(2026, index + 1, 1), None if index % 2 else date(2026, 10 + index // 4, 30)
        agreement = state.add_agreement(company, f"Agreement {index}", kinds[index % 2], start=start, end=end)
        agreement.values["cancelledFlag"] = index == 6
        state.add_addition(
            agreement, state.add_product(f"P{index}", f"Product {index}", price=10_000 * index, cost=5_000), 10_000 * index
        )


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with connectwise_sandbox("empty", seed=2, today=TODAY) as running:
        fill(running)
        yield running


@pytest.fixture(scope="module")
def connectwise(box: Sandbox) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(box) as client:
        yield client


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("", "0123456"),
        ("  ", "0123456"),
        ("cancelledFlag = false", "012345"),
        ("cancelledFlag=False and company/id in (305, 307,399)", "02"),
        ('company/identifier = "c1" or company/identifier="C2"', "12"),
        ("company/name = 'Company \"3\" & Sons'", "3"),
        ('company/name = "Company \\"3\\" & Sons"', "3"),
        ("type/name = 'Managed Services' AND (endDate = null OR endDate >= [2026-11-01T00:00:00Z])", "135"),
        ("endDate != null", "0246"),
        ("startDate > [2026-05-01]", "56"),
        ("startDate >= [2026-05-01] and startDate <= [2026-06-01T00:00:00Z]", "45"),
        ("startDate < [2026-02-01] or cancelledFlag = true and id > 0", "06"),
        ('name contains "MENT 4"', "4"),
        ('name not contains "4"', "012356"),
        ('name like "%4"', "4"),
        ('name like "*t 4*"', "4"),
        ('name not like "Agr%"', ""),
        ("id not in (1207, 1208)", "23456"),
        ("id != 1207 and billAmount = 0", "123456"),
        ("billAmount > 0.5", ""),
        ("lastUpdated > [2020-01-01T00:00:00Z]", "0123456"),
        ('company/identifier like "" ', ""),
        ("parentAgreement/id = 3", ""),
        ("contact/name = 'accounts'", "0123456"),
        ("employeeCompRate = 'Actual'", "0123456"),
        ("customerPO = null", "0123456"),
    ],
)
def test_conditions(connectwise: ConnectWiseClient, conditions: str, found: str) -> None:
    rows = connectwise.get(AGREEMENTS, conditions=conditions)
    assert "".join(row["name"][-1] for row in rows) == found
    assert connectwise.get(f"{AGREEMENTS}/count", conditions=conditions) == {"count": len(found)}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("colour = 1", "colour is not a recognized name."),
        ("Name = 'x'", "Name is not a recognized name."),
        ("company/color = 1", "company/color is not a recognized name."),
        ("company = 1", "company is not a recognized name."),
        ("name/first = 'x'", "name/first is not a recognized name."),
        ("_info/lastUpdated > [2026-01-01]", "_info/lastUpdated is not a recognized name."),
        ("agreementStatus = 'Active'", "agreementStatus is not a recognized name."),
        ("cancelledFlag = 1", "Expected a boolean, got a number for cancelledFlag."),
        ("startDate > '2026-01-01'", "Expected a datetime, got a string for startDate."),
        ("id contains '1'", "'contains' needs a string for id."),
        ("startDate > [soon]", "String was not recognized as a valid DateTime: soon."),
        ("startDate > [2026-13-01]", "String was not recognized as a valid DateTime: 2026-13-01."),
        ("name = Agreement", "A value is expected, not Agreement."),
        ("name = ", "The condition ends too early."),
        ("(name = 'x'", "')' is missing in the condition."),
        ("name = 'x' name = 'y'", "Unexpected text after position 3"),
        ("not name = 'x'", "not is not a recognized name."),
        ("name not = 'x'", "'not' stands before contains, like or in."),
        ("name & 'x'", "The condition could not be read at: & 'x'"),
        ("id in 5", "'(' is missing in the condition."),
        ("id in (5,'x')", "Expected a number, got a string for id."),
        ("'x' = name", "Unexpected x in the condition."),
    ],
)
def test_conditions_that_are_refused(connectwise: ConnectWiseClient, conditions: str, message: str) -> None:
    status, code, told = connectwise.refusal("GET", AGREEMENTS, params={"conditions": conditions})
    assert (status, code) == (400, "ApiFindCondition")
    assert told.startswith(message)


def test_children_and_custom_fields(connectwise: ConnectWiseClient) -> None:
    def found(**query: str) -> str:
        return "".join(row["identifier"][1] for row in connectwise.get(COMPANIES, **query))

    assert found(customfieldconditions='caption="Renewal Date" AND value >= [2026-06-01T00:00:00Z]') == "56"
    assert found(customFieldConditions='caption="Other" and value = 1') == ""
    assert found(customFieldConditions="value > 5") == ""
    assert found(childconditions='types/name = "client"', conditions="identifier = 'C1'") == "1"
    assert found(childConditions='customFields/caption like "renewal%"') == "0123456"
    for name, text in (
        ("childConditions", "types/name in ('Client')"),
        ("customFieldConditions", "value in (1)"),
        ("customFieldConditions", "color = 1"),
        ("childConditions", "name = 'x'"),
        ("childConditions", "types/name = 'x' or customFields/caption = 'y'"),
    ):
        assert connectwise.refusal("GET", COMPANIES, params={name: text})[:2] == (400, "ApiFindCondition")


def test_fields_cut_every_record(connectwise: ConnectWiseClient) -> None:
    rows = connectwise.get(AGREEMENTS, fields="id,company/identifier,type", pageSize=1)
    assert rows == [{"id": 1207, "type": {"id": 14, "name": "Hosting and Cloud Services"}, "company": {"identifier": "C0"}}]
    [row] = connectwise.get(AGREEMENTS, fields="id,_info", pageSize=1)
    assert set(row["_info"]) == {"lastUpdated", "updatedBy"}
    [company] = connectwise.get(COMPANIES, fields="customFields/caption", pageSize=1)
    assert company == {"customFields": [{"caption": "Renewal Date"}]}
    assert connectwise.get(f"{AGREEMENTS}/1208", fields="name") == {"name": "Agreement 1"}
    assert connectwise.call("GET", AGREEMENTS, params={"fields": "id,color"}).status_code == 400


def test_members_come_in_order_and_unset_ones_not_at_all(connectwise: ConnectWiseClient) -> None:
    text = connectwise.call("GET", f"{AGREEMENTS}/1208/additions").text
    assert text.startswith(
        '[{"id":88432,"product":{"id":412,"identifier":"P1","serializedFlag":false,"_info":{"catalog_href":"http'
    )
    assert f'"{connectwise.root}//procurement/catalog/412"' in text
    assert '"quantity":1.00,"lessIncluded":0.00,"unitPrice":1.00,"unitCost":0.50,' in text
    assert "null" not in text
    assert "cancelledDate" not in text
    assert '"effectiveDate":"2026-02-01T00:00:00Z"' in text


def test_order(connectwise: ConnectWiseClient) -> None:
    def names(order: str) -> str:
        return "".join(row["name"][-1] for row in connectwise.get(AGREEMENTS, orderBy=order))

    assert names("id desc") == "6543210"
    assert names("type/name asc, startDate DESC") == "6420531"
    assert names("endDate") == "1350246"
    assert connectwise.refusal("GET", AGREEMENTS, params={"orderBy": "color asc"})[1] == "ApiFindCondition"
    assert connectwise.refusal("GET", AGREEMENTS, params={"orderBy": "id up"})[1] == "ApiFindCondition"


def links(connectwise: ConnectWiseClient, page: int, **query: Any) -> dict[str, str]:
    answer = connectwise.call("GET", AGREEMENTS, params={"orderBy": "id asc", "pageSize": 3, "page": page, **query})
    assert answer.status_code == 200
    parts = [part.split("; rel=") for part in answer.headers.get("link", "").split(", ") if part]
    return {relation.strip('"'): address for address, relation in parts}


def test_links_between_pages(connectwise: ConnectWiseClient) -> None:
    first, middle, last = (links(connectwise, page) for page in (1, 2, 3))
    assert first == {
        "next": f"<{connectwise.root}{AGREEMENTS}?orderBy=id%20asc&pageSize=3&page=2>",
        "last": f"<{connectwise.root}{AGREEMENTS}?orderBy=id%20asc&pageSize=3&page=3>",
    }
    assert list(middle) == ["next", "last", "first", "prev"]
    assert list(last) == ["first", "prev"]
    assert links(connectwise, 1, pageSize=7) == {}
    assert connectwise.get(AGREEMENTS, page=9) == []
    conditions = 'name != "a, b; \\"c\\"" and cancelledFlag = false'
    rows = connectwise.every(AGREEMENTS, pageSize=2, conditions=conditions, orderBy="id desc")
    assert [row["name"][-1] for row in rows] == list("543210")


def test_forward_only_paging(connectwise: ConnectWiseClient) -> None:
    rows = connectwise.every(AGREEMENTS, forward=True, pageSize=3, conditions="cancelledFlag = false")
    assert [row["name"][-1] for row in rows] == list("012345")
    headers = {"pagination-type": "forward-only"}
    first = connectwise.call("GET", AGREEMENTS, params={"pageSize": 3}, headers=headers).headers["link"]
    assert first == f'<{connectwise.root}{AGREEMENTS}?pageSize=3&pageId=1209>; rel="next"'
    last = connectwise.call("GET", AGREEMENTS, params={"pageSize": 3, "pageId": 1212}, headers=headers)
    assert (last.headers["link"], [row["id"] for row in last.json()]) == ("", [1213])
    ordered = connectwise.call("GET", AGREEMENTS, params={"orderBy": "id asc"}, headers=headers)
    assert ordered.status_code == 400
    trail = connectwise.call("GET", "/system/audittrail", params={"type": "Agreement", "id": 1207}, headers=headers)
    assert (trail.json(), "link" in trail.headers) == ([], False)


def test_page_sizes(box: Sandbox, connectwise: ConnectWiseClient) -> None:
    assert connectwise.refusal("GET", AGREEMENTS, params={"pageSize": "many"})[:2] == (500, "ConnectWiseApi")
    assert len(connectwise.get(AGREEMENTS, pageSize=0)) == 7
    with connectwise_sandbox("sized:1040x1", seed=2, today=TODAY) as many, ConnectWiseClient(many) as client:
        assert len(client.get(COMPANIES)) == 25
        assert len(client.get(COMPANIES, pageSize=5_000)) == 1_000
        assert len({row["id"] for row in client.every(COMPANIES, pageSize=1_000, orderBy="id asc")}) == 1_040
        assert len({row["id"] for row in client.every(COMPANIES, pageSize=400, forward=True)}) == 1_040


def test_a_list_of_one_agreement(connectwise: ConnectWiseClient) -> None:
    assert connectwise.get(f"{AGREEMENTS}/1208/additions", conditions='product/identifier = "p1"')[0]["agreementId"] == 1208
    assert connectwise.get(f"{AGREEMENTS}/1208/additions", conditions="product/id = 412 and quantity = 1.0")[0]["id"] == 88432
    assert connectwise.get(f"{AGREEMENTS}/1208/additions/count") == {"count": 1}
    assert connectwise.refusal("GET", f"{AGREEMENTS}/99/additions") == (404, "NotFound", "Agreement 99 not found")
    assert connectwise.refusal("GET", f"{AGREEMENTS}/1207/additions/88432") == (404, "NotFound", "Addition 88432 not found")
    assert connectwise.refusal("GET", f"{AGREEMENTS}/1207/additions/88432x")[0] == 404


def test_light_lists(connectwise: ConnectWiseClient) -> None:
    [item] = connectwise.get("/procurement/catalog/info", conditions='identifier = "P3"')
    assert (item["identifier"], item["price"], "subcategory" in item) == ("P3", 3.0, False)
    assert connectwise.get(f"/procurement/catalog/{item['id']}/info")["identifier"] == "P3"
    assert connectwise.get("/procurement/catalog/info/count") == {"count": 7}
    assert {row["name"] for row in connectwise.get("/finance/agreements/types/info")} >= {"Managed Services", "Block Time"}
    assert connectwise.get("/finance/agreements/types", conditions="inactiveFlag = true")[0]["name"] == "Web Hosting"
    assert connectwise.get("/finance/agreements/1207/adjustments") == []
