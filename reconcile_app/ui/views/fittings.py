"""Small parts that all pages share: titles, muted text, buttons, cards, the list with its search."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from reconcile_app.ui.clipboard import put_rows
from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import guarded
from reconcile_app.ui.models.record_table import Paint, RecordTable
from reconcile_app.ui.theme import Theme

MARGIN = 20
"""Space between the edge of a page and what it shows."""
_NARROW = 22
"""Columns of at most this many characters do not give way."""
_LOOKED_AT = 60
"""Records whose texts are measured for the width of a column."""


def page_layout(page: QWidget) -> QVBoxLayout:
    """The layout of a page: one column with air around it."""
    layout = QVBoxLayout(page)
    layout.setContentsMargins(MARGIN, 16, MARGIN, 14)
    layout.setSpacing(10)
    return layout


def page_title(text: str) -> QLabel:
    """The one large line on top of a page."""
    return strong_label(text, larger=1.45)


def muted_label(text: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """Text that explains and does not ask for attention."""
    label = plain_label(text, wrap=wrap, selectable=selectable)
    label.setProperty("muted", True)
    return label


def problem_label(text: str = "", *, wrap: bool = True) -> QLabel:
    """Text that says what is wrong, hidden while nothing is."""
    label = plain_label(text, wrap=wrap)
    label.setProperty("problem", True)
    if not text:
        label.hide()
    return label


def button(text: str, pressed: Callable[[], object] | None = None, *, kind: str = "", name: str = "") -> QPushButton:
    """A push button; ``kind`` is ``primary``, ``danger`` or ``quiet``. ``name`` is the accessible name where the text is short."""
    made = QPushButton(text.replace("&", "&&"))
    made.setAutoDefault(False)
    if kind:
        made.setProperty(kind, True)
    if name:
        made.setAccessibleName(name)
    if pressed is not None:
        made.clicked.connect(lambda _checked=False: pressed())
    return made


def card() -> tuple[QFrame, QVBoxLayout]:
    """A raised frame and its layout."""
    frame = QFrame()
    frame.setProperty("card", True)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(16, 14, 16, 14)
    layout.setSpacing(8)
    return frame, layout


def strip(kind: str, text: str = "") -> tuple[QFrame, QHBoxLayout, QLabel]:
    """A colored strip (``doubt`` or ``warn``) with its text; buttons go behind it."""
    frame = QFrame()
    frame.setProperty("bar", kind)
    layout = QHBoxLayout(frame)
    layout.setContentsMargins(14, 8, 12, 8)
    label = plain_label(text, wrap=True)
    layout.addWidget(label, 1)
    return frame, layout, label


def row_size(view: QWidget) -> QSize:
    """Size of a row with a check box: the box stays whole and rows stay apart."""
    return QSize(0, max(view.fontMetrics().height(), 16) + 8)


def row_of(*widgets: QWidget | None, stretch_at: int = -1) -> QHBoxLayout:
    """Widgets side by side; ``None`` is a gap that takes all room."""
    layout = QHBoxLayout()
    layout.setSpacing(8)
    for place, widget in enumerate(widgets):
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget, 1 if place == stretch_at else 0)
    return layout


def tab_through(*widgets: QWidget) -> None:
    """Make Tab go through these in this order, whatever order they were made in."""
    for one, next_one in pairwise(widgets):
        QWidget.setTabOrder(one, next_one)


def painter_of(theme: Theme) -> Paint:
    """Colors of a cell by the name of its style: a status, ``doubt``, ``ok`` or ``muted``."""
    def paint(style: str) -> tuple[QBrush | None, QBrush | None]:
        if style in ("ok", "muted"):
            return QBrush(theme.color(style)), None
        look = theme.look(style)
        return QBrush(theme.color("text") if look.tint is None else look.ink), None
    return paint


class RecordView(QTableView):
    """A list of records: whole rows, sortable, Enter and double-click open one.

    Signals:
        opened: the record that was opened.
        current_changed: the record under the cursor, or None.
    """

    opened = Signal(object)
    current_changed = Signal(object)

    def __init__(self, model: RecordTable, name: str, *, stretch: int = 0) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName(name)
        self.setStyleSheet("QTableView::item { padding-left: 3px; padding-right: 3px; }")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(48)
        header.setSectionsMovable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.sectionResized.connect(self._resized)
        self._records = model
        self._stretch, self._wanted = stretch, dict.fromkeys(range(model.columnCount()), 12)
        self._fitting, self._own_widths = False, False
        self._widest: dict[int, int] = {}
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.doubleClicked.connect(self._open)
        self.selectionModel().currentRowChanged.connect(self._current)
        model.records_changed.connect(self._fit)

    def set_widths(self, characters: dict[int, int]) -> None:
        """About how many average characters each column shows, until the operator draws a border.

        A column takes what its title and texts need, at most twice that many; the stretching one takes the rest. Without enough
        room the wide ones give way.
        """
        self._wanted.update(characters)
        self._fit()

    def _needed(self, column: int) -> int:
        """What title and texts of a column need, judged by its first records."""
        metrics, title = self.fontMetrics(), self._records.columns[column].title
        given = self._wanted[column] * metrics.averageCharWidth() + 20
        texts = self._records.sample(column, _LOOKED_AT)
        if not texts:
            return given
        widest = max(metrics.horizontalAdvance(text) for text in texts) + 28
        needed = max(min(widest, 2 * given), int(metrics.horizontalAdvance(title) * 1.15) + 20)
        # never less than before: columns that go to and fro under running states cannot be read
        self._widest[column] = max(needed, self._widest.get(column, 0))
        return self._widest[column]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._own_widths:
            return
        widths = {column: self._needed(column) for column in self._wanted}
        spare = self.viewport().width() - sum(widths.values())
        wide = [column for column, count in self._wanted.items() if count > _NARROW]
        if spare < 0 and self._stretch in wide:
            # what it says stands in full below most lists
            given = min(-spare, int(widths[self._stretch] * 0.3))
            widths[self._stretch] -= given
            spare += given
        if spare < 0 and wide:
            room = sum(widths[column] for column in wide)
            share = max(0.4, (room + spare) / room)
            widths.update({column: int(widths[column] * share) for column in wide})
        else:
            widths[self._stretch] += max(0, spare)
        self._fitting = True
        for column, width in widths.items():
            self.setColumnWidth(column, width)
        self._fitting = False

    def _resized(self, _column: int, _old: int, _new: int) -> None:
        self._own_widths = self._own_widths or not self._fitting

    def current(self) -> Any:
        """The record under the cursor, or None."""
        index = self.currentIndex()
        return self._records.record(index.row()) if index.isValid() else None

    def select_row(self, row: int) -> None:
        """Put the cursor on a row, if there is such a row."""
        if 0 <= row < self._records.rowCount():
            self.setCurrentIndex(self._records.index(row, 0))

    def _current(self, index: QModelIndex) -> None:
        self.current_changed.emit(self._records.record(index.row()) if index.isValid() else None)

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(self._records.record(index.row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the record under the cursor; Ctrl+C copies it with the headers."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_row()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)


    def copy_row(self) -> None:
        """The record under the cursor with its headers, as tab-separated text and as HTML."""
        row = self.currentIndex().row()
        if row >= 0:
            places = range(self._records.columnCount())
            texts = [guarded(str(self._records.index(row, place).data())) for place in places]
            put_rows([[column.title for column in self._records.columns], texts])


class SearchField(QLineEdit):
    """A search field over a list: typing narrows it, Down goes into it, Enter opens its first hit, Esc clears."""

    def __init__(self, model: RecordTable, view: RecordView, prompt: str) -> None:
        super().__init__()
        self.setPlaceholderText(prompt)
        self.setAccessibleName(prompt)
        self.setClearButtonEnabled(True)
        self._model, self._view = model, view
        self.textChanged.connect(self._search)
        self.installEventFilter(self)

    def _search(self, text: str) -> None:
        self._model.search(text)
        if not self._view.currentIndex().isValid() and text:
            self._view.select_row(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that lead from the field into the list."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event.key())
        return super().eventFilter(watched, event)

    def _key(self, key: int) -> bool:
        if key == Qt.Key.Key_Down:
            self._view.setFocus(Qt.FocusReason.OtherFocusReason)
            if not self._view.currentIndex().isValid():
                self._view.select_row(0)
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not self._view.currentIndex().isValid():
                self._view.select_row(0)
            record = self._view.current()
            if record is not None:
                self._view.opened.emit(record)
            return True
        if key == Qt.Key.Key_Escape and self.text():
            self.clear()
            return True
        return False
