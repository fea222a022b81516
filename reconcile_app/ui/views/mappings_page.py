"""Mappings: where customers and products lead, what is broken or missing, and which rows are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from reconcile_app.core.changes import Status
from reconcile_app.core.mapping_rules import CustomerRule
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import strong_label
from reconcile_app.ui.messages import day_text, join, locale_numbers, plural, shown
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import RecordView, button, muted_label, page_layout, page_title, painter_of, row_of
from reconcile_app.ui.views.mapping_dialogs import Subject
from reconcile_app.ui.views.mapping_flow import MappingFlow
from reconcile_app.ui.views.mapping_rows import (
    CustomerRow,
    IgnoredRow,
    MappingState,
    ProductRow,
    customer_rows,
    ignored_rows,
    product_rows,
)
from reconcile_app.ui.views.mapping_tab import MappingTab

if TYPE_CHECKING:
    from reconcile_app.core.basis import Run

_STYLES = {
    MappingState.MISSING: Status.BLOCKED, MappingState.BROKEN: "doubt", MappingState.CHOOSE: Status.BLOCKED,
    MappingState.WAITING: Status.RAISE, MappingState.OTHER: "muted", MappingState.UNREAD: Status.UNKNOWN,
    MappingState.RULE: "ok", MappingState.IDENTIFIER: "ok", MappingState.NOT_A_PRODUCT: Status.IGNORED,
}
_MARKS = {
    MappingState.MISSING: "◆", MappingState.BROKEN: "‼", MappingState.CHOOSE: "◆", MappingState.WAITING: "…",
    MappingState.OTHER: "–", MappingState.UNREAD: "⊘", MappingState.RULE: "✓", MappingState.IDENTIFIER: "✓",
    MappingState.NOT_A_PRODUCT: "∅",
}
_FILTERS = (
    ("All", None),
    ("Needs a person", lambda row: row.state.needs_person),
    ("Mapped here", lambda row: row.rule is not None),
    ("Found by itself", lambda row: row.state is MappingState.IDENTIFIER),
)


def _state(row: CustomerRow | ProductRow) -> str:
    return f"{_MARKS[row.state]} {row.words}"


_STATE_COLUMN = RecordColumn(title="State", text=_state, style=lambda row: _STYLES[row.state],
                             order=lambda row: (list(MappingState).index(row.state), row.words))


def _where(id_: str, name: str) -> str:
    return f"{shown(name)}  ({id_})" if name and id_ else shown(name) or id_ or "–"


class MappingsPage(QWidget):
    """Tabs Customers, Products and Ignore rules.

    Signals:
        compare_requested: there is nothing to map before the first comparison; go and make it.
    """

    compare_requested = Signal()

    def __init__(self, controller: Controller, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Mappings")
        self._controller, self._theme = controller, theme
        self._numbers = locale_numbers()
        self._stale = True
        self.flow = MappingFlow(controller, theme, self)
        self.customers, self.products, self.ignored = self._customer_tab(), self._product_tab(), self._ignore_tab()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for tab, words in ((self.customers, "Customers"), (self.products, "Products"), (self.ignored, "Ignore rules")):
            self.tabs.addTab(tab, words)
        self.undo = button("Undo", self._undo)
        self.redo = button("Redo", self._redo)
        self.summary = muted_label(wrap=True)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._empty())
        self.stack.addWidget(self.tabs)
        layout = page_layout(self)
        layout.addLayout(row_of(page_title("Mappings"), None, self.undo, self.redo))
        layout.addWidget(self.summary)
        layout.addWidget(self.stack, 1)
        self._keys()
        controller.run_changed.connect(self._run_changed)
        theme.changed.connect(self._mark_stale)
        self.refresh()

    def _keys(self) -> None:
        for key, act in (
            (QKeySequence(QKeySequence.StandardKey.Undo), self._controller.undo), (QKeySequence("Ctrl+Y"), self._controller.redo),
            (QKeySequence(QKeySequence.StandardKey.Find), self._find), (QKeySequence("M"), self._map_current),
        ):
            QShortcut(key, self, act)

    # the three tabs ----------------------------------------------------------------------------------------------------------
    def _customer_tab(self) -> MappingTab:
        word = self._controller.vocabulary
        model = RecordTable([
            RecordColumn(title="Customer", text=lambda r: shown(r.name)),
            RecordColumn(title="Code", text=lambda r: r.code),
            RecordColumn(title="Identifier", text=lambda r: r.identifier or "–"),
            _STATE_COLUMN,
            RecordColumn(title=word("company").capitalize(), text=lambda r: _where(r.company_id, r.company)),
            RecordColumn(title=word("contract").capitalize(), text=lambda r: _where(r.contract_id, r.contract)),
            RecordColumn(title="Billed lines", text=lambda r: self._numbers.count(r.lines), order=lambda r: r.lines, right=True),
        ], key=lambda r: r.code, paint=painter_of(self._theme))
        view = RecordView(model, "Customers and where they lead", stretch=5)
        view.set_widths({0: 24, 1: 7, 2: 12, 3: 34, 4: 28, 5: 28, 6: 11})
        tab = MappingTab(model, view, prompt="Search: customer, code, company …  Ctrl+F", filters=_FILTERS, noun="customer")
        self.map_customer = button("Map…", self._map_current, kind="primary", name="Map the selected customer")
        self.accept = button("Use the successor", self._accept_successor)
        self.unmap_customer = button("Remove mapping", self._unmap_customer, name="Remove the mapping of the selected customer")
        self.exact = button("Accept exact matches…", self._accept_exact)
        tab.add_buttons(self.map_customer, self.accept, self.unmap_customer, self.exact)
        tab.current_changed.connect(self._customer_chosen)
        view.opened.connect(lambda _row: self._map_current())
        return tab

    def _product_tab(self) -> MappingTab:
        word = self._controller.vocabulary
        model = RecordTable([
            RecordColumn(title="Billed as", text=lambda r: shown(r.description) or "–"),
            RecordColumn(title="SKU", text=lambda r: r.sku),
            RecordColumn(title="For", text=lambda r: r.customer or "every customer"),
            _STATE_COLUMN,
            RecordColumn(title=f"{word('service').capitalize()} or {word('line')}", text=lambda r: _where(r.target_id, r.target)),
            RecordColumn(title="Customers", text=lambda r: str(r.customers), order=lambda r: r.customers, right=True),
            RecordColumn(title="Billed lines", text=lambda r: self._numbers.count(r.lines), order=lambda r: r.lines, right=True),
        ], key=lambda r: r.key, paint=painter_of(self._theme))
        view = RecordView(model, "Products and what they mean", stretch=4)
        view.set_widths({0: 38, 1: 7, 2: 16, 3: 28, 4: 30, 5: 10, 6: 11})
        tab = MappingTab(model, view, prompt="Search: text, SKU, service …  Ctrl+F", filters=_FILTERS, noun="product")
        self.map_product = button("Map…", self._map_current, kind="primary", name="Map the selected product")
        self.unmap_product = button("Remove mapping", self._unmap_product, name="Remove the mapping of the selected product")
        tab.add_buttons(self.map_product, self.unmap_product)
        tab.current_changed.connect(self._product_chosen)
        view.opened.connect(lambda _row: self._map_current())
        return tab

    def _ignore_tab(self) -> MappingTab:
        model = RecordTable([
            RecordColumn(title="Customer", text=lambda r: shown(r.customer)),
            RecordColumn(title="Line", text=lambda r: shown(r.service)),
            RecordColumn(title="Reason", text=lambda r: shown(r.rule.reason)),
            RecordColumn(title="Until", text=lambda r: day_text(r.rule.until) if r.rule.until else "for ever",
                         order=lambda r: r.rule.until.toordinal() if r.rule.until else 10**7),
            RecordColumn(title="Wakes", order=lambda r: r.rule.wake_above or 0, right=True,
                         text=lambda r: "–" if r.rule.wake_above is None else f"above {self._numbers.fixed(r.rule.wake_above)}"),
            RecordColumn(title="By", text=lambda r: join([shown(r.rule.by), day_text(r.rule.created)])),
            RecordColumn(title="State", text=lambda r: "∅ holds" if r.holds else "over, shown again",
                         style=lambda r: Status.IGNORED if r.holds else "muted"),
        ], key=lambda r: r.rule.key, paint=painter_of(self._theme))
        view = RecordView(model, "Ignore rules", stretch=2)
        view.set_widths({0: 24, 1: 26, 2: 30, 3: 13, 4: 13, 5: 22, 6: 18})
        tab = MappingTab(model, view, prompt="Search: customer, line, reason …  Ctrl+F", noun="ignore rule")
        self.lift = button("Lift", self._lift, kind="primary", name="Lift the selected ignore rule")
        tab.add_buttons(self.lift)
        tab.current_changed.connect(lambda row: self.lift.setEnabled(row is not None))
        return tab

    def _empty(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(1)
        column.addWidget(strong_label("Compare first", larger=1.2), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(muted_label("The customers and products that are listed here come from a comparison."), 0,
                         Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addWidget(button("Go to Compare", self.compare_requested.emit, kind="primary"), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        return page

    # showing -----------------------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        """Coming to the page shows what is there now."""
        super().showEvent(event)
        if self._stale:
            self.refresh()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The keys go to the list in front."""
        super().focusInEvent(event)
        self._to_list()

    def _run_changed(self, _run: Run | None) -> None:
        self._mark_stale()

    def _mark_stale(self) -> None:
        self._stale = True
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """List what the comparison on the desk says."""
        run = self._controller.run
        self.stack.setCurrentIndex(0 if run is None else 1)
        self._tell_undo()
        if run is None:
            self.summary.setText("")
            return
        self._stale = False
        words = {name: self._controller.vocabulary(name) for name in ("company", "contract", "line", "service")}
        customers, products = customer_rows(run, words), product_rows(run, words)
        ignored = ignored_rows(run, self._controller.today)
        self.customers.show_records(customers)
        self.products.show_records(products)
        self.ignored.show_records(ignored)
        self._tell_summary(customers, products, len(ignored))

    def _tell_summary(self, customers: Sequence[CustomerRow], products: Sequence[ProductRow], ignored: int) -> None:
        open_customers = sum(row.state.needs_person for row in customers)
        open_products = sum(row.state.needs_person for row in products)
        for place, (word, wanting) in enumerate((("Customers", open_customers), ("Products", open_products))):
            self.tabs.setTabText(place, f"{word}  ◆ {wanting}" if wanting else word)
        self.tabs.setTabText(2, f"Ignore rules  {ignored}" if ignored else "Ignore rules")
        if open_customers or open_products:
            told = f"◆ {plural(open_customers, 'customer')} and {plural(open_products, 'product')} need a person."
        else:
            told = "Every customer and product finds its target."
        self.summary.setText(f"{told} A change here compares again at once, without asking the PSA.")

    def _tell_undo(self) -> None:
        for made, what, words in ((self.undo, self._controller.can_undo, "Undo"), (self.redo, self._controller.can_redo, "Redo")):
            made.setEnabled(bool(what))
            made.setText(f"{words}: {shown(what, 40)}".replace("&", "&&") if what else words)

    def _customer_chosen(self, row: CustomerRow | None) -> None:
        self.map_customer.setEnabled(row is not None)
        self.unmap_customer.setEnabled(row is not None and row.rule is not None)
        successor = row.successor if row is not None else None
        self.accept.setVisible(successor is not None)
        if row is None:
            self.customers.detail.setText("")
            return
        company, contract = _where(row.company_id, row.company), _where(row.contract_id, row.contract)
        target = f"{company} → {contract}" if row.company_id else ""
        text = join([shown(row.name), row.words, target, plural(row.lines, "billed line")])
        if successor is not None:
            text += f" · Proposed: {shown(successor.name)} ({successor.contract_id}), {successor.reason}."
        self.customers.detail.setText(text)

    def _product_chosen(self, row: ProductRow | None) -> None:
        self.map_product.setEnabled(row is not None)
        self.unmap_product.setEnabled(row is not None and row.rule is not None)
        self.products.detail.setText("" if row is None else join([
            shown(row.description), f"SKU {row.sku}", row.words, _where(row.target_id, row.target) if row.target_id else "",
        ]))

    def _to_list(self) -> None:
        """Back into the list: the button just pressed may be disabled in a moment and would take the focus with it."""
        tab = self.tabs.currentWidget()
        if isinstance(tab, MappingTab):
            tab.view.setFocus()

    def _undo(self) -> None:
        self._controller.undo()
        self._to_list()

    def _redo(self) -> None:
        self._controller.redo()
        self._to_list()

    # doing -------------------------------------------------------------------------------------------------------------------
    def _find(self) -> None:
        tab = self.tabs.currentWidget()
        if isinstance(tab, MappingTab):
            tab.search.setFocus()
            tab.search.selectAll()

    def _map_current(self) -> None:
        tab = self.tabs.currentWidget()
        row = tab.view.current() if isinstance(tab, MappingTab) else None
        if isinstance(row, CustomerRow):
            self.flow.map_customer(Subject(customer_code=row.code, customer_name=row.name, company_id=row.company_id,
                                           contract_id=row.contract_id if row.rule else ""))
        elif isinstance(row, ProductRow):
            self.flow.map_product(Subject(sku=row.sku, description=row.description, customer_code=row.customer,
                                          customer_name=row.customer, target_id=row.target_id), line=bool(row.customer))

    def _accept_successor(self) -> None:
        row = self.customers.view.current()
        if isinstance(row, CustomerRow) and row.successor is not None:
            rule = CustomerRule(customer_code=row.code, company_id=row.company_id, contract_id=row.successor.contract_id)
            self._controller.map_customer(rule)
            self._to_list()

    def _accept_exact(self) -> None:
        wanting = [row for row in self.customers.model.records() if row.state is MappingState.MISSING and not row.company_id]
        self.flow.accept_exact([(row.code, row.name) for row in wanting])

    def _unmap_customer(self) -> None:
        row = self.customers.view.current()
        if isinstance(row, CustomerRow) and row.rule is not None:
            self._controller.unmap(row.rule)
            self._to_list()

    def _unmap_product(self) -> None:
        row = self.products.view.current()
        if isinstance(row, ProductRow) and row.rule is not None:
            self._controller.unmap(row.rule)
            self._to_list()

    def _lift(self) -> None:
        row = self.ignored.view.current()
        if isinstance(row, IgnoredRow):
            self._controller.unignore([row.rule.key])
            self._to_list()
