"""What the window asks of the desk: each request is a task, each answer a signal. Nothing here waits.

Types of the desk are imported for annotations only, so that pandas is not loaded before the first paint; views do the same
(``if TYPE_CHECKING``). ``Health`` is a text enumeration and compares equal to its word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, ProductRule
from reconcile_app.core.settings import CompareOptions
from reconcile_app.ui.margin import Margin
from reconcile_app.ui.messages import plural

if TYPE_CHECKING:
    from reconcile_app.core.period import Period
    from reconcile_app.core.ports import Progress
    from reconcile_app.core.run import Run
    from reconcile_app.core.settings import Limits
    from reconcile_app.services.desk import Desk, RunView

COMPARE = "compare"
"""Name of the task that reads both sides (also of a re-check); ``cancel`` stops it."""


class Controller(Margin):
    """Between the views and the desk: what ``Inquiry`` answers, what ``Pushing`` and ``Margin`` do, and everything that reads or
    decides."""

    progress_changed = Signal(object)
    """tuple[Progress, ...]: the latest word of each side while reading."""
    connections_changed = Signal()
    periods_changed = Signal(object)
    """list[Period], newest first, of the selected billing source."""
    evidence_ready = Signal(str, object)
    """Row key and the frame of evidence."""
    exported = Signal(object)
    """Path the log was written to."""
    note = Signal(str)
    """A short word for the status line."""
    rules_changed = Signal()
    options_changed = Signal()

    def __init__(
        self, desk: Desk, parent: QObject | None = None, *, operator: str = "",
        today: Callable[[], date] | None = None,
    ) -> None:
        super().__init__(desk, parent, operator, today)
        self.selected_billing = ""
        self.selected_psa = ""
        self.options = CompareOptions()
        self.periods: list[Period] = []
        self.failure: BaseException | None = None
        """Why the last reading failed, until one succeeds."""
        self._progress: dict[str, Progress] = {}
        self._turn = asyncio.Lock()
        self._wanted = 0
        self._reading: asyncio.Task[None] | None = None

    def take_desk(self, desk: Desk, operator: str, last: RunView | None = None) -> None:
        """Work on this desk from now on; the window starts before there is one. ``last`` is the newest run it has saved."""
        self._desk = desk
        self._operator = operator
        self.selected_billing = self.selected_psa = ""
        self.failure = None
        self.notes, self.alarms = {}, {}
        self.select_usual(last)
        self.rules_changed.emit()
        self.run_changed.emit(desk.run)
        self.connections_changed.emit()

    def select_usual(self, last: RunView | None) -> None:
        """Where a side has no connection selected, take that of the last run, or else the first there is."""
        views = self._desk.connections()
        names = {role: [view.connection.name for view in views if view.spec.role == role] for role in ("billing", "psa")}
        billing = _usual(self.selected_billing, last.billing if last else "", names["billing"])
        psa = _usual(self.selected_psa, last.psa if last else "", names["psa"])
        if (billing, psa) != (self.selected_billing, self.selected_psa):
            self.select_connections(billing, psa)

    # state -------------------------------------------------------------------------------------------------------------------

    @property
    def changing(self) -> bool:
        """Whether a decision or rule is on its way; the run it brings will follow."""
        return self._wanted > 0

    @property
    def reading(self) -> bool:
        """Whether a side is being read."""
        return self._reading is not None

    def select_connections(self, billing: str, psa: str) -> None:
        """Choose what the next comparison reads."""
        self.selected_billing, self.selected_psa = billing, psa
        self.options_changed.emit()

    def set_reading_options(self, **changes: Any) -> None:
        """Change options that take effect with the next reading (period, customers, effective date)."""
        self.options = replace(self.options, **changes)
        self.options_changed.emit()

    # connections -------------------------------------------------------------------------------------------------------------

    async def save_connection(self, name: str, kind: str, values: dict[str, str], secrets: dict[str, str]) -> None:
        """Store a connection; a keyring may take its time. Raises what the desk raises, for the form to show beside the field."""
        await asyncio.to_thread(self._desk.save_connection, name, kind, values, secrets)
        self.select_usual(next(iter(await self.runs()), None))
        self.connections_changed.emit()

    async def offers(self, kind: str, values: dict[str, str], secrets: dict[str, str], name: str) -> Mapping[str, tuple[str, ...]]:
        """What a system offers for the settings of a connection. Raises what the desk raises, for the form to show."""
        return await self._desk.offers(kind, values, secrets, name)

    async def remove_connection(self, name: str) -> None:
        """Delete a connection with its secrets, mappings and runs. Raises what the desk raises."""
        await asyncio.to_thread(self._desk.remove_connection, name)
        self.select_usual(next(iter(await self.runs()), None))
        self.connections_changed.emit()

    def verify(self, name: str) -> asyncio.Task[None]:
        """Test a connection and verify its permissions; ``connections_changed`` tells when it is done."""
        return self.tasks.start(self._verify(name), f"verify {name}")

    async def _verify(self, name: str) -> None:
        try:
            view = await self._desk.verify(name)
            self.note.emit(f"{name}: {view.words}")
        finally:
            self.connections_changed.emit()

    def verifying(self, name: str) -> bool:
        """Whether the connection is being tested."""
        return self.tasks.running(f"verify {name}")

    def load_periods(self) -> None:
        """Ask the selected billing source for its periods."""
        if self.selected_billing:
            self.tasks.cancel("periods")
            self.tasks.start(self._load_periods(self.selected_billing), "periods")

    async def _load_periods(self, billing: str) -> None:
        self.periods = await self._desk.periods(billing)
        self.periods_changed.emit(self.periods)

    # comparing ---------------------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Read both sides and compare. Does nothing while a reading is under way."""
        if self.reading or not (self.selected_billing and self.selected_psa):
            return
        billing, psa, options = self.selected_billing, self.selected_psa, self.options
        self._read(lambda: self._desk.compare(billing, psa, options, self._progressed), "Comparing")

    def recheck(self, customers: Collection[str]) -> None:
        """Read these customers again and merge them into the comparison."""
        if self.reading or not customers or self._desk.run is None:
            return
        words = next(iter(customers)) if len(customers) == 1 else f"{len(customers)} customers"
        chosen = tuple(customers)
        self._read(lambda: self._desk.recheck(chosen, self._progressed), f"Reading {words} again")

    def retry(self, customers: Collection[str], limits: Limits | None = None) -> None:
        """Read these customers again, then review what is ticked of them only; ``plan_ready`` brings the plan."""
        self.recheck(customers)
        self.tasks.start(self._retry(tuple(customers), limits, self._reading), "review")

    async def _retry(self, customers: Collection[str], limits: Limits | None, reading: asyncio.Task[None] | None) -> None:
        if reading is not None:
            await asyncio.wait([reading])
            if reading.cancelled() or reading.exception() is not None:
                return  # it has been told already
        await self._review(limits, customers)

    def cancel(self) -> None:
        """Stop the reading; the comparison on the desk stays as it is."""
        self.tasks.cancel(COMPARE)

    def _read(self, reading: Callable[[], Awaitable[Run]], words: str) -> None:
        self._progress = {}
        self.failure = None
        task = self._reading = self.tasks.start(self._finish_reading(reading, words), COMPARE)
        task.add_done_callback(self._read_ended)

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        # a task that is cancelled before its first step never reaches its own end
        if self._reading is task:
            self._reading = None

    async def _finish_reading(self, reading: Callable[[], Awaitable[Run]], words: str) -> None:
        self._set_busy(words, True)
        try:
            async with self._turn:
                run = await reading()
        except asyncio.CancelledError:
            self.note.emit("Stopped. The comparison on the screen is unchanged." if self._desk.run is not None else "Stopped.")
            raise
        except Exception as error:
            self.failure = error
            raise
        else:
            self.run_changed.emit(run)
            self.connections_changed.emit()  # the health lights know more now
        finally:
            self._reading = None
            self._set_busy(words, False)

    def _progressed(self, progress: Progress) -> None:
        self._progress[progress.side] = progress
        self.progress_changed.emit(tuple(self._progress.values()))

    def open_run(self, run_id: str) -> None:
        """Open a saved run as it was."""
        self.tasks.start(self._change(lambda: self._desk.open_run(run_id), "Opening the run", ""), "open run")

    def review_undo(self, run_id: str, limits: Limits | None = None) -> None:
        """See what can be undone of a push, or of the newest push of a run; ``undo_ready`` brings it, with its run on the desk."""
        if not self.tasks.running("review"):
            self.tasks.start(self._review_undo(run_id, limits), "review")

    async def _review_undo(self, run_id: str, limits: Limits | None) -> None:
        words = "Reading the pushed lines again"
        before = self._desk.run
        self._set_busy(words, True)
        try:
            async with self._turn:
                review = await self._desk.review_undo(run_id, limits)
        finally:
            self._set_busy(words, False)
            if self._desk.run is not before:
                self.run_changed.emit(self._desk.run)
        self.undo_ready.emit(review)

    def ask_evidence(self, row_key: str) -> None:
        """Read the users behind a row; ``evidence_ready`` brings them."""
        self.tasks.cancel("evidence")
        self.tasks.start(self._evidence(row_key), "evidence")

    async def _evidence(self, row_key: str) -> None:
        self.evidence_ready.emit(row_key, await self._desk.evidence(row_key))

    # mapping and decisions ---------------------------------------------------------------------------------------------------

    def decide(self, keys: Collection[str], selected: bool) -> None:
        """Tick or untick rows."""
        chosen = tuple(keys)
        if chosen:
            self._start_change(lambda: self._desk.decide(chosen, selected))

    def ignore(self, keys: Collection[str], reason: str, until: date | None = None, wake_above: int | None = None) -> None:
        """Leave rows alone on purpose; ``wake_above`` in ten-thousandths."""
        rules = [
            IgnoreRule(key=key, reason=reason, by=self._operator, created=self.today, until=until, wake_above=wake_above)
            for key in keys
        ]
        self._start_change(lambda: self._desk.ignore(rules), f"Ignored: {plural(len(rules), 'line')}.")

    def unignore(self, keys: Collection[str]) -> None:
        """Lift ignore rules."""
        chosen = tuple(keys)
        self._start_change(lambda: self._desk.unignore(chosen), "Ignore rules lifted.")

    def mark_waiting(self, customer_code: str, field: str) -> None:
        """The customer was corrected in the billing source and not reprocessed yet; an empty field clears the mark."""
        self._start_change(lambda: self._desk.mark_waiting(customer_code, field))

    def map_customer(self, rule: CustomerRule) -> None:
        """Save where a customer leads and compare again without the network."""
        self._start_change(lambda: self._desk.map_customer(rule), f"Customer {rule.customer_code} mapped.")

    def map_product(self, rule: ProductRule) -> None:
        """Save which service a SKU means."""
        self._start_change(lambda: self._desk.map_product(rule), f"SKU {rule.sku} mapped.")

    def map_line(self, rule: LineRule) -> None:
        """Save which line one customer's SKU belongs to."""
        self._start_change(lambda: self._desk.map_line(rule), f"Line of {rule.customer_code} mapped.")

    def map_customers(self, rules: Sequence[CustomerRule]) -> None:
        """Save several customers at once, one after the other."""
        for rule in rules:
            self.map_customer(rule)

    def unmap(self, rule: CustomerRule | ProductRule | LineRule) -> None:
        """Drop a mapping rule."""
        self._start_change(lambda: self._desk.unmap(rule), "Mapping removed.")

    def set_options(self, **changes: Any) -> None:
        """Change options that need no new reading (allow_create, zero_removed, overwrite_cost, log_level)."""
        self.options = replace(self.options, **changes)
        self.options_changed.emit()
        if self._desk.run is not None:
            wanted = replace(self._desk.run.basis.options, **changes)
            self._start_change(lambda: self._desk.set_options(wanted))

    def apply_decisions(self, path: Path) -> None:
        """Tick by the Decision column of an edited Excel log."""
        self._start_change(lambda: self._desk.apply_decisions(path), f"Decisions taken from {path.name}.")

    def undo(self) -> None:
        """Take back the last decision or rule."""
        self._step(self._desk.undo, self._desk.can_undo, "Undone", "Nothing to undo.")

    def redo(self) -> None:
        """Do again what was taken back."""
        self._step(self._desk.redo, self._desk.can_redo, "Done again", "Nothing to redo.")

    def _step(self, action: Callable[[], Awaitable[Run]], what: str, done: str, nothing: str) -> None:
        if what:
            self._start_change(action, f"{done}: {what}")
        else:
            self.note.emit(nothing)

    def _start_change(self, action: Callable[[], Awaitable[Run]], note: str = "") -> None:
        self.tasks.start(self._change(action, "", note), "change")

    async def _change(self, action: Callable[[], Awaitable[Run]], busy: str, note: str) -> None:
        self._wanted += 1
        if busy:
            self._set_busy(busy, True)
        try:
            async with self._turn:
                run = await action()
        except Exception:
            # whatever a view showed in advance is put back to what the desk holds
            self._wanted -= 1
            self.run_changed.emit(self._desk.run)
            raise
        else:
            self._wanted -= 1
            self._tell_change(run, note)
        finally:
            if busy:
                self._set_busy(busy, False)

    def _tell_change(self, run: Run, note: str) -> None:
        # with more changes waiting their turn only the last run is shown
        if not self._wanted:
            self.run_changed.emit(run)
        self.rules_changed.emit()
        if note:
            self.note.emit(note)

    # export ------------------------------------------------------------------------------------------------------------------

    def export(self, path: Path) -> None:
        """Write the Excel log; ``exported`` tells where it went."""
        self.tasks.start(self._export(path), "export")

    async def _export(self, path: Path) -> None:
        words = "Writing the Excel log"
        self._set_busy(words, True)
        try:
            written = await self._desk.export(path)
        finally:
            self._set_busy(words, False)
        self.exported.emit(written)
        self.note.emit(f"Written to {written}")


def _usual(selected: str, last: str, names: Sequence[str]) -> str:
    """The connection that is selected, else that of the last run, else the first; empty where there is none."""
    return next((name for name in (selected, last, *names) if name in names), "")
