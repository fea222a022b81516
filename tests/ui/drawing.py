"""Draws scenes to PNG: each in light and in dark, at the scale Qt was started with (``QT_SCALE_FACTOR``)."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QLocale, QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QWidget

from reconcile_app.event_loop import event_loop
from reconcile_app.ui.theme import Theme


class Drawable(Protocol):
    """A scene that is ready: what to draw, and how to clear it away."""

    picture: QWidget

    async def close(self) -> None:
        """End every task and close the widgets."""


Scenes = Mapping[str, Callable[[Theme], Awaitable[Drawable]]]


def picture_name(scene: str, appearance: str, ratio: float) -> str:
    """``welcome-dark-200.png``; without the scale at 100 %."""
    return f"{scene}-{appearance}{'' if ratio == 1 else f'-{ratio * 100:.0f}'}.png"


async def draw(scenes: Scenes, prefix: str, folder: Path, wanted: Sequence[str]) -> None:
    """Draw these scenes, or all of them, in both appearances."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme = Theme()
    for appearance in ("light", "dark"):
        theme.apply(application, appearance)
        for name in wanted or list(scenes):
            scene = await scenes[name](theme)
            await asyncio.sleep(0.05)
            ratio = scene.picture.devicePixelRatio()
            scene.picture.grab().save(str(folder / picture_name(prefix + name, appearance, ratio)))
            await scene.close()


def _tell(_kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    """What Qt says; the offscreen platform has no window manager to tell sizes to and says so once per dialog."""
    if "propagateSizeHints" not in text:
        sys.stderr.write(f"{text}\n")


def main(scenes: Scenes, prefix: str) -> None:
    """``FOLDER [SCENE …]`` from the command line."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    qInstallMessageHandler(_tell)
    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    loop = event_loop(application)
    asyncio.set_event_loop(loop)
    with loop:
        loop.run_until_complete(draw(scenes, prefix, folder, wanted))
