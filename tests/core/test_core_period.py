from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.errors import NotFound, PeriodInvalid
from reconcile_app.core.findings import Kind
from reconcile_app.core.period import (
    DaysBeforeEnd,
    EndDay,
    Period,
    Rule,
    WholeMonths,
    effective_date,
    open_period,
    period_before,
    period_of,
    previous_of,
    select_period,
)
from reconcile_app.core.settings import CompareOptions


def period(start: str, end: str) -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end))


OCTOBER = period("2026-09-26", "2026-10-25")
NOVEMBER = period("2026-10-26", "2026-11-25")
DECEMBER = period("2026-11-26", "2026-12-25")
KNOWN = [DECEMBER, NOVEMBER, OCTOBER]
TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("rule", "today", "current", "previous"),
    [
        (EndDay(25), "2024-12-25", period("2024-11-26", "2024-12-25"), period("2024-10-26", "2024-11-25")),
        (EndDay(25), "2024-12-26", period("2024-12-26", "2025-01-25"), period("2024-11-26", "2024-12-25")),
        (WholeMonths(), "2024-02-10", period("2024-02-01", "2024-02-29"), period("2024-01-01", "2024-01-31")),
        (EndDay(31), "2023-03-05", period("2023-03-01", "2023-03-31"), period("2023-02-01", "2023-02-28")),
        (DaysBeforeEnd(3), "2024-02-27", period("2024-02-27", "2024-03-28"), period("2024-01-29", "2024-02-26")),
        (EndDay(30), "2024-01-31", period("2024-01-31", "2024-02-29"), period("2023-12-31", "2024-01-30")),
    ],
)
def test_the_bill_process_day_cuts_the_calendar(rule: Rule, today: str, current: Period, previous: Period) -> None:
    assert period_of(rule, date.fromisoformat(today)) == current
    assert previous_of(rule, current) == previous


@settings(max_examples=60)
@given(
    rule=st.one_of(st.just(WholeMonths()), st.builds(EndDay, st.integers(1, 31)), st.builds(DaysBeforeEnd, st.integers(0, 27))),
    day=st.dates(date(2000, 1, 1), date(2090, 1, 1)),
)
def test_every_day_lies_in_one_period_and_periods_touch(rule: Rule, day: date) -> None:
    found = period_of(rule, day)
    assert day in found
    assert period_of(rule, found.start) == period_of(rule, found.end) == found
    assert previous_of(rule, found).end + timedelta(days=1) == found.start


@pytest.mark.parametrize("day", [0, 32])
def test_an_end_day_outside_the_month_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 31"):
        EndDay(day)


@pytest.mark.parametrize("days", [-1, 28])
def test_too_many_days_before_the_end_are_refused(days: int) -> None:
    with pytest.raises(ValueError, match="0 to 27"):
        DaysBeforeEnd(days)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("Previous", NOVEMBER),
        ("previous", NOVEMBER),
        (" PREVIOUS ", NOVEMBER),
        ("Current", DECEMBER),
        ("cUrRent", DECEMBER),
        ("2026-10-25", OCTOBER),
        ("2026-10-26", NOVEMBER),
        (" 2026-11-25 ", NOVEMBER),
    ],
)
def test_an_entry_means_a_period(entry: str, expected: Period) -> None:
    assert select_period(entry, KNOWN, TODAY) == expected
    assert select_period(entry, reversed(KNOWN), TODAY) == expected


@pytest.mark.parametrize(
    "entry", ["", "last", "2026-13-01", "2026-02-30", "25.11.2026", "20261125", "2026-11-25T00:00", "２026-11-25"]
)
def test_any_other_entry_is_refused(entry: str) -> None:
    with pytest.raises(PeriodInvalid) as caught:
        select_period(entry, KNOWN, TODAY)
    assert caught.value.kind is Kind.PERIOD_INVALID
    assert "YYYY" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "today"), [("2025-01-01", TODAY), ("Current", date(2027, 3, 1)), ("Previous", date(2026, 10, 1))]
)
def test_a_period_that_does_not_exist_has_no_records(entry: str, today: date) -> None:
    with pytest.raises(NotFound) as caught:
        select_period(entry, KNOWN, today)
    assert caught.value.kind is Kind.NO_RECORDS


def test_the_period_before_is_the_latest_earlier_one() -> None:
    assert period_before(DECEMBER, KNOWN) == NOVEMBER
    assert period_before(OCTOBER, KNOWN) is None


def test_the_open_period_contains_today() -> None:
    assert open_period(KNOWN, TODAY) == DECEMBER


def test_the_open_period_follows_the_last_closed_one_when_the_source_lists_closed_ones_only() -> None:
    assert open_period([OCTOBER, NOVEMBER], TODAY) == DECEMBER
    assert open_period([period("2026-10-01", "2026-10-31")], TODAY) == period("2026-11-01", "2026-11-30")


def test_without_periods_there_is_no_open_one() -> None:
    with pytest.raises(NotFound):
        open_period([], TODAY)


def test_the_effective_date_is_explicit_or_today_or_the_start_of_the_open_period() -> None:
    explicit = date(2026, 11, 1)
    assert effective_date(CompareOptions(), DECEMBER, TODAY) == DECEMBER.start
    assert effective_date(CompareOptions(prorated=True), DECEMBER, TODAY) == TODAY
    assert effective_date(CompareOptions(prorated=True, effective_date=explicit), DECEMBER, TODAY) == explicit
