"""The side-by-side table: frozen columns, sorting by several columns, keys, copying, and a place that does not move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from PySide6.QtCore import QItemSelectionModel, QItemSelectionRange, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QMenu, QTableView, QWidget

from reconcile_app.ui.clipboard import put_rows
from reconcile_app.ui.models.comparison_model import TICK_COLUMN, ComparisonModel
from reconcile_app.ui.models.comparison_rows import FROZEN, HIDDEN_AT_FIRST
from reconcile_app.ui.models.frame_table import Index
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.comparison_delegate import ComparisonDelegate
from reconcile_app.ui.views.frozen_columns import FrozenColumns

Flag = QItemSelectionModel.SelectionFlag
_NEIGHBORS = 200
_SHARING = {"customer_name": (15, 26, 0.46), "service_name": (15, 34, 0.54)}
"""Columns that share the room others leave: at least and at most so many digits wide, and the share of each."""

ACTIONS: dict[tuple[int, bool], str] = {
    (Qt.Key.Key_A, False): "accept", (Qt.Key.Key_A, True): "accept_alike", (Qt.Key.Key_I, False): "ignore",
    (Qt.Key.Key_M, False): "map", (Qt.Key.Key_E, False): "evidence", (Qt.Key.Key_N, False): "note",
}
"""Plain keys of the table: key and whether Shift is held → action."""


class ComparisonTable(QTableView):
    """The comparison. ``action`` names what a plain key asked for."""

    action = Signal(str)
    current_changed = Signal(str)
    """Key of the current row, or empty."""
    sorted_by = Signal()

    def __init__(self, model: ComparisonModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = model
        self._fitting, self._own_widths = False, False
        self.frozen = FrozenColumns(self)
        self.delegate = ComparisonDelegate(model, theme, self)
        self._delegates = {self: self.delegate, self.frozen: ComparisonDelegate(model, theme, self.frozen)}
        self.delegate.skip(model.place(key) for key in FROZEN)
        self._dress_view(self, theme)
        self.setModel(model)
        self.setAccessibleName("Comparison, one row per customer and line")
        self._dress_view(self.frozen, theme)
        self.frozen.setModel(model)
        self.frozen.setSelectionModel(self.selectionModel())
        self._set_up_headers()
        self._set_up_frozen()
        self.selectionModel().currentRowChanged.connect(self._tell_current)
        self.clicked.connect(self._clicked)
        self.frozen.clicked.connect(self._clicked)

    def _dress_view(self, view: QTableView, theme: Theme) -> None:
        view.setFont(Theme.figures(view.font()))
        self._delegates[view].set_font(view.font())
        view.setItemDelegate(self._delegates[view])
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setTabKeyNavigation(False)
        rows = view.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(view.fontMetrics().height() + 10)
        rows.setMinimumSectionSize(16)

    def _set_up_headers(self) -> None:
        digit = self.fontMetrics().horizontalAdvance("0")
        for view in (self, self.frozen):
            header = view.horizontalHeader()
            header.setSectionsClickable(True)
            header.setHighlightSections(False)
            header.setTextElideMode(Qt.TextElideMode.ElideRight)
            header.setMinimumSectionSize(24)
            header.sectionClicked.connect(self._header_clicked)
            header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            header.customContextMenuRequested.connect(self._column_menu)
            for place, column in enumerate(self.rows.columns):
                view.setColumnWidth(place, int(column.width * digit) + 12 if place else 34)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.sectionMoved.connect(self._keep_frozen_first)
        header.sectionResized.connect(self._follow_width)
        self.frozen.horizontalHeader().sectionResized.connect(self._follow_frozen_width)
        for key in HIDDEN_AT_FIRST:
            self.setColumnHidden(self.rows.place(key), True)
        header.sectionResized.connect(self._resized)

    def _set_up_frozen(self) -> None:
        for place, column in enumerate(self.rows.columns):
            self.frozen.setColumnHidden(place, column.key not in FROZEN)
        self.verticalScrollBar().valueChanged.connect(self.frozen.verticalScrollBar().setValue)
        self.frozen.verticalScrollBar().valueChanged.connect(self.verticalScrollBar().setValue)
        # the follower must be able to go where the leader goes, or it would pull the leader back
        self.verticalScrollBar().rangeChanged.connect(self.frozen.verticalScrollBar().setRange)
        self.viewport().stackUnder(self.frozen)
        self.place_frozen()
        self.frozen.show()

    def fit_columns(self) -> None:
        """Widen columns whose numbers would not fit: a cut number is a wrong number.

        Customer and service share the room that is left, until the operator draws a border.
        """
        self._fitting = True
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        metrics = QFontMetrics(font)
        for place, column in enumerate(self.rows.rows.columns if self.rows.rows is not None else ()):
            title = metrics.horizontalAdvance(self.rows.columns[place].title) if column.widest else 0
            needed = max(metrics.horizontalAdvance(column.widest), title) + 14
            if column.widest and not self.isColumnHidden(place) and self.columnWidth(place) < needed:
                self.setColumnWidth(place, needed)
        if not self._own_widths:
            self._share_room(metrics.horizontalAdvance("0"))
        self._fitting = False

    def _share_room(self, digit: int) -> None:
        places = [self.rows.place(key) for key in _SHARING]
        last = self.rows.place("codes")
        taken = sum(self.columnWidth(place) for place in range(last + 1) if place not in places and not self.isColumnHidden(place))
        room = self.viewport().width() - taken
        for place, (least, most, share) in zip(places, _SHARING.values(), strict=True):
            self.setColumnWidth(place, max(least * digit, min(most * digit, int(room * share))))

    def _resized(self, _place: int, old: int, new: int) -> None:
        # a column that is hidden or shown has no width before or after
        self._own_widths = self._own_widths or not (self._fitting or old == 0 or new == 0)

    def set_stale(self, stale: bool) -> None:
        """Paint everything faint while a newer comparison is read."""
        for view, delegate in self._delegates.items():
            if delegate.stale != stale:
                delegate.stale = stale
                view.viewport().update()

    # frozen columns ----------------------------------------------------------------------------------------------------------

    def place_frozen(self) -> None:
        """Lay the frozen columns over the first columns."""
        width = sum(self.columnWidth(self.rows.place(key)) for key in FROZEN)
        height = self.horizontalHeader().height()
        self.frozen.horizontalHeader().setFixedHeight(max(height, 1))
        frame = self.frameWidth()
        self.frozen.setGeometry(QRect(frame, frame, width, self.viewport().height() + height))

    def _follow_width(self, place: int, _old: int, new: int) -> None:
        if self.rows.columns[place].key in FROZEN:
            self.frozen.setColumnWidth(place, new)
            self.place_frozen()

    def _follow_frozen_width(self, place: int, _old: int, new: int) -> None:
        if self.rows.columns[place].key in FROZEN:
            self.setColumnWidth(place, new)

    def _keep_frozen_first(self) -> None:
        header = self.horizontalHeader()
        for wanted, key in enumerate(FROZEN):
            visual = header.visualIndex(self.rows.place(key))
            if visual != wanted:
                header.moveSection(visual, wanted)
                return

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The columns share the new room, and the frozen ones follow."""
        super().resizeEvent(event)
        self.fit_columns()
        self.place_frozen()

    def updateGeometries(self) -> None:
        """The frozen columns follow, also when the header changes its height."""
        super().updateGeometries()
        if hasattr(self, "frozen"):
            self.place_frozen()

    def scrollTo(self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible) -> None:
        """Scroll to the row; sideways only for columns that scroll."""
        if not index.isValid():
            return
        place = self.rows.place("customer_name") if index.column() == TICK_COLUMN else index.column()
        if self.rows.columns[place].key in FROZEN:
            sideways = self.horizontalScrollBar().value()
            super().scrollTo(index, hint)
            self.horizontalScrollBar().setValue(sideways)
            return
        super().scrollTo(index, hint)
        hidden = self.frozen.width() - self.columnViewportPosition(place)
        if hidden > 0:
            self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - hidden)

    # columns -----------------------------------------------------------------------------------------------------------------

    def _header_clicked(self, place: int) -> None:
        add = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
        with self.place_kept():
            self.rows.set_sort(self.rows.toggled_sort(place, add))
        self.sorted_by.emit()

    def _column_menu(self, point: QPoint) -> None:
        menu = self.column_menu()
        menu.popup(self.horizontalHeader().mapToGlobal(point))

    def column_menu(self) -> QMenu:
        """A menu that shows and hides columns; deletes itself when it closes."""
        menu = QMenu("Columns", self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for place, column in enumerate(self.rows.columns):
            if column.key in FROZEN:
                continue
            action = menu.addAction(column.title if column.title != "Δ" else "Δ Difference")
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(place))
            action.toggled.connect(lambda shown, place=place: self.setColumnHidden(place, not shown))
        return menu

    def layout_state(self) -> dict[str, Any]:
        """Order, widths, hidden columns and sorting, to be remembered."""
        header = self.horizontalHeader()
        keys = [column.key for column in self.rows.columns]
        hidden = [key for key in keys if self.isColumnHidden(self.rows.place(key))]
        return {
            "order": sorted(keys, key=lambda key: header.visualIndex(self.rows.place(key))),
            "widths": {key: self.columnWidth(self.rows.place(key)) for key in keys if key not in hidden},
            "hidden": hidden, "own_widths": self._own_widths,
            "sort": [[key, down] for key, down in self.rows.sort_keys],
        }

    def restore_layout(self, state: dict[str, Any]) -> None:
        """As remembered; what is unknown or of another shape is left out."""
        header = self.horizontalHeader()
        keys = {column.key for column in self.rows.columns}
        for visual, key in enumerate(key for key in _texts(state.get("order")) if key in keys):
            header.moveSection(header.visualIndex(self.rows.place(key)), visual)
        widths = state.get("widths") if state.get("own_widths") else None
        for key, width in (widths.items() if isinstance(widths, dict) else ()):
            if key in keys and isinstance(width, int) and 16 <= width <= 2000:
                self.setColumnWidth(self.rows.place(key), width)
        if "hidden" in state:
            hidden = set(_texts(state["hidden"])) - set(FROZEN)
            for key in keys:
                self.setColumnHidden(self.rows.place(key), key in hidden)
        sort = [(pair[0], bool(pair[1])) for pair in state.get("sort") or () if isinstance(pair, list) and len(pair) == 2]
        self.rows.set_sort(tuple((key, down) for key, down in sort if key in keys))

    # place -------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def place_kept(self) -> Iterator[None]:
        """Whatever happens to the rows inside, the current row stays where the eye is; if it goes, the next one takes its place."""
        current = self.currentIndex()
        row = current.row()
        y = self.rowViewportPosition(row) if row >= 0 else 0
        neighbors = self._neighbors(row)
        selected = row >= 0 and self.selectionModel().isRowSelected(row, QModelIndex())
        yield
        for view in (self.frozen, self):
            # the range of a scroll bar follows the number of rows only now
            view.executeDelayedItemsLayout()
            view.updateGeometries()
        current = self.currentIndex()
        if row >= 0 and not current.isValid():
            current = self._first_present(neighbors)
            if current.isValid():
                flags = Flag.ClearAndSelect | Flag.Rows if selected else Flag.NoUpdate
                self.selectionModel().setCurrentIndex(current, flags)
        if current.isValid() and row >= 0:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + self.rowViewportPosition(current.row()) - y)
        self._tell_current()

    def _neighbors(self, row: int) -> list[str]:
        if row < 0:
            return []
        after = range(row + 1, min(row + _NEIGHBORS, self.rows.rowCount()))
        before = range(row - 1, max(row - _NEIGHBORS, -1), -1)
        return [self.rows.key_at(place) for place in (*after, *before)]

    def _first_present(self, keys: list[str]) -> QModelIndex:
        rows = self.rows.rows
        if rows is None or not keys:
            return QModelIndex()
        shown = set(self.rows.order.tolist())
        for key in keys:
            if rows.position.get(key, -1) in shown:
                return self.rows.index(self.rows.row_of(key), self.rows.place("customer_name"))
        return QModelIndex()

    def _tell_current(self) -> None:
        self.current_changed.emit(self.current_key())

    def current_key(self) -> str:
        """The key of the current row, or empty."""
        return self.rows.key_at(self.currentIndex().row())

    def selected_rows(self) -> list[int]:
        """Selected rows of the table from top to bottom; without a selection the current row."""
        # by ranges: asking for an index per row takes seconds when everything is selected
        ranges = cast("Iterable[QItemSelectionRange]", self.selectionModel().selection())
        rows = sorted({row for chosen in ranges for row in range(chosen.top(), chosen.bottom() + 1)})
        current = self.currentIndex().row()
        return rows or ([current] if current >= 0 else [])

    def selected_keys(self) -> list[str]:
        """Keys of the selected rows."""
        return [self.rows.key_at(row) for row in self.selected_rows()]

    def go_to(self, key: str) -> bool:
        """Make the row of this key current; false while it is filtered out."""
        row = self.rows.row_of(key)
        if row >= 0:
            self.go_to_row(row)
        return row >= 0

    def go_to_row(self, row: int) -> None:
        """Make a row of the table current and the only selected one."""
        index = self.rows.index(row, self.rows.place("customer_name"))
        self.selectionModel().setCurrentIndex(index, Flag.ClearAndSelect | Flag.Rows)
        self.scrollTo(index)

    def step_to_do(self, forward: bool) -> bool:
        """Go to the next or previous row that still needs a decision; false when there is none."""
        rows = self.rows.comparison
        if rows is None:
            return False
        start = self.currentIndex().row()
        places = range(start + 1, self.rows.rowCount()) if forward else range(start - 1, -1, -1)
        waiting = rows.todo & ~self.rows.ticked
        found = next((place for place in places if waiting[self.rows.order[place]]), None)
        if found is not None:
            self.go_to_row(found)
        return found is not None

    # keys and mouse ----------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Plain letters are commands on rows; everything else is Qt's."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        shift = modifiers == Qt.KeyboardModifier.ShiftModifier
        plain = modifiers == Qt.KeyboardModifier.NoModifier
        name = ACTIONS.get((event.key(), shift)) if shift or plain else None
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_rows()
        elif event.text() == "?":
            self.action.emit("help")
        elif plain and event.key() == Qt.Key.Key_Space:
            self.toggle_ticks()
        elif name is not None:
            self.action.emit(name)
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Letters are commands here; searching has its own field."""

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == TICK_COLUMN:
            row = index.row()
            self.rows.request_ticks([row], not self.rows.is_ticked(row))

    def toggle_ticks(self) -> None:
        """Tick the selected rows, or untick them when all that can be are ticked."""
        chosen = self.selected_rows()
        self.rows.request_ticks(chosen, not self.rows.ticked[self.rows.tickable(chosen)].all())

    def accept(self) -> int:
        """Tick the selected rows; how many changed."""
        return self.rows.request_ticks(self.selected_rows(), True)

    def copy_rows(self) -> None:
        """The selected rows with headers, as tab-separated text and as HTML."""
        header = self.horizontalHeader()
        places = sorted(
            (place for place in range(len(self.rows.columns)) if not self.isColumnHidden(place)), key=header.visualIndex)
        cells = [[self.rows.columns[place].title for place in places]]
        cells += [[self.rows.copy_text(row, place) for place in places] for row in self.selected_rows()]
        put_rows(cells)


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
