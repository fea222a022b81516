"""Decisions of an edited Excel log are taken over as one step, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.decisions import DecisionSheet, change_targets, decisions_digest
from reconcile_app.core.errors import NotFound, PlanRefused, StorageError
from reconcile_app.core.findings import Kind
from reconcile_app.core.plan import NothingLeft
from tests.fakes.office import Office

FILE = Path("log.xlsx")
KEYS = ["ASP/C174/650", "BIR/C175/712"]


def office() -> Office:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    return desk


def sheet_of(run: Run, *pushed: str) -> DecisionSheet:
    targets = change_targets(run)
    checksum = decisions_digest(list(targets), list(targets.values()), run.run_id)
    return DecisionSheet(checksum=checksum, decisions={key: key in pushed for key in targets}, targets=targets)


async def test_the_decisions_are_kept_and_are_one_step() -> None:
    desk = office()
    before = await desk.compare()
    assert before.rows["selected"].tolist() == [True, True]
    desk.decision_files.held[FILE] = sheet_of(before)
    after = await desk.session.apply_decisions(FILE)
    assert after is desk.session.run
    assert after.rows["selected"].tolist() == [False, False]
    assert desk.workspace.decisions(after.run_id) == dict.fromkeys(KEYS, False)
    assert desk.session.can_undo == "decisions of 2 rows from a workbook"
    back = await desk.session.undo()
    assert back.rows["selected"].tolist() == [True, True]
    assert desk.session.can_undo == ""
    assert (await desk.session.redo()).rows.equals(after.rows)


async def test_earlier_decisions_stay_where_the_workbook_says_the_same() -> None:
    desk = office()
    await desk.compare()
    run = await desk.session.decide(KEYS[:1], False)
    desk.decision_files.held[FILE] = sheet_of(run)
    assert (await desk.session.apply_decisions(FILE)).basis.decisions == dict.fromkeys(KEYS, False)
    assert desk.session.can_undo == "decisions of 1 row from a workbook"


async def test_a_workbook_that_changes_nothing_is_no_step() -> None:
    desk = office()
    run = await desk.compare()
    desk.decision_files.held[FILE] = sheet_of(run, *KEYS)
    assert await desk.session.apply_decisions(FILE) is run
    assert desk.session.can_undo == ""
    assert "save_decisions" not in desk.workspace.saves


async def test_the_workbook_of_another_comparison_changes_nothing() -> None:
    desk = office()
    run = await desk.compare()
    desk.decision_files.held[FILE] = replace(sheet_of(run), checksum="c0ffee")
    with pytest.raises(PlanRefused, match="belongs to another comparison"):
        await desk.session.apply_decisions(FILE)
    assert desk.session.run is run
    assert desk.session.can_undo == ""


async def test_a_workbook_needs_a_run_and_to_be_readable() -> None:
    desk = office()
    with pytest.raises(NotFound):
        await desk.session.apply_decisions(FILE)
    run = await desk.compare()
    with pytest.raises(StorageError):
        await desk.session.apply_decisions(FILE)
    assert desk.session.run is run


async def test_a_push_of_which_nothing_was_left_is_told_in_the_log() -> None:
    desk = office()
    run = await desk.compare()
    desk.psa.other_user("L-ASP-650", 2)
    desk.psa.other_user("L-BIR-712", -2)
    with pytest.raises(NothingLeft) as refused:
        await desk.session.review()
    assert [drop.kind for drop in refused.value.dropped] == [Kind.UNCHANGED, Kind.CHANGED_MEANWHILE]
    log = desk.session.refused_log(refused.value.dropped)
    assert log["code"].tolist() == ["AT10", "RC20", "AT24"]
    assert log["message"].tolist()[-1] == "Billing Process Completed with status Failed"
    assert not log["planned"].any()
    assert desk.session.reports(run.run_id) == []
