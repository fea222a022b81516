"""The Compare page: header, strips, cards, the comparison or the log, and the bar that pushes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_tool_tip, show_error
from reconcile_app.ui.messages import locale_numbers, plural
from reconcile_app.ui.models.comparison_rows import ComparisonRows, field, prepare_comparison
from reconcile_app.ui.models.filtering import Filtered, Filters, apply_filters
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.compare_header import CompareHeader
from reconcile_app.ui.views.comparison_pane import ComparisonPane
from reconcile_app.ui.views.fittings import button
from reconcile_app.ui.views.log_page import LogPage
from reconcile_app.ui.views.push_bar import PushBar, Strips
from reconcile_app.ui.views.row_actions import alarmed_rows
from reconcile_app.ui.views.row_commands import RowCommands
from reconcile_app.ui.views.summary_bar import SummaryBar

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord
    from reconcile_app.core.run import Run

TO_DO, ALL, LOG = range(3)


class ComparePage(QWidget):
    """What an operator works on. The main window answers the signals with its dialogs."""

    map_requested = Signal(str, str)
    """Row key, and what: customer, contract, product or line."""
    push_requested = Signal()
    export_requested = Signal()
    decisions_requested = Signal()
    open_ops_requested = Signal()
    connect_requested = Signal()
    help_requested = Signal()

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._numbers = locale_numbers()
        self.header = CompareHeader(controller, theme, self._numbers)
        self.strips = Strips()
        self.summary = SummaryBar(theme)
        self.tabs = QTabBar()
        self.search = QLineEdit()
        self.export = button("Export to Excel", self.export_requested.emit, name="Export to Excel")
        self.take_back = button(
            "Take back …", self.decisions_requested.emit, name="Take decisions from an edited Excel log", kind="quiet"
        )
        plain_tool_tip(self.take_back, "Tick by the Decision column of an Excel log that was edited")
        self.pane = ComparisonPane(controller, theme, self._numbers)
        self._commands = RowCommands(controller, self.pane, self._numbers, self)
        self.log = LogPage(controller, theme, self._numbers)
        self.bar = PushBar(self._numbers)
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()
        self._add_shortcuts()
        self.setFocusProxy(self.pane.table)
        self._run_changed(controller.run)

    def _lay_out(self) -> None:
        for title in ("To do", "All", "Log"):
            self.tabs.addTab(title)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName("What is shown: to do, all rows, log")
        self.search.setPlaceholderText("search: code, customer, SKU, text …   Ctrl+F")
        self.search.setAccessibleName("Search the comparison")
        self.search.setClearButtonEnabled(True)
        self.search.installEventFilter(self)
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(self.tabs)
        line.addStretch(1)
        line.addWidget(self.search, 2)
        line.addWidget(self.take_back)
        line.addWidget(self.export)
        self._stack.addWidget(self.pane)
        self._stack.addWidget(self.log)
        body = QVBoxLayout()
        body.setContentsMargins(12, 8, 12, 8)
        body.setSpacing(8)
        body.addWidget(self.strips)
        body.addWidget(self.summary)
        body.addLayout(line)
        body.addWidget(self._stack, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addLayout(body, 1)
        layout.addWidget(self.bar)

    def _connect(self) -> None:
        controller, pane = self._controller, self.pane
        controller.run_changed.connect(self._run_changed)
        controller.busy_changed.connect(lambda _on, _words: self._busy_changed())
        controller.failed.connect(lambda _error: self._tell_failure())
        controller.open_ops_changed.connect(self._open_ops_changed)
        controller.journals_changed.connect(self.strips.show_journals)
        controller.connections_changed.connect(self._tell_empty)
        controller.options_changed.connect(self._tell_empty)
        pane.filtered.connect(self._filtered)
        pane.ticks_changed.connect(self._tell_totals)
        self._commands.map_requested.connect(self.map_requested)
        self._commands.help_requested.connect(self.help_requested)
        pane.empty.pressed.connect(self._empty_pressed)
        self.summary.card_clicked.connect(self._card_clicked)
        self.tabs.currentChanged.connect(self._tab_changed)
        self.search.textChanged.connect(lambda text: pane.change_filters(text=text))
        self.log.row_wanted.connect(self._go_to_log_row)
        self.header.connect_requested.connect(self.connect_requested)
        self.bar.push_requested.connect(self._push)
        self.strips.open_ops_requested.connect(self.open_ops_requested)
        self.strips.retry_requested.connect(controller.compare)
        self.strips.details_requested.connect(lambda error: controller.tasks.start(show_error(self.window(), error), "details"))
        self.strips.row_requested.connect(self.show_row)
        controller.alarms_changed.connect(self._tell_alarms)

    def _add_shortcuts(self) -> None:
        keys: tuple[tuple[str, Callable[[], object]], ...] = (
            ("F5", self._controller.compare), ("Shift+F5", self._recheck), ("F7", lambda: self._step(False)),
            ("F8", lambda: self._step(True)), ("Ctrl+F", self._search), ("Esc", self._escape), ("Ctrl+E", self._export),
            ("Ctrl+Z", self._controller.undo), ("Ctrl+Y", self._controller.redo), ("Ctrl+Shift+Z", self._controller.redo),
            ("Ctrl+Return", self._push), ("Ctrl+Enter", self._push),
        )
        for key, action in keys:
            # of the window, so that they also work while the rail has the focus; the keys of a hidden page are dead
            QShortcut(QKeySequence(key), self).activated.connect(action)

    # the run -----------------------------------------------------------------------------------------------------------------

    def _run_changed(self, run: Run | None) -> None:
        self._controller.read_margin()
        self.strips.show_sides(run)
        self._tell_failure()
        self.log.set_run(run)
        self.export.setEnabled(run is not None)
        self.take_back.setEnabled(run is not None)
        self._controller.tasks.cancel("prepare")
        if run is None:
            self.pane.clear()
            self.summary.show_nothing()
            self.bar.show_nothing("Nothing compared yet")
            self._tell_empty()
            return
        self._controller.tasks.start(self._prepare(run), "prepare")

    async def _prepare(self, run: Run) -> None:
        billing, psa = run.basis.billing.side.title, run.basis.psa.side.title
        filters = self.pane.filters
        rows, result = await asyncio.to_thread(self._make_ready, run, filters, billing, psa)
        # ticks made meanwhile are already on the screen; the run they bring is next
        if not self._controller.changing:
            first = self.pane.rows is None
            self.pane.show_rows(rows, self._controller.codes(), billing, psa, (filters, result))
            self._tell_alarms()
            if first and self.isVisible():  # another page would lose the focus to a hidden one
                self.pane.table.setFocus()  # the keys of the table work at once

    def _make_ready(self, run: Run, filters: Filters, billing: str, psa: str) -> tuple[ComparisonRows, Filtered]:
        rows = prepare_comparison(run, self._numbers, billing, psa)
        return rows, apply_filters(rows, filters)

    def _filtered(self, result: Filtered | None) -> None:
        self._tell_empty()
        rows = self.pane.rows
        if rows is None or result is None:
            return
        percent = rows.run.summary.compared_value_percent
        self.summary.show_counts(result.cards, percent, self.pane.filters.cards, self._numbers)
        self.tabs.setTabText(TO_DO, f"To do  {self._numbers.count(int(rows.todo.sum()))}")
        self.tabs.setTabText(ALL, f"All  {self._numbers.count(rows.count)}")
        self._tell_totals()

    def _tell_totals(self) -> None:
        totals = self.pane.totals()
        if totals is None:
            return
        basis = self.pane.rows.run.basis if self.pane.rows is not None else None
        if basis is not None:
            self.bar.show_totals(totals, basis.effective_date, basis.today)
        if self._controller.busy:
            self.bar.push.setEnabled(False)

    def _tell_failure(self) -> None:
        self.strips.show_failure(self._controller.failure, self._controller.run is not None)

    def _tell_alarms(self) -> None:
        rows = self.pane.rows
        self.strips.show_alarms(alarmed_rows(rows, self._controller.alarms) if rows is not None else [])

    def _open_ops_changed(self, ops: list[OpRecord]) -> None:
        self.strips.show_open_ops(ops)

    def _busy_changed(self) -> None:
        self._tell_failure()
        self.pane.table.set_stale(self._controller.reading)
        self._tell_totals()
        self._tell_empty()

    # nothing to show ---------------------------------------------------------------------------------------------------------

    def _tell_empty(self) -> None:
        pane = self.pane
        if pane.rows is not None and pane.model.rowCount():
            pane.show_table()
        elif pane.rows is not None:
            self._tell_nothing_left()
        elif self._controller.busy:
            pane.show_empty("Reading both sides", "The comparison appears here as soon as both sides are read.")
        elif self._controller.selected_billing and self._controller.selected_psa:
            words = "Choose a period above and compare. Nothing is written before you have seen it."
            pane.show_empty("Nothing compared yet", words, "Compare  F5")
        else:
            pane.show_empty("Connect a billing source and a PSA", "Both are needed for a comparison.", "Connections …")

    def _tell_nothing_left(self) -> None:
        filters, rows = self.pane.filters, self.pane.rows
        total = plural(rows.count if rows is not None else 0, "line", numbers=self._numbers)
        if filters.narrowed or filters.text:
            words = f"The search and the filters hide all of the {total}."
            self.pane.show_empty("No line matches", words, "Clear search and filters")
        else:
            self.pane.show_empty("Nothing to do", f"All of the {total} are fine or decided.", "Show all")

    def _empty_pressed(self) -> None:
        if self.pane.rows is not None:
            if self.pane.filters.narrowed or self.pane.filters.text:
                self.search.clear()
                self.pane.set_filters(self.pane.filters.cleared())
            else:
                self.tabs.setCurrentIndex(ALL)
            self.pane.table.setFocus()
        elif self._controller.selected_billing and self._controller.selected_psa:
            self._controller.compare()
        else:
            self.connect_requested.emit()

    # filters -----------------------------------------------------------------------------------------------------------------

    def _card_clicked(self, name: str, add: bool) -> None:
        chosen = self.pane.filters.cards
        if name == "all":
            self.pane.set_filters(self.pane.filters.cleared())
            return
        kept = chosen if add else chosen & {name}
        self.pane.change_filters(cards=kept ^ {name})

    def _tab_changed(self, tab: int) -> None:
        self._stack.setCurrentIndex(1 if tab == LOG else 0)
        self.search.setVisible(tab != LOG)
        if tab == LOG:
            self.log.bring_up()
        else:
            self.pane.change_filters(todo=tab == TO_DO)

    def _search(self) -> None:
        field_ = self.log.search if self.tabs.currentIndex() == LOG else self.search
        field_.setFocus(Qt.FocusReason.ShortcutFocusReason)
        field_.selectAll()

    def _escape(self) -> None:
        if self.tabs.currentIndex() == LOG:
            self.log.search.clear()
        elif self.search.text():
            self.search.clear()
        else:
            self.pane.set_filters(self.pane.filters.cleared())
        if self.tabs.currentIndex() != LOG:
            self.pane.table.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Down and Enter lead from the search into the table."""
        leading = (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress \
                and event.key() in leading and not event.modifiers():
            self.pane.table.setFocus()
            return True
        return super().eventFilter(watched, event)

    def _go_to_log_row(self, row: int) -> None:
        run = self._controller.run
        if run is not None and 0 <= row < len(run.rows):
            self.show_row(field(run, row, "key"))

    def show_row(self, key: str) -> bool:
        """Bring a row to the front, whatever hides it; false when there is no such row."""
        if self.pane.frame_row(key) < 0:
            return False
        if self.tabs.currentIndex() == LOG:
            self.tabs.setCurrentIndex(TO_DO if self.pane.filters.todo else ALL)
        if self.pane.table.rows.row_of(key) < 0:
            self.search.clear()
            self.tabs.setCurrentIndex(ALL)
        self.pane.table.setFocus()
        return self.pane.reveal(key)

    # actions -----------------------------------------------------------------------------------------------------------------

    def _recheck(self) -> None:
        rows = self.pane.rows
        if rows is not None:
            places = [rows.position[key] for key in self.pane.table.selected_keys()]
            self._controller.recheck(tuple(dict.fromkeys(field(rows.run, place, "customer_code") for place in places)))

    def _step(self, forward: bool) -> None:
        self.pane.table.setFocus()
        if not self.pane.table.step_to_do(forward):
            self._controller.note.emit("Nothing more to do below." if forward else "Nothing more to do above.")

    def _export(self) -> None:
        if self._controller.run is not None:
            self.export_requested.emit()

    def _push(self) -> None:
        if self.bar.push.isEnabled():
            self.push_requested.emit()

    # remembered --------------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Columns, sizes, tab and filters, to be remembered; plain JSON."""
        return {"tab": self.tabs.currentIndex(), **self.pane.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As remembered."""
        self.pane.restore(state)
        if state.get("tab") in (TO_DO, ALL):
            self.tabs.setCurrentIndex(state["tab"])
