import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.connectors.autotask.wire import (
    Company,
    Contract,
    EntityInformation,
    Line,
    Service,
    Threshold,
    UnitRow,
    Zone,
    error_texts,
    fields_of,
    query_body,
    read_page,
    wire_name,
)
from reconcile_app.connectors.autotask.writes import adjustment_body, cost_body, write_shape
from reconcile_app.connectors.http import Answer, decode
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.judge import Shape

WIRE = Path(__file__).parent / "wire" / "autotask"
UNIT = {
    "id": 1,
    "contractID": 2,
    "contractServiceID": 3,
    "serviceID": 4,
    "startDate": "2026-11-26T00:00:00Z",
    "endDate": "2026-12-25T00:00:00Z",
    "units": 5,
    "approveAndPostDate": None,
}


def recorded(name: str) -> bytes:
    return (WIRE / f"{name}.json").read_bytes()


def page(*rows: object, count: int | None = None, following: str | None = None) -> bytes:
    told = len(rows) if count is None else count
    return json.dumps({"items": rows, "pageDetails": {"count": told, "requestCount": 500, "nextPageUrl": following}}).encode()


def units_page(**changes: object) -> bytes:
    return page({name: value for name, value in {**UNIT, **changes}.items() if value != "absent"})


def test_field_names_are_spelled_as_the_api_spells_them():
    assert [wire_name(name) for name in ("id", "contract_service_id", "approve_and_post_date", "sku")] == [
        "id",
        "contractServiceID",
        "approveAndPostDate",
        "sku",
    ]


def test_recorded_pages_are_read():
    companies = read_page(recorded("companies"), Company, "Companies/query")
    assert [(row.id, row.company_name, row.company_number, row.is_active) for row in companies.rows] == [
        (174, "Contoso", "C-1001", True),
        (175, "Consolidated", "", True),
    ]
    assert companies.next_url.startswith("https://webservices14.autotask.net/ATServicesRest/V1.0/Companies/query/next?paging=%7b")
    contract = read_page(recorded("contracts"), Contract, "").rows[0]
    assert (contract.company_id, contract.start_date.date(), contract.end_date.date()) == (
        174,
        date(2026, 1, 1),
        date(2026, 12, 31),
    )
    line = read_page(recorded("contract_services"), Line, "").rows[0]
    assert (line.contract_id, line.service_id, line.internal_currency_adjusted_price) == (29684183, 650, Decimal("22.0"))
    units = read_page(recorded("contract_service_units"), UnitRow, "").rows[0]
    assert (units.contract_service_id, units.units, units.approve_and_post_date is not None) == (8001, 11, True)
    assert read_page(recorded("services"), Service, "").rows[0].sku == "CFQ7TTC0LCHC"


def test_recorded_single_answers_are_read():
    assert decode(recorded("zone"), Zone).ci == 512345
    assert decode(recorded("threshold"), Threshold).current_timeframe_request_count == 124
    assert decode(recorded("entity_information"), EntityInformation).info.user_access_for_query == 2


def test_money_does_not_pass_through_float():
    row = read_page(
        page({"id": 1, "name": "x", "unitPrice": 0}).replace(b'"unitPrice": 0', b'"unitPrice": 0.1000000000000000055'), Service, ""
    )
    assert row.rows[0].unit_price == Decimal("0.1000000000000000055")


@pytest.mark.parametrize("wrong", ["5", 5.5, True, None, "absent", -1, 1_000_001, [5], {}, "٣"])
def test_units_that_are_no_whole_number_are_absent_and_told(wrong):
    read = read_page(units_page(units=wrong), UnitRow, "ContractServiceUnits/query")
    assert read.rows[0].units is None
    assert read.faults[0].reason.startswith("Field units is")
    assert not read.faults[0].lost
    assert read.faults[0].ids == {"id": 1, "contractID": 2, "contractServiceID": 3}


def test_a_whole_number_written_with_decimals_is_whole():
    read = read_page(units_page().replace(b'"units": 5', b'"units": 5.0'), UnitRow, "")
    assert (read.rows[0].units, read.faults) == (5, [])


def test_a_row_without_a_required_field_is_lost_alone_and_names_the_field():
    good = {**UNIT, "id": 7}
    bad = {name: value for name, value in UNIT.items() if name != "startDate"}
    read = read_page(page(good, bad), UnitRow, "ContractServiceUnits/query")
    assert [row.id for row in read.rows] == [7]
    assert [(fault.reason, fault.lost, fault.ids["contractID"]) for fault in read.faults] == [
        ("Field startDate is missing.", True, 2)
    ]
    assert json.loads(read.faults[0].raw) == bad


def test_an_optional_field_that_cannot_be_used_is_left_out_and_told():
    read = read_page(page({"id": 650, "name": "Mail", "unitPrice": "many"}), Service, "Services/query")
    assert (read.rows[0].unit_price, read.faults[0].reason, read.faults[0].lost) == (None, 'Field unitPrice is "many".', False)


def test_other_casing_bare_dates_and_ids_as_text_are_understood():
    row = {name[0].upper() + name[1:]: value for name, value in UNIT.items()} | {"StartDate": "2026-11-26", "ContractID": "2"}
    body = json.dumps({"Items": [row], "PageDetails": {"Count": 1, "NextPageUrl": "https://x/next"}}).encode()
    read = read_page(body, UnitRow, "")
    assert (read.rows[0].start_date.date(), read.rows[0].contract_id, read.rows[0].units) == (date(2026, 11, 26), 2, 5)
    assert (read.next_url, read.faults) == ("https://x/next", [])


@pytest.mark.parametrize("row", [5, None, [], "text"])
def test_a_row_that_is_no_object_is_lost(row):
    read = read_page(page(row, {"id": 1, "companyName": "A"}), Company, "")
    assert ([each.id for each in read.rows], read.faults[0].lost, dict(read.faults[0].ids)) == ([1], True, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items":null,"pageDetails":{}}',
        b'{"items":[]}',
        b'{"items":[],"pageDetails":null}',
        b'{"items":[',
        b"<html>",
        b'{"items":[],"pageDetails":{"count":"x"}}',
        b'{"items":[],"pageDetails":{"nextPageUrl":7}}',
    ],
)
def test_what_is_no_page_is_refused_whole(body):
    with pytest.raises(AnswerUnreadable):
        read_page(body, Company, "")


@pytest.mark.parametrize("rows", [({"id": 1, "companyName": "A"},), ({"id": 1, "companyName": 5},)])
def test_a_page_with_fewer_rows_than_it_says_is_refused(rows):
    with pytest.raises(AnswerUnreadable, match="announces 2 rows and holds 1"):
        read_page(page(*rows, count=2), Company, "")


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["items", "pageDetails", "id", "units", "x"]), inner, max_size=4)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
@settings(max_examples=150)
def test_any_bytes_give_a_page_or_the_one_refusal(body):
    try:
        read = read_page(body, UnitRow, "x")
    except AnswerUnreadable:
        return
    assert all(row.units is None or 0 <= row.units <= 1_000_000 for row in read.rows)


def test_a_query_asks_for_the_fields_of_its_rows_and_the_largest_page():
    assert json.loads(query_body(fields_of(Company), {"op": "eq", "field": "isActive", "value": True})) == {
        "MaxRecords": 500,
        "IncludeFields": ["id", "companyName", "companyNumber", "isActive"],
        "Filter": [{"op": "eq", "field": "isActive", "value": True}],
    }
    assert "sku" not in fields_of(Service, without=frozenset({"sku"}))


def test_an_adjustment_holds_these_five_fields_and_no_price():
    body = adjustment_body(contract_id=29684183, line_id=8001, service_id=650, effective=date(2026, 10, 1), unit_change=-3)
    assert body == (
        b'{"contractID":29684183,"contractServiceID":8001,"serviceID":650,"effectiveDate":"2026-10-01T00:00:00","unitChange":-3}'
    )


def test_a_new_line_is_named_by_contract_and_service():
    body = adjustment_body(contract_id=1, line_id=None, service_id=650, effective=date(2026, 10, 1), unit_change=4)
    assert json.loads(body) == {"contractID": 1, "serviceID": 650, "effectiveDate": "2026-10-01T00:00:00", "unitChange": 4}


@pytest.mark.parametrize(("cost", "text"), [(45_000, b"4.5"), (180_000, b"18"), (1, b"0.0001"), (-5_000, b"-0.5")])
def test_a_cost_is_an_exact_number(cost, text):
    assert cost_body(line_id=8001, unit_cost=cost) == b'{"id":8001,"unitCost":' + text + b"}"


def answer(content: bytes, status: int = 200, kind: str = "application/json; charset=utf-8") -> Answer:
    return Answer(status=status, headers={"content-type": kind}, content=content, path="/x")


@pytest.mark.parametrize(
    ("content", "line_id", "shape", "receipt"),
    [
        (recorded("adjusted"), None, Shape.SUCCESS, ""),
        (b'{"itemId": 9001}', None, Shape.SUCCESS, "9001"),
        (b"{}", None, Shape.SUCCESS, ""),
        (b'{"itemId": 8001}', 8001, Shape.SUCCESS, "8001"),
        (b'{"itemId": 8002}', 8001, Shape.FOREIGN, ""),
        (b'{"itemId": "x"}', None, Shape.OTHER, ""),
        (b'{"ok": true}', None, Shape.OTHER, ""),
        (b"", None, Shape.OTHER, ""),
        (b"[]", None, Shape.OTHER, ""),
        (b"null", None, Shape.OTHER, ""),
        (b'{"itemId": 9001', None, Shape.OTHER, ""),
        (recorded("refused"), None, Shape.ERROR, ""),
        (b'{"errors": []}', None, Shape.OTHER, ""),
        (b'{"errors": [5]}', None, Shape.OTHER, ""),
        (b'{"Message": "no route"}', None, Shape.OTHER, ""),
    ],
)
def test_the_shape_of_an_answer_to_a_write(content, line_id, shape, receipt):
    assert write_shape(answer(content), line_id) == (shape, receipt)


def test_an_answer_of_another_type_is_no_success():
    assert write_shape(answer(b'{"itemId":1}', kind="text/html"))[0] is Shape.OTHER


def test_error_texts_are_all_kept():
    assert error_texts(b'{"errors":["one","two"," "]}') == ["one", "two"]
    assert error_texts(b"<html>") == []
