"""Columns as whole numbers: text columns coded by their distinct values, keys packed into one number, and back to frame columns.

Everything between the fetched frames and the finished comparison works on such numbers; a text is touched once when it comes in and
once when it goes out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from reconcile_app.core.amounts import format_fixed

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ObjectArray = npt.NDArray[np.object_]

Days = npt.NDArray[np.datetime64]
T = TypeVar("T", bound=np.generic)

_WIDEST = 2**62


@dataclass(frozen=True, slots=True)
class Coded:
    """A text column as positions in its distinct ``values``, which are sorted; −1 where the text is absent."""

    codes: IntArray
    values: list[str]


def coded(columns: Sequence["pd.Series[Any]"]) -> Coded:
    """One or several text columns below each other, coded together."""
    parts = [np.asarray(column.array, dtype=object) for column in columns]
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    codes, distinct = pd.factorize(joined)
    values = [str(value) for value in distinct]
    order = sorted(range(len(values)), key=values.__getitem__)
    return Coded(take(rank_of(order), codes, -1), [values[i] for i in order])


def rank_of(order: Sequence[int] | IntArray) -> IntArray:
    """For each position, where an ordering puts it."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[np.asarray(order, dtype=np.int64)] = np.arange(len(order), dtype=np.int64)
    return rank


def take(values: IntArray, codes: IntArray, absent: int) -> IntArray:
    """Numbers by position; ``absent`` where the position is −1."""
    return _taken(values, codes, np.int64(absent))


def take_flags(values: BoolArray, codes: IntArray) -> BoolArray:
    """Flags by position; false where the position is −1."""
    return _taken(values, codes, np.bool_(False))


def _taken(values: npt.NDArray[T], codes: IntArray, absent: T) -> npt.NDArray[T]:
    if not len(values):
        return np.full(len(codes), absent, dtype=values.dtype)
    # The position −1 takes the last value for a moment; that is cheaper than a longer copy of the values.
    found = values[codes]
    if len(codes) and codes.min() < 0:
        found[codes < 0] = absent
    return found


def pick(values: Sequence[Any], codes: IntArray, absent: Any = pd.NA) -> ObjectArray:
    """Texts by position; ``absent`` where the position is −1."""
    table = np.empty(len(values) + 1, dtype=object)
    table[:-1] = values
    table[-1] = absent
    return table[codes]


def picked(values: Sequence[str], codes: IntArray) -> Any:
    """A frame column of texts by position, absent where the position is −1 or the text is blank."""
    table = np.empty(len(values), dtype=object)
    table[:] = values if all(values) else [value or pd.NA for value in values]
    return pd.arrays.StringArray(table).take(codes, allow_fill=True)


def objects(column: "pd.Series[Any]") -> ObjectArray:
    """A text column as it is, without a copy."""
    return np.asarray(column.array, dtype=object)


def filled(column: "pd.Series[Any]") -> list[str]:
    """A text column with blanks where it is absent."""
    texts: list[str] = blanked(column).tolist()
    return texts


def blanked(column: "pd.Series[Any]") -> ObjectArray:
    """A text column as an array with blanks where it is absent."""
    absent = column.isna().to_numpy(dtype=bool)
    return np.where(absent, "", objects(column)) if absent.any() else objects(column)


def text_column(values: ObjectArray) -> Any:
    """A frame column of text."""
    return pd.arrays.StringArray(values)


def amount_column(values: IntArray, known: BoolArray) -> Any:
    """A frame column of ten-thousandths, absent where not known."""
    return pd.arrays.IntegerArray(values if known.all() else np.where(known, values, 0), ~known)


def amounts_of(column: "pd.Series[Any]") -> tuple[IntArray, BoolArray]:
    """Values (0 where absent) and where they are known."""
    known = ~column.isna().to_numpy(dtype=bool)
    return column.to_numpy(dtype=np.int64, na_value=0), known


def days_of(column: "pd.Series[Any]") -> Days:
    """A date column in whole days."""
    return column.to_numpy(dtype="datetime64[D]")


def day_texts(days: Iterable[np.datetime64]) -> list[str]:
    """Days as ``YYYY-MM-DD``; blank where absent."""
    return ["" if np.isnat(day) else str(day) for day in days]


def fixed_texts(values: IntArray, known: BoolArray) -> ObjectArray:
    """Quantities with two decimals, as the log texts want them; blank where not known. Each distinct one is written once."""
    codes, distinct = pd.factorize(values)
    return pick([format_fixed(int(value)) for value in distinct], np.where(known, codes, -1), "")


def packed(*parts: tuple[IntArray, int]) -> IntArray:
    """Several codes (each with how many there are) as one number that sorts like the tuple of them.

    Codes are non-negative. Where the product of the sizes outgrows a number, codes are renumbered without gaps.
    """
    key, width = parts[0]
    for codes, size in (part for part in parts[1:] if part[1] > 1):
        if width * size >= _WIDEST:
            key, width = _renumbered(key)
        if width * size >= _WIDEST:
            codes, size = _renumbered(codes)  # noqa: PLW2901  # the same part, more tightly packed
        key = key * size
        key += codes
        width *= size
    return key


def _renumbered(codes: IntArray) -> tuple[IntArray, int]:
    distinct, renumbered = np.unique(codes, return_inverse=True)
    return renumbered.astype(np.int64), len(distinct)
