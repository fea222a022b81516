"""Paints the cells of the comparison: tints, marks, ticks, block lines. Reads prepared values only."""

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from reconcile_app.core.changes import Status
from reconcile_app.ui.models.comparison_model import TICK_COLUMN, ComparisonModel
from reconcile_app.ui.models.comparison_rows import COLUMNS, LOOKS
from reconcile_app.ui.theme import Theme

_PADDING = 6
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_BOX = 14
_BLOCKS = ("billed_quantity", "mark", "contract_quantity", "difference")
"""Columns that begin a block."""
_QUIET = ("previous_quantity", "last_pushed_quantity", "contract_name", "company_name", "sku", "customer_code", "contract_id")
_CHANGING = frozenset({"mark", "contract_quantity", "difference", "money_difference"})
_STRONG: dict[str, frozenset[str]] = {
    Status.RAISE: _CHANGING, Status.LOWER: _CHANGING, Status.ADD: _CHANGING, Status.ZERO: _CHANGING,
    Status.BLOCKED: frozenset({"mark", "codes"}), Status.MISSING: frozenset({"mark", "codes"}),
    Status.PSA_ONLY: frozenset({"mark", "codes"}), Status.IGNORED: frozenset({"mark"}),
    Status.UNKNOWN: frozenset({"mark", "billed_quantity", "contract_quantity", "codes"}), "doubt": frozenset({"mark", "codes"}),
}


@dataclass(frozen=True, slots=True)
class _Paints:
    """Brushes and pens of one look."""

    ink: QColor
    tint: QBrush | None
    row: QBrush | None
    hatch: QBrush | None
    strong: frozenset[int]


class ComparisonDelegate(QStyledItemDelegate):
    """Paints one view. ``stale`` paints everything faint: an older comparison while a newer one is read."""

    def __init__(self, model: ComparisonModel, theme: Theme, table: QTableView) -> None:
        super().__init__(table)
        self.stale = False
        self._model = model
        self._theme = theme
        self._blocks = frozenset(model.place(key) for key in _BLOCKS)
        self._quiet = frozenset(model.place(key) for key in _QUIET)
        self._mark, self._last = model.place("mark"), model.place("last_pushed_quantity")
        self._skipped: frozenset[int] = frozenset()
        self._fonts: tuple[QFont, QFont] = (table.font(), table.font())
        self._numeric = [column.numeric for column in COLUMNS]
        theme.changed.connect(self._dress)
        self._dress()

    def skip(self, columns: Iterable[int]) -> None:
        """Leave out columns that another view paints on top."""
        self._skipped = frozenset(columns)

    def set_font(self, font: QFont) -> None:
        """The font of the view; its stronger weight is made once."""
        strong = QFont(font)
        strong.setWeight(QFont.Weight.DemiBold)
        self._fonts = (font, strong)

    def _dress(self) -> None:
        colors = self._theme.colors
        self._base = QBrush(QColor(colors.base))
        self._selection = QBrush(QColor(colors.selection))
        self._text, self._muted = QColor(colors.text), QColor(colors.muted)
        self._line, self._block_line = QPen(QColor(colors.line)), QPen(QColor(colors.strong_line))
        self._accent = QColor(colors.accent_text)
        self._tick_fill, self._tick_ink = QColor(colors.accent), QColor(colors.on_accent)
        self._warn = QColor(colors.raise_ink)
        self._paints = [self._paints_of(name) for name in LOOKS]

    def _paints_of(self, name: str) -> _Paints:
        look = self._theme.look(name)
        hatch = QBrush(QColor(self._theme.colors.line), Qt.BrushStyle.BDiagPattern) if look.hatched else None
        return _Paints(
            ink=QColor(look.ink), tint=QBrush(QColor(look.tint)) if look.tint else None,
            row=QBrush(QColor(look.row)) if look.row else None, hatch=hatch,
            strong=frozenset(self._model.place(key) for key in _STRONG.get(name, frozenset())),
        )

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """One height for all rows; no text is measured."""
        return QSize(60, option.fontMetrics.height() + 10)

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        """A click anywhere in the tick cell is the table's business; the style's idea of a check box would toggle it twice."""
        return False

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Ground, text or tick, and the lines of row and block."""
        rows = self._model.comparison
        if rows is None or index.column() in self._skipped:
            return
        row, column = index.row(), index.column()
        frame_row = self._model.order[row]
        paints = self._paints[rows.look[frame_row]]
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        strong = column in paints.strong
        if self.stale:
            painter.setOpacity(0.45)
        self._paint_ground(painter, rect, paints, strong, selected)
        if column == TICK_COLUMN:
            self._paint_tick(painter, rect, row, selected)
        else:
            self._paint_text(painter, rect, index, paints, strong)
        painter.setPen(self._line)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if column in self._blocks:
            painter.setPen(self._block_line)
            painter.drawLine(rect.topLeft(), rect.bottomLeft())
        painter.setOpacity(1.0)

    def _paint_ground(self, painter: QPainter, rect: QRect, paints: _Paints, strong: bool, selected: bool) -> None:
        if strong and paints.tint is not None:
            painter.fillRect(rect, paints.tint)
        elif selected:
            painter.fillRect(rect, self._selection)
        else:
            painter.fillRect(rect, paints.row or self._base)
        if paints.hatch is not None and not selected:
            painter.fillRect(rect, paints.hatch)

    def _paint_text(
        self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex, paints: _Paints, strong: bool,
    ) -> None:
        text = self._model.cell_text(index.row(), index.column())
        if not text:
            return
        column = index.column()
        painter.setFont(self._fonts[strong])
        metrics: QFontMetrics = painter.fontMetrics()
        painter.setPen(paints.ink if strong or column == self._mark else self._pen(index.row(), column))
        place = _RIGHT if self._numeric[column] else _LEFT
        inner = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        if metrics.horizontalAdvance(text) > inner.width():
            # some digits of a number would read as another number
            text = "…" if self._numeric[column] else metrics.elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, place, text)

    def _pen(self, row: int, column: int) -> QColor:
        if column == self._last:
            rows = self._model.comparison
            if rows is not None and rows.changed_since_push[self._model.order[row]]:
                return self._warn
        return self._muted if column in self._quiet else self._text

    def _paint_tick(self, painter: QPainter, rect: QRect, row: int, selected: bool) -> None:
        if selected:
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), self._accent)
        box = QRect(0, 0, _BOX, _BOX)
        box.moveCenter(rect.center())
        rows = self._model.comparison
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._model.can_tick(row):
            self._paint_box(painter, box, self._model.is_ticked(row))
        elif rows is not None and rows.todo[self._model.order[row]]:
            self._paint_lock(painter, box)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_box(self, painter: QPainter, box: QRect, ticked: bool) -> None:
        painter.setPen(QPen(self._tick_fill if ticked else self._muted, 1.6))
        painter.setBrush(self._tick_fill if ticked else self._base)
        painter.drawRoundedRect(box, 3, 3)
        if ticked:
            painter.setPen(QPen(self._tick_ink, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
            x, y = box.left(), box.top()
            painter.drawPolyline([QPointF(x + 3.5, y + 7.5), QPointF(x + 6.0, y + 10.0), QPointF(x + 10.8, y + 4.6)])
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_lock(self, painter: QPainter, box: QRect) -> None:
        painter.setPen(QPen(self._muted, 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        x, y = box.left(), box.top()
        painter.drawRoundedRect(QRect(x + 2, y + 6, 10, 7), 1.5, 1.5)
        painter.drawArc(QRect(x + 4, y + 1, 6, 9), 0, 180 * 16)
