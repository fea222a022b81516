"""The Log tab: every entry of the run, searchable by code and message."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from reconcile_app.core.run import Run
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label
from reconcile_app.ui.messages import Numbers, plural
from reconcile_app.ui.models.frame_table import FrameTable
from reconcile_app.ui.models.log_rows import LEVELS, LOG_COLUMNS, LogRows, log_mask, prepare_log
from reconcile_app.ui.models.prepared import Flags
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import muted_label

_LEVEL_COLORS = {0: "doubt_ink", 1: "raise_ink", 2: "text", 3: "muted"}


class LogPage(QWidget):
    """The log. ``row_wanted`` carries the position of a comparison row."""

    row_wanted = Signal(int)

    def __init__(self, controller: Controller, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._numbers = controller, numbers
        self._run: Run | None = None
        self._shown: Run | None = None
        self.model = FrameTable(LOG_COLUMNS, self)
        self.view = _LogView(self.model, theme)
        self.search = QLineEdit()
        self.search.setPlaceholderText("search the log: code, message, customer …")
        self.search.setAccessibleName("Search the log")
        self.search.setClearButtonEnabled(True)
        self.level = QComboBox()
        self.level.setAccessibleName("Levels shown")
        for level, words in zip(LEVELS, ("Errors only", "Warnings and errors", "Info and above", "Everything"), strict=True):
            self.level.addItem(words, level)
        self.level.setCurrentIndex(len(LEVELS) - 1)
        self.count = muted_label()
        head = QHBoxLayout()
        head.addWidget(self.search, 1)
        head.addWidget(plain_label("Levels"))
        head.addWidget(self.level)
        head.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        self.search.textChanged.connect(lambda _text: self.refilter())
        self.level.currentIndexChanged.connect(lambda _place: self.refilter())
        self.view.opened.connect(self._opened)

    def set_run(self, run: Run | None) -> None:
        """Another run; its log is made ready when the tab is looked at."""
        self._run = run
        if self.isVisible():
            self.bring_up()

    def bring_up(self) -> None:
        """Show the log of the present run."""
        if self._run is not self._shown:
            self._controller.tasks.cancel("prepare log")
            self._controller.tasks.start(self._prepare(self._run), "prepare log")

    async def _prepare(self, run: Run | None) -> None:
        rows = await asyncio.to_thread(prepare_log, run, self._numbers) if run is not None else None
        self._shown = run
        self.model.set_rows(rows, self._mask(rows))
        self._tell_count()

    def search_for(self, text: str) -> None:
        """Put a text into the search."""
        self.search.setText(text)

    def refilter(self) -> None:
        """Search and level as they are now."""
        rows = self.model.rows
        self.model.set_filter(self._mask(rows if isinstance(rows, LogRows) else None))
        self._tell_count()

    def _mask(self, rows: LogRows | None) -> Flags | None:
        return log_mask(rows, self.search.text(), self.level.currentIndex()) if rows is not None else None

    def _tell_count(self) -> None:
        rows = self.model.rows
        total = rows.count if rows is not None else 0
        some = self.model.rowCount()
        entries = plural(total, "entry", "entries", self._numbers)
        self.count.setText(entries if some == total else f"{self._numbers.count(some)} of {entries}")

    def _opened(self, table_row: int) -> None:
        rows = self.model.rows
        if isinstance(rows, LogRows):
            row = int(rows.row[self.model.frame_row(table_row)])
            if row >= 0:
                self.row_wanted.emit(row)


class _LogView(QTableView):
    """The table of entries. ``opened``: row of the table."""

    opened = Signal(int)

    def __init__(self, model: FrameTable, theme: Theme) -> None:
        super().__init__()
        self._entries = model
        self.setModel(model)
        self.setItemDelegate(_LevelDelegate(model, theme, self))
        self.setFont(Theme.figures(self.font()))
        self.setStyleSheet("QTableView::item { padding-left: 3px; padding-right: 3px; }")
        self.setAccessibleName("Log of the run; Enter goes to the row")
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.sectionClicked.connect(self._sort)
        for place, column in enumerate(LOG_COLUMNS):
            self.setColumnWidth(place, int(column.width * self.fontMetrics().horizontalAdvance("0")) + 14)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    def _sort(self, place: int) -> None:
        add = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._entries.set_sort(self._entries.toggled_sort(place, add))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes to the row of the comparison."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)


class _LevelDelegate(QStyledItemDelegate):
    """Colors an entry by its level; the word stands beside it."""

    def __init__(self, model: FrameTable, theme: Theme, view: QTableView) -> None:
        super().__init__(view)
        self._entries, self._theme = model, theme
        self._colored = {model.place("level"), model.place("code")}

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Only level and code are colored; messages keep the color of text."""
        super().initStyleOption(option, index)
        rows = self._entries.rows
        if rows is not None and index.column() in self._colored:
            level = int(rows.levels[self._entries.frame_row(index.row())])
            ink = QColor(getattr(self._theme.colors, _LEVEL_COLORS[level]))
            for role in (QPalette.ColorRole.Text, QPalette.ColorRole.HighlightedText):
                option.palette.setColor(role, ink)
