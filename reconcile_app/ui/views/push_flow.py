"""The way of a push through the window: review → running → result, and what a person decides about changes in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QStackedWidget, QWidget

from reconcile_app.core.settings import Limits
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import run_dialog
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.push_progress import PushProgress
from reconcile_app.ui.views.push_result import CloseOp, PushResult
from reconcile_app.ui.views.push_review import PushReview
from reconcile_app.ui.views.undo_review import UndoReviewPage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconcile_app.core.journal import OpRecord
    from reconcile_app.core.plan import Plan
    from reconcile_app.core.undo import UndoReview
    from reconcile_app.services.desk import PushView


class OpDecisions(QObject):
    """Asks a person what became of a change and tells the controller. ``decided`` is op id → applied, for this session."""

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller, self._parent = controller, parent
        self.decided: dict[str, bool] = {}

    def ask(self, op: OpRecord) -> None:
        """Open the question about a change."""
        if not self._controller.tasks.running("decide op"):
            self._controller.tasks.start(self._ask(op), "decide op")

    async def _ask(self, op: OpRecord) -> None:
        dialog = CloseOp(op, self._parent.window())
        if await run_dialog(dialog) == QDialog.DialogCode.Accepted:
            self.decided[op.op_id] = dialog.applied
            self._controller.close_op(op.op_id, dialog.applied, dialog.reason)


class PushFlow(QStackedWidget):
    """Shows the step the push is at.

    Signals:
        shown: a step wants to be seen.
        left: back to the comparison.
        export_requested: the Excel log.
        history_requested: id of the comparison that was pushed.
    """

    shown = Signal()
    left = Signal()
    export_requested = Signal()
    history_requested = Signal(str)

    def __init__(self, controller: Controller, theme: Theme, decisions: OpDecisions, *,
                 now: Callable[[], datetime] | None = None) -> None:
        super().__init__()
        self._controller, self._theme, self._decisions, self._now = controller, theme, decisions, now
        self.limits = Limits()
        self.review: PushReview | None = None
        self.undo: UndoReviewPage | None = None
        self.progress: PushProgress | None = None
        self.result: PushResult | None = None
        self._again: Callable[[], None] | None = None
        controller.plan_ready.connect(self._show_review)
        controller.undo_ready.connect(self._show_undo)
        controller.push_changed.connect(self._push_changed)
        controller.open_ops_changed.connect(self._open_ops_changed)
        controller.failed.connect(self._failed)

    @property
    def active(self) -> bool:
        """Whether a review, a running push or an unread result is there to be seen."""
        return self.count() > 0

    def start(self) -> None:
        """Read every selected line afresh; the review opens when that is done."""
        self._controller.review(self.limits)

    def start_undo(self, run_id: str) -> None:
        """See what can be undone of a push, or of the newest push of a run; the review opens when its lines were read."""
        self._controller.review_undo(run_id, self.limits)

    def _psa(self, kind: str) -> tuple[str, str, bool]:
        """Title of the system, name of the connection, whether it is sample data."""
        run = self._controller.run
        side = run.basis.psa.side if run is not None else None
        view = self._controller.connection(side.connection) if side is not None else None
        title = side.title if side is not None else kind
        return title, side.connection if side is not None else kind, view is not None and view.sandbox

    def _show(self, page: QWidget) -> None:
        self._clear()
        self.review = page if isinstance(page, PushReview) else None
        self.undo = page if isinstance(page, UndoReviewPage) else None
        self.progress = page if isinstance(page, PushProgress) else None
        self.result = page if isinstance(page, PushResult) else None
        self.addWidget(page)
        self.shown.emit()

    def _show_review(self, plan: Plan) -> None:
        self._again = lambda: self._show_review(plan)
        title, name, sandbox = self._psa(plan.psa_kind)
        page = PushReview(plan, self._theme, psa_title=title, connection=name, sandbox=sandbox,
                          contract=self._controller.vocabulary("contract"), now=self._now)
        page.confirmed.connect(self._confirmed)
        page.cancelled.connect(self._leave)
        page.renew_requested.connect(self.start)
        self._show(page)
        page.start_focus()

    def _show_undo(self, review: UndoReview) -> None:
        self._again = lambda: self._show_undo(review)
        title, name, sandbox = self._psa("the PSA")
        page = UndoReviewPage(review, self._theme, psa_title=title, connection=name, sandbox=sandbox, now=self._now)
        page.confirmed.connect(self._confirmed)
        page.cancelled.connect(self._leave)
        page.renew_requested.connect(lambda: self.start_undo(review.push_id))
        self._show(page)
        page.start_focus()

    def _confirmed(self, plan: Plan, typed: str) -> None:
        page = PushProgress(plan, self._theme, psa_title=self._psa(plan.psa_kind)[0])
        page.stop_requested.connect(self._controller.stop_push)
        self._show(page)
        self._controller.push(plan, typed)

    def _push_changed(self, view: PushView) -> None:
        if view.result and self.result is not None and self.result.run_id == view.plan.run_id:
            self.result.show_ops(view.ops)  # said again when everything is kept; whoever has gone on is not called back
        elif view.result:
            self._show_result(view)
        elif self.progress is not None:
            self.progress.show_view(view)

    def _show_result(self, view: PushView) -> None:
        page = PushResult(view, self._theme, psa_title=self._psa(view.plan.psa_kind)[0])
        page.retry_requested.connect(self._retry)
        page.export_requested.connect(self.export_requested.emit)
        page.history_requested.connect(lambda: self.history_requested.emit(view.plan.source_run))
        page.decide_requested.connect(self._decisions.ask)
        page.undo_requested.connect(self.start_undo)
        page.left.connect(self._leave)
        self._show(page)
        page.view.setFocus()

    def _retry(self, customers: list[str]) -> None:
        self._leave()
        self._controller.retry(customers, self.limits)

    def _open_ops_changed(self, ops: list[OpRecord]) -> None:
        if self.result is not None:
            self.result.merge_open(ops, self._decisions.decided)

    def _failed(self, _error: BaseException) -> None:
        """A push that ended with an error: back to the review when nothing was begun, else show how far it came."""
        if self.progress is None or self._controller.pushing:
            return
        last = self.progress.last
        if last is not None and any(stage != "waiting" for stage in last.stages.values()):
            self._show_result(last)
        elif self._again is not None:
            self._again()

    def _leave(self) -> None:
        self._clear()
        self.review = self.undo = self.progress = self.result = None
        self.left.emit()

    def _clear(self) -> None:
        for old in (self.widget(place) for place in reversed(range(self.count()))):
            if old is not None:
                self.removeWidget(old)
                old.deleteLater()

    def set_stopping(self) -> None:
        """The push is being stopped from elsewhere (the window is closing)."""
        if self.progress is not None:
            self.progress.set_stopping()
