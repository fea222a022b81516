"""Warnings by code: how many rows, customers and how much money each holds back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QMenu, QVBoxLayout, QWidget

from reconcile_app.core.findings import Code, Level
from reconcile_app.ui.dialogs import strong_label
from reconcile_app.ui.messages import NONE, Numbers, to_cents
from reconcile_app.ui.models.filtering import CodeGroup
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import RecordView, button, painter_of


class WarningPanel(QWidget):
    """The list of codes. ``code_chosen`` names the code to filter by; empty: none."""

    code_chosen = Signal(str)

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._codes: Mapping[str, Code] = {}
        self._chosen = ""
        self._numbers = numbers
        self.model = RecordTable((
            RecordColumn(title="Code", text=lambda group: group.code, style=self._style),
            RecordColumn(title="What", text=self._title),
            RecordColumn(title="Rows", text=lambda group: numbers.count(group.rows), order=lambda group: group.rows, right=True),
            RecordColumn(title="Cust.", text=lambda group: numbers.count(group.customers), order=lambda group: group.customers,
                         right=True),
            RecordColumn(title="$/month", text=self._money, order=lambda group: abs(group.money or 0), right=True),
        ), key=lambda group: group.code, paint=painter_of(theme), parent=self)
        self.view = RecordView(self.model, "Warnings by code", stretch=1)
        self._set_up_view()
        self.everything = button("Show all", lambda: self.code_chosen.emit(""), kind="quiet", name="Show rows of all codes")
        self.everything.hide()
        head = QHBoxLayout()
        head.addWidget(strong_label("Warnings by code"))
        head.addStretch(1)
        head.addWidget(self.everything)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)

    def _set_up_view(self) -> None:
        header = self.view.horizontalHeader()
        header.setSectionsMovable(False)
        header.setMinimumSectionSize(30)
        self.view.setStyleSheet("QTableView::item { padding-left: 3px; padding-right: 5px; }")
        digit = self.fontMetrics().horizontalAdvance("0")
        for place, width in enumerate((5.2, 10, 4.4, 4.8, 8)):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Fixed)
            self.view.setColumnWidth(place, int(digit * width) + 14)
        self.view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(lambda point: self.sort_menu().popup(header.mapToGlobal(point)))
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.viewport().installEventFilter(self)
        self.view.clicked.connect(self._clicked)
        self.view.opened.connect(lambda group: self._choose(group.code))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A narrow panel shows fewer columns; titles stay readable."""
        if event.type() == QEvent.Type.Resize:
            self._fit_columns()
        return super().eventFilter(watched, event)

    def _fit_columns(self) -> None:
        digits = self.width() // self.fontMetrics().horizontalAdvance("0")
        self.view.setColumnHidden(4, digits < 42)
        self.view.setColumnHidden(3, digits < 30)
        # a stretched column would keep its width where the panel is narrower than at first
        others = sum(self.view.columnWidth(place) for place in (0, 2, 3, 4))
        self.view.setColumnWidth(1, max(self.view.viewport().width() - others, 40))

    def sort_menu(self) -> QMenu:
        """Sorting by any column, also by one that a narrow panel hides; deletes itself when it closes."""
        menu = QMenu("Sort by", self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for place, words in enumerate(("Code", "Title", "Rows, most first", "Customers, most first", "Money, most first")):
            order = Qt.SortOrder.AscendingOrder if place < 2 else Qt.SortOrder.DescendingOrder
            menu.addAction(words, partial(self.view.sortByColumn, place, order))
        return menu

    def _title(self, group: CodeGroup) -> str:
        return self._codes[group.code].title if group.code in self._codes else ""

    def _money(self, group: CodeGroup) -> str:
        return NONE if group.money is None else self._numbers.signed(to_cents(group.money), 2)

    def _style(self, group: CodeGroup) -> str:
        code = self._codes.get(group.code)
        return "doubt" if code is not None and code.level is Level.ERROR else "blocked"

    def _clicked(self, index: QModelIndex) -> None:
        self._choose(self.model.record(index.row()).code)

    def _choose(self, code: str) -> None:
        self.code_chosen.emit("" if code == self._chosen else code)

    def show_groups(self, groups: Sequence[CodeGroup], codes: Mapping[str, Code], chosen: str) -> None:
        """Show the codes under the other filters; ``chosen`` stays in the list even when nothing is left of it."""
        self._codes, self._chosen = codes, chosen
        shown = list(groups)
        if chosen and all(group.code != chosen for group in shown):
            shown.append(CodeGroup(code=chosen, rows=0, customers=0, money=None))
        self.model.set_records(shown)
        self.everything.setVisible(bool(chosen))
        if chosen:
            self.view.select_row(self.model.row_of(chosen))
        else:
            self.view.clearSelection()
