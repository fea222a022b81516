"""The first columns of a table, painted once more over it, so that they stay while the others scroll sideways."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QTableView


class FrozenColumns(QTableView):
    """The first columns once more, over the table; takes no focus, the table behind has it."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table
        self.setObjectName("frozen")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setStyleSheet("QTableView#frozen { border: none; }")
        self.setAccessibleName("")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press here is a press on the table behind."""
        self._table.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)
