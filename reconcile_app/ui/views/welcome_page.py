"""The first page of a fresh installation: three doors."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import button, card, muted_label

_DOORS = (
    ("sample", "Try it with sample data", "A made-up provider with 40 customers, a PSA to push to, and every kind of warning. "
     "Nothing leaves this computer.", "Start with sample data"),
    ("connections", "Connect Atria and a PSA", "You need a token of your Atria server and the keys of an API user in your PSA. "
     "Connecting only reads; nothing is written before you have reviewed it.", "Add a connection"),
    ("open", "Open a saved run", "Look at a comparison that was made on this computer, with its log. "
     "No system is asked for anything.", "Show saved runs"),
)


class WelcomePage(QWidget):
    """Three ways to begin.

    Signals:
        sandbox_requested: the sample data shall be started.
        connect_requested: a connection shall be added.
        saved_runs_requested: the history shall be shown.
    """

    sandbox_requested = Signal()
    connect_requested = Signal()
    saved_runs_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Welcome")
        self._theme = theme
        self._icons: list[tuple[QLabel, str]] = []
        self.buttons: list[QPushButton] = []
        title = strong_label("Welcome to Reconcile", larger=1.9)
        words = muted_label("Make sure that what was provisioned is what gets invoiced.")
        doors = QHBoxLayout()
        doors.setSpacing(16)
        signals = (self.sandbox_requested, self.connect_requested, self.saved_runs_requested)
        for door, signal in zip(_DOORS, signals, strict=True):
            doors.addWidget(self._door(*door, signal.emit), 1)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(title)
        column.addWidget(words)
        column.addSpacing(22)
        column.addLayout(doors)
        self.problem = plain_label(wrap=True)
        self.problem.setProperty("problem", True)
        self.problem.hide()
        column.addSpacing(10)
        column.addWidget(self.problem)
        content = QWidget()
        content.setLayout(column)
        content.setMaximumWidth(1120)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(36, 24, 36, 24)
        layout.addStretch(1)
        layout.addWidget(content, 40, Qt.AlignmentFlag.AlignVCenter)
        layout.addStretch(1)
        theme.changed.connect(self._dress)
        self._dress()

    def _door(self, icon: str, title: str, text: str, action: str, pressed: object) -> QWidget:
        frame, layout = card()
        layout.setContentsMargins(20, 20, 20, 18)
        picture = QLabel()
        picture.setAccessibleName("")
        self._icons.append((picture, icon))
        words = plain_label(text, wrap=True)
        words.setProperty("muted", True)
        go = button(action, pressed, kind="primary" if icon == "sample" else "")  # type: ignore[arg-type]  # a bound signal is callable
        go.setAccessibleDescription(text)
        self.buttons.append(go)
        layout.addWidget(picture)
        layout.addWidget(strong_label(title, larger=1.2, wrap=True))
        layout.addWidget(words)
        layout.addStretch(1)
        layout.addSpacing(12)
        layout.addWidget(go)
        return frame

    def set_starting(self, starting: bool) -> None:
        """While the sample data is being started its door says so and cannot be pressed twice."""
        door = self.buttons[0]
        door.setEnabled(not starting)
        door.setText("Starting…" if starting else _DOORS[0][3])

    def _dress(self) -> None:
        for label, name in self._icons:
            label.setPixmap(self._theme.icon(name, "accent_text").pixmap(QSize(40, 40), self.devicePixelRatioF()))
