"""The program's window as the operating system sees it. Needs nothing but Qt, so it is painted before anything else is loaded."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QByteArray, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QMainWindow


class Frame(QMainWindow):
    """Stands where the window was left last and shows its content as soon as there is one.

    Args:
        state: how the window was left, see ``MainWindow``.
    """

    painted = Signal()
    """After the first paint."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__()
        self._empty = True
        self.setWindowTitle("Reconcile")
        self.setMinimumSize(720, 480)
        geometry = state.get("geometry")
        if not (isinstance(geometry, str) and self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "ignore")))):
            self.resize(1280, 800)

    def hold(self, content: QMainWindow) -> None:
        """Show the content; closing either closes both, unless the content refuses."""
        self.setCentralWidget(content)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell that the window is on the screen."""
        super().paintEvent(event)
        if self._empty:
            self._empty = False
            self.painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The content decides: a running push is never cut off."""
        content = self.centralWidget()
        event.setAccepted(content is None or not content.isVisible() or content.close())
