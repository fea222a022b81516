"""Fixtures for tests of the window: Qt's event loop as asyncio's, no left-over task, one theme."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop
from shiboken6 import delete

from reconcile_app.event_loop import event_loop
from reconcile_app.ui.clipboard import let_go
from reconcile_app.ui.garbage import Collector
from reconcile_app.ui.theme import Theme

# the offscreen platform has no window manager to tell sizes to, and says so once per dialog
_TOLERATED = "This plugin does not support propagateSizeHints"

RunSteps = Callable[[Coroutine[Any, Any, Any]], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let this one message pass in tests of the window."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore(_TOLERATED))


@pytest.fixture(scope="session", autouse=True)
def _american_numbers() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    yield
    QLocale.setDefault(before)


@pytest.fixture(scope="session")
def _dressed(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.apply(qapp, "light")
    collector = Collector()
    yield theme
    collector.stop()
    let_go()


@pytest.fixture
def theme(_dressed: Theme, qapp: QApplication) -> Iterator[Theme]:
    """The theme, light at the start of each test."""
    if _dressed.appearance != "light":
        _dressed.apply(qapp, "light")
    yield _dressed
    if _dressed.appearance != "light":
        _dressed.apply(qapp, "light")


@pytest.fixture
def in_qt(qapp: QApplication) -> Iterator[RunSteps]:
    """Run a coroutine in Qt's event loop, at most 20 seconds. A task that is still there afterwards fails the test."""
    # otherwise the last dialog that closes would end the loop
    qapp.setQuitOnLastWindowClosed(False)
    loop = event_loop(qapp)

    def run(steps: Coroutine[Any, Any, Any]) -> Any:
        with loop_as_current(loop):
            result = loop.run_until_complete(asyncio.wait_for(steps, 20))
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
            names = sorted(task.get_name() for task in left)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left))
        assert not names, f"tasks are still running: {names}"
        return result

    yield run
    loop.close()
    qapp.sendPostedEvents()  # what a worker has still told the loop needs the loop's timer
    # cancelled timeouts keep their timers, and only this thread may end them: a later collection may run in a worker
    delete(loop._timer)


class loop_as_current:  # noqa: N801  reads as a phrase in a with statement
    """Makes the loop the one that asyncio hands out on this thread."""

    def __init__(self, loop: QEventLoop) -> None:
        self._loop = loop

    def __enter__(self) -> None:
        asyncio.set_event_loop(self._loop)

    def __exit__(self, *_: object) -> None:
        asyncio.set_event_loop(None)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the window live until the condition holds."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("what was waited for did not happen")


@pytest.fixture(name="until")
def _until() -> Callable[..., Coroutine[Any, Any, None]]:
    """``await until(lambda: condition)``."""
    return until


@pytest.fixture
def on_page(in_qt, theme):
    """Run steps with the Compare page open over a fresh desk; ``connected=False``: nothing is connected."""
    from tests.fakes.desk import FakeDesk
    from tests.fakes.sample_run import sample_run
    from tests.ui.compare_scenes import Scene

    def run(steps, run_=..., **desk):
        async def whole():
            scene = Scene(theme, FakeDesk(sample_run() if run_ is ... else run_, **desk))
            await scene.shown()
            try:
                await steps(scene)
            finally:
                await scene.close()
        in_qt(whole())
    return run
