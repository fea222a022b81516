"""History: every saved run; each opens as it was, without asking any system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from reconcile_app.core.changes import Status
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label, plain_tool_tip
from reconcile_app.ui.messages import locale_numbers, moment_text, period_text, plural
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import (
    RecordView,
    SearchField,
    button,
    muted_label,
    page_layout,
    page_title,
    painter_of,
    row_of,
)
from reconcile_app.ui.views.push_words import cents

if TYPE_CHECKING:
    from reconcile_app.services.desk import RunView


def result_words(run: RunView) -> str:
    """What became of the run."""
    words = {"compared": "Compared, nothing pushed", "finished": "Pushed", "refused": "Push refused, nothing written"}
    told = words.get(run.result) or run.result.replace("finished, ", "Pushed, ").strip()
    return told if run.complete else f"{told} · a side was not read completely"


def result_style(run: RunView) -> str:
    """Style of the result cell."""
    if "open" in run.result or "without" in run.result or run.result == "refused":
        return "doubt"
    if not run.complete:
        return Status.UNKNOWN
    return "ok" if run.result == "finished" else "muted"


def result_mark(run: RunView) -> str:
    """Mark that goes with the color of the result."""
    return {"doubt": "‼ ", "ok": "✓ ", Status.UNKNOWN: "⊘ "}.get(result_style(run), "")


class HistoryPage(QWidget):
    """The list of saved runs.

    Signals:
        run_opened: the id of the run that shall be shown.
        undo_requested: the id of the run whose newest push shall be undone.
    """

    run_opened = Signal(str)
    undo_requested = Signal(str)

    def __init__(self, controller: Controller, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("History")
        self._controller = controller
        numbers = locale_numbers()
        self._numbers = numbers
        self._wanted = ""
        self.model = RecordTable([
            RecordColumn(title="Period", text=lambda r: period_text(r.period, controller.today), order=lambda r: r.period),
            RecordColumn(title="Made", text=lambda r: moment_text(r.created), order=lambda r: r.created),
            RecordColumn(title="Connections", text=lambda r: f"{r.billing} → {r.psa}"),
            RecordColumn(title="Lines", text=lambda r: numbers.count(r.rows), order=lambda r: r.rows, right=True),
            RecordColumn(title="Warnings", text=lambda r: numbers.count(r.warnings), order=lambda r: r.warnings, right=True),
            RecordColumn(title="$ a month", text=lambda r: numbers.money(cents(r.money_per_period), signed=True),
                         order=lambda r: r.money_per_period, right=True),
            RecordColumn(title="Result", text=lambda r: result_mark(r) + result_words(r), style=result_style),
        ], key=lambda r: r.run_id, paint=painter_of(theme))
        self.view = RecordView(self.model, "Saved runs", stretch=6)
        self.view.set_widths({0: 18, 1: 22, 2: 24, 3: 8, 4: 11, 5: 13, 6: 40})
        self.search = SearchField(self.model, self.view, "Search: period, connection, result …  Ctrl+F")
        self.open_button = button("Open", self._open_current, kind="primary", name="Open the selected run")
        self.undo_button = button("Undo push…", self._undo_current, name="Undo the newest push of the selected run")
        self.count = muted_label()
        list_page = QWidget()
        column = QVBoxLayout(list_page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row_of(self.search, self.undo_button, self.open_button, stretch_at=0))
        column.addWidget(self.view, 1)
        column.addWidget(self.count)
        self.stack = QStackedWidget()
        self.stack.addWidget(list_page)
        self.stack.addWidget(self._empty())
        layout = page_layout(self)
        layout.addWidget(page_title("History"))
        layout.addWidget(muted_label("A run opens as it was when it was made. No system is asked for anything.", wrap=True))
        layout.addWidget(self.stack, 1)
        self.view.opened.connect(self._open)
        self.view.current_changed.connect(self._judge)
        self._judge(None)
        self.setFocusProxy(self.view)
        controller.run_changed.connect(lambda _run: self.refresh())
        theme.changed.connect(self.view.viewport().update)
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)

    def _empty(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(1)
        for label in (plain_label("No run has been saved yet."), muted_label("Every comparison is kept here by itself.")):
            label.setAlignment(label.alignment() | label.alignment().AlignHCenter)
            column.addWidget(label)
        column.addStretch(2)
        return page

    def showEvent(self, event: QShowEvent) -> None:
        """Coming to the page shows what is there now."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """List the saved runs, newest first."""
        if self.isVisible():
            self._controller.tasks.cancel("saved runs")
            self._controller.tasks.start(self._list_runs(), "saved runs")

    async def _list_runs(self) -> None:
        runs = sorted(await self._controller.runs(), key=lambda run: run.created, reverse=True)
        self.model.set_records(runs)
        self.stack.setCurrentIndex(0 if runs else 1)
        self.count.setText(plural(len(runs), "run", numbers=self._numbers))
        self.view.select_row(self.model.row_of(self._wanted))
        self._wanted = ""
        if runs and not self.view.currentIndex().isValid():
            self.view.select_row(0)
        self._judge(self.view.current())  # the same row may say something else now

    def select_run(self, run_id: str) -> None:
        """Put the cursor on a run."""
        self._wanted = run_id
        self.refresh()

    def _judge(self, run: RunView | None) -> None:
        """What can be done with the run under the cursor."""
        self.open_button.setEnabled(run is not None)
        possible = run is not None and run.result.startswith("finished") and run.result != "finished, undone"
        self.undo_button.setEnabled(possible)
        why = "Shows what can be taken back exactly, what by a compensating change, and what is too late; sends nothing yet"
        plain_tool_tip(self.undo_button, why if possible else "Nothing of this run can be taken back: nothing stands of a push")

    def _undo_current(self) -> None:
        record = self.view.current()
        if record is not None:
            self.undo_requested.emit(record.run_id)

    def _open_current(self) -> None:
        record = self.view.current()
        if record is not None:
            self._open(record)

    def _open(self, run: RunView) -> None:
        self.run_opened.emit(run.run_id)
