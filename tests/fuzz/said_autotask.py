"""What Autotask's answers plainly say, read without the connector: rows by entity, and the quantity in force on a day."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tests.fuzz.plain import ABSENT, Members, NotPlain, Number, exactly_decimal, find, whole

Fact = tuple[Any, ...]

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Said:
    """Facts of the rows that can be read. ``sure``: nothing about them is missing or odd."""

    facts: tuple[Fact, ...]
    sure: bool


def rows_of(pages: Sequence[Any]) -> tuple[list[Any], bool]:
    """The rows of a list, page after page as far as the pages themselves lead.

    Raises:
        NotPlain: a page is none, announces another number of rows, or does not say whether another follows.
    """
    rows: list[Any] = []
    for page in pages:
        items, details = find(page, "items"), find(page, "pageDetails")
        if not isinstance(items, list) or isinstance(items, Members):
            raise NotPlain("no list of rows")
        told = find(details, "count")
        if told not in (ABSENT, None) and whole(told) != len(items):
            raise NotPlain("another number of rows")
        rows += items
        following = find(details, "nextPageUrl")
        if following is ABSENT or not (following is None or type(following) is str):
            raise NotPlain("no word on the next page")
        if not following:
            return rows, True
    return rows, False


def facts_of(pages: Sequence[Any], *columns: str, sku: str = "") -> Said:
    """Whole numbers of these columns for every row; a row without one of them leaves doubt. ``sku`` is a text column."""
    rows, ends = rows_of(pages)
    facts: list[Fact] = []
    sure = ends
    for row in rows:
        try:
            numbers = [whole(find(row, name)) for name in columns]
            text = text_of(find(row, sku)) if sku else None
        except NotPlain:
            sure = False
            continue
        if None in numbers:
            sure = False
            continue
        facts.append((*(str(number) for number in numbers), *([text] if sku else [])))
    return Said(tuple(_distinct(facts)), sure and len({fact[0] for fact in facts}) == len(set(facts)))


def _distinct(facts: list[Fact]) -> list[Fact]:
    return list(dict.fromkeys(facts))


def text_of(value: Any) -> str | None:
    """Trimmed text; absent where there is none."""
    if value is ABSENT or value is None:
        return None
    if type(value) is not str:
        raise NotPlain("no text")
    return value.strip() or None


# units


@dataclass(frozen=True, slots=True)
class Units:
    """A unit row. ``units`` is None where the wire holds no whole number."""

    id: int
    contract: int
    line: int | None
    service: int
    start: datetime
    end: date
    units: int | None


def units_of(pages: Sequence[Any], *, any_line: bool = False) -> tuple[list[Units], bool]:
    """Unit rows that can be read, and whether none is missing. ``any_line``: a row may leave open which line it belongs to."""
    rows, ends = rows_of(pages)
    found: list[Units] = []
    for row in rows:
        try:
            found.append(_units(row, any_line))
        except NotPlain:
            ends = False
    by_id: dict[int, Units] = {}
    for each in found:
        ends = ends and by_id.setdefault(each.id, each) == each
    return list(by_id.values()), ends


def _units(row: Any, any_line: bool) -> Units:
    numbers = [whole(find(row, name)) for name in ("id", "contractID", "serviceID")]
    line, days = find(row, "contractServiceID"), [moment(find(row, name)) for name in ("startDate", "endDate")]
    own = None if line in (ABSENT, None) else whole(line)
    if None in numbers or None in days or (own is None and line not in (ABSENT, None) and not any_line):
        raise NotPlain("a unit row without an id or a day")
    start, end = days
    assert start is not None and end is not None  # noqa: PT018 - for the reader of types
    return Units(numbers[0] or 0, numbers[1] or 0, own, numbers[2] or 0, start, end.date(), count(find(row, "units")))


def moment(value: Any) -> datetime | None:
    """A day and time without its zone: calendar dates are meant."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None) if type(value) is str else None
    except ValueError:
        return None


def count(value: Any) -> int | None:
    """Whole units of a size that a contract can carry."""
    exact = exactly_decimal(value) if isinstance(value, Number) else None
    if exact is None or exact != exact.to_integral_value() or not 0 <= exact <= MOST:
        return None
    return int(exact)


def in_force(rows: Sequence[Units], at: date) -> int | None:
    """Units on a day; None where the rows do not tell."""
    rows = [row for row in rows if row.end >= at]
    covering = [row for row in rows if row.start.date() <= at]
    if any(row.units is None for row in rows):
        return None
    latest = [row for row in covering if row.start.date() == max(each.start.date() for each in covering)]
    told = {row.units for row in latest}
    return (told.pop() if told else 0) if len(told) <= 1 else None


def lines_said(services: Sequence[Any], units: Sequence[Any], at: date) -> Said:
    """``(line, contract, service, units)`` for every line."""
    lines = facts_of(services, "id", "contractID", "serviceID")
    rows, ends = units_of(units)
    times = Counter((contract, service) for _, contract, service in lines.facts)
    facts = []
    for line, contract, service in lines.facts:
        loose = [row for row in rows if row.line is None and (str(row.contract), str(row.service)) == (contract, service)]
        own = [row for row in rows if row.line == int(line)]
        told = None if loose and times[contract, service] > 1 else in_force([*own, *loose], at)
        facts.append((line, contract, service, told))
    return Said(tuple(facts), lines.sure and ends)


def evidence_said(units: Sequence[Any], line: int, at: date) -> tuple[Fact, ...]:
    """The unit rows of a line that a write is judged by, in order: id, start, end, units.

    Raises:
        NotPlain: rows are missing, or one of the line does not tell.
    """
    rows, ends = units_of(units, any_line=True)
    own = [row for row in rows if row.line == line and row.end >= at - timedelta(days=1)]
    services = {row.service for row in rows if row.line == line}
    loose = any(row.line is None and row.service in services for row in rows)
    if not ends or loose or any(row.units is None for row in own):
        raise NotPlain("rows are missing")
    ordered = sorted(own, key=lambda row: (row.start.date(), row.id))
    return tuple((str(row.id), f"{row.start:%Y-%m-%d}", f"{row.end:%Y-%m-%d}", row.units) for row in ordered)
