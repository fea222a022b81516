"""Push: review with its size in words and the typed number, live states, stop, result, and closing meanwhile."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Budget
from reconcile_app.services.desk import PushView
from reconcile_app.ui.dialogs import ErrorDialog
from reconcile_app.ui.views.push_result import CloseOp
from reconcile_app.ui.views.push_review import PushReview
from tests.fakes.desk import FakeDesk, sample_plan, saved_run
from tests.fakes.plans import planned_op
from tests.fakes.sample_run import CREATED, sample_run
from tests.fakes.window import dialog_of, gone, key, opened, press, press_named, typed, until, words_of

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")
REASONS = ("2 lines go to zero",)


def plan_of(**how):
    rows = sample_run().rows
    return sample_plan(rows[rows["change"].notna()], **how)


def ops_of(plan, *states: OpState) -> tuple[OpRecord, ...]:
    return tuple(
        replace(planned_op(plan, number, planned.change), state=states[number % len(states)])
        for number, planned in enumerate(plan.changes))


def tree_texts(tree) -> list[list[str]]:
    found = []
    for row in range(tree.topLevelItemCount()):
        group = tree.topLevelItem(row)
        for item in (group, *(group.child(place) for place in range(group.childCount()))):
            found.append([item.text(column) for column in range(tree.columnCount())])
    return found


async def review_of(window, controller, plan) -> PushReview:
    controller.plan_ready.emit(plan)
    await until(lambda: window.push.review is not None)
    return window.push.review


def test_the_review_groups_by_customer_and_shows_before_and_after(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            page = await review_of(window, controller, plan_of())
            texts = tree_texts(page.lines)
            assert texts[0][0] == "ASP Limited  (ASP)"
            assert texts[1][:6] == ["Hosted Exchange", "650", "Cloud Services", "10 → 12", "▲ +2", "+$9.00"]
            changes = {text[4] for text in texts}
            assert {"+ new", "0 to zero", "▼ −5"} <= changes
            words = words_of(page)
            assert "Nothing has been sent yet" in words
            assert "a real system" in words
            assert "26 Nov 2026" in words
            assert "Needs about 57 calls · 5,000 left" in words

    in_qt(steps())


def test_a_plan_over_the_limits_wants_its_number_of_lines_typed(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            plan = plan_of(confirm=REASONS)
            page = await review_of(window, controller, plan)
            assert page.typed.hasFocus()
            assert "2 lines go to zero" in words_of(page)
            assert not page.go.isEnabled()
            typed(page.typed, "1")
            key(page.typed, Qt.Key.Key_Return)
            assert desk.calls == []
            page.typed.clear()
            typed(page.typed, str(plan.totals.lines))
            key(page.typed, Qt.Key.Key_Return)
            await until(lambda: window.push.result is not None)
            assert ("push", plan.run_id, str(plan.totals.lines)) in desk.calls

    in_qt(steps())


def test_a_small_plan_is_pushed_with_one_click_but_never_by_enter_alone(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            page = await review_of(window, controller, plan_of())
            key(page.lines, Qt.Key.Key_Return)
            assert desk.calls == []
            press(page.go)
            await until(lambda: window.push.result is not None)
            assert f"{len(plan_of().changes)} written and confirmed" in words_of(window.push.result)

    in_qt(steps())


def test_dropped_lines_and_notes_are_told_with_their_reason(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            plan = plan_of(dropped=2)
            note = "Approved and posted until 25 Nov"
            plan = replace(plan, changes=(replace(plan.changes[0], notes=(note,)), *plan.changes[1:]), warnings=("Clock differs",))
            page = await review_of(window, controller, plan)
            words = words_of(page)
            assert "2 selected lines were left out" in words
            assert "Clock differs" in words
            press_named(page, "Show them")
            assert page.left_out.topLevelItem(0).text(4) == "The quantity in Autotask is 11 now, not 10."
            page.tabs.setCurrentIndex(0)
            page.lines.setCurrentItem(page.lines.topLevelItem(0).child(0))
            assert note in page.note.text()

    in_qt(steps())


def test_an_expired_review_cannot_be_pushed_only_made_again(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            plan = replace(plan_of(), expires=CREATED - timedelta(minutes=1))
            page = await review_of(window, controller, plan)
            assert not page.go.isVisible()
            assert "too old" in words_of(page)
            press(page.renew)
            await until(lambda: ("review", window.push.limits) in desk.calls)
            await until(lambda: window.push.review is not None and window.push.review.go.isVisible())

    in_qt(steps())


def test_too_few_calls_are_told_as_a_problem(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            plan = replace(plan_of(), calls_needed=120, budget=Budget(used=7400, allowed=10_000, window_minutes=60, share=0.5))
            page = await review_of(window, controller, plan)
            assert "Needs about 120 calls · 100 left" in words_of(page)

    in_qt(steps())


def test_going_back_sends_nothing(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            page = await review_of(window, controller, plan_of())
            press(page.back)
            assert window.stack.currentWidget() is window.page("compare")
            assert desk.calls == []

    in_qt(steps())


def test_the_compare_page_starts_the_review(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            window.page("compare").push_requested.emit()
            await until(lambda: window.push.review is not None)
            assert desk.calls[0] == ("review", window.push.limits)
            assert window.stack.currentWidget() is window.push

    in_qt(steps())


def test_a_running_push_tells_each_state_and_stops_after_the_current_change(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.push_gate = asyncio.Event()
        async with opened(desk, theme) as (window, controller):
            press((await review_of(window, controller, plan_of())).go)
            progress = window.push.progress
            await until(lambda: progress.model.index(0, 4).data() == "… confirming")
            assert progress.model.index(1, 4).data() == "· waiting"
            assert "0 of 19 finished · 500 calls left" in words_of(progress)
            press(window.rail.buttons["history"])
            press(window.rail.buttons["compare"])
            assert window.stack.currentWidget() is window.push, "a running push is not hidden"
            press(progress.stop)
            assert not progress.stop.isEnabled()
            assert "then the push stops" in words_of(progress)
            await until(lambda: ("stop_push",) in desk.calls)
            desk.push_gate.set()
            await until(lambda: window.push.result is not None)
            assert "1 written and confirmed · 18 stopped before sending" in words_of(window.push.result)

    in_qt(steps())


def test_closing_while_a_push_runs_asks_and_stops_after_the_current_change(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.push_gate = asyncio.Event()
        async with opened(desk, theme) as (window, controller):
            closed: list[bool] = []
            window.closed.connect(lambda: closed.append(True))
            press((await review_of(window, controller, plan_of())).go)
            await until(lambda: controller.pushing)
            window.close()
            question = await dialog_of(QDialog)
            assert window.isVisible()
            press_named(question, "Keep the window open")
            await gone(question)
            assert ("stop_push",) not in desk.calls
            window.close()
            question = await dialog_of(QDialog)
            press_named(question, "Stop after the current change and close")
            await gone(question)
            await until(lambda: ("stop_push",) in desk.calls)
            assert closed == []
            desk.push_gate.set()
            await until(lambda: closed)
            assert not window.isVisible()

    in_qt(steps())


def test_a_push_that_was_refused_at_once_leads_back_to_the_review(in_qt, theme):
    class Refusing(FakeDesk):
        async def push(self, plan, typed, listener):
            raise PlanRefused("Another window is pushing.", meaning="Nothing was sent.")

    async def steps():
        async with opened(Refusing(sample_run()), theme) as (window, controller):
            press((await review_of(window, controller, plan_of())).go)
            dialog = await dialog_of(ErrorDialog)
            assert "Nothing was sent." in words_of(dialog)
            dialog.reject()
            await gone(dialog)
            assert window.push.review is not None

    in_qt(steps())


def test_a_push_that_breaks_off_shows_how_far_it_came(in_qt, theme):
    class Breaking(FakeDesk):
        async def push(self, plan, typed, listener):
            ops = ops_of(plan, OpState.UNKNOWN, *[OpState.PLANNED] * (len(plan.changes) - 1))
            listener(PushView(plan=plan, ops=ops, stages={ops[0].op_id: "sending"}, calls_left=None, result=""))
            raise PlanRefused("The journal cannot be written.", meaning="One change may have been sent.")

    async def steps():
        async with opened(Breaking(sample_run()), theme) as (window, controller):
            press((await review_of(window, controller, plan_of())).go)
            dialog = await dialog_of(ErrorDialog)
            dialog.reject()
            await gone(dialog)
            assert "18 not started · 1 in doubt, being watched" in words_of(window.push.result)

    in_qt(steps())


def test_the_result_counts_in_words_and_lists_problems_first(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            plan = plan_of()
            ops = ops_of(plan, *[OpState.VERIFIED] * 16, OpState.STALE, OpState.STALE, OpState.UNKNOWN)
            controller.push_changed.emit(PushView(plan=plan, ops=ops, stages={}, calls_left=9, result="finished, 1 open"))
            page = window.push.result
            assert page.headline.text() == "16 written and confirmed · 2 had changed in the PSA · 1 in doubt, being watched"
            assert "not settled" in words_of(page)
            assert not page.decide.isVisible()
            states = [page.model.index(row, 4).data() for row in range(4)]
            assert states[0].startswith("‼ in doubt")
            assert states[1].startswith("◆ changed in the PSA")
            assert states[3].startswith("✓")
            page.view.select_row(1)
            name = ops[16].change.customer_name
            assert page.retry.text() == f"Retry for {name}"
            press(page.retry)
            await until(lambda: ("recheck", (ops[16].change.customer_code,)) in desk.calls)
            await until(lambda: window.stack.currentWidget() is window.page("compare"))

    in_qt(steps())


def test_a_change_that_needs_a_person_is_decided_on_the_result(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            plan = plan_of()
            ops = ops_of(plan, OpState.NEEDS_REVIEW, *[OpState.VERIFIED] * 18)
            controller.push_changed.emit(PushView(plan=plan, ops=ops, stages={}, calls_left=9, result="finished, 1 open"))
            press(window.push.result.decide)
            question = await dialog_of(CloseOp)
            press(question.was_applied)
            typed(question.reason_field, "Seen in Autotask")
            press(question.close_button)
            await gone(question)
            await until(lambda: "1 closed as written" in window.push.result.headline.text())
            assert ("close_op", ops[0].op_id, True, "Seen in Autotask") in desk.calls
            assert not window.push.result.doubt.isVisible()

    in_qt(steps())


def test_the_result_leads_to_export_and_history(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        plan = plan_of()
        desk.saved_runs = [saved_run(1), replace(saved_run(0), run_id=plan.source_run)]
        async with opened(desk, theme) as (window, controller):
            view = PushView(plan=plan, ops=ops_of(plan, OpState.VERIFIED), stages={}, calls_left=9, result="finished")
            controller.push_changed.emit(view)
            page = window.push.result
            assert page.meaning.text() == "Every line that was written was read back."
            assert not page.retry.isEnabled()
            press(page.history)
            assert window.stack.currentWidget() is window.page("history")
            chosen = window.page("history").view.current
            await until(lambda: chosen() is not None and chosen().run_id == plan.source_run)
            press(window.rail.buttons["compare"])
            press(window.push.result.back)
            assert window.stack.currentWidget() is window.page("compare")

    in_qt(steps())
