"""Queries over many ids: how the ids are cut into batches, and what the batches brought."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reconcile_app.connectors.autotask.wire import PAGE, Fault, PageRead, R
from reconcile_app.core.errors import SideUnreadable

A = TypeVar("A")
T = TypeVar("T")
Id = TypeVar("Id", int, str)

_MOST_FAILED = 3
_ROW_FIELDS = {"contractID": "contract_id", "companyID": "company_id", "id": "id"}
"""Fields that ids are asked for by, as rows name them. Company numbers are left out: the API compares them its own way."""


class FanOut:
    """How many rows one id of a query brings, learned from the answers, so that one query fills one page and no more.

    Cutting the list of ids is what lets pages be read side by side: a next-page cursor can only be followed one step at a time.
    """

    def __init__(self, guess: int) -> None:
        self._guess = guess
        self._ids = self._rows = self._squares = 0

    def learn(self, counts: Iterable[int]) -> None:
        """Take in how many rows each of some ids brought."""
        for count in counts:
            self._ids += 1
            self._rows += count
            self._squares += count * count

    def size(self, left: int) -> int:
        """How many of ``left`` ids the next query should ask for; two standard deviations of room where ids differ."""
        fit = self._guess
        if self._ids:
            mean = self._rows / self._ids
            spread = math.sqrt(max(0.0, self._squares / self._ids - mean * mean))
            fit = PAGE if mean == 0 else int(((math.sqrt(spread * spread + mean * PAGE) - spread) / mean) ** 2 + 1e-9)
        fit = max(1, min(PAGE, fit))
        return math.ceil(left / math.ceil(left / fit)) if left else 0


@dataclass(slots=True)
class Walk(Generic[R]):
    """What the pages of one query brought. ``steady``: no row came twice with different content."""

    rows: dict[int, R] = field(default_factory=dict)
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    pages: int = 0
    steady: bool = True

    @property
    def came(self) -> int:
        """Rows that came, unusable ones included."""
        return len(self.rows) + sum(fault.lost for fault in self.faults.values())

    def take(self, page: PageRead[R]) -> bool:
        """Add a page; whether it brought anything new."""
        known = len(self.rows) + len(self.faults)
        self.pages += 1
        for each in page.rows:
            self.steady = self.steady and self.rows.setdefault(each.id, each) == each
        self.faults |= {(fault.raw, fault.reason): fault for fault in page.faults}
        return len(self.rows) + len(self.faults) > known


@dataclass(slots=True)
class Gathered(Generic[R, Id]):
    """What a query over many ids brought. ``unread``: ids whose rows did not all arrive → the reason."""

    rows: list[R] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unread: dict[Id, str] = field(default_factory=dict)
    error: SideUnreadable | None = None
    """Why the first batch that failed did so."""

    def lose(self, ids: Sequence[Id], error: SideUnreadable) -> None:
        """Add a batch that could not be read."""
        self.error = self.error or error
        self.unread.update(dict.fromkeys(ids, error.reason))

    def absent(self, asked: Sequence[Id], key: str) -> list[Id]:
        """Ids that brought no row although nothing went wrong; none for fields that the API compares its own way."""
        if key not in _ROW_FIELDS:
            return []
        shown = {getattr(row, _ROW_FIELDS[key]) for row in self.rows}
        return [each for each in asked if each not in shown and each not in self.unread]

    def take(self, ids: Sequence[Id], rows: Collection[R], faults: Sequence[Fault], key: str) -> None:
        """Add a batch; a lost row makes its id unread, or all ids of the batch where it does not tell which."""
        self.rows.extend(rows)
        self.faults.extend(faults)
        for fault in faults:
            if fault.lost:
                named = [each for each in ids if each == fault.ids.get(key)]
                self.unread.update(dict.fromkeys(named or ids, fault.reason))
        if key in _ROW_FIELDS and any(getattr(row, _ROW_FIELDS[key]) not in ids for row in rows):
            # The rows of somebody else stand where some of these ids' own may be missing.
            self.unread.update(dict.fromkeys(ids, "Rows came that were not asked for."))


@dataclass(slots=True)
class Batches(Generic[Id]):
    """The ids still to be asked for, and how the batches went."""

    ids: list[Id]
    fan_out: FanOut
    read: int = 0
    failed: int = 0

    @property
    def go_on(self) -> bool:
        """Whether asking on makes sense: a side that fails from the start, or goes on failing, is left alone."""
        return bool(self.ids) and (not self.failed or (self.read > 0 and self.failed < _MOST_FAILED))

    @property
    def ahead(self) -> int:
        """About how many queries are still to come, the one just begun included."""
        size = self.fan_out.size(len(self.ids))
        return 1 + (math.ceil(len(self.ids) / size) if size else 0)

    def following(self) -> list[Id]:
        """The ids of the next query; none when there is nothing more to ask."""
        if not self.go_on:
            return []
        batch = self.ids[: self.fan_out.size(len(self.ids))]
        del self.ids[: len(batch)]
        return batch


def counts(ids: Sequence[Id], rows: Iterable[Any], key: str) -> Iterable[int]:
    """How many rows each id brought; ``key`` is the API's name of the field that the ids stand for."""
    name = {**_ROW_FIELDS, "companyNumber": "company_number"}[key]
    counts = Counter(getattr(row, name) for row in rows)
    return [counts[each] for each in ids]
