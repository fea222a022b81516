"""The comparison as a Qt table: the generic table plus ticks, reasons and a sentence per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from reconcile_app.core.changes import Status
from reconcile_app.core.findings import Code
from reconcile_app.ui.dialogs import escaped_tool_tip
from reconcile_app.ui.messages import STATUS_MEANING
from reconcile_app.ui.models.comparison_rows import COLUMNS, STATUSES, ComparisonRows, changed_words, row_sentence
from reconcile_app.ui.models.frame_table import FrameTable, Index, Role
from reconcile_app.ui.models.prepared import Flags, Ints

TICK_COLUMN = 0
# made once: combining flags for every painted cell costs more than painting it
_PLAIN = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
_CHECKABLE = _PLAIN | Qt.ItemFlag.ItemIsUserCheckable


class ComparisonModel(FrameTable):
    """Rows of a comparison. A tick shows at once; ``tick_requested`` asks for the decision that makes it true."""

    tick_requested = Signal(list, bool)
    """Row keys, ticked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)
        self.billing, self.psa = "Source", "PSA"
        self._codes: Mapping[str, Code] = {}
        self._ticked: Flags = np.empty(0, dtype=np.bool_)
        self._last, self._mark = self.place("last_pushed_quantity"), self.place("mark")

    @property
    def comparison(self) -> ComparisonRows | None:
        """The rows with everything that belongs to a comparison."""
        return self.rows if isinstance(self.rows, ComparisonRows) else None

    def set_comparison(self, rows: ComparisonRows | None, mask: Flags | None, codes: Mapping[str, Code]) -> None:
        """Show another comparison."""
        self._codes = codes
        self._ticked = rows.selected.copy() if rows is not None else np.empty(0, dtype=np.bool_)
        self.set_rows(rows, mask)

    @property
    def ticked(self) -> Flags:
        """Per row of the frame whether it is ticked on the screen."""
        return self._ticked

    def is_ticked(self, row: int) -> bool:
        """Whether the row of the table is ticked."""
        return bool(self._ticked[self.order[row]])

    def can_tick(self, row: int) -> bool:
        """Whether the row of the table may be ticked."""
        rows = self.comparison
        return rows is not None and bool(rows.selectable[self.order[row]])

    def tickable(self, table_rows: Sequence[int]) -> Ints:
        """Rows of the frame behind those rows of the table that may be ticked."""
        rows = self.comparison
        if rows is None or not len(table_rows):
            return np.empty(0, dtype=np.intp)
        frame_rows = self.order[np.asarray(table_rows, dtype=np.intp)]
        return frame_rows[rows.selectable[frame_rows]]

    def request_ticks(self, table_rows: Sequence[int], ticked: bool) -> int:
        """Tick or untick those of the rows that may be ticked; how many that were."""
        rows = self.comparison
        frame_rows = self.tickable(table_rows)
        changing = frame_rows[self._ticked[frame_rows] != ticked]
        if rows is None or not len(changing):
            return 0
        self._ticked[changing] = ticked
        self.dataChanged.emit(self.index(min(table_rows), 0), self.index(max(table_rows), len(self.columns) - 1))
        keys = [rows.keys[row] for row in changing.tolist()]
        self.tick_requested.emit(keys, ticked)
        return len(keys)

    # Qt ----------------------------------------------------------------------------------------------------------------------

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Prepared texts; tips and spoken sentences are made only when asked for."""
        if role in (Role.DisplayRole, Role.TextAlignmentRole):
            return super().data(index, role)
        if role == Role.CheckStateRole and index.column() == TICK_COLUMN and self.can_tick(index.row()):
            return Qt.CheckState.Checked if self.is_ticked(index.row()) else Qt.CheckState.Unchecked
        if role == Role.ToolTipRole:
            return escaped_tool_tip(self.tip(index.row(), index.column()))
        if role == Role.AccessibleTextRole:
            return self._spoken(index.row(), index.column())
        return None

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:
        """Ticking, for assistive tools that set the check state."""
        if role != Role.CheckStateRole or index.column() != TICK_COLUMN:
            return False
        return self.request_ticks([index.row()], Qt.CheckState(value) == Qt.CheckState.Checked) > 0

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Only the tick column of rows that may be ticked can be checked."""
        if index.column() == TICK_COLUMN and self.can_tick(index.row()):
            return _CHECKABLE
        return _PLAIN if index.isValid() else Qt.ItemFlag.NoItemFlags

    # words -------------------------------------------------------------------------------------------------------------------

    def tip(self, row: int, column: int) -> str:
        """What a cell has to say beyond its text."""
        rows = self.comparison
        if rows is None:
            return ""
        frame_row = int(self.order[row])
        if column in (TICK_COLUMN, self._mark):
            return why_not(rows, frame_row, self._codes)
        if column == self._last and rows.changed_since_push[frame_row]:
            return changed_words(rows, frame_row, self.psa)
        return self.cell_text(row, column)

    def _spoken(self, row: int, column: int) -> str:
        rows = self.comparison
        if rows is None:
            return ""
        if self.columns[column].key in ("tick", "customer_name", "service_name"):
            return row_sentence(rows, int(self.order[row]), self.billing, self.psa)
        return f"{self.columns[column].tip}: {self.cell_text(row, column)}"


def why_not(rows: ComparisonRows, row: int, codes: Mapping[str, Code]) -> str:
    """Why a row of the frame may not be ticked, or what ticking it does."""
    status = STATUSES[rows.status[row]]
    told = [
        f"{code}: {codes[code].title}. {codes[code].resolution}".strip() if code in codes else code
        for code in rows.combos[rows.combo[row]]
    ]
    meaning = STATUS_MEANING[status]
    if rows.selectable[row]:
        lead = "Ticked: will be pushed" if rows.selected[row] else "Not ticked: will not be pushed"
        return "\n".join([f"{lead} ({meaning}).", *told])
    if status in (Status.EQUAL, Status.IGNORED):
        return f"Nothing to push: {meaning}."
    return "\n".join([f"Cannot be ticked: {meaning}.", *told])
