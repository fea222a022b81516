"""P9: bytes from the wire to frame columns, against msgspec decoding the same bytes into typed structs and nothing else."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from benchmarks.measure import Result, Scale, by_turns
from reconcile_app.connectors.atria.invoice import read_invoice
from reconcile_app.connectors.autotask import frames
from reconcile_app.connectors.autotask.wire import Line, UnitRow, read_page

_PAGE = 500
_AT = date(2026, 11, 26)


class _Invoice(msgspec.Struct, rename="pascal", gc=False):
    customer_code: str
    customer_name: str
    customer_account_code: str | None
    billed_by_customer_code: str | None
    billed_by_customer_name: str | None
    billed_by_customer_account_code: str | None
    service_code: str | None
    service_name: str | None
    line_description: str | None
    quantity: Decimal
    sku: str | None = msgspec.field(name="SKU")


class _Line(msgspec.Struct, rename={"contract_id": "contractID", "service_id": "serviceID"}, gc=False):
    id: int
    contract_id: int
    service_id: int
    invoiceDescription: str | None
    internalDescription: str | None
    unitPrice: Decimal | None
    unitCost: Decimal | None
    internalCurrencyUnitPrice: Decimal | None
    internalCurrencyAdjustedPrice: Decimal | None


class _Units(msgspec.Struct, gc=False):
    id: int
    contractID: int
    contractServiceID: int
    serviceID: int
    startDate: datetime
    endDate: datetime
    units: int
    approveAndPostDate: datetime | None


class _LinePage(msgspec.Struct):
    items: list[_Line]


class _UnitPage(msgspec.Struct):
    items: list[_Units]


def p9(scale: Scale) -> Iterator[Result]:
    """One Atria invoice, and the pages of Autotask's contract services with their units."""
    invoice = _invoice(scale.rows)
    bare = msgspec.json.Decoder(list[_Invoice])
    ours, reference = by_turns(lambda: read_invoice(invoice, "invoice"), lambda: bare.decode(invoice), scale.times)
    yield Result(
        line="P9",
        what=f"Atria, {scale.rows:,} invoice rows ({len(invoice) / 2**20:.0f} MB)",
        ours=ours,
        reference=reference,
        at_most=2.0,
        note="reference: msgspec structs with Decimal",
    )
    lines, units = _pages(scale.rows)
    line_pages, unit_pages = msgspec.json.Decoder(_LinePage), msgspec.json.Decoder(_UnitPage)

    def bare_pages() -> list[object]:
        return [*map(line_pages.decode, lines), *map(unit_pages.decode, units)]

    ours, reference = by_turns(lambda: _autotask(lines, units), bare_pages, scale.times)
    size = sum(map(len, (*lines, *units))) / 2**20
    yield Result(
        line="P9",
        what=f"Autotask, {scale.rows:,} lines and as many unit rows ({size:.0f} MB)",
        ours=ours,
        reference=reference,
        at_most=2.0,
        note="reference: msgspec structs with Decimal and dates",
    )


def _autotask(lines: list[bytes], units: list[bytes]) -> object:
    rows = [row for page in lines for row in read_page(page, Line, "ContractServices/query").rows]
    held = [row for page in units for row in read_page(page, UnitRow, "ContractServiceUnits/query").rows]
    return frames.lines_frame(rows, held, _AT, ())


def _invoice(rows: int) -> bytes:
    dice = random.Random(3)
    records = [
        {
            "CustomerCode": f"C{i // 10:06d}",
            "CustomerName": f"Customer {i // 10:06d} Limited",
            "CustomerAccountCode": str(174_000 + i // 10),
            "BilledByCustomerCode": None,
            "BilledByCustomerName": None,
            "BilledByCustomerAccountCode": None,
            "SKU": str(600 + i % 60),
            "ServiceCode": f"SVC{i % 60}",
            "ServiceName": f"Service {i % 60}",
            "LineDescription": f"Service {i % 60}, Standard",
            "Quantity": dice.choice([dice.randrange(1, 200), 12.5]),
        }
        for i in range(rows)
    ]
    return msgspec.json.encode(records)


def _pages(rows: int) -> tuple[list[bytes], list[bytes]]:
    lines = [
        {
            "id": 8_000_000 + i,
            "contractID": 29_000_000 + i // 10,
            "serviceID": 600 + i % 60,
            "invoiceDescription": f"Service {i % 60}",
            "internalDescription": None,
            "unitPrice": 4.5,
            "unitCost": 3.15,
            "internalCurrencyUnitPrice": 4.5,
            "internalCurrencyAdjustedPrice": 4.25 + i % 4,
        }
        for i in range(rows)
    ]
    units = [
        {
            "id": 5_000_000 + i,
            "contractID": 29_000_000 + i // 10,
            "contractServiceID": 8_000_000 + i,
            "serviceID": 600 + i % 60,
            "startDate": "2026-11-26T00:00:00.000Z",
            "endDate": "2026-12-25T00:00:00.000Z",
            "units": i % 97,
            "approveAndPostDate": None,
        }
        for i in range(rows)
    ]
    return _paged(lines), _paged(units)


def _paged(records: Sequence[object]) -> list[bytes]:
    return [
        msgspec.json.encode(
            {
                "items": records[start : start + _PAGE],
                "pageDetails": {
                    "count": len(records[start : start + _PAGE]),
                    "requestCount": _PAGE,
                    "prevPageUrl": None,
                    "nextPageUrl": None,
                },
            }
        )
        for start in range(0, len(records), _PAGE)
    ]
