"""The Compare page's middle: warnings and facets on the left, the table, and the panel about the current row."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from reconcile_app.core.findings import Code
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.models.comparison_model import ComparisonModel
from reconcile_app.ui.models.comparison_rows import ComparisonRows
from reconcile_app.ui.models.filtering import (
    FacetChoice,
    Filtered,
    Filters,
    Masks,
    PushTotals,
    all_of,
    apply_filters,
    count_filtered,
    filter_masks,
    push_totals,
)
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.comparison_table import ComparisonTable
from reconcile_app.ui.views.empty_page import EmptyPage
from reconcile_app.ui.views.facet_panel import FacetPanel
from reconcile_app.ui.views.row_panel import RowPanel
from reconcile_app.ui.views.warning_panel import WarningPanel

_COUNT_AT_ONCE = 50_000
"""Rows up to which the counts are computed with the keystroke; beyond, they follow after a pause in typing."""
_COUNT_AFTER = 0.12
"""That pause, in seconds."""


class ComparisonPane(QWidget):
    """Holds the filters and keeps table, warnings, facets and row panel in step with them."""

    filtered = Signal(object)
    """Filtered | None: after every change of rows or filters; ``None`` where the counts follow later."""
    ticks_changed = Signal()

    def __init__(self, controller: Controller, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self.filters = Filters()
        self.rows: ComparisonRows | None = None
        self._codes: Mapping[str, Code] = {}
        self.model = ComparisonModel(self)
        self.table = ComparisonTable(self.model, theme)
        self.warnings = WarningPanel(theme, numbers)
        self.facets = FacetPanel(theme, numbers)
        self.about = RowPanel(controller, theme, numbers)
        self.empty = EmptyPage()
        self._center = QStackedWidget()
        self._center.addWidget(self.table)
        self._center.addWidget(self.empty)
        self._lay_out()
        self.table.current_changed.connect(self._show_row)
        self.model.tick_requested.connect(self._ticked)
        self.warnings.code_chosen.connect(lambda code: self.change_filters(code=code))
        self.facets.toggled.connect(self._toggle_facet)
        self.facets.cleared.connect(lambda: self.change_filters(facets={}))
        controller.notes_changed.connect(lambda: self._show_row(self.table.current_key()))

    def _lay_out(self) -> None:
        self._left = _splitter(Qt.Orientation.Vertical, (self.warnings, self.facets), (1, 1))
        self._right = _splitter(Qt.Orientation.Vertical, (self._center, self.about), (3, 1))
        self._whole = _splitter(Qt.Orientation.Horizontal, (self._left, self._right), (0, 1))
        character, line = self.fontMetrics().averageCharWidth(), self.fontMetrics().height()
        self._whole.setSizes([character * 34, character * 140])
        self._right.setSizes([line * 29, line * 14])
        self._left.setSizes([line * 16, line * 20])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._whole)

    # rows and filters --------------------------------------------------------------------------------------------------------

    def show_rows(
        self, rows: ComparisonRows, codes: Mapping[str, Code], billing: str, psa: str,
        ready: tuple[Filters, Filtered] | None = None,
    ) -> None:
        """Another comparison; selection, current row and place stay. ``ready`` is what some filters let pass, if already known."""
        self.rows, self._codes = rows, codes
        self.model.billing, self.model.psa = billing, psa
        for key, title in (("billed_quantity", billing), ("contract_quantity", psa), *self._own_words().items()):
            self.model.retitle(key, title)
        known = ready is not None and ready[0] == self.filters
        result = ready[1] if ready is not None and known else apply_filters(rows, self.filters)
        with self.table.place_kept():
            self.model.set_comparison(rows, result.mask, codes)
            self.table.fit_columns()
        self._tell(result)
        if self.model.rowCount() and not self.table.selectionModel().hasSelection():
            # a table that has the focus makes a row current by itself, without selecting it
            self.table.go_to_row(max(self.table.currentIndex().row(), 0))

    def _own_words(self) -> dict[str, str]:
        """Titles of columns in the words of the PSA."""
        word = self._controller.vocabulary
        contract = word("contract").capitalize()
        return {
            "service_name": f"{word('service').capitalize()} / line", "contract_name": contract, "contract_id": f"{contract} ID",
            "company_name": word("company").capitalize(),
        }

    def clear(self) -> None:
        """No comparison any more."""
        self.rows = None
        self.model.set_comparison(None, None, {})
        self._show_row("")

    def set_filters(self, filters: Filters) -> None:
        """Narrow the table."""
        self.filters = filters
        if self.rows is None:
            return
        masks = filter_masks(self.rows, filters)
        with self.table.place_kept():
            self.model.set_filter(all_of(self.rows, masks))
        self._controller.tasks.cancel("counts")
        if self.rows.count > _COUNT_AT_ONCE:
            self.filtered.emit(None)
            self._controller.tasks.start(self._count(self.rows, masks), "counts")
        else:
            self._tell(count_filtered(self.rows, masks))

    async def _count(self, rows: ComparisonRows, masks: Masks) -> None:
        await asyncio.sleep(_COUNT_AFTER)
        result = await asyncio.to_thread(count_filtered, rows, masks)
        if rows is self.rows:
            self._tell(result)

    def change_filters(self, **changes: Any) -> None:
        """Narrow the table by changing one filter."""
        kept = {name: getattr(self.filters, name) for name in ("todo", "cards", "code", "facets", "text")}
        self.set_filters(Filters(**(kept | changes)))

    def _toggle_facet(self, name: str, value: str, exclude: bool) -> None:
        choice = self.filters.facets.get(name, FacetChoice()).toggled(value, exclude=exclude)
        self.set_filters(self.filters.with_facet(name, choice))

    def _tell(self, result: Filtered) -> None:
        if self.rows is not None:
            self.warnings.show_groups(result.groups, self._codes, self.filters.code)
            titles = {"service": self._controller.vocabulary("service").capitalize()}
            self.facets.show_facets({
                name: (titles.get(name, facet.title), facet.values, result.facets[name])
                for name, facet in self.rows.facets.items()
            }, self.filters.facets)
        self.filtered.emit(result)
        self._show_row(self.table.current_key())

    def show_empty(self, title: str, text: str, action: str = "") -> None:
        """Words in place of the table."""
        self.empty.tell(title, text, action)
        self._center.setCurrentWidget(self.empty)

    def show_table(self) -> None:
        """The table in place of words."""
        self._center.setCurrentWidget(self.table)

    def totals(self) -> PushTotals | None:
        """The size of what is ticked on the screen, hidden rows included."""
        return push_totals(self.rows, self.model.ticked) if self.rows is not None else None

    def _ticked(self, keys: list[str], on: bool) -> None:
        self._controller.decide(keys, on)
        self.ticks_changed.emit()

    # the current row ---------------------------------------------------------------------------------------------------------

    def _show_row(self, key: str) -> None:
        self.about.show_row(self.rows, key, self.model.billing, self.model.psa, self._controller.notes.get(key, ""))

    def frame_row(self, key: str) -> int:
        """Position of a key in the comparison; −1 where there is none."""
        return self.rows.position.get(key, -1) if self.rows is not None else -1

    def reveal(self, key: str) -> bool:
        """Go to a row, clearing filters that hide it; false when there is no such row."""
        if self.frame_row(key) < 0:
            return False
        if not self.table.go_to(key):
            self.set_filters(Filters(todo=False))
            return self.table.go_to(key)
        return True

    # remembered --------------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Columns, sizes and filters, to be remembered."""
        return {
            "table": self.table.layout_state(), "filters": self.filters.state(),
            "sizes": [self._whole.sizes(), self._right.sizes(), self._left.sizes()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As remembered; what does not fit is left out."""
        table, sizes, filters = state.get("table"), state.get("sizes"), state.get("filters")
        if isinstance(table, dict):
            self.table.restore_layout(table)
        if isinstance(sizes, list) and len(sizes) == 3:
            for splitter, widths in zip((self._whole, self._right, self._left), sizes, strict=True):
                if isinstance(widths, list) and len(widths) == 2 and all(isinstance(width, int) for width in widths):
                    splitter.setSizes(widths)
        if isinstance(filters, dict):
            self.set_filters(Filters.remembered(filters))


def _splitter(orientation: Qt.Orientation, widgets: tuple[QWidget, QWidget], stretch: tuple[int, int]) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setHandleWidth(8)
    for place, (widget, factor) in enumerate(zip(widgets, stretch, strict=True)):
        splitter.addWidget(widget)
        splitter.setStretchFactor(place, factor)
        splitter.setCollapsible(place, False)
    return splitter
