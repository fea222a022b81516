"""ConnectWise rows → frames: companies, agreements, catalog, and additions with the quantity in force on a date.

Pure functions. Quantities and money are ten-thousandths.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from reconcile_app.connectors.columns import days
from reconcile_app.connectors.connectwise.wire import (
    Addition,
    Agreement,
    Company,
    Fault,
    Product,
    Seen,
    amount_of,
    day,
    money,
    visible,
)
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, SERVICES

_ONE_DAY = timedelta(days=1)
_SLICE = 2_000


def companies_frame(rows: Sequence[Company], *, by_id: bool, asked: Mapping[str, str]) -> pd.DataFrame:
    """``COMPANIES``. ConnectWise compares company IDs without case, so the match value is written as it was asked for.

    ``asked``: identifiers in lower case → as they were asked for.
    """
    keys = [visible(row.identifier) for row in rows]
    return COMPANIES.build(
        {
            "company_id": [str(row.id) for row in rows],
            "company_name": [visible(row.name) or key for row, key in zip(rows, keys, strict=True)],
            "company_number": keys,
            "match_value": [str(row.id) for row in rows] if by_id else [asked.get((key or "").casefold(), key) for key in keys],
            "active": [not row.deleted_flag for row in rows],
        }
    )


def last_day(agreement: Agreement) -> date | None:
    """The last day of an agreement, or None while it is open-ended; a cancelled one ends when it was cancelled."""
    end = None if agreement.no_ending_date_flag else day(agreement.end_date)
    cancelled = day(agreement.date_cancelled) if agreement.cancelled_flag else None
    return min((each for each in (end, cancelled) if each is not None), default=None)


def agreement_runs(agreement: Agreement, at: date) -> bool:
    """Whether an agreement is in force on a date."""
    start, end = day(agreement.start_date), last_day(agreement)
    return not agreement.cancelled_flag and (start is None or start <= at) and (end is None or at <= end)


def contracts_frame(rows: Sequence[Agreement]) -> pd.DataFrame:
    """``CONTRACTS``: agreements, cancelled, future and ended ones included."""
    return CONTRACTS.build(
        {
            "contract_id": [str(row.id) for row in rows],
            "company_id": [str(row.company.id) for row in rows],
            "contract_name": [visible(row.name) for row in rows],
            "contract_type": [visible(row.type.name) for row in rows],
            "active": [not row.cancelled_flag for row in rows],
            "start_date": days([day(row.start_date) for row in rows]),
            "end_date": days([last_day(row) for row in rows]),
        }
    )


def services_frame(rows: Sequence[Product]) -> pd.DataFrame:
    """``SERVICES``. Bundles are in the catalog, and no agreement takes one as an addition: they count as inactive."""
    return SERVICES.build(
        {
            "service_id": [str(row.id) for row in rows],
            "service_name": [visible(row.description) or visible(row.identifier) for row in rows],
            "description": [visible(row.description) for row in rows],
            "match_value": [visible(row.identifier) for row in rows],
            "active": [can_be_added(row) for row in rows],
            "unit_price": [money(row.price) for row in rows],
            "unit_cost": [money(row.cost) for row in rows],
        }
    )


def can_be_added(product: Product) -> bool:
    """Whether an agreement takes the product as a new addition."""
    return not product.inactive_flag and product.product_class != "Bundle"


# Additions


def last_billed_day(cancelled: date | None) -> date | None:
    """The last day that a cancelled addition bills: the day before its cancellation takes effect. None: it is not cancelled.

    The API does not say whether the cancelled day itself still bills; this is the only place where that is decided.
    """
    return None if cancelled is None else cancelled - _ONE_DAY


def cancelled_on(first_unbilled: date) -> date:
    """The cancellation date of an addition that is not to bill from a day on; the other way round than ``last_billed_day``."""
    return first_unbilled


def in_force(addition: Addition, at: date) -> bool:
    """Whether an addition stands on its agreement on a date."""
    start, end = day(addition.effective_date), last_billed_day(day(addition.cancelled_date))
    return (start is None or start <= at) and (end is None or at <= end)


def to_come(addition: Addition, at: date) -> bool:
    """Whether an addition starts after a date, and was not cancelled before it starts."""
    start, end = day(addition.effective_date), last_billed_day(day(addition.cancelled_date))
    return start is not None and start > at and (end is None or start <= end)


def bills(addition: Addition) -> bool:
    """Whether an addition is invoiced at its price, rather than shown without charge or not at all."""
    return addition.bill_customer in (None, "", "Billable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the additions of one product on one agreement say about a date.

    ``shown`` are those that stand for the line: all in force, of which those that bill go before those that do not; where none is
    in force the next to come. More than one is a duplicate. ``pending_*`` is the first later change of the quantity.
    """

    shown: Sequence[Addition]
    pending_quantity: int | None = None
    pending_date: date | None = None


def standing(additions: Sequence[Addition], at: date) -> Standing:
    """The line that additions of one product make on a date."""
    usable = [each for each in additions if bills(each)]
    live = [each for each in usable if in_force(each, at)] or [each for each in additions if in_force(each, at)]
    if live:
        quantity, on = _pending(usable if bills(live[0]) else additions, at) if len(live) == 1 else (None, None)
        return Standing(shown=live, pending_quantity=quantity, pending_date=on)
    later = [each for each in usable if to_come(each, at)] or [each for each in additions if to_come(each, at)]
    if not later:
        return Standing(shown=())
    quantity, on = _pending(later, at)
    return Standing(shown=[min(later, key=_start)], pending_quantity=quantity, pending_date=on)


def _start(addition: Addition) -> tuple[date, int]:
    return day(addition.effective_date) or date.min, addition.id


def _pending(additions: Sequence[Addition], at: date) -> tuple[int | None, date | None]:
    """The first later day on which these additions together have another quantity."""
    starts = {start for each in additions if (start := day(each.effective_date)) is not None}
    ends = {end + _ONE_DAY for each in additions if (end := last_billed_day(day(each.cancelled_date))) is not None}
    held = _total(additions, at)
    for on in sorted(each for each in starts | ends if each > at):
        # A line that is cancelled on one day and replaced on the next changes once, not twice.
        when = on + _ONE_DAY if on in ends and on not in starts and on + _ONE_DAY in starts else on
        total = _total(additions, when)
        if held is None or total is None:
            return None, None
        if total != held:
            return total, when
    return None, None


def _total(additions: Sequence[Addition], at: date) -> int | None:
    amounts = [amount_of(each.quantity) for each in additions if in_force(each, at)]
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of ``CONTRACT_LINES``. ``quantity`` is absent where the wire holds none that can be used."""

    agreement_id: int
    seen: Seen[Addition]
    quantity: int | None
    pending_quantity: int | None
    pending_date: date | None


def lines_of(agreement_id: int, additions: Sequence[Seen[Addition]], at: date) -> list[Line]:
    """The lines of an agreement on a date. Cancelled additions are none."""
    groups: defaultdict[int, list[Addition]] = defaultdict(list)
    by_id = {seen.row.id: seen for seen in additions}
    for seen in additions:
        groups[seen.row.product.id].append(seen.row)
    lines: list[Line] = []
    for group in groups.values():
        found = standing(group, at)
        lines.extend(
            Line(
                agreement_id=agreement_id,
                seen=by_id[each.id],
                quantity=amount_of(each.quantity) if in_force(each, at) else 0,
                pending_quantity=found.pending_quantity,
                pending_date=found.pending_date,
            )
            for each in found.shown
        )
    return sorted(lines, key=lambda line: line.seen.row.id)


def lines_frame(
    additions: Mapping[int, Sequence[Seen[Addition]]], at: date, unread: Collection[int]
) -> tuple[pd.DataFrame, list[Fault]]:
    """``CONTRACT_LINES`` of agreements by their id, and why a quantity is absent.

    ``unread``: agreements whose additions did not all arrive.
    """
    lines = [line for each in sorted(additions) for line in lines_of(each, additions[each], at)]
    # In slices, because one call of pandas over everything would hold up every other thread.
    frames = [_lines_slice(lines[start : start + _SLICE], unread) for start in range(0, len(lines), _SLICE)]
    faults = [
        Fault(
            source=f"/finance/agreements/{line.agreement_id}/additions",
            reason="The quantity is no number of at most four decimals.",
            raw=line.seen.raw.decode("utf-8", "replace"),
            lost=False,
        )
        for line in lines
        if line.quantity is None
    ]
    return (pd.concat(frames, ignore_index=True) if frames else CONTRACT_LINES.empty()), faults


def _lines_slice(lines: Sequence[Line], unread: Collection[int]) -> pd.DataFrame:
    rows = [line.seen.row for line in lines]
    return CONTRACT_LINES.build(
        {
            "line_id": [str(row.id) for row in rows],
            "contract_id": [str(line.agreement_id) for line in lines],
            "service_id": [str(row.product.id) for row in rows],
            "service_name": [visible(row.description) or visible(row.product.identifier) for row in rows],
            "description": [visible(row.invoice_description) or visible(row.description) for row in rows],
            "quantity": [None if line.agreement_id in unread else line.quantity for line in lines],
            "unit_price": [money(row.unit_price) for row in rows],
            "unit_cost": [money(row.unit_cost) for row in rows],
            "pending_quantity": [line.pending_quantity for line in lines],
            "pending_date": days([line.pending_date for line in lines]),
            "raw": [line.seen.raw.decode("utf-8", "replace") for line in lines],
        }
    )
