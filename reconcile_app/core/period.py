"""Billing periods: which one an entry means, and how a bill process day cuts the calendar."""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from reconcile_app.core.errors import NotFound, PeriodInvalid
from reconcile_app.core.findings import Kind
from reconcile_app.core.settings import CompareOptions

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A billing period; both days belong to it."""

    start: date
    end: date

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


@dataclass(frozen=True, slots=True)
class WholeMonths:
    """Periods are calendar months."""

    def end_in(self, year: int, month: int) -> date:
        """The last day of the period that ends in this month."""
        return _month_end(year, month)


@dataclass(frozen=True, slots=True)
class EndDay:
    """Periods end on this day of the month (1 to 31), in a shorter month on its last day."""

    day: int

    def __post_init__(self) -> None:
        if not 1 <= self.day <= 31:
            raise ValueError("an end day lies between 1 and 31")

    def end_in(self, year: int, month: int) -> date:
        """The last day of the period that ends in this month."""
        last = _month_end(year, month)
        return last.replace(day=min(self.day, last.day))


@dataclass(frozen=True, slots=True)
class DaysBeforeEnd:
    """Periods end this many days (0 to 27) before the month does."""

    days: int

    def __post_init__(self) -> None:
        if not 0 <= self.days <= 27:
            raise ValueError("a period ends 0 to 27 days before the month does")

    def end_in(self, year: int, month: int) -> date:
        """The last day of the period that ends in this month."""
        return _month_end(year, month) - self.days * _DAY


Rule = WholeMonths | EndDay | DaysBeforeEnd
"""The bill process day of the billing source, in its three forms."""


def period_of(rule: Rule, day: date) -> Period:
    """The period that a day belongs to."""
    first = day.replace(day=1)
    this = rule.end_in(day.year, day.month)
    if day <= this:
        before = first - _DAY
        return Period(rule.end_in(before.year, before.month) + _DAY, this)
    after = _month_end(day.year, day.month) + _DAY
    return Period(this + _DAY, rule.end_in(after.year, after.month))


def previous_of(rule: Rule, period: Period) -> Period:
    """The period that ended the day before this one started."""
    return period_of(rule, period.start - _DAY)


def select_period(entry: str, periods: Iterable[Period], today: date) -> Period:
    """The period that an entry means: ``Previous``, ``Current`` (in any case) or a date as ``YYYY-MM-DD``.

    Raises:
        PeriodInvalid: the entry is neither of the words nor a date.
        NotFound: there is no such period; its kind is ``NO_RECORDS``, because that is what the log says then.
    """
    known = sorted(periods, reverse=True)
    word = entry.strip().casefold()
    if word == "previous":
        return _first((period for period in known if period.end < today), "No billing period has been closed yet.")
    if word == "current":
        return _first((period for period in known if today in period), f"No billing period contains today ({today}).")
    day = _read_date(entry)
    return _first((period for period in known if day in period), f"No billing period contains {day}.")


def period_before(period: Period, periods: Iterable[Period]) -> Period | None:
    """The latest known period that ended before this one started."""
    return max((other for other in periods if other.end < period.start), default=None)


def open_period(periods: Iterable[Period], today: date) -> Period:
    """The period that is running today.

    A source that lists closed periods only gets the one that follows: it starts the day after the last one ended.

    Raises:
        NotFound: the source knows no period at all.
    """
    known = sorted(periods, reverse=True)
    for period in known:
        if today in period:
            return period
    last = _first((period for period in known if period.end < today), "The billing source lists no billing period.")
    whole = last.start.day == 1 and last.end == _month_end(last.end.year, last.end.month)
    return period_of(WholeMonths() if whole else EndDay(last.end.day), today)


def effective_date(options: CompareOptions, current: Period, today: date) -> date:
    """The date that changes count from: an explicit one, today when prorated, otherwise the start of the open period."""
    if options.effective_date is not None:
        return options.effective_date
    return today if options.prorated else current.start


def _first(found: Iterable[Period], otherwise: str) -> Period:
    for period in found:
        return period
    raise NotFound(
        "There is no such billing period.",
        otherwise,
        meaning="Nothing was compared.",
        next_step="Check in Atria that the bill processing ran for this period.",
        kind=Kind.NO_RECORDS,
    )


def _read_date(entry: str) -> date:
    text = entry.strip()
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise PeriodInvalid(
        "The billing period cannot be read.",
        f"It says: {text[:50]!r}.",
        meaning="Nothing was compared.",
        next_step="Write Previous, Current or a date such as 2026-11-25.",
    )


def _month_end(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])
