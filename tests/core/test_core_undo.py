"""What a reading says about taking a pushed change back: exactly, by a compensating change, or too late."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.ports import EvidenceItem, LineState
from reconcile_app.core.undo import (
    OtherDay,
    UndoLine,
    UndoReview,
    Written,
    cannot_tell,
    counts_words,
    first_look,
    inverse,
    later_look,
    nothing_open,
    opposite,
    shown_amount,
)
from tests.fakes.planning import EFFECTIVE, change_of, cost_of

POSTED = date(2026, 12, 25)


def op_of(change: Change, state: OpState = OpState.VERIFIED) -> OpRecord:
    return OpRecord(
        op_id="P1-0001", run_id="P1", seq=1, change=change, semantics="delta", evidence_sha256="0" * 64, state=state,
        updated=datetime(2026, 12, 3, 12, tzinfo=UTC),
    )


def line(units: int, *, mark: str = "", row: str = "r2", **more: Any) -> LineState:
    """A line as it reads on the effective date."""
    evidence = (EvidenceItem(id=row, start="2026-11-26", end="2026-12-25", quantity=units * SCALE, mark=mark),)
    return LineState(**{"line_id": "L1", "present": True, "quantity": units * SCALE, "evidence": evidence} | more)


def written(change: Change | None = None, *, refused: tuple[date, ...] = ()) -> Written:
    """10 → 13, verified."""
    change = change or change_of()
    before = line(change.quantity_before // SCALE, row="r1", unit_cost=change.unit_cost_before)
    after = line(change.quantity_target // SCALE, unit_cost=change.unit_cost_target)
    return Written(op=op_of(change), before=before, after=after, refused_on=frozenset(refused))


def judged(one: Written, now: LineState | None, *, dated: bool = True) -> UndoLine:
    said = first_look(one, now, dated=dated)
    assert isinstance(said, UndoLine)
    return said


def test_an_untouched_line_goes_back_on_the_day_of_the_push() -> None:
    said = judged(written(), line(13))
    assert said.way is Way.EXACT
    assert said.words == "Back from 13 to 10 on 2026-11-26, the day of the push, so that both cancel out."
    assert said.change is not None
    assert (said.change.quantity_before, said.change.quantity_target) == (13 * SCALE, 10 * SCALE)
    assert (said.change.kind, said.change.effective_date, said.change.line_id) == (ChangeKind.SET_QUANTITY, EFFECTIVE, "L1")
    assert said.state == line(13)


def test_a_psa_without_dates_simply_gets_the_old_quantity() -> None:
    said = judged(written(refused=(EFFECTIVE,)), line(13, posted_until=POSTED), dated=False)
    assert (said.way, said.words) == (Way.EXACT, "Back from 13 to 10.")


def test_a_line_that_was_at_zero_before_is_set_to_zero() -> None:
    said = judged(written(change_of(before=0, target=4)), line(4))
    assert said.change is not None
    assert said.change.kind is ChangeKind.ZERO_LINE


@pytest.mark.parametrize(("now", "words"), [
    (line(15, attribution="Kim"), "Was 13 after the push, is 15 now: somebody changed it since. Last changed by Kim."),
    (line(13, row="r9"), "Still 13, but somebody touched the line since the push."),
    (line(13, mark="posted 2026-12-01"), "Still 13, but somebody touched the line since the push."),
    (replace(line(13), present=False), "The line is no longer there."),
    (None, "The line could not be read."),
])  # fmt: skip
def test_a_touched_line_is_too_late(now: LineState | None, words: str) -> None:
    said = judged(written(), now)
    assert (said.way, said.words, said.change, said.kind) == (Way.TOO_LATE, words, None, Kind.CHANGED_MEANWHILE)
    assert said.quantity == (now.quantity if now is not None and now.present else None)


def test_what_blocks_a_write_makes_it_too_late() -> None:
    said = judged(written(), line(13, blocked="Cloud is not active in Autotask."))
    assert (said.way, said.kind) == (Way.TOO_LATE, Kind.WRITE_REFUSED)
    assert said.words == "Nothing can be written now: Cloud is not active in Autotask."


def test_a_posted_period_leads_to_the_day_after_it() -> None:
    now = line(13, mark="posted 2026-12-01", posted_until=POSTED)
    other = first_look(written(), now, dated=True)
    assert other == OtherDay(day=date(2026, 12, 26), why="The period until 2026-12-25 is approved and posted.")
    moved = judged(written(), line(13, row="r9", posted_until=POSTED))
    assert moved.way is Way.TOO_LATE, "posting does not excuse other rows"


def test_a_period_that_was_posted_before_the_push_took_effect_leads_past_the_push() -> None:
    other = first_look(written(), line(13, posted_until=date(2026, 11, 1)), dated=True)
    assert isinstance(other, OtherDay)
    assert other.day == date(2026, 11, 27)


def test_a_refused_day_leads_to_the_next_one() -> None:
    one = written(refused=(EFFECTIVE, date(2026, 11, 27)))
    other = first_look(one, line(13), dated=True)
    assert other == OtherDay(day=date(2026, 11, 28), why="The PSA refused a second change on 2026-11-27.")
    elsewhere = written(refused=(date(2026, 11, 27),))
    assert judged(elsewhere, line(13)).way is Way.EXACT, "the day of the push was not refused"


OTHER = OtherDay(day=date(2026, 12, 26), why="Posted.")


def test_a_compensating_change_says_what_stays() -> None:
    said = later_look(written(), OTHER, line(13))
    assert isinstance(said, UndoLine)
    assert said.way is Way.COMPENSATING
    assert said.words == "Posted. From 2026-12-26 on it goes back from 13 to 10; what is billed for the days before that stays."
    assert said.change is not None
    assert said.change.effective_date == OTHER.day


def test_a_change_that_somebody_planned_stays_on_top() -> None:
    said = later_look(written(), OTHER, line(3))
    assert isinstance(said, UndoLine)
    assert said.change is not None
    assert (said.change.quantity_before, said.change.quantity_target) == (3 * SCALE, 0)
    assert said.change.kind is ChangeKind.ZERO_LINE
    less = later_look(written(), OTHER, line(2))
    assert isinstance(less, UndoLine)
    assert (less.way, less.kind) == (Way.TOO_LATE, Kind.WRITE_REFUSED)
    assert "On 2026-12-26 the line has 2, which is too little" in less.words


def test_the_other_day_may_be_closed_too() -> None:
    following = later_look(written(), OTHER, line(13, posted_until=date(2027, 1, 25)))
    assert following == OtherDay(day=date(2027, 1, 26), why="Posted.")
    refused = written(refused=(OTHER.day,))
    assert later_look(refused, OTHER, line(13)) == OtherDay(day=date(2026, 12, 27), why="Posted.")


@pytest.mark.parametrize(("now", "words"), [
    (line(13, blocked="Cloud ended on 2026-12-25."), "Posted. Nothing is open to compensate in: Cloud ended on 2026-12-25."),
    (replace(line(13), present=False), "Posted. Nothing is open to compensate in: the line could not be read for 2026-12-26."),
    (None, "Posted. Nothing is open to compensate in: the line could not be read for 2026-12-26."),
])  # fmt: skip
def test_where_no_day_is_open_it_is_too_late(now: LineState | None, words: str) -> None:
    said = later_look(written(), OTHER, now)
    assert isinstance(said, UndoLine)
    assert (said.way, said.words, said.kind) == (Way.TOO_LATE, words, Kind.WRITE_REFUSED)
    assert nothing_open(written(), OTHER).words.startswith("Posted. Nothing is open")


def test_a_created_line_goes_to_zero_and_stays() -> None:
    change = change_of("", before=0, target=4, kind=ChangeKind.CREATE_LINE)
    one = replace(written(change), after=line(4, line_id="L77"))
    said = judged(one, line(4, line_id="L77"))
    assert said.way is Way.COMPENSATING
    assert said.words.endswith("The line itself stays where it is: a line that was created cannot be removed from here.")
    assert said.change is not None
    assert (said.change.kind, said.change.line_id, said.change.quantity_target) == (ChangeKind.ZERO_LINE, "L77", 0)


def test_a_unit_cost_is_put_back_whatever_the_rows_say() -> None:
    one = written(cost_of(before=1, target=2))
    said = judged(one, line(10, row="r9", unit_cost=2 * SCALE, posted_until=POSTED))
    assert (said.way, said.words) == (Way.EXACT, "Unit cost back from 2 to 1.")
    assert said.change is not None
    assert (said.change.unit_cost_before, said.change.unit_cost_target) == (2 * SCALE, SCALE)
    touched = judged(one, line(10, unit_cost=3 * SCALE))
    assert touched.words == "Was 2 after the push, is 3 now: somebody changed it since."
    hidden = replace(one, before=line(10, unit_cost=None))
    assert judged(hidden, line(10, unit_cost=2 * SCALE)).words == "What the unit cost was before the push is not known."


def test_a_line_that_is_left_out_is_told_with_the_quantities_of_the_undo() -> None:
    dropped = judged(written(), line(15)).dropped
    assert (dropped.change.quantity_before, dropped.change.quantity_target) == (13 * SCALE, 10 * SCALE)
    assert dropped.quantity == 15 * SCALE
    assert dropped.kind is Kind.CHANGED_MEANWHILE


def test_the_opposite_of_the_opposite_is_the_change() -> None:
    change = change_of(before=3, target=7)
    assert inverse(inverse(change)) == change
    assert inverse(inverse(cost_of())) == cost_of()
    assert opposite(written(), date(2027, 1, 1)).effective_date == date(2027, 1, 1)
    assert opposite(replace(written(), after=line(13, line_id=""))).line_id == "L1"


def test_a_review_groups_its_lines() -> None:
    lines = (judged(written(), line(13)), judged(written(), line(15)), cannot_tell(op_of(change_of())))
    review = UndoReview(
        push_id="P1", source_run="R1", operator="Ada on desk-1", pushed=datetime(2026, 12, 3, tzinfo=UTC), lines=lines, plan=None,
    )
    assert [len(review.of(way)) for way in Way] == [1, 0, 2, 0]
    assert counts_words(lines) == "1 exactly · 2 too late"
    assert counts_words(()) == "Nothing was written."
    assert shown_amount(None) == "unknown"
