"""A real window over a comparison in memory: the program's own pages, model and desk, without network and without files."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

from benchmarks.engine import CODES
from reconcile_app.app import leave_imports_behind
from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.basis import Basis, Run
from reconcile_app.core.run import assemble
from reconcile_app.core.sheet import Origin
from reconcile_app.core.sheets import sheets
from reconcile_app.event_loop import event_loop
from reconcile_app.services.workspace import Workspace
from reconcile_app.storage.workbook import write_workbook
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.garbage import Collector
from reconcile_app.ui.main_window import MainWindow
from reconcile_app.ui.starting import StartingDesk
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.compare_page import ComparePage

T = TypeVar("T")
_LONGEST = 120
"""Seconds; what is not painted until then is hidden."""


def run_in_window_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a Qt event loop, as the program does."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication([])
    application.setQuitOnLastWindowClosed(False)
    loop = event_loop(application)
    asyncio.set_event_loop(loop)
    collector = Collector()
    try:
        result: T = loop.run_until_complete(work())
        return result
    finally:
        collector.stop()
        asyncio.set_event_loop(None)
        loop.close()


class _Nowhere:
    """Stores for the workspace that keep nothing: what is written to disk is measured elsewhere."""

    def save_rules(self, *anything: object) -> None: ...

    def save_decisions(self, *anything: object) -> None: ...

    def save(self, basis: Basis) -> str:
        return ""


class BenchDesk(StartingDesk):
    """A desk with a real workspace and nothing behind it."""

    def __init__(self) -> None:
        self.workspace = Workspace(_Nowhere(), _Nowhere())  # type: ignore[arg-type]  # only these methods are called
        self.held: Run | None = None

    @property
    def run(self) -> Run | None:  # type: ignore[override]  # the starting desk never has one
        return self.workspace.run or self.held

    @property
    def rules(self) -> Any:
        return self.workspace.rules

    @property
    def can_undo(self) -> str:
        return self.workspace.can_undo

    def specs(self) -> tuple[Any, ...]:
        return CONNECTORS

    async def open_run(self, run_id: str) -> Run:
        return await self.workspace.lay_out(self.fetched, CODES)

    fetched: Basis

    async def map_product(self, rule: Any) -> Run:
        return await self.workspace.map_product(rule)

    async def open_ops(self) -> list[Any]:
        return []

    async def export(self, path: Path) -> Path:
        run = self.workspace.run
        assert run is not None
        origin = Origin(operator="bench", machine="bench", version="0", written=run.basis.created)
        return await asyncio.to_thread(lambda: write_workbook(path, sheets(run, [], origin), origin.written))


class _Memory:
    def load(self) -> dict[str, Any]:
        return {}

    def save(self, state: Any) -> None: ...


class Painted(QObject):
    """Resolves when the widget has been painted after ``wait`` was called."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._waiting: asyncio.Future[None] | None = None
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note the paint once it has been carried out."""
        if event.type() == QEvent.Type.Paint and self._waiting is not None and not self._waiting.done():
            self._waiting.get_loop().call_soon(_resolve, self._waiting)
        return False

    async def wait(self) -> None:
        """Until the next paint is over."""
        self._waiting = asyncio.get_running_loop().create_future()
        await asyncio.wait_for(self._waiting, _LONGEST)
        self._waiting = None


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


@dataclass
class BenchWindow:
    """The window with a comparison page on the screen."""

    desk: BenchDesk = field(default_factory=BenchDesk)

    def __post_init__(self) -> None:
        self.controller = Controller(self.desk, operator="bench")  # type: ignore[arg-type]  # the parts of a desk that are used here
        self.window = MainWindow(self.controller, Theme(), _Memory())
        self.window.resize(1280, 800)
        self.window.show()
        leave_imports_behind()

    async def load(self, fetched: Basis) -> None:
        """Compare and show; until the table has been painted."""
        self.desk.fetched = fetched
        self.controller.open_run(fetched.run_id)
        page = self.page()
        self.painted = Painted(page.pane.table.viewport())
        await self.shown()
        page.tabs.setCurrentIndex(1)
        await asyncio.sleep(0.2)

    def page(self) -> ComparePage:
        """The comparison page; made now when it is not there yet."""
        page = self.window.page("compare")
        assert isinstance(page, ComparePage)
        self.window.stack.setCurrentWidget(page)
        return page

    async def shown(self) -> None:
        """Until the rows of the run on the desk are on the page."""
        page = self.page()
        while page.pane.rows is None or page.pane.rows.run is not self.desk.run:
            await asyncio.sleep(0.002)

    async def close(self) -> None:
        """End its tasks."""
        await self.controller.close()
        self.window.hide()
        self.window.deleteLater()


def compared(fetched: Basis) -> Run:
    """The comparison of these frames."""
    return assemble(fetched, CODES)
