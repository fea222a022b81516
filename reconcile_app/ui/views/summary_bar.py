"""The summary cards: what there is to do in numbers, each a button that filters the table."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QSizePolicy, QWidget

from reconcile_app.core.changes import Status
from reconcile_app.ui.dialogs import plain_tool_tip
from reconcile_app.ui.messages import Numbers, plural
from reconcile_app.ui.models.filtering import CardCounts
from reconcile_app.ui.theme import Look, Theme


@dataclass(frozen=True, slots=True)
class _Face:
    """What a card says before there are numbers. ``look`` is a status, or a color name of the palette."""

    mark: str
    look: str
    word: str
    tip: str


_FACES: dict[str, _Face] = {
    "all": _Face("", "", "lines", "Everything that was compared. Click to clear the filters."),
    "raise": _Face("▲", Status.RAISE, "under-billed", "The source bills more than the PSA invoices"),
    "lower": _Face("▼", Status.LOWER, "over-billed", "The PSA invoices more than the source bills"),
    "add": _Face("+", Status.ADD, "new lines", "Lines that will be created in the PSA"),
    "zero": _Face("0", Status.ZERO, "to zero", "Billed before and gone now"),
    "warnings": _Face("⚠", Status.BLOCKED, "with a code", "Lines with a warning or an error"),
    "ticked": _Face("✓", "", "ticked", "Lines that are ticked for the next push, and what they change per month"),
}


class SummaryBar(QWidget):
    """Seven cards. ``card_clicked`` names the card and whether it is to be added to those already chosen (Ctrl)."""

    card_clicked = Signal(str, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.cards: dict[str, Card] = {}
        for name, face in _FACES.items():
            card = self.cards[name] = Card(face, theme, self)
            card.clicked.connect(lambda _checked=False, name=name: self._clicked(name))
            layout.addWidget(card, {"all": 6, "ticked": 5}.get(name, 4))
        self.show_nothing()

    def _clicked(self, name: str) -> None:
        self.card_clicked.emit(name, bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier))

    def show_nothing(self) -> None:
        """Before the first comparison."""
        for name, card in self.cards.items():
            card.tell("–", _FACES[name].word)
        self.setEnabled(False)

    def show_counts(self, counts: CardCounts, value_percent: int, chosen: frozenset[str], numbers: Numbers) -> None:
        """Numbers under the other filters. ``value_percent``: how much of the billed value could be compared."""
        self.setEnabled(True)
        self.cards["all"].tell(plural(counts.rows, "line", numbers=numbers), f"{value_percent} % of value compared")
        for name in ("raise", "lower"):
            self.cards[name].tell(numbers.count(counts.counts[name]), f"{numbers.signed(counts.units[name])} units")
        self.cards["add"].tell(numbers.count(counts.counts["add"]), "new")
        self.cards["zero"].tell(numbers.count(counts.counts["zero"]), "to zero")
        self.cards["warnings"].tell(numbers.count(counts.counts["warnings"]), f"in {plural(counts.codes, 'code')}")
        ticked = numbers.count(counts.counts["ticked"])
        self.cards["ticked"].tell(numbers.money(counts.money, signed=True), f"a month · {ticked} ticked")
        for name, card in self.cards.items():
            card.setChecked(name in chosen)


class Card(QAbstractButton):
    """A number with a mark and a word."""

    def __init__(self, face: _Face, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._face = face
        self._theme = theme
        self.value = "–"
        self.word = face.word
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        plain_tool_tip(self, face.tip)
        theme.changed.connect(self.update)

    def tell(self, value: str, word: str) -> None:
        """Show a number and its word."""
        self.value, self.word = value, word
        self.setAccessibleName(f"{self._face.word}: {value}, {word}")
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines of text."""
        metrics = self.fontMetrics()
        return QSize(metrics.averageCharWidth() * 14, metrics.height() * 2 + 18)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough for seven cards in a small window."""
        return QSize(self.fontMetrics().averageCharWidth() * 10, self.sizeHint().height())

    def nextCheckState(self) -> None:
        """The filter decides what is checked, not the click."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frame, mark, number, word."""
        colors = self._theme.colors
        look = self._look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_frame(painter, look)
        inner = self.rect().adjusted(10, 6, -8, -6)
        upper = QRect(inner.left(), inner.top(), inner.width(), inner.height() // 2 + 1)
        lower = QRect(inner.left(), upper.bottom() + 1, inner.width(), inner.height() - upper.height())
        ink = QColor(look.ink if look is not None and self.isEnabled() else colors.text if self.isEnabled() else colors.muted)
        font = Theme.figures(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.25)
        font.setWeight(QFont.Weight.Bold)
        painter.setFont(font)
        painter.setPen(ink)
        value = f"{self._face.mark}  {self.value}" if self._face.mark else self.value
        self._text(painter, upper, value)
        painter.setFont(Theme.figures(self.font()))
        painter.setPen(QColor(colors.muted))
        self._text(painter, lower, self.word)
        painter.end()

    def _look(self) -> Look | None:
        return self._theme.look(self._face.look) if self._face.look else None

    def _paint_frame(self, painter: QPainter, look: Look | None) -> None:
        colors = self._theme.colors
        strong = self.isChecked() or self.hasFocus()
        ink = look.ink if look is not None else colors.accent_text
        painter.setPen(QPen(QColor(ink if strong else colors.line), 2 if strong else 1))
        ground = look.tint if self.isChecked() and look is not None and look.tint else colors.raised
        if self.isChecked() and look is None:
            ground = colors.selection
        painter.setBrush(QColor(colors.hover if self.underMouse() and not self.isChecked() else ground))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 7, 7)

    @staticmethod
    def _text(painter: QPainter, rect: QRect, text: str) -> None:
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
