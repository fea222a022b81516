"""The foot of a review: what it costs in calls, the typed confirmation, until when it holds, and the button that sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout

from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import Numbers, moment_text, plural
from reconcile_app.ui.views.fittings import button, muted_label, problem_label, row_of
from reconcile_app.ui.views.push_words import calls_text, too_few_calls

if TYPE_CHECKING:
    from reconcile_app.core.plan import Plan


class PlanFoot(QFrame):
    """The confirmation of a frozen plan. ``verb`` is what the button does, ``what`` what it starts ("push", "undo").

    Signals:
        confirmed: the plan and what the operator typed (empty where nothing has to be typed).
        cancelled: back; nothing is sent.
        renew_requested: the plan has expired and shall be made again.
    """

    confirmed = Signal(object, str)
    cancelled = Signal()
    renew_requested = Signal()

    def __init__(self, plan: Plan, numbers: Numbers, now: Callable[[], datetime] | None, *, verb: str = "Push",
                 what: str = "push") -> None:
        super().__init__()
        self.plan = plan
        self._now = now or (lambda: datetime.now(UTC))
        self.setProperty("card", True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.addWidget((problem_label if too_few_calls(plan) else muted_label)(calls_text(plan, numbers), wrap=True))
        self.typed = QLineEdit()
        self.typed.setAccessibleName("Number of lines, typed as confirmation")
        self.typed.setMaximumWidth(self.typed.fontMetrics().averageCharWidth() * 16)
        self.typed.textChanged.connect(self._judge)
        self.typed.returnPressed.connect(self._confirm)
        if plan.confirm_reasons:
            layout.addWidget(plain_label(f"This {what} is larger than usual. {_sentences(plan.confirm_reasons)}", wrap=True))
            question = strong_label(f"Type the number of lines, {plan.totals.lines}, to confirm:")
            question.setBuddy(self.typed)
            layout.addLayout(row_of(question, self.typed, None))
        else:
            self.typed.hide()
        self.hint = muted_label(wrap=True)
        self.back = button("Back, send nothing", self.cancelled.emit)
        self.renew = button("Review again", self.renew_requested.emit, kind="primary")
        self.go = button(f"{verb} {plural(plan.totals.lines, 'line')}", self._confirm, kind="primary")
        layout.addLayout(row_of(self.hint, self.back, self.renew, self.go, stretch_at=0))
        self._clock = QTimer(self)
        self._clock.setInterval(5_000)
        self._clock.timeout.connect(self._judge)
        self._clock.start()
        self._judge()

    @property
    def expired(self) -> bool:
        """Whether the fresh reading is too old to be carried out."""
        return self._now() >= self.plan.expires

    def _confirmation_given(self) -> bool:
        return not self.plan.confirm_reasons or self.typed.text().strip() == str(self.plan.totals.lines)

    def _judge(self) -> None:
        expired, given = self.expired, self._confirmation_given()
        self.go.setEnabled(not expired and given and bool(self.plan.changes))
        self.go.setVisible(not expired)
        self.renew.setVisible(expired)
        if expired:
            self.hint.setText("This review is too old: the PSA may have changed since. Review again.")
        else:
            until = moment_text(self.plan.expires)
            self.hint.setText(f"Valid until {until}. Each line is read once more right before it is written.")

    def _confirm(self) -> None:
        self._judge()
        if self.go.isEnabled():
            self.go.setEnabled(False)
            self.confirmed.emit(self.plan, self.typed.text().strip())


def _sentences(reasons: Iterable[str]) -> str:
    """The reasons as sentences; the plan writes them with or without a full stop."""
    return " ".join(f"{reason[:1].upper()}{reason[1:].rstrip('.')}." for reason in reasons)
