"""The whole way in the window over real sockets: push, then History › Undo push…, button by button; the ledger is the judge."""

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import CompareOptions
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.main_window import MainWindow
from tests.end_to_end.desk_fixture import Bench, row_of
from tests.fakes.window import MemoryStore, press, typed, until

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")


def committed(bench: Bench) -> list[tuple[str, int, int]]:
    return [(entry["line"], entry["before"], entry["after"]) for entry in bench.ledger()]


def confirm(foot) -> None:
    """Type the number of lines where it is asked for, and press the button that sends."""
    if foot.plan.confirm_reasons:
        typed(foot.typed, str(foot.plan.totals.lines))
    press(foot.go)


async def finished(window) -> list[OpState]:
    """The states of the result page, once it is there."""
    await until(lambda: window.push.result is not None, 20)
    return [record.state for record in window.push.result.model.records()]


def test_push_and_undo_by_buttons_restore_the_quantities(in_qt, theme, tmp_path):
    async def steps(bench: Bench):
        run = await bench.session.compare("atria", "autotask", CompareOptions(), lambda progress: None)
        await bench.select(row_of(run, "ASP", "602")["key"], row_of(run, "BYGONE", "601")["key"])
        controller = Controller(bench.session, operator="Alex")
        window = MainWindow(controller, theme, MemoryStore(), now=bench.clock.now)
        window.show()
        try:
            window.page("compare").push_requested.emit()
            await until(lambda: window.push.review is not None)
            review = window.push.review
            typed(review.typed, str(review.plan.totals.lines))
            press(review.go)
            assert await finished(window) == [OpState.VERIFIED, OpState.VERIFIED]
            pushed = committed(bench)

            window.show_page("history")
            history = window.page("history")
            await until(history.undo_button.isEnabled)
            press(history.undo_button)
            await until(lambda: window.push.undo is not None)
            assert len(bench.ledger()) == 2, "a review sends nothing"
            confirm(window.push.undo.foot)
            assert await finished(window) == [OpState.VERIFIED, OpState.VERIFIED]
            assert committed(bench)[2:] == [(line, after, before) for line, before, after in reversed(pushed)]

            press(window.push.result.history)
            await until(lambda: history.view.current() is not None and history.view.current().result == "finished, undone")
            assert not history.undo_button.isEnabled()
        finally:
            await controller.close()
            window.hide()
            window.deleteLater()

    with Bench(tmp_path) as bench:
        bench.box.switch("autotask", same_day_adjustment="accepted")
        in_qt(steps(bench))
