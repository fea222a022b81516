"""Changing a quantity from a day on where the PSA keeps no history: the line ends on that day, and a new one takes its place.

Two changes that belong together, each of them one request. Pure functions over changes and ops. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.change import Change, ChangeKind
from reconcile_app.core.judge import FINAL, OPEN, OpState

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord

    Endings = Mapping[tuple[str, str], OpRecord]

_WRITTEN = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.CLOSED_AS_APPLIED})
"""Ends of an op whose change is in the PSA."""

_UNWRITTEN = FINAL - _WRITTEN - {OpState.SKIPPED_ALREADY}


def ending_of(change: Change) -> Change:
    """The change that ends the line on the effective date. It reads the line as the change of its quantity does."""
    return replace(change, kind=ChangeKind.CANCEL_LINE, quantity_target=0)


def successor_of(change: Change, cost: Change | None = None) -> Change:
    """The change that makes the line which takes the place of the one whose quantity ``change`` sets.

    ``cost``: the change of the unit cost of the same line, which the new line is made with.
    """
    return replace(
        change, kind=ChangeKind.REPLACE_LINE, line_id="", replaces=change.line_id, quantity_before=0,
        unit_cost_before=cost.unit_cost_before if cost else None, unit_cost_target=cost.unit_cost_target if cost else None,
    )


def with_successors(changes: Sequence[Change]) -> list[Change]:
    """The changes, and for each line that may be replaced the one that would take its place: everything a review has to read."""
    return [*changes, *(successor_of(change) for change in changes if change.kind is ChangeKind.SET_QUANTITY)]


def as_one(changes: Sequence[Change]) -> list[Change]:
    """The changes with every replacement told as what it comes to: the quantity of a line that changes from one day on."""
    ended = {change.line_id: change for change in changes if change.kind is ChangeKind.CANCEL_LINE}
    replaced = {change.replaces for change in changes if change.replaces in ended}
    told = [change for change in changes if change.kind is not ChangeKind.CANCEL_LINE or change.line_id not in replaced]
    return [_whole(change, ended) for change in told]


def _whole(change: Change, ended: Mapping[str, Change]) -> Change:
    if change.kind is not ChangeKind.REPLACE_LINE or change.replaces not in ended:
        return change
    before = ended[change.replaces].quantity_before
    return replace(change, kind=ChangeKind.SET_QUANTITY, line_id=change.replaces, replaces="", quantity_before=before)


def notes_of(change: Change) -> str:
    """What the operator has to know before a line ends or is replaced, in words."""
    day = change.effective_date
    if change.kind is ChangeKind.REPLACE_LINE:
        return (
            f"Takes the place of line {change.replaces} on {day}: a line of its own with another id. A mapping that names the old "
            "line by hand has to be made again; undo does not take this back."
        )
    if change.kind is ChangeKind.CANCEL_LINE:
        return f"Line {change.line_id} ends on {day} and keeps its quantity of {format_amount(change.quantity_before)} until then."
    return ""


# What became of it


def endings_of(ops: Iterable[OpRecord]) -> Endings:
    """The ops that end lines, by run id and line id."""
    return {(op.run_id, op.change.line_id): op for op in ops if op.change.kind is ChangeKind.CANCEL_LINE}


def _ending(endings: Endings, op: OpRecord) -> OpRecord | None:
    """The op that ends the line which this op replaces; None where it replaces none."""
    return endings.get((op.run_id, op.change.replaces)) if op.change.replaces else None


def told_once(ops: Sequence[OpRecord]) -> list[OpRecord]:
    """The ops, of a replacement only the one that says what became of it, told as the change of the quantity of one line."""
    endings = endings_of(ops)
    replaced = {(op.run_id, op.change.replaces) for op in ops if op.change.replaces}
    told: list[OpRecord] = []
    for op in ops:
        ending = _ending(endings, op)
        if ending is not None:
            (change,) = as_one([ending.change, op.change])
            told.append(replace(op if ending.state in _WRITTEN else ending, change=change))
        elif op.change.kind is not ChangeKind.CANCEL_LINE or (op.run_id, op.change.line_id) not in replaced:
            told.append(op)
    return told


def gaps(ops: Sequence[OpRecord]) -> list[OpRecord]:
    """The new lines that were not made although the line they replace has ended: somebody has to make them."""
    endings = endings_of(ops)
    return [
        op for op in ops
        if op.state in _UNWRITTEN and (ending := _ending(endings, op)) is not None and ending.state in _WRITTEN
    ]


def gap_text(count: int) -> str:
    """How many lines have ended without a new one, as a result says it."""
    return f"{count} line{'' if count == 1 else 's'} ended without a new one"


def gap_words(endings: Endings, op: OpRecord, state: OpState) -> str:
    """What is left to do where the new line of ``op`` ends in ``state``, in words; empty: nothing."""
    ending = _ending(endings, op)
    if ending is None or state not in _UNWRITTEN:
        return ""
    change, day = op.change, op.change.effective_date
    name = change.service_name or change.description or change.sku
    make = f"create {format_amount(change.quantity_target)} of {name} on {change.contract_name or change.contract_id}"
    if ending.state in _WRITTEN:
        return f"Line {change.replaces} ends on {day} and nothing takes its place. In the PSA, {make} from that day on."
    if ending.state in OPEN:
        return f"Whether line {change.replaces} ends on {day} is not known yet. If it does, {make} from that day on."
    return ""
