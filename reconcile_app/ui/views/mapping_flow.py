"""From a wish to map something to the saved rule: opens the right dialog, passes the answer on, accepts exact matches in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from reconcile_app.core.mapping_rules import CustomerRule, LineRule, ProductRule
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import run_dialog
from reconcile_app.ui.messages import plural, shown
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, muted_label, page_title, row_of
from reconcile_app.ui.views.mapping_dialogs import ChoiceDialog, ServiceDialog, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch:
    """A customer whose name equals a company's after normalising."""

    customer_code: str
    customer_name: str
    company_id: str
    company_name: str
    reason: str


class ExactMatches(QDialog):
    """Exact matches to accept together; each can be unticked."""

    def __init__(self, matches: Sequence[ExactMatch], lines: Sequence[int], company: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Accept exact matches")
        self._matches = tuple(matches)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Exact matches")
        self.tree.setRootIsDecorated(False)
        self.tree.setHeaderLabels(["Customer", company.capitalize(), "Why", "Newly matched lines"])
        for match, count in zip(self._matches, lines, strict=True):
            item = QTreeWidgetItem([
                f"{shown(match.customer_name)} ({match.customer_code})", f"{shown(match.company_name)} ({match.company_id})",
                shown(match.reason), str(count),
            ])
            item.setCheckState(0, Qt.CheckState.Checked)
            item.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.tree.addTopLevelItem(item)
        for column in range(3):
            self.tree.resizeColumnToContents(column)
            self.tree.setColumnWidth(column, self.tree.columnWidth(column) + 18)
        self.tree.itemChanged.connect(lambda _item, _column: self._judge())
        self.save = button("", self.accept, kind="primary")
        self.save.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 16)
        layout.setSpacing(10)
        layout.addWidget(page_title("Accept exact matches"))
        layout.addWidget(muted_label("These names are equal after removing case, punctuation and company forms such as Ltd. "
                                     "Similar names are never accepted in bulk.", wrap=True))
        layout.addWidget(self.tree, 1)
        layout.addLayout(row_of(None, button("Cancel", self.reject), self.save))
        self.resize(self.fontMetrics().averageCharWidth() * 120, 460)
        self._judge()

    @property
    def chosen(self) -> list[ExactMatch]:
        """The matches that are ticked."""
        items = [self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount())]
        return [
            match for match, item in zip(self._matches, items, strict=True)
            if item is not None and item.checkState(0) == Qt.CheckState.Checked
        ]

    def _judge(self) -> None:
        count = len(self.chosen)
        self.save.setText(f"Map {plural(count, 'customer')}")
        self.save.setEnabled(count > 0)


class MappingFlow(QObject):
    """Dialogs of the mapping, opened over a window; what is accepted goes to the controller."""

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller, self._theme, self._parent = controller, theme, parent

    @property
    def _window(self) -> QWidget:
        return self._parent.window()

    def map_row(self, key: str, what: str) -> None:
        """Map what a comparison row needs: ``customer``, ``contract``, ``product`` or ``line``."""
        run = self._controller.run
        found = run.rows[run.rows["key"] == key] if run is not None else None
        if found is None or found.empty:
            self._controller.note.emit("This row is no longer part of the comparison.")
            return
        row = found.iloc[0].fillna("")
        subject = Subject(
            customer_code=str(row["customer_code"]), customer_name=str(row["customer_name"]), sku=str(row["sku"]),
            description=str(row["description"] or row["service_name"]), company_id=str(row["company_id"]),
            contract_id=str(row["contract_id"]),
        )
        if what in ("product", "line") and not subject.sku:
            self._controller.note.emit("This line has no SKU. Give it one in Atria, reprocess, and compare again.")
        elif what in ("product", "line"):
            self.map_product(subject, line=what == "line")
        else:
            self.map_customer(subject)

    def map_customer(self, subject: Subject) -> None:
        """Choose company and contract of a customer."""
        self._controller.tasks.start(self._map_customer(subject), "map dialog")

    def map_product(self, subject: Subject, *, line: bool = False) -> None:
        """Choose the service of a SKU, or with ``line`` one customer's line."""
        self._controller.tasks.start(self._map_product(subject, "line" if line else "product"), "map dialog")

    async def _map_customer(self, subject: Subject) -> None:
        dialog = ChoiceDialog(self._controller, self._theme, subject, deep=2, parent=self._window)
        await self._finish(dialog)

    async def _map_product(self, subject: Subject, way: str) -> None:
        while way:
            dialog: ChoiceDialog | ServiceDialog
            if way == "line":
                dialog = ChoiceDialog(self._controller, self._theme, subject, deep=3, parent=self._window)
            else:
                dialog = ServiceDialog(self._controller, self._theme, subject, parent=self._window)
            other: list[str] = []
            dialog.other_way.connect(other.append)
            dialog.other_way.connect(dialog.reject)
            await self._finish(dialog)
            way = other[0] if other else ""
            subject = replace(subject, target_id="")

    async def _finish(self, dialog: ChoiceDialog | ServiceDialog) -> None:
        accepted = await run_dialog(dialog) == QDialog.DialogCode.Accepted
        rule = dialog.rule if accepted else None
        if isinstance(rule, CustomerRule):
            self._controller.map_customer(rule)
        elif isinstance(rule, ProductRule):
            self._controller.map_product(rule)
        elif isinstance(rule, LineRule):
            self._controller.map_line(rule)

    # exact matches in bulk ---------------------------------------------------------------------------------------------------
    def accept_exact(self, customers: Sequence[tuple[str, str]]) -> None:
        """Look for exact matches of these customers (code, name) and offer them together."""
        if not self._controller.tasks.running("exact matches"):
            self._controller.tasks.start(self._accept_exact(customers), "exact matches")

    async def _accept_exact(self, customers: Sequence[tuple[str, str]]) -> None:
        if not customers:
            self._controller.note.emit("Every customer has a company already.")
            return
        matches = await self._exact(customers)
        if not matches:
            self._controller.note.emit(f"No exact match among {plural(len(customers), 'customer')}. Map them one by one.")
            return
        rules = [CustomerRule(customer_code=match.customer_code, company_id=match.company_id) for match in matches]
        lines = []
        for rule in rules:
            lines.append((await self._controller.effect(rule)).matched)
        dialog = ExactMatches(matches, lines, self._controller.vocabulary("company"), self._window)
        if await run_dialog(dialog) == QDialog.DialogCode.Accepted:
            chosen = {match.customer_code for match in dialog.chosen}
            self._controller.map_customers([rule for rule in rules if rule.customer_code in chosen])

    async def _exact(self, customers: Sequence[tuple[str, str]]) -> list[ExactMatch]:
        """Exact matches; a customer with several, or a company that several customers match, is left to a person."""
        companies = await self._controller.companies()
        found: list[ExactMatch] = []
        for code, name in customers:
            exact = [suggestion for suggestion in await self._controller.suggest_companies(code, companies) if suggestion.exact]
            if len(exact) == 1:
                found.append(ExactMatch(customer_code=code, customer_name=name, company_id=exact[0].target_id,
                                        company_name=exact[0].target_name, reason=exact[0].reason))
        targets = [match.company_id for match in found]
        return [match for match in found if targets.count(match.company_id) == 1]
