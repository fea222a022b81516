"""Autotask rows → frames: companies, contracts, catalog, and contract lines with the quantity in force on a date.

Pure functions. Quantities and money are ten-thousandths.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec
import numpy as np
import pandas as pd

from reconcile_app.connectors.autotask.wire import Company, Contract, Fault, Fields, Line, Service, UnitRow
from reconcile_app.connectors.columns import days
from reconcile_app.core.amounts import SCALE, AmountError, parse_money
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, SERVICES

_SLICE = 2_000
_AS_JSON = msgspec.json.Encoder(decimal_format="number")

SKU_FIELDS = {
    "ServiceId": "id",
    "name": "name",
    "InvoiceDescription": "invoice_description",
    "description": "description",
    "sku": "sku",
}
"""Setting ``sku_field`` → field of a service that the SKU is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractKind:
    """The tenant's picklist values: which ``contractType`` is a recurring service contract and which ``status`` is active."""

    value: int = 7
    label: str = "Recurring Service"
    active: int = 1


def contract_kind(fields: Fields) -> ContractKind:
    """The picklist values by their labels. Both are the tenant's own, so the usual ones stand in where no label fits."""
    usual = ContractKind()
    types = _labels(fields, "contractType")
    value = next((value for value, label in types.items() if label.casefold().rstrip("s") == usual.label.casefold()), usual.value)
    states = _labels(fields, "status")
    active = next((value for value, label in states.items() if label.casefold() == "active"), usual.active)
    return ContractKind(value=value, label=types.get(value, usual.label), active=active)


def _labels(fields: Fields, name: str) -> dict[int, str]:
    values = next((each.picklist_values for each in fields.fields if each.name.casefold() == name.casefold()), None) or []
    return {int(each.value): each.label.strip() for each in values if each.value.isascii() and each.value.isdigit()}


_shared = functools.lru_cache(maxsize=2**16)(str)
"""An id as text; the same text each time, because each id stands on many rows."""


@functools.lru_cache(maxsize=2**16)
def text_or_none(value: object) -> str | None:
    """Trimmed text; blank text is absent."""
    return (str(value).strip() or None) if value is not None else None


@functools.lru_cache(maxsize=8192)  # A tenant has few different prices, however many lines it has.
def money(value: Decimal | None) -> int | None:
    """Money as ten-thousandths, exact; absent where the API shows none or an absurd one."""
    try:
        return None if value is None else parse_money(str(value))
    except AmountError:
        return None


def sold_price(line: Line) -> int | None:
    """The unit price a line is sold at, in the currency of its company.

    The API shows the sold price in the provider's internal currency only; the list price, given in both, tells the rate.
    ``internalCurrencyAdjustedPrice ÷ (internalCurrencyUnitPrice ÷ unitPrice)``, rounded half to even. Where the rate cannot be
    told the price is unknown, unless the sold price is 0 in any currency.
    """
    return _converted(
        money(line.internal_currency_adjusted_price), money(line.unit_price), money(line.internal_currency_unit_price)
    )


def _converted(sold: int | None, listed: int | None, internal: int | None) -> int | None:
    if sold is None or listed is None or internal is None:
        return None
    if sold == 0:
        return 0
    if not listed or not internal:
        return None
    return divide_half_even(sold * listed, internal)


def divide_half_even(number: int, by: int) -> int:
    """Exact integer division, rounded half to even."""
    if by < 0:
        number, by = -number, -by
    whole, rest = divmod(number, by)
    return whole + (1 if rest * 2 > by or (rest * 2 == by and whole % 2) else 0)


def companies_frame(rows: Sequence[Company], *, by_number: bool) -> pd.DataFrame:
    """``COMPANIES``; ``match_value`` is the company number or the id."""
    numbers = [text_or_none(row.company_number) for row in rows]
    ids = [str(row.id) for row in rows]
    return COMPANIES.build(
        {
            "company_id": ids,
            "company_name": [text_or_none(row.company_name) for row in rows],
            "company_number": numbers,
            "match_value": numbers if by_number else ids,
            "active": [bool(row.is_active) for row in rows],
        }
    )


def contracts_frame(rows: Sequence[Contract], kind: ContractKind) -> pd.DataFrame:
    """``CONTRACTS``. A contract whose status is inactive stays: only its end date ends the billing."""
    return CONTRACTS.build(
        {
            "contract_id": [str(row.id) for row in rows],
            "company_id": [str(row.company_id) for row in rows],
            "contract_name": [text_or_none(row.contract_name) for row in rows],
            "contract_number": [text_or_none(row.contract_number) for row in rows],
            "contract_type": [kind.label] * len(rows),
            "active": [row.status == kind.active for row in rows],
            "start_date": days([row.start_date.date() for row in rows]),
            "end_date": days([row.end_date.date() for row in rows]),
            "renews_contract_id": [text_or_none(row.renewed_contract_id) for row in rows],
        }
    )


def services_frame(rows: Sequence[Service], sku_field: str) -> pd.DataFrame:
    """``SERVICES``, inactive ones included: they may still be on contracts."""
    name = SKU_FIELDS[sku_field]
    return SERVICES.build(
        {
            "service_id": [str(row.id) for row in rows],
            "service_name": [text_or_none(row.name) for row in rows],
            "description": [text_or_none(row.description) for row in rows],
            "match_value": [text_or_none(getattr(row, name)) for row in rows],
            "active": [bool(row.is_active) for row in rows],
            "unit_price": [money(row.unit_price) for row in rows],
            "unit_cost": [money(row.unit_cost) for row in rows],
        }
    )


class InForce(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the unit rows of one line say about a date.

    ``quantity`` is absent, with ``trouble`` in words, where they contradict each other or hold no whole number; a line without a
    row for the date has 0. ``row`` is the row in force.
    """

    quantity: int | None
    trouble: str = ""
    row: UnitRow | None = None
    posted_until: date | None = None
    pending_quantity: int | None = None
    pending_date: date | None = None


def in_force(rows: Sequence[UnitRow], at: date) -> InForce:
    """The quantity on a date: that of the covering row which starts latest, never a sum, because a cut row may end on the very day
    the next one starts. ``pending_*`` is the first later row with another quantity."""
    rows = [row for row in rows if row.end_date.date() >= at]
    row, split, later = _sorted_out(rows, at)
    if row is not None and split:
        return InForce(quantity=None, trouble=f"Several unit rows start on {_day(row.start_date)} with different units.")
    unusable = next((each for each in rows if each.units is None), None)
    if unusable is not None:
        return InForce(quantity=None, row=unusable, trouble=f"Unit row {unusable.id} holds no whole number of units.")
    return _state_of(row, later)


def _sorted_out(rows: Sequence[UnitRow], at: date) -> tuple[UnitRow | None, bool, list[UnitRow]]:
    """The covering row that starts latest, whether another one that starts with it differs, and the rows that start after."""
    latest: UnitRow | None = None
    split = False
    later: list[UnitRow] = []
    for row in rows:
        if row.start_date.date() > at:
            later.append(row)
        elif latest is None or row.start_date.date() > latest.start_date.date():
            latest, split = row, False
        elif row.start_date.date() == latest.start_date.date():
            split = split or row.units != latest.units
            latest = row if row.id > latest.id else latest
    return latest, split, later


def _state_of(row: UnitRow | None, later: Sequence[UnitRow]) -> InForce:
    units = (row.units if row is not None else 0) or 0
    changes = [each for each in later if each.units != units]
    change = min(changes, key=lambda each: (each.start_date.date(), each.id)) if changes else None
    return InForce(
        quantity=units * SCALE,
        row=row,
        posted_until=row.end_date.date() if row is not None and row.approve_and_post_date is not None else None,
        pending_quantity=None if change is None else (change.units or 0) * SCALE,
        pending_date=None if change is None else change.start_date.date(),
    )


def _day(moment: date | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"


class UnitIndex:
    """Unit rows by the line they belong to.

    A row without ``contractServiceID`` belongs to the line of its service on its contract, if there is exactly one.
    """

    def __init__(self, units: Iterable[UnitRow], lines: Iterable[Line]) -> None:
        rows = list(units)
        # Sorted and cut into ranges: a list for every line would be a hundred thousand more objects for the garbage collector.
        owned = [row for row in rows if row.contract_service_id is not None]
        # numpy sorts without keeping other threads waiting.
        order = np.argsort(np.array([row.contract_service_id for row in owned], dtype=np.int64), kind="stable")
        self._own = [owned[place] for place in order.tolist()]
        self._begin: dict[int | None, int] = {}
        for place, row in enumerate(self._own):
            self._begin.setdefault(row.contract_service_id, place)
        self._by_service: defaultdict[tuple[int, int], list[UnitRow]] = defaultdict(list)
        for row in rows:
            if row.contract_service_id is None:
                self._by_service[row.contract_id, row.service_id].append(row)
        self._count: Counter[tuple[int, int]] = Counter()
        if self._by_service:
            self._count.update((line.contract_id, line.service_id) for line in lines)

    def rows(self, line: Line) -> list[UnitRow] | None:
        """The rows of a line, or None where it cannot be told which are its own."""
        own = self._own_rows(line.id)
        loose = self._by_service.get((line.contract_id, line.service_id)) if self._by_service else None
        if loose is None:
            return own
        return own + loose if self._count[line.contract_id, line.service_id] == 1 else None

    def _own_rows(self, line_id: int) -> list[UnitRow]:
        begin = self._begin.get(line_id)
        if begin is None:
            return []
        end = begin + 1
        while end < len(self._own) and self._own[end].contract_service_id == line_id:
            end += 1
        return self._own[begin:end]


def strays(lines: Sequence[Line], units: Iterable[UnitRow]) -> dict[int, str]:
    """Contracts that have unit rows of a service which the list of services does not show → the reason.

    Both lists are asked for the same contracts, so one of them is not whole.
    """
    known = {line.id for line in lines}
    lost = {row.contract_id: row.contract_service_id for row in units if row.contract_service_id not in known}
    return {
        contract: f"There are units for service {service} of contract {contract}, and the service itself was not in its list."
        for contract, service in lost.items()
        if service is not None
    }


def without_units(lines: Sequence[Line], units: Iterable[UnitRow], at: date) -> set[int]:
    """Contracts with a service for which no unit row of a date came: either it has none, or rows are missing."""
    rows = [row for row in units if row.start_date.date() <= at <= row.end_date.date()]
    shown = {row.contract_service_id for row in rows}
    loose = {(row.contract_id, row.service_id) for row in rows if row.contract_service_id is None}
    return {line.contract_id for line in lines if line.id not in shown and (line.contract_id, line.service_id) not in loose}


_UNCLEAR = InForce(quantity=None, trouble="Unit rows name no line, and the contract has this service more than once.")


def lines_frame(
    lines: Sequence[Line], units: Sequence[UnitRow], at: date, unread: Collection[int]
) -> tuple[pd.DataFrame, list[Fault]]:
    """``CONTRACT_LINES`` with the quantity in force on ``at``, and why a quantity is absent.

    ``unread`` are contracts whose rows did not all arrive: their quantities are absent.
    """
    index = UnitIndex(units, lines)
    faults: list[Fault] = []
    # In slices, because one call of pandas over everything would hold up every other thread.
    frames = [_lines_slice(lines[start : start + _SLICE], index, at, unread, faults) for start in range(0, len(lines), _SLICE)]
    return (pd.concat(frames, ignore_index=True) if frames else CONTRACT_LINES.empty()), faults


def _lines_slice(lines: Sequence[Line], index: UnitIndex, at: date, unread: Collection[int], faults: list[Fault]) -> pd.DataFrame:
    states: list[InForce] = []
    for line in lines:
        rows = index.rows(line)
        state = InForce(quantity=None) if line.contract_id in unread else _UNCLEAR if rows is None else in_force(rows, at)
        if state.trouble:
            raw = _raws([_Evidence(line, state.row)])[0]
            faults.append(Fault(source="ContractServiceUnits/query", reason=state.trouble, raw=raw, lost=False))
        states.append(state)
    return CONTRACT_LINES.build(
        {
            "line_id": [str(line.id) for line in lines],
            "contract_id": [_shared(line.contract_id) for line in lines],
            "service_id": [_shared(line.service_id) for line in lines],
            "description": [text_or_none(line.invoice_description) or text_or_none(line.internal_description) for line in lines],
            "quantity": [state.quantity for state in states],
            "unit_price": [sold_price(line) for line in lines],
            "unit_cost": [money(line.unit_cost) for line in lines],
            "posted_until": days([state.posted_until for state in states]),
            "pending_quantity": [state.pending_quantity for state in states],
            "pending_date": days([state.pending_date for state in states]),
            "raw": _raws(map(_Evidence, lines, (state.row for state in states))),
        }
    )


class _Evidence(msgspec.Struct, frozen=True, gc=False):
    """What Autotask said about a line and its quantity."""

    service: Line
    units: UnitRow | None


def _raws(evidence: Iterable[_Evidence]) -> list[str]:
    return _AS_JSON.encode_lines(evidence).decode().split("\n")[:-1]
