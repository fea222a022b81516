"""Push, step 3: what came of each change, and what to do about those that did not go through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QDialog, QDialogButtonBox, QPlainTextEdit, QRadioButton, QVBoxLayout, QWidget

from reconcile_app.core.judge import OpState
from reconcile_app.core.plan_kinds import UNDO
from reconcile_app.ui.dialogs import plain_label, plain_tool_tip, strong_label
from reconcile_app.ui.messages import join, listed, locale_numbers, plural, shown
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, muted_label, page_layout, page_title, row_of, strip
from reconcile_app.ui.views.op_table import OpTable, op_detail, op_view, settled_words
from reconcile_app.ui.views.push_words import (
    before_after,
    customers_to_retry,
    is_settled,
    line_name,
    problems_first,
    result_text,
    with_newer_states,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconcile_app.core.journal import OpRecord
    from reconcile_app.services.desk import PushView

# the style's own circle is nearly invisible on a dark ground
_RADIO = (
    "QRadioButton { spacing: 8px; }"
    "QRadioButton::indicator { width: 12px; height: 12px; border: 1px solid palette(window-text); border-radius: 7px;"
    " background: palette(base); }"
    "QRadioButton::indicator:checked { width: 6px; height: 6px; border: 4px solid palette(link); }"
    "QRadioButton:focus { text-decoration: underline; }"
)


class PushResult(QWidget):
    """The end of a push or an undo.

    Signals:
        retry_requested: customer codes to read again and decide anew.
        export_requested: the Excel log.
        history_requested: the run in the history.
        undo_requested: id of the push that is to be undone, or of which the rest is.
        decide_requested: an op that only a person can settle.
        left: back to the comparison.
    """

    retry_requested = Signal(object)
    export_requested = Signal()
    history_requested = Signal()
    undo_requested = Signal(str)
    decide_requested = Signal(object)
    left = Signal()

    def __init__(self, view: PushView, theme: Theme, *, psa_title: str) -> None:
        super().__init__()
        plan = view.plan
        self._undoes = plan.undoes_run if plan.kind == UNDO else ""
        self.run_id = plan.run_id
        self._push_id = self._undoes or plan.run_id
        word = "undo" if self._undoes else "push"
        self.setAccessibleName(f"Result of the {word}")
        self._numbers = locale_numbers()
        self._ops: Sequence[OpRecord] = view.ops
        self.model = OpTable(theme, self._numbers, settled_words)
        self.view = op_view(self.model, "Changes and what came of them", theme)
        self.headline = strong_label(larger=1.2, wrap=True)
        self.meaning = muted_label(wrap=True)
        self.doubt, doubt_layout, self._doubt_text = strip("doubt")
        self.decide = button("Decide…", self._decide, kind="danger", name="Decide what became of the change")
        doubt_layout.addWidget(self.decide)
        self.retry = button("Retry for customer", self._retry)
        self.export = button("Export log", self.export_requested.emit)
        self.history = button("Show in history", self.history_requested.emit)
        name = "Undo what is left of this push" if self._undoes else "Undo this push"
        self.undo = button("Undo the rest…" if self._undoes else "Undo…", self._undo, name=name)
        self.back = button("Back to the comparison", self.left.emit, kind="primary")
        layout = page_layout(self)
        refused = view.result == "refused"
        nothing = "Nothing was undone" if self._undoes else "Nothing was pushed"
        where = "in" if self._undoes else "to"
        layout.addWidget(page_title(nothing if refused else f"Result of the {word} {where} {psa_title}"))
        layout.addWidget(self.headline)
        layout.addWidget(self.meaning)
        why = view.message.partition(". ")[2]  # the counts before it are the headline already
        if why:
            layout.addWidget(plain_label(shown(why), wrap=True, selectable=True))
        layout.addWidget(self.doubt)
        layout.addWidget(self.view, 1)
        layout.addWidget(op_detail(self.view, self._numbers))
        layout.addLayout(row_of(self.retry, self.export, self.history, self.undo, None, self.back))
        self.view.current_changed.connect(lambda _op: self._judge())
        self.show_ops(view.ops)

    def show_ops(self, ops: Sequence[OpRecord]) -> None:
        """Show these states, problems first."""
        self._ops = ops
        self.headline.setText(result_text(ops, self._numbers))
        self.model.set_records(problems_first(ops))
        if not self.view.currentIndex().isValid():
            self.view.select_row(0)
        self._judge()

    def merge_open(self, open_now: Sequence[OpRecord], decided: Mapping[str, bool]) -> None:
        """Take newer states of our ops; ``decided`` is op id → applied, where a person has closed one."""
        self.show_ops(with_newer_states(self._ops, open_now, decided))

    def _judge(self) -> None:
        open_ops = [op for op in self._ops if not is_settled(op) and op.state is not OpState.PLANNED]
        to_decide = [op for op in open_ops if op.state is OpState.NEEDS_REVIEW]
        self.meaning.setText(
            "Every line that was written was read back." if not open_ops else
            "Lines in doubt are not written again. The program keeps reading them; they stay on the Compare page until settled.")
        self.doubt.setVisible(bool(open_ops))
        names = listed([f"{op.change.customer_name}: {line_name(op.change)}" for op in open_ops])
        action = " Look at them in the PSA, then decide." if to_decide else " Do not change them by hand in the PSA yet."
        self._doubt_text.setText(f"‼  {plural(len(open_ops), 'line')} not settled: {names}.{action}")
        self.decide.setVisible(bool(to_decide))
        self._judge_undo()
        self._name_retry()

    def _judge_undo(self) -> None:
        """A push can be undone when it wrote something; of an undo the rest, when something of it was not written."""
        written = [op for op in self._ops if op.state in (OpState.VERIFIED, OpState.CONFIRMED_BY_STATE)]
        possible = len(written) < len(self._ops) if self._undoes else bool(written)
        self.undo.setEnabled(possible)
        why = "Shows what can be taken back exactly, what by a compensating change, and what is too late; sends nothing yet"
        plain_tool_tip(self.undo, why if possible else "There is nothing to take back")

    def _name_retry(self) -> None:
        self.retry.setVisible(not self._undoes)  # what an undo could not write is undone again, never pushed again
        again = self._retry_customers()
        self.retry.setEnabled(bool(again))
        if len(again) == 1:
            self.retry.setText(f"Retry for {again[0][1]}".replace("&", "&&"))
        else:
            self.retry.setText(f"Retry for {plural(len(again), 'customer')}" if again else "Retry for customer")

    def _retry_customers(self) -> list[tuple[str, str]]:
        """The customer under the cursor if it can be retried, else all that can."""
        all_of_them = customers_to_retry(self._ops)
        current = self.view.current()
        own = [pair for pair in all_of_them if current is not None and pair[0] == current.change.customer_code]
        return own or all_of_them

    def _retry(self) -> None:
        self.retry_requested.emit([code for code, _name in self._retry_customers()])

    def _undo(self) -> None:
        self.undo_requested.emit(self._push_id)

    def _decide(self) -> None:
        current = self.view.current()
        waiting = [op for op in self._ops if op.state is OpState.NEEDS_REVIEW]
        self.decide_requested.emit(current if current in waiting else waiting[0])


class CloseOp(QDialog):
    """A person decides what became of a change, and says why.

    ``applied`` and ``reason`` hold the answer after the dialog was accepted.
    """

    def __init__(self, op: OpRecord, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("What became of this change?")
        change, numbers = op.change, locale_numbers()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(10)
        layout.addWidget(strong_label("What became of this change?", larger=1.15))
        layout.addWidget(strong_label(f"{change.customer_name}: {line_name(change)}, {before_after(change, numbers)}", wrap=True))
        layout.addWidget(muted_label(join([change.contract_name, f"SKU {change.sku}" if change.sku else "", change.line_key]),
                                     wrap=True, selectable=True))
        if op.message:
            layout.addWidget(plain_label(shown(op.message), wrap=True, selectable=True))
        layout.addWidget(plain_label("Open the line in the PSA and look at its quantity. Then choose:", wrap=True))
        target = before_after(change, numbers)
        self.was_applied = QRadioButton(f"It was written: the PSA shows the new quantity ({target})")
        self.was_not = QRadioButton("It was not written: the PSA shows the old quantity")
        group = QButtonGroup(self)
        for choice in (self.was_applied, self.was_not):
            group.addButton(choice)
            choice.setStyleSheet(_RADIO)
            choice.toggled.connect(self._judge)
            layout.addWidget(choice)
        reason_label = plain_label("Why you are sure (kept in the log, with your name):")
        self.reason_field = QPlainTextEdit()
        self.reason_field.setAccessibleName("Why you are sure")
        self.reason_field.setTabChangesFocus(True)
        self.reason_field.setMaximumHeight(self.fontMetrics().height() * 4)
        self.reason_field.textChanged.connect(self._judge)
        reason_label.setBuddy(self.reason_field)
        layout.addWidget(reason_label)
        layout.addWidget(self.reason_field)
        layout.addWidget(muted_label("Nothing is sent by this. The next comparison shows what the PSA really holds.", wrap=True))
        box = QDialogButtonBox()
        self.close_button = box.addButton("Close the change", QDialogButtonBox.ButtonRole.AcceptRole)
        self.close_button.setProperty("primary", True)
        box.addButton("Leave it open", QDialogButtonBox.ButtonRole.RejectRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 74)
        self._judge()

    @property
    def applied(self) -> bool:
        """Whether the change was written."""
        return self.was_applied.isChecked()

    @property
    def reason(self) -> str:
        """Why the operator is sure."""
        return self.reason_field.toPlainText().strip()

    def _judge(self) -> None:
        self.close_button.setEnabled((self.was_applied.isChecked() or self.was_not.isChecked()) and bool(self.reason))
