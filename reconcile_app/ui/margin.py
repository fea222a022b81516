"""What stands in the margin of a comparison: notes on rows, alarms of watched lines, the history of a line.

Types of the desk are imported for annotations only: pandas must not be loaded before the first paint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from reconcile_app.ui.pushing import Pushing

if TYPE_CHECKING:
    from reconcile_app.services.desk import Desk


class Margin(Pushing):
    """What ``Pushing`` does, and what is kept beside the rows. Read anew when it may have changed, never on the window's thread."""

    notes_changed = Signal()
    alarms_changed = Signal()
    history_ready = Signal(str, object)
    """Row key and the frame of runs and pushes that touched the row."""

    def __init__(self, desk: Desk, parent: QObject | None, operator: str, today: Callable[[], date] | None) -> None:
        super().__init__(desk, parent, operator, today)
        self.notes: dict[str, str] = {}
        """Row key → what somebody wrote beside the row."""
        self.alarms: dict[str, str] = {}
        """Line id → what a later reading says about an earlier write, in words."""
        self._noted: object = None
        self._watched: object = None

    def read_margin(self) -> None:
        """Read notes where another pair of connections is on the desk, and alarms where the PSA was read again."""
        run = self._desk.run
        if run is None:
            return
        pair = (self._desk, run.basis.billing.side.connection, run.basis.psa.side.connection)
        if pair != self._noted:
            self._noted = pair
            self.tasks.start(self._read_notes(), "notes")
        if run.basis.psa is not self._watched:
            self._watched = run.basis.psa
            self.tasks.cancel("alarms")
            self.tasks.start(self._read_alarms(), "alarms")

    async def _read_notes(self) -> None:
        self.notes = await asyncio.to_thread(self._desk.notes)
        self.notes_changed.emit()

    async def _read_alarms(self) -> None:
        self.alarms = await self._desk.alarms()
        self.alarms_changed.emit()

    def save_note(self, key: str, text: str) -> None:
        """Write beside a row; empty text takes the note away."""
        self.tasks.start(self._save_note(key, text), "save note")

    async def _save_note(self, key: str, text: str) -> None:
        before = dict(self.notes)
        self.notes = {name: kept for name, kept in before.items() if name != key} | ({key: text} if text else {})
        self.notes_changed.emit()
        try:
            await asyncio.to_thread(self._desk.save_note, key, text)
        except Exception:
            # what could not be kept is not shown as kept
            self.notes = before
            self.notes_changed.emit()
            raise

    def ask_history(self, row_key: str) -> None:
        """Look up the runs and pushes that touched a row; ``history_ready`` brings them."""
        self.tasks.cancel("line history")
        self.tasks.start(self._read_history(row_key), "line history")

    async def _read_history(self, row_key: str) -> None:
        self.history_ready.emit(row_key, await asyncio.to_thread(self._desk.line_history, row_key))
