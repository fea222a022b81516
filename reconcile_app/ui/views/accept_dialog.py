"""Accept all like this: the rows with the same codes, service and direction, to be looked over before they are ticked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import Numbers, join, plural, units_words
from reconcile_app.ui.models.comparison_rows import ComparisonRows, field
from reconcile_app.ui.models.prepared import Flags
from reconcile_app.ui.views.fittings import row_size

_MOST = 5000


@dataclass(frozen=True, slots=True)
class Alike:
    """Rows that a gesture takes together: positions in the frame, and how many more there are than can be listed."""

    rows: list[int]
    left_out: int


def alike(rows: ComparisonRows, row: int, ticked: Flags) -> Alike:
    """Rows that may be ticked, are not yet, and have the same codes, service and direction as this one; the row itself first."""
    service, direction = rows.facets["service"], rows.facets["direction"]
    mask = (
        rows.selectable & ~ticked & (rows.combo == rows.combo[row]) & (service.codes == service.codes[row])
        & (direction.codes == direction.codes[row])
    )
    found = np.flatnonzero(mask).tolist()
    found.sort(key=lambda place: place != row)
    return Alike(found[:_MOST], max(0, len(found) - _MOST))


class AcceptDialog(QDialog):
    """Lists the members, all ticked; those that are unticked here are left as they are."""

    def __init__(self, rows: ComparisonRows, found: Alike, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows, self._numbers = rows, numbers
        self.setWindowTitle("Accept all like this")
        first = found.rows[0]
        service = field(rows.run, first, "service_name") or field(rows.run, first, "description")
        direction = rows.facets["direction"]
        what = join([service, direction.values[int(direction.codes[first])], " ".join(rows.combos[rows.combo[first]])])
        self.list = QListWidget()
        self.list.setAccessibleName("Rows to accept; Space unticks one")
        self.list.setUniformItemSizes(True)
        for row in found.rows:
            self._add(row)
        self.list.setCurrentRow(0)
        self.totals = plain_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(8)
        layout.addWidget(strong_label("Accept all like this", larger=1.15))
        layout.addWidget(plain_label(what, wrap=True))
        if found.left_out:
            layout.addWidget(plain_label(f"{numbers.count(found.left_out)} more are left for a second time."))
        layout.addWidget(self.list, 1)
        layout.addWidget(self.totals)
        box = QDialogButtonBox()
        self.accept_button = box.addButton("Accept", QDialogButtonBox.ButtonRole.AcceptRole)
        self.accept_button.setDefault(True)
        self.accept_button.setProperty("primary", True)
        box.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole).setAutoDefault(False)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self.list.itemChanged.connect(lambda _item: self._count())
        self._count()
        self.resize(self.fontMetrics().horizontalAdvance("0") * 78, self.fontMetrics().height() * 26)
        self.list.setFocus()

    def _add(self, row: int) -> None:
        rows = self._rows
        texts = {column.column.key: column.texts[column.codes[row]] for column in rows.columns}
        step = f"{texts['contract_quantity']} → {texts['billed_quantity']}  ({texts['difference']})"
        words = join([texts["customer_name"], texts["contract_name"], step, texts["money_difference"]])
        item = QListWidgetItem(words, self.list)
        item.setSizeHint(row_size(self.list))
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked)
        item.setData(Qt.ItemDataRole.UserRole, row)

    def _chosen(self) -> list[int]:
        items = (self.list.item(place) for place in range(self.list.count()))
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() is Qt.CheckState.Checked]

    def keys(self) -> list[str]:
        """Keys of the rows that are still ticked."""
        return [self._rows.keys[row] for row in self._chosen()]

    def _count(self) -> None:
        chosen = np.array(self._chosen(), dtype=np.int64)
        units = self._rows.units[chosen]
        up, down = int(units[units > 0].sum()), int(units[units < 0].sum())
        money = self._numbers.money(int(self._rows.money[chosen].sum()), signed=True)
        self.totals.setText(join([
            plural(len(chosen), "line", numbers=self._numbers), units_words(up, down, self._numbers), f"{money} a month",
        ]))
        self.accept_button.setText(f"Accept {plural(len(chosen), 'line', numbers=self._numbers)}")
        self.accept_button.setEnabled(bool(len(chosen)))
