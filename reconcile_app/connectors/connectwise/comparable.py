"""What a row of ConnectWise says, in a form in which equal rows are equal. Pure functions over JSON."""

from collections.abc import Collection, Mapping
from decimal import Context, Inexact, InvalidOperation, Overflow, Underflow
from typing import Any

import msgspec

from reconcile_app.core.ids import Json, canonical_json, sha256_hex


class _Number(str):
    """A JSON number in the form in which equal numbers have equal texts."""

    __slots__ = ()


_EXACTLY = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow, Underflow])


def _number(text: str) -> _Number:
    try:
        return _Number(_EXACTLY.create_decimal(text).normalize(_EXACTLY))
    except ArithmeticError:
        return _Number(text)  # Absurd numbers are compared as they are written.


_AS_WRITTEN = msgspec.json.Decoder(float_hook=_number)


def members_of(raw: bytes) -> dict[str, Json]:
    """The members of a row that have a value; 40 and 40.00 are the same number, and nothing is said of who touched it.

    Raises:
        RecursionError, ValueError: something absurd stands in the row.
    """
    members: Mapping[str, Any] = _AS_WRITTEN.decode(raw)
    return {name: plain(value) for name, value in members.items() if value is not None}


def digest_of(raw: bytes, without: Collection[str]) -> str:
    """What a row says, some members left out."""
    try:
        return sha256_hex(canonical_json({name: value for name, value in members_of(raw).items() if name not in without}))
    except (RecursionError, ValueError):
        return sha256_hex(raw)  # Then every difference counts.


def plain(value: Any) -> Json:
    """A decoded value in its comparable form."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items() if name != "_info" and each is not None}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, _Number):
        return f"number {value}"
    return f"text {value}" if isinstance(value, str) else f"number {_number(str(value))}"
