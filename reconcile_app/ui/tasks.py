"""The one owner of background work: every task is started, reported and ended here.

A Qt slot hands a coroutine to ``Tasks.start``. A failure is reported once, a task can be stopped by its name, and closing the
window waits until nothing runs any more.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from PySide6.QtCore import QObject

Result = TypeVar("Result")


class Tasks(QObject):
    """Owns the tasks of a window. ``on_error`` is called once for each task that fails; cancelling is no failure."""

    def __init__(self, parent: QObject | None, on_error: Callable[[BaseException], None]) -> None:
        super().__init__(parent)
        self._on_error = on_error
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._closed = False

    def start(self, coro: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
        """Run the coroutine in the running event loop. After ``close`` it is cancelled before its first step."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks[task] = name
        task.add_done_callback(self._finished)
        if self._closed:
            task.cancel()
        return task

    def running(self, name: str) -> bool:
        """Whether a task of this name is under way."""
        return name in self._tasks.values()

    def cancel(self, name: str) -> bool:
        """Cancel the tasks of this name; whether there were any."""
        found = [task for task, its_name in self._tasks.items() if its_name == name]
        for task in found:
            task.cancel()
        return bool(found)

    async def close(self) -> None:
        """Cancel everything and wait until it has ended. Nothing can be started afterwards."""
        self._closed = True
        mine = asyncio.current_task()
        while waiting := [task for task in self._tasks if task is not mine]:
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            # the done callbacks, which drop the tasks, run one turn later
            await asyncio.sleep(0)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._on_error(error)
