"""Atria's invoice in every shape it may have: the same billed lines come out, quantities exact, nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.connectors.atria.invoice import read_invoice
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.frames import BILLED_LINES, REJECTED
from reconcile_app.core.ports import Fetched

WIRE = Path(__file__).parent / "wire" / "atria"
Record = dict[str, Any]


def record(code: str | None = "ASP", **changes: Any) -> Record:
    """A flat record as Atria sends it."""
    return {
        "customerCode": code,
        "customerName": "ASP Limited",
        "customerAccountCode": "29683512",
        "billToCustomerCode": "RESELL1",
        "billToCustomerName": "Reseller One",
        "billToCustomerAccountCode": "29680001",
        "sku": "127",
        "serviceCode": "HE",
        "serviceName": "Hosted Exchange",
        "lineDescription": "Hosted Exchange, Advanced",
        "quantity": 12.0,
        **changes,
    }


def read(value: object, *customers: str, compact: bool = True) -> Fetched:
    separators = (",", ":") if compact else None
    fetched = read_invoice(
        json.dumps(value, separators=separators, indent=None if compact else 2).encode(), "invoice 2024-12-25", customers
    )
    BILLED_LINES.check(fetched.frame)
    REJECTED.check(fetched.rejected)
    return fetched


def plain(fetched: Fetched) -> list[Record]:
    return [
        {str(name): None if value is pd.NA else value for name, value in row.items()} for row in fetched.frame.to_dict("records")
    ]


def without_raw(fetched: Fetched) -> list[Record]:
    return [{name: value for name, value in row.items() if name not in ("raw", "raw_quantity")} for row in plain(fetched)]


def test_the_recorded_answer() -> None:
    fetched = read_invoice((WIRE / "invoice.json").read_bytes(), "invoice")
    first, second = plain(fetched)
    assert first == {
        "customer_code": "ASP",
        "customer_name": "ASP Limited",
        "billing_identifier": "29683512",
        "bill_to_code": "RESELL1",
        "bill_to_name": "Reseller One",
        "bill_to_identifier": "29680001",
        "sku": "127",
        "service_code": "HE",
        "service_name": "Hosted Exchange",
        "line_description": "Hosted Exchange, Advanced",
        "quantity": 120_000,
        "raw_quantity": "12.0",
        "raw": first["raw"],
    }
    assert json.loads(first["raw"]) == record()
    assert (second["sku"], second["billing_identifier"], second["quantity"]) == (None, None, 5_000)
    assert fetched.complete
    assert fetched.rejected.empty


def pascal(row: Record) -> Record:
    return {name[0].upper() + name[1:]: value for name, value in row.items()}


def snake(row: Record) -> Record:
    return {"".join("_" + c.lower() if c.isupper() else c for c in name): value for name, value in row.items()}


def spoken(row: Record) -> Record:
    return {"".join(" " + c if c.isupper() else c for c in name).title(): value for name, value in row.items()}


def without_absent(row: Record) -> Record:
    return {name: value for name, value in row.items() if value is not None}


def blank_absent(row: Record) -> Record:
    return {name: "  " if value is None else value for name, value in row.items()}


def padded(row: Record) -> Record:
    return {name: f" {value}\t" if isinstance(value, str) else value for name, value in row.items()}


def payer_object(row: Record) -> Record:
    rest = {name: value for name, value in row.items() if not name.startswith("billTo")}
    return {
        **rest,
        "billTo": {
            "code": row["billToCustomerCode"],
            "name": row["billToCustomerName"],
            "accountCode": row["billToCustomerAccountCode"],
        },
    }


def other_names(row: Record) -> Record:
    names = {
        "customerCode": "ShortCode",
        "customerName": "fullName",
        "customerAccountCode": "billingId",
        "sku": "stockCode",
        "billToCustomerCode": "billedByCode",
        "billToCustomerName": "billedByName",
        "billToCustomerAccountCode": "billToIdentifier",
        "lineDescription": "description",
        "quantity": "thisMonthCount",
    }
    return {names.get(name, name): value for name, value in row.items()}


ROWS = [record(), record("NOBILL", customerAccountCode=None, sku=None, quantity=0.5), record("ASP", sku="128", quantity=-3)]


@pytest.mark.parametrize(
    "shape",
    [
        pascal,
        snake,
        spoken,
        without_absent,
        blank_absent,
        padded,
        payer_object,
        other_names,
        lambda row: {**row, "unknownField": {"deep": [1, 2]}},
        lambda row: {"quantity": row["quantity"], **row},
        lambda row: {**row, "quantity": str(row["quantity"])},
    ],
)
@pytest.mark.parametrize("compact", [True, False])
def test_every_spelling_gives_the_same_lines(shape: Callable[[Record], Record], compact: bool) -> None:
    assert without_raw(read([shape(row) for row in ROWS], compact=compact)) == without_raw(read(ROWS))


def test_shapes_may_change_from_record_to_record() -> None:
    mixed = [ROWS[0], pascal(ROWS[1]), payer_object(ROWS[2]), without_absent(ROWS[1]), {**ROWS[0], "sku": 127}]
    assert without_raw(read(mixed)) == without_raw(read([*ROWS, ROWS[1], ROWS[0]]))


def test_a_name_that_appears_late_is_not_lost() -> None:
    first = [{"customerCode": "ASP", "quantity": 1} for _ in range(5)]
    fetched = read([*first, record("LATE")])
    assert plain(fetched)[-1]["sku"] == "127"
    assert plain(fetched)[-1]["bill_to_identifier"] == "29680001"


@pytest.mark.parametrize("envelope", ["data", "Value", "items", "results", "Invoices"])
def test_enveloped(envelope: str) -> None:
    assert without_raw(read({"count": 3, envelope: ROWS})) == without_raw(read(ROWS))


@pytest.mark.parametrize("lines", ["lines", "items", "InvoiceLines", "details"])
def test_nested_lines_inherit_their_customer(lines: str) -> None:
    head = {name: value for name, value in record().items() if name.startswith(("customer", "billTo"))}
    tails = [{"sku": "127", "lineDescription": "A", "quantity": 1}, {"sku": "128", "lineDescription": "B", "quantity": 2.5}]
    fetched = read([{**head, lines: tails}, {**head, "customerCode": "EMPTY", lines: []}])
    assert [(row["customer_code"], row["bill_to_code"], row["sku"], row["quantity"]) for row in plain(fetched)] == [
        ("ASP", "RESELL1", "127", 10_000),
        ("ASP", "RESELL1", "128", 25_000),
    ]
    assert json.loads(plain(fetched)[1]["raw"]) == tails[1]


def test_a_customer_object() -> None:
    row = {
        "customer": {"code": "ASP", "name": "ASP Limited", "accountCode": "1"},
        "billToCustomer": {"CustomerCode": "R"},
        "quantity": 1,
    }
    assert plain(read([row]))[0] | {"raw": None} == {
        **dict.fromkeys(BILLED_LINES.columns),
        "customer_code": "ASP",
        "customer_name": "ASP Limited",
        "billing_identifier": "1",
        "bill_to_code": "R",
        "quantity": 10_000,
        "raw_quantity": "1",
    }


def test_the_summary_text_stands_in_for_a_missing_description() -> None:
    row = {"customerCode": "ASP", "summaryGrouping": "Tenants", "quantity": 1}
    assert plain(read([row]))[0]["line_description"] == "Tenants"
    assert plain(read([{**row, "lineDescription": "Own"}]))[0]["line_description"] == "Own"


@pytest.mark.parametrize(
    ("literal", "quantity", "raw"),
    [
        ("12", 120_000, "12"),
        ("12.0", 120_000, "12.0"),
        ("0.0001", 1, "0.0001"),
        ("1e2", 1_000_000, "1e2"),
        ('"7"', 70_000, "7"),
        ('" 7.50 "', 75_000, "7.50"),
        ("-3", -30_000, "-3"),
        ("0", 0, "0"),
        ("12.34567", None, "12.34567"),
        ("1e400", None, "1e400"),
        ('"12,5"', None, "12,5"),
        ('"many"', None, "many"),
        ("true", None, "true"),
        ("null", None, None),
        ('""', None, None),
        ("[1]", None, "[1]"),
        ("99999999999", None, "99999999999"),
        ('"NaN"', None, "NaN"),
        ('"\u0661\u0662"', None, "\u0661\u0662"),
        ("0.1", 1_000, "0.1"),
        ("4503599627370497.1", None, "4503599627370497.1"),
        ("999999.9999", 9_999_999_999, "999999.9999"),
    ],
)
def test_quantities_are_exact_or_absent_and_never_zero_by_accident(literal: str, quantity: int | None, raw: str | None) -> None:
    content = f'[{{"customerCode":"ASP","sku":"1","quantity":{literal}}},{{"customerCode":"ASP","sku":"2"}}]'.encode()
    first, second = plain(read_invoice(content, "invoice"))
    assert (first["quantity"], first["raw_quantity"]) == (quantity, raw)
    assert (second["quantity"], second["raw_quantity"]) == (None, None)


def test_no_rows() -> None:
    for content in (b"[]", b" [ ] ", b'{"data": []}', b"\xef\xbb\xbf[]"):
        fetched = read_invoice(content, "invoice")
        assert fetched.complete
        assert len(BILLED_LINES.check(fetched.frame)) == 0


def test_a_bad_row_is_rejected_and_leaves_only_its_customer_unread() -> None:
    bad = record("BAD", sku={"is": "an object"})
    fetched = read([record(), bad, record("ASP", sku="128")])
    assert [row["sku"] for row in plain(fetched)] == ["127", "128"]
    assert not fetched.complete
    assert list(fetched.unread) == ["BAD"]
    assert "sku" in fetched.unread["BAD"]
    reject = fetched.rejected.iloc[0]
    assert (reject["side"], reject["source"], reject["customer_code"]) == ("billing", "invoice 2024-12-25", "BAD")
    assert json.loads(reject["raw"]) == bad


def test_a_bad_row_belongs_to_its_customer_even_when_the_name_is_bad() -> None:
    assert list(read([record("BAD", customerName=["x"])]).unread) == ["BAD"]


@pytest.mark.parametrize("stranger", [None, 5, "text", [], {}, {"sku": "127", "quantity": 3}, record(None), record("  ")])
def test_a_row_of_nobody_leaves_the_whole_side_incomplete(stranger: object) -> None:
    fetched = read([record(), stranger, record("B", sku=["list"])])
    assert len(fetched.frame) == 1
    assert not fetched.complete
    assert fetched.unread == {}
    assert len(fetched.rejected) == 2
    assert "could not be read" in fetched.error


def test_customers_are_compared_exactly_but_for_case() -> None:
    rows = [record("ASP"), record("asp2"), record("XASP"), record("BAD", sku={}), record("asp", sku="5")]
    fetched = read(rows, " Asp ")
    assert [row["customer_code"] for row in plain(fetched)] == ["ASP", "asp"]
    assert fetched.complete
    assert fetched.rejected.empty
    assert not read(rows, "bad").complete


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{}",
        b'"text"',
        b"<html>",
        b'{"data": null}',
        b"[",
        b'[{"customerCode":"A"}',
        b'[{"customerCode":"A"},]',
        b'[{"customerCode":"A"}]]',
        b'[{"customerCode":"A"}] x',
        b"[" * 50_000 + b"]" * 50_000,
        b'[{"customerCode":"A\xff"}]',
        '[{"customerCode":"A"}]'.encode("utf-16"),
        b'[{"customerCode":"A"} {"customerCode":"B"}]',
    ],
)
def test_what_is_no_list_of_records_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        read_invoice(content, "invoice")


@pytest.mark.parametrize("size", [1, 50, 400])
def test_borders_inside_texts_and_slices_of_any_size(size: int) -> None:
    rows = [record(f"C{number}", lineDescription=f'odd }} , {{ "x" }},{{ {number}', quantity=number) for number in range(40)]
    fetched = read_invoice(json.dumps(rows).encode(), "invoice", slice_bytes=size)
    assert [row["customer_code"] for row in plain(fetched)] == [f"C{number}" for number in range(40)]
    assert [row["quantity"] for row in plain(fetched)] == [number * 10_000 for number in range(40)]
    assert [json.loads(row["raw"]) for row in plain(fetched)] == rows


TEXTS = st.none() | st.text(max_size=8) | st.integers(-5, 10**12) | st.booleans() | st.lists(st.integers(), max_size=1)
NAMES = st.sampled_from(
    ["customerCode", "CustomerName", "sku", "Product_SKU", "quantity", "lineDescription", "billTo", "lines", "other"]
)


@given(st.lists(st.dictionaries(NAMES, TEXTS | st.dictionaries(NAMES, TEXTS, max_size=2), max_size=6) | TEXTS, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_row_is_ever_lost_unsaid(rows: list[object]) -> None:
    fetched = read(rows)
    lineless = sum(isinstance(row, dict) and "lines" in row and isinstance(row["lines"], (list, dict)) for row in rows)
    assert len(fetched.frame) + len(fetched.rejected) >= len(rows) - lineless
    assert fetched.complete == fetched.rejected.empty
    assert fetched.frame["customer_code"].notna().all()


@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_damage_is_refused_or_gives_a_checked_frame(at: int, junk: bytes) -> None:
    content = (WIRE / "invoice.json").read_bytes()
    at %= len(content)
    try:
        fetched = read_invoice(content[:at] + junk + content[at + len(junk) :], "invoice")
    except AnswerUnreadable:
        return
    BILLED_LINES.check(fetched.frame)
