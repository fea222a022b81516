"""Undo of a finished push: what can be taken back exactly, what only by a compensating change, and what is too late.

Pure functions over what the journal keeps and what the PSA shows now. An undo never erases: it is a change of its own, in the
opposite direction, on its way through the same protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.evidence import untouched
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.plan import Dropped, Plan
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.ports import LineState
from reconcile_app.core.verdict import target_of, value_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An op that a push wrote and that nothing in the journal speaks against undoing.

    ``before`` is the reading it was sent on, ``after`` the one that confirmed it. ``refused_on`` are effective dates on which the
    PSA refused to take the opposite change.
    """

    op: OpRecord
    before: LineState
    after: LineState
    refused_on: frozenset[date] = frozenset()

    @property
    def value_before(self) -> int | None:
        """What the line had before the push: its quantity, or its unit cost (None where the PSA did not show it)."""
        return value_of(self.op.change, self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoLine:
    """What can be done about one op of a push, in words.

    ``change`` is what would be written and ``state`` the reading it stands on; both are None where nothing would. ``quantity`` is
    what the line has now (ten-thousandths), where it was read. ``kind`` says in the log why nothing would be written.
    """

    op: OpRecord
    way: Way
    words: str
    change: Change | None = None
    state: LineState | None = None
    quantity: int | None = None
    kind: Kind = Kind.CHANGED_MEANWHILE

    @property
    def dropped(self) -> Dropped:
        """The same as a line that is left out of a plan."""
        return Dropped(change=inverse(self.op.change), kind=self.kind, reason=self.words, quantity=self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoReview:
    """What an undo would do. ``plan`` is None where nothing can be undone. ``others`` are older pushes of the same comparison that
    could be undone too. ``pushed`` is when the push was made and ``operator`` who made it."""

    push_id: str
    source_run: str
    operator: str
    pushed: datetime
    lines: tuple[UndoLine, ...]
    plan: Plan | None
    others: tuple[str, ...] = ()

    def of(self, way: Way) -> tuple[UndoLine, ...]:
        """The lines of one way, in order."""
        return tuple(line for line in self.lines if line.way is way)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDay:
    """The effective date of the push cannot be used: on which day the compensating change would take effect, and why."""

    day: date
    why: str


# what the PSA shows ------------------------------------------------------------------------------------------------------------


def inverse(change: Change) -> Change:
    """A change with before and after exchanged; a created line goes to zero."""
    if is_cost(change):
        return replace(change, unit_cost_before=change.unit_cost_target, unit_cost_target=change.unit_cost_before)
    before, after = change.quantity_target, change.quantity_before
    return replace(change, kind=_kind_to(after), quantity_before=before, quantity_target=after, replaces="")


def opposite(written: Written, day: date | None = None) -> Change:
    """The change that takes an op back, as far as it can be said before the line was read; ``day``: another effective date."""
    change = inverse(written.op.change)
    if is_cost(change):
        return replace(change, unit_cost_target=written.value_before)
    back = written.before.quantity
    line_id, day = written.after.line_id or change.line_id, day or change.effective_date
    return replace(change, kind=_kind_to(back), quantity_target=back, line_id=line_id, effective_date=day)


def _kind_to(quantity: int) -> ChangeKind:
    return ChangeKind.SET_QUANTITY if quantity else ChangeKind.ZERO_LINE


def first_look(written: Written, now: LineState | None, *, dated: bool) -> UndoLine | OtherDay:
    """What a reading on the effective date of the push says.

    Args:
        written: the op of the push.
        now: the line as it is now, read for ``opposite(written)``; None when it was not read.
        dated: changes of this PSA take effect on a date; otherwise they simply replace what is there.
    """
    moved = _moved(written, now)
    if now is None or moved:
        return too_late(written.op, moved, quantity=_quantity(now))
    if now.blocked:
        return too_late(written.op, f"Nothing can be written now: {now.blocked}", quantity=now.quantity, kind=Kind.WRITE_REFUSED)
    if is_cost(written.op.change):
        return _cost_line(written, now)
    other = _other_day(written, now) if dated else None
    if other is not None:
        return other
    return _line(written, opposite(written), now, Way.EXACT, _exact_words(written, dated))


def later_look(written: Written, other: OtherDay, now: LineState | None) -> UndoLine | OtherDay:
    """What a reading on another day says; that the line is as the push left it was seen in the first reading already.

    The line may have another quantity on that day, where somebody had planned a change before the push: the opposite difference
    is what counts.
    """
    op = written.op
    if now is None or not now.present or now.blocked:
        return nothing_open(written, other, now)
    if now.posted_until is not None or other.day in written.refused_on:
        following = now.posted_until + _DAY if now.posted_until is not None else other.day + _DAY
        return OtherDay(day=following, why=other.why)
    target = now.quantity - op.change.quantity_target + written.before.quantity
    if target < 0:
        words = f"{other.why} On {other.day} the line has {format_amount(now.quantity)}, which is too little to take the push back."
        return too_late(op, words, quantity=now.quantity, kind=Kind.WRITE_REFUSED)
    change = replace(opposite(written, other.day), kind=_kind_to(target), quantity_before=now.quantity, quantity_target=target)
    words = (
        f"{other.why} From {other.day} on it goes back from {format_amount(now.quantity)} to {format_amount(target)}; "
        f"what is billed for the days before that stays.{_stays(written)}"
    )
    return _line(written, change, now, Way.COMPENSATING, words)


def nothing_open(written: Written, other: OtherDay, now: LineState | None = None) -> UndoLine:
    """No day is left on which a compensating change could take effect."""
    why = now.blocked if now is not None and now.blocked else f"the line could not be read for {other.day}."
    words = f"{other.why} Nothing is open to compensate in: {why}"
    return too_late(written.op, words, quantity=_quantity(now), kind=Kind.WRITE_REFUSED)


def _moved(written: Written, now: LineState | None) -> str:
    """What somebody else has done to the line since, in a sentence; empty: nothing."""
    change = written.op.change
    if now is None:
        return "The line could not be read."
    if not now.present:
        return "The line is no longer there."
    was, is_now = target_of(change), value_of(change, now)
    by = f" Last changed by {now.attribution}." if now.attribution else ""
    if was != is_now:
        return f"Was {shown_amount(was)} after the push, is {shown_amount(is_now)} now: somebody changed it since.{by}"
    if is_cost(change) or _same(written.after, now):
        return ""
    return f"Still {shown_amount(is_now)}, but somebody touched the line since the push.{by}"


def _same(after: LineState, now: LineState) -> bool:
    """Whether nothing moved; that the period was approved and posted meanwhile marks its rows and is no move."""
    if untouched(after, now):
        return True
    return now.posted_until is not None and untouched(_unmarked(after), _unmarked(now))


def _unmarked(state: LineState) -> LineState:
    return replace(state, evidence=tuple(replace(item, mark="") for item in state.evidence))


def _other_day(written: Written, now: LineState) -> OtherDay | None:
    day = written.op.change.effective_date
    if now.posted_until is not None:
        return OtherDay(
            day=max(now.posted_until, day) + _DAY, why=f"The period until {now.posted_until} is approved and posted.",
        )
    if day in written.refused_on:
        refused = max(written.refused_on)
        return OtherDay(day=refused + _DAY, why=f"The PSA refused a second change on {refused}.")
    return None


def _cost_line(written: Written, now: LineState) -> UndoLine:
    change = opposite(written)
    if change.unit_cost_target is None:
        return too_late(written.op, "What the unit cost was before the push is not known.", quantity=now.quantity)
    words = f"Unit cost back from {shown_amount(change.unit_cost_before)} to {shown_amount(change.unit_cost_target)}."
    return _line(written, change, now, Way.EXACT, words)


def _exact_words(written: Written, dated: bool) -> str:
    change = written.op.change
    words = f"Back from {format_amount(change.quantity_target)} to {format_amount(written.before.quantity)}"
    if dated:
        words += f" on {change.effective_date}, the day of the push, so that both cancel out"
    return f"{words}.{_stays(written)}"


def _stays(written: Written) -> str:
    if written.op.change.kind is not ChangeKind.CREATE_LINE:
        return ""
    return " The line itself stays where it is: a line that was created cannot be removed from here."


def _line(written: Written, change: Change, now: LineState, way: Way, words: str) -> UndoLine:
    created = written.op.change.kind is ChangeKind.CREATE_LINE
    return UndoLine(
        op=written.op, way=Way.COMPENSATING if created else way, words=words, change=change, state=now, quantity=now.quantity,
    )


def too_late(op: OpRecord, words: str, *, quantity: int | None = None, kind: Kind = Kind.CHANGED_MEANWHILE) -> UndoLine:
    """A line that nothing can be done about, and why."""
    return UndoLine(op=op, way=Way.TOO_LATE, words=words, quantity=quantity, kind=kind)


def cannot_tell(op: OpRecord) -> UndoLine:
    """An op whose quantity was found in place without proof that it was ours."""
    words = "The line had the intended value, but nobody can tell who set it; so it is not ours to undo."
    return too_late(op, words, kind=Kind.WRITE_REFUSED)


def counts_words(lines: Sequence[UndoLine]) -> str:
    """``3 exactly · 1 by a compensating change · 2 too late``."""
    words: Mapping[Way, str] = {
        Way.EXACT: "exactly", Way.COMPENSATING: "by a compensating change", Way.TOO_LATE: "too late", Way.DONE: "undone already",
    }
    counts = [(sum(line.way is way for line in lines), text) for way, text in words.items()]
    return " · ".join(f"{count} {text}" for count, text in counts if count) or "Nothing was written."


def is_cost(change: Change) -> bool:
    """Whether it is the unit cost that changes."""
    return change.kind is ChangeKind.SET_UNIT_COST


def _quantity(state: LineState | None) -> int | None:
    return state.quantity if state is not None and state.present else None


def shown_amount(value: int | None) -> str:
    """An amount in words, also where it is not known."""
    return "unknown" if value is None else format_amount(value)
