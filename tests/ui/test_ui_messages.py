"""Words and numbers on the screen."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale

from reconcile_app.core.changes import Status
from reconcile_app.core.period import Period
from reconcile_app.ui.messages import (
    STATUS_MEANING,
    STATUS_WORDS,
    Numbers,
    ago_text,
    day_text,
    decimals_needed,
    guarded,
    join,
    listed,
    locale_numbers,
    period_text,
    plural,
    quoted_server_text,
    shown,
    to_cents,
    units_words,
)

N = Numbers()
amounts = st.integers(min_value=-10**12, max_value=10**12)


@pytest.mark.parametrize(("amount", "decimals", "text"), [
    (120_000, 0, "12"), (125_000, 0, "12.5"), (120_000, 2, "12.00"), (-50_000, 0, "−5"), (12_340_000_000, 0, "1,234,000"),
    (1, 2, "0.0001"), (0, 0, "0"), (-12_500, 2, "−1.25"),
])
def test_numbers_have_separators_a_real_minus_and_lose_nothing(amount, decimals, text):
    assert N.fixed(amount, decimals) == text


@given(amounts, st.integers(min_value=0, max_value=4))
def test_a_number_reads_back_exactly(amount, decimals):
    text = N.fixed(amount, decimals).replace(",", "").replace("−", "-")
    whole, _, part = text.lstrip("-").partition(".")
    value = int(whole) * 10_000 + int(part.ljust(4, "0"))
    assert (-value if text.startswith("-") else value) == amount
    assert len(part) >= decimals


@given(amounts)
def test_cents_are_the_nearest_and_ties_go_to_the_even_one(amount):
    cents = to_cents(amount)
    assert cents % 100 == 0
    assert abs(cents - amount) <= 50
    if abs(cents - amount) == 50:
        assert cents // 100 % 2 == 0


def test_money_puts_the_sign_before_the_currency():
    assert N.money(-1_155_000) == "−$115.50"
    assert N.money(6_124_000, signed=True) == "+$612.40"
    assert N.money(0, signed=True) == "$0.00"
    assert N.money(5_559_925) == "$555.99"


def test_the_locale_decides_about_separators():
    german = locale_numbers(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    assert german.fixed(12_345_000) == "1.234,5"
    assert german.currency == "€"
    assert locale_numbers(QLocale.c()) == Numbers()


@given(st.lists(amounts, max_size=20))
def test_a_column_gets_as_many_decimals_as_its_finest_number(values):
    needed = decimals_needed(values)
    assert all(len(N.fixed(value, needed).partition(".")[2]) == needed for value in values)


def test_periods_and_days_name_the_year_only_where_it_differs():
    today = date(2026, 11, 27)
    assert period_text(Period(date(2026, 10, 26), date(2026, 11, 25)), today) == "26 Oct – 25 Nov"
    assert period_text(Period(date(2025, 12, 26), date(2026, 1, 25)), today) == "26 Dec 2025 – 25 Jan 2026"
    assert period_text(Period(date(2025, 3, 1), date(2025, 3, 31)), today) == "1 Mar – 31 Mar 2025"
    assert day_text(date(2026, 11, 26), today) == "26 Nov"
    assert day_text(date(2026, 11, 26)) == "26 Nov 2026"


def test_times_are_told_as_people_tell_them():
    now = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
    assert ago_text(now - timedelta(seconds=20), now) == "just now"
    assert ago_text(now - timedelta(minutes=2), now) == "2 min ago"
    assert ago_text(now - timedelta(hours=3), now) == "3 h ago"
    assert "2026" in ago_text(now - timedelta(days=3), now)


def test_plurals_and_lists():
    assert plural(1, "line") == "1 line"
    assert plural(1240, "line") == "1,240 lines"
    assert plural(2, "entry", "entries") == "2 entries"
    assert join(["a", "", "b"]) == "a · b"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c", "d", "e"], 2) == "a, b and 3 more"
    assert units_words(540_000, -90_000, N) == "+54 units −9"
    assert units_words(0, -90_000, N) == "−9 units"
    assert units_words(0, 0, N) == ""


def test_every_status_has_a_word_and_a_meaning():
    assert set(STATUS_WORDS) == set(STATUS_MEANING) == set(Status)


@pytest.mark.parametrize(("text", "visible"), [
    ("plain", "plain"), ("a\u202eb", "a\\u202eb"), ("a\u200bb", "a\\u200bb"), ("two\nlines", "two lines"), ("a\u00a0b", "a b"),
    ("nul\0", "nul\\u0000"), ("<b>x</b>", "<b>x</b>"), ("\ud800", "\\ud800"),
])
def test_nothing_invisible_reaches_the_screen(text, visible):
    assert shown(text) == visible


@given(st.text(max_size=60))
def test_shown_text_is_printable_and_stays_so(text):
    assert shown(text).isprintable()
    assert shown(shown(text)) == shown(text)


def test_long_text_is_cut_with_a_mark():
    assert shown("x" * 600) == "x" * 500 + "…"
    assert quoted_server_text("boom") == "The server said: “boom”"
    assert quoted_server_text("") == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"])
def test_text_that_a_spreadsheet_would_run_is_guarded(start):
    assert guarded(f"{start}1+1") == f"'{start}1+1"
    assert guarded(f"a{start}") == f"a{start}"
