"""Bytes from outside into typed values, and only one kind of refusal out of it."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from reconcile_app.core.errors import AnswerUnreadable

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"


@lru_cache(maxsize=128)
def _decoder(type_: Hashable) -> Callable[[bytes], Any]:
    return cast("Callable[[bytes], Any]", msgspec.json.Decoder(type_).decode)


def decode(content: bytes, type_: type[T], *, title: str = "The system") -> T:
    """Decode a JSON answer as a whole, or not at all.

    A byte order mark is tolerated. Refused are: anything after the value, NaN and infinities, numbers out of range, invalid UTF-8,
    nesting that would exhaust the stack, and every difference from ``type_`` (unknown extra fields are ignored).

    Raises:
        AnswerUnreadable: naming the JSON path where there is one.
    """
    try:
        if not content.isascii():
            content.decode("utf-8")  # the decoder itself does not look inside what it skips
        return cast("T", _decoder(cast("Hashable", type_))(content.removeprefix(_BOM)))
    except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError) as error:
        raise unreadable(title, _words(error, content)) from error
    except RecursionError as error:
        raise unreadable(title, "It is nested too deeply.") from error
    except MemoryError as error:
        raise unreadable(title, "It is too large.") from error


def unreadable(title: str, happened: str) -> AnswerUnreadable:
    """The refusal of an answer."""
    return AnswerUnreadable(
        f"Unreadable answer from {title}.",
        happened[:500],
        meaning="Nothing was taken from it. What could not be read is unknown, not zero.",
        next_step="Try again. If it stays so, the system or a gateway before it is at fault; Copy details helps its support.",
    )


def _words(error: Exception, content: bytes) -> str:
    if not content.strip():
        return "The answer was empty."
    return " ".join(str(error).split())[:300] + "."
