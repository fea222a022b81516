"""The Compare page as a whole, used as a person uses it: with keys and clicks."""

import asyncio

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.ui.views.compare_page import ALL, LOG, TO_DO
from tests.fakes.desk import FakeDesk, open_op
from tests.ui.compare_scenes import Scene
from tests.ui.compare_steps import Control, Key, Left, Shift, current, go, key_of


def test_it_opens_on_what_needs_a_person_with_its_size_in_words(on_page):
    async def steps(scene: Scene):
        assert scene.page.tabs.currentIndex() == TO_DO
        assert scene.page.pane.model.rowCount() == 37
        assert scene.page.tabs.tabText(TO_DO) == "To do  37"
        assert scene.page.tabs.tabText(ALL) == "All  60"
        assert scene.page.bar.totals.text() == (
            "15 selected · 7 customers · +122.5 units −18 · 3 new · +$555.99 a month · effective date 26 Nov")
        assert scene.page.summary.cards["raise"].value == "10"
        assert scene.page.summary.cards["raise"].word == "+104.5 units"
        assert scene.page.summary.cards["warnings"].word == "in 14 codes"
        assert "97 % of value compared" in scene.page.summary.cards["all"].accessibleName()
    on_page(steps)


def test_f5_compares_and_shows_progress_with_a_working_cancel(on_page, qtbot, until):
    async def steps(scene: Scene):
        scene.desk.gate = asyncio.Event()
        qtbot.keyClick(scene.page, Key.Key_F5)
        await until(lambda: "calls" in scene.page.header.progress.text())
        assert scene.page.header.progress.text() == (
            "Atria invoice 1,240 lines · Autotask contract units, page 3 of 7 · 9 of about 22 calls")
        assert scene.table.delegate.stale
        assert not scene.page.bar.push.isEnabled()
        assert scene.page.pane.model.rowCount() == 37, "the old comparison stays"
        qtbot.mouseClick(scene.page.header.cancel, Left)
        await until(lambda: not scene.controller.reading)
        assert not scene.table.delegate.stale
        assert scene.page.bar.push.isEnabled()
    on_page(steps)


def test_before_the_first_comparison_it_says_what_to_press(on_page, qtbot, until):
    async def steps(scene: Scene):
        empty = scene.page.pane.empty
        assert empty.title.text() == "Nothing compared yet"
        qtbot.mouseClick(empty.action, Left)
        await until(lambda: scene.page.pane.model.rowCount() == 37)
        assert scene.table.isVisible()
    on_page(steps, None)


def test_without_connections_it_leads_to_them(on_page, qtbot):
    async def steps(scene: Scene):
        assert not scene.page.header.compare.isEnabled()
        with qtbot.waitSignal(scene.page.connect_requested):
            qtbot.mouseClick(scene.page.pane.empty.action, Left)
    on_page(steps, None, connected=False)


def test_a_failed_reading_is_told_in_the_page_and_can_be_tried_again(on_page, qtbot, until):
    async def steps(scene: Scene):
        scene.desk.fail = ConnectionFailed("Atria cannot be reached.", next_step="Check the network.")
        qtbot.keyClick(scene.page, Key.Key_F5)
        await until(lambda: not scene.page.strips.failed.isHidden())
        words = scene.page.strips.failed.findChild(QLabel).text()
        assert "Atria cannot be reached. Check the network. The comparison below is the earlier one." in words
        assert not scene.table.delegate.stale
        again = next(each for each in scene.page.strips.failed.findChildren(QPushButton) if each.text() == "Try again")
        qtbot.mouseClick(again, Left)
        await until(scene.page.strips.failed.isHidden)
    on_page(steps)


def test_f7_and_f8_go_from_one_undecided_row_to_the_next(on_page, qtbot):
    async def steps(scene: Scene):
        notes = []
        scene.controller.note.connect(notes.append)
        go(scene, "ASP Limited", "Hosted Exchange")
        qtbot.keyClick(scene.table, Key.Key_F8)
        assert current(scene).endswith("/805")
        qtbot.keyClick(scene.table, Key.Key_F8)
        assert current(scene) == key_of(scene, "Birch & Rowe Dental", "Email Signature")
        qtbot.keyClick(scene.table, Key.Key_F7)
        qtbot.keyClick(scene.table, Key.Key_F7)
        assert notes == ["Nothing more to do above."]
    on_page(steps)


def test_shift_f5_reads_the_selected_customers_again(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Hosted Exchange")
        for _ in range(2):
            qtbot.keyClick(scene.table, Key.Key_Down, Shift)
        qtbot.keyClick(scene.table, Key.Key_F5, Shift)
        await until(lambda: ("recheck", ("ASP", "BIR")) in scene.desk.calls)
        await until(lambda: not scene.controller.reading)
    on_page(steps)


def test_push_export_and_help_are_asked_for_by_keys(on_page, qtbot):
    async def steps(scene: Scene):
        page = scene.page
        scene.table.setFocus()
        with qtbot.waitSignal(page.push_requested):
            qtbot.keyClick(scene.table, Key.Key_Return, Control)
        with qtbot.waitSignal(page.export_requested):
            qtbot.keyClick(scene.table, Key.Key_E, Control)
        with qtbot.waitSignal(page.help_requested):
            qtbot.keyClicks(scene.table, "?")
        scene.table.selectAll()
        scene.table.toggle_ticks()
        scene.table.toggle_ticks()
        assert page.bar.totals.text().startswith("Nothing is ticked.")
        with qtbot.assertNotEmitted(page.push_requested):
            qtbot.keyClick(scene.table, Key.Key_Return, Control)
        await scene.settled()
    on_page(steps)


def test_changes_in_doubt_stay_as_a_red_strip(on_page, qtbot, until):
    async def steps(scene: Scene):
        assert scene.page.strips.doubt.isHidden()
        scene.desk.open = [open_op()]
        scene.controller.refresh_open_ops()
        await until(lambda: not scene.page.strips.doubt.isHidden())
        assert "1 change is in doubt (ASP Limited)" in scene.page.strips.doubt.findChild(QLabel).text()
        with qtbot.waitSignal(scene.page.open_ops_requested):
            qtbot.mouseClick(scene.page.strips.doubt.findChild(QPushButton), Left)
        scene.desk.open = []
        scene.controller.refresh_open_ops()
        await until(scene.page.strips.doubt.isHidden)
    on_page(steps)


def test_a_side_that_was_not_read_completely_is_named(on_page):
    async def steps(scene: Scene):
        words = scene.page.strips.partial.findChild(QLabel).text()
        assert "Autotask was not read completely (contract units: timed out after 3 attempts; 1 part missing)." in words
        assert "Unknown is not zero" in words
    on_page(steps)


def test_the_log_searches_code_and_message_and_leads_to_the_row(on_page, qtbot, until):
    async def steps(scene: Scene):
        log = scene.page.log
        scene.page.tabs.setCurrentIndex(LOG)
        await until(lambda: log.model.rowCount() == 34)
        assert log.count.text() == "34 entries"
        qtbot.keyClick(scene.page, Key.Key_F, Control)
        assert QApplication.focusWidget() is log.search
        qtbot.keyClicks(log.search, "AT12 lumen")
        assert log.count.text() == "1 of 34 entries"
        log.view.setCurrentIndex(log.model.index(0, 0))
        qtbot.keyClick(log.view, Key.Key_Return)
        assert scene.page.tabs.currentIndex() == TO_DO
        assert current(scene) == key_of(scene, "Lumen Optics", "Email Signature")
        scene.page.tabs.setCurrentIndex(LOG)
        qtbot.keyClick(scene.page, Key.Key_Escape)
        log.level.setCurrentIndex(0)
        assert 0 < log.model.rowCount() < 10
        header = log.view.horizontalHeader()
        where = QPoint(header.sectionViewportPosition(log.model.place("code")) + 8, 8)
        qtbot.mouseClick(header.viewport(), Left, pos=where)
        assert log.model.sort_keys == (("code", False),)
    on_page(steps)


def test_another_desk_without_a_comparison_clears_the_page(on_page, until):
    async def steps(scene: Scene):
        scene.controller.take_desk(FakeDesk(), "Alex")
        assert scene.page.pane.model.rowCount() == 0
        assert scene.page.bar.totals.text() == "Nothing compared yet"
        assert not scene.page.bar.push.isEnabled()
        assert scene.page.pane.empty.title.text() == "Nothing compared yet"
        scene.controller.compare()
        await until(lambda: scene.page.pane.model.rowCount() == 37)
    on_page(steps)
