"""History, settings, and the list they are made of: keys, search, order, memory of the cursor."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from reconcile_app.core.settings import Limits, LogLevel
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.views.fittings import RecordView
from tests.fakes.desk import FakeDesk, saved_run
from tests.fakes.sample_run import sample_run
from tests.fakes.window import dialog_of, gone, key, opened, press, typed, until, words_of

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")


def numbers_table(*numbers: int) -> RecordTable:
    table = RecordTable([
        RecordColumn(title="Number", text=str, order=lambda number: number, right=True),
        RecordColumn(title="Parity", text=lambda number: "odd" if number % 2 else "even", style=lambda number: "ok"),
    ], key=str, paint=lambda style: (style, None))
    table.set_records(numbers)
    return table


def shown(table: RecordTable) -> list[int]:
    return [table.record(row) for row in range(table.rowCount())]


def test_sorting_is_by_value_and_the_cursor_stays_on_its_record(qtbot):
    table = numbers_table(10, 9, 100)
    view = RecordView(table, "numbers")
    qtbot.addWidget(view)
    view.select_row(1)
    view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert shown(table) == [9, 10, 100]
    assert view.current() == 9
    table.set_records([100, 9, 1])
    assert shown(table) == [1, 9, 100]
    assert view.current() == 9


def test_searching_wants_every_word_and_hides_the_rest(qtbot):
    table = numbers_table(10, 9, 100, 19)
    table.search("ODD 9")
    assert shown(table) == [9, 19]
    table.restrict(lambda number: number > 9)
    assert shown(table) == [19]
    assert table.total() == 4
    table.search("")
    table.restrict(None)
    assert shown(table) == [10, 9, 100, 19]


def test_a_cursor_on_a_hidden_record_is_none(qtbot):
    table = numbers_table(10, 9)
    view = RecordView(table, "numbers")
    qtbot.addWidget(view)
    view.select_row(0)
    table.search("9")
    assert view.current() is None


def test_the_list_is_a_sound_model_with_sentences(qtmodeltester):
    table = numbers_table(10, 9)
    index = table.index(0, 1)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "Number 10, Parity even"
    assert index.data(Qt.ItemDataRole.ForegroundRole) == "ok"
    assert table.headerData(0, Qt.Orientation.Horizontal) == "Number"
    assert table.row_of("9") == 1
    assert table.row_of("77") == -1
    qtmodeltester.check(table)


def test_a_saved_run_opens_by_enter_and_by_double_click(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.saved_runs = [saved_run(number) for number in range(4)]
        async with opened(desk, theme) as (window, _):
            window.show_page("history")
            page = window.page("history")
            await until(lambda: page.model.rowCount() == 4)
            results = sorted(page.model.index(row, 6).data() for row in range(4))
            assert results == ["Compared, nothing pushed", "‼ Push refused, nothing written", "‼ Pushed, 2 open",
                               "⊘ Pushed · a side was not read completely"]
            assert page.model.index(0, 0).data() == "26 Oct – 25 Nov"
            assert page.model.index(0, 5).data() == "+$612.40"
            page.view.setFocus()
            page.view.select_row(2)
            wanted = page.view.current().run_id
            key(page.view, Qt.Key.Key_Return)
            await until(lambda: ("open_run", wanted) in desk.calls)
            assert window.stack.currentWidget() is window.page("compare")
            window.show_page("history")
            page.view.doubleClicked.emit(page.model.index(0, 0))
            await until(lambda: len([call for call in desk.calls if call[0] == "open_run"]) == 2)

    in_qt(steps())


def test_history_is_searched_and_an_empty_one_says_so(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            window.show_page("history")
            page = window.page("history")
            await until(lambda: "No run has been saved yet." in words_of(page))
            desk.saved_runs = [saved_run(0), saved_run(3)]
            controller.run_changed.emit(controller.run)
            await until(page.search.isVisible)
            key(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
            typed(page.search, "refused")
            assert page.model.rowCount() == 1
            key(page.search, Qt.Key.Key_Return)
            await until(lambda: desk.calls)

    in_qt(steps())


def test_settings_take_effect_at_once(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            press(window.rail.buttons["settings"])
            page = window.page("settings")
            page.appearance.setCurrentIndex(2)
            assert theme.dark
            page.appearance.setCurrentIndex(1)
            assert not theme.dark
            page.options["allow_create"].click()
            await until(lambda: controller.run.basis.options.allow_create)
            page.log_level.setFocus()
            key(page.log_level, Qt.Key.Key_Down)
            page.log_level.activated.emit(page.log_level.currentIndex())
            await until(lambda: controller.run.basis.options.log_level is LogLevel.INFO)
            page.lines.setValue(5)
            page.units.setValue(3)
            assert window.push.limits == Limits(lines=5, percent=50, units=3, zeroing=True)
            controller.set_options(allow_create=False)
            assert not page.options["allow_create"].isChecked()
            await until(lambda: not controller.run.basis.options.allow_create)
            page.options["allow_create"].setChecked(False)

    in_qt(steps())


def test_dialogs_close_by_escape(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            window.show_help()
            sheet = await dialog_of(QDialog)
            key(sheet, Qt.Key.Key_Escape)
            await gone(sheet)

    in_qt(steps())
