"""A small step chart: billed and contract quantity over the periods."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.theme import Theme


class StepChart(QWidget):
    """Two stepped lines. Amounts are ten-thousandths; an absent one leaves a gap."""

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._numbers = theme, numbers
        self._labels: list[str] = []
        self._series: tuple[tuple[str, str, list[int | None]], ...] = ()
        self.setMinimumSize(QSize(220, 90))
        self.setAccessibleName("Quantity over the periods")
        theme.changed.connect(self.update)

    def show_steps(self, labels: Sequence[str], billed: Sequence[int | None], contract: Sequence[int | None], psa: str) -> None:
        """One step per label, oldest first."""
        self._labels = list(labels)
        self._series = (("billed", "accent_text", list(billed)), (psa, "warn", list(contract)))
        told = [
            f"{label}: billed {self._word(one)}, {psa} {self._word(two)}"
            for label, one, two in zip(labels, billed, contract, strict=True)
        ]
        self.setAccessibleDescription("; ".join(told))
        self.update()

    def _word(self, value: int | None) -> str:
        return "unknown" if value is None else self._numbers.fixed(value)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Legend, scale, steps."""
        values = [value for _, _, series in self._series for value in series if value is not None]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        if not values:
            painter.setPen(QColor(self._theme.colors.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No earlier runs")
            painter.end()
            return
        high = max(*values, 10_000)
        left = metrics.horizontalAdvance(self._numbers.fixed(high)) + 10
        area = QRectF(left, metrics.height() + 8, self.width() - left - 8, self.height() - 2 * metrics.height() - 16)
        self._paint_legend(painter, int(area.left()))
        self._paint_scale(painter, area, high)
        for _, color, series in self._series:
            self._paint_series(painter, area, high, color, series)
        painter.end()

    def _paint_legend(self, painter: QPainter, x: int) -> None:
        for word, color, _ in self._series:
            painter.setPen(QPen(self._theme.color(color), 2, self._pen_style(color)))
            y = painter.fontMetrics().height() // 2 + 1
            painter.drawLine(x, y, x + 16, y)
            painter.setPen(self._theme.color("muted"))
            painter.drawText(x + 21, painter.fontMetrics().ascent() + 1, word)
            x += 36 + painter.fontMetrics().horizontalAdvance(word)

    def _paint_scale(self, painter: QPainter, area: QRectF, high: int) -> None:
        metrics = painter.fontMetrics()
        for value in (0, high):
            y = area.bottom() - area.height() * value / high
            painter.setPen(self._theme.color("line"))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self._theme.color("muted"))
            box = QRectF(0, y - metrics.height() / 2, area.left() - 6, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._numbers.fixed(value))
        step = area.width() / len(self._labels)
        fits = max(1, -(-metrics.horizontalAdvance("2026-11-25 ") // max(int(step), 1)))
        for place in range(len(self._labels) - 1, -1, -fits):
            box = QRectF(area.left() + place * step - step * (fits - 1), area.bottom() + 3, step * fits, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, self._labels[place])

    def _paint_series(self, painter: QPainter, area: QRectF, high: int, color: str, series: Sequence[int | None]) -> None:
        painter.setPen(QPen(self._theme.color(color), 2, self._pen_style(color)))
        step = area.width() / len(series)
        line = QPolygonF()
        for place, value in enumerate(series):
            if value is None:
                painter.drawPolyline(line)
                line = QPolygonF()
                continue
            y = area.bottom() - area.height() * max(value, 0) / high
            line.append(QPointF(area.left() + place * step, y))
            line.append(QPointF(area.left() + (place + 1) * step, y))
        painter.drawPolyline(line)

    @staticmethod
    def _pen_style(color: str) -> Qt.PenStyle:
        return Qt.PenStyle.SolidLine if color == "accent_text" else Qt.PenStyle.DashLine
