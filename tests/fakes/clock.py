"""A clock that belongs to the test: sleeping moves virtual time at once, nothing waits for real."""

import asyncio
from datetime import UTC, date, datetime, timedelta


class VirtualClock:
    """Implements ``core.ports.Clock``. ``waits`` lists every sleep that was asked for, in order."""

    def __init__(self, start: datetime = datetime(2026, 11, 26, 8, 15, tzinfo=UTC), *, monotonic: float = 1_000.0) -> None:
        self._now = start
        self._monotonic = monotonic
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._now

    def today(self) -> date:
        return self._now.date()

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Both clocks move on together, as time does."""
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)

    def suspend(self, seconds: float) -> None:
        """The computer sleeps: only the wall clock moves on."""
        self._now += timedelta(seconds=seconds)
