"""The size of a plan: what it comes to in numbers, and when these are large enough to be confirmed by typing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconcile_app.core.amounts import SCALE, multiply
from reconcile_app.core.change import Change, ChangeKind
from reconcile_app.core.replacing import as_one
from reconcile_app.core.settings import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The size of a plan in numbers; units and money in ten-thousandths. ``units_down`` and ``money`` may be negative."""

    lines: int
    customers: int
    units_up: int
    units_down: int
    to_zero: int
    created: int
    money: int


def totals_of(changes: Sequence[Change]) -> Totals:
    """The size of these changes. A line that ends and is replaced is one line, with the difference between the two."""
    whole = as_one(changes)
    quantities = [change for change in whole if change.kind is not ChangeKind.SET_UNIT_COST]
    return Totals(
        lines=len({change.line_key.removesuffix(":cost") for change in whole}),
        customers=len({change.customer_code for change in whole}),
        units_up=sum(change.delta for change in quantities if change.delta > 0),
        units_down=sum(change.delta for change in quantities if change.delta < 0),
        to_zero=sum(change.quantity_target == 0 for change in quantities),
        created=sum(change.kind is ChangeKind.CREATE_LINE for change in quantities),
        money=sum(multiply(change.delta, change.unit_price) for change in quantities if change.unit_price is not None),
    )


def confirm_reasons(changes: Sequence[Change], totals: Totals, limits: Limits, watched: Mapping[str, str]) -> tuple[str, ...]:
    """Why the number of lines must be typed, in words; empty: a click is enough.

    ``watched`` are line keys with an attempt in the last day → what became of it.
    """
    large = sum(_is_large(change, limits) for change in as_one(changes))
    again = len({change.key for change in changes if change.line_key in watched})
    reasons = {
        f"{totals.lines} lines would change; above {limits.lines} you confirm.": totals.lines > limits.lines,
        f"{_lines(large)} would change by more than {limits.percent} % and more than {limits.units} units.": large,
        f"{_lines(totals.to_zero)} would be set to zero.": limits.zeroing and totals.to_zero,
        f"{_lines(again)} had an attempt in the last day whose outcome you should look at first.": again,
    }
    return tuple(text for text, applies in reasons.items() if applies)


def _is_large(change: Change, limits: Limits) -> bool:
    size = abs(change.delta)
    return (
        change.kind is not ChangeKind.SET_UNIT_COST
        and size > limits.units * SCALE and size * 100 > change.quantity_before * limits.percent
    )


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
