"""Beside the rows: alarms as a red strip, notes, the company's own page, the retry of one customer."""

import asyncio

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton

from reconcile_app.core.errors import ConnectionFailed, StorageError
from reconcile_app.core.judge import OpState
from reconcile_app.services.desk import PushView
from reconcile_app.ui.views.ignore_dialog import NoteDialog
from tests.fakes.desk import FakeDesk, open_op, sample_plan
from tests.fakes.plans import planned_op
from tests.fakes.sample_run import sample_run
from tests.fakes.window import dialog_of, gone, opened, press, until
from tests.ui.compare_scenes import Scene
from tests.ui.compare_steps import Key, button, current, go
from tests.ui.compare_steps import opened as opened_over

DOUBLED = "May have been applied twice: before 10, intended 12, now 14. Check in the PSA before doing anything."


class Browser(QObject):
    """Takes the addresses that would open in a browser."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def visit(self, url: QUrl) -> None:
        self.opened.append(url.toString())


def test_a_line_that_may_be_doubled_stands_in_a_red_strip_and_is_one_press_away(on_page, until):
    async def steps(scene: Scene):
        run = scene.controller.run
        assert run is not None
        line = run.rows.loc[run.rows["key"] == "ASP/29684183/650", "line_id"].iloc[0]
        scene.desk.raised = {line: DOUBLED, "900100": "Was reported as not applied."}
        assert not scene.page.strips.alarm.isVisible()
        scene.desk.coming = sample_run()
        scene.controller.compare()
        await until(scene.page.strips.alarm.isVisible)
        words = scene.page.strips._alarm_words.text()
        assert words.startswith("‼  ASP Limited · Hosted Exchange: May have been applied twice")
        assert words.endswith("And 1 more line like this.")
        go(scene, "Cedar & Co", "Backup 1 TB")
        assert not scene.page.pane.about.what.alarm.isVisible()
        press(scene.page.strips.look)
        assert current(scene) == "ASP/29684183/650"
        assert scene.page.pane.about.what.alarm.text() == f"‼ {DOUBLED}"
        scene.desk.raised = {}
        scene.desk.coming = sample_run()
        scene.controller.compare()
        await until(lambda: not scene.page.strips.alarm.isVisible())
        assert not scene.page.pane.about.what.alarm.isVisible()
    on_page(steps)


def test_an_alarm_about_a_line_outside_the_comparison_is_told_without_a_button(on_page, until):
    async def steps(scene: Scene):
        scene.desk.raised = {"900100": DOUBLED}
        scene.desk.coming = sample_run()
        scene.controller.compare()
        await until(scene.page.strips.alarm.isVisible)
        assert scene.page.strips._alarm_words.text() == f"‼  Line 900100: {DOUBLED}"
        assert not scene.page.strips.look.isVisible()
    on_page(steps)


def test_notes_that_were_kept_are_shown_and_one_that_could_not_be_kept_is_not(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Hosted Exchange")
        what = scene.page.pane.about.what
        scene.desk.fail = StorageError("The disk is full.")
        told = []
        scene.controller.failed.connect(told.append)
        qtbot.keyClick(scene.table, Key.Key_N)
        dialog = await opened_over(scene, NoteDialog, until)
        qtbot.keyClicks(dialog.text, "ask Ana")
        dialog.accept()
        await until(lambda: told)
        assert not what.note.isVisible()
        assert scene.controller.notes == {}
    on_page(steps)


def test_notes_of_the_pair_are_read_when_a_comparison_comes(in_qt, theme, until):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.kept_notes = {"ASP/29684183/650": "ask Ana"}
        scene = await Scene(theme, desk).shown()
        go(scene, "ASP Limited", "Hosted Exchange")
        await until(lambda: scene.page.pane.about.what.note.text() == "Note: ask Ana")
        await scene.close()
    in_qt(steps())


def test_the_company_opens_in_the_pages_of_the_psa(on_page, until):
    async def steps(scene: Scene):
        browser = Browser()
        QDesktopServices.setUrlHandler("https", browser, "visit")
        try:
            go(scene, "ASP Limited", "Hosted Exchange")
            press(button(scene, "Open in Autotask"))
            assert browser.opened == ["https://ww14.autotask.net/company?id=174"]
            go(scene, "Cedar & Co", "Backup 1 TB")
            await asyncio.sleep(0)
            visible = [each.text() for each in scene.page.pane.about.findChildren(QPushButton) if each.isVisible()]
            assert "Open in Autotask" not in visible, "no company is known for this customer"
        finally:
            QDesktopServices.unsetUrlHandler("https")
    on_page(steps)


def retried(desk: FakeDesk) -> list[tuple[object, ...]]:
    return [call for call in desk.calls if call[0] in ("recheck", "review")]


def result_of(state: OpState) -> PushView:
    rows = sample_run().rows
    plan = sample_plan(rows[rows["selected"]].head(3))
    ops = tuple(planned_op(plan, place, planned.change) for place, planned in enumerate(plan.changes))
    return PushView(plan=plan, ops=(_with(ops[0], state), *(_with(op, OpState.VERIFIED) for op in ops[1:])), stages={},
                    calls_left=9, result="finished")


def _with(op, state):
    from dataclasses import replace

    return replace(op, state=state)


def test_retry_reads_the_customer_again_and_reviews_its_lines_only(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            controller.push_changed.emit(result_of(OpState.STALE))
            assert window.push.result.retry.text() == "Retry for ASP Limited"
            press(window.push.result.retry)
            await until(lambda: window.push.review is not None)
            assert retried(desk) == [("recheck", ("ASP",)), ("review", window.push.limits, ("ASP",))]
            assert {planned.change.customer_code for planned in window.push.review.plan.changes} == {"ASP"}

    in_qt(steps())


def test_a_retry_whose_reading_fails_reviews_nothing(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            controller.push_changed.emit(result_of(OpState.STALE))
            desk.fail = ConnectionFailed("Autotask did not answer.")
            press(window.push.result.retry)
            await until(lambda: controller.failure is not None)
            await asyncio.sleep(0.05)
            assert retried(desk) == [("recheck", ("ASP",))]
            assert window.push.review is None

    in_qt(steps())


def test_checking_open_changes_again_says_so_until_the_answer_is_there(in_qt, theme):
    from reconcile_app.ui.views.recovery_summary import RecoverySummary

    async def steps():
        desk = FakeDesk(sample_run())
        desk.open = [open_op()]
        async with opened(desk, theme) as (window, controller):
            controller.refresh_open_ops()
            await until(window.page("compare").strips.doubt.isVisible)
            window.page("compare").open_ops_requested.emit()
            dialog = await dialog_of(RecoverySummary)
            press(dialog.refresh)
            assert (dialog.refresh.text(), dialog.refresh.isEnabled()) == ("Checking…", False)
            await until(dialog.refresh.isEnabled)
            assert ("recover",) in desk.calls
            desk.fail = ConnectionFailed("Autotask did not answer.")
            press(dialog.refresh)
            await until(dialog.refresh.isEnabled)
            assert dialog.refresh.text() == "Check again"
            dialog.accept()
            await gone(dialog)

    in_qt(steps())
