"""A button of the header: a small caption, the chosen value below it, a menu or dialog behind it."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from reconcile_app.ui.dialogs import plain_label
from reconcile_app.ui.theme import Theme

LIGHTS = {"ok": ("●", "ok"), "limited": ("◐", "warn"), "failed": ("✕", "doubt_ink"), "not checked": ("○", "muted")}
"""State of a connection → mark and color of its light."""


class Chooser(QToolButton):
    """Caption over value. ``pressed_open`` is emitted for mouse and keyboard alike."""

    pressed_open = Signal()

    def __init__(self, caption: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._light_color = ""
        self.setProperty("framed", True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._caption = plain_label(caption)
        self._caption.setProperty("muted", True)
        self._light = plain_label()
        self._light.hide()
        self._value = plain_label("–")
        self._arrow = plain_label("▾")
        self._arrow.setProperty("muted", True)
        upper = QHBoxLayout()
        upper.setSpacing(4)
        upper.addWidget(self._light)
        upper.addWidget(self._caption, 1)
        lower = QHBoxLayout()
        lower.setSpacing(6)
        lower.addWidget(self._value, 1)
        lower.addWidget(self._arrow)
        layout = self._lines = QVBoxLayout(self)
        layout.setContentsMargins(9, 4, 8, 4)
        layout.setSpacing(0)
        layout.addLayout(upper)
        layout.addLayout(lower)
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.clicked.connect(self.pressed_open)
        theme.changed.connect(self._color_light)
        self.tell("–")

    @property
    def value(self) -> str:
        """The text it shows."""
        return self._value.text()

    def tell(self, value: str, caption: str = "") -> None:
        """Show a value, and another caption where given."""
        if caption:
            self._caption.setText(caption)
        self._value.setText(value)
        self.setAccessibleName(f"{self._caption.text()}: {value}")
        self.updateGeometry()

    def show_light(self, state: str) -> None:
        """The light of a connection."""
        mark, self._light_color = LIGHTS[state]
        self._light.setText(mark)
        self._light.setAccessibleName(state)
        self._light.show()
        self._color_light()

    def _color_light(self) -> None:
        if self._light_color:
            self._light.setStyleSheet(f"color: {getattr(self._theme.colors, self._light_color)};")

    def open_menu(self, menu: QMenu) -> None:
        """Show a menu below the button."""
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def sizeHint(self) -> QSize:
        """As its two lines need."""
        return self._lines.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """May be squeezed; the value is then cut by the frame."""
        return QSize(self.fontMetrics().averageCharWidth() * 9, self._lines.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down and Enter open it as well."""
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A double click is one click."""
        event.accept()
