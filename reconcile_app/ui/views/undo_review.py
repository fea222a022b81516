"""Undo of a push, step 1: what goes back exactly, what only by a compensating change, what is too late, and the confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from reconcile_app.core.change import ChangeKind
from reconcile_app.core.plan_kinds import Way
from reconcile_app.ui.dialogs import escaped_tool_tip, plain_label
from reconcile_app.ui.messages import MINUS, NONE, day_text, join, locale_numbers, moment_text, plural, shown
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, muted_label, page_layout, page_title, row_of, strip
from reconcile_app.ui.views.plan_foot import PlanFoot
from reconcile_app.ui.views.push_review import figure
from reconcile_app.ui.views.push_words import before_after, cents, line_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconcile_app.core.undo import UndoLine, UndoReview
    from reconcile_app.ui.messages import Numbers

_COLUMNS = ("Customer / line", "SKU", "Now → after", "From", "What happens")
_RIGHT = 2
_GROUPS = {
    Way.EXACT: ("✓", "ok", "Goes back exactly"),
    Way.COMPENSATING: ("⚠", "warn", "Goes back by a compensating change; something of the push stays"),
    Way.TOO_LATE: ("×", "doubt_ink", "Too late, nothing will be written"),
    Way.DONE: ("=", "muted", "Undone already"),
}
"""Way → mark, color and title of its group."""


class UndoReviewPage(QWidget):
    """What an undo would do, for its approval.

    Signals:
        confirmed: the plan and what the operator typed (empty where nothing has to be typed).
        cancelled: back to the comparison; nothing is sent.
        renew_requested: the review has expired and shall be made again.
    """

    confirmed = Signal(object, str)
    cancelled = Signal()
    renew_requested = Signal()

    def __init__(self, review: UndoReview, theme: Theme, *, psa_title: str, connection: str, sandbox: bool = False,
                 now: Callable[[], datetime] | None = None) -> None:
        super().__init__()
        self.setAccessibleName("Review before the undo")
        self.review = review
        self._theme = theme
        self._numbers = locale_numbers()
        layout = page_layout(self)
        title = f"Review: what will be taken back in {psa_title}" if review.plan is not None else "Nothing can be taken back"
        layout.addWidget(page_title(title))
        kind = "sample data, nothing leaves this computer" if sandbox else "a real system"
        made = f"Push of {moment_text(review.pushed)} by {shown(review.operator, 80)}"
        read = "every line was read again just now. Nothing has been sent yet." if review.lines else ""
        where = join([made, f"Connection “{connection}”", kind, read])
        layout.addWidget(muted_label(where, wrap=True))
        if review.lines:
            layout.addLayout(self._size())
        for text in self._warnings():
            layout.addWidget(strip("warn", f"⚠  {text}")[0])
        self.lines = self._tree()
        self.lines.setVisible(bool(review.lines))
        layout.addWidget(self.lines, 1)
        self.note = plain_label(wrap=True, selectable=True)
        self.lines.currentItemChanged.connect(lambda item, _old: self._tell(item))
        layout.addWidget(self.note)
        self.foot: PlanFoot | None = None
        self._add_foot(layout, now)
        self._tell(None)
        theme.changed.connect(self._tint)

    def _warnings(self) -> list[str]:
        review = self.review
        warnings = list(review.plan.warnings) if review.plan is not None else []
        if review.others:
            older = plural(len(review.others), "older push", "older pushes")
            warnings.append(f"This run has {older} that can be undone after this one: {', '.join(review.others)}.")
        return warnings

    def _size(self) -> QHBoxLayout:
        numbers, row = self._numbers, QHBoxLayout()
        row.setSpacing(8)
        words = {Way.EXACT: "exactly", Way.COMPENSATING: "compensating", Way.TOO_LATE: "too late", Way.DONE: "undone already"}
        for way, text in words.items():
            row.addWidget(figure(numbers.count(len(self.review.of(way))), text))
        if self.review.plan is not None:
            totals = self.review.plan.totals
            row.addWidget(figure(f"▲ {numbers.signed(totals.units_up)}", "units up"))
            down = f"{MINUS if totals.units_down else ''}{numbers.fixed(abs(totals.units_down))}"
            row.addWidget(figure(f"▼ {down}", "units down"))
            row.addWidget(figure(numbers.money(cents(totals.money), signed=True), "a month"))
        return row

    # the lines ---------------------------------------------------------------------------------------------------------------
    def _tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Lines of the push and what can be done about them")
        tree.setHeaderLabels(list(_COLUMNS))
        tree.setUniformRowHeights(True)
        tree.setAllColumnsShowFocus(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        tree.headerItem().setTextAlignment(_RIGHT, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for way in _GROUPS:
            lines = self.review.of(way)
            if lines:
                head = self._group(way, lines)
                tree.addTopLevelItem(head)
                head.setFirstColumnSpanned(True)  # only an item that is in a tree takes it
        tree.expandAll()
        for column in range(4):
            tree.resizeColumnToContents(column)
        tree.setColumnWidth(0, min(tree.columnWidth(0) + 12, tree.fontMetrics().averageCharWidth() * 54))
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        tree.header().setStretchLastSection(True)
        self._tint_tree(tree)
        return tree

    def _group(self, way: Way, lines: tuple[UndoLine, ...]) -> QTreeWidgetItem:
        mark, color, title = _GROUPS[way]
        head = QTreeWidgetItem([f"{mark} {title}: {plural(len(lines), 'line', numbers=self._numbers)}"])
        head.setData(0, Qt.ItemDataRole.UserRole, color)
        font = head.font(0)
        font.setBold(True)
        head.setFont(0, font)
        for line in lines:
            head.addChild(self._line(line))
        return head

    def _line(self, line: UndoLine) -> QTreeWidgetItem:
        change = line.op.change
        name = f"{change.customer_name or change.customer_code}: {line_name(change)}"
        words = shown(line.words)
        numbers = _numbers_of(line, self._numbers)
        item = QTreeWidgetItem([name, change.sku or NONE, numbers, _day_of(line), words])
        item.setTextAlignment(_RIGHT, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setToolTip(4, escaped_tool_tip(line.words))
        item.setData(0, Qt.ItemDataRole.UserRole + 1, f"{name}, {numbers}: {words}")
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{name}, {numbers}: {words}")
        return item

    def _tell(self, item: QTreeWidgetItem | None) -> None:
        """The whole of what happens to the line under the cursor; the column may be too narrow for it."""
        text = "" if item is None else item.data(0, Qt.ItemDataRole.UserRole + 1) or ""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _tint(self) -> None:
        self._tint_tree(self.lines)

    def _tint_tree(self, tree: QTreeWidget) -> None:
        for row in range(tree.topLevelItemCount()):
            head = tree.topLevelItem(row)
            if head is not None:
                head.setForeground(0, QBrush(self._theme.color(head.data(0, Qt.ItemDataRole.UserRole))))

    # the confirmation --------------------------------------------------------------------------------------------------------
    def _add_foot(self, layout: QVBoxLayout, now: Callable[[], datetime] | None) -> None:
        plan = self.review.plan
        if plan is None:
            self.back = button("Back", self.cancelled.emit, kind="primary")
            why = "Nothing of this push can be undone." if self.review.lines else "This push wrote nothing."
            words = plain_label(f"{why} To change these lines now, compare and push.", wrap=True)
            layout.addLayout(row_of(words, self.back, stretch_at=0))
            if not self.review.lines:
                layout.addStretch(1)
            return
        self.foot = PlanFoot(plan, self._numbers, now, verb="Undo", what="undo")
        self.foot.confirmed.connect(self.confirmed)
        self.foot.cancelled.connect(self.cancelled)
        self.foot.renew_requested.connect(self.renew_requested)
        self.back = self.foot.back
        layout.addWidget(self.foot)

    def start_focus(self) -> None:
        """Put the cursor where the next thing is done; never on the button that sends."""
        if self.foot is None:
            self.back.setFocus()
        elif self.foot.plan.confirm_reasons:
            self.foot.typed.setFocus()
        else:
            self.lines.setFocus()


def _numbers_of(line: UndoLine, numbers: Numbers) -> str:
    """``14 → 12`` as it would be written; what the line has now where nothing would."""
    if line.change is not None:
        return before_after(line.change, numbers)
    return NONE if line.quantity is None else numbers.fixed(line.quantity)


def _day_of(line: UndoLine) -> str:
    if line.change is None or line.change.kind is ChangeKind.SET_UNIT_COST:
        return NONE
    return day_text(line.change.effective_date)
