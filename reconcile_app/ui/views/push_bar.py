"""The bottom bar: the size of what is ticked, in words, and the way to push it. And the strips above the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from reconcile_app.core.errors import ReconcileError
from reconcile_app.ui.dialogs import as_reconcile_error, plain_tool_tip, strong_label
from reconcile_app.ui.messages import Numbers, day_text, join, listed, plural, shown, units_words
from reconcile_app.ui.models.filtering import PushTotals
from reconcile_app.ui.views.fittings import button, strip

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord
    from reconcile_app.core.run import Run


class PushBar(QFrame):
    """Totals and Push…."""

    push_requested = Signal()

    def __init__(self, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers = numbers
        self.setProperty("bar", "bottom")
        self.totals = strong_label("Nothing compared yet")
        self.totals.setAccessibleName("Size of what is ticked")
        self.push = button("Push …  Ctrl+Enter", self.push_requested.emit, kind="primary", name="Review and push")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 7, 12, 7)
        layout.addWidget(self.totals, 1)
        layout.addWidget(self.push)
        self.show_nothing("Nothing compared yet")

    def show_nothing(self, words: str) -> None:
        """Nothing can be pushed."""
        self.totals.setText(words)
        self.push.setEnabled(False)
        plain_tool_tip(self.push, words)

    def show_totals(self, totals: PushTotals, effective: date, today: date) -> None:
        """Lines, customers, units up and down, to zero, money, from when."""
        if not totals.lines:
            self.show_nothing("Nothing is ticked. Space ticks a row, A accepts the selected rows.")
            return
        self.totals.setText(totals_words(totals, effective, today, self._numbers))
        self.push.setEnabled(True)
        plain_tool_tip(self.push, "Reads every ticked line again and shows what would be written before anything is sent")


def totals_words(totals: PushTotals, effective: date, today: date, numbers: Numbers) -> str:
    """``37 selected · 12 customers · +54 units −9 · 1 to zero · +$612.40 a month · effective date 26 Nov``."""
    money = numbers.money(totals.money, signed=True) + " a month"
    return join([
        f"{numbers.count(totals.lines)} selected", plural(totals.customers, "customer", numbers=numbers),
        units_words(totals.up, totals.down, numbers),
        f"{numbers.count(totals.to_zero)} to zero" if totals.to_zero else "",
        f"{numbers.count(totals.created)} new" if totals.created else "",
        money if totals.money_complete else f"{money} (prices unknown for some lines)",
        f"effective date {day_text(effective, today)}",
    ])


class Strips(QWidget):
    """What must not be overlooked: changes in doubt, lines that may be wrong, a failed reading, a side that is incomplete."""

    open_ops_requested = Signal()
    retry_requested = Signal()
    details_requested = Signal(object)
    row_requested = Signal(str)
    """Key of a row that is to be looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._failure: ReconcileError | None = None
        self.doubt, doubt_layout, self._doubt_words = strip("doubt")
        doubt_layout.addWidget(button("Look …", self.open_ops_requested.emit, name="Look at the changes in doubt"))
        self.alarm, alarm_layout, self._alarm_words = strip("doubt")
        self._alarmed = ""
        self.look = button("Show the line", lambda: self.row_requested.emit(self._alarmed), name="Show the line that may be wrong")
        alarm_layout.addWidget(self.look)
        self.journal, journal_layout, self._journal_words = strip("doubt")
        journal_layout.addWidget(button("Look …", self.open_ops_requested.emit, name="Look at the journal that cannot be used"))
        self.failed, failed_layout, self._failed_words = strip("doubt")
        failed_layout.addWidget(button("Details", self._details, name="Details of the failed reading"))
        failed_layout.addWidget(button("Try again", self.retry_requested.emit, name="Compare again"))
        self.partial, _, self._partial_words = strip("warn")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for each in self._all():
            layout.addWidget(each)
            each.hide()
        self.hide()

    def show_open_ops(self, ops: Sequence[OpRecord]) -> None:
        """Changes whose outcome is not known."""
        names = list(dict.fromkeys(shown(op.change.customer_name, 60) for op in ops))
        self._doubt_words.setText(
            f"‼  {plural(len(ops), 'change is', 'changes are')} in doubt ({listed(names)}). "
            "These lines are locked and being watched; do not change them by hand.")
        self._set(self.doubt, bool(ops))

    def show_journals(self, problems: Sequence[str]) -> None:
        """Journals that cannot be used: what is open in them is not known in full, and nothing is pushed to their PSA."""
        self._journal_words.setText(f"‼  {' '.join(shown(problem) for problem in problems)}")
        self._set(self.journal, bool(problems))

    def show_alarms(self, alarms: Sequence[tuple[str, str]]) -> None:
        """Lines that an earlier write may have hit twice or late: row key and words each; an empty key has no row to show."""
        more = f" And {plural(len(alarms) - 1, 'more line')} like this." if len(alarms) > 1 else ""
        self._alarm_words.setText(f"‼  {alarms[0][1]}{more}" if alarms else "")
        self._alarmed = alarms[0][0] if alarms else ""
        self.look.setVisible(bool(self._alarmed))
        self._set(self.alarm, bool(alarms))

    def show_failure(self, error: BaseException | None, has_run: bool) -> None:
        """Why the last reading failed; ``has_run``: an older comparison is still on the screen."""
        self._failure = as_reconcile_error(error) if error is not None else None
        if self._failure is not None:
            older = " The comparison below is the earlier one." if has_run else ""
            self._failed_words.setText(f"✕  {shown(self._failure.title, 200)} {shown(self._failure.next_step, 300)}{older}")
        self._set(self.failed, error is not None)

    def _details(self) -> None:
        self.details_requested.emit(self._failure)

    def show_sides(self, run: Run | None) -> None:
        """A side that was not read completely."""
        sides = [] if run is None else [side for side in (run.basis.billing.side, run.basis.psa.side) if not side.complete]
        words = [
            f"{side.title} was not read completely ({shown(side.error, 200)}; {plural(len(side.unread), 'part')} missing)."
            if side.unread else f"{side.title} was not read completely ({shown(side.error, 200)})."
            for side in sides
        ]
        self._partial_words.setText(f"⊘  {' '.join(words)} Unknown is not zero: these rows cannot be pushed.")
        self._set(self.partial, bool(sides))

    def _set(self, each: QFrame, on: bool) -> None:
        each.setVisible(on)
        self.setVisible(any(not frame.isHidden() for frame in self._all()))

    def _all(self) -> tuple[QFrame, ...]:
        return self.doubt, self.alarm, self.journal, self.failed, self.partial
