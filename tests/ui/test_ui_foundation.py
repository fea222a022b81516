"""Tasks, dialogs, theme: what every page stands on."""

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QWidget

from reconcile_app.core.changes import Status
from reconcile_app.core.errors import SignInFailed
from reconcile_app.ui.dialogs import ErrorDialog, as_reconcile_error, ask, escaped_tool_tip, plain_label, plain_tool_tip, run_dialog
from reconcile_app.ui.tasks import Tasks
from reconcile_app.ui.theme import DARK, LIGHT, MARKS, Theme, contrast, mixed, resource_path

MARKUP = '<b>bold</b> <a href="https://evil.example">x</a> <img src="file:///etc/passwd">'


def test_a_failing_task_is_reported_once(in_qt, until):
    told = []

    async def fails() -> None:
        raise ValueError("no")

    async def steps():
        tasks = Tasks(None, told.append)
        tasks.start(fails(), "fails")
        assert tasks.running("fails")
        await until(lambda: told)
        assert not tasks.running("fails")
        await tasks.close()

    in_qt(steps())
    assert [type(error) for error in told] == [ValueError]


def test_cancelling_by_name_stops_only_that_name_and_is_no_error(in_qt, until):
    told = []

    async def steps():
        tasks = Tasks(None, told.append)
        one = tasks.start(asyncio.sleep(60), "one")
        two = tasks.start(asyncio.sleep(60), "two")
        assert tasks.cancel("one")
        await until(one.cancelled)
        assert not two.done()
        assert not tasks.cancel("one")
        await tasks.close()
        assert two.cancelled()

    in_qt(steps())
    assert told == []


def test_nothing_runs_after_closing(in_qt):
    ran = []

    async def late() -> None:
        ran.append(1)

    async def steps():
        tasks = Tasks(None, ran.append)
        await tasks.close()
        task = tasks.start(late(), "late")
        await asyncio.wait([task])
        assert task.cancelled()

    in_qt(steps())
    assert ran == []


def test_a_dialog_is_awaited_while_other_tasks_go_on(in_qt, until, qtbot):
    ticks = []

    async def ticking() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0.005)

    async def steps():
        parent = QWidget()
        parent.show()
        other = asyncio.ensure_future(ticking())
        answer = asyncio.ensure_future(ask(parent, "Delete?", MARKUP, ["Delete", "Keep"]))
        await until(lambda: parent.findChild(QDialog))
        dialog = parent.findChild(QDialog)
        before = len(ticks)
        await until(lambda: len(ticks) > before + 3)
        assert any(label.text() == MARKUP for label in dialog.findChildren(QLabel))
        assert {label.textFormat() for label in dialog.findChildren(QLabel)} == {Qt.TextFormat.PlainText}
        button = next(each for each in dialog.findChildren(QPushButton) if each.text() == "Delete")
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        other.cancel()
        return await answer

    assert in_qt(steps()) == "Delete"


def test_escape_means_the_last_button(in_qt, until, qtbot):
    async def steps():
        parent = QWidget()
        parent.show()
        answer = asyncio.ensure_future(ask(parent, "Delete?", "Really?", ["Delete", "Keep"]))
        await until(lambda: parent.findChild(QDialog))
        qtbot.keyClick(parent.findChild(QDialog), Qt.Key.Key_Escape)
        return await answer

    assert in_qt(steps()) == "Keep"


def test_cancelling_the_waiting_task_closes_its_dialog(in_qt, until):
    async def steps():
        dialog = QDialog()
        closed = []
        dialog.finished.connect(closed.append)
        waiting = asyncio.ensure_future(run_dialog(dialog))
        await until(dialog.isVisible)
        waiting.cancel()
        await until(waiting.done)
        return closed

    assert in_qt(steps()) == [int(QDialog.DialogCode.Rejected)]


def test_an_error_is_shown_with_meaning_and_next_step_and_copied_whole(qtbot):
    error = SignInFailed("Autotask refused the keys.", MARKUP, meaning="Nothing was sent.", next_step="Enter the secret again.",
                         details="HTTP 401")
    dialog = ErrorDialog(error)
    qtbot.addWidget(dialog)
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert texts == ["Autotask refused the keys.", MARKUP, "Nothing was sent.", "What to do now", "Enter the secret again."]
    assert {label.textFormat() for label in dialog.findChildren(QLabel)} == {Qt.TextFormat.PlainText}
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text().split("\n\n") == [
        "Autotask refused the keys.", MARKUP, "Nothing was sent.", "Enter the secret again.", "HTTP 401"]


def test_an_unforeseen_error_is_told_as_a_fault_of_the_program():
    try:
        raise KeyError("x")
    except KeyError as error:
        told = as_reconcile_error(error)
    assert told.title == "Something went wrong inside the program."
    assert "Traceback" in told.details


def test_labels_and_tool_tips_take_no_markup(qtbot):
    label = plain_label(MARKUP)
    qtbot.addWidget(label)
    assert label.textFormat() is Qt.TextFormat.PlainText
    plain_tool_tip(label, MARKUP)
    assert "<b>" not in label.toolTip()
    assert "&lt;b&gt;bold" in label.toolTip()
    assert label.accessibleDescription() == MARKUP
    assert escaped_tool_tip("") == ""


INKS = ("raise", "lower", "add", "zero", "person", "grey", "doubt")


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_every_ink_can_be_read_on_every_ground_it_stands_on(colors):
    pairs = [(colors.text, ground) for ground in (colors.window, colors.base, colors.raised, colors.selection, colors.hover)]
    pairs += [(colors.muted, ground) for ground in (colors.window, colors.base, colors.raised, colors.selection)]
    pairs += [(colors.on_accent, colors.accent)]
    pairs += [(colors.accent_text, ground) for ground in (colors.window, colors.base, colors.raised)]
    for name in INKS:
        ink, tint = getattr(colors, f"{name}_ink"), getattr(colors, f"{name}_tint")
        row = mixed(tint, colors.base, 0.42)
        pairs += [(ink, tint), (ink, colors.base), (ink, colors.raised), (colors.text, row), (colors.muted, row)]
    poor = [(ink, ground, round(contrast(ink, ground), 2)) for ink, ground in pairs if contrast(ink, ground) < 4.5]
    assert poor == []


def test_contrast_is_the_one_of_wcag():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


def test_every_status_has_a_mark_and_its_own_look(theme):
    assert set(MARKS) == {*Status, "doubt"}
    assert theme.look("raise").mark == "▲"
    assert theme.look("equal").tint is None
    assert theme.look("ignored").hatched
    assert len({theme.look(status).ink for status in ("raise", "lower", "add", "zero", "blocked", "unknown", "doubt")}) == 7


def test_the_appearance_changes_while_the_program_runs(theme: Theme, qapp, qtbot):
    with qtbot.waitSignal(theme.changed):
        theme.apply(qapp, "dark")
    assert theme.dark
    assert qapp.palette().window().color().name().upper() == DARK.window
    assert "@" not in qapp.styleSheet()
    theme.apply(qapp, "light")
    assert theme.colors is LIGHT


def test_icons_take_the_color_of_the_theme_and_are_sharp_at_200_percent(theme: Theme):
    names = [path.stem for path in sorted(resource_path("icons").glob("*.svg"))]
    assert "compare" in names
    for name in names:
        icon = theme.icon(name, "doubt_ink")
        image = icon.pixmap(32, 32).toImage()
        assert image.width() == 32
        colors = {image.pixelColor(x, y).alpha() > 0 for x in range(32) for y in range(32)}
        assert colors == {True, False}, f"{name} is blank or a block"
    assert theme.icon("compare", "doubt_ink") is theme.icon("compare", "doubt_ink")
