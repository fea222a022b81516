"""An event loop on virtual time: waiting moves the clock, nothing sleeps, and nothing reaches the network or a thread."""

import asyncio
import contextvars
from asyncio import base_events
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 10_000_000
"""Steps of one loop; what needs more does not end."""


class Stuck(RuntimeError):
    """Nothing is left that could ever wake anybody, or there is no end to it."""


class _Sleeper:
    """Stands where a loop asks the operating system for events: the time asked for simply passes."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Stuck("everybody waits for somebody else")
        if timeout > 0:
            self._loop.pass_time(timeout)
        return []

    def close(self) -> None:
        """There is nothing to release."""


class VirtualLoop(base_events.BaseEventLoop):
    """Without sockets there is no way out of it: every method that would do real input or output is the base class's refusal.

    ``on_time`` is called after the clock has moved, ``on_step`` before every round of callbacks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Sleeper(self)
        self._moment = 1_000.0
        self.steps = 0
        self.on_time: Callable[[], None] = _nothing
        self.on_step: Callable[[], None] = _nothing
        self.tasks_of: contextvars.ContextVar[list[asyncio.Task[Any]] | None] = contextvars.ContextVar("tasks", default=None)
        self.set_task_factory(self._task)
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self._moment

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once."""
        self._moment += seconds
        self.on_time()

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """What would go to a thread is done here and now."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as a thread would hand it over
            done.set_exception(error)
        return done

    def _task(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T], **more: Any) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=loop, **more)
        own = self.tasks_of.get()
        if own is not None:
            own.append(task)
        return task

    def _run_once(self) -> None:
        self.steps += 1
        if self.steps > LONGEST:
            raise Stuck("no end")
        self.on_step()
        super()._run_once()  # type: ignore[misc]  # asyncio keeps its turn private; the clock moves there

    def _process_events(self, events: list[object]) -> None:
        """No file descriptor is ever ready."""

    def _write_to_self(self) -> None:
        """Nobody else is awake who could have to wake us."""


def _nothing() -> None:
    """Nobody listens."""
