"""Review and push from the desk: what is frozen, what is left out, who may push, and what is remembered."""

import asyncio
import copy

import pytest

from reconcile_app.core.errors import Busy, ConnectionFailed, NotFound, PlanRefused
from reconcile_app.core.findings import Kind
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import NothingLeft
from reconcile_app.core.ports import Budget
from reconcile_app.core.settings import Connection, Limits
from reconcile_app.services.pushes import settle_seconds
from tests.fakes.comparing import row_of
from tests.fakes.office import NO_LIMITS, Office
from tests.fakes.psa import Fault, Late


def office() -> Office:
    """ASP rises by two, BIR falls by one, CED is equal."""
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    desk.bill("CED", "800", 4, held=4)
    return desk


# review ------------------------------------------------------------------------------------------------------------------------


async def test_what_is_ticked_is_read_again_and_frozen() -> None:
    desk = office()
    run = await desk.compare()
    desk.psa.allowance = Budget(used=10, allowed=1_000, window_minutes=60, share=0.5)
    plan = await desk.session.review()
    assert [planned.change.line_id for planned in plan.changes] == ["L-ASP-650", "L-BIR-712"]
    assert plan.dropped == ()
    assert (plan.source_run, plan.tenant, plan.psa_kind) == (run.run_id, "tenant-1", "autotask")
    assert plan.run_id.startswith("20261127-081500-")
    assert plan.run_id.endswith("-push")
    assert plan.snapshot_sha256 == desk.snapshots.snapshot_sha256(run.run_id)
    assert plan.budget == desk.psa.allowance
    assert plan.confirm_reasons == ()
    assert desk.psa.names()[-1] == "read_lines"
    assert desk.journals.known() == []
    assert desk.everything_released()


async def test_limits_are_those_of_the_operator() -> None:
    desk = office()
    await desk.compare()
    assert (await desk.session.review(Limits(lines=1))).confirm_reasons
    assert not (await desk.session.review(Limits(lines=2))).confirm_reasons


async def test_a_line_that_changed_since_is_left_out_and_told() -> None:
    desk = office()
    await desk.compare()
    desk.psa.other_user("L-ASP-650", 7)
    plan = await desk.session.review()
    assert [planned.change.line_id for planned in plan.changes] == ["L-BIR-712"]
    (dropped,) = plan.dropped
    assert (dropped.kind, dropped.reason) == (Kind.CHANGED_MEANWHILE, "Was 10 when you compared, is 17 now.")


async def test_with_nothing_ticked_there_is_nothing_to_review() -> None:
    desk = office()
    await desk.compare()
    await desk.session.decide(["ASP/C174/650", "BIR/C175/712"], False)
    desk.psa.asked.clear()
    with pytest.raises(PlanRefused, match="Nothing is selected"):
        await desk.session.review()
    assert desk.psa.asked == []


async def test_where_everything_changed_nothing_is_left() -> None:
    desk = office()
    await desk.compare()
    desk.psa.other_user("L-ASP-650", 2)
    desk.psa.other_user("L-BIR-712", 1)
    with pytest.raises(NothingLeft) as caught:
        await desk.session.review()
    assert [drop.kind for drop in caught.value.dropped] == [Kind.UNCHANGED, Kind.CHANGED_MEANWHILE]


async def test_lines_that_cannot_be_read_again_stop_the_review() -> None:
    desk = office()
    await desk.compare()
    desk.psa.failures["read_lines"] = ConnectionFailed("Gone.")
    with pytest.raises(ConnectionFailed):
        await desk.session.review()
    assert desk.everything_released()


async def test_a_system_that_takes_no_changes() -> None:
    desk = office()
    await desk.compare()
    desk.capabilities = None
    session = desk.new_session()
    await session.open_run(desk.workspace.runs()[0].run_id)
    with pytest.raises(PlanRefused, match="takes no changes"):
        await session.review()
    assert "read_lines" not in desk.psa.names()
    assert desk.everything_released()


async def test_nothing_is_set_to_zero_after_an_incomplete_reading() -> None:
    desk = office()
    desk.world.billed = [row for row in desk.world.billed if row["customer_code"] != "CED"]
    desk.world.bill("CED", "650", 1)
    desk.psa.unread["lines"] = {"contract:C175": ""}
    run = await desk.compare()
    assert row_of(run, "CED/C176/800")["change"] == "zero_line"
    await desk.session.decide(["CED/C176/800"], True)
    plan = await desk.session.review(NO_LIMITS)
    (dropped,) = plan.dropped
    assert dropped.kind is Kind.NOT_READ
    assert "Parts are missing." in dropped.reason


async def test_somebody_else_who_pushes_stops_the_review() -> None:
    desk = office()
    await desk.compare()
    await desk.push()
    desk.psa.other_user("L-ASP-650", -5)
    await desk.compare()
    desk.locks.held.add("tenant-1")
    with pytest.raises(Busy):
        await desk.session.review()


async def test_a_line_in_doubt_is_left_out_of_the_next_review() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review()
    desk.psa.writes += [Fault.ACKNOWLEDGED_NOT_DONE]
    await desk.session.push(plan, "", desk.views.append)
    desk.world.billed[1]["quantity"] = 50_000
    run = await desk.session.open_run(plan.source_run)
    assert run.rows["selected"].tolist() == [True, True, False]
    with pytest.raises(NothingLeft) as caught:
        await desk.session.review()
    assert {drop.kind for drop in caught.value.dropped} == {Kind.IN_DOUBT, Kind.UNCHANGED}


async def test_a_line_with_an_attempt_that_ended_badly_is_confirmed_by_typing() -> None:
    desk = office()
    await desk.compare()
    await desk.session.decide(["BIR/C175/712"], False)
    desk.psa.writes.append(Fault.LOST_BEFORE)
    assert (await desk.push()).ops[0].state is OpState.NOT_APPLIED
    plan = await desk.session.review(NO_LIMITS)
    assert plan.changes[0].notes == (f"Earlier attempt: {desk.views[-1].ops[0].message}",)
    assert "1 line had an attempt in the last day" in plan.confirm_reasons[0]
    with pytest.raises(PlanRefused):
        await desk.session.push(plan, "", desk.views.append)
    assert (await desk.session.push(plan, "1", desk.views.append)).result == "finished"


async def test_a_write_that_came_late_is_told_at_the_next_look() -> None:
    desk = office()
    await desk.compare()
    await desk.session.decide(["BIR/C175/712"], False)
    desk.psa.writes.append(Late(seconds=900))
    assert (await desk.push()).ops[0].state is OpState.NOT_APPLIED
    desk.clock.advance(900)
    desk.world.billed[0]["quantity"] = 150_000
    run = await desk.compare()
    assert row_of(run, "ASP/C174/650")["contract_quantity"] == 120_000
    view = await desk.pushes.look(run)
    assert view.alarms["L-ASP-650"].startswith("Was reported as not applied, and has moved since")
    assert view.open_lines == {}
    await desk.session.decide(["BIR/C175/712"], False)
    plan = await desk.session.review(NO_LIMITS)
    assert "it may have come late" in plan.changes[0].notes[0]
    desk.locks.held.add("tenant-1")
    assert (await desk.pushes.look(run)).alarms == {}


async def test_a_tenant_without_a_journal_has_nothing_to_tell() -> None:
    desk = office()
    run = await desk.compare()
    view = await desk.pushes.look(run)
    assert (view.open_lines, view.watched, view.alarms) == ({}, {}, {})
    assert await desk.pushes.reports(run) == []


# push --------------------------------------------------------------------------------------------------------------------------


async def test_a_push_is_remembered_for_the_next_comparison() -> None:
    desk = office()
    run = await desk.compare()
    view = await desk.push()
    assert (view.result, view.message) == ("finished", "2 written and confirmed")
    assert desk.views[-1] == view
    assert desk.session.runs()[0].result == "finished"
    assert desk.everything_released()
    again = await desk.compare()
    assert row_of(again, "ASP/C174/650")["last_pushed_quantity"] == 120_000
    assert row_of(again, "BIR/C175/712")["last_pushed_quantity"] == 30_000
    assert set(again.rows["status"]) == {"equal"}
    assert {push.run_id for push in desk.workspace.kept_pushes} == {view.plan.run_id}
    assert run.run_id != again.run_id


async def test_a_unit_cost_is_no_pushed_quantity() -> None:
    desk = office()
    desk.world.services[2]["unit_cost"] = 30_000
    await desk.compare(overwrite_cost=True)
    await desk.session.decide(["ASP/C174/650", "BIR/C175/712"], False)
    await desk.session.decide(["CED/C176/800"], True)
    view = await desk.push()
    assert [op.change.kind.value for op in view.ops] == ["set_unit_cost"]
    assert view.result == "finished"
    assert desk.workspace.kept_pushes == []


async def test_what_is_open_stays_said_even_if_a_later_push_goes_well() -> None:
    desk = office()
    run = await desk.compare()
    await desk.session.decide(["BIR/C175/712"], False)
    desk.psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    assert (await desk.push()).result == "finished, 1 open"
    await desk.session.decide(["ASP/C174/650"], False)
    await desk.session.decide(["BIR/C175/712"], True)
    assert (await desk.push()).result == "finished"
    assert desk.session.runs()[0].result == "finished, 1 open"
    (op,) = await desk.session.open_ops()
    await desk.session.close_op(op.op_id, False, "Looked in Autotask.")
    assert desk.session.runs()[0].result == "finished"
    desk.workspace.delete_run(run.run_id)


async def test_a_run_that_was_deleted_meanwhile_does_not_stop_a_push() -> None:
    desk = office()
    run = await desk.compare()
    plan = await desk.session.review()
    desk.workspace.delete_run(run.run_id)
    assert (await desk.session.push(plan, "", desk.views.append)).result == "finished"


async def died_while_sending(desk: Office) -> str:
    """The program ends while the change of ASP is under way, which the PSA then makes. The id of the push."""
    await desk.compare()
    await desk.session.decide(["BIR/C175/712"], False)
    plan = await desk.session.review()
    desk.psa.gate = asyncio.Event()
    pushing = asyncio.ensure_future(desk.session.push(plan, "", desk.views.append))
    while "write" not in desk.psa.requests:
        await asyncio.sleep(0)
    left = copy.deepcopy(desk.journals.stored)
    desk.psa.gate.set()
    await pushing
    # What the first process did afterwards is not on disk.
    desk.journals.stored, desk.psa.gate = left, None
    desk.workspace.kept_pushes.clear()
    desk.workspace.set_result(plan.source_run, "compared")
    desk.psa.requests.clear()
    await desk.new_session().open_run(plan.source_run)
    return plan.run_id


async def test_recovery_runs_before_the_next_push() -> None:
    desk = office()
    died = await died_while_sending(desk)
    await desk.session.decide(["ASP/C174/650"], False)
    await desk.session.decide(["BIR/C175/712"], True)
    view = await desk.push()
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert [op.state for op in await desk.journals.opened[-1].ops(died)] == [OpState.CONFIRMED_BY_STATE]
    assert {push.line_id for push in desk.workspace.kept_pushes} == {"L-ASP-650", "L-BIR-712"}
    assert desk.psa.requests.count("write") == 1


async def test_what_a_crash_left_locks_its_line_until_it_is_settled() -> None:
    desk = office()
    await died_while_sending(desk)
    with pytest.raises(NothingLeft, match="not settled"):
        await desk.session.review()


async def test_one_push_at_a_time() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review()
    desk.psa.gate = asyncio.Event()
    first = asyncio.ensure_future(desk.session.push(plan, "", desk.views.append))
    while "write" not in desk.psa.requests:
        await asyncio.sleep(0)
    with pytest.raises(Busy, match="in this window"):
        await desk.session.push(plan, "", desk.views.append)
    desk.psa.gate.set()
    assert (await first).result == "finished"


async def test_nobody_pushes_while_another_program_does() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review()
    desk.locks.held.add("tenant-1")
    with pytest.raises(Busy) as caught:
        await desk.session.push(plan, "", desk.views.append)
    assert caught.value.exit_code == 4
    assert "write" not in desk.psa.requests
    assert desk.journals.known() == []
    desk.locks.held.clear()
    assert (await desk.session.push(plan, "", desk.views.append)).result == "finished"


async def test_a_plan_of_another_comparison_is_refused() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review()
    desk.clock.advance(60)
    await desk.compare()
    with pytest.raises(PlanRefused, match="another comparison"):
        await desk.session.push(plan, "", desk.views.append)
    assert desk.journals.known() == []


async def test_a_refused_plan_leaves_the_desk_free() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review()
    desk.clock.advance(3_600)
    with pytest.raises(PlanRefused, match="expired"):
        await desk.session.push(plan, "", desk.views.append)
    assert desk.everything_released()
    assert (await desk.push()).result == "finished"


async def test_stopping_ends_the_push_after_the_current_change() -> None:
    desk = office()
    await desk.compare()
    await desk.session.stop_push()
    plan = await desk.session.review()
    desk.psa.gate = asyncio.Event()
    pushing = asyncio.ensure_future(desk.session.push(plan, "", desk.views.append))
    while "write" not in desk.psa.requests:
        await asyncio.sleep(0)
    await desk.session.stop_push()
    desk.psa.gate.set()
    assert [op.state for op in (await pushing).ops] == [OpState.VERIFIED, OpState.CANCELLED]


async def test_stopping_works_before_the_first_change_too() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review()
    pushing = asyncio.ensure_future(desk.session.push(plan, "", desk.views.append))
    while not desk.journals.opened:
        await asyncio.sleep(0)
    await desk.session.stop_push()
    view = await pushing
    assert view.result == "refused"
    assert {op.state for op in view.ops} == {OpState.CANCELLED}
    assert "write" not in desk.psa.requests


async def test_without_a_comparison_nothing_can_be_reviewed() -> None:
    with pytest.raises(NotFound):
        await Office().session.review()


def test_the_settle_window_of_a_connection() -> None:
    assert settle_seconds(Connection(name="a", kind="autotask")) == 180.0
    assert settle_seconds(Connection(name="a", kind="autotask", values={"settle_seconds": " 2.5 "})) == 2.5
