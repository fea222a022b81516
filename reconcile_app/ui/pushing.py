"""The push as the window sees it: review, run, stop, what stays open. And who owns the tasks.

Types of the desk are imported for annotations only: pandas must not be loaded before the first paint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from reconcile_app.core.settings import Limits
from reconcile_app.ui.inquiry import Inquiry
from reconcile_app.ui.tasks import Tasks

if TYPE_CHECKING:
    from reconcile_app.core.journal import OpRecord
    from reconcile_app.core.plan import Plan
    from reconcile_app.services.desk import Desk, PushView


class Pushing(Inquiry):
    """What ``Inquiry`` answers, and the way of a push."""

    run_changed = Signal(object)
    """Run | None: the comparison on the desk is another one now."""
    busy_changed = Signal(bool, str)
    """Whether something long is under way, and what, in words."""
    failed = Signal(object)
    """BaseException: to be shown once."""
    open_ops_changed = Signal(object)
    """list[OpRecord]: what is not settled."""
    recovered = Signal(object)
    """list[OpRecord]: what the program found open when it started."""
    push_changed = Signal(object)
    """PushView."""
    plan_ready = Signal(object)
    """Plan, after ``review``."""
    undo_ready = Signal(object)
    """UndoReview, after ``review_undo``."""
    journals_changed = Signal(object)
    """tuple[str, ...]: what is wrong with journals that cannot be used, in sentences; mostly nothing."""

    def __init__(self, desk: Desk, parent: QObject | None, operator: str, today: Callable[[], date] | None) -> None:
        super().__init__(desk, parent, operator, today)
        self.tasks = Tasks(self, self.failed.emit)
        self._busy: list[str] = []

    @property
    def busy(self) -> str:
        """What is under way, in words; empty when nothing is."""
        return self._busy[-1] if self._busy else ""

    async def close(self) -> None:
        """Cancel and await everything; called when the window closes."""
        await self.tasks.close()

    def _set_busy(self, words: str, on: bool) -> None:
        if on:
            self._busy.append(words)
        else:
            self._busy.remove(words)
        self.busy_changed.emit(bool(self._busy), self.busy)

    def review(self, limits: Limits | None = None) -> None:
        """Read every selected line afresh and freeze what can be pushed; ``plan_ready`` brings the plan."""
        if not self.tasks.running("review"):
            self.tasks.start(self._review(limits), "review")

    async def _review(self, limits: Limits | None, customers: Collection[str] = ()) -> None:
        words = "Reading the selected lines again"
        self._set_busy(words, True)
        try:
            self.plan_ready.emit(await self._desk.review(limits, customers))
        finally:
            self._set_busy(words, False)

    def push(self, plan: Plan, typed: str) -> None:
        """Carry out a plan; ``push_changed`` tells every step and the end."""
        if not self.pushing:
            self.tasks.start(self._push(plan, typed), "push")

    @property
    def pushing(self) -> bool:
        """Whether a push is under way."""
        return self.tasks.running("push")

    async def _push(self, plan: Plan, typed: str) -> None:
        try:
            self.push_changed.emit(await self._desk.push(plan, typed, self._pushed))
        finally:
            await self._refresh_open_ops()
            self.run_changed.emit(self._desk.run)

    def _pushed(self, view: PushView) -> None:
        self.push_changed.emit(view)

    def stop_push(self) -> None:
        """Stop after the current change."""
        self.tasks.start(self._desk.stop_push(), "stop push")

    def refresh_open_ops(self) -> None:
        """Ask again what is not settled."""
        self.tasks.start(self._refresh_open_ops(), "open ops")

    async def _refresh_open_ops(self) -> None:
        self.open_ops_changed.emit(await self._desk.open_ops())
        self.journals_changed.emit(self._desk.journal_problems)

    @property
    def journal_problems(self) -> tuple[str, ...]:
        """What is wrong with journals that cannot be used, in sentences."""
        return self._desk.journal_problems

    @property
    def recovery_words(self) -> str:
        """What the last recovery came to, in a sentence or two."""
        return self._desk.recovery_words

    def close_op(self, op_id: str, applied: bool, reason: str) -> None:
        """A person decides what became of an op."""
        self.tasks.start(self._close_op(op_id, applied, reason), "close op")

    async def _close_op(self, op_id: str, applied: bool, reason: str) -> None:
        await self._desk.close_op(op_id, applied, reason)
        await self._refresh_open_ops()

    def recover(self) -> None:
        """Settle what a crash left: at the start, and whenever the operator wants it looked at again."""
        if not self.tasks.running("recover"):
            self.tasks.start(self._recover(), "recover")

    async def _recover(self) -> None:
        found: list[OpRecord] = await self._desk.recover()
        if found:
            self.recovered.emit(found)
        await self._refresh_open_ops()
