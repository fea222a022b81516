"""Facets: click includes a value, Shift+click excludes it; they combine."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from reconcile_app.ui.dialogs import plain_tool_tip, strong_label
from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.models.facet_lines import FacetLine, FacetLines
from reconcile_app.ui.models.filtering import FacetChoice
from reconcile_app.ui.models.prepared import Ints
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button


class FacetPanel(QWidget):
    """The list of facets. ``toggled``: facet, value, whether to exclude. ``cleared``: all facets off."""

    toggled = Signal(str, str, bool)
    cleared = Signal()

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = FacetLines(numbers, self)
        self.view = _FacetView(self.model, theme)
        self.view.chosen.connect(self._chosen)
        self._shown: tuple[Mapping[str, tuple[str, list[str], Ints]], Mapping[str, FacetChoice]] = ({}, {})
        self.clear = button("Clear", self.cleared.emit, kind="quiet", name="Clear all facets")
        self.clear.hide()
        head = QHBoxLayout()
        title = strong_label("Narrow down")
        plain_tool_tip(title, "Click includes a value, Shift+click excludes it")
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)

    def show_facets(self, facets: Mapping[str, tuple[str, list[str], Ints]], choices: Mapping[str, FacetChoice]) -> None:
        """Facet name → title, values, counts; and what is chosen."""
        self._shown = (facets, choices)
        self.model.show(facets, choices)
        self.clear.setVisible(any(choice != FacetChoice() for choice in choices.values()))

    def _chosen(self, line: FacetLine, exclude: bool) -> None:
        if line.kind == "more":
            self.model.toggle_open(line.facet)
            self.model.show(*self._shown)
        elif line.kind == "value":
            self.toggled.emit(line.facet, line.text, exclude)


class _FacetView(QListView):
    """Mouse and keys of the list. ``chosen``: line, whether to exclude."""

    chosen = Signal(object, bool)

    def __init__(self, model: FacetLines, theme: Theme) -> None:
        super().__init__()
        self._lines = model
        self.setModel(model)
        self.setItemDelegate(_FacetDelegate(model, theme, self))
        self.setUniformItemSizes(True)
        self.setAccessibleName("Facets: Enter includes a value, Shift+Enter excludes it")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.clicked.connect(lambda index: self._choose(index, _shift_held()))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)

    def _choose(self, index: QModelIndex, exclude: bool) -> None:
        if index.isValid():
            self.chosen.emit(self._lines.line(index.row()), exclude)

    def _menu(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if not index.isValid() or self._lines.line(index.row()).kind != "value":
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        kept = QPersistentModelIndex(index)
        menu.addAction("Show these rows", lambda: self._choose(self._lines.index(kept.row()), False))
        menu.addAction("Hide these rows", lambda: self._choose(self._lines.index(kept.row()), True))
        menu.popup(self.viewport().mapToGlobal(point))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Space include, with Shift they exclude."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self.currentIndex(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            return
        super().keyPressEvent(event)


class _FacetDelegate(QStyledItemDelegate):
    """State mark, text, count."""

    def __init__(self, model: FacetLines, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._lines, self._theme = model, theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """One height for all lines."""
        return QSize(80, option.fontMetrics.height() + 8)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """A title in small weight, or a value with its count."""
        line = self._lines.line(index.row())
        colors = self._theme.colors
        rect: QRect = option.rect
        if line.state:
            painter.fillRect(rect, QColor(colors.selection if line.state == "in" else colors.grey_tint))
        elif line.kind != "title" and option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(colors.hover))
        if option.state & QStyle.StateFlag.State_HasFocus and line.kind != "title":
            painter.setPen(QColor(colors.accent_text))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        font = Theme.figures(option.font)
        font.setWeight(QFont.Weight.DemiBold if line.kind == "title" or line.state == "in" else QFont.Weight.Normal)
        font.setStrikeOut(line.state == "out")
        painter.setFont(font)
        self._paint_words(painter, rect, line)

    def _paint_words(self, painter: QPainter, rect: QRect, line: FacetLine) -> None:
        colors = self._theme.colors
        ink = {"title": colors.muted, "more": colors.accent_text}.get(line.kind, colors.text)
        painter.setPen(QColor(colors.muted if line.state == "out" else ink))
        mark = {"in": "✓ ", "out": "– "}.get(line.state, "")
        room = painter.fontMetrics().horizontalAdvance(line.count) + 10
        inner = rect.adjusted(8 if line.kind == "title" else 18, 0, -8 - (room if line.count else 0), 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        text = painter.fontMetrics().elidedText(mark + line.text, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | middle, text)
        if line.count:
            painter.setPen(QColor(colors.muted))
            painter.drawText(rect.adjusted(0, 0, -8, 0), Qt.AlignmentFlag.AlignRight | middle, line.count)


def _shift_held() -> bool:
    return bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
