"""Where the Excel log goes, and which edited log decisions are taken back from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import run_dialog

_KIND = "Excel workbook (*.xlsx)"


class WorkbookFiles:
    """Asks for files on behalf of the window; ``note`` tells why nothing was asked."""

    def __init__(self, controller: Controller, window: QWidget, note: Callable[[str], None]) -> None:
        self._controller = controller
        self._window = window
        self._note = note
        self._folder: Path | None = None

    def choose_export(self) -> None:
        """Ask where the Excel log goes and write it."""
        run = self._controller.run
        if run is None:
            self._note("There is nothing to export yet. Compare first.")
        elif not self._controller.tasks.running("choose export"):
            name = f"Reconcile {run.basis.psa.side.title} {run.basis.billing.period.end}.xlsx"
            self._controller.tasks.start(self._choose_export(name), "choose export")

    def choose_decisions(self) -> None:
        """Ask for an Excel log whose Decision column was edited, and tick by it."""
        if self._controller.run is None:
            self._note("There is nothing to decide yet. Compare first, or open the run the workbook belongs to.")
        elif not self._controller.tasks.running("choose decisions"):
            self._controller.tasks.start(self._choose_decisions(), "choose decisions")

    def exported(self, path: Path) -> None:
        """The log was written there."""
        self._folder = path.parent

    def open_folder(self) -> None:
        """Show where the last log went."""
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    async def _choose_export(self, name: str) -> None:
        dialog = QFileDialog(self._window, "Export the log to Excel", str((self._folder or Path.home()) / name), _KIND)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
        chosen = await _chosen(dialog)
        if chosen is not None:
            self._controller.export(chosen)

    async def _choose_decisions(self) -> None:
        dialog = QFileDialog(self._window, "Take decisions from an Excel log", str(self._folder or Path.home()), _KIND)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        chosen = await _chosen(dialog)
        if chosen is not None:
            self._controller.apply_decisions(chosen)


async def _chosen(dialog: QFileDialog) -> Path | None:
    if await run_dialog(dialog) != QFileDialog.DialogCode.Accepted or not dialog.selectedFiles():
        return None
    return Path(dialog.selectedFiles()[0])
