"""What reading a line again says about a write: the table of decisions, the read-back, the last look."""

from dataclasses import replace

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import EvidenceItem, LineState, WriteSemantics
from reconcile_app.core.verdict import decide, look_again, refute_refusal, target_of, value_before, verify
from tests.fakes.planning import change_of, cost_of

CHANGE = change_of("L1", 10, 13)
COST = cost_of("L1", 1, 2)
CREATE = change_of("", 0, 5, kind=ChangeKind.CREATE_LINE)


def row(quantity: int, start: str = "2026-11-26", end: str = "2026-12-25", id_: str = "r1", mark: str = "") -> EvidenceItem:
    return EvidenceItem(id=id_, start=start, end=end, quantity=quantity * SCALE, mark=mark)


def line(*rows: EvidenceItem, cost: int = 1, line_id: str = "L1", neighbours: str = "n", by: str = "") -> LineState:
    quantity = rows[0].quantity if rows else 0
    return LineState(
        line_id=line_id, present=True, quantity=quantity, unit_cost=cost * SCALE, evidence=rows, neighbours=neighbours,
        attribution=by,
    )


GONE = LineState(line_id="", present=False, quantity=0, neighbours="n")
BEFORE = line(row(10))
DONE = line(row(13, id_="r2"))


def test_exactly_our_change_decides_at_once() -> None:
    decision = decide(CHANGE, BEFORE, DONE, settled=False)
    assert decision.state is OpState.CONFIRMED_BY_STATE
    assert decision.attributed
    assert decision.message == "Applied; the PSA's answer was lost. Confirmed by reading."
    assert decision.quantity == 13 * SCALE


@pytest.mark.parametrize("now", [
    BEFORE,
    line(row(10, id_="other")),
    line(row(16, id_="r2")),
    line(row(12, id_="r2")),
    line(row(13, id_="r2"), row(13, "2026-12-26", "2027-01-25", "r3"), row(13, "2027-01-26", "2027-02-25", "r4")),
    replace(DONE, neighbours="moved"),
    GONE,
])
def test_nothing_else_is_decided_before_the_settle_window_is_over(now: LineState) -> None:
    decision = decide(CHANGE, BEFORE, now, settled=False)
    assert decision.state is OpState.UNKNOWN
    assert not decision.alarm


def test_a_failed_reading_decides_nothing() -> None:
    decision = decide(CHANGE, BEFORE, None, settled=True)
    assert decision.state is OpState.UNKNOWN
    assert decision.quantity is None
    assert decision.message == "Could not check. The line is locked in this program until it can be read."


def test_target_reached_by_other_means_is_not_attributed() -> None:
    now = replace(DONE, neighbours="moved")
    decision = decide(CHANGE, BEFORE, now, settled=True)
    assert (decision.state, decision.attributed) == (OpState.CONFIRMED_BY_STATE, False)
    assert decision.message == "The line has the intended quantity. We cannot tell who set it."


def test_untouched_after_the_window_is_not_applied() -> None:
    decision = decide(CHANGE, BEFORE, BEFORE, settled=True, as_of="14:05")
    assert decision.state is OpState.NOT_APPLIED
    assert decision.message == "Not applied as of 14:05. Nothing was sent again. Plan it again if you still want it."
    assert decide(CHANGE, BEFORE, BEFORE, settled=True).message.startswith("Not applied. ")


@pytest.mark.parametrize("now", [line(row(10, id_="other")), line(row(10, mark="posted")), line(row(10), by="Bob")])
def test_same_quantity_with_another_trace_needs_review(now: LineState) -> None:
    decision = decide(CHANGE, BEFORE, now, settled=True)
    assert decision.state is OpState.NEEDS_REVIEW
    assert decision.message.startswith("Quantity is as before, but the line was touched meanwhile. Before 10, intended 13, now 10.")


def test_twice_the_delta_raises_an_alarm() -> None:
    now = line(row(16, id_="r2"), by="Bob")
    decision = decide(CHANGE, BEFORE, now, settled=True)
    assert (decision.state, decision.alarm) == (OpState.NEEDS_REVIEW, True)
    assert decision.message.startswith("May have been applied twice or changed by someone else.")
    assert decision.message.endswith("now 16. Last touched by Bob.")
    assert not decide(CHANGE, BEFORE, now, settled=True, semantics=WriteSemantics.SET).alarm


@pytest.mark.parametrize(("now", "words"), [(line(row(7)), "now 7."), (GONE, "the line is not there now.")])
def test_anything_else_needs_review(now: LineState, words: str) -> None:
    decision = decide(CHANGE, BEFORE, now, settled=True)
    assert (decision.state, decision.alarm) == (OpState.NEEDS_REVIEW, False)
    assert decision.message.startswith("The line shows something")
    assert decision.message.endswith(words)


def test_a_unit_cost_is_judged_by_itself() -> None:
    assert (value_before(COST), target_of(COST)) == (1 * SCALE, 2 * SCALE)
    done = line(row(10), cost=2)
    assert decide(COST, BEFORE, done, settled=False).attributed
    assert decide(COST, BEFORE, BEFORE, settled=True).state is OpState.NOT_APPLIED
    moved = decide(COST, BEFORE, line(row(11), cost=2), settled=True)
    assert (moved.state, moved.attributed) == (OpState.CONFIRMED_BY_STATE, False)
    assert moved.message == "The line has the intended unit cost. We cannot tell who set it."
    three = decide(COST, BEFORE, line(row(10), cost=3), settled=True)
    assert (three.state, three.alarm) == (OpState.NEEDS_REVIEW, False)
    unknown = decide(COST, BEFORE, replace(BEFORE, unit_cost=None), settled=True)
    assert unknown.state is OpState.NEEDS_REVIEW
    assert "now unknown" in unknown.message


def test_a_created_line() -> None:
    made = line(row(5), line_id="L9")
    assert decide(CREATE, GONE, made, settled=False).attributed
    assert decide(CREATE, GONE, GONE, settled=True).state is OpState.NOT_APPLIED
    empty = decide(CREATE, GONE, line(row(0), line_id="L9"), settled=True)
    assert empty.state is OpState.NEEDS_REVIEW
    assert empty.message.startswith("The line shows something")
    assert verify(CREATE, GONE, made).state is OpState.VERIFIED
    several = replace(made, line_id="")
    assert verify(CREATE, GONE, several).state is OpState.NEEDS_REVIEW
    assert decide(CREATE, GONE, line(row(10), line_id="L9"), settled=True).alarm


@pytest.mark.parametrize(("now", "state", "words"), [
    (DONE, OpState.VERIFIED, "Written and confirmed by reading."),
    (replace(DONE, neighbours="moved"), OpState.NEEDS_REVIEW, "The quantity is as written, but something else moved"),
    (replace(DONE, line_id="L7"), OpState.NEEDS_REVIEW, "The quantity is as written, but something else moved"),
    (line(row(16, id_="r2")), OpState.NEEDS_REVIEW, "May have been applied twice"),
    (BEFORE, OpState.NEEDS_REVIEW, "The PSA took the change, but the line does not show it."),
    (GONE, OpState.NEEDS_REVIEW, "The PSA took the change, but the line does not show it."),
])
def test_read_back(now: LineState, state: OpState, words: str) -> None:
    decision = verify(CHANGE, BEFORE, now)
    assert decision.state is state
    assert decision.message.startswith(words)


def test_read_back_of_a_set_quantity_and_of_a_cost() -> None:
    assert verify(CHANGE, BEFORE, DONE, semantics=WriteSemantics.SET).state is OpState.VERIFIED
    assert verify(COST, BEFORE, line(row(10), cost=2), semantics=WriteSemantics.SET).state is OpState.VERIFIED
    assert verify(COST, BEFORE, line(row(11), cost=2), semantics=WriteSemantics.SET).state is OpState.NEEDS_REVIEW


def test_a_refusal_is_refuted_only_by_a_line_that_moved() -> None:
    assert refute_refusal(CHANGE, BEFORE, BEFORE) is None
    assert refute_refusal(CREATE, GONE, GONE) is None
    for now in (DONE, GONE):
        decision = refute_refusal(CHANGE, BEFORE, now)
        assert decision is not None
        assert decision.state is OpState.NEEDS_REVIEW


@pytest.mark.parametrize(("state", "now", "expected"), [
    (OpState.APPLIED, DONE, OpState.VERIFIED),
    (OpState.APPLIED, BEFORE, OpState.NEEDS_REVIEW),
    (OpState.CONFIRMED_BY_STATE, DONE, None),
    (OpState.CONFIRMED_BY_STATE, line(row(16)), OpState.NEEDS_REVIEW),
    (OpState.NOT_APPLIED, BEFORE, None),
    (OpState.NOT_APPLIED, DONE, OpState.NEEDS_REVIEW),
    (OpState.REJECTED, DONE, None),
])
def test_the_last_look(state: OpState, now: LineState, expected: OpState | None) -> None:
    decision = look_again(state, CHANGE, BEFORE, now, semantics=WriteSemantics.DELTA)
    assert (decision and decision.state) == expected
