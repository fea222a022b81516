"""A picture of every screen: ``python3 dev.py shots [DIR]``, or ``python -m tests.shots DIR [--few | light | dark]``.

The real program works on the sandbox, is driven through a month and photographed (``sample-…``): light, dark and at 200 %.
The other scenes (empty, busy, failed, in doubt) come from the screens' own tests over a fake desk; each of their modules draws
light and dark at the scale it is started with. ``--few`` takes the light pictures of the real program only.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication

from reconcile_app.app import App
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.plan import Plan
from reconcile_app.event_loop import event_loop
from reconcile_app.services.desk import PushView
from reconcile_app.ui.frame import Frame
from tests.ui.drawing import picture_name

SIZE, SMALL = (1280, 800), (1024, 700)
"""Size of the window at 100 % and at 200 %, in device-independent pixels."""
_UNDER_WAY = 20
"""Steps of a push after which some changes are done and others not."""
SCENES = ("tests.ui.compare_scenes", "tests.ui.window_scenes", "tests.ui.push_scenes")


class Photographer:
    """Drives the program and keeps pictures of it."""

    def __init__(self, app: App, frame: Frame, folder: Path, suffix: str) -> None:
        self._app = app
        self._frame = frame
        self._folder = folder
        self._suffix = suffix
        self._plans: list[Plan] = []
        self._pushes: list[PushView] = []
        app.controller.plan_ready.connect(self._plans.append)
        app.controller.push_changed.connect(self._pushes.append)

    async def month(self) -> None:
        """Compare, look around, review, push, look at the result."""
        controller, window = self._app.controller, self._app.window
        await _until(lambda: controller.run is not None)
        await self.take("compare")
        blocked = controller.run.rows["codes"] == "RC01"
        window.page("compare").show_row(str(controller.run.rows["key"][blocked].iloc[0]))
        await self.take("compare-blocked")
        for page in ("mappings", "history", "connections", "settings"):
            window.show_page(page)
            await self.take(page)
        for view in controller.connections():
            await controller.verify(view.connection.name)
        window.show_page("connections")
        await self.take("connections-verified")
        window.show_page("compare")
        run = controller.run
        assert run is not None
        zero = run.rows[(run.rows["change"] == ChangeKind.ZERO_LINE.value).to_numpy(dtype=bool, na_value=False)]
        controller.decide(zero["key"].tolist(), True)
        await _until(lambda: controller.run is not None and controller.run is not run)
        window.push.start()
        await _until(lambda: bool(self._plans))
        await self.take("push-review")
        review = window.push.review
        assert review is not None
        review.typed.setText(str(self._plans[-1].totals.lines))
        review.go.click()
        await _until(lambda: len(self._pushes) > _UNDER_WAY)
        await self.take("push-running", still=False)
        await _until(lambda: bool(self._pushes and self._pushes[-1].result))
        await self.take("push-result")
        await _until(lambda: not controller.pushing)
        assert window.push.result is not None
        window.push.result.undo.click()
        await _until(lambda: window.push.undo is not None)
        await self.take("undo-review")

    async def take(self, name: str, *, still: bool = True) -> None:
        """A picture of the window once it has come to rest."""
        if still:
            await asyncio.sleep(0.6)
        path = self._folder / f"sample-{name}{self._suffix}"
        self._frame.grab().save(str(path))
        sys.stdout.write(f"{path}\n")


async def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the program did not get there")


async def _photograph(app: App, frame: Frame, folder: Path, suffix: str) -> None:
    running = asyncio.ensure_future(app.run())
    try:
        await Photographer(app, frame, folder, suffix).month()
    finally:
        app.window.closed.emit()
        await running


def real_program(folder: Path, appearance: str, size: tuple[int, int]) -> None:
    """Take the pictures of the real program in one appearance."""
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    loop = event_loop(application)
    asyncio.set_event_loop(loop)
    with loop:
        frame = Frame({})
        frame.resize(*size)
        frame.show()
        app = App(application, frame, None, None, close_after_compare=False)
        app.theme.apply(application, appearance)
        loop.run_until_complete(_photograph(app, frame, folder, picture_name("", appearance, frame.devicePixelRatio())))


def _all(folder: Path) -> int:
    """Every program in a process of its own, because the scale is decided when Qt starts."""
    status = 0
    for scale in ("1", "2"):
        environment = {**os.environ, "QT_SCALE_FACTOR": scale}
        appearances = ("light", "dark") if scale == "1" else ("light",)
        commands = [["tests.shots", str(folder), appearance] for appearance in appearances]
        commands += [[scenes, str(folder)] for scenes in SCENES]
        for command in commands:
            status |= subprocess.run([sys.executable, "-m", *command], check=False, env=environment).returncode
    return status


if __name__ == "__main__":
    target, chosen = Path(sys.argv[1]), sys.argv[2:]
    target.mkdir(parents=True, exist_ok=True)
    if not chosen:
        sys.exit(_all(target))
    at_200 = os.environ.get("QT_SCALE_FACTOR") == "2"
    real_program(target, "dark" if "dark" in chosen else "light", SMALL if at_200 else SIZE)
