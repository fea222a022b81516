"""A sheet of the Excel log as a value: titles, how a column is shown, plain values. Knows nothing of runs and nothing of Excel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Cell(StrEnum):
    """How a column is to be shown."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    QUANTITY = "quantity"
    MONEY = "money"
    DATE = "date"
    TIME = "time"
    COUNT = "count"
    MARK = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetColumn:
    """A column: title, how it is shown, its values (quantities and money in ten-thousandths, ``None`` where absent)."""

    title: str
    cell: Cell
    values: Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet. ``status`` gives each row's status for mark and fill; empty: no fills."""

    name: str
    columns: tuple[SheetColumn, ...]
    status: Sequence[str | None] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who made the log, with what."""

    operator: str
    machine: str
    version: str
    written: datetime
