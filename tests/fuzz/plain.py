"""What bytes plainly say: a strict reading of JSON that shares nothing with the program, numbers kept as they are written."""

import json
import zlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

BOM = b"\xef\xbb\xbf"


class NotPlain(Exception):
    """The bytes say nothing that could be relied on: no JSON, or two answers to one question."""


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object's members in order, doubled ones included."""


ABSENT = object()


def plainly(content: bytes, encoding: str = "") -> Any:
    """The value that the bytes hold.

    Raises:
        NotPlain: no strict JSON in UTF-8; a byte order mark is passed over.
    """
    try:
        text = unpacked(content, encoding).removeprefix(BOM).decode("utf-8")
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_refuse, object_pairs_hook=Members)
    except (ValueError, RecursionError) as error:
        raise NotPlain(str(error)) from error


def unpacked(content: bytes, encoding: str) -> bytes:
    """The bytes without their transfer packing; where that ends early the text within does so too, or is whole.

    Raises:
        NotPlain: damaged.
    """
    if encoding not in ("gzip", "deflate"):
        return content
    # Servers send deflate with and without its header.
    for window in (31,) if encoding == "gzip" else (15, -15):
        try:
            return zlib.decompressobj(window).decompress(content, 65 * 2**20)
        except zlib.error:
            continue
    raise NotPlain("damaged packing")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def exactly(name: str) -> str:
    """Names that are compared as they are."""
    return name


def find(members: Any, *names: str, normal: Callable[[str], str] = str.casefold) -> Any:
    """The value of the first of these names that is there: as written, otherwise as names are compared; ``ABSENT`` without any.

    Raises:
        NotPlain: no object, or it gives the name two different values.
    """
    if not isinstance(members, Members):
        raise NotPlain("no object")
    for name in names:
        for same in (exactly, normal):
            told = [value for key, value in members if same(key) == same(name)]
            if told:
                return _one_of(told)
    return ABSENT


def _one_of(told: list[Any]) -> Any:
    if any(value != told[0] or type(value) is not type(told[0]) for value in told):
        raise NotPlain("a name with two values")
    return told[0]


def whole(value: Any) -> int | None:
    """A whole number, written as a number or as text of digits."""
    if isinstance(value, Number):
        exact = exactly_decimal(value)
        return int(exact) if exact is not None and exact == exact.to_integral_value() else None
    if isinstance(value, str) and value.isascii() and value.strip().isdigit() and len(value) <= 18:
        return int(value)
    return None


def exactly_decimal(text: str) -> Decimal | None:
    """The number, where it is one of a size that anybody could mean."""
    try:
        value = Decimal(text) if len(text) <= 60 else None
    except InvalidOperation:  # an exponent beyond what decimals can hold
        return None
    return value if value is not None and abs(value.adjusted()) < 40 else None
