"""How the window opens: an empty frame at once, then everything else.

Only Qt is imported before the first paint; asyncio, the pages and the theme take as long again, and pandas and the database, which
``app`` loads in a thread, several times that.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from reconcile_app.storage.paths import DataPaths
from reconcile_app.storage.window_state import WindowState
from reconcile_app.ui.frame import Frame

_LONGEST_WAIT = 500
"""Milliseconds: a window that starts minimized is never painted."""


def open_window(data_dir: Path | None, *, sample: bool = False, close_after_compare: bool = False) -> int:
    """Open the window and stay until it is closed; the exit status.

    Args:
        data_dir: the data folder; the user's own when left out.
        sample: start on sample data, which leaves nothing on this computer.
        close_after_compare: for the smoke test: compare once, then end.

    Raises:
        StorageError: the data folder cannot be used.
    """
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Reconcile")
    state = None if sample else _state(data_dir)
    frame = Frame({} if state is None else state.load())
    _paint(frame)
    from reconcile_app.app import run

    return run(application, frame, state, data_dir, close_after_compare=close_after_compare)


def _paint(frame: Frame) -> None:
    waiting = QEventLoop()
    frame.painted.connect(waiting.quit)
    QTimer.singleShot(_LONGEST_WAIT, waiting.quit)
    frame.show()
    waiting.exec()


def _state(data_dir: Path | None) -> WindowState:
    paths = DataPaths.find(data_dir)
    paths.prepare()
    return WindowState(paths.window_file)
