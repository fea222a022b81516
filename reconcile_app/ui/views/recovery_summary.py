"""Changes that are not settled: shown first after a crash, and whenever the red strip is pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from reconcile_app.core.judge import OpState
from reconcile_app.ui.dialogs import strong_label
from reconcile_app.ui.messages import locale_numbers, plural, shown
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, muted_label, page_title, problem_label, row_of
from reconcile_app.ui.views.op_table import OpTable, op_detail, op_view, settled_words
from reconcile_app.ui.views.push_words import problems_first, result_text, with_newer_states

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord


class RecoverySummary(QDialog):
    """What was found open and what has become of it.

    Signals:
        decide_requested: an op that only a person can settle.
        refresh_requested: ask the PSA again.
    """

    decide_requested = Signal(object)
    refresh_requested = Signal()

    def __init__(self, ops: Sequence[OpRecord], theme: Theme, *, at_start: bool, words: str = "",
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Changes that are not settled")
        self._numbers = locale_numbers()
        self._at_start = at_start
        self._words = words
        self._ops: list[OpRecord] = []
        self.model = OpTable(theme, self._numbers, settled_words)
        self.view = op_view(self.model, "Changes that were found open", theme)
        self.headline = strong_label(larger=1.15, wrap=True)
        self.journals = problem_label()
        self.meaning = muted_label(wrap=True)
        self.decide = button("Decide…", self._decide, kind="danger", name="Decide what became of the selected change")
        self.refresh = button("Check again", self._check_again)
        self.go_on = button("Go on", self.accept, kind="primary")
        self.go_on.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 16)
        layout.setSpacing(10)
        layout.addWidget(page_title("Found open at the start" if at_start else "Changes that are not settled"))
        layout.addWidget(self.headline)
        layout.addWidget(self.meaning)
        layout.addWidget(self.journals)
        layout.addWidget(self.view, 1)
        layout.addWidget(op_detail(self.view, self._numbers))
        layout.addLayout(row_of(self.decide, self.refresh, None, self.go_on))
        self.view.current_changed.connect(lambda _op: self._judge())
        self.view.opened.connect(self._open)
        self.resize(1080, 460)
        self.show_ops(ops)

    def show_ops(self, ops: Sequence[OpRecord]) -> None:
        """Show these states, those that need a person first."""
        self._ops = problems_first(ops)
        self.model.set_records(self._ops)
        if not self.view.currentIndex().isValid():
            self.view.select_row(0)
        self._judge()

    def show_journals(self, problems: Sequence[str]) -> None:
        """Say which journals cannot be used."""
        self.journals.setText(" ".join(shown(problem) for problem in problems))
        self.journals.setVisible(bool(problems))
        self._judge()

    def merge_open(self, open_now: Sequence[OpRecord], decided: Mapping[str, bool]) -> None:
        """At the start: newer states of what was found. Later: exactly what is open now."""
        self.set_checking(False)
        self.show_ops(with_newer_states(self._ops, open_now, decided) if self._at_start else open_now)

    def _judge(self) -> None:
        to_decide = [op for op in self._ops if op.state is OpState.NEEDS_REVIEW]
        if self._ops:
            found = f"{plural(len(self._ops), 'change')} found open: " if self._at_start else ""
            told = found + result_text(self._ops, self._numbers)
            self.headline.setText(f"{self._words}\n{told}" if self._at_start and self._words else told)
        else:
            self.headline.setText("" if self.journals.text() else "Everything is settled.")
        self.meaning.setText(self._meaning(bool(to_decide)))
        current = self.view.current()
        self.decide.setVisible(bool(to_decide))
        self.decide.setEnabled(current is not None and current.state is OpState.NEEDS_REVIEW)

    def _meaning(self, to_decide: bool) -> str:
        again = "Nothing was sent again: the program only read the lines in the PSA and compared. " if self._at_start else ""
        if to_decide:
            return again + "Where it could not tell, you decide: look at the line in the PSA, select it here and press Decide…"
        if not self._ops:
            return again
        return again + "Lines in doubt cannot be pushed until they are settled; all others can."

    def _check_again(self) -> None:
        # from now on the list of open changes counts, not what was found at the start
        self._at_start = False
        self.set_checking(True)
        self.refresh_requested.emit()

    def set_checking(self, on: bool) -> None:
        """Whether the PSA is being asked again."""
        self.refresh.setEnabled(not on)
        self.refresh.setText("Checking…" if on else "Check again")

    def _decide(self) -> None:
        current = self.view.current()
        if current is not None:
            self._open(current)

    def _open(self, op: OpRecord) -> None:
        if op.state is OpState.NEEDS_REVIEW:
            self.decide_requested.emit(op)
