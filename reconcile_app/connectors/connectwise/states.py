"""Fresh readings of ConnectWise additions. Pure functions.

An addition is one item of evidence: its quantity from the effective date of the change (or its own later start) to the day it is
cancelled. ConnectWise changes it in place and as a whole, so everything else about it must stay: that stands as a digest in the
item's mark, where a change between approval and write is seen, and among the neighbours, where one beside our own write is seen.
Quantity and unit cost are parts of the reading itself. Who touched the line last is told for people and decides nothing alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconcile_app.connectors.connectwise import successors
from reconcile_app.connectors.connectwise.comparable import digest_of
from reconcile_app.connectors.connectwise.frames import cancelled_on, in_force, last_billed_day, last_day, standing, to_come
from reconcile_app.connectors.connectwise.wire import Addition, Agreement, AgreementType, Seen, amount_of, day, money
from reconcile_app.core.amounts import MAX_QUANTITY, format_amount
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.ids import Json, canonical_json, sha256_hex
from reconcile_app.core.ports import EvidenceItem, LineState

_DERIVED = frozenset({
    "description", "uom", "extPrice", "extCost", "margin", "prorateCost", "proratePrice", "extendedProrateCost",
    "extendedProratePrice", "billedQuantity", "serialNumber", "agreementStatus", "additionStatus", "_info",
})  # fmt: skip
"""Members that ConnectWise computes, or that follow from dates and from the agreement."""

_IN_READING = frozenset({"quantity", "unitCost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything read about one agreement: ``additions`` are all of them, ``trouble`` says which could not be used.

    ``unusable`` are products by id that no new line may have.
    """

    agreement: Agreement | None
    additions: Sequence[Seen[Addition]] = ()
    trouble: str = ""
    unusable: frozenset[str] = frozenset()


def number_of(text: str, what: str) -> int:
    """A ConnectWise id as a number.

    Raises:
        PlanRefused: it is none, so it cannot come from ConnectWise.
    """
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    raise refused(f"{what} {text[:40]!r} is no ConnectWise id.")


def refused(happened: str) -> PlanRefused:
    """A change that ConnectWise cannot take."""
    return PlanRefused(
        "This change cannot be written to ConnectWise.",
        happened,
        meaning="Nothing was sent.",
        next_step="Compare again and decide anew.",
    )


def line_state(change: Change, reading: Reading, kind: AgreementType) -> tuple[LineState, str]:
    """What was read about the line of a change, and what of it cannot be trusted (empty: nothing).

    With trouble the state is blocked and its quantity means nothing: it may be shown, and must not be judged.
    """
    if change.kind is ChangeKind.REPLACE_LINE:
        return _successor_state(change, reading, kind)
    if change.kind is ChangeKind.CREATE_LINE:
        return _created_state(change, reading, kind)
    line_id = number_of(change.line_id, "Addition")
    own = next((seen for seen in reading.additions if seen.row.id == line_id), None)
    if own is None:
        blocked = reading.trouble or _agreement_blocks(change, reading.agreement, kind)
        state = LineState(
            line_id=str(line_id), present=False, quantity=0, blocked=blocked, neighbours=_neighbours(reading.additions, [])
        )
        return state, reading.trouble
    trouble = reading.trouble or _no_quantity(own.row)
    blocked = trouble or _agreement_blocks(change, reading.agreement, kind) or _line_blocks(change, own.row)
    state = _state(change, own, reading.additions, blocked or target_blocks(change))
    stays = successors.stays_whole(change, own.row, reading.agreement, change.service_id in reading.unusable)
    return replace(state, in_place=stays), trouble


def _successor_state(change: Change, reading: Reading, kind: AgreementType) -> tuple[LineState, str]:
    """A line that takes the place of another: what the agreement holds of its product without that other."""
    old = next((seen for seen in reading.additions if str(seen.row.id) == change.replaces), None)
    beside = [seen for seen in reading.additions if seen is not old]
    state, trouble = _created_state(change, replace(reading, additions=beside), kind)
    if old is None:
        return replace(state, blocked=state.blocked or f"Addition {change.replaces}, which it replaces, is not there."), trouble
    try:
        takes_over = successors.taken_over(old.raw)
    except (RecursionError, ValueError, UnicodeError):
        return replace(state, blocked=state.blocked or f"Addition {old.row.id} cannot be read whole."), trouble
    own = next((seen for seen in beside if str(seen.row.id) == state.line_id), None)
    others = [seen for seen in reading.additions if seen is not own]
    like = successors.wanted(change, takes_over) if own is None else successors.shown(change, takes_over, own.raw)
    ended, end = day(old.row.cancelled_date), cancelled_on(change.effective_date)
    moved = f"Addition {old.row.id} was cancelled as of {ended}." if ended not in (None, end) else ""
    return (
        replace(
            state,
            blocked=state.blocked or moved,
            neighbours=_neighbours(others, [like]),
            takes_over=takes_over,
            unmet="" if ended == end else f"Addition {old.row.id} is not cancelled as of {end}.",
        ),
        trouble,
    )


def _created_state(change: Change, reading: Reading, kind: AgreementType) -> tuple[LineState, str]:
    """A line that is to be created is read by its product; several of them give no line id."""
    at = change.effective_date
    mine = [seen for seen in reading.additions if str(seen.row.product.id) == change.service_id]
    mine = [seen for seen in mine if in_force(seen.row, at) or to_come(seen.row, at)]
    trouble = reading.trouble or next((words for seen in mine if (words := _no_quantity(seen.row))), "")
    blocked = trouble or _agreement_blocks(change, reading.agreement, kind) or _start_blocks(change, reading.agreement)
    blocked = blocked or target_blocks(change)
    if len(mine) == 1:
        return _state(change, mine[0], reading.additions, blocked), trouble
    others = [seen for seen in reading.additions if seen not in mine]
    if mine:
        blocked = blocked or f"The agreement holds this product {len(mine)} times."
    evidence = tuple(_item(change, seen) for seen in sorted(mine, key=lambda seen: seen.row.id))
    return (
        LineState(
            line_id="", present=bool(mine), quantity=0, blocked=blocked, evidence=evidence, neighbours=_neighbours(others, [])
        ),
        trouble,
    )


def _state(change: Change, own: Seen[Addition], additions: Sequence[Seen[Addition]], blocked: str) -> LineState:
    row, at = own.row, change.effective_date
    found = standing([seen.row for seen in additions if seen.row.product.id == row.product.id], at)
    shown = [each.id for each in found.shown] == [row.id]
    others = [seen for seen in additions if seen.row.id != row.id]
    return LineState(
        line_id=str(row.id),
        present=True,
        quantity=(amount_of(row.quantity) or 0) if in_force(row, at) else 0,
        unit_cost=money(row.unit_cost),
        blocked=blocked,
        evidence=(_item(change, own),),
        neighbours=_neighbours(others, _kept(change, own)),
        attribution=_touched(row),
        pending_quantity=found.pending_quantity if shown else None,
        pending_date=found.pending_date if shown else None,
    )


def _item(change: Change, seen: Seen[Addition]) -> EvidenceItem:
    row = seen.row
    # What a line was before the effective date changes with it, because ConnectWise keeps no history of quantities.
    start = max(change.effective_date, day(row.effective_date) or change.effective_date)
    end = last_billed_day(day(row.cancelled_date))
    return EvidenceItem(
        id=str(row.id),
        start=start.isoformat(),
        end=end.isoformat() if end else "",
        quantity=amount_of(row.quantity) or 0,
        mark=digest_of(seen.raw, _DERIVED | _IN_READING),
    )


def _kept(change: Change, own: Seen[Addition]) -> list[Json]:
    """What of the line itself must not move beside the change; nothing of a line that the change makes."""
    if change.creates:
        return []
    if change.kind is ChangeKind.CANCEL_LINE:
        return [digest_of(own.raw, _DERIVED | {"cancelledDate"})]
    mark = digest_of(own.raw, _DERIVED | _IN_READING)
    return [mark] if change.kind is ChangeKind.SET_UNIT_COST else [mark, money(own.row.unit_cost)]


def _neighbours(others: Sequence[Seen[Addition]], kept: list[Json]) -> str:
    listed: list[Json] = [[seen.row.id, digest_of(seen.raw, _DERIVED)] for seen in sorted(others, key=lambda seen: seen.row.id)]
    return sha256_hex(canonical_json([listed, kept]))


def _touched(row: Addition) -> str:
    info = row.info or {}
    by, at = str(info.get("updatedBy") or "").strip(), str(info.get("lastUpdated") or "").strip()
    return f"{by[:60] or 'somebody'} ({at[:40]})" if at else by[:60]


# What stops a write


def _no_quantity(row: Addition) -> str:
    if amount_of(row.quantity) is not None:
        return ""
    return f"Addition {row.id} has no usable quantity: {bytes(row.quantity).decode('utf-8', 'replace')[:60] or 'none'}."


def _agreement_blocks(change: Change, agreement: Agreement | None, kind: AgreementType) -> str:
    if agreement is None:
        return "The agreement is not there, or the API member may not see it."
    name, at = (agreement.name or "").strip() or f"Agreement {agreement.id}", change.effective_date
    start, end = day(agreement.start_date), last_day(agreement)
    if agreement.type.id != kind.id:
        return f"{name} is not of type {kind.name[:100]}."
    if agreement.cancelled_flag:
        return f"{name} is cancelled."
    if start is not None and at < start:
        return f"{name} starts on {start}, after the effective date {at}."
    if end is not None and at > end:
        return f"{name} ended on {end}, before the effective date {at}."
    return ""


def _start_blocks(change: Change, agreement: Agreement | None) -> str:
    """An addition may not start before its agreement bills."""
    begins = day(agreement.bill_start_date) if agreement else None
    if begins is None or change.effective_date >= begins:
        return ""
    return f"The agreement bills from {begins} on; a line cannot start on {change.effective_date}."


def _line_blocks(change: Change, row: Addition) -> str:
    at = change.effective_date
    if str(row.product.id) != change.service_id:
        return f"The addition holds another product now ({row.product.identifier or row.product.id})."
    if row.agreement_id is not None and str(row.agreement_id) != change.contract_id:
        return f"The addition belongs to agreement {row.agreement_id} now."
    if to_come(row, at):
        return f"The addition starts on {day(row.effective_date)}, after the effective date {at}."
    if not in_force(row, at):
        return f"The addition was cancelled as of {day(row.cancelled_date)}."
    if change.kind is ChangeKind.SET_UNIT_COST and money(row.unit_cost) is None:
        return "ConnectWise does not show the unit cost: the API member is blocked from costs."
    return ""


def target_blocks(change: Change) -> str:
    """Why ConnectWise cannot take what the change aims at, or nothing. Fractions are fine."""
    if change.kind is ChangeKind.SET_UNIT_COST:
        target = change.unit_cost_target
        return "There is no unit cost to write." if target is None else "A unit cost cannot be below zero." if target < 0 else ""
    if not 0 <= change.quantity_target <= MAX_QUANTITY:
        return f"{format_amount(change.quantity_target)} units: no agreement carries this quantity."
    return ""
