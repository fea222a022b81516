"""Qt's event loop as asyncio's: the one place that knows qasync."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

WORKERS = 6


def event_loop(application: QApplication) -> QEventLoop:
    """A loop for the application; close it when done.

    Work is handed to plain threads. qasync's own pool is made of ``QThread`` objects that Python may collect while they run, which
    ends the process.
    """
    loop = QEventLoop(application)
    loop.set_default_executor(ThreadPoolExecutor(WORKERS, thread_name_prefix="worker"))
    return loop
