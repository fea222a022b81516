"""Undo in the window: from the history and from the result, reviewed in three groups, confirmed, carried out, told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt

from reconcile_app.core.errors import NotFound
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan_kinds import Way
from reconcile_app.services.desk import PushView
from reconcile_app.ui.dialogs import ErrorDialog
from reconcile_app.ui.views.history_page import result_mark, result_words
from tests.fakes.desk import FakeDesk, saved_run
from tests.fakes.plans import planned_op, sample_plan
from tests.fakes.sample_run import CREATED, sample_run
from tests.fakes.undoing import PUSH_ID, sample_undo
from tests.fakes.window import dialog_of, gone, key, opened, press, typed, until, words_of

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")

MIXED = (Way.EXACT, Way.COMPENSATING, Way.TOO_LATE, Way.DONE)


async def review_of(window, controller, review):
    controller.undo_ready.emit(review)
    await until(lambda: window.push.undo is not None)
    return window.push.undo


def result_of(plan, *states: OpState) -> PushView:
    ops = tuple(
        replace(planned_op(plan, number, planned.change), state=states[number % len(states)])
        for number, planned in enumerate(plan.changes))
    return PushView(plan=plan, ops=ops, stages={}, calls_left=9, result="finished")


def test_the_review_shows_three_groups_with_counts_and_words(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            page = await review_of(window, controller, sample_undo(MIXED, others=("20261126-160000-cc22dd-push",)))
            heads = [page.lines.topLevelItem(row) for row in range(page.lines.topLevelItemCount())]
            assert [head.text(0) for head in heads] == [
                "✓ Goes back exactly: 4 lines", "⚠ Goes back by a compensating change; something of the push stays: 4 lines",
                "× Too late, nothing will be written: 4 lines", "= Undone already: 3 lines",
            ]  # fmt: skip
            first, late = heads[0].child(0), heads[2].child(0)
            assert [first.text(column) for column in range(4)] == ["ASP Limited: Hosted Exchange", "650", "12 → 10", "26 Nov 2026"]
            assert [late.text(2), late.text(3)] == ["62", "–"]
            page.lines.setCurrentItem(late)
            assert "Last changed by <b>Kim</b>" in page.note.text()
            assert page.note.textFormat() is Qt.TextFormat.PlainText
            words = words_of(page)
            told = ("Nothing has been sent yet", "a real system", "by Alex on desk-1", "1 older push", "Needs about 32 calls")
            for expected in (*told, "Undo 8 lines"):
                assert expected in words
            page.lines.setCurrentItem(heads[0])
            assert not page.note.isVisible()

    in_qt(steps())


def test_an_undo_is_confirmed_carried_out_and_told_as_an_undo(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            review = sample_undo(confirm=("2 lines go to zero",))
            page = await review_of(window, controller, review)
            assert page.foot.typed.hasFocus()
            assert not page.foot.go.isEnabled()
            typed(page.foot.typed, str(review.plan.totals.lines))
            key(page.foot.typed, Qt.Key.Key_Return)
            await until(lambda: window.push.result is not None)
            assert ("push", review.plan.run_id, str(review.plan.totals.lines)) in desk.calls
            words = words_of(window.push.result)
            assert "Result of the undo in Autotask" in words
            assert "Retry" not in words, "what an undo could not write is undone again, never pushed again"
            assert not window.push.result.undo.isEnabled()

    in_qt(steps())


def test_the_progress_says_that_it_is_an_undo(in_qt, theme):
    async def steps():
        import asyncio

        desk = FakeDesk(sample_run())
        desk.push_gate = asyncio.Event()
        async with opened(desk, theme) as (window, controller):
            page = await review_of(window, controller, sample_undo())
            assert page.lines.hasFocus()
            press(page.foot.go)
            assert "Undoing in Autotask" in words_of(window.push.progress)
            desk.push_gate.set()
            await until(lambda: window.push.result is not None)

    in_qt(steps())


def test_where_all_is_too_late_there_is_only_the_way_back(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            page = await review_of(window, controller, sample_undo([Way.TOO_LATE]))
            assert "Nothing of this push can be undone." in words_of(page)
            assert page.back.hasFocus()
            press(page.back)
            assert window.stack.currentWidget() is window.page("compare")
            page = await review_of(window, controller, sample_undo([]))
            assert "This push wrote nothing." in words_of(page)
            assert desk.calls == []

    in_qt(steps())


def test_an_expired_undo_is_reviewed_again(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            review = sample_undo()
            old = replace(review, plan=replace(review.plan, expires=CREATED - timedelta(minutes=1)))
            page = await review_of(window, controller, old)
            assert not page.foot.go.isVisible()
            press(page.foot.renew)
            await until(lambda: ("review_undo", PUSH_ID) in desk.calls)
            await until(lambda: window.push.undo is not None and window.push.undo.foot.go.isVisible())
            theme.changed.emit()

    in_qt(steps())


def test_the_history_leads_to_the_undo_of_a_pushed_run(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        runs = [saved_run(number) for number in range(4)]
        desk.saved_runs = [*runs, replace(runs[1], run_id="undone", result="finished, undone")]
        async with opened(desk, theme) as (window, _):
            window.show_page("history")
            page = window.page("history")
            await until(lambda: page.model.rowCount() == 5)
            possible = {}
            for row in range(5):
                page.view.select_row(row)
                possible[page.view.current().result] = page.undo_button.isEnabled()
                assert page.undo_button.toolTip()
            assert possible == {
                "compared": False, "finished": True, "finished, 2 open": True, "refused": False, "finished, undone": False,
            }  # fmt: skip
            page.view.select_row(page.model.row_of(runs[1].run_id))
            press(page.undo_button)
            await until(lambda: window.push.undo is not None)
            assert ("review_undo", runs[1].run_id) in desk.calls
            assert window.stack.currentWidget() is window.push

    in_qt(steps())


def test_without_a_run_on_the_desk_the_undo_brings_it(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        desk.coming = sample_run()
        async with opened(desk, theme) as (window, controller):
            shown = []
            controller.run_changed.connect(shown.append)
            controller.review_undo("R1")
            controller.review_undo("R1")
            await until(lambda: window.push.undo is not None)
            assert desk.calls.count(("review_undo", "R1")) == 1
            assert shown == [desk.run]
            desk.fail = NotFound("Nothing was pushed from this run.")
            controller.review_undo("R1")
            dialog = await dialog_of(ErrorDialog)
            assert "Nothing was pushed from this run." in words_of(dialog)
            dialog.reject()
            await gone(dialog)

    in_qt(steps())


def test_the_result_of_a_push_leads_to_its_undo(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        rows = sample_run().rows
        async with opened(desk, theme) as (window, controller):
            plan = sample_plan(rows[rows["selected"]])
            controller.push_changed.emit(result_of(plan, OpState.STALE))
            assert not window.push.result.undo.isEnabled(), "nothing was written"
            controller.push_changed.emit(result_of(plan, OpState.VERIFIED, OpState.STALE))
            press(window.push.result.undo)
            await until(lambda: window.push.undo is not None)
            assert ("review_undo", plan.run_id) in desk.calls

    in_qt(steps())


def test_the_rest_of_an_undo_is_undone_from_its_result(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            controller.push_changed.emit(result_of(sample_undo().plan, OpState.VERIFIED, OpState.NOT_APPLIED))
            assert window.push.result.undo.text() == "Undo the rest…"
            press(window.push.result.undo)
            await until(lambda: window.push.undo is not None)
            assert ("review_undo", PUSH_ID) in desk.calls

    in_qt(steps())


def test_the_history_says_what_was_undone():
    told = {
        result: result_mark(run) + result_words(run)
        for result in ("finished, undone", "finished, partly undone")
        for run in [replace(saved_run(0), result=result)]
    }
    assert told == {"finished, undone": "Pushed, undone", "finished, partly undone": "Pushed, partly undone"}


def test_a_journal_that_cannot_be_used_is_told_above_the_comparison_and_in_the_open_changes(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            strips = window.page("compare").strips
            controller.refresh_open_ops()
            await until(lambda: not controller.tasks.running("open ops"))
            assert not strips.journal.isVisible()
            desk.journal_problems = ("The journal is damaged.",)
            controller.refresh_open_ops()
            await until(strips.journal.isVisible)
            strips.open_ops_requested.emit()
            from reconcile_app.ui.views.recovery_summary import RecoverySummary

            dialog = await dialog_of(RecoverySummary)
            assert dialog.journals.text() == "The journal is damaged."
            assert "Everything is settled." not in words_of(dialog)
            desk.journal_problems = ()
            controller.refresh_open_ops()
            await until(lambda: not dialog.journals.isVisible())
            assert "Everything is settled." in words_of(dialog)
            dialog.accept()
            await gone(dialog)
            await until(lambda: not strips.journal.isVisible())

    in_qt(steps())


def test_the_start_tells_how_the_interrupted_push_ended(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        plan = sample_undo().plan
        desk.found_at_start = list(result_of(plan, OpState.CONFIRMED_BY_STATE).ops[:1])
        desk.recovery_words = "The last push was interrupted: 12 done, 1 being checked, 27 not sent."
        async with opened(desk, theme) as (_, controller):
            from reconcile_app.ui.views.recovery_summary import RecoverySummary

            controller.recover()
            dialog = await dialog_of(RecoverySummary)
            assert dialog.headline.text().startswith("The last push was interrupted: 12 done, 1 being checked, 27 not sent.")
            dialog.accept()
            await gone(dialog)

    in_qt(steps())
