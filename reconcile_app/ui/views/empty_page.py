"""What stands where nothing can be shown: why, and what to press."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from reconcile_app.ui.dialogs import strong_label
from reconcile_app.ui.views.fittings import button, muted_label


class EmptyPage(QWidget):
    """A title, a sentence and at most one button."""

    pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = strong_label(larger=1.3)
        self.text = muted_label(wrap=True)
        self.action = button("", self.pressed.emit, kind="primary")
        middle = Qt.AlignmentFlag.AlignHCenter
        self.title.setAlignment(middle)
        self.text.setAlignment(middle)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addStretch(2)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addWidget(self.action, 0, middle)
        layout.addStretch(3)

    def tell(self, title: str, text: str, action: str = "") -> None:
        """Say why there is nothing and what to do."""
        self.title.setText(title)
        self.text.setText(text)
        self.action.setText(action)
        self.action.setVisible(bool(action))
