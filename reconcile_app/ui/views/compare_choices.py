"""What the choosers of the header open: customers to compare, and a date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import QDate, Qt
from PySide6.QtWidgets import (
    QCalendarWidget,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import shown
from reconcile_app.ui.views.fittings import row_size


class CustomerChoice(QDialog):
    """Which customers the next comparison reads; none ticked means all. Codes that are not listed yet can be typed."""

    def __init__(self, customers: Sequence[tuple[str, str]], chosen: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Customers")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search customers")
        self.search.setAccessibleName("Search customers")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._narrow)
        self.list = QListWidget()
        self.list.setAccessibleName("Customers to compare")
        self.list.setUniformItemSizes(True)
        listed = {code for code, _ in customers}
        for code, name in customers:
            self._add(code, f"{shown(name, 120)}  ({shown(code, 60)})", code in chosen)
        self.typed = QPlainTextEdit("\n".join(code for code in chosen if code not in listed))
        self.typed.setAccessibleName("Further customer codes, one per line")
        self.typed.setFixedHeight(self.fontMetrics().height() * 3 + 16)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(strong_label("Compare only these customers", larger=1.15))
        layout.addWidget(plain_label("Nothing ticked means all customers."))
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        layout.addWidget(plain_label("Further customer codes, one per line:"))
        layout.addWidget(self.typed)
        layout.addWidget(_buttons(self, "Use these"))
        self.resize(self.fontMetrics().averageCharWidth() * 64, self.fontMetrics().height() * 30)

    def _add(self, code: str, text: str, ticked: bool) -> None:
        item = QListWidgetItem(text, self.list)
        item.setSizeHint(row_size(self.list))
        item.setData(Qt.ItemDataRole.UserRole, code)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def _narrow(self, text: str) -> None:
        words = text.casefold().split()
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(not all(word in item.text().casefold() for word in words))

    def codes(self) -> tuple[str, ...]:
        """The chosen customer codes; empty means all."""
        items = (self.list.item(row) for row in range(self.list.count()))
        ticked = [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() is Qt.CheckState.Checked]
        typed = [line.strip() for line in self.typed.toPlainText().splitlines() if line.strip()]
        return tuple(dict.fromkeys([*ticked, *typed]))


class DateChoice(QDialog):
    """One day."""

    def __init__(self, title: str, day: date, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.calendar = QCalendarWidget()
        self.calendar.setAccessibleName(title)
        self.calendar.setSelectedDate(QDate(day.year, day.month, day.day))
        self.calendar.activated.connect(lambda _day: self.accept())
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(strong_label(title, larger=1.15))
        layout.addWidget(self.calendar)
        layout.addWidget(_buttons(self, "Use this date"))

    def day(self) -> date:
        """The chosen day."""
        chosen = self.calendar.selectedDate()
        return date(chosen.year(), chosen.month(), chosen.day())


def _buttons(dialog: QDialog, accept: str) -> QDialogButtonBox:
    box = QDialogButtonBox()
    use = box.addButton(accept, QDialogButtonBox.ButtonRole.AcceptRole)
    use.setDefault(True)
    use.setProperty("primary", True)
    box.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole).setAutoDefault(False)
    box.accepted.connect(dialog.accept)
    box.rejected.connect(dialog.reject)
    return box
