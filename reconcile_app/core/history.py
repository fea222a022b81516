"""What stays of a comparison in the list of runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A saved run. ``billing`` and ``psa`` are connection names, ``money`` is ten-thousandths per period.

    ``result`` is ``compared``, ``finished``, ``finished, n open``, ``finished, n lines ended without a new one``, ``finished,
    undone``, ``finished, partly undone`` or ``refused``. ``counts`` are the numbers of the summary. ``document`` is the run as
    JSON text with its log; lists of runs leave it empty.
    """

    run_id: str
    created: datetime
    period_start: date
    period_end: date
    billing: str
    psa: str
    rows: int
    warnings: int
    money: int
    complete: bool
    result: str = "compared"
    counts: Mapping[str, int] = field(default_factory=dict)
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPush:
    """One pushed and verified quantity of a line, in ten-thousandths."""

    tenant: str
    line_id: str
    quantity: int
    pushed_on: date
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowNote:
    """What somebody wrote beside a row."""

    key: str
    text: str
    by: str
    created: datetime
