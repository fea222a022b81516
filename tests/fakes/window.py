"""A window over a fake desk, its memory, and the ways a person presses things."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QPushButton, QWidget
from shiboken6 import isValid

from reconcile_app.ui.controller import Controller
from reconcile_app.ui.main_window import MainWindow
from reconcile_app.ui.theme import Theme
from tests.fakes.desk import FakeDesk
from tests.fakes.sample_run import CREATED, TODAY

Shown = TypeVar("Shown", bound=QWidget)


class MemoryStore:
    """Keeps the window's state like a file would, without one."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.state = state or {}
        self.saved = 0

    def load(self) -> dict[str, Any]:
        return dict(self.state)

    def save(self, state: dict[str, Any]) -> None:
        self.state = dict(state)
        self.saved += 1


@asynccontextmanager
async def opened(desk: FakeDesk, theme: Theme, store: MemoryStore | None = None) -> AsyncIterator[tuple[MainWindow, Controller]]:
    """A window on the screen; closed, with every task ended, afterwards. Its clock stands shortly after the sample run."""
    controller = Controller(desk, operator="Alex", today=lambda: TODAY)
    window = MainWindow(controller, theme, store or MemoryStore(), now=lambda: CREATED + timedelta(minutes=58))
    window.show()
    window.activateWindow()
    try:
        await until(window.isActiveWindow)
        yield window, controller
    finally:
        await controller.close()
        window.hide()
        window.deleteLater()
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the window live until the condition holds."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("what was waited for did not happen")


async def dialog_of(kind: type[Shown]) -> Shown:
    """The dialog of this class, once it is on the screen."""
    found: list[Shown] = []

    def there() -> bool:
        found[:] = [top for top in QApplication.topLevelWidgets() if isinstance(top, kind) and top.isVisible()]
        return bool(found)

    await until(there)
    return found[0]


async def gone(dialog: QDialog) -> None:
    """Wait until the dialog was closed and what waited for it went on."""
    await until(lambda: not isValid(dialog) or not dialog.isVisible())
    await asyncio.sleep(0.02)


def press(button: QWidget) -> None:
    """Click with the mouse; a button that cannot be pressed is an error of the test's expectation."""
    assert button.isVisible(), "the button is not on the screen"
    assert button.isEnabled(), "the button cannot be pressed"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def press_named(parent: QWidget, text: str) -> None:
    """Click the visible button with this text."""
    press(next(found for found in parent.findChildren(QPushButton) if found.text() == text and found.isVisible()))


def key(widget: QWidget, code: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key."""
    QTest.keyClick(widget, code, modifier)


def typed(widget: QWidget, text: str) -> None:
    """Type into a field."""
    widget.setFocus()
    QTest.keyClicks(widget, text)


def words_of(widget: QWidget) -> str:
    """Everything the visible labels and buttons of a widget say."""
    labels = [found.text() for found in widget.findChildren(QLabel) if found.isVisible()]
    buttons = [found.text() for found in widget.findChildren(QPushButton) if found.isVisible()]
    return "\n".join([*labels, *buttons])
