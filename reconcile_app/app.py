"""The window's composition root: the event loop, the pages, and everything that is loaded behind them.

The first page needs neither pandas nor a database. They are imported in a thread while the window is on the screen already; then
the session takes its place behind the controller.
"""

from __future__ import annotations

import asyncio
import gc
import linecache
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from reconcile_app.event_loop import event_loop
from reconcile_app.ui.clipboard import let_go
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.frame import Frame
from reconcile_app.ui.garbage import Collector
from reconcile_app.ui.main_window import MainWindow
from reconcile_app.ui.starting import StartingDesk
from reconcile_app.ui.theme import Theme

if TYPE_CHECKING:
    from reconcile_app.composition import Composition
    from reconcile_app.sample import SampleData
    from reconcile_app.services.desk import Desk, RunView
    from reconcile_app.storage.window_state import WindowState

# The window's thread must get its turn quickly while a worker computes; 5 ms, the default, shows as a stutter.
SWITCH_INTERVAL = 0.001


class ForgetfulState:
    """How the window was left, until the program ends: trying the sample data changes nothing on this computer."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    def load(self) -> dict[str, Any]:
        """What was saved last."""
        return dict(self._state)

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep this until the program ends."""
        self._state = dict(state)


class App:
    """The running program.

    Args:
        application: Qt's.
        frame: the window that is on the screen already.
        state: how it was left; none when the program starts on sample data.
        data_dir: the data folder; the user's own when left out.
        close_after_compare: for the smoke test: compare once, then end.
    """

    def __init__(
        self, application: QApplication, frame: Frame, state: WindowState | None, data_dir: Path | None, *,
        close_after_compare: bool,
    ) -> None:
        self._data_dir = data_dir
        self._sample = state is None
        self._close_after_compare = close_after_compare
        self._own: Composition | None = None
        self._data: SampleData | None = None
        self._ended = asyncio.Event()
        self.failed = False
        self.theme = Theme()
        kept = ForgetfulState() if state is None else state
        self.controller = Controller(cast("Desk", StartingDesk()))
        self.theme.apply(application, str(kept.load().get("appearance", "system")))
        self.window = MainWindow(self.controller, self.theme, kept, starting=True)
        self.window.closed.connect(self._ended.set)
        self.window.sandbox_requested.connect(lambda: self.controller.tasks.start(self.use_sample_data(), "sample data"))
        frame.hold(self.window)

    async def run(self) -> None:
        """From the first page to the last."""
        self.controller.tasks.start(self._get_ready(), "start")
        await self._ended.wait()
        await self.controller.close()
        await asyncio.to_thread(self._release)

    async def use_sample_data(self) -> None:
        """Start the sandbox and work on it; what was open before is left as it is."""
        from reconcile_app.sample import BILLING, psa_kinds

        data = await asyncio.to_thread(_start_sample_data)
        before, self._data = self._data, data
        self._take(data.composition)
        if before is not None:
            await asyncio.to_thread(before.close)
        self.controller.select_connections(BILLING, psa_kinds(data.settings)[0])
        self.controller.compare()

    async def _get_ready(self) -> None:
        try:
            if self._sample:
                await self.use_sample_data()
            else:
                await asyncio.to_thread(_import_pages)
                # Made before the rest is loaded, so that making it and showing it are two short waits and not a long one.
                self.window.page("compare")
                self._own = await asyncio.to_thread(_compose, self._data_dir)
                runs = await asyncio.to_thread(self._own.session.runs)
                self._take(self._own, runs[0] if runs else None)
                self.controller.recover()
                if runs:
                    self.controller.open_run(runs[0].run_id)
        except Exception:
            self.failed = True
            if self._close_after_compare:
                self._ended.set()
            raise
        if self._close_after_compare:
            self.controller.run_changed.connect(lambda run: QTimer.singleShot(200, self._ended.set))
            self.controller.failed.connect(self._fail)

    def _fail(self, error: object) -> None:
        self.failed = True
        self._ended.set()

    def _take(self, composition: Composition, last: RunView | None = None) -> None:
        """Put a session behind the controller; ``last`` is its newest saved run."""
        self.controller.take_desk(composition.session, composition.operator, last)
        self.window.ready()
        self.controller.load_periods()

    def _release(self) -> None:
        for opened in (self._data, self._own):
            if opened is not None:
                opened.close()


def run(
    application: QApplication, frame: Frame, state: WindowState | None, data_dir: Path | None, *, close_after_compare: bool
) -> int:
    """Fill the frame and stay until it is closed; the exit status. For the arguments see ``App``."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    # An awaited dialog that closes last must not end the loop under the code that waits for it.
    application.setQuitOnLastWindowClosed(False)
    loop = event_loop(application)
    asyncio.set_event_loop(loop)
    collector = Collector()
    with loop:
        app = App(application, frame, state, data_dir, close_after_compare=close_after_compare)
        loop.run_until_complete(app.run())
    collector.stop()
    let_go()
    return 1 if app.failed and close_after_compare else 0


def _import_pages() -> None:
    """Import what the first screen does not need."""
    import reconcile_app.ui.views.compare_page  # noqa: F401 - imported here so that it need not be on the window's thread


def _compose(data_dir: Path | None) -> Composition:
    """Open the installation."""
    from reconcile_app.composition import Composition

    composition = Composition(data_dir)
    composition.session.connections()
    leave_imports_behind()
    return composition


def _start_sample_data() -> SampleData:
    from reconcile_app.sample import SampleData

    data = SampleData()
    leave_imports_behind()
    return data


def leave_imports_behind() -> None:
    """Let go of what a thousand imports leave.

    The Qt binding looks into the source of every module and so fills the cache of sources, some 30 MB. And what the imports made
    stays to the end: the garbage collector need not visit it each time, which would stop every thread for tens of milliseconds.
    """
    linecache.clearcache()
    gc.freeze()
