"""Keys and help: every key of the program, and the marks, on one sheet."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from reconcile_app.core.changes import Status
from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import STATUS_MEANING, STATUS_WORDS
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import muted_label, page_title

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "Comparison": (
        ("F5", "Compare again"),
        ("Shift+F5", "Read the selected customers again"),
        ("F7", "Previous thing to do"),
        ("F8", "Next thing to do"),
        ("Ctrl+Return", "Review and push"),
        ("Ctrl+E", "Export to Excel"),
    ),
    "The row under the cursor": (
        ("Space", "Tick or untick"),
        ("A", "Accept"),
        ("Shift+A", "Accept all like this"),
        ("I", "Ignore…"),
        ("M", "Map…"),
        ("E", "Evidence"),
        ("N", "Note"),
        ("Ctrl+C", "Copy rows with headers"),
    ),
    "Everywhere": (
        ("Ctrl+F", "Search"),
        ("Esc", "Clear the search, then the filters"),
        ("Ctrl+Z", "Undo a decision or mapping"),
        ("Ctrl+Y", "Redo"),
        ("Ctrl+1", "Compare"),
        ("Ctrl+2", "Mappings"),
        ("Ctrl+3", "History"),
        ("Ctrl+4", "Connections"),
        ("F1", "Keys and help (also ?)"),
    ),
}
"""Group → (key, what it does). Keys in Qt's portable notation."""

_NOT_UNDONE = "A push is not undone by Ctrl+Z. History › Undo push… shows what of it can be taken back."
_MARKED = (Status.RAISE, Status.LOWER, Status.ADD, Status.ZERO, Status.BLOCKED, Status.UNKNOWN, Status.IGNORED, Status.EQUAL)


def key_text(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText).replace("Return", "Enter")


class KeysHelp(QDialog):
    """The sheet of keys and marks."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys and help")
        self._theme = theme
        sheet = QWidget()
        columns = QHBoxLayout(sheet)
        columns.setContentsMargins(0, 0, 12, 0)
        columns.setSpacing(36)
        groups = list(KEYS)
        columns.addLayout(self._key_column(groups[:2]), 2)
        columns.addLayout(self._key_column(groups[2:], marks=True), 3)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(sheet)
        area.setAccessibleName("Keys and marks")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 14)
        layout.setSpacing(12)
        layout.addWidget(page_title("Keys"))
        layout.addWidget(area, 1)
        layout.addWidget(muted_label(_NOT_UNDONE, wrap=True))
        layout.addWidget(box)
        self.resize(self.fontMetrics().averageCharWidth() * 130, 640)

    def _key_column(self, groups: list[str], *, marks: bool = False) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        for group in groups:
            column.addWidget(strong_label(group, larger=1.1))
            grid = QGridLayout()
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(5)
            grid.setColumnStretch(1, 1)
            for line, (key, words) in enumerate(KEYS[group]):
                grid.addWidget(strong_label(key_text(key)), line, 0, Qt.AlignmentFlag.AlignRight)
                grid.addWidget(plain_label(words), line, 1)
            column.addLayout(grid)
            column.addSpacing(10)
        if marks:
            column.addWidget(strong_label("Marks", larger=1.1))
            column.addLayout(self._marks())
        column.addStretch(1)
        return column

    def _marks(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(1, 1)
        rows = [(status, f"{STATUS_WORDS[status]}: {STATUS_MEANING[status]}") for status in _MARKED]
        for line, (status, words) in enumerate([*rows, ("doubt", "In doubt: sent, and not known whether it arrived")]):
            look = self._theme.look(status)
            mark = strong_label(look.mark, larger=1.1)
            palette = mark.palette()
            palette.setColor(mark.foregroundRole(), look.ink)
            mark.setPalette(palette)
            grid.addWidget(mark, line, 0, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            grid.addWidget(plain_label(words, wrap=True), line, 1)
        return grid
