from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.amounts import (
    MAX_QUANTITY,
    SCALE,
    AmountError,
    format_amount,
    format_fixed,
    is_whole,
    multiply,
    parse_money,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12", 120_000),
        ("12.5", 125_000),
        ("12.50000", 125_000),
        ("-1", -10_000),
        ("-0", 0),
        ("007", 70_000),
        ("0.0001", 1),
        ("1e2", 1_000_000),
        ("1.25E1", 125_000),
        (" 3\t\r\n", 30_000),
        ("1000000", MAX_QUANTITY),
    ],
)
def test_quantities_are_read_exactly(text: str, amount: int) -> None:
    assert parse_quantity(text) == amount


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a number"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("1_000", "not a number"),
        ("٣", "not a number"),
        ("５", "not a number"),
        ("true", "not a number"),
        ("1,5", "not a number"),
        ("1" * 41, "not a number"),
        ("\u00a05", "not a number"),
        ("+5", "not a number"),
        (".5", "not a number"),
        ("1e400", "too large"),
        ("1000000.0001", "too large"),
        ("-1000001", "too large"),
        ("0.00001", "more than four decimals"),
        ("1e-5", "more than four decimals"),
    ],
)
def test_what_is_no_quantity_says_why(text: str, why: str) -> None:
    with pytest.raises(AmountError, match=why):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("4.5", 45_000), ("-4.50", -45_000), ("0.00005", 0), ("0.00015", 2), ("1E3", 10_000_000), ("1000000000000", 10**16)],
)
def test_money_is_rounded_half_to_even(text: str, amount: int) -> None:
    assert parse_money(text) == amount


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "not a number"),
        ("01", "not a number"),
        ("1" * 41, "not a number"),
        ("1000000000000.1", "too large"),
        ("1e99", "too large"),
        ("1e99999999999999999999", "not a number"),
    ],
)
def test_what_is_no_money_says_why(text: str, why: str) -> None:
    with pytest.raises(AmountError, match=why):
        parse_money(text)


@pytest.mark.parametrize(
    ("amount", "short", "fixed"),
    [
        (120_000, "12", "12.00"),
        (125_000, "12.5", "12.50"),
        (-5, "-0.0005", "-0.0005"),
        (0, "0", "0.00"),
        (123_456, "12.3456", "12.3456"),
    ],
)
def test_amounts_are_written_without_rounding(amount: int, short: str, fixed: str) -> None:
    assert format_amount(amount) == short
    assert format_fixed(amount) == fixed


def test_fixed_decimals_may_be_none() -> None:
    assert format_fixed(120_000, 0) == "12"
    assert format_fixed(125_000, 0) == "12.5"


@settings(max_examples=100)
@given(st.integers(-MAX_QUANTITY, MAX_QUANTITY))
def test_writing_and_reading_gives_the_same(amount: int) -> None:
    assert parse_quantity(format_amount(amount)) == amount
    assert parse_money(format_amount(amount)) == amount
    assert is_whole(amount) == (amount % SCALE == 0)


@settings(max_examples=100)
@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_products_are_rounded_half_to_even(quantity: int, price: int) -> None:
    exact = Decimal(quantity) * Decimal(price) / SCALE
    assert multiply(quantity, price) == int(exact.to_integral_value(ROUND_HALF_EVEN))
