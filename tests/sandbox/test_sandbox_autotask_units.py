"""Billing periods and unit rows: stepping, splitting, prorating."""

from datetime import date, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.sandbox.autotask_units import Line, Term, billing_periods, months_on, prorated

START, END = date(2026, 1, 26), date(2026, 12, 25)


def make_line(units: int | None, *, term: Term | None = None, price: int = 100_000, posted: date | None = None) -> Line:
    ids = count(1)
    term = term or Term(START, END, 1)
    line = Line(
        id=1,
        contract_id=1,
        item_id=601,
        bundle=False,
        term=term,
        list_price=price,
        unit_price=price,
        unit_cost=price // 2,
        posted_through=posted,
        new_row_id=ids.__next__,
    )
    if units is not None:
        ids_taken = [line.new_row_id() for _ in term.periods]
        line.seed_units, line.seed_row_id = units, ids_taken[0]
    return line


def change(line: Line, day: date, by: int, **more: int | None) -> None:
    line.adjust(day, by, **{"price": None, "cost": None, "cut_on_day": False, **more})


def test_periods_step_from_the_start_and_clamp_to_short_months() -> None:
    periods = billing_periods(date(2026, 1, 31), date(2026, 4, 29), 1)
    assert [(period.start, period.end) for period in periods] == [
        (date(2026, 1, 31), date(2026, 2, 27)),
        (date(2026, 2, 28), date(2026, 3, 30)),
        (date(2026, 3, 31), date(2026, 4, 29)),
    ]


@pytest.mark.parametrize(("months", "rows"), [(1, 12), (3, 4), (6, 2), (12, 1)])
def test_the_period_type_decides_how_many_rows(months: int, rows: int) -> None:
    assert len(make_line(5, term=Term(START, date(2027, 1, 25), months)).rows) == rows


def test_a_period_cut_by_the_contract_end_is_prorated() -> None:
    last = make_line(2, term=Term(date(2026, 1, 1), date(2026, 2, 14), 1)).rows[-1]
    assert (last.start, last.end, last.price) == (date(2026, 2, 1), date(2026, 2, 14), 100_000)


def test_rows_are_the_same_described_or_made() -> None:
    described, made = make_line(4, posted=date(2026, 6, 25)), make_line(4, posted=date(2026, 6, 25))
    span = date(2026, 5, 30), date(2026, 8, 1)
    assert list(described.rows_between(*span)) == [row for row in made.rows if row.start <= span[1] and row.end >= span[0]]
    assert [row.posted is not None for row in made.rows] == [True] * 5 + [False] * 6
    assert list(described.rows_between(date(2030, 1, 1), date(2031, 1, 1))) == []
    assert list(make_line(None).rows_between(*span)) == []


def test_a_change_on_the_first_day_of_a_period_splits_nothing() -> None:
    line = make_line(10)
    change(line, date(2026, 5, 26), 3)
    assert len(line.rows) == 11
    assert [row.units for row in line.rows] == [10] * 4 + [13] * 7


def test_a_change_inside_a_period_splits_its_row() -> None:
    line = make_line(10)
    change(line, date(2026, 6, 10), -4)
    before, after = line.rows[4], line.rows[5]
    assert (before.start, before.end, before.units) == (date(2026, 5, 26), date(2026, 6, 9), 10)
    assert (after.start, after.end, after.units) == (date(2026, 6, 10), date(2026, 6, 25), 6)
    assert (before.price, after.price) == (483_900, 309_700)
    assert after.id > max(row.id for row in line.rows if row is not after)
    assert line.rows[6].units == 6


def test_the_vendors_wording_lets_the_cut_row_end_on_the_day_itself() -> None:
    line = make_line(10)
    change(line, date(2026, 6, 10), 1, cut_on_day=True)
    assert (line.rows[4].end, line.rows[5].start) == (date(2026, 6, 10), date(2026, 6, 10))
    assert line.rows[4].days == 15
    assert line.units_on(date(2026, 6, 10)) == 11


def test_the_first_adjustment_of_a_new_line_makes_rows_from_its_day_on() -> None:
    line = make_line(None)
    change(line, date(2026, 11, 10), 7)
    assert [(row.start, row.end, row.units) for row in line.rows] == [
        (date(2026, 11, 10), date(2026, 11, 25), 7),
        (date(2026, 11, 26), date(2026, 12, 25), 7),
    ]
    assert line.would_be(date(2026, 10, 30), -1) == [-1, 6, 6]
    change(line, date(2026, 10, 30), 2)
    assert [(row.start, row.units) for row in line.rows][:3] == [
        (date(2026, 10, 30), 2),
        (date(2026, 11, 10), 9),
        (date(2026, 11, 26), 9),
    ]


def test_price_and_cost_of_a_change_hold_from_its_day_on() -> None:
    line = make_line(10)
    change(line, date(2026, 5, 26), 0, price=200_000, cost=30_000)
    assert [row.price for row in line.rows[3:5]] == [1_000_000, 2_000_000]
    assert [row.cost for row in line.rows[3:5]] == [500_000, 300_000]


def test_a_new_cost_leaves_posted_and_past_rows_alone() -> None:
    line = make_line(1, posted=date(2026, 7, 25))
    line.set_amounts(date(2026, 6, 1), cost=70_000)
    assert [row.unit_cost for row in line.rows] == [50_000] * 6 + [70_000] * 5
    line.set_amounts(date(2026, 6, 1), price=1)
    assert [row.unit_price for row in line.rows] == [100_000] * 6 + [1] * 5


def test_refit_follows_the_contract() -> None:
    line = make_line(3)
    change(line, date(2026, 11, 26), 2)
    line.refit(Term(START, date(2027, 2, 10), 1))
    assert [(row.start, row.end, row.units) for row in line.rows[-3:]] == [
        (date(2026, 11, 26), date(2026, 12, 25), 5),
        (date(2026, 12, 26), date(2027, 1, 25), 5),
        (date(2027, 1, 26), date(2027, 2, 10), 5),
    ]
    line.refit(Term(date(2026, 3, 26), date(2026, 5, 1), 1))
    assert [(row.start, row.end, row.units) for row in line.rows] == [
        (date(2026, 3, 26), date(2026, 4, 25), 3),
        (date(2026, 4, 26), date(2026, 5, 1), 3),
    ]
    line.refit(Term(date(2026, 2, 26), date(2026, 5, 1), 1))
    assert [row.start for row in line.rows] == [date(2026, 2, 26), date(2026, 3, 26), date(2026, 4, 26)]
    empty = make_line(None)
    empty.refit(Term(START, date(2027, 2, 10), 1))
    assert empty.rows == []


def test_amounts_round_half_away_from_zero() -> None:
    assert prorated(1, 100_050, 1, 1) == 100_100
    assert prorated(-1, 100_050, 1, 1) == -100_100
    assert prorated(1, 100_049, 1, 1) == 100_000


changes = st.lists(st.tuples(st.integers(0, 333), st.integers(-5, 9)), max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 40) | st.none(), changes)
def test_units_on_any_day_are_the_sum_of_the_changes_so_far(units: int | None, changes: list[tuple[int, int]]) -> None:
    line = make_line(units)
    days = [START + timedelta(days=offset) for offset, _ in changes]
    for day, (_, by) in zip(days, changes, strict=True):
        change(line, day, by)
    for offset in range(0, 334, 7):
        day = START + timedelta(days=offset)
        assert line.units_on(day) == (units or 0) + sum(by for at, (_, by) in zip(days, changes, strict=True) if at <= day)
    for before, after in pairwise(line.rows):
        assert before.end + timedelta(days=1) == after.start
    if line.rows:
        assert line.rows[-1].end == END
        assert len({row.id for row in line.rows}) == len(line.rows)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(100, 900_000), st.integers(1, 30))
def test_the_parts_of_a_split_row_cost_what_the_whole_did(units: int, price: int, day: int) -> None:
    whole = make_line(units, price=price).rows[4].price
    line = make_line(units, price=price)
    change(line, months_on(START, 4) + timedelta(days=day), 0)
    assert abs(line.rows[4].price + line.rows[5].price - whole) <= 100
