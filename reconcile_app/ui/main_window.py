"""The window: rail, pages, banner, status line; what spans pages (mapping, push, errors, closing) is wired here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from reconcile_app.core.settings import Limits
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import ask, plain_label, run_dialog, show_error
from reconcile_app.ui.messages import join, listed, moment_text, shown
from reconcile_app.ui.theme import APPEARANCES, Theme
from reconcile_app.ui.views.fittings import button, muted_label, strip
from reconcile_app.ui.views.open_changes import OpenChanges
from reconcile_app.ui.views.push_flow import OpDecisions, PushFlow
from reconcile_app.ui.views.rail import PAGES, Rail
from reconcile_app.ui.views.welcome_page import WelcomePage
from reconcile_app.ui.views.workbook_files import WorkbookFiles

if TYPE_CHECKING:
    from datetime import datetime

    from reconcile_app.core.run import Run
    from reconcile_app.ui.views.compare_page import ComparePage
    from reconcile_app.ui.views.mapping_flow import MappingFlow

_NOTE_MS = 12_000
_LIMITS = ("lines", "percent", "units")
_MINIMIZE, _STOP, _KEEP = "Minimize the window", "Stop after the current change and close", "Keep the window open"


class StateStore(Protocol):
    """Where the window keeps how it was left. The content is JSON."""

    def load(self) -> dict[str, Any]:
        """What was saved last; empty at the first start or when it cannot be read."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep this until the next start."""


class MainWindow(QMainWindow):
    """The program's one window.

    Signals:
        closed: the window was closed and the program may end.
        sandbox_requested: the sample data shall be started and connected.
    """

    closed = Signal()
    sandbox_requested = Signal()

    def __init__(self, controller: Controller, theme: Theme, state: StateStore, *,
                 now: Callable[[], datetime] | None = None, starting: bool = False) -> None:
        super().__init__()
        self.setWindowTitle("Reconcile")
        self.setMinimumSize(720, 480)
        self._controller, self._theme, self._store, self._now = controller, theme, state, now
        self._state = state.load()
        self._pages: dict[str, QWidget] = {}
        self._page = "compare"
        self._starting = starting
        self._may_close = False
        self._errors: list[BaseException] = []
        self._mapping: MappingFlow | None = None
        self._compare: ComparePage | None = None
        self.rail = Rail(theme)
        self.stack = QStackedWidget()
        self.banner, _, self.banner_text = strip("warn")
        self.files = WorkbookFiles(controller, self, self._note)
        decisions = OpDecisions(controller, self)
        self.push = PushFlow(controller, theme, decisions, now=now)
        self._open_changes = OpenChanges(controller, theme, decisions, self)
        self._lay_out()
        self._keys()
        self._connect()
        self._restore()
        self._refresh_banner()
        self._tell_compared(controller.run)
        self.show_page(self._first_page())

    # parts -------------------------------------------------------------------------------------------------------------------
    def _lay_out(self) -> None:
        center = QWidget()
        row = QHBoxLayout(center)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.stack, 1)
        row.addWidget(self.rail)
        row.addLayout(column, 1)
        self.setCentralWidget(center)
        self.stack.addWidget(self.push)
        self._busy_words = plain_label()
        self._compared = muted_label("Nothing compared yet")
        self._compared.setAccessibleName("The comparison on the desk")
        self.open_folder = button("Open folder", self.files.open_folder, kind="quiet")
        self.open_folder.hide()
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().setContentsMargins(8, 0, 10, 0)
        self.statusBar().addPermanentWidget(self.open_folder)
        self.statusBar().addPermanentWidget(self._busy_words)
        self.statusBar().addPermanentWidget(self._compared)

    def _keys(self) -> None:
        for place, (name, _word) in enumerate(PAGES):
            QShortcut(QKeySequence(f"Ctrl+{place + 1}"), self, lambda name=name: self.show_page(name))
        for key in ("F1", "?"):
            QShortcut(QKeySequence(key), self, self.show_help)

    def _connect(self) -> None:
        controller = self._controller
        self.rail.chosen.connect(self._rail_chosen)
        controller.failed.connect(self._failed)
        controller.note.connect(self._note)
        controller.busy_changed.connect(lambda busy, words: self._busy_words.setText(f"… {shown(words)}" if busy else ""))
        controller.connections_changed.connect(self._connections_changed)
        controller.run_changed.connect(self._run_changed)
        controller.exported.connect(self._exported)
        self.push.shown.connect(lambda: self.show_page("compare"))
        self.push.left.connect(lambda: self.show_page("compare"))
        self.push.export_requested.connect(self.choose_export)
        self.push.history_requested.connect(self._show_in_history)

    # pages, made when they are first needed ----------------------------------------------------------------------------------
    def page(self, name: str) -> QWidget:
        """A page by its name: welcome, compare, mappings, history, connections, settings."""
        if name not in self._pages:
            makers: dict[str, Callable[[], QWidget]] = {
                "starting": self._make_starting, "welcome": self._make_welcome, "compare": self._make_compare,
                "mappings": self._make_mappings, "history": self._make_history, "connections": self._make_connections,
                "settings": self._make_settings,
            }
            self._pages[name] = makers[name]()
            self.stack.addWidget(self._pages[name])
        return self._pages[name]

    def _make_welcome(self) -> QWidget:
        page = WelcomePage(self._theme)
        page.sandbox_requested.connect(lambda: page.set_starting(True))
        page.sandbox_requested.connect(self.sandbox_requested.emit)
        page.connect_requested.connect(self._connect_first)
        page.saved_runs_requested.connect(lambda: self.show_page("history"))
        self._controller.failed.connect(lambda _error: page.set_starting(False))
        return page

    def _make_compare(self) -> QWidget:
        from reconcile_app.ui.views.compare_page import ComparePage

        page = ComparePage(self._controller, self._theme)
        page.map_requested.connect(self._map_row)
        page.push_requested.connect(self.push.start)
        page.export_requested.connect(self.choose_export)
        page.decisions_requested.connect(self.files.choose_decisions)
        page.open_ops_requested.connect(self._open_changes.show)
        page.connect_requested.connect(lambda: self.show_page("connections"))
        page.help_requested.connect(self.show_help)
        remembered = self._state.get("compare")
        if isinstance(remembered, dict):
            page.restore(remembered)
        self._compare = page
        return page

    def _make_mappings(self) -> QWidget:
        from reconcile_app.ui.views.mappings_page import MappingsPage

        page = MappingsPage(self._controller, self._theme)
        page.compare_requested.connect(lambda: self.show_page("compare"))
        return page

    def _make_history(self) -> QWidget:
        from reconcile_app.ui.views.history_page import HistoryPage

        page = HistoryPage(self._controller, self._theme)
        page.run_opened.connect(self._open_run)
        page.undo_requested.connect(self.push.start_undo)
        return page

    def _make_connections(self) -> QWidget:
        from reconcile_app.ui.views.connections_page import ConnectionsPage

        return ConnectionsPage(self._controller, self._theme)

    def _make_settings(self) -> QWidget:
        from reconcile_app.ui.views.settings_page import SettingsPage

        page = SettingsPage(self._controller, self._theme, self.push.limits)
        page.appearance_chosen.connect(self._set_appearance)
        page.limits_chosen.connect(self._set_limits)
        return page

    def ready(self) -> None:
        """What the first paint did without is loaded: show the page that was left last."""
        self._starting = False
        self._refresh_banner()
        self.show_page(self._first_page())

    def _make_starting(self) -> QWidget:
        page = plain_label("Starting …")
        page.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return page

    def _first_page(self) -> str:
        last = self._state.get("page")
        return last if isinstance(last, str) and last in dict(PAGES) and self._controller.connections() else "compare"

    def show_page(self, name: str) -> None:
        """Show a page. *Compare* is the push while one is under way, and the welcome while there is nothing to compare."""
        self._page = name
        widget: QWidget
        if self._starting:
            widget = self.page("starting")
        elif name == "compare" and self.push.active:
            widget = self.push
        elif name == "compare" and not self._controller.connections() and self._controller.run is None:
            widget = self.page("welcome")
        else:
            widget = self.page(name)
        changed = self.stack.currentWidget() is not widget
        self.stack.setCurrentWidget(widget)
        self.rail.show_page(name)
        if changed:
            widget.setFocus()

    def _rail_chosen(self, name: str) -> None:
        if name == "help":
            self.rail.show_page(self._page)
            self.show_help()
        else:
            self.show_page(name)

    def show_help(self) -> None:
        """Open the sheet of keys."""
        from reconcile_app.ui.views.keys_help import KeysHelp

        if not self._controller.tasks.running("keys help"):
            self._controller.tasks.start(run_dialog(KeysHelp(self._theme, self)), "keys help")

    # words on top and below --------------------------------------------------------------------------------------------------
    def _note(self, text: str) -> None:
        self.statusBar().showMessage(shown(text), _NOTE_MS)

    def _refresh_banner(self) -> None:
        """Sample data is told apart from real systems by name, because what is pushed to a real one is real."""
        views = self._controller.connections()
        sample = [view.connection.name for view in views if view.sandbox]
        real = [view.connection.name for view in views if not view.sandbox]
        self.banner.setVisible(bool(sample))
        if not real:
            self.banner_text.setText("Sample data, nothing leaves this computer")
        else:
            also = "a real system" if len(real) == 1 else "real systems"
            told = f"Sample data in {listed(sample)}: nothing of it leaves this computer"
            self.banner_text.setText(join([told, f"{listed(real)}: {also}"]))

    def _connections_changed(self) -> None:
        self._refresh_banner()
        if self._page == "compare":
            self.show_page("compare")

    def _run_changed(self, run: Run | None) -> None:
        self.open_folder.hide()
        self._tell_compared(run)
        if self._page == "compare":
            self.show_page("compare")

    def _tell_compared(self, run: Run | None) -> None:
        """Which comparison is on the desk, and of when it is: numbers without their age mislead."""
        if run is None:
            self._compared.setText("Nothing compared yet")
            return
        basis = run.basis
        sides = f"{basis.billing.side.connection} → {basis.psa.side.connection}"
        self._compared.setText(join([f"Compared {moment_text(basis.created)}", shown(sides, 80)]))

    def _failed(self, error: BaseException) -> None:
        self._errors.append(error)
        if not self._controller.tasks.running("show errors"):
            self._controller.tasks.start(self._show_errors(), "show errors")

    async def _show_errors(self) -> None:
        while self._errors:
            await show_error(self, self._errors.pop(0))

    # what spans pages --------------------------------------------------------------------------------------------------------
    def _connect_first(self) -> None:
        from reconcile_app.ui.views.connections_page import ConnectionsPage

        self.show_page("connections")
        cast(ConnectionsPage, self.page("connections")).add_connection()

    def _map_row(self, key: str, what: str) -> None:
        from reconcile_app.ui.views.mapping_flow import MappingFlow

        if self._mapping is None:
            self._mapping = MappingFlow(self._controller, self._theme, self)
        self._mapping.map_row(key, what)

    def _open_run(self, run_id: str) -> None:
        self._controller.open_run(run_id)
        self.show_page("compare")

    def _show_in_history(self, run_id: str) -> None:
        from reconcile_app.ui.views.history_page import HistoryPage

        self.show_page("history")
        cast(HistoryPage, self.page("history")).select_run(run_id)

    def choose_export(self) -> None:
        """Ask where the Excel log goes and write it."""
        self.files.choose_export()

    def _exported(self, path: Path) -> None:
        self.files.exported(path)
        self.open_folder.show()

    # how it was left ---------------------------------------------------------------------------------------------------------
    def _restore(self) -> None:
        state = self._state
        if not self._starting:  # while the program starts the frame around this has its place already
            self._restore_geometry(state.get("geometry"))
        appearance = state.get("appearance")
        if isinstance(appearance, str) and appearance != self._theme.appearance:
            self._set_appearance(appearance)
        limits = state.get("limits")
        if isinstance(limits, dict) and all(isinstance(limits.get(name), int) for name in _LIMITS):
            self.push.limits = Limits(**{name: max(1, limits[name]) for name in _LIMITS})

    def _restore_geometry(self, geometry: object) -> None:
        if not (isinstance(geometry, str) and self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "ignore")))):
            self.resize(1280, 800)

    def window_state(self) -> dict[str, Any]:
        """How the window is left: geometry, page, appearance, limits, and what the pages want to remember."""
        limits = self.push.limits
        state: dict[str, Any] = {
            **self._state, "geometry": bytes(self.window().saveGeometry().toBase64().data()).decode("ascii"), "page": self._page,
            "appearance": self._theme.appearance, "limits": {name: getattr(limits, name) for name in _LIMITS},
        }
        if self._compare is not None:
            state["compare"] = self._compare.state()
        return state

    def _set_appearance(self, appearance: str) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication) and appearance in APPEARANCES:
            self._theme.apply(app, appearance)

    def _set_limits(self, limits: Limits) -> None:
        self.push.limits = limits

    # closing -----------------------------------------------------------------------------------------------------------------
    def closeEvent(self, event: QCloseEvent) -> None:
        """A running push is never cut off: it is stopped after the current change, or the window stays."""
        if self._controller.pushing and not self._may_close:
            event.ignore()
            if not self._controller.tasks.running("closing"):
                self._controller.tasks.start(self._ask_to_close(), "closing")
            return
        self._store.save(self.window_state())
        event.accept()
        self.closed.emit()

    async def _ask_to_close(self) -> None:
        text = ("Changes are being written. A change that is on its way is always finished and read back; the rest can be stopped. "
                "Minimized, the push goes on.")
        answer = await ask(self, "A push is running", text, (_MINIMIZE, _STOP, _KEEP))
        if answer == _MINIMIZE:
            self.window().showMinimized()
        elif answer == _STOP:
            self.push.set_stopping()
            self._controller.stop_push()
            while self._controller.pushing:
                await asyncio.sleep(0.1)
            self._may_close = True
            self.close()
