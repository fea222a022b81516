"""Push, step 1: what will be written, how much it is in words, what was left out, and the confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QBrush, QFont, QFontMetrics
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from reconcile_app.core.amounts import multiply
from reconcile_app.core.change import ChangeKind, Status
from reconcile_app.ui.dialogs import escaped_tool_tip, plain_label, strong_label
from reconcile_app.ui.messages import MINUS, day_text, join, locale_numbers, plural
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, muted_label, page_layout, page_title, strip
from reconcile_app.ui.views.plan_foot import PlanFoot
from reconcile_app.ui.views.push_words import before_after, cents, change_status, line_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from reconcile_app.core.change import Change
    from reconcile_app.core.plan import Dropped, Plan, PlannedChange

_CONTRACT = "Contract"
_COLUMNS = ("Customer / line", "SKU", _CONTRACT, "Before → after", "Change", "$ a month", "Read this first")
_RIGHT = (3, 4, 5)


class PushReview(QWidget):
    """The frozen plan for its approval.

    Signals:
        confirmed: the plan and what the operator typed (empty where nothing has to be typed).
        cancelled: back to the comparison; nothing is sent.
        renew_requested: the plan has expired and shall be made again.
    """

    confirmed = Signal(object, str)
    cancelled = Signal()
    renew_requested = Signal()

    def __init__(self, plan: Plan, theme: Theme, *, psa_title: str, connection: str, sandbox: bool = False,
                 contract: str = "contract", now: Callable[[], datetime] | None = None) -> None:
        super().__init__()
        self.setAccessibleName("Review before the push")
        self.plan = plan
        self._theme = theme
        self._columns = tuple(contract.capitalize() if column == _CONTRACT else column for column in _COLUMNS)
        self._numbers = locale_numbers()
        self.setObjectName("pushReview")
        layout = page_layout(self)
        layout.addWidget(page_title(f"Review: what will be written to {psa_title}"))
        kind = "sample data, nothing leaves this computer" if sandbox else "a real system"
        where = join([f"Connection “{connection}”", f"tenant {plan.tenant[:8]}", kind])
        layout.addWidget(muted_label(f"{where} · every line was read again just now. Nothing has been sent yet.", wrap=True))
        layout.addLayout(self._size())
        for text in plan.warnings:
            layout.addWidget(strip("warn", f"⚠  {text}")[0])
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.lines = self._lines()
        self.tabs.addTab(self.lines, f"Will be written ({len(plan.changes)})")
        self.left_out = self._left_out()
        self.tabs.addTab(self.left_out, f"Left out ({len(plan.dropped)})")
        if plan.dropped:
            layout.addWidget(self._dropped_strip())
        layout.addWidget(self.tabs, 1)
        self.note = plain_label(wrap=True, selectable=True)
        self.lines.currentItemChanged.connect(lambda item, _old: self._tell_note(item))
        self.note.hide()
        layout.addWidget(self.note)
        layout.addWidget(self._foot(now))
        theme.changed.connect(self._tint)

    # the size in words -------------------------------------------------------------------------------------------------------
    def _size(self) -> QHBoxLayout:
        totals, numbers = self.plan.totals, self._numbers
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(figure(numbers.count(totals.lines), _unit(totals.lines, "line")))
        row.addWidget(figure(numbers.count(totals.customers), _unit(totals.customers, "customer")))
        row.addWidget(figure(f"▲ {numbers.signed(totals.units_up)}", "units up"))
        row.addWidget(figure(f"▼ {MINUS if totals.units_down else ''}{numbers.fixed(abs(totals.units_down))}", "units down"))
        row.addWidget(figure(numbers.count(totals.to_zero), "to zero"))
        row.addWidget(figure(numbers.count(totals.created), "new " + _unit(totals.created, "line")))
        row.addWidget(figure(numbers.money(cents(totals.money), signed=True), "a month"))
        row.addWidget(figure(day_text(self.plan.effective_date), "effective date"))
        return row

    def _dropped_strip(self) -> QFrame:
        count = len(self.plan.dropped)
        words = "was left out" if count == 1 else "were left out"
        frame, layout, _ = strip("warn", f"◆  {plural(count, 'selected line')} {words}; the reason stands beside each.")
        layout.addWidget(button("Show them", lambda: self.tabs.setCurrentIndex(1), kind="quiet"))
        return frame

    # the lines ---------------------------------------------------------------------------------------------------------------
    def _lines(self) -> QTreeWidget:
        tree = _tree("Changes that will be written", self._columns, right=_RIGHT)
        groups: dict[str, list[PlannedChange]] = {}
        for planned in self.plan.changes:
            groups.setdefault(planned.change.customer_code, []).append(planned)
        for code, members in groups.items():
            tree.addTopLevelItem(self._group(code, members))
        tree.expandAll()
        for column in range(1, 6):
            tree.resizeColumnToContents(column)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        tree.setColumnWidth(0, self._name_width(tree))
        tree.setColumnWidth(2, min(tree.columnWidth(2), tree.fontMetrics().averageCharWidth() * 28))
        self._tint_tree(tree)
        return tree

    def _name_width(self, tree: QTreeWidget) -> int:
        """Room for the names of customers and lines, as far as they are not exceedingly long."""
        strong = QFont(tree.font())
        strong.setBold(True)
        plain, bold, indent = tree.fontMetrics(), QFontMetrics(strong), tree.indentation()
        changes = [planned.change for planned in self.plan.changes]
        heads = (bold.horizontalAdvance(f"{change.customer_name}  ({change.customer_code})") + indent for change in changes)
        lines = (plain.horizontalAdvance(line_name(change)) + 2 * indent for change in changes)
        return min(max((*heads, *lines), default=0) + 18, plain.averageCharWidth() * 54)

    def _group(self, code: str, members: list[PlannedChange]) -> QTreeWidgetItem:
        numbers = self._numbers
        money = [_money(planned.change) for planned in members]
        known = sum(amount for amount in money if amount is not None)
        name = members[0].change.customer_name or code
        head = QTreeWidgetItem([
            f"{name}  ({code})", "", "", plural(_count(members), "line"), "", numbers.money(cents(known), signed=True), "",
        ])
        font = head.font(0)
        font.setBold(True)
        for column in range(len(_COLUMNS)):
            head.setFont(column, font)
        _align(head)
        for planned, amount in zip(members, money, strict=True):
            head.addChild(self._line(planned, amount))
        return head

    def _line(self, planned: PlannedChange, amount: int | None) -> QTreeWidgetItem:
        change, numbers = planned.change, self._numbers
        status = change_status(change)
        notes = "; ".join(planned.notes)
        item = QTreeWidgetItem([
            line_name(change), change.sku or "–", change.contract_name, before_after(change, numbers),
            self._change_words(change, status),
            "price not known" if amount is None else numbers.money(cents(amount), signed=True),
            f"⚠ {notes}" if notes else "",
        ])
        item.setData(0, Qt.ItemDataRole.UserRole, status)
        item.setToolTip(6, escaped_tool_tip("\n".join(planned.notes)))
        spoken = f"{change.customer_name}, {line_name(change)}, {before_after(change, numbers)}, {notes}"
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, spoken)
        _align(item)
        return item

    def _tell_note(self, item: QTreeWidgetItem | None) -> None:
        """The whole of what has to be read first; the column may be too narrow for it."""
        self.note.setText(item.text(6) if item is not None else "")
        self.note.setVisible(bool(self.note.text()))

    def _change_words(self, change: Change, status: str) -> str:
        mark = self._theme.look(status).mark
        if change.kind is ChangeKind.CANCEL_LINE:
            return f"{mark} ends"
        special = {Status.ADD: f"{mark} new", Status.ZERO: f"{mark} to zero", Status.EQUAL: "cost"}
        return special.get(Status(status)) or f"{mark} {self._numbers.signed(change.delta)}"

    def _left_out(self) -> QTreeWidget:
        tree = _tree("Selected lines that are left out", ("Customer", "Line", "SKU", "Wanted", "Why it was left out"))
        for dropped in self.plan.dropped:
            tree.addTopLevelItem(self._dropped(dropped))
        for column in range(4):
            tree.resizeColumnToContents(column)
        return tree

    def _dropped(self, dropped: Dropped) -> QTreeWidgetItem:
        change = dropped.change
        item = QTreeWidgetItem([
            change.customer_name or change.customer_code, line_name(change), change.sku or "–", before_after(change, self._numbers),
            dropped.reason,
        ])
        item.setToolTip(4, escaped_tool_tip(dropped.reason))
        return item

    def _tint(self) -> None:
        self._tint_tree(self.lines)

    def _tint_tree(self, tree: QTreeWidget) -> None:
        for group in (tree.topLevelItem(row) for row in range(tree.topLevelItemCount())):
            if group is None:
                continue
            for item in (group.child(row) for row in range(group.childCount())):
                if item is not None:
                    self._tint_line(item)

    def _tint_line(self, item: QTreeWidgetItem) -> None:
        look = self._theme.look(item.data(0, Qt.ItemDataRole.UserRole) or Status.EQUAL)
        for column in (3, 4):
            item.setForeground(column, QBrush(look.ink) if look.tint else QBrush())
            item.setBackground(column, QBrush(look.tint) if look.tint else QBrush())
        item.setForeground(6, QBrush(self._theme.color("warn")))

    def _foot(self, now: Callable[[], datetime] | None) -> PlanFoot:
        foot = PlanFoot(self.plan, self._numbers, now)
        foot.confirmed.connect(self.confirmed)
        foot.cancelled.connect(self.cancelled)
        foot.renew_requested.connect(self.renew_requested)
        self.typed, self.go, self.back, self.renew = foot.typed, foot.go, foot.back, foot.renew
        return foot

    def start_focus(self) -> None:
        """Put the cursor where the next thing is done; never on the button that sends."""
        (self.typed if self.plan.confirm_reasons else self.lines).setFocus()


def _money(change: Change) -> int | None:
    return None if change.unit_price is None else multiply(change.delta, change.unit_price)


def _count(members: Sequence[PlannedChange]) -> int:
    """A line that ends and the one that takes its place are one."""
    return sum(not planned.change.replaces for planned in members)


def _unit(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def figure(number: str, words: str) -> QFrame:
    """One number of a review, large, with its words below."""
    frame = QFrame()
    frame.setProperty("card", True)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(12, 8, 12, 8)
    layout.setSpacing(0)
    big = strong_label(number, larger=1.3)
    big.setAccessibleName(f"{number} {words}")
    layout.addWidget(big)
    layout.addWidget(muted_label(words))
    return frame


def _tree(name: str, columns: tuple[str, ...], *, right: tuple[int, ...] = ()) -> QTreeWidget:
    tree = QTreeWidget()
    tree.setAccessibleName(name)
    tree.setHeaderLabels(list(columns))
    tree.setUniformRowHeights(True)
    tree.setAllColumnsShowFocus(True)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    tree.header().setStretchLastSection(True)
    for column in right:
        tree.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return tree


def _align(item: QTreeWidgetItem) -> None:
    item.setSizeHint(0, QSize(0, QFontMetrics(item.font(0)).height() + 9))
    for column in _RIGHT:
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
