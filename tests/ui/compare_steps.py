"""What a person does on the Compare page, for tests: going to rows, reading names, finding buttons and dialogs."""

from collections.abc import Awaitable, Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QPushButton

from tests.ui.compare_scenes import Scene

Key = Qt.Key
Shift, Control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
Left = Qt.MouseButton.LeftButton


def go(scene: Scene, customer: str, service: str) -> None:
    scene.table.go_to_row(scene.row_of(customer, service))
    scene.table.setFocus()


def current(scene: Scene) -> str:
    return scene.table.current_key()


def names(scene: Scene) -> list[str]:
    model = scene.page.pane.model
    return [model.cell_text(row, model.place("customer_name")) for row in range(model.rowCount())]


def key_of(scene: Scene, customer: str, service: str) -> str:
    return scene.page.pane.model.key_at(scene.row_of(customer, service))


def button(scene: Scene, text: str) -> QPushButton:
    found = [each for each in scene.page.pane.about.findChildren(QPushButton) if each.text() == text]
    assert found, f"no button {text!r}"
    return found[-1]


async def opened(scene: Scene, kind: type[QDialog], until: Callable[..., Awaitable[None]]) -> QDialog:
    await until(lambda: scene.page.findChild(kind))
    return scene.page.findChild(kind)
