"""Columns made ready for the screen: texts, ranks and search texts, computed once and off the main thread.

Each column keeps its distinct texts and, per row, a place in them; a rank per row makes sorting a matter of integers. Steps that
would hold the interpreter for long (sorting a hundred thousand different texts) are handed to numpy, which lets go of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reconcile_app.core.amounts import format_amount
from reconcile_app.ui.messages import NONE, Numbers, decimals_needed, guarded, shown, to_cents

Ints = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]
Amounts = npt.NDArray[np.int64]

ABSENT = int(np.iinfo(np.int64).min)
"""Stands for an absent amount in an int64 array."""
_MANY = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as data. ``width`` is in digits."""

    key: str
    title: str
    tip: str = ""
    numeric: bool = False
    width: float = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTexts:
    """A prepared column: ``texts[codes[row]]`` is what a cell shows, ``copies`` the same for the clipboard; ``ranks`` sorts, absent
    values have −1."""

    column: Column
    texts: list[str]
    copies: list[str]
    codes: Ints
    ranks: Ints
    widest: str = ""
    """The longest number of the column: numbers are never cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRows:
    """A frame made ready. ``keys`` names each row for good; ``position`` is its inverse."""

    columns: tuple[ColumnTexts, ...]
    keys: list[str]
    position: dict[str, int]
    levels: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.keys)


def coded(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Place of each row's text in the list of distinct texts; absent is −1."""
    codes, distinct = pd.factorize(series.array if len(series) else series.to_numpy(object))
    return codes.astype(np.int32), [str(text) for text in distinct]


def text_column(column: Column, series: pd.Series[Any], absent: str = NONE) -> ColumnTexts:
    """Text from outside: shown on one line with nothing invisible, sorted without regard to case, numbers by value."""
    codes, distinct = coded(series)
    order = text_order(distinct)
    ranks = np.empty(len(distinct) + 1, dtype=np.int32)
    ranks[order] = np.arange(len(distinct), dtype=np.int32)
    ranks[-1] = -1
    texts = [shown(text, 200) for text in distinct]
    copies = [guarded(shown(text, 32_000)) for text in distinct]
    # −1, the place of what is absent, takes the last entry
    return ColumnTexts(column=column, texts=[*texts, absent], copies=[*copies, ""], codes=codes, ranks=narrowed(ranks[codes]))


def text_order(texts: Sequence[str]) -> Ints:
    """The permutation that sorts texts: without regard to case, whole numbers by value."""
    keys = [text.zfill(20) if text.isdigit() else text.casefold() for text in texts]
    if len(keys) < _MANY:
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    return np.argsort(np.array([key[:64] for key in keys], dtype=np.str_), kind="stable")


def amounts_of(series: pd.Series[Any]) -> Amounts:
    """An amount column as int64, ``ABSENT`` where it is unknown."""
    return series.to_numpy(dtype=np.int64, na_value=ABSENT)


def shared_decimals(columns: Sequence[Amounts], least: int = 0) -> int:
    """How many decimals these columns need so that nothing is rounded."""
    found = least
    for values in columns:
        present = values[values != ABSENT]
        broken = present[present % 10_000 != 0]
        found = decimals_needed(np.unique(broken % 10_000).tolist(), found)
    return found


def amount_column(
    column: Column, values: Amounts, numbers: Numbers, decimals: int, *, signed: bool = False,
    cents: bool = False, absent: tuple[str, ...] = (NONE,), absent_place: npt.NDArray[np.int8] | None = None,
) -> ColumnTexts:
    """Numbers with the same decimals in the whole column. ``cents`` shows whole cents; sorting and copying stay exact.
    ``absent_place`` chooses per row among the texts for an absent value."""
    distinct, inverse = np.unique(values, return_inverse=True)
    codes = inverse.astype(np.int32).reshape(-1)
    first_absent = bool(len(distinct)) and int(distinct[0]) == ABSENT
    ranks = codes - 1 if first_absent else codes
    present = distinct.tolist()
    write = numbers.signed if signed else numbers.fixed
    shown_amounts = [amount if amount == ABSENT or not cents else to_cents(amount) for amount in present]
    texts = ["" if amount == ABSENT else write(amount, decimals) for amount in shown_amounts]
    copies = ["" if amount == ABSENT else format_amount(amount) for amount in present]
    if first_absent:
        places = np.zeros(len(values), dtype=np.int32) if absent_place is None else absent_place.astype(np.int32)
        codes = np.where(codes == 0, len(texts) + places, codes).astype(np.int32)
        texts, copies = [*texts, *absent], [*copies, *("" if text == NONE else text for text in absent)]
    # a text that no row shows asks for no room
    used = [texts[code] for code in np.unique(codes).tolist()] if first_absent else texts
    return ColumnTexts(column=column, texts=texts, copies=copies, codes=codes, ranks=narrowed(ranks),
                       widest=max(used, key=len, default=""))


def fixed_column(column: Column, texts: Sequence[str], codes: Ints, ranks: Sequence[int] | None = None) -> ColumnTexts:
    """A column over a short list of our own words; ``ranks`` orders the words (default: as listed)."""
    order = np.arange(len(texts)) if ranks is None else np.asarray(ranks)
    return ColumnTexts(column=column, texts=list(texts), copies=list(texts), codes=codes.astype(np.int32),
                       ranks=narrowed(order[codes]) if len(codes) else narrowed(codes))


def narrowed(ranks: Ints) -> Ints:
    """The same ranks in the narrowest type: sorting 16-bit integers is ten times as fast."""
    top = int(ranks.max()) if len(ranks) else 0
    return ranks.astype(np.int16 if top < 32_767 else np.int32)


def positions(keys: list[str]) -> dict[str, int]:
    """Key → row, built in steps so that other threads get their turn."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), _MANY):
        part = keys[start:start + _MANY]
        found.update(zip(part, range(start, start + len(part)), strict=True))
    return found


def ordered(keys: Sequence[Ints]) -> npt.NDArray[np.intp]:
    """The permutation that sorts by the first key, then by the next; what is equal stays in its order.

    Digit by digit of 16 bits, the least first: numpy sorts such integers many times faster than wider ones.
    """
    digits = [digit for key in reversed(keys) for digit in _digits(key)]
    order = np.argsort(digits[0], kind="stable")
    for digit in digits[1:]:
        order = order[np.argsort(digit[order], kind="stable")]
    return order


def _digits(ranks: Ints) -> list[Ints]:
    if ranks.dtype == np.int16:
        return [ranks]
    return [(ranks & 0xFFFF).astype(np.uint16), (ranks >> 16).astype(np.int16)]


class SearchIndex:
    """Finds words in the texts of rows. Every blank-separated word must occur in some text column of the row.

    The distinct texts are searched, not the rows; a word that grew by a keystroke is looked for only where its beginning was found.
    """

    def __init__(self, columns: Sequence[tuple[Sequence[str], Ints]]) -> None:
        self._columns = [([text.casefold() for text in texts], codes) for texts, codes in columns]
        self._found: dict[str, list[Flags]] = {}

    def mask(self, text: str) -> Flags | None:
        """Which rows have all words of the text; ``None``: no words, so all rows."""
        words = text.casefold().split()
        if not words:
            self._found = {}
            return None
        found = {word: self._hits(word) for word in words}
        self._found = found
        mask: Flags | None = None
        for hits in found.values():
            rows = self._rows(hits)
            mask = rows if mask is None else mask & rows
        return mask

    def _hits(self, word: str) -> list[Flags]:
        known = max((old for old in self._found if word.startswith(old)), key=len, default=None)
        if known is None:
            return [np.fromiter((word in text for text in texts), dtype=np.bool_, count=len(texts)) for texts, _ in self._columns]
        return [self._narrow(texts, before, word) for (texts, _), before in zip(self._columns, self._found[known], strict=True)]

    @staticmethod
    def _narrow(texts: list[str], before: Flags, word: str) -> Flags:
        hits = np.zeros(len(texts), dtype=np.bool_)
        places = np.flatnonzero(before)
        if len(places):
            hits[places] = [word in texts[place] for place in places.tolist()]
        return hits

    def _rows(self, hits: list[Flags]) -> Flags:
        count = len(self._columns[0][1]) if self._columns else 0
        mask = np.zeros(count, dtype=np.bool_)
        for flags, (_, codes) in zip(hits, self._columns, strict=True):
            if flags.any():
                mask |= flags[codes]
        return mask


def searchable(series: pd.Series[Any]) -> tuple[list[str], Ints]:
    """A text column for ``SearchIndex``."""
    codes, distinct = coded(series)
    return [*distinct, ""], codes


def text_of(value: object) -> str:
    """A text cell of a frame; empty where absent."""
    return "" if value is None or value is pd.NA else str(value)
