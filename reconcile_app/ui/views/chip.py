"""A small rounded label that carries a status: mark and word on the status's ground."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from reconcile_app.ui.theme import Theme


class Chip(QWidget):
    """Painted, not styled: a style sheet per row would cost more than the rest of the panel."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._look = ""
        self._text = ""
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold)
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def text(self) -> str:
        """Mark and word."""
        return self._text

    def tell(self, look: str, word: str) -> None:
        """Show a status, or ``doubt``."""
        self._look, self._text = look, f"{self._theme.look(look).mark} {word}"
        self.setAccessibleName(word)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Text and a little air."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 16, metrics.height() + 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground and text."""
        look = self._theme.look(self._look)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(look.tint or self._theme.colors.grey_tint))
        painter.drawRoundedRect(self.rect(), 4, 4)
        painter.setPen(QColor(look.ink))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)
        painter.end()
