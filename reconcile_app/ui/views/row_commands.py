"""What the plain keys of the comparison do with the selected rows: accept, ignore, map, evidence, note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QWidget

from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import run_dialog
from reconcile_app.ui.messages import Numbers, join, shown
from reconcile_app.ui.models.comparison_rows import amount, field
from reconcile_app.ui.views.accept_dialog import AcceptDialog, alike
from reconcile_app.ui.views.comparison_pane import ComparisonPane
from reconcile_app.ui.views.ignore_dialog import IgnoreDialog, NoteDialog
from reconcile_app.ui.views.row_actions import map_target

_ACCEPTED = int(QDialog.DialogCode.Accepted)


class RowCommands(QWidget):
    """Carries them out; an invisible part of the page, so that its dialogs have a window to stand over."""

    map_requested = Signal(str, str)
    """Row key, and what: customer, contract, product or line."""
    help_requested = Signal()

    def __init__(self, controller: Controller, pane: ComparisonPane, numbers: Numbers, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self._controller, self._pane, self._numbers = controller, pane, numbers
        pane.table.action.connect(self.act)
        pane.about.map_requested.connect(self.map_requested)
        pane.about.ignore_requested.connect(lambda: self.act("ignore"))
        pane.about.unignore_requested.connect(lambda: controller.unignore([pane.about.key]))

    def act(self, name: str) -> None:
        """Do what a key or button asked for."""
        if name == "help":
            self.help_requested.emit()
        elif self._pane.rows is not None and self._pane.table.selected_rows():
            actions: dict[str, Callable[[], object]] = {
                "accept": self._accept, "accept_alike": lambda: self._start(self._accept_alike(), "accept alike"),
                "ignore": lambda: self._start(self._ignore(), "ignore"), "map": self._map,
                "evidence": self._pane.about.ask_evidence, "note": lambda: self._start(self._note(), "note"),
            }
            actions[name]()

    def _start(self, coro: Any, name: str) -> None:
        if self._controller.tasks.running(name):
            coro.close()
            return
        self._controller.tasks.start(coro, name)

    def _accept(self) -> None:
        changed = self._pane.table.accept()
        if not changed:
            self._controller.note.emit("Nothing to accept here: What to do says why.")

    async def _accept_alike(self) -> None:
        rows, row = self._pane.rows, self._pane.frame_row(self._pane.table.current_key())
        if rows is None or row < 0:
            return
        found = alike(rows, row, self._pane.model.ticked)
        if not found.rows:
            self._controller.note.emit("No line like this can be ticked, or all of them are.")
            return
        dialog = AcceptDialog(rows, found, self._numbers, self.window())
        if await run_dialog(dialog) == _ACCEPTED:
            self._controller.decide(dialog.keys(), True)

    async def _ignore(self) -> None:
        rows, keys = self._pane.rows, self._pane.table.selected_keys()
        if rows is None or not keys:
            return
        places = [rows.position[key] for key in keys]
        titles = [self._title(place) for place in places]
        billed = amount(rows.run, places[0], "billed_quantity") if len(places) == 1 else None
        dialog = IgnoreDialog(titles, rows.run.basis.billing.period, billed, self.window())
        if await run_dialog(dialog) == _ACCEPTED:
            self._controller.ignore(keys, dialog.why(), dialog.until(), dialog.wake_above())

    def _title(self, row: int) -> str:
        run = self._pane.rows.run if self._pane.rows is not None else None
        if run is None:
            return ""
        return shown(join([field(run, row, "customer_name"), field(run, row, "service_name") or field(run, row, "description")]))

    def _map(self) -> None:
        key = self._pane.table.current_key()
        row = self._pane.frame_row(key)
        if self._pane.rows is not None and row >= 0:
            self.map_requested.emit(key, map_target(self._pane.rows, row, self._pane.about.kinds()))

    async def _note(self) -> None:
        key = self._pane.table.current_key()
        row = self._pane.frame_row(key)
        if row < 0:
            return
        before = self._controller.notes.get(key, "")
        dialog = NoteDialog(self._title(row), before, self.window())
        if await run_dialog(dialog) == _ACCEPTED and dialog.note() != before:
            self._controller.save_note(key, dialog.note())
