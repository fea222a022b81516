"""Exact quantities and money as whole ten-thousandths.

Every quantity and every amount of money inside the program is an ``int`` that counts ten-thousandths (12.5 is 125000); in
frames it is an ``Int64`` column in which an absent value is ``<NA>``. Text from the wire becomes such an integer without ever
being a float.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

SCALE = 10_000
"""How many ten-thousandths make one."""

MAX_QUANTITY = 1_000_000 * SCALE
"""No line of a contract carries more; a larger number is taken for a fault of the sender."""

_PLAIN = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,4}0*)?", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST = 40


class AmountError(ValueError):
    """The text is no number this program accepts; ``args[0]`` says why, in words for the operator."""


def parse_quantity(text: str) -> int:
    """Read a quantity exactly.

    Accepts plain ASCII decimals and JSON numbers that are a whole count of ten-thousandths. Never rounds.

    Raises:
        AmountError: not a number, more than four decimals, or beyond ``MAX_QUANTITY``.
    """
    text = text.strip(" \t\r\n")
    if len(text) > _LONGEST or not (_PLAIN.fullmatch(text) or _JSON_NUMBER.fullmatch(text)):
        raise AmountError("not a number")
    scaled = _decimal(text).scaleb(4)
    whole = int(scaled) if abs(scaled) <= MAX_QUANTITY else None
    if whole is None:
        raise AmountError("too large")
    if whole != scaled:
        raise AmountError("more than four decimals")
    return whole


def parse_money(text: str) -> int:
    """Read an amount of money; what is finer than a ten-thousandth is rounded half to even.

    Raises:
        AmountError: not a number, or beyond what an invoice can hold (10¹² units of the currency).
    """
    text = text.strip(" \t\r\n")
    if len(text) > _LONGEST or not _JSON_NUMBER.fullmatch(text):
        raise AmountError("not a number")
    value = _decimal(text)
    if abs(value) > 10**12:
        raise AmountError("too large")
    return int(value.scaleb(4).to_integral_value(ROUND_HALF_EVEN))


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise AmountError("not a number") from error
    if value.adjusted() > 20:
        raise AmountError("too large")
    return value


def format_amount(amount: int) -> str:
    """Shortest decimal text: 120000 → ``12``, 125000 → ``12.5``."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), SCALE)
    return f"{sign}{whole}.{part:04d}".rstrip("0").rstrip(".")


def format_fixed(amount: int, decimals: int = 2) -> str:
    """Decimal text with a fixed number of decimals, as the published log texts want it: 120000 → ``12.00``.

    A quantity that needs more decimals than asked for keeps them: nothing is rounded away unseen.
    """
    text = format_amount(amount)
    whole, _, part = text.partition(".")
    return f"{whole}.{part.ljust(decimals, '0')}" if decimals or part else whole


def is_whole(amount: int) -> bool:
    """Whether the amount is a whole number of units."""
    return amount % SCALE == 0


def multiply(quantity: int, price: int) -> int:
    """Money for a quantity at a unit price, rounded half to even to a ten-thousandth."""
    product = quantity * price
    whole, rest = divmod(product, SCALE)
    if rest * 2 > SCALE or (rest * 2 == SCALE and whole % 2):
        whole += 1
    return whole
