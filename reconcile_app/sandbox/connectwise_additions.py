"""Additions of the simulated ConnectWise PSA: what is stored of them, and what the server works out from that.

Quantities, prices and costs are ten-thousandths. Dates are calendar dates; on the wire they are midnight UTC.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from reconcile_app.core.amounts import SCALE

_CENT = SCALE // 100
STORED: Mapping[str, str] = {
    "id": "id",
    "agreementId": "agreement_id",
    "product": "product_id",
    "quantity": "quantity",
    "lessIncluded": "less_included",
    "unitPrice": "unit_price",
    "unitCost": "unit_cost",
    "billCustomer": "bill_customer",
    "effectiveDate": "effective",
    "cancelledDate": "cancelled",
    "taxableFlag": "taxable",
    "invoiceDescription": "invoice_description",
    "sequenceNumber": "sequence",
}
"""Members with a place of their own; the others are in ``extra``."""


@dataclass(slots=True)
class Record:
    """One record of a plain entity. ``values`` holds the members that are set; a linked record stands there by its id."""

    id: int
    values: dict[str, Any]
    updated: datetime
    updated_by: str

    def get(self, name: str) -> Any:
        """A stored member; None where it is not set."""
        return self.values.get(name)

    def put(self, name: str, value: object) -> None:
        """Store a member."""
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def stored(self) -> dict[str, Any]:
        """Every member that is stored."""
        return dict(self.values)


@dataclass(slots=True)
class Addition:
    """One line of an agreement. ``cancelled`` None: it goes on."""

    id: int
    agreement_id: int
    product_id: int
    quantity: int | None
    unit_price: int | None
    unit_cost: int | None
    effective: date | None
    updated: datetime
    updated_by: str
    cancelled: date | None = None
    less_included: int | None = 0
    bill_customer: str | None = "Billable"
    taxable: bool | None = True
    invoice_description: str | None = None
    sequence: int | None = SCALE
    extra: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """A stored member; None where it is not set."""
        place = STORED.get(name)
        return getattr(self, place) if place else self.extra.get(name)

    def put(self, name: str, value: object) -> None:
        """Store a member."""
        place = STORED.get(name)
        if place:
            setattr(self, place, value)
        elif value is None:
            self.extra.pop(name, None)
        else:
            self.extra[name] = value

    def stored(self) -> dict[str, Any]:
        """Every member that is stored."""
        return {name: getattr(self, place) for name, place in STORED.items()} | self.extra

    def billed(self) -> int:
        """The quantity that is billed: what is included is taken off, and never less than nothing."""
        return max((self.quantity or 0) - (self.less_included or 0), 0)

    def bills_on(self, day: date, *, last_day_counts: bool) -> bool:
        """Whether the line bills on a day. ``last_day_counts``: the cancelled date is still billed."""
        if self.bill_customer != "Billable" or (self.effective is not None and self.effective > day):
            return False
        return self.cancelled is None or self.cancelled > day or (last_day_counts and self.cancelled == day)


class Period(NamedTuple):
    """A billing period of an agreement; both days belong to it."""

    start: date
    end: date


def month_around(begin: date, day: date) -> Period:
    """The monthly period, counted from the day billing began, that holds a day."""
    months = (day.year - begin.year) * 12 + day.month - begin.month
    start = _months_on(begin, months)
    if start > day:
        months -= 1
        start = _months_on(begin, months)
    return Period(start, _months_on(begin, months + 1) - timedelta(days=1))


def _months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def status(today: date, start: date | None, end: date | None, *, cancelled: bool) -> str:
    """The four words the product shows for agreements and additions."""
    if cancelled:
        return "Cancelled"
    if end is not None and end < today:
        return "Expired"
    return "Inactive" if start is not None and start > today else "Active"


def amounts(addition: Addition, part: tuple[int, int], *, of_total: bool) -> dict[str, int | None]:
    """What the server works out in money.

    ``part`` is days left and days of the period that the line bills first, (0, 1) where nothing is prorated. ``of_total``: the
    extended amounts take the whole quantity instead of the billed one.
    """
    quantity = (addition.quantity or 0) if of_total else addition.billed()
    price, cost = _times(quantity, addition.unit_price), _times(quantity, addition.unit_cost)
    left, of_days = part
    unit = [_cents((amount or 0) * left, of_days) for amount in (addition.unit_price, addition.unit_cost)]
    return {
        "billedQuantity": addition.billed(),
        "extPrice": price,
        "extCost": cost,
        "margin": (price or 0) - (cost or 0),
        "proratePrice": unit[0],
        "prorateCost": unit[1],
        "extendedProratePrice": _cents((price or 0) * left, of_days),
        "extendedProrateCost": _cents((cost or 0) * left, of_days),
    }


def _times(quantity: int, amount: int | None) -> int | None:
    return None if amount is None else quantity * amount // SCALE


def _cents(amount: int, parts: int) -> int:
    """A part of an amount, rounded half away from zero to two decimals."""
    cents, rest = divmod(abs(amount), parts * _CENT)
    cents += rest * 2 >= parts * _CENT
    return cents * _CENT * (-1 if amount < 0 else 1)
