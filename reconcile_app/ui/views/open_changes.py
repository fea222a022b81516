"""Changes that are not settled: keeps the list and shows it, at the start and whenever it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import run_dialog
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.push_flow import OpDecisions

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord
    from reconcile_app.ui.views.recovery_summary import RecoverySummary


class OpenChanges(QObject):
    """The open changes of the current PSA as the controller last told them."""

    def __init__(self, controller: Controller, theme: Theme, decisions: OpDecisions, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller, self._theme, self._decisions, self._parent = controller, theme, decisions, parent
        self._ops: list[OpRecord] = []
        self._problems: Sequence[str] = ()
        self._summary: RecoverySummary | None = None
        controller.recovered.connect(lambda ops: self._show(ops, at_start=True))
        controller.open_ops_changed.connect(self._changed)
        controller.journals_changed.connect(self._journals_changed)
        controller.failed.connect(lambda _error: self._summary is not None and self._summary.set_checking(False))

    def show(self) -> None:
        """Show what is open now."""
        self._show(self._ops, at_start=False)

    def _show(self, ops: Sequence[OpRecord], *, at_start: bool) -> None:
        if self._summary is not None:
            self._summary.show_ops(ops)
        else:
            self._controller.tasks.start(self._summarize(ops, at_start), "open changes")

    async def _summarize(self, ops: Sequence[OpRecord], at_start: bool) -> None:
        from reconcile_app.ui.views.recovery_summary import RecoverySummary

        words = self._controller.recovery_words if at_start else ""
        self._summary = RecoverySummary(ops, self._theme, at_start=at_start, words=words, parent=self._parent)
        self._summary.show_journals(self._problems)
        self._summary.decide_requested.connect(self._decisions.ask)
        self._summary.refresh_requested.connect(self._controller.recover)
        try:
            await run_dialog(self._summary)
        finally:
            self._summary = None

    def _changed(self, ops: Sequence[OpRecord]) -> None:
        self._ops = list(ops)
        if self._summary is not None:
            self._summary.merge_open(ops, self._decisions.decided)

    def _journals_changed(self, problems: Sequence[str]) -> None:
        self._problems = problems
        if self._summary is not None:
            self._summary.show_journals(problems)
