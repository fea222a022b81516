"""After a push: what is open, who closes it, recovery over several tenants, and the reports that the journal gives."""

import asyncio
import copy
from pathlib import Path

import pytest

from reconcile_app.core.errors import Busy, ConnectionFailed, NotFound, WrongUse
from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import Connection, Secret
from reconcile_app.core.sheet import Sheet
from tests.fakes.comparing import row_of
from tests.fakes.office import NO_LIMITS, Office
from tests.fakes.psa import Fault


def office() -> Office:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    return desk


async def in_doubt() -> Office:
    """ASP's change was acknowledged and not made: it needs a person. BIR's was written."""
    desk = office()
    await desk.compare()
    desk.psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    assert (await desk.push()).result == "finished, 1 open"
    return desk


async def interrupted(tenant: str = "tenant-1") -> Office:
    """The program died while ASP's change was being sent; the PSA made it. BIR's was not sent."""
    desk = office()
    desk.psa.fingerprint = tenant
    await desk.compare()
    plan = await desk.session.review(NO_LIMITS)
    desk.psa.gate = asyncio.Event()
    pushing = asyncio.ensure_future(desk.session.push(plan, "", desk.views.append))
    while "write" not in desk.psa.requests:
        await asyncio.sleep(0)
    left = copy.deepcopy(desk.journals.stored)
    await desk.session.stop_push()
    desk.psa.gate.set()
    await pushing
    desk.journals.stored, desk.psa.gate = left, None
    desk.workspace.kept_pushes.clear()
    desk.workspace.set_result(plan.source_run, "compared")
    desk.psa.requests.clear()
    desk.new_session()
    return desk


# what is open ------------------------------------------------------------------------------------------------------------------


async def test_what_is_open_is_listed_over_all_tenants() -> None:
    desk = await in_doubt()
    (op,) = await desk.session.open_ops()
    assert (op.change.customer_code, op.state) == ("ASP", OpState.NEEDS_REVIEW)
    other = await interrupted("tenant-2")
    desk.journals.stored |= other.journals.stored
    assert [op.state for op in await desk.session.open_ops()] == [OpState.NEEDS_REVIEW, OpState.ARMED, OpState.PLANNED]
    desk.locks.held.add("tenant-1")
    assert [op.state for op in await desk.session.open_ops()] == [OpState.ARMED, OpState.PLANNED]
    desk.locks.held.clear()
    assert desk.everything_released()


async def test_an_open_line_is_blocked_in_the_next_comparison_until_it_is_closed() -> None:
    desk = await in_doubt()
    assert row_of(await desk.compare(), "ASP/C174/650")["status"] == "blocked"
    (op,) = await desk.session.open_ops()
    await desk.session.close_op(op.op_id, False, "Looked in Autotask: still 10.")
    assert await desk.session.open_ops() == []
    assert row_of(await desk.compare(), "ASP/C174/650")["status"] == "raise"
    (closed,) = [each for each in desk.journals.stored["tenant-1"].ops.values() if each.op_id == op.op_id]
    assert closed.state is OpState.CLOSED_AS_NOT_APPLIED
    assert "Closed as not applied by Ada: Looked in Autotask: still 10." in closed.message


async def test_an_op_is_closed_in_the_journal_it_belongs_to() -> None:
    desk = await in_doubt()
    other = await interrupted("tenant-2")
    desk.journals.stored = other.journals.stored | desk.journals.stored
    (op, *_) = [each for each in await desk.session.open_ops() if each.state is OpState.NEEDS_REVIEW]
    desk.locks.held.add("tenant-2")
    await desk.session.close_op(op.op_id, True, "Seen.")
    assert desk.journals.stored["tenant-1"].ops[op.op_id].state is OpState.CLOSED_AS_APPLIED


@pytest.mark.parametrize("reason", ["", "  "])
async def test_closing_needs_a_reason(reason: str) -> None:
    desk = await in_doubt()
    (op,) = await desk.session.open_ops()
    with pytest.raises(WrongUse, match="A reason is missing"):
        await desk.session.close_op(op.op_id, True, reason)
    assert len(await desk.session.open_ops()) == 1


async def test_what_is_not_open_cannot_be_closed() -> None:
    desk = await in_doubt()
    with pytest.raises(NotFound):
        await desk.session.close_op("nothing", True, "Seen.")
    desk.locks.held.add("tenant-1")
    with pytest.raises(Busy):
        await desk.session.close_op("nothing", True, "Seen.")


# recovery ----------------------------------------------------------------------------------------------------------------------


async def test_recovery_settles_by_reading_and_remembers_what_was_written() -> None:
    desk = await interrupted()
    found = await desk.session.recover()
    assert [op.state for op in found] == [OpState.CONFIRMED_BY_STATE, OpState.CANCELLED], "told as they are now"
    assert desk.session.recovery_words == "The last push was interrupted: 1 done, 1 not sent."
    assert "write" not in desk.psa.requests
    ops = desk.journals.stored["tenant-1"].ops.values()
    assert [op.state for op in ops] == [OpState.CONFIRMED_BY_STATE, OpState.CANCELLED]
    assert [(push.line_id, push.quantity) for push in desk.workspace.kept_pushes] == [("L-ASP-650", 120_000)]
    assert desk.session.runs()[0].result == "finished"
    assert await desk.session.recover() == []
    assert desk.session.recovery_words == ""
    assert desk.everything_released()


async def test_with_nothing_open_nobody_is_asked() -> None:
    desk = office()
    assert await desk.session.recover_all() == []
    await desk.compare()
    await desk.push()
    opened = desk.opened
    assert await desk.session.recover_all() == []
    assert desk.opened == opened


async def test_a_line_for_a_person_is_found_and_stays() -> None:
    desk = await in_doubt()
    (summary,) = await desk.session.recover_all()
    assert summary.problem == ""
    assert not summary.interrupted
    assert [op.state for op in summary.open] == [OpState.NEEDS_REVIEW]
    assert [op.change.customer_code for op in await desk.session.recover()] == ["ASP"]


async def test_a_connection_that_cannot_be_reached_leaves_its_lines_for_another_time() -> None:
    desk = await interrupted()
    desk.psa.failures["tenant"] = ConnectionFailed("Gone.")
    (summary,) = await desk.session.recover_all()
    assert [op.state for op in summary.found] == [OpState.ARMED, OpState.PLANNED]
    assert summary.problem == "autotask: Gone."
    assert summary.words.endswith("autotask: Gone.")
    assert desk.workspace.kept_pushes == []
    desk.psa.failures.clear()
    (summary,) = await desk.session.recover_all()
    assert summary.problem == ""
    assert desk.everything_released()


async def test_each_tenant_is_recovered_with_its_own_connection() -> None:
    desk = await interrupted()
    other = await interrupted("tenant-2")
    desk.journals.stored = other.journals.stored | desk.journals.stored
    desk.connections_store.save(Connection(name="second", kind="autotask"))
    desk.connections_store.save(Connection(name="third", kind="autotask"))
    desk.secrets.held |= {("second", "username"): Secret("u"), ("second", "secret"): Secret("s")}
    summaries = await desk.session.recover_all()
    assert [summary.problem == "" for summary in summaries] == [True, False]
    assert "third: Autotask: User name is missing." in summaries[1].problem
    assert [op.state for op in summaries[1].ops] == [OpState.ARMED, OpState.PLANNED]
    assert all(op.run_id in desk.journals.stored["tenant-2"].runs for op in summaries[1].ops)


async def test_lines_of_a_psa_without_a_connection_are_told() -> None:
    desk = await interrupted("tenant-2")
    desk.psa.fingerprint = "tenant-1"
    (summary,) = await desk.session.recover_all()
    assert summary.problem == "No connection leads to the PSA that these lines belong to."
    assert len(summary.found) == 2


async def test_what_another_program_is_pushing_is_left_to_it() -> None:
    desk = await interrupted()
    desk.locks.held.add("tenant-1")
    assert await desk.session.recover_all() == []
    desk.locks.held.clear()

    def taken(name: str) -> None:
        desk.locks.held.add("tenant-1")

    desk.psa.on_access = taken
    (summary,) = await desk.session.recover_all()
    assert "is pushing since" in summary.problem
    assert [op.state for op in desk.journals.stored["tenant-1"].ops.values()] == [OpState.ARMED, OpState.PLANNED]


# reports and the Excel log -----------------------------------------------------------------------------------------------------


async def exported(desk: Office) -> list[Sheet]:
    await desk.session.export(Path("log.xlsx"))
    return desk.workbooks.written[-1][1]


async def test_reports_from_the_journal_equal_those_of_the_session() -> None:
    desk = office()
    run = await desk.compare()
    view = await desk.push()
    (mine,) = desk.session.reports(run.run_id)
    (kept,) = await desk.pushes.reports(run)
    assert mine.log.equals(kept.log)
    for name in ("push_id", "result", "ops", "operator", "finished", "journal_head"):
        assert getattr(mine, name) == getattr(kept, name), name
    assert (mine.push_id, mine.operator, mine.ops) == (view.plan.run_id, "Ada on desk-1", view.ops)
    assert desk.session.reports("another") == []


async def test_the_excel_log_is_the_same_in_the_next_session() -> None:
    desk = office()
    run = await desk.compare()
    await desk.push()
    before = await exported(desk)
    await desk.new_session().open_run(run.run_id)
    assert desk.session.reports(run.run_id) == []
    assert await exported(desk) == before


async def test_every_push_of_a_run_is_in_its_excel_log() -> None:
    desk = office()
    run = await desk.compare()
    await desk.session.decide(["BIR/C175/712"], False)
    first = await desk.push()
    await desk.new_session().open_run(run.run_id)
    await desk.session.decide(["ASP/C174/650"], False)
    await desk.session.decide(["BIR/C175/712"], True)
    second = await desk.push()
    reports = await desk.pushes.reports(run)
    assert [report.push_id for report in reports] == [first.plan.run_id, second.plan.run_id]
    summary, _, changes, *_ = await exported(desk)
    labels = summary.columns[0].values
    assert [label for label in labels if str(label).startswith("Push 2026")] == [f"Push {r.push_id}" for r in reports]
    results = next(column.values for column in changes.columns if column.title == "Result")
    assert list(results) == ["written and confirmed", "written and confirmed"]


async def test_the_excel_log_tells_what_became_of_a_line_later() -> None:
    desk = await in_doubt()
    (op,) = await desk.session.open_ops()
    await desk.session.close_op(op.op_id, True, "Seen.")
    changes = (await exported(desk))[2]
    results = next(column.values for column in changes.columns if column.title == "Result")
    assert list(results) == ["closed by a person as applied", "written and confirmed"]


async def test_what_was_left_out_at_the_review_is_in_the_log_of_this_session() -> None:
    desk = office()
    run = await desk.compare()
    desk.psa.other_user("L-ASP-650", 7)
    await desk.push()
    (report,) = await desk.pushes.reports(run)
    assert report.log["code"].tolist() == ["AT09", "RC20", "AT24"]
    desk.new_session()
    (report,) = await desk.pushes.reports(run)
    assert report.log["code"].tolist() == ["AT09", "AT24"]


async def test_the_excel_log_names_who_and_when_and_where_it_really_is() -> None:
    desk = office()
    run = await desk.compare()
    desk.clock.advance(60)
    assert await desk.session.export(Path("/x/log.xlsx")) == Path("/x/log (2).xlsx")
    target, written, at = desk.workbooks.written[0]
    assert (target, at) == (Path("/x/log.xlsx"), desk.clock.now())
    facts = dict(zip(written[0].columns[0].values, written[0].columns[1].values, strict=True))
    assert (facts["Operator"], facts["Program"], facts["Run"]) == ("Ada on desk-1", "Reconcile 1.2", run.run_id)
    assert facts["Pushed"] == "nothing was pushed from this run"


async def test_while_another_program_pushes_the_excel_log_tells_of_this_session() -> None:
    desk = office()
    run = await desk.compare()
    view = await desk.push()
    desk.locks.held.add("tenant-1")
    assert await desk.pushes.reports(run) == []
    assert f"Push {view.plan.run_id}" in (await exported(desk))[0].columns[0].values


async def test_without_a_comparison_there_is_no_excel_log() -> None:
    with pytest.raises(NotFound):
        await Office().session.export(Path("x.xlsx"))


# a push whose account was lost -------------------------------------------------------------------------------------------------


async def test_a_push_that_ended_before_its_account_was_kept_is_accounted_for_at_the_next_start() -> None:
    desk = office()
    run = await desk.compare()
    assert (await desk.push()).result == "finished"
    kept, commits = copy.deepcopy(desk.workspace.kept_pushes), len(desk.psa.commits())
    desk.workspace.kept_pushes.clear()
    desk.workspace.set_result(run.run_id, "compared")
    desk.new_session()
    assert await desk.session.recover() == []
    assert desk.workspace.kept_pushes == kept
    assert desk.workspace.run(run.run_id).result == "finished"
    assert len(desk.psa.commits()) == commits == 2


async def test_a_journal_without_any_push_has_nothing_to_account_for() -> None:
    desk = office()
    await desk.journals("tenant-1")
    assert await desk.session.recover() == []
    assert not desk.workspace.kept_pushes
