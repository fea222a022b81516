"""The window: rail and keys, welcome, banner, errors, notes, what is remembered, what is found open, closing."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.core.judge import OpState
from reconcile_app.ui.dialogs import ErrorDialog
from reconcile_app.ui.views.connection_form import ConnectionForm
from reconcile_app.ui.views.keys_help import KEYS, KeysHelp
from reconcile_app.ui.views.mapping_dialogs import ChoiceDialog
from reconcile_app.ui.views.push_result import CloseOp
from reconcile_app.ui.views.recovery_summary import RecoverySummary
from tests.fakes.desk import FakeDesk, open_op, saved_run
from tests.fakes.sample_run import sample_run
from tests.fakes.window import MemoryStore, dialog_of, gone, key, opened, press, press_named, typed, until, words_of

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")
CTRL = Qt.KeyboardModifier.ControlModifier


def test_ctrl_and_a_number_chooses_the_page_as_the_rail_does(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            for code, name in ((Qt.Key.Key_2, "mappings"), (Qt.Key.Key_3, "history"), (Qt.Key.Key_4, "connections"),
                               (Qt.Key.Key_1, "compare")):
                key(window, code, CTRL)
                assert window.stack.currentWidget() is window.page(name)
                assert window.rail.buttons[name].isChecked()
            press(window.rail.buttons["settings"])
            assert window.stack.currentWidget() is window.page("settings")

    in_qt(steps())


def test_every_page_and_every_button_has_a_name_for_screen_readers(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            for name in ("welcome", "mappings", "history", "connections", "settings"):
                assert window.page(name).accessibleName(), name
            for made in window.rail.buttons.values():
                assert made.accessibleName()

    in_qt(steps())


def test_no_part_flashes_up_as_a_window_of_its_own(in_qt, theme):
    class Watcher(QObject):
        def __init__(self) -> None:
            super().__init__()
            self.shown: list[str] = []

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
                self.shown.append(type(watched).__name__)
            return False

    async def steps():
        desk = FakeDesk(sample_run())
        desk.saved_runs = [saved_run(0)]
        async with opened(desk, theme) as (window, controller):
            watcher = Watcher()
            app = QApplication.instance()
            app.installEventFilter(watcher)
            for name in ("mappings", "history", "connections", "settings", "compare"):
                window.show_page(name)
            controller.review()
            await until(lambda: window.push.review is not None)
            app.removeEventFilter(watcher)
            assert watcher.shown == []

    in_qt(steps())


def test_a_fresh_installation_is_welcomed_with_three_doors(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(connected=False), theme) as (window, _):
            welcome = window.page("welcome")
            assert window.stack.currentWidget() is welcome
            asked: list[bool] = []
            window.sandbox_requested.connect(lambda: asked.append(True))
            press(welcome.buttons[0])
            assert asked == [True]
            assert not welcome.buttons[0].isEnabled(), "the sample data is started once"
            press(welcome.buttons[2])
            assert window.stack.currentWidget() is window.page("history")
            window.show_page("compare")
            press(welcome.buttons[1])
            form = await dialog_of(ConnectionForm)
            form.reject()
            await gone(form)

    in_qt(steps())


def test_the_welcome_gives_way_as_soon_as_there_is_a_connection(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(connected=False), theme) as (window, controller):
            await controller.save_connection("atria", "atria", {"base_url": "http://127.0.0.1:8100"}, {"token": "x"})
            assert window.stack.currentWidget() is window.page("compare")

    in_qt(steps())


def test_any_loopback_connection_shows_the_banner_and_a_real_one_beside_it_is_named(in_qt, theme):
    async def steps():
        desk = FakeDesk(connected=False)
        async with opened(desk, theme) as (window, controller):
            assert not window.banner.isVisible()
            await controller.save_connection("atria", "atria", {"base_url": "http://127.0.0.1:8100"}, {})
            assert window.banner.isVisible()
            assert window.banner_text.text() == "Sample data, nothing leaves this computer"
            await controller.save_connection("autotask", "autotask", {"zone_user": "api@contoso.example"}, {})
            assert "autotask: a real system" in window.banner_text.text()

    in_qt(steps())


def test_a_failure_is_shown_once_as_plain_text(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            desk.fail = ConnectionFailed("Autotask did not answer.", "It said: “<b>busy</b>”.", meaning="Nothing was sent.",
                                         next_step="Try again later.")
            controller.review()
            dialog = await dialog_of(ErrorDialog)
            words = words_of(dialog)
            assert "<b>busy</b>" in words
            assert "Nothing was sent." in words
            key(dialog, Qt.Key.Key_Escape)
            await gone(dialog)
            assert not controller.tasks.running("show errors")
            assert window.push.review is None

    in_qt(steps())


def test_f1_and_the_help_button_open_every_key(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            key(window, Qt.Key.Key_F1)
            sheet = await dialog_of(KeysHelp)
            words = words_of(sheet)
            for group in KEYS.values():
                for _key, does in group:
                    assert does in words
            key(sheet, Qt.Key.Key_Escape)
            await gone(sheet)
            press(window.rail.buttons["help"])
            sheet = await dialog_of(KeysHelp)
            sheet.reject()
            await gone(sheet)
            assert window.rail.buttons["compare"].isChecked(), "help is no page"

    in_qt(steps())


def test_a_question_mark_typed_into_a_field_is_just_a_question_mark(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            window.show_page("mappings")
            search = window.page("mappings").customers.search
            typed(search, "?")
            assert search.text() == "?"
            assert not controller.tasks.running("keys help")

    in_qt(steps())


def test_the_window_is_found_as_it_was_left(in_qt, theme):
    async def steps():
        store = MemoryStore()
        async with opened(FakeDesk(sample_run()), theme, store) as (window, _):
            window.resize(780, 620)
            window.show_page("settings")
            settings = window.page("settings")
            settings.appearance.setCurrentIndex(2)
            settings.lines.setValue(20)
            window.show_page("history")
            closed: list[bool] = []
            window.closed.connect(lambda: closed.append(True))
            size = (window.width(), window.height())
            window.close()
            assert closed == [True]
        assert store.state["appearance"] == "dark"
        async with opened(FakeDesk(sample_run()), theme, store) as (window, _):
            assert (window.width(), window.height()) == size
            assert window.stack.currentWidget() is window.page("history")
            assert window.push.limits.lines == 20
            assert theme.dark

    in_qt(steps())


def test_a_damaged_memory_does_not_keep_the_window_from_opening(in_qt, theme):
    async def steps():
        store = MemoryStore({"geometry": 7, "page": ["x"], "limits": {"lines": "many"}, "appearance": 3, "compare": "no"})
        async with opened(FakeDesk(sample_run()), theme, store) as (window, _):
            assert window.width() == 1280
            assert window.push.limits.lines == 50
            assert window.stack.currentWidget() is window.page("compare")

    in_qt(steps())


def test_a_note_and_what_is_under_way_stand_in_the_status_line(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            controller.note.emit("Written to\n/tmp/x")
            assert window.statusBar().currentMessage() == "Written to /tmp/x"
            controller.busy_changed.emit(True, "Comparing")
            assert "… Comparing" in words_of(window.statusBar())
            controller.busy_changed.emit(False, "")
            assert "Comparing" not in words_of(window.statusBar())

    in_qt(steps())


def test_the_compare_page_asks_for_a_mapping_and_gets_the_dialog(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            window.page("compare").map_requested.emit("CED//805", "customer")
            dialog = await dialog_of(ChoiceDialog)
            assert "Cedar & Co" in words_of(dialog)
            dialog.reject()
            await gone(dialog)

    in_qt(steps())


def test_exporting_asks_where_and_offers_the_folder(in_qt, theme, tmp_path: Path):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            window.page("compare").export_requested.emit()
            dialog = await dialog_of(QFileDialog)
            assert dialog.selectedFiles()[0].endswith("Reconcile Autotask 2026-11-25.xlsx")
            name = dialog.findChild(QLineEdit, "fileNameEdit")
            name.setText(str(tmp_path / "log"))
            key(name, Qt.Key.Key_Return)
            await until(window.open_folder.isVisible)
            assert ("export", tmp_path / "log.xlsx") in desk.calls

    in_qt(steps())


def test_what_was_found_open_is_shown_first_and_a_person_settles_the_rest(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        op = open_op(OpState.NEEDS_REVIEW, "Two rows carry this date.")
        desk.open = desk.found_at_start = [op]
        async with opened(desk, theme) as (_window, controller):
            controller.recover()
            summary = await dialog_of(RecoverySummary)
            words = words_of(summary)
            assert "Found open at the start" in words
            assert "1 change found open: 1 needs your decision" in words
            assert "Nothing was sent again" in words
            assert "Two rows carry this date." in words
            press(summary.decide)
            question = await dialog_of(CloseOp)
            press(question.was_not)
            assert not question.close_button.isEnabled(), "a reason is needed"
            typed(question.reason_field, "Looked in Autotask")
            press(question.close_button)
            await gone(question)
            await until(lambda: "1 closed as not written" in words_of(summary))
            assert ("close_op", "op-open", False, "Looked in Autotask") in desk.calls
            press(summary.go_on)
            await gone(summary)

    in_qt(steps())


def test_the_red_strip_opens_the_list_of_open_changes(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.open = [open_op(OpState.UNKNOWN)]
        async with opened(desk, theme) as (window, controller):
            controller.refresh_open_ops()
            await asyncio.sleep(0.05)
            window.page("compare").open_ops_requested.emit()
            summary = await dialog_of(RecoverySummary)
            assert "1 in doubt, being watched" in words_of(summary)
            assert not summary.decide.isVisible(), "only what needs a person can be decided"
            desk.open = []
            press_named(summary, "Check again")
            await until(lambda: "Everything is settled." in words_of(summary))
            summary.accept()
            await gone(summary)

    in_qt(steps())


def test_decisions_are_taken_back_from_an_edited_workbook(in_qt, theme, tmp_path):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            await until(window.page("compare").take_back.isEnabled)
            press(window.page("compare").take_back)
            dialog = await dialog_of(QFileDialog)
            log = tmp_path / "log.xlsx"
            log.write_bytes(b"")
            name = dialog.findChild(QLineEdit, "fileNameEdit")
            name.setText(str(log))
            key(name, Qt.Key.Key_Return)
            await until(lambda: ("apply_decisions", log) in desk.calls)
            assert controller.run is not None

    in_qt(steps())


def test_without_a_comparison_no_workbook_is_asked_for(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(), theme) as (window, controller):
            window.files.choose_decisions()
            window.files.choose_export()
            assert not controller.tasks.running("choose decisions")
            assert "Compare first" in window.statusBar().currentMessage() or "Compare first" in words_of(window)

    in_qt(steps())
