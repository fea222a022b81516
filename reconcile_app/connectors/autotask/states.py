"""Fresh readings of Autotask lines and the requests made from them. Pure functions.

The evidence of a line is every unit row that ends on the day before the effective date or later, so that both parts of a row that a
change cuts are seen. Adjustments themselves cannot be queried: these rows are all there is to tell whether a change arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reconcile_app.connectors.autotask.frames import ContractKind, InForce, UnitIndex, in_force, money
from reconcile_app.connectors.autotask.wire import Contract, Line, UnitRow
from reconcile_app.core.amounts import SCALE, format_amount, is_whole
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.ids import Json, canonical_json, sha256_hex
from reconcile_app.core.ports import EvidenceItem, LineState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything read about one contract.

    ``units`` reach from the effective date on. ``lines`` are the contract's services, as far as they were asked for. ``trouble``
    says which rows could not be used.
    """

    contract: Contract | None
    units: Sequence[UnitRow] = ()
    lines: Sequence[Line] = ()
    trouble: str = ""


def number_of(text: str, what: str) -> int:
    """An Autotask id as a number.

    Raises:
        PlanRefused: it is none, so it cannot come from Autotask.
    """
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    raise refused(f"{what} {text[:40]!r} is no Autotask id.")


def refused(happened: str) -> PlanRefused:
    """A change that Autotask cannot take."""
    return PlanRefused(
        "This change cannot be written to Autotask.",
        happened,
        meaning="Nothing was sent.",
        next_step="Compare again and decide anew.",
    )


def first_evidence(effective: date) -> date:
    """Rows that end before this day are no evidence: the first part of a row that a change cuts ends on the day before it."""
    return effective - timedelta(days=1)


def line_state(change: Change, reading: Reading, kind: ContractKind) -> tuple[LineState, str]:
    """What was read about the line of a change, and what of it cannot be trusted (empty: nothing).

    With trouble the state is blocked and its quantity means nothing: it may be shown, and must not be judged.
    """
    units = [row for row in reading.units if row.end_date.date() >= first_evidence(change.effective_date)]
    if change.kind is ChangeKind.CREATE_LINE:
        return _created_state(change, reading, units, kind)
    line_id = number_of(change.line_id, "Line")
    line = next((each for each in reading.lines if each.id == line_id), None)
    own = _own_rows(change, line_id, reading.lines, units)
    now = InForce(quantity=None, trouble=_LOOSE) if own is None else _usable(own, change.effective_date)
    unit_cost = money(line.unit_cost) if line is not None and change.kind is ChangeKind.SET_UNIT_COST else None
    blocked = reading.trouble or now.trouble or _blocked(change, reading, kind)
    if change.kind is ChangeKind.SET_UNIT_COST and line is not None and unit_cost is None:
        blocked = blocked or "Autotask does not show the unit cost: the API user lacks the permission to see costs."
    present = reading.contract is not None and (line is not None or bool(own))
    return _state(change, reading, str(line_id), present, now, own or [], units, blocked, unit_cost), reading.trouble or now.trouble


def _usable(own: Sequence[UnitRow], at: date) -> InForce:
    """``in_force``, with trouble also where a row that is evidence only holds no whole number: unknown units are not 0."""
    now = in_force(own, at)
    odd = next((row for row in own if row.units is None), None)
    if now.trouble or odd is None:
        return now
    return InForce(quantity=None, row=odd, trouble=f"Unit row {odd.id} holds no whole number of units.")


_LOOSE = "Unit rows name no line, and the contract has this service more than once."


def _own_rows(change: Change, line_id: int, lines: Sequence[Line], units: Sequence[UnitRow]) -> list[UnitRow] | None:
    """Rows of the line; None where rows without a line could belong to another one of the same service."""
    own = [row for row in units if row.contract_service_id == line_id]
    loose = [row for row in units if row.contract_service_id is None and str(row.service_id) == change.service_id]
    if not loose:
        return own
    others = {row.contract_service_id for row in units if str(row.service_id) == change.service_id}
    others |= {line.id for line in lines if str(line.service_id) == change.service_id}
    return None if others - {line_id, None} else own + loose


def _created_state(change: Change, reading: Reading, units: list[UnitRow], kind: ContractKind) -> tuple[LineState, str]:
    """A line that is to be created is read by its service; several of them give no line id."""
    mine = [line for line in reading.lines if str(line.service_id) == change.service_id]
    blocked = reading.trouble or _blocked(change, reading, kind)
    if not mine:
        return _state(change, reading, "", False, InForce(quantity=0), [], units, blocked, None), reading.trouble
    index = UnitIndex(units, reading.lines)
    if len(mine) > 1:
        blocked = blocked or f"The contract holds this service {len(mine)} times."
        own = [row for line in mine for row in index.rows(line) or []]
        return _state(change, reading, "", True, InForce(quantity=0), own, units, blocked, None), reading.trouble
    own = index.rows(mine[0]) or []
    now = _usable(own, change.effective_date)
    state = _state(change, reading, str(mine[0].id), True, now, own, units, blocked or now.trouble, None)
    return state, reading.trouble or now.trouble


def _state(
    change: Change,
    reading: Reading,
    line_id: str,
    present: bool,
    now: InForce,
    own: Sequence[UnitRow],
    units: Sequence[UnitRow],
    blocked: str,
    unit_cost: int | None,
) -> LineState:
    mine = {row.id for row in own}
    return LineState(
        line_id=line_id,
        present=present,
        quantity=now.quantity or 0,
        unit_cost=unit_cost,
        blocked=blocked,
        evidence=tuple(_item(row, change.effective_date) for row in _in_order(own)),
        neighbours=_digest([row for row in units if row.id not in mine and row.end_date.date() >= change.effective_date]),
        attribution=_touched(reading.contract),
        posted_until=now.posted_until,
        pending_quantity=now.pending_quantity,
        pending_date=now.pending_date,
    )


def _touched(contract: Contract | None) -> str:
    """When the contract was changed last: units that are changed within a row and back leave no other trace."""
    moment = None if contract is None else contract.last_modified_date_time
    return "" if moment is None else f"an edit of the contract at {moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def _item(row: UnitRow, effective: date) -> EvidenceItem:
    # Posting a period that is over when the change takes effect must not make the line look touched.
    shows = row.approve_and_post_date is not None and row.end_date.date() >= effective
    posted = f"posted {row.approve_and_post_date:%Y-%m-%d}" if shows else ""
    return EvidenceItem(
        id=str(row.id), start=_iso(row.start_date), end=_iso(row.end_date), quantity=(row.units or 0) * SCALE, mark=posted
    )


def _in_order(rows: Sequence[UnitRow]) -> list[UnitRow]:
    return sorted(rows, key=lambda row: (row.start_date.date(), row.id))


def _digest(rows: Sequence[UnitRow]) -> str:
    """What the other lines of the contract hold. Row ids and posting dates stay out of it: approving a period is no change."""
    listed: list[Json] = [
        [row.contract_service_id, row.service_id, _iso(row.start_date), _iso(row.end_date), row.units] for row in _in_order(rows)
    ]
    return sha256_hex(canonical_json(sorted(listed, key=str)))


def _iso(moment: date) -> str:
    return f"{moment:%Y-%m-%d}"


# What stops a write


def _blocked(change: Change, reading: Reading, kind: ContractKind) -> str:
    if reading.contract is None:
        return "The contract is not there, or the API user may not see it."
    return _contract_blocks(change, reading.contract, kind) or target_blocks(change)


def _contract_blocks(change: Change, contract: Contract, kind: ContractKind) -> str:
    name = (contract.contract_name or "").strip() or f"Contract {contract.id}"
    if contract.contract_type != kind.value:
        return f"{name} is not of type {kind.label}."
    if contract.status != kind.active:
        return f"{name} is not active in Autotask."
    if change.effective_date < contract.start_date.date():
        return f"{name} starts on {_iso(contract.start_date)}, after the effective date {change.effective_date}."
    if change.effective_date > contract.end_date.date():
        return f"{name} ended on {_iso(contract.end_date)}, before the effective date {change.effective_date}."
    return ""


def target_blocks(change: Change) -> str:
    """Why Autotask cannot take what the change aims at, or nothing."""
    if change.kind is ChangeKind.SET_UNIT_COST:
        return "" if change.unit_cost_target is not None else "There is no unit cost to write."
    if change.quantity_target < 0:
        return f"{format_amount(change.quantity_target)} units: Autotask takes no quantity below zero."
    if not is_whole(change.quantity_target):
        return f"{format_amount(change.quantity_target)} units: Autotask takes whole units only."
    return ""
