"""Evidence: what the PSA keeps about a line besides its quantity, and how a change of ours must show up in it.

A line's evidence is a step function of dates: each item carries the quantity in force from its start to its end. Whether a PSA
cuts an item in two or changes it in place is its own affair, so two readings are compared by what they say on each date.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import cast

from reconcile_app.core.ids import Json
from reconcile_app.core.ports import EvidenceItem, LineState


def quantity_on(items: Sequence[EvidenceItem], day: str) -> int | None:
    """The quantity in force on a day (ISO text), or None where no item covers it.

    Of several items that cover the day the latest counts: a cut item may end on the very day on which the next one starts.
    """
    covering = [item for item in items if item.start[:10] <= day and (not item.end or item.end[:10] >= day)]
    return max(covering, key=lambda item: item.start).quantity if covering else None


def shows_exactly(before: Sequence[EvidenceItem], now: Sequence[EvidenceItem], effective: date, delta: int) -> bool:
    """Whether ``now`` is ``before`` with one change of ``delta`` from the effective date on, and nothing else.

    Earlier dates keep their quantity, every later date rises by ``delta``. At most one item may have been added, except on a line
    that had none: there the first change makes an item for every period.
    """
    if before and not 0 <= len(now) - len(before) <= 1:
        return False
    return all(_moved_by(before, now, day, delta if day >= effective.isoformat() else 0) for day in _days(before, now, effective))


def _moved_by(before: Sequence[EvidenceItem], now: Sequence[EvidenceItem], day: str, delta: int) -> bool:
    was, is_now = quantity_on(before, day), quantity_on(now, day)
    if was is None:
        # A line without any item has quantity 0 everywhere; where items merely end, nothing may appear.
        return is_now is None or (not before and is_now == delta)
    expected = was + delta
    return is_now == expected or (is_now is None and expected == 0)


def _days(before: Sequence[EvidenceItem], now: Sequence[EvidenceItem], effective: date) -> set[str]:
    """Every day on which one of the two step functions can change."""
    days = {effective.isoformat()}
    for item in (*before, *now):
        days.update((item.start[:10], item.end[:10], _day_after(item.end[:10])))
    return days - {""}


def _day_after(day: str) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def untouched(before: LineState, now: LineState) -> bool:
    """Whether nothing about the line's quantities moved between two readings: same line, same items with the same ids and marks."""
    return _quantities(before) == _quantities(now)


def _quantities(state: LineState) -> tuple[bool, str, int, tuple[EvidenceItem, ...]]:
    return state.present, state.line_id, state.quantity, state.evidence


def state_to_json(state: LineState) -> dict[str, Json]:
    """The parts of a reading that a later decision needs, for the journal."""
    return {
        "line": state.line_id, "present": state.present, "quantity": state.quantity, "cost": state.unit_cost,
        "evidence": [[item.id, item.start, item.end, item.quantity, item.mark] for item in state.evidence],
        "neighbours": state.neighbours, "attribution": state.attribution,
    }


def state_from_json(value: Mapping[str, object]) -> LineState:
    """A reading as ``state_to_json`` stored it.

    Raises:
        KeyError, TypeError: the value was not written by ``state_to_json``.
    """
    items = cast(Sequence[Sequence[str | int]], value["evidence"])
    return LineState(
        line_id=str(value["line"]), present=bool(value["present"]), quantity=cast(int, value["quantity"]),
        unit_cost=cast("int | None", value["cost"]), neighbours=str(value["neighbours"]), attribution=str(value["attribution"]),
        evidence=tuple(
            EvidenceItem(id=str(id_), start=str(start), end=str(end), quantity=int(quantity), mark=str(mark))
            for id_, start, end, quantity, mark in items
        ),
    )
