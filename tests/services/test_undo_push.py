"""An undo on its way: it goes through the engine of every push, and stands beside the push it took back."""

import asyncio
import copy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.settings import Limits
from reconcile_app.services.desk import PushView
from tests.fakes.comparing import row_of
from tests.fakes.office import NO_LIMITS, Office
from tests.fakes.posting_psa import PostingPsa
from tests.fakes.psa import Fault

EFFECTIVE, NEXT_DAY = date(2026, 11, 26), date(2026, 11, 27)


class PostingOffice(Office):
    """An office whose PSA posts periods."""

    psa: PostingPsa


def new_office() -> PostingOffice:
    desk = PostingOffice()
    desk.psa = PostingPsa(desk.clock, desk.world)
    return desk


async def pushed(**options: Any) -> PostingOffice:
    """ASP rose from 10 to 12, BIR fell from 4 to 3; both are confirmed."""
    desk = new_office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    await desk.compare(**options)
    await desk.push()
    return desk


async def plan_of(desk: Office) -> Plan:
    run = desk.session.run
    assert run is not None
    plan = (await desk.session.review_undo(run.run_id, NO_LIMITS)).plan
    assert plan is not None
    return plan


async def undo(desk: Office) -> PushView:
    return await desk.session.push(await plan_of(desk), "", desk.views.append)


async def ways(desk: Office) -> list[tuple[str, Way]]:
    run = desk.session.run
    assert run is not None
    made = await desk.session.review_undo(run.run_id, NO_LIMITS)
    return [(line.op.change.customer_code, line.way) for line in made.lines]


async def test_push_then_undo_restores_every_quantity() -> None:
    desk = await pushed()
    view = await undo(desk)
    assert (view.result, {op.state for op in view.ops}) == ("finished", {OpState.VERIFIED})
    assert [desk.psa.quantity(line) for line in ("L-ASP-650", "L-BIR-712")] == [10 * SCALE, 4 * SCALE]
    assert [(entry.before, entry.after) for entry in desk.psa.commits()[2:]] == [(3 * SCALE, 4 * SCALE), (12 * SCALE, 10 * SCALE)]
    record = desk.journals.stored["tenant-1"].runs[view.plan.run_id]
    assert (record.kind, record.undoes_run) == ("undo", desk.views[0].plan.run_id)
    assert desk.session.runs()[0].result == "finished, undone"
    assert await ways(desk) == [("BIR", Way.DONE), ("ASP", Way.DONE)]
    assert desk.everything_released()


async def test_the_pushed_quantities_that_are_remembered_go_back() -> None:
    desk = await pushed()
    await undo(desk)
    desk.clock.advance(60)
    again = await desk.compare()
    row = row_of(again, "ASP/C174/650")
    assert (row["last_pushed_quantity"], row["status"]) == (10 * SCALE, "raise")
    told = desk.session.line_history("ASP/C174/650")["result"].tolist()
    assert {"pushed and confirmed", "undone and confirmed"} <= set(told)


async def test_a_line_touched_after_the_review_is_stale_and_nothing_is_sent() -> None:
    desk = await pushed()
    plan = await plan_of(desk)
    desk.psa.other_user("L-ASP-650", 3)
    desk.psa.touch("L-BIR-712")
    view = await desk.session.push(plan, "", desk.views.append)
    assert (view.result, {op.state for op in view.ops}) == ("refused", {OpState.STALE})
    assert len(desk.psa.commits()) == 2, "only the push has written"
    assert desk.session.runs()[0].result == "finished"


async def test_above_the_limits_the_undo_wants_its_number_of_lines() -> None:
    desk = await pushed()
    run = desk.session.run
    assert run is not None
    plan = (await desk.session.review_undo(run.run_id, Limits(lines=1))).plan
    assert plan is not None
    with pytest.raises(PlanRefused, match="confirmation is missing") as refused:
        await desk.session.push(plan, "", desk.views.append)
    assert "to confirm this undo" in str(refused.value)
    assert (await desk.session.push(plan, "2", desk.views.append)).result == "finished"


async def test_a_plan_that_was_altered_is_refused() -> None:
    desk = await pushed()
    plan = await plan_of(desk)
    with pytest.raises(PlanRefused, match="not the one that was approved"):
        await desk.session.push(replace(plan, undoes_run="another"), "", desk.views.append)
    desk.clock.advance(timedelta(minutes=31).total_seconds())
    with pytest.raises(PlanRefused, match="expired"):
        await desk.session.push(plan, "", desk.views.append)


async def test_the_part_that_failed_is_undone_by_a_second_undo() -> None:
    desk = await pushed()
    desk.psa.writes.append(Fault.LOST_BEFORE)
    first = await undo(desk)
    assert [op.state for op in first.ops] == [OpState.NOT_APPLIED, OpState.VERIFIED]
    assert desk.session.runs()[0].result == "finished, partly undone"
    run = desk.session.run
    assert run is not None
    assert (await desk.session.alarms()) == {}, "the comparison read the line before the push; that says nothing now"
    plan = await plan_of(desk)
    assert [planned.change.customer_code for planned in plan.changes] == ["BIR"]
    assert (await desk.session.push(plan, "1", desk.views.append)).result == "finished"
    assert desk.session.runs()[0].result == "finished, undone"
    assert [report.undoes for report in await desk.pushes.reports(run)] == ["", first.plan.undoes_run, first.plan.undoes_run]


async def test_a_change_in_doubt_stays_said_and_locks_its_line() -> None:
    desk = await pushed()
    desk.psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    assert (await undo(desk)).result == "finished, 1 open"
    assert desk.session.runs()[0].result == "finished, 1 open"
    (op,) = await desk.session.open_ops()
    assert op.change.customer_code == "BIR"
    assert await ways(desk) == [("BIR", Way.TOO_LATE), ("ASP", Way.DONE)]
    await desk.session.close_op(op.op_id, True, "Looked in Autotask.")
    assert desk.session.runs()[0].result == "finished, undone"


async def test_a_crash_in_the_middle_is_recovered_and_the_rest_undone_later() -> None:
    desk = await pushed()
    plan = await plan_of(desk)
    desk.psa.gate = asyncio.Event()
    pushing = asyncio.ensure_future(desk.session.push(plan, "", desk.views.append))
    while desk.psa.requests.count("write") < 3:
        await asyncio.sleep(0)
    left = copy.deepcopy(desk.journals.stored)
    await desk.session.stop_push()
    desk.psa.gate.set()
    await pushing
    desk.journals.stored, desk.psa.gate = left, None
    await desk.new_session().open_run(plan.source_run)
    assert await ways(desk) == [("ASP", Way.EXACT), ("BIR", Way.TOO_LATE)], "a line that is open is not offered"
    found = await desk.session.recover()
    assert [op.state for op in found] == [OpState.CONFIRMED_BY_STATE, OpState.CANCELLED]
    assert desk.session.runs()[0].result == "finished, partly undone"
    assert desk.psa.requests.count("write") == 3
    assert await ways(desk) == [("ASP", Way.EXACT), ("BIR", Way.DONE)]
    assert (await undo(desk)).result == "finished"
    assert [desk.psa.quantity(line) for line in ("L-ASP-650", "L-BIR-712")] == [10 * SCALE, 4 * SCALE]


async def test_a_day_that_was_refused_leads_to_the_next_for_every_line_of_the_push() -> None:
    desk = await pushed()
    desk.psa.one_a_day = True
    first = await undo(desk)
    assert [op.state for op in first.ops] == [OpState.NOT_APPLIED, OpState.NOT_APPLIED]
    assert "duplicate data" in first.ops[0].message
    run = desk.session.run
    assert run is not None
    made = await desk.session.review_undo(run.run_id, NO_LIMITS)
    (_, line) = made.of(Way.COMPENSATING)
    assert line.words.startswith("The PSA refused a second change on 2026-11-26. From 2026-11-27 on it goes back from 12 to 10")
    assert made.plan is not None
    assert made.plan.changes[1].change.effective_date == NEXT_DAY
    assert made.plan.changes[1].notes[0] == line.words
    assert (await desk.session.push(made.plan, "2", desk.views.append)).result == "finished"
    assert [desk.psa.quantity("L-ASP-650", day) for day in (EFFECTIVE, NEXT_DAY)] == [12 * SCALE, 10 * SCALE]


async def test_a_posted_period_is_compensated_from_the_next_one_on() -> None:
    desk = await pushed()
    desk.psa.posted_through = date(2026, 12, 25)
    assert await ways(desk) == [("BIR", Way.COMPENSATING), ("ASP", Way.COMPENSATING)]
    assert (await undo(desk)).result == "finished"
    days = (EFFECTIVE, date(2026, 12, 25), date(2026, 12, 26))
    assert [desk.psa.quantity("L-ASP-650", day) for day in days] == [12 * SCALE, 12 * SCALE, 10 * SCALE]


async def test_where_every_day_is_closed_it_is_too_late() -> None:
    desk = await pushed()
    read_lines = desk.psa.read_lines

    async def posted(changes: Any) -> Any:
        states = await read_lines(changes)
        return {key: replace(state, posted_until=changes[0].effective_date) for key, state in states.items()}

    desk.psa.read_lines = posted  # type: ignore[method-assign]  # every day that is asked for is posted
    assert await ways(desk) == [("BIR", Way.TOO_LATE), ("ASP", Way.TOO_LATE)]


async def test_a_unit_cost_follows_its_quantity_also_on_another_day() -> None:
    desk = new_office()
    desk.bill("ASP", "650", 12, held=10)
    desk.world.services[0]["unit_cost"] = 3 * SCALE
    await desk.compare(overwrite_cost=True)
    view = await desk.push()
    assert [op.change.kind for op in view.ops] == [ChangeKind.SET_QUANTITY, ChangeKind.SET_UNIT_COST]
    desk.psa.posted_through = date(2026, 12, 25)
    plan = await plan_of(desk)
    assert [(p.change.kind, p.change.effective_date) for p in plan.changes] == [
        (ChangeKind.SET_QUANTITY, date(2026, 12, 26)), (ChangeKind.SET_UNIT_COST, date(2026, 12, 26)),
    ]  # fmt: skip
    assert [planned.semantics for planned in plan.changes] == ["delta", "set"]
    done = await desk.session.push(plan, "", desk.views.append)
    assert [op.state for op in done.ops] == [OpState.VERIFIED, OpState.VERIFIED]
    assert desk.psa.lines_by_id["L-ASP-650"].cost == 2 * SCALE
    assert await ways(desk) == [("ASP", Way.DONE), ("ASP", Way.DONE)]


async def test_a_created_line_goes_back_to_zero() -> None:
    desk = new_office()
    desk.bill("ASP", "650", 12, held=None)
    await desk.compare(allow_create=True)
    await desk.session.decide(["ASP/C174/650"], True)
    assert [op.state for op in (await desk.push()).ops] == [OpState.VERIFIED]
    assert await ways(desk) == [("ASP", Way.COMPENSATING)]
    view = await undo(desk)
    (line_id,) = desk.psa.lines_by_id
    assert (view.ops[0].change.line_id, view.ops[0].state) == (line_id, OpState.VERIFIED)
    assert desk.psa.quantity(line_id) == 0
    assert await ways(desk) == [("ASP", Way.DONE)]
    last = desk.workspace.last_pushed("tenant-1")
    assert last[line_id].quantity == 0


# beside the push ---------------------------------------------------------------------------------------------------------------


async def test_the_excel_log_shows_the_undo_next_to_the_push() -> None:
    desk = await pushed()
    view = await undo(desk)
    await desk.session.export(Path("log.xlsx"))
    summary, _, changes, _, log, *_ = desk.workbooks.written[-1][1]
    facts = dict(zip(summary.columns[0].values, summary.columns[1].values, strict=True))
    assert facts[f"Undo {view.plan.run_id}"] == "finished"
    assert facts["Undo of"] == f"push {view.plan.undoes_run}"
    assert (facts["Undone by"], facts[f"Push {view.plan.undoes_run}"]) == ("Ada on desk-1", "finished")
    results = next(column.values for column in changes.columns if column.title == "Result")
    assert list(results) == ["written and confirmed; undone since"] * 2 + ["undo: written and confirmed"] * 2
    codes = next(column.values for column in log.columns if column.title == "Code")
    assert list(codes)[-3:] == ["AT09", "AT09", "AT24"]
    assert desk.session.reports(view.plan.source_run)[-1].undoes == view.plan.undoes_run
    assert [report.kind for report in await desk.session.pushed()] == ["Push", f"Undo of {view.plan.undoes_run}"]


async def test_an_open_undo_makes_the_excel_log_say_that_it_is_not_complete() -> None:
    desk = await pushed()
    desk.psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    await undo(desk)
    await desk.session.export(Path("log.xlsx"))
    summary = desk.workbooks.written[-1][1][0]
    assert (summary.columns[0].values[0], summary.columns[2].values[0]) == ("NOT COMPLETE", 1)
    assert str(summary.columns[1].values[0]).startswith("1 change is not settled")
