"""Reading many agreements one by one, a few at a time, and what of it arrived."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from reconcile_app.connectors.connectwise.access import POLICY
from reconcile_app.connectors.together import together
from reconcile_app.core.errors import PermissionDenied, SideUnreadable, SignInFailed

T = TypeVar("T")

_MOST_FAILED = 3


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
