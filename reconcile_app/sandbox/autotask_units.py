"""Contract lines and their unit rows: one row per billing period, split where a quantity changes inside one.

A line's rows are first only described (units, first id) and made when somebody writes to them, so that a world with a million
rows costs nothing until it is touched. Units are whole numbers, prices and costs ten-thousandths.
"""

import calendar
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from reconcile_app.core.amounts import SCALE

_DAY = timedelta(days=1)
_CENT = SCALE // 100


class BillingPeriod(NamedTuple):
    """A billing period of a contract; ``days`` is its natural length, also where the contract's end cuts it."""

    start: date
    end: date
    days: int


def months_on(day: date, months: int) -> date:
    """The same day some months on; the last day where that month is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@lru_cache(maxsize=2048)
def billing_periods(start: date, end: date, months: int) -> tuple[BillingPeriod, ...]:
    """Step from the contract's start to its end; both are days of the contract."""
    periods: list[BillingPeriod] = []
    while (first := months_on(start, months * len(periods))) <= end:
        following = months_on(start, months * (len(periods) + 1))
        periods.append(BillingPeriod(first, min(following - _DAY, end), (following - first).days))
    return tuple(periods)


def prorated(units: int, unit_amount: int, days: int, of_days: int) -> int:
    """Extended amount for part of a period in ten-thousandths, rounded half away from zero to two decimals."""
    cents, rest = divmod(abs(units * unit_amount * days), of_days * _CENT)
    if rest * 2 >= of_days * _CENT:
        cents += 1
    return cents * _CENT * (-1 if units * unit_amount < 0 else 1)


@dataclass(slots=True)
class UnitRow:
    """The quantity in force from ``start`` to ``end``. ``end`` is what is shown; amounts follow ``days`` of ``of_days``."""

    id: int
    start: date
    end: date
    units: int
    unit_price: int
    unit_cost: int
    days: int
    of_days: int
    posted: date | None = None

    @property
    def price(self) -> int:
        """Extended price."""
        return prorated(self.units, self.unit_price, self.days, self.of_days)

    @property
    def cost(self) -> int:
        """Extended cost."""
        return prorated(self.units, self.unit_cost, self.days, self.of_days)


@dataclass(frozen=True, slots=True)
class Term:
    """What of a contract decides its lines' rows."""

    start: date
    end: date
    months: int

    @property
    def periods(self) -> tuple[BillingPeriod, ...]:
        """All billing periods."""
        return billing_periods(self.start, self.end, self.months)


@dataclass(slots=True)
class Line:
    """One service or bundle on a contract: the price, and the rows that carry the quantity."""

    id: int
    contract_id: int
    item_id: int
    bundle: bool
    term: Term
    list_price: int
    unit_price: int
    unit_cost: int
    new_row_id: Callable[[], int]
    invoice_description: str = ""
    internal_description: str = ""
    vendor_id: int | None = None
    seed_units: int | None = None
    seed_row_id: int = 0
    posted_through: date | None = None
    adjusted: set[date] = field(default_factory=set)
    _rows: list[UnitRow] | None = None

    @property
    def rows(self) -> list[UnitRow]:
        """Every row by start date; from now on they are real objects."""
        if self._rows is None:
            self._rows = [self._seeded(index) for index in range(len(self.term.periods))] if self.seed_units is not None else []
        return self._rows

    def rows_between(self, first: date, last: date) -> Iterator[UnitRow]:
        """Rows that touch the days from ``first`` to ``last``."""
        if self._rows is not None:
            yield from (row for row in self._rows if row.start <= last and row.end >= first)
        elif self.seed_units is not None:
            periods = self.term.periods
            index = max(0, bisect_right(periods, (first, date.max, 0)) - 1)
            while index < len(periods) and periods[index].start <= last:
                if periods[index].end >= first:
                    yield self._seeded(index)
                index += 1

    def _seeded(self, index: int) -> UnitRow:
        period = self.term.periods[index]
        posted = self.posted_through is not None and period.end <= self.posted_through
        return UnitRow(
            self.seed_row_id + index,
            period.start,
            period.end,
            self.seed_units or 0,
            self.unit_price,
            self.unit_cost,
            (period.end - period.start).days + 1,
            period.days,
            period.start + _DAY if posted else None,
        )

    def units_on(self, day: date) -> int:
        """Units in force on a day: the row with the latest start wins; no row is 0."""
        found = [row for row in self.rows_between(day, day) if row.start <= day]
        return max(found, key=lambda row: row.start).units if found else 0

    def would_be(self, day: date, change: int) -> list[int]:
        """Units from ``day`` on, after a change, row by row; a line without rows has one."""
        later = [row.units for row in self.rows if row.end >= day]
        covered = any(row.start <= day for row in self.rows)
        return [units + change for units in (later if covered else [0, *later])]

    def adjust(self, day: date, change: int, *, price: int | None, cost: int | None, cut_on_day: bool) -> None:
        """Change the units, and the price or cost where given, from ``day`` to the end of the contract."""
        rows = self.rows  # made before the price changes, so that earlier rows keep theirs
        if price is not None:
            self.unit_price = price
        if cost is not None:
            self.unit_cost = cost
        self._fill(day)
        self._split(day, cut_on_day)
        for row in rows:
            if row.start >= day:
                row.units += change
                row.unit_price = self.unit_price if price is not None else row.unit_price
                row.unit_cost = self.unit_cost if cost is not None else row.unit_cost
        self.adjusted.add(day)

    def _fill(self, day: date) -> None:
        """Make rows with no units for the days from ``day`` that have none yet."""
        until = self.rows[0].start - _DAY if self.rows else self.term.end
        if day > until:
            return
        empty = UnitRow(0, day, until, 0, self.unit_price, self.unit_cost, 0, 1)
        self.rows[:0] = self._copies(empty, day, until)

    def _split(self, day: date, cut_on_day: bool) -> None:
        for index, row in enumerate(self.rows):
            if row.start < day <= row.end and (index + 1 == len(self.rows) or self.rows[index + 1].start > day):
                before = (day - row.start).days
                rest = UnitRow(
                    self.new_row_id(), day, row.end, row.units, row.unit_price, row.unit_cost, row.days - before, row.of_days
                )
                row.end, row.days = day if cut_on_day else day - _DAY, before
                self.rows.insert(index + 1, rest)
                return

    def set_amounts(self, today: date, *, price: int | None = None, cost: int | None = None) -> None:
        """Change the unit price or cost; rows that are over or posted keep theirs."""
        for row in self.rows:
            if row.posted is None and row.end >= today:
                row.unit_price = row.unit_price if price is None else price
                row.unit_cost = row.unit_cost if cost is None else cost
        self.unit_price = self.unit_price if price is None else price
        self.unit_cost = self.unit_cost if cost is None else cost

    def refit(self, term: Term) -> None:
        """Follow a contract whose dates have changed: drop what lies outside, carry the nearest units into what is new."""
        rows = [row for row in self.rows if row.start <= term.end and row.end >= term.start]
        known = rows or self.rows[-1:]
        self.term = term
        if not known:
            return
        first, last = known[0], known[-1]
        for row in rows:
            row.start = max(row.start, term.start)
            following = next(period for period in term.periods if period.start <= row.start <= period.end)
            row.end = following.end if row is last else min(row.end, term.end)
            row.days = (row.end - row.start).days + 1
        before = self._copies(first, term.start, first.start - _DAY) if rows else []
        after = self._copies(last, last.end + _DAY, term.end)
        self.rows[:] = [*before, *rows, *after]

    def _copies(self, model: UnitRow, first: date, last: date) -> list[UnitRow]:
        """New rows like ``model`` for the days from ``first`` to ``last``."""
        made = []
        for period in self.term.periods:
            start, end = max(period.start, first), min(period.end, last)
            if start <= end:
                days = (end - start).days + 1
                amounts = (model.units, model.unit_price, model.unit_cost)
                made.append(UnitRow(self.new_row_id(), start, end, *amounts, days, period.days))
        return made

    def values(self) -> Mapping[str, object]:
        """The line's own fields."""
        texts = {"invoiceDescription": self.invoice_description, "internalDescription": self.internal_description}
        shared = {
            "id": self.id,
            "contractID": self.contract_id,
            "internalCurrencyAdjustedPrice": self.unit_price,
            "internalCurrencyUnitPrice": self.list_price,
            "unitPrice": self.list_price,
            **texts,
        }
        if self.bundle:
            return {**shared, "serviceBundleID": self.item_id, "adjustedPrice": self.unit_price}
        return {**shared, "serviceID": self.item_id, "unitCost": self.unit_cost}

    def row_values(self, row: UnitRow) -> dict[str, object]:
        """The fields of one of its rows."""
        price = row.price
        values: dict[str, object] = {
            "id": row.id,
            "approveAndPostDate": row.posted,
            "contractID": self.contract_id,
            "cost": row.cost,
            "endDate": row.end,
            "internalCurrencyPrice": price,
            "organizationalLevelAssociationID": 18,
            "price": price,
            "startDate": row.start,
            "units": row.units,
        }
        if self.bundle:
            return {**values, "contractServiceBundleID": self.id, "serviceBundleID": self.item_id}
        return {**values, "contractServiceID": self.id, "serviceID": self.item_id, "vendorCompanyID": self.vendor_id}
