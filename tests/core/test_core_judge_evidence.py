"""How a change of ours must show up in what the PSA keeps about a line."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.evidence import quantity_on, shows_exactly, state_from_json, state_to_json, untouched
from reconcile_app.core.ids import canonical_json
from reconcile_app.core.ports import EvidenceItem, LineState

EFFECTIVE = date(2026, 12, 1)
NOV = ("2026-11-26", "2026-12-25")
DEC = ("2026-12-26", "2027-01-25")


def item(quantity: int, start: str, end: str, id_: str = "r") -> EvidenceItem:
    return EvidenceItem(id=id_, start=start, end=end, quantity=quantity)


BEFORE = (item(10, *NOV, "a"), item(10, *DEC, "b"))


@pytest.mark.parametrize("now", [
    (item(10, "2026-11-26", "2026-11-30"), item(13, "2026-12-01", "2026-12-25"), item(13, *DEC)),
    # Some texts let the cut item end on the effective date itself.
    (item(10, "2026-11-26", "2026-12-01"), item(13, "2026-12-01", "2026-12-25"), item(13, *DEC)),
    # In full date and time.
    (item(10, "2026-11-26T00:00:00", "2026-11-30T00:00:00"), item(13, "2026-12-01T00:00:00", "2026-12-25T00:00:00"),
     item(13, "2026-12-26T00:00:00", "2027-01-25T00:00:00")),
])
def test_a_cut_inside_a_period(now: tuple[EvidenceItem, ...]) -> None:
    assert shows_exactly(BEFORE, now, EFFECTIVE, 3)


@pytest.mark.parametrize("id_", ["a", "new"])
def test_a_change_on_the_first_day_in_place_or_as_a_new_item(id_: str) -> None:
    now = (item(13, *NOV, id_), item(13, *DEC, "b"))
    assert shows_exactly(BEFORE, now, date(2026, 11, 26), 3)


@pytest.mark.parametrize("now", [
    BEFORE,
    (item(10, "2026-11-26", "2026-11-30"), item(13, "2026-12-01", "2026-12-25"), item(10, *DEC)),
    (item(13, *NOV), item(13, *DEC)),
    (item(10, "2026-11-26", "2026-12-02"), item(13, "2026-12-03", "2026-12-25"), item(13, *DEC)),
    (item(10, "2026-11-26", "2026-11-30"), item(13, "2026-12-01", "2026-12-20"), item(13, *DEC)),
    (item(10, "2026-11-26", "2026-11-30"), item(13, "2026-12-01", "2026-12-25")),
    (item(10, "2026-11-26", "2026-11-30"), item(13, "2026-12-01", "2026-12-25"), item(13, "2026-12-26", "2027-02-25")),
    (item(10, "2026-11-26", "2026-11-30"), item(13, "2026-12-01", "2026-12-10"), item(13, "2026-12-11", "2026-12-25"),
     item(13, *DEC)),
    (),
])
def test_anything_else_is_not_exactly_our_change(now: tuple[EvidenceItem, ...]) -> None:
    assert not shows_exactly(BEFORE, now, EFFECTIVE, 3)


def test_the_first_change_of_a_line_without_items_makes_one_for_every_period() -> None:
    now = tuple(item(3, f"2026-{month:02}-01", f"2026-{month:02}-28") for month in (10, 11, 12))
    assert shows_exactly((), now, date(2026, 10, 1), 3)
    assert not shows_exactly((), (item(4, *NOV),), date(2026, 11, 26), 3)


def test_going_to_zero_may_take_the_item_away() -> None:
    assert shows_exactly((item(3, *NOV),), (item(0, *NOV),), date(2026, 11, 26), -3)
    assert not shows_exactly((item(3, *NOV),), (), date(2026, 11, 26), -3)  # an item less is another story
    assert shows_exactly((item(3, *NOV), item(3, *DEC)), (item(0, *NOV), item(0, *DEC, "x")), date(2026, 11, 26), -3)
    assert shows_exactly((item(3, *NOV), item(3, *DEC)), (item(3, "2026-11-26", "2026-12-10"), item(3, "2026-12-11", "2026-12-25")),
                         date(2026, 12, 26), -3)


def test_items_without_dates() -> None:
    assert shows_exactly((item(3, "", ""),), (item(5, "", ""),), EFFECTIVE, 2)
    assert not shows_exactly((item(3, "", ""),), (item(4, "", ""),), EFFECTIVE, 2)


def test_dates_nobody_can_read_do_not_stop_the_comparison() -> None:
    assert shows_exactly((item(3, "2026-11-26", "9999-12-31"),), (item(5, "2026-11-26", "9999-12-31"),), date(2026, 11, 26), 2)
    assert shows_exactly((item(3, "2026-11-26", "open"),), (item(5, "2026-11-26", "open"),), date(2026, 11, 26), 2)


def test_the_latest_of_several_items_counts() -> None:
    rows = (item(5, "2026-12-01", "2026-12-25"), item(3, "2026-11-26", "2026-12-01"))
    assert quantity_on(rows, "2026-12-01") == 5
    assert quantity_on(rows, "2026-11-30") == 3
    assert quantity_on(rows, "2027-01-01") is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 9), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_delta_always_shows_and_never_as_another_one(quantities: list[int], first: int, delta: int, cut: bool) -> None:
    months = [f"2027-{month:02}" for month in range(1, len(quantities) + 1)]
    before = [item(quantity, f"{month}-01", f"{month}-28") for month, quantity in zip(months, quantities, strict=True)]
    first = min(first, len(before) - 1)
    day = f"{months[first]}-15" if cut else f"{months[first]}-01"
    now = list(before[:first])
    if cut:
        now.append(item(quantities[first], f"{months[first]}-01", f"{months[first]}-14"))
    now.append(item(quantities[first] + delta, day, f"{months[first]}-28"))
    now += [item(old.quantity + delta, old.start, old.end) for old in before[first + 1:]]
    assert shows_exactly(before, now, date.fromisoformat(day), delta)
    assert not shows_exactly(before, now, date.fromisoformat(day), delta + 1)
    assert not shows_exactly(before, now, date.fromisoformat(day), 0)


def test_a_reading_survives_the_journal() -> None:
    state = LineState(
        line_id="L1", present=True, quantity=10, unit_cost=None, evidence=BEFORE, neighbours="n", attribution="Bob", blocked="no",
    )
    stored = state_to_json(state)
    assert canonical_json(stored)
    back = state_from_json(stored)
    assert back.digest == state.digest
    assert (back.neighbours, back.attribution) == ("n", "Bob")
    assert untouched(state, back)


def test_a_damaged_reading_is_refused() -> None:
    with pytest.raises(KeyError):
        state_from_json({"line": "L1"})
