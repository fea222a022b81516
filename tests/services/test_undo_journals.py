"""A journal that cannot be used stops pushes to its PSA and nothing else; what can be read of it is shown, and the rest told."""

from pathlib import Path

import pytest

from reconcile_app.core.errors import JournalDamaged, NewerFormat, NotFound
from reconcile_app.core.judge import OpState
from tests.fakes.comparing import row_of
from tests.fakes.office import NO_LIMITS, Office
from tests.fakes.psa import Fault

DAMAGED = JournalDamaged("The journal is damaged.", "Its chain is broken.", next_step="Call support with this file.")
TOLD = (
    "The journal is damaged. Its chain is broken. Nothing can be pushed to this PSA until the journal can be used. "
    "Call support with this file."
)


async def broken(*, lost: bool = False) -> Office:
    """ASP's change needs a person, BIR's was written; then the journal turns out to be damaged."""
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    await desk.compare()
    desk.psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    await desk.push()
    desk.journals.broken["tenant-1"] = DAMAGED
    if lost:
        desk.journals.lost.add("tenant-1")
    return desk


async def test_what_is_open_in_a_damaged_journal_is_still_shown_and_the_damage_told() -> None:
    desk = await broken()
    assert desk.session.journal_problems == ()
    assert [op.state for op in await desk.session.open_ops()] == [OpState.NEEDS_REVIEW]
    assert desk.session.journal_problems == (TOLD,)
    run = desk.session.run
    assert run is not None
    assert [report.result for report in await desk.pushes.reports(run)] == ["finished, 1 open"]
    assert desk.everything_released()


async def test_of_a_lost_journal_only_the_loss_is_told() -> None:
    desk = await broken(lost=True)
    assert await desk.session.open_ops() == []
    assert desk.session.journal_problems == (TOLD,)
    run = desk.session.run
    assert run is not None
    assert await desk.pushes.reports(run) == []
    assert (await desk.pushes.look(run)).alarms == {}
    assert await desk.session.alarms() == {}


async def test_a_journal_that_can_be_used_again_is_no_problem_any_more() -> None:
    desk = await broken()
    await desk.session.open_ops()
    desk.journals.broken.clear()
    await desk.session.open_ops()
    assert desk.session.journal_problems == ()


async def test_another_tenant_goes_on() -> None:
    desk = await broken()
    desk.journals.broken["tenant-0"] = NewerFormat("The journal was written by a newer version.", next_step="Update.")
    desk.journals.lost.add("tenant-0")
    desk.journals.stored["tenant-0"] = desk.journals.stored["tenant-1"]
    del desk.journals.broken["tenant-1"]
    (op,) = await desk.session.open_ops()
    assert len(desk.session.journal_problems) == 1
    assert "newer version" in desk.session.journal_problems[0]
    await desk.session.close_op(op.op_id, True, "Seen.")
    assert await desk.session.open_ops() == []
    run = desk.session.run
    assert run is not None
    assert (await desk.session.review_undo(desk.views[-1].plan.run_id, NO_LIMITS)).plan is not None


async def test_closing_in_a_damaged_journal_is_refused_with_its_error() -> None:
    desk = await broken()
    (op,) = await desk.session.open_ops()
    with pytest.raises(JournalDamaged):
        await desk.session.close_op(op.op_id, True, "Seen.")
    desk.journals.broken.clear()

    def damaged(name: str) -> None:
        raise DAMAGED

    desk.journals.boundary = damaged
    with pytest.raises(JournalDamaged):
        await desk.session.close_op(op.op_id, True, "Seen.")


async def test_recovery_tells_the_damage_and_what_was_open() -> None:
    desk = await broken()
    opened = desk.opened
    (summary,) = await desk.session.recover_all()
    assert (summary.problem, [op.state for op in summary.found]) == (TOLD, [OpState.NEEDS_REVIEW])
    assert desk.session.recovery_words.endswith(TOLD)
    assert desk.opened == opened, "no connection was opened for it"


async def test_nothing_is_reviewed_pushed_or_undone_over_a_damaged_journal() -> None:
    desk = await broken()
    run = await desk.session.open_run(desk.views[-1].plan.source_run)
    for attempt in (desk.session.review(NO_LIMITS), desk.session.review_undo(run.run_id, NO_LIMITS)):
        with pytest.raises(JournalDamaged):
            await attempt
    again = await desk.compare()
    assert row_of(again, "ASP/C174/650")["status"] == "blocked", "what is open is still known"
    assert desk.everything_released()


async def test_the_excel_log_says_that_pushes_may_be_missing() -> None:
    desk = await broken(lost=True)
    await desk.new_session().open_run(desk.views[-1].plan.source_run)
    await desk.session.export(Path("log.xlsx"))
    summary = desk.workbooks.written[-1][1][0]
    lines = list(zip(summary.columns[0].values, summary.columns[1].values, strict=True))
    assert lines[0] == ("NOT COMPLETE", "What was pushed may be missing here: The journal is damaged. Its chain is broken.")
    assert "Pushed" not in dict(lines), "nobody can say that nothing was pushed"
    desk.journals.broken.clear()
    await desk.session.export(Path("log.xlsx"))
    assert "NOT COMPLETE" in desk.workbooks.written[-1][1][0].columns[0].values, "one change is open"


async def test_while_another_program_pushes_the_excel_log_says_so() -> None:
    desk = await broken()
    desk.journals.broken.clear()
    await desk.new_session().open_run(desk.views[-1].plan.source_run)
    desk.locks.held.add("tenant-1")
    await desk.session.export(Path("log.xlsx"))
    told = desk.workbooks.written[-1][1][0].columns[1].values[0]
    assert told == "What was pushed may be missing here: Kim on desk-7 is pushing since 08:15."
    with pytest.raises(NotFound):
        await desk.session.review_undo("another-push")
