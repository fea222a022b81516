"""Changes that follow others in a push: a unit cost its quantity, a new line the end of the one it replaces."""

from collections.abc import Sequence

from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import PlannedChange

_CONFIRMED = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE})
_RIGHT = _CONFIRMED | {OpState.SKIPPED_ALREADY}


def first_of(ops: Sequence[OpRecord], planned: PlannedChange) -> OpRecord | None:
    """The op that has to be written before this one, or None."""
    if planned.change.kind not in (ChangeKind.SET_UNIT_COST, ChangeKind.REPLACE_LINE):
        return None
    return next((op for op in ops if planned.change.follows(op.change)), None)


def why_not_now(first: OpRecord | None, planned: PlannedChange) -> str:
    """Why a change may not be sent after what became of the one it follows; empty: it may.

    Args:
        first: the op it follows, or None.
        planned: the change.
    """
    if first is None or first.state in _CONFIRMED:
        return ""
    if planned.change.kind is ChangeKind.REPLACE_LINE:
        return f"Not sent: line {planned.change.replaces} was not ended by this push."
    return "" if first.state in _RIGHT else "Not sent: the quantity of this line was not written."


def starts_pair(planned: PlannedChange, rest: Sequence[PlannedChange]) -> bool:
    """Whether the change ends a line that the next one replaces: between the two the line would be missing."""
    return bool(rest) and rest[0].change.kind is ChangeKind.REPLACE_LINE and rest[0].change.follows(planned.change)


def is_between(state: OpState) -> bool:
    """Whether the first of two changes that belong together is done, so that the second one has to follow."""
    return state in _CONFIRMED
