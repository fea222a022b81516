"""Rows, dates, errors and conditions on the wire: what is taken, and what is refused."""

import json

import pytest

from reconcile_app.connectors.connectwise.conditions import LONGEST_URL, all_of, batches, one_of, text_value
from reconcile_app.connectors.connectwise.wire import (
    Addition,
    Agreement,
    Company,
    amount_of,
    day,
    error_of,
    money,
    read_list,
    visible,
)
from reconcile_app.connectors.http import Answer
from reconcile_app.core.errors import AnswerUnreadable


def answer(body: object, content_type: str = "application/json", status: int = 400) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={"content-type": content_type}, content=content, path="/x")


def test_a_bad_row_costs_that_row_and_names_what_it_can():
    odd = [{"id": 2}, {"identifier": "B"}, [], {"id": "x", "identifier": "C"}, {"id": -5, "identifier": "D"}]
    rows = [{"id": 1, "identifier": "A"}, *odd]
    read = read_list(json.dumps(rows).encode(), Company, "/company/companies")
    assert [seen.row.identifier for seen in read.rows] == ["A"]
    assert [fault.ids for fault in read.faults] == [{"id": 2}, {}, {}, {}, {}]
    assert all(fault.lost and fault.reason for fault in read.faults)
    assert read.came == 6


def test_the_owner_of_a_bad_row_is_named_where_it_can_be_read():
    rows = [{"id": 1, "company": {"id": 305}}, {"id": 2, "company": 7}, {"id": 3, "company": {"name": "x"}}, {"id": 4}]
    read = read_list(json.dumps(rows).encode(), Agreement, "/finance/agreements")
    assert [fault.ids.get("company") for fault in read.faults] == [305, None, None, None]


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[1,2", b"[] []", b"\xff\xfe[]", b'[{"id":1,"id":2}]'])
def test_what_is_no_list_is_refused_as_a_whole(content):
    with pytest.raises(AnswerUnreadable):
        read_list(content, Company, "/company/companies")


def test_quantities_stay_exact_and_unset_members_are_absent():
    text = b'[{"id":1,"product":{"id":2},"quantity":0.1000,"unitPrice":1.23456}]'
    (seen,) = read_list(text, Addition, "x").rows
    assert (amount_of(seen.row.quantity), money(seen.row.unit_price), seen.row.unit_cost) == (1_000, 12_346, None)
    assert (seen.row.cancelled_date, seen.row.bill_customer, seen.raw) == (None, None, text[1:-1])


@pytest.mark.parametrize("text", [None, "", "  ", "0001-01-01T00:00:00Z"])
def test_dates_that_mean_none(text):
    assert day(text) is None


@pytest.mark.parametrize("text", ["soon", "2026-02-30", "2026-1-1", "2026-11-26 T", "26.11.2026"])
def test_dates_that_are_none(text):
    with pytest.raises(ValueError, match=r".+"):
        day(text)


@pytest.mark.parametrize(
    ("body", "code", "texts"),
    [
        ({"code": "NotFound", "message": "Addition 9 not found"}, "NotFound", ["Addition 9 not found"]),
        ({"code": "X", "message": "m", "errors": None}, "X", ["m"]),
        ({"code": "X", "message": "m", "errors": [{"message": "a", "field": "b"}, {"message": "c"}]}, "X", ["m", "b: a", "c"]),
        ({"code": "X", "message": "m", "errors": [{"message": 5}]}, "X", ["m"]),
    ],
)
def test_its_own_errors_are_recognized(body, code, texts):
    found = error_of(answer(body))
    assert found is not None
    assert (found.code, found.texts) == (code, texts)


@pytest.mark.parametrize(
    "foreign",
    [
        answer({"error": "ConnectWiseAPI", "message": "slow"}),
        answer({"code": 5, "message": "m"}),
        answer({"code": " ", "message": "m"}),
        answer({"code": "X", "message": "m"}, "text/html"),
        answer(b"<html>"),
        answer([{"code": "X", "message": "m"}]),
    ],
)
def test_anything_else_is_not_its_own_error(foreign):
    assert error_of(foreign) is None


def test_money_beyond_all_measure_is_absent():
    (seen,) = read_list(b'[{"id":1,"product":{"id":2},"unitPrice":1e30}]', Addition, "x").rows
    assert money(seen.row.unit_price) is None


def test_pasted_marks_and_blanks_go():
    assert visible(" \u200eA\u200b B\ufeff ") == "A B"
    assert (visible(" \u200e "), visible(None)) == (None, None)


def test_conditions():
    assert text_value('a"b\\c') == '"a\\"b\\\\c"'
    assert all_of("", one_of("id", ["1", "2"]), "x = 1") == "id in (1,2) and x = 1"


def test_lists_are_cut_by_the_length_of_their_address():
    values = [str(number) for number in range(1000)]
    cut = batches(values, lambda some: 100 + sum(map(len, some)) + 3 * len(some))
    assert [each for batch in cut for each in batch] == values
    assert all(100 + sum(map(len, batch)) + 3 * len(batch) <= LONGEST_URL for batch in cut)
    assert batches([], lambda some: 0) == []
    assert batches(["x" * 3000, "y"], lambda some: sum(map(len, some))) == [["x" * 3000], ["y"]]
