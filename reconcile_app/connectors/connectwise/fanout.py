"""Reading many agreements one by one, a few at a time, and what of it arrived."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reconcile_app.connectors.connectwise.access import POLICY
from reconcile_app.core.errors import PermissionDenied, SideUnreadable, SignInFailed

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

_MOST_FAILED = 3


async def together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run side by side; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """``together`` for two different results."""
    work: list[Coroutine[Any, Any, Any]] = [first, second]
    results = await together(*work)
    return results[0], results[1]


@dataclass(slots=True)
class Gathered(Generic[T]):
    """What was read by id. ``unread``: ids that were not → the reason."""

    found: dict[int, T] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)
    error: SideUnreadable | None = None

    @property
    def go_on(self) -> bool:
        """Whether asking on makes sense."""
        return not self.unread or (bool(self.found) and len(self.unread) < _MOST_FAILED)

    def lose(self, ids: Iterable[int], error: SideUnreadable) -> None:
        """These ids were not read."""
        self.error = self.error or error
        self.unread.update(dict.fromkeys(ids, error.reason))


async def gather(ids: Iterable[int], read: Callable[[int], Awaitable[T]], told: Callable[[int], None]) -> Gathered[T]:
    """Read every id, four at a time. A side that fails from the start, or goes on failing, is left alone.

    Args:
        ids: what to read.
        read: reads one.
        told: hears how many are still to come.

    Raises:
        SideUnreadable: sign-in or permission refused, or nothing at all could be read.
    """
    waiting = deque(sorted(set(ids)))
    gathered: Gathered[T] = Gathered()

    async def work() -> None:
        while waiting and gathered.go_on:
            await _one(waiting.popleft(), read, gathered)
            told(len(waiting))

    while waiting and gathered.go_on:
        await together(*(work() for _ in range(POLICY.parallel_per_entity)))
    if gathered.error is not None:
        if not gathered.found:
            raise gathered.error
        gathered.lose(waiting, gathered.error)
    return gathered


async def _one(each: int, read: Callable[[int], Awaitable[T]], gathered: Gathered[T]) -> None:
    try:
        gathered.found[each] = await read(each)
    except (SignInFailed, PermissionDenied):
        raise
    except SideUnreadable as error:
        gathered.lose([each], error)
