"""Dialogs that are awaited, and labels that never take data for markup.

``QDialog.exec`` inside a coroutine stops every other task, so a dialog is opened and its result awaited. Everything that came from
outside is shown as plain text.
"""

import asyncio
import html
import traceback
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from reconcile_app.core.errors import ReconcileError
from reconcile_app.ui.messages import shown

_TEXT_WIDTH = 62
"""Average characters in a line of a dialog."""


def plain_label(text: str = "", parent: QWidget | None = None, *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A label that shows its text literally, whatever it contains."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    if selectable:
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    return label


def strong_label(text: str = "", parent: QWidget | None = None, *, larger: float = 1.0, wrap: bool = False) -> QLabel:
    """A plain label in semi-bold, ``larger`` times the size of the system's font."""
    label = plain_label(text, parent, wrap=wrap)
    font = label.font()
    font.setWeight(QFont.Weight.DemiBold)
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * larger)
    label.setFont(font)
    return label


def escaped_tool_tip(text: str) -> str:
    """Text for a place that only knows rich text: shown literally, wrapped at words."""
    return f"<p style='white-space:pre-wrap'>{html.escape(text)}</p>" if text else ""


def plain_tool_tip(widget: QWidget, text: str) -> None:
    """A tool tip that shows its text literally; screen readers get the same words."""
    widget.setToolTip(escaped_tool_tip(text))
    widget.setAccessibleDescription(text)


async def run_dialog(dialog: QDialog) -> int:
    """Open the dialog over its parent and wait for its result code. Cancelling the waiting task closes it."""
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def finished(code: int) -> None:
        if not answer.done():
            answer.set_result(code)

    dialog.finished.connect(finished)
    dialog.open()
    try:
        return await answer
    finally:
        dialog.finished.disconnect(finished)
        if dialog.isVisible():
            dialog.reject()
        dialog.deleteLater()


async def ask(parent: QWidget | None, title: str, text: str, buttons: Sequence[str]) -> str:
    """Ask a question; the label of the button that was pressed. The last button is what Esc and closing mean, the first is what
    Enter means."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    layout = _dialog_layout(dialog)
    layout.addWidget(strong_label(title, larger=1.15, wrap=True))
    layout.addWidget(_wrapped(text))
    box = QDialogButtonBox()
    pressed = [buttons[-1]]
    for place, label in enumerate(buttons):
        last = place == len(buttons) - 1
        role = QDialogButtonBox.ButtonRole.RejectRole if last else QDialogButtonBox.ButtonRole.AcceptRole
        button = box.addButton(_literal(label), role)
        button.setDefault(place == 0)
        button.setAutoDefault(place == 0)
        button.clicked.connect(lambda _checked=False, label=label: pressed.__setitem__(0, label))
    box.accepted.connect(dialog.accept)
    box.rejected.connect(dialog.reject)
    layout.addWidget(box)
    code = await run_dialog(dialog)
    return pressed[0] if code == int(QDialog.DialogCode.Accepted) else buttons[-1]


async def show_error(parent: QWidget | None, error: BaseException) -> None:
    """Show what failed, what it means for the data and what to do now."""
    told = as_reconcile_error(error)
    dialog = ErrorDialog(told, parent)
    await run_dialog(dialog)


def as_reconcile_error(error: BaseException) -> ReconcileError:
    """The error for its reader; an unforeseen one is named as a fault of the program, with its trace as details."""
    if isinstance(error, ReconcileError):
        return error
    trace = "".join(traceback.format_exception(error))
    return ReconcileError(
        "Something went wrong inside the program.", f"{type(error).__name__}: {shown(str(error))}",
        meaning="What was on the screen is unchanged.", next_step="Try again. If it happens again, copy the details and report it.",
        details=trace,
    )


class ErrorDialog(QDialog):
    """Title, what happened, what it means for the data, next step, and the details for the clipboard."""

    def __init__(self, error: ReconcileError, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._error = error
        self.setWindowTitle(shown(error.title, 120))
        layout = _dialog_layout(self)
        layout.addWidget(strong_label(shown(error.title), larger=1.15, wrap=True))
        for text in (error.happened, error.meaning):
            if text:
                layout.addWidget(_wrapped(shown(text, 1500)))
        if error.next_step:
            layout.addWidget(strong_label("What to do now"))
            layout.addWidget(_wrapped(shown(error.next_step, 1500)))
        box = QDialogButtonBox()
        close = box.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        close.setDefault(True)
        self.copy_button: QPushButton = box.addButton("Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.clicked.connect(self.copy_details)
        box.rejected.connect(self.reject)
        layout.addWidget(box)

    def copy_details(self) -> None:
        """Put everything that is known about the error on the clipboard."""
        error = self._error
        parts = (error.title, error.happened, error.meaning, error.next_step, error.details)
        QGuiApplication.clipboard().setText("\n\n".join(part for part in parts if part))
        self.copy_button.setText("Copied")


def _dialog_layout(dialog: QDialog) -> QVBoxLayout:
    layout = QVBoxLayout(dialog)
    layout.setSpacing(12)
    layout.setContentsMargins(20, 18, 20, 16)
    return layout


def _wrapped(text: str) -> QLabel:
    label = plain_label(text, wrap=True, selectable=True)
    label.setMinimumWidth(label.fontMetrics().averageCharWidth() * _TEXT_WIDTH)
    return label


def _literal(label: str) -> str:
    return label.replace("&", "&&")
