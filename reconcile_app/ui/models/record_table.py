"""A table of records (mappings, runs, companies to choose from): columns are data, sort and search are a permutation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from reconcile_app.ui.dialogs import escaped_tool_tip

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumn:
    """One column: its title and how a record is shown in it.

    ``order`` is what the column sorts by (the text where absent). ``style`` names a status of the theme for the
    colors of a cell.
    """

    title: str
    text: Callable[[Any], str]
    order: Callable[[Any], Any] | None = None
    right: bool = False
    style: Callable[[Any], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    record: Any
    key: str
    texts: tuple[str, ...]
    styles: tuple[str, ...]
    search: str
    sentence: str


Paint = Callable[[str], tuple[Any, Any]]
"""Status name → (foreground, background) brushes; None where the normal color holds."""


class RecordTable(QAbstractTableModel):
    """Records as rows. The current row survives sorting, searching and a reload by the record's key.

    Attributes:
        columns: the columns, in order.

    Signals:
        records_changed: there are other records, hidden ones included.
    """

    records_changed = Signal()

    def __init__(self, columns: Sequence[RecordColumn], key: Callable[[Any], str], paint: Paint | None = None,
                 parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._key = key
        self._paint = paint
        self._all: list[_Prepared] = []
        self._shown: list[int] = []
        self._wanted = ""
        self._accept: Callable[[Any], bool] | None = None
        self._sort: tuple[int, Qt.SortOrder] = (-1, Qt.SortOrder.AscendingOrder)

    # content -----------------------------------------------------------------------------------------------------------------
    def set_records(self, records: Sequence[Any]) -> None:
        """Show these records instead."""
        prepared = [self._prepare(record) for record in records]
        self._rearrange(lambda: setattr(self, "_all", prepared))
        self.records_changed.emit()

    def _prepare(self, record: Any) -> _Prepared:
        texts = tuple(column.text(record) for column in self.columns)
        styles = tuple(column.style(record) if column.style else "" for column in self.columns)
        sentence = ", ".join(f"{c.title} {text}" for c, text in zip(self.columns, texts, strict=True) if text)
        return _Prepared(record=record, key=self._key(record), texts=texts, styles=styles, search=" ".join(texts).casefold(),
                         sentence=sentence)

    def search(self, text: str) -> None:
        """Show only records that contain every word of the text, in any column."""
        self._wanted = text.casefold().strip()
        self._rearrange()

    def restrict(self, accept: Callable[[Any], bool] | None) -> None:
        """Show only records the function accepts; ``None``: all."""
        self._accept = accept
        self._rearrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; −1 keeps the order in which the records were given."""
        self._sort = (column, order)
        self._rearrange()

    def _rearrange(self, change: Callable[[], None] | None = None) -> None:
        """Apply content, search and order as one layout change, so that selection and current row stay on their records."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        keys = [(self._all[self._shown[index.row()]].key, index.column()) for index in old]
        if change is not None:
            change()
        self._shown = self._permutation()
        place = {self._all[position].key: row for row, position in enumerate(self._shown)}
        new = [self.index(place[key], column) if key in place else QModelIndex() for key, column in keys]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _permutation(self) -> list[int]:
        words = self._wanted.split()
        accept = self._accept
        shown = [
            position for position, item in enumerate(self._all)
            if all(word in item.search for word in words) and (accept is None or accept(item.record))
        ]
        column, order = self._sort
        if 0 <= column < len(self.columns):
            by = self.columns[column].order
            shown.sort(
                key=(lambda p: by(self._all[p].record)) if by else (lambda p: self._all[p].texts[column].casefold()),
                reverse=order is Qt.SortOrder.DescendingOrder,
            )
        return shown

    # reading -----------------------------------------------------------------------------------------------------------------
    def record(self, row: int) -> Any:
        """The record shown in a row."""
        return self._all[self._shown[row]].record

    def records(self) -> list[Any]:
        """Every record that is shown, in the order shown."""
        return [self._all[position].record for position in self._shown]

    def row_of(self, key: str) -> int:
        """The row that shows the record with this key, or −1."""
        return next((row for row, position in enumerate(self._shown) if self._all[position].key == key), -1)

    def sample(self, column: int, most: int) -> list[str]:
        """The texts of a column in the first records, hidden ones included."""
        return [item.texts[column] for item in self._all[:most]]

    def total(self) -> int:
        """How many records there are, hidden ones included."""
        return len(self._all)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Records shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Columns declared."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles, aligned as their column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(self.columns[section].right)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The prepared text of a cell, its alignment and colors; the row as a sentence for screen readers."""
        if not index.isValid():
            return None
        item, column = self._all[self._shown[index.row()]], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return item.texts[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(self.columns[column].right)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return item.sentence
        if role == Qt.ItemDataRole.ToolTipRole:
            return escaped_tool_tip(item.texts[column])
        return self._color(item.styles[column], role)

    def _color(self, style: str, role: int) -> Any:
        if not style or self._paint is None or role not in (Qt.ItemDataRole.ForegroundRole, Qt.ItemDataRole.BackgroundRole):
            return None
        foreground, background = self._paint(style)
        return foreground if role == Qt.ItemDataRole.ForegroundRole else background


def _alignment(right: bool) -> int:
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
