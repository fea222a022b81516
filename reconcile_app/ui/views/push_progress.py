"""Push, step 2: one row per change with its live state, how far, and a stop after the current change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from reconcile_app.core.plan_kinds import UNDO
from reconcile_app.ui.dialogs import strong_label
from reconcile_app.ui.messages import join, locale_numbers
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, muted_label, page_layout, page_title, row_of
from reconcile_app.ui.views.op_table import OpTable, live_words, op_detail, op_view
from reconcile_app.ui.views.push_words import FINISHED_STAGES, size_text

if TYPE_CHECKING:
    from reconcile_app.core.plan import Plan
    from reconcile_app.services.desk import PushView


class PushProgress(QWidget):
    """A push while it runs. It stays until the push is over.

    Signals:
        stop_requested: stop after the change that is on its way.
    """

    stop_requested = Signal()

    def __init__(self, plan: Plan, theme: Theme, *, psa_title: str) -> None:
        super().__init__()
        self.setAccessibleName("Push under way")
        self._numbers = locale_numbers()
        self._total = len(plan.changes)
        self._last: PushView | None = None
        self.model = OpTable(theme, self._numbers, live_words({}))
        self.view = op_view(self.model, "Changes and their states", theme)
        self.bar = QProgressBar()
        self.bar.setRange(0, max(1, self._total))
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Changes finished")
        self.words = strong_label("Starting…", larger=1.1, wrap=True)
        self.stop = button("Stop after the current change", self._stop)
        self.stop_note = muted_label("A change that is on its way is always finished and read back.", wrap=True)
        layout = page_layout(self)
        undo = plan.kind == UNDO
        layout.addWidget(page_title(f"Undoing in {psa_title}" if undo else f"Writing to {psa_title}"))
        layout.addWidget(muted_label(size_text(plan, self._numbers), wrap=True))
        layout.addWidget(self.words)
        layout.addWidget(self.bar)
        layout.addWidget(self.view, 1)
        layout.addWidget(op_detail(self.view, self._numbers))
        layout.addLayout(row_of(self.stop_note, self.stop, stretch_at=0))
        layout.addWidget(muted_label("You can minimize the window and go on working. Closing it stops after the current change.",
                                     wrap=True))

    def show_view(self, view: PushView) -> None:
        """Show how far the push is; the rows whose state changed move nothing else."""
        self._last = view
        self.model.tell_by(live_words(view.stages))
        self.model.set_records(view.ops)
        done = sum(view.stages.get(op.op_id, "") in FINISHED_STAGES for op in view.ops)
        self.bar.setValue(done)
        self.words.setText(self._how_far(view, done))
        self._follow(view)

    def _how_far(self, view: PushView, done: int) -> str:
        numbers = self._numbers
        told = list(view.stages.values())
        counts = {stage: told.count(stage) for stage in ("was changed meanwhile", "refused", "in doubt")}
        parts = [f"{numbers.count(done)} of {numbers.count(len(view.ops) or self._total)} finished"]
        parts += [f"{numbers.count(count)} {stage}" for stage, count in counts.items() if count]
        if view.calls_left is not None:
            parts.append(f"{numbers.count(view.calls_left)} calls left")
        return join([*parts, view.message])

    def _follow(self, view: PushView) -> None:
        """Keep the change that is on its way in sight, as long as the operator has not chosen a row."""
        if self.view.hasFocus() and self.view.currentIndex().isValid():
            return
        active = next((op for op in view.ops if view.stages.get(op.op_id) in ("checking", "sending", "confirming")), None)
        if active is not None:
            row = self.model.row_of(active.op_id)
            if row >= 0:
                self.view.scrollTo(self.model.index(row, 0))

    @property
    def last(self) -> PushView | None:
        """The latest word of the push."""
        return self._last

    def _stop(self) -> None:
        self.set_stopping()
        self.stop_requested.emit()

    def set_stopping(self) -> None:
        """Say that the push stops after the current change."""
        self.stop.setEnabled(False)
        self.stop.setText("Stopping…")
        self.stop_note.setText("The current change is finished and read back, then the push stops.")
