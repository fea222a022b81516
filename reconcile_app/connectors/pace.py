"""When the next request may start: the allowance of a connection, and the waits that its server asks for."""

import asyncio
import random
from collections.abc import Callable

from reconcile_app.core.ports import Clock

SHORTEST_WAIT = 5.0
"""Seconds between two requests to a server that asked for fewer of them, until it answers again."""

_LONGEST_OWN_WAIT = 300.0
_TELL_EVERY = 1.0


class Pace:
    """The turns of one connection's reads.

    Args:
        clock: the time.
        calls_per_second: how many requests may start in a second; None: as many as are asked.
        tell: told the seconds that are left of a long wait, every second, and whether the server has named them.
        unnamed_wait: the seconds to wait where the server named none, as far as its maker tells them; up to five more spread load.
    """

    def __init__(
        self, clock: Clock, calls_per_second: float | None, tell: Callable[[float, bool], None], unnamed_wait: float | None = None
    ) -> None:
        self._clock = clock
        self._usual_gap = 1.0 / calls_per_second if calls_per_second else 0.0
        self._tell = tell
        self._unnamed_wait = unnamed_wait
        self._resume_at = self._next_slot = float("-inf")
        self._limited = self._asked = False
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for the next turn and take it; turns come in the order in which they were asked for."""
        async with self._queue:
            while (start := max(self._resume_at, self._next_slot)) > self._clock.monotonic():
                await self._wait_until(start)
            gap = SHORTEST_WAIT if self._limited else self._usual_gap
            if gap:
                self._next_slot = self._clock.monotonic() + gap

    async def _wait_until(self, moment: float) -> None:
        long = moment - self._clock.monotonic() >= SHORTEST_WAIT
        while (left := moment - self._clock.monotonic()) > 0:
            if long:
                self._tell(left, self._asked)
            await self._clock.sleep(min(left, _TELL_EVERY) if long else left)

    def hold(self, asked: float | None, number: int) -> None:
        """The server asked for fewer requests.

        Args:
            asked: the seconds it named, or None; then the wait grows with ``number``, the attempt that was refused, unless it is
                known how long this server wants.
        """
        self._limited, self._asked = True, asked is not None
        if asked is None and self._unnamed_wait is not None:
            asked = self._unnamed_wait + random.uniform(0.0, SHORTEST_WAIT)  # noqa: S311 - spreads load, guards nothing
        elif asked is None:
            most = min(_LONGEST_OWN_WAIT, SHORTEST_WAIT * 2.0**number)
            asked = random.uniform(SHORTEST_WAIT, most)  # noqa: S311 - spreads load, guards nothing
        self._resume_at = max(self._resume_at, self._clock.monotonic() + max(asked, SHORTEST_WAIT))

    def answered(self) -> None:
        """The server answered without asking for fewer requests."""
        self._limited = False
