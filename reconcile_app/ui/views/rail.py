"""The rail on the left: pages by icon and word."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout

from reconcile_app.ui.dialogs import plain_tool_tip
from reconcile_app.ui.theme import Theme, mixed

PAGES = (("compare", "Compare"), ("mappings", "Mappings"), ("history", "History"), ("connections", "Connections"))
"""Page → word, in order; the place is the number of its key Ctrl+1…"""
_FOOT = (("settings", "Settings"), ("help", "Help"))


class Rail(QFrame):
    """Chooses the page.

    Signals:
        chosen: name of a page, or ``help``.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAccessibleName("Pages")
        self._theme = theme
        self.buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(5, 10, 5, 10)
        layout.setSpacing(4)
        for place, (name, word) in enumerate(PAGES):
            layout.addWidget(self._button(name, word, f"{word}  (Ctrl+{place + 1})"))
        layout.addStretch(1)
        for name, word in _FOOT:
            layout.addWidget(self._button(name, word, f"{word}  (F1)" if name == "help" else word))
        theme.changed.connect(self._dress)
        self._dress()

    def _button(self, name: str, word: str, tip: str) -> QToolButton:
        made = QToolButton()
        made.setText(word)
        made.setAccessibleName(word)
        plain_tool_tip(made, tip)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setIconSize(QSize(24, 24))
        made.setAutoRaise(True)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setCheckable(name != "help")
        if name != "help":
            self._group.addButton(made)
        strong = QFont(made.font())
        strong.setWeight(QFont.Weight.DemiBold)
        width = QFontMetrics(strong).horizontalAdvance("Connections") + 10
        made.setFixedWidth(width)
        made.clicked.connect(lambda _checked=False: self.chosen.emit(name))
        self.buttons[name] = made
        return made

    def show_page(self, name: str) -> None:
        """Mark the page that is shown."""
        if name in self.buttons and name != "help":
            self.buttons[name].setChecked(True)

    def _dress(self) -> None:
        c = self._theme.colors
        for name, made in self.buttons.items():
            made.setIcon(self._theme.icon(name))
        self.setStyleSheet(
            f"QFrame#rail {{ background: {mixed(c.line, c.window, 0.45)}; border: none; border-right: 1px solid {c.line}; }}"
            f"QToolButton {{ color: {c.text}; border: 2px solid transparent; border-radius: 8px; padding: 6px 2px; }}"
            f"QToolButton:hover {{ background: {c.hover}; }}"
            f"QToolButton:checked {{ background: {c.selection}; font-weight: 600; }}"
            f"QToolButton:focus {{ border-color: {c.accent_text}; }}"
        )
