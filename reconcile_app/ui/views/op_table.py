"""Changes on their way or at their end, as a list: which customer, which line, before → after, state in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLabel

from reconcile_app.ui.messages import NONE, Numbers, join, shown
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import RecordView, muted_label, painter_of
from reconcile_app.ui.views.push_words import STATES, before_after, line_name, stage_look

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord

Told = tuple[str, str]
"""Words and style of a state."""


def settled_words(op: OpRecord) -> Told:
    """State of an op as the journal has it."""
    words = STATES[op.state]
    return f"{words.mark} {words.word}", words.style


def live_words(stages: Mapping[str, str]) -> Callable[[OpRecord], Told]:
    """State of an op while the push runs."""
    def told(op: OpRecord) -> Told:
        stage = stages.get(op.op_id, "waiting")
        mark, style = stage_look(stage)
        return f"{mark} {stage}", style
    return told


class OpTable(RecordTable):
    """Ops as rows."""

    def __init__(self, theme: Theme, numbers: Numbers, told: Callable[[OpRecord], Told]) -> None:
        self._told = told
        super().__init__([
            RecordColumn(title="Customer", text=lambda op: op.change.customer_name or op.change.customer_code),
            RecordColumn(title="Line", text=lambda op: line_name(op.change)),
            RecordColumn(title="SKU", text=lambda op: op.change.sku or NONE),
            RecordColumn(title="Before → after", text=lambda op: before_after(op.change, numbers), right=True),
            RecordColumn(title="State", text=lambda op: self._told(op)[0], style=lambda op: self._told(op)[1]),
            RecordColumn(title="What happened", text=lambda op: shown(op.message)),
        ], key=lambda op: op.op_id, paint=painter_of(theme))

    def tell_by(self, told: Callable[[OpRecord], Told]) -> None:
        """Tell states by another rule from the next ``set_records`` on."""
        self._told = told


def op_detail(view: RecordView, numbers: Numbers) -> QLabel:
    """The whole of what happened to the change under the cursor; the column may be too narrow for it."""
    label = muted_label(wrap=True, selectable=True)

    def tell(op: OpRecord | None) -> None:
        what = "" if op is None else f"{op.change.customer_name}: {line_name(op.change)}, {before_after(op.change, numbers)}"
        label.setText("" if op is None else join([what, shown(op.message)]))

    view.current_changed.connect(tell)
    return label


def op_view(model: OpTable, name: str, theme: Theme) -> RecordView:
    """The list for an op table."""
    view = RecordView(model, name, stretch=5)
    view.set_widths({0: 24, 1: 26, 2: 8, 3: 16, 4: 36, 5: 40})
    theme.changed.connect(view.viewport().update)
    return view
