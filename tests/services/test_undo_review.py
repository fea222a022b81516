"""The review of an undo from the desk: which push, what is offered, what is too late, and what is frozen."""

from datetime import date

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.errors import ConnectionFailed, NotFound, PlanRefused, WrongUse
from reconcile_app.core.findings import Kind
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan_kinds import UNDO, Way
from reconcile_app.core.ports import Budget, Capabilities, WriteSemantics
from reconcile_app.core.undo import UndoReview
from tests.fakes.office import NO_LIMITS, WRITES, Office
from tests.fakes.psa import Fault

EFFECTIVE = date(2026, 11, 26)


async def pushed() -> Office:
    """ASP rose from 10 to 12, BIR fell from 4 to 3; both are confirmed."""
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    await desk.compare()
    assert (await desk.push()).result == "finished"
    return desk


async def review(desk: Office, asked: str = "", *customers: str) -> UndoReview:
    run = desk.session.run
    assert run is not None
    return await desk.session.review_undo(asked or run.run_id, NO_LIMITS, customers)


async def test_an_untouched_push_is_offered_whole_in_reverse_order() -> None:
    desk = await pushed()
    desk.psa.allowance = Budget(used=10, allowed=1_000, window_minutes=60, share=0.5)
    made = await review(desk)
    assert [line.op.change.customer_code for line in made.lines] == ["BIR", "ASP"]
    assert {line.way for line in made.lines} == {Way.EXACT}
    assert (made.push_id, made.operator, made.others) == (desk.views[-1].plan.run_id, "Ada on desk-1", ())
    plan = made.plan
    assert plan is not None
    assert (plan.kind, plan.undoes_run, plan.source_run) == (UNDO, made.push_id, made.source_run)
    assert plan.run_id.endswith("-undo")
    assert (plan.budget, plan.calls_needed, plan.dropped, plan.effective_date) == (desk.psa.allowance, 8, (), EFFECTIVE)
    assert [(p.change.quantity_before, p.change.quantity_target) for p in plan.changes] == [
        (3 * SCALE, 4 * SCALE), (12 * SCALE, 10 * SCALE),
    ]  # fmt: skip
    assert b'"undoes":' in plan.canonical
    assert desk.everything_released()


async def test_the_limits_apply_to_an_undo() -> None:
    desk = await pushed()
    run = desk.session.run
    assert run is not None
    made = await desk.session.review_undo(run.run_id)
    assert made.plan is not None
    assert made.plan.confirm_reasons == ()
    desk.bill("CED", "800", 4, held=0)
    await desk.compare()
    await desk.push()
    made = await desk.session.review_undo(desk.views[-1].plan.source_run)
    assert made.plan is not None
    assert "1 line would be set to zero." in made.plan.confirm_reasons


async def test_only_these_customers() -> None:
    made = await review(await pushed(), "", "bir")
    assert [line.op.change.customer_code for line in made.lines] == ["BIR"]


async def test_a_touched_line_is_left_out_with_its_words() -> None:
    desk = await pushed()
    desk.psa.other_user("L-ASP-650", 3)
    made = await review(desk)
    (late,) = made.of(Way.TOO_LATE)
    assert late.words == "Was 12 after the push, is 15 now: somebody changed it since."
    assert made.plan is not None
    assert [drop.kind for drop in made.plan.dropped] == [Kind.CHANGED_MEANWHILE]
    assert [planned.change.customer_code for planned in made.plan.changes] == ["BIR"]


async def test_where_all_is_touched_there_is_no_plan() -> None:
    desk = await pushed()
    desk.psa.touch("L-ASP-650")
    desk.psa.touch("L-BIR-712")
    made = await review(desk)
    assert made.plan is None
    assert len(made.of(Way.TOO_LATE)) == 2


async def test_a_confirmation_without_proof_that_it_was_ours_is_not_undone() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    await desk.compare()
    desk.psa.writes.append(Fault.LOST_AFTER)
    desk.psa.add_line("L-ASP-800", 5, contract_id="C174", service_id="800")

    def neighbour(name: str) -> None:
        if name == "write":
            desk.psa.other_user("L-ASP-800", 1)

    desk.psa.on_access = neighbour
    assert [op.state for op in (await desk.push()).ops] == [OpState.CONFIRMED_BY_STATE]
    made = await review(desk)
    assert made.plan is None
    assert made.lines[0].words.startswith("The line had the intended value, but nobody can tell who set it")


async def test_a_lost_answer_that_was_proven_ours_is_undone() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    await desk.compare()
    desk.psa.writes.append(Fault.LOST_AFTER)
    assert [op.state for op in (await desk.push()).ops] == [OpState.CONFIRMED_BY_STATE]
    assert (await review(desk)).plan is not None


async def test_the_newest_push_with_something_to_undo_is_meant_by_a_comparison() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    run = await desk.compare()
    await desk.session.decide(["BIR/C175/712"], False)
    first = (await desk.push()).plan.run_id
    desk.clock.advance(60)
    await desk.session.decide(["ASP/C174/650"], False)
    await desk.session.decide(["BIR/C175/712"], True)
    second = (await desk.push()).plan.run_id
    made = await review(desk, run.run_id)
    assert (made.push_id, made.others) == (second, (first,))
    named = await review(desk, first)
    assert (named.push_id, named.others) == (first, ())
    assert named.plan is not None
    await desk.session.push(named.plan, "", desk.views.append)
    again = await review(desk, first)
    assert (again.plan, [line.way for line in again.lines]) == (None, [Way.DONE])


async def test_a_push_is_found_by_its_id_from_any_comparison() -> None:
    desk = await pushed()
    push = desk.views[-1].plan
    desk.clock.advance(60)
    await desk.compare()
    assert (await review(desk, push.run_id)).push_id == push.run_id
    run = desk.session.run
    assert run is not None
    assert run.run_id == push.source_run, "its comparison lies on the desk"


async def test_what_cannot_be_undone_at_all() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    run = await desk.compare()
    with pytest.raises(NotFound, match="Nothing was pushed from this run"):
        await desk.session.review_undo(run.run_id)
    with pytest.raises(NotFound, match="There is no run 4711"):
        await desk.session.review_undo("4711")
    await desk.push()
    desk.clock.advance(60)
    again = await desk.compare()
    with pytest.raises(NotFound, match="Nothing was pushed from this run"):
        await desk.session.review_undo(again.run_id)
    desk.clock.advance(60)
    undo = (await review(desk, run.run_id)).plan
    assert undo is not None
    await desk.session.push(undo, "", desk.views.append)
    with pytest.raises(WrongUse, match="This is an undo itself"):
        await desk.session.review_undo(undo.run_id)


async def test_a_push_that_wrote_nothing_has_nothing_to_undo() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    await desk.compare()
    desk.psa.writes.append(Fault.REFUSED)
    await desk.push()
    made = await review(desk)
    assert (made.lines, made.plan) == ((), None)


async def test_an_earlier_attempt_is_shown_beside_the_line() -> None:
    desk = await pushed()
    first = (await review(desk)).plan
    assert first is not None
    desk.psa.writes += [Fault.LOST_BEFORE]
    view = await desk.session.push(first, "", desk.views.append)
    assert [op.state for op in view.ops] == [OpState.NOT_APPLIED, OpState.VERIFIED]
    again = await review(desk)
    assert [line.way for line in again.lines] == [Way.EXACT, Way.DONE], "an answer that was lost refuses no day"
    assert again.plan is not None
    assert again.plan.changes[0].notes == (f"Earlier attempt: {view.ops[0].message}",)


async def test_a_system_that_takes_no_changes() -> None:
    desk = await pushed()
    run = desk.session.run
    assert run is not None
    for capabilities in (None, Capabilities(
        writes=WriteSemantics.NONE, creates_lines=False, sets_unit_cost=False, has_effective_dates=False, whole_units=True)):
        desk.capabilities = capabilities
        with pytest.raises(PlanRefused):
            await desk.new_session().review_undo(run.run_id)
    desk.capabilities = WRITES
    desk.psa.failures["read_lines"] = ConnectionFailed("Gone.")
    with pytest.raises(ConnectionFailed):
        await desk.new_session().review_undo(run.run_id)
    desk.psa.failures.clear()
    desk.psa.fingerprint = "tenant-2"
    with pytest.raises(PlanRefused, match="another PSA"):
        await desk.new_session().review_undo(run.run_id)
    assert desk.everything_released()
