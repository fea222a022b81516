"""A frame as a Qt table: prepared columns behind a permutation of row numbers.

Sorting and filtering change the permutation only. Persistent indexes follow their rows by key, so selection, current row and scroll
position stay where they were, also when the rows are exchanged for those of another comparison.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from reconcile_app.ui.models.prepared import Column, Flags, Ints, PreparedRows, ordered

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
_NOWHERE = QModelIndex()
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_SUPERSCRIPTS = "¹²³⁴⁵⁶⁷⁸⁹"

SortKeys = tuple[tuple[str, bool], ...]
"""Column key and whether descending, most important first."""


class FrameTable(QAbstractTableModel):
    """The generic table over ``PreparedRows``; ``columns`` stand even while there are no rows."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._places = {column.key: place for place, column in enumerate(self.columns)}
        self._rows: PreparedRows | None = None
        self._texts: list[tuple[list[str], Ints]] = []
        self._sort_keys: SortKeys = ()
        self._mask: Flags | None = None
        self._sorted: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._order: npt.NDArray[np.intp] = self._sorted

    # content -----------------------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> PreparedRows | None:
        """The rows behind the table, hidden ones included."""
        return self._rows

    @property
    def sort_keys(self) -> SortKeys:
        """What the table is sorted by."""
        return self._sort_keys

    def place(self, key: str) -> int:
        """The column of this key."""
        return self._places[key]

    def set_rows(self, rows: PreparedRows | None, mask: Flags | None = None) -> None:
        """Show other rows; what was selected stays selected where its key is still there and passes the mask."""
        before = self._rows
        translate = self._translation(before, rows)

        def exchange() -> None:
            self._rows = rows
            self._texts = [] if rows is None else [(column.texts, column.codes) for column in rows.columns]
            self._mask = mask
            self._sorted = self._permutation()
            self._order = self._filtered()

        self._relayout(exchange, translate)

    @staticmethod
    def _translation(before: PreparedRows | None, after: PreparedRows | None) -> dict[int, int] | None:
        if before is None or after is None or before.keys is after.keys:
            return None if before is not None and after is not None else {}
        return _ByKey(before, after)

    def set_filter(self, mask: Flags | None) -> None:
        """Show only the rows the mask lets pass; ``None``: all."""
        def change() -> None:
            self._mask = mask
            self._order = self._filtered()

        self._relayout(change, None)

    def set_sort(self, keys: SortKeys) -> None:
        """Sort by several columns; equal rows stay in the order of the frame, absent values come last."""
        def change() -> None:
            self._sort_keys = tuple((key, down) for key, down in keys if key in self._places)
            self._sorted = self._permutation()
            self._order = self._filtered()

        self._relayout(change, None)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def retitle(self, key: str, title: str) -> None:
        """Give a column another title, such as the name of the connected system."""
        place = self._places[key]
        column = self.columns[place]
        self.columns = (*self.columns[:place], replace(column, title=title), *self.columns[place + 1:])
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, place, place)

    def toggled_sort(self, column: int, add: bool) -> SortKeys:
        """The sort keys after a click on a header: up, then down; ``add`` keeps the other keys."""
        key = self.columns[column].key
        present = dict(self._sort_keys)
        down = present.get(key) is False
        if not add:
            return ((key, down),)
        return tuple({**present, key: down}.items())

    def _permutation(self) -> npt.NDArray[np.intp]:
        if self._rows is None:
            return np.empty(0, dtype=np.intp)
        ranks = [_directed(self._rows.columns[self._places[key]].ranks, down) for key, down in self._sort_keys]
        if not ranks:
            return np.arange(self._rows.count, dtype=np.intp)
        return ordered(ranks)

    def _filtered(self) -> npt.NDArray[np.intp]:
        return self._sorted if self._mask is None else self._sorted[self._mask[self._sorted]]

    def _relayout(self, change: Any, translate: Any) -> None:
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        frame_rows = [self.frame_row(index.row()) for index in old]
        change()
        if old:
            place = np.full(self._rows.count if self._rows is not None else 0, -1, dtype=np.intp)
            place[self._order] = np.arange(len(self._order))
            self.changePersistentIndexList(old, [
                self._moved(index, row if translate is None else translate.get(row, -1), place)
                for index, row in zip(old, frame_rows, strict=True)
            ])
        self.layoutChanged.emit()

    def _moved(self, index: QModelIndex, frame_row: int, place: npt.NDArray[np.intp]) -> QModelIndex:
        row = int(place[frame_row]) if frame_row >= 0 else -1
        return self.createIndex(row, index.column()) if row >= 0 else QModelIndex()

    # rows --------------------------------------------------------------------------------------------------------------------

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """Row of the table → row of the frame."""
        return self._order

    def frame_row(self, row: int) -> int:
        """The row of the frame behind a row of the table; −1 where there is none."""
        return int(self._order[row]) if 0 <= row < len(self._order) else -1

    def key_at(self, row: int) -> str:
        """The key of a row of the table."""
        frame_row = self.frame_row(row)
        return self._rows.keys[frame_row] if self._rows is not None and frame_row >= 0 else ""

    def row_of(self, key: str) -> int:
        """The row of the table with this key; −1 while it is filtered out."""
        if self._rows is None:
            return -1
        frame_row = self._rows.position.get(key, -1)
        if frame_row < 0:
            return -1
        found = np.flatnonzero(self._order == frame_row)
        return int(found[0]) if len(found) else -1

    def copy_text(self, row: int, column: int) -> str:
        """A cell as it goes to the clipboard: numbers plain, text guarded against formulas."""
        if self._rows is None:
            return ""
        prepared = self._rows.columns[column]
        return prepared.copies[int(prepared.codes[self._order[row]])]

    def cell_text(self, row: int, column: int) -> str:
        """What a cell shows; the quick way for a delegate."""
        texts, codes = self._texts[column]
        return texts[int(codes[self._order[row]])]

    # Qt ----------------------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Rows that pass the filter."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Columns, also while there are no rows."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Prepared texts and the alignment."""
        if role == Role.DisplayRole:
            texts, codes = self._texts[index.column()]
            return texts[codes[self._order[index.row()]]]
        if role == Role.TextAlignmentRole:
            return _RIGHT if self.columns[index.column()].numeric else _LEFT
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """Title with an arrow while the table is sorted by the column; the tip says what the column holds."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Role.DisplayRole:
            return column.title + self._sort_mark(column.key)
        if role == Role.TextAlignmentRole:
            return _RIGHT if column.numeric else _LEFT
        if role in (Role.ToolTipRole, Role.AccessibleTextRole):
            return column.tip or column.title
        return None

    def _sort_mark(self, key: str) -> str:
        for place, (sorted_key, down) in enumerate(self._sort_keys):
            if sorted_key == key:
                number = _SUPERSCRIPTS[place] if len(self._sort_keys) > 1 and place < 9 else ""
                return f" {'↓' if down else '↑'}{number}"
        return ""


def _directed(ranks: Ints, down: bool) -> Ints:
    """Ranks in the wanted direction, with absent values (−1) last in both."""
    top = int(ranks.max()) if len(ranks) else 0
    turned = top - ranks if down else ranks
    if len(ranks) and int(ranks.min()) < 0:
        turned = np.where(ranks < 0, top + 1, turned)
    return turned.astype(np.int16 if top < 32_766 else np.int32, copy=False)


class _ByKey(dict[int, int]):
    """Row of the former frame → row of the present one, by key; computed only for the rows that are asked for."""

    def __init__(self, before: PreparedRows, after: PreparedRows) -> None:
        super().__init__()
        self._before, self._after = before, after

    def get(self, row: int, default: int = -1) -> int:  # type: ignore[override]  # narrower on purpose: rows only
        return self._after.position.get(self._before.keys[row], default)


