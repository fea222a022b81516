"""One tab of the Mappings page: a list with search and filter, what the selected row says, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from reconcile_app.ui.messages import plural
from reconcile_app.ui.models.record_table import RecordTable
from reconcile_app.ui.views.fittings import RecordView, SearchField, muted_label, row_of


class MappingTab(QWidget):
    """A list of mappings.

    Signals:
        current_changed: the row under the cursor, or None.
    """

    current_changed = Signal(object)

    def __init__(self, model: RecordTable, view: RecordView, *, prompt: str, noun: str,
                 filters: Sequence[tuple[str, Callable[[Any], bool] | None]] = ()) -> None:
        super().__init__()
        self.model, self.view, self._noun = model, view, noun
        self._filters = tuple(filters)
        self.search = SearchField(model, view, prompt)
        self.filter = QComboBox()
        self.filter.setAccessibleName(f"Which {noun}s are listed")
        self.filter.addItems([words for words, _ in self._filters])
        self.filter.currentIndexChanged.connect(self._restrict)
        self.detail = muted_label(wrap=True, selectable=True)
        self.count = muted_label()
        self._buttons = row_of(None)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 10, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(row_of(self.search, self.filter, stretch_at=0))
        # hidden, never shown, before it has its place: a widget without parent would flash as a window
        self.filter.setHidden(len(self._filters) < 2)
        layout.addWidget(view, 1)
        layout.addWidget(self.detail)
        layout.addLayout(row_of(self.count, None))
        layout.addLayout(self._buttons)
        view.current_changed.connect(self.current_changed.emit)
        self.search.textChanged.connect(lambda _text: self._tell_count())

    def add_buttons(self, *buttons: QPushButton) -> None:
        """Actions below the list, in reading order."""
        for place, made in enumerate(buttons):
            self._buttons.insertWidget(place, made)

    def show_records(self, records: Sequence[Any]) -> None:
        """List these; the cursor stays on its record."""
        self.model.set_records(records)
        self._tell_count()
        if not self.view.currentIndex().isValid():
            self.view.select_row(0)
        self.current_changed.emit(self.view.current())

    def show_only(self, place: int) -> None:
        """Choose an entry of the filter."""
        self.filter.setCurrentIndex(place)

    def _restrict(self, place: int) -> None:
        self.model.restrict(self._filters[place][1])
        self._tell_count()

    def _tell_count(self) -> None:
        shown, total = self.model.rowCount(), self.model.total()
        hidden = f" of {total}" if shown != total else ""
        self.count.setText(f"{shown}{hidden} {self._noun}s" if hidden else plural(total, self._noun))
