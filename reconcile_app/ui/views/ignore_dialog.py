"""Ignore …: why, until when, and when to be woken. And the note on a row."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QDate
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDateEdit,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from reconcile_app.core.amounts import AmountError, format_amount, parse_quantity
from reconcile_app.core.period import Period
from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import period_text, plural
from reconcile_app.ui.views.fittings import muted_label, problem_label


class IgnoreDialog(QDialog):
    """Asks how rows are to be left alone. ``billed`` is the billed quantity of a single row, as a proposal for the guard."""

    def __init__(self, titles: list[str], period: Period, billed: int | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._period = period
        self.setWindowTitle("Ignore")
        self.reason = QLineEdit()
        self.reason.setAccessibleName("Reason")
        self.reason.setPlaceholderText("For example: included in the flat fee")
        self.this_period = QRadioButton(f"This period ({period_text(period)})")
        self.this_period.setChecked(True)
        self.a_date = QRadioButton("Until")
        self.for_ever = QRadioButton("For ever")
        self.until_day = QDateEdit(QDate(period.end.year, period.end.month, period.end.day).addMonths(1))
        self.until_day.setAccessibleName("Ignore until")
        self.until_day.setCalendarPopup(True)
        self.until_day.setDisplayFormat("d MMM yyyy")
        self.wake = QCheckBox("Wake me if the billed quantity goes above")
        self.above = QLineEdit(format_amount(billed) if billed is not None else "")
        self.above.setAccessibleName("Wake me above this quantity")
        self.above.setMaximumWidth(self.fontMetrics().averageCharWidth() * 14)
        self.problem = problem_label()
        group = QButtonGroup(self)
        for choice in (self.this_period, self.a_date, self.for_ever):
            group.addButton(choice)
        self._lay_out(titles)
        self.until_day.dateChanged.connect(lambda _day: self.a_date.setChecked(True))
        self.above.textEdited.connect(lambda _text: self.wake.setChecked(True))
        self.reason.setFocus()

    def _lay_out(self, titles: list[str]) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(8)
        words = titles[0] if len(titles) == 1 else plural(len(titles), "line")
        layout.addWidget(strong_label(f"Ignore {words}", larger=1.15, wrap=True))
        layout.addWidget(muted_label("Ignored lines are never pushed. They stay under “All”, and Ctrl+Z takes it back.", wrap=True))
        layout.addWidget(strong_label("Why"))
        layout.addWidget(self.reason)
        layout.addWidget(strong_label("Until when"))
        layout.addWidget(self.this_period)
        until = QHBoxLayout()
        until.addWidget(self.a_date)
        until.addWidget(self.until_day)
        until.addStretch(1)
        layout.addLayout(until)
        layout.addWidget(self.for_ever)
        layout.addWidget(strong_label("Guard"))
        guard = QHBoxLayout()
        guard.addWidget(self.wake)
        guard.addWidget(self.above)
        guard.addStretch(1)
        layout.addLayout(guard)
        layout.addWidget(self.problem)
        box = QDialogButtonBox()
        self.ignore_button = box.addButton("Ignore", QDialogButtonBox.ButtonRole.AcceptRole)
        self.ignore_button.setDefault(True)
        self.ignore_button.setProperty("primary", True)
        box.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole).setAutoDefault(False)
        box.accepted.connect(self._check)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 66)

    def _check(self) -> None:
        told = self._wrong()
        self.problem.setText(told)
        self.problem.setVisible(bool(told))
        if not told:
            self.accept()

    def _wrong(self) -> str:
        if not self.why():
            return "Say why, so that the next person knows."
        try:
            self.wake_above()
        except AmountError as error:
            return f"The guard is {error.args[0]}. Write a quantity such as 14 or 2.5."
        return ""

    def why(self) -> str:
        """The reason."""
        return self.reason.text().strip()

    def until(self) -> date | None:
        """Last day it holds; absent: for ever."""
        if self.this_period.isChecked():
            return self._period.end
        if self.for_ever.isChecked():
            return None
        day = self.until_day.date()
        return date(day.year(), day.month(), day.day())

    def wake_above(self) -> int | None:
        """The guard in ten-thousandths, or ``None``. Raises AmountError when it is no quantity."""
        return parse_quantity(self.above.text()) if self.wake.isChecked() else None


class NoteDialog(QDialog):
    """A note on a row, kept on this computer."""

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Note")
        self.text = QPlainTextEdit(text)
        self.text.setAccessibleName("Note")
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(self.fontMetrics().height() * 6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.addWidget(strong_label(f"Note on {title}", larger=1.15, wrap=True))
        layout.addWidget(self.text)
        layout.addWidget(plain_label("Kept on this computer. An empty note removes it."))
        box = QDialogButtonBox()
        box.addButton("Keep", QDialogButtonBox.ButtonRole.AcceptRole).setDefault(True)
        box.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole).setAutoDefault(False)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 60)

    def note(self) -> str:
        """What was written."""
        return self.text.toPlainText().strip()
