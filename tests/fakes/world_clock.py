"""The time of a sandbox's world as the clock of the program: waiting on either side costs nothing and moves both."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from math import ceil

from reconcile_app.sandbox.server import Sandbox
from tests.fakes.clock import VirtualClock


class WorldClock(VirtualClock):
    """Implements ``core.ports.Clock`` with the world's time. What becomes due there while the program waits is done at once.

    ``sleeping`` is called with every wait before it begins: the place for a test to do something at a known moment.
    """

    def __init__(self, box: Sandbox) -> None:
        super().__init__()
        self._box = box
        self._begin = box.world.clock.now()
        self.sleeping: Callable[[float], None] = lambda seconds: None

    def now(self) -> datetime:
        return self._box.world.clock.now()

    def today(self) -> date:
        return self.now().date()

    def monotonic(self) -> float:
        return 1_000.0 + (self.now() - self._begin).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.sleeping(seconds)
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        # the world counts in microseconds: less than one must move it all the same, or a wait for the rest of one never ends
        step = timedelta(microseconds=ceil(seconds * 1_000_000))
        self._box.call(lambda: self._box.world.advance(step))
