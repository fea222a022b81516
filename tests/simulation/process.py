"""A life of the program: everything that ends at once when its process is killed, or its computer loses power."""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import warnings
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from tests.simulation.loop import VirtualLoop

START = datetime(2026, 12, 3, 12, tzinfo=UTC)
"""When every simulation begins."""

Death = Literal["kill", "power"]


class Killed(BaseException):
    """Raised where a dead process would still like to do something."""


class Computer:
    """The clocks of one workstation. ``slept``: seconds the world went on without its monotonic clock; ``error``: how far its wall
    clock is from the truth."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.slept = 0.0
        self.error = 0.0

    @property
    def world_time(self) -> datetime:
        """The true time."""
        return START + timedelta(seconds=self.loop.time() - 1_000.0 + self.slept)

    def now(self) -> datetime:
        return self.world_time + timedelta(seconds=self.error)

    def today(self) -> date:
        return self.now().date()

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def suspend(self, seconds: float, *, counted: bool) -> None:
        """The computer sleeps; on some systems the monotonic clock counts that, on others it stands still."""
        if counted:
            self.loop.pass_time(seconds)
        else:
            self.slept += seconds
            self.loop.on_time()


class Process:
    """The tasks of one life. After ``kill`` none of them takes another step, and whoever awaits ``ended`` is told how it died."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self._loop = loop
        self.name = name
        self.dead = False
        self.at_death: list[Callable[[Death], None]] = []
        self.ended: asyncio.Future[Death | None] = loop.create_future()
        self.failure: BaseException | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self.root: asyncio.Task[Any] | None = None

    def start(self, life: Coroutine[Any, Any, None]) -> None:
        context = contextvars.copy_context()
        context.run(self._loop.tasks_of.set, self._tasks)
        self.root = self._loop.create_task(life, context=context)
        self._tasks.append(self.root)
        self.root.add_done_callback(self._finished)

    def owns(self, tasks: object) -> bool:
        """Whether these are the tasks of this life, and it lives."""
        return tasks is self._tasks and not self.dead

    def _finished(self, root: asyncio.Task[None]) -> None:
        if self.dead:
            return
        self.failure = None if root.cancelled() else root.exception()
        if not self.ended.done():
            self.ended.set_result(None)

    def doom(self, death: Death = "kill") -> None:
        """Die as soon as the running step is over; it does nothing more that anybody could notice."""
        if not self.dead:
            self.dead = True
            self._loop.call_soon(self._bury, death)

    def _bury(self, death: Death) -> None:
        # What is on the disk now is all there is: first it is put aside, then the remains are swept up.
        for act in self.at_death:
            act(death)
        for task in self._tasks:
            if not task.done():
                _sweep(task)
        if not self.ended.done():
            self.ended.set_result(death)


def _sweep(task: asyncio.Task[Any]) -> None:
    """Close what a dead task left open; its last words go nowhere, because whatever it could call refuses by now."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # a killed process says no goodbye to its tasks
    coroutine = task.get_coro()
    assert coroutine is not None
    for _ in range(20):
        # A clean-up that waits for something refuses to be closed there; it is closed again where it waits.
        with contextlib.suppress(Killed, Exception), warnings.catch_warnings():
            # What it was about to wait for never starts.
            warnings.simplefilter("ignore", RuntimeWarning)
            coroutine.close()
            return
    raise RuntimeError(f"{coroutine!r} does not end")


class InlineWorker:
    """Stands for the journal's thread: the call is made at once. In a dead process it is never made, and never returns."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def submit(self, call: Callable[[], Any]) -> "concurrent.futures.Future[Any]":
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        if self._process.dead:
            return done
        try:
            done.set_result(call())
        except Killed:
            self._process.doom()
        except Exception as error:  # noqa: BLE001 - as a thread would hand it over
            done.set_exception(error)
        return done

    def shutdown(self, wait: bool = True) -> None:
        """There is no thread to end."""
