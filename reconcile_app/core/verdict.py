"""Verdicts: what reading a line again says about a write whose outcome is open. Pure functions over readings.

Quantity decides whether more writing is needed; evidence decides who did it. A reading that failed decides nothing.
"""

from dataclasses import dataclass

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.evidence import shows_exactly, untouched
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import LineState, WriteSemantics


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reading says. ``state`` is the state the op takes; the state it had means: nothing is decided yet.

    ``message`` is the sentence for the operator. ``attributed``: the evidence shows that our write made the change. ``alarm``:
    somebody must look before anything else is done to the line. ``quantity`` is what was read, ten-thousandths.
    """

    state: OpState
    message: str
    attributed: bool = False
    alarm: bool = False
    quantity: int | None = None


def value_of(change: Change, state: LineState) -> int | None:
    """What the change is about, as read: the quantity, or the unit cost (None where the PSA does not show it)."""
    return state.unit_cost if change.kind is ChangeKind.SET_UNIT_COST else state.quantity


def value_before(change: Change) -> int | None:
    """What the comparison read, ten-thousandths."""
    return change.unit_cost_before if change.kind is ChangeKind.SET_UNIT_COST else change.quantity_before


def target_of(change: Change) -> int | None:
    """What the change aims at, ten-thousandths."""
    return change.unit_cost_target if change.kind is ChangeKind.SET_UNIT_COST else change.quantity_target


def is_done(change: Change, state: LineState) -> bool:
    """Whether the line already is as the change wants it."""
    return state.present and value_of(change, state) == target_of(change)


def fits(change: Change, before: LineState, now: LineState) -> bool:
    """Whether ``now`` is ``before`` with exactly this change made and nothing else moved on the contract.

    A created line must be the only one of its service: a reading that finds several gives no line id.
    """
    if not is_done(change, now) or now.neighbours != before.neighbours:
        return False
    if change.kind is ChangeKind.SET_UNIT_COST:
        return untouched(before, now)
    if not now.line_id or (before.present and now.line_id != before.line_id):
        return False
    return shows_exactly(before.evidence, now.evidence, change.effective_date, change.quantity_target - before.quantity)


def decide(
    change: Change, before: LineState, now: LineState | None, settled: bool, *,
    semantics: str = WriteSemantics.DELTA, as_of: str = "",
) -> Decision:
    """What became of a write whose answer was lost.

    Only a reading that shows exactly our change decides at once. Everything else waits until the settle window is over, because
    until then the PSA may still carry the write out on top of what somebody else did; the op stays UNKNOWN meanwhile.

    Args:
        change: what was sent.
        before: the reading it was sent on (E0).
        now: a fresh reading, or None when the line could not be read.
        settled: the reading was made after the settle window.
        semantics: how the PSA takes a quantity; a delta can have been applied twice.
        as_of: the time of the reading as the operator is told it ("14:05").
    """
    if now is None:
        return Decision(state=OpState.UNKNOWN, message="Could not check. The line is locked in this program until it can be read.")
    if fits(change, before, now):
        return Decision(
            state=OpState.CONFIRMED_BY_STATE, attributed=True, quantity=now.quantity,
            message="Applied; the PSA's answer was lost. Confirmed by reading.",
        )
    if not settled:
        return Decision(state=OpState.UNKNOWN, message="The answer was lost. Checking what the PSA did.", quantity=now.quantity)
    return _decide_settled(change, before, now, semantics, as_of)


def _decide_settled(change: Change, before: LineState, now: LineState, semantics: str, as_of: str) -> Decision:
    if is_done(change, now):
        return Decision(
            state=OpState.CONFIRMED_BY_STATE, quantity=now.quantity,
            message=f"The line has the intended {_noun(change)}. We cannot tell who set it.",
        )
    # A PSA that changes an item in place leaves no other trace of a change that was taken back than who touched the line last.
    if untouched(before, now) and value_of(change, now) == value_of(change, before) and now.attribution == before.attribution:
        return Decision(
            state=OpState.NOT_APPLIED, quantity=now.quantity,
            message=f"Not applied{f' as of {as_of}' if as_of else ''}. Nothing was sent again. Plan it again if you still want it.",
        )
    return _needs_review(change, before, now, semantics)


def _needs_review(change: Change, before: LineState, now: LineState, semantics: str) -> Decision:
    doubled = looks_doubled(change, before, now, semantics)
    if doubled:
        message = "May have been applied twice or changed by someone else. Check in the PSA before doing anything."
    elif now.present and before.present and value_of(change, now) == value_of(change, before):
        message = f"{_noun(change).capitalize()} is as before, but the line was touched meanwhile."
    else:
        message = "The line shows something that neither our change nor its absence explains."
    return Decision(
        state=OpState.NEEDS_REVIEW, alarm=doubled, quantity=now.quantity, message=f"{message} {_readings(change, before, now)}",
    )


def contradict(change: Change, before: LineState, now: LineState) -> Decision:
    """What becomes of a write whose answer confirmed something else than was sent: a person looks, whatever the line shows."""
    return Decision(
        state=OpState.NEEDS_REVIEW, alarm=True, quantity=now.quantity,
        message=f"The PSA confirmed something else than we sent. {_readings(change, before, now)}",
    )


def looks_doubled(change: Change, before: LineState, now: LineState, semantics: str) -> bool:
    """Whether the line moved by twice the difference of a delta."""
    if semantics != WriteSemantics.DELTA or change.kind is ChangeKind.SET_UNIT_COST or not now.present:
        return False
    return now.quantity == before.quantity + 2 * (change.quantity_target - before.quantity)


def verify(change: Change, before: LineState, now: LineState, *, semantics: str = WriteSemantics.DELTA) -> Decision:
    """What the read-back of an acknowledged write says: VERIFIED, or NEEDS_REVIEW when it is not exactly what was written."""
    if fits(change, before, now):
        return Decision(state=OpState.VERIFIED, attributed=True, quantity=now.quantity, message="Written and confirmed by reading.")
    if is_done(change, now):
        message = f"The {_noun(change)} is as written, but something else moved beside it at the same time."
        return Decision(
            state=OpState.NEEDS_REVIEW, quantity=now.quantity, message=f"{message} {_readings(change, before, now)}",
        )
    if looks_doubled(change, before, now, semantics):
        return _needs_review(change, before, now, semantics)
    return Decision(
        state=OpState.NEEDS_REVIEW, quantity=now.quantity,
        message=f"The PSA took the change, but the line does not show it. {_readings(change, before, now)}",
    )


def refute_refusal(change: Change, before: LineState, now: LineState) -> Decision | None:
    """What the confirming reading after a refusal says: NEEDS_REVIEW when the line moved all the same, otherwise None."""
    if now.present == before.present and value_of(change, now) == value_of(change, before):
        return None
    return Decision(
        state=OpState.NEEDS_REVIEW, quantity=now.quantity,
        message=f"The PSA refused the change, but the line moved. {_readings(change, before, now)}",
    )


def look_again(state: OpState, change: Change, before: LineState, now: LineState, *, semantics: str) -> Decision | None:
    """What the last look at the end of a run says about an op; None: it stands.

    An op that was acknowledged and could not be read back gets its read-back now. One that was confirmed by reading must still
    have its target; one that was not applied must still be untouched.
    """
    if state is OpState.APPLIED:
        return verify(change, before, now, semantics=semantics)
    if state is OpState.CONFIRMED_BY_STATE and not is_done(change, now):
        return _needs_review(change, before, now, semantics)
    if state is OpState.NOT_APPLIED and value_of(change, now) != value_of(change, before):
        return Decision(
            state=OpState.NEEDS_REVIEW, alarm=True, quantity=now.quantity,
            message=f"This was reported as not applied, and the line has moved since. It may have come late. "
                    f"{_readings(change, before, now)}",
        )
    return None


def _noun(change: Change) -> str:
    return "unit cost" if change.kind is ChangeKind.SET_UNIT_COST else "quantity"


def _readings(change: Change, before: LineState, now: LineState) -> str:
    """Before, target and now in one sentence, with who touched the line where the PSA tells."""
    by = f" Last touched by {now.attribution}." if now.attribution else ""
    is_now = f"now {_shown(value_of(change, now))}" if now.present else "the line is not there now"
    return f"Before {_shown(value_of(change, before))}, intended {_shown(target_of(change))}, {is_now}.{by}"


def _shown(value: int | None) -> str:
    return "unknown" if value is None else format_amount(value)
