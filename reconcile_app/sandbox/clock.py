"""The time inside a sandbox: real by default, fixed where a test wants it, and always possible to push forward."""

import time
from datetime import UTC, date, datetime, timedelta


class Clock:
    """Time of one world.

    Without arguments it follows the computer's clock and its local date. ``today`` starts it at noon UTC of that day, ``now`` at
    that instant. ``ticking=False`` makes it stand still until ``advance`` moves it.
    """

    def __init__(self, *, today: date | None = None, now: datetime | None = None, ticking: bool = True) -> None:
        self.ticking = ticking
        self._advanced = timedelta(0)
        self._origin = time.monotonic()
        self._zone = timedelta(0)
        if now is not None:
            self._start = now.astimezone(UTC)
        elif today is not None:
            self._start = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
        else:
            self._start = datetime.now(UTC)
            self._zone = self._start.astimezone().utcoffset() or timedelta(0)

    def now(self) -> datetime:
        """The instant, in UTC."""
        elapsed = timedelta(seconds=time.monotonic() - self._origin) if self.ticking else timedelta(0)
        return self._start + elapsed + self._advanced

    def today(self) -> date:
        """The calendar date an operator would write on a letter."""
        return (self.now() + self._zone).date()

    def advance(self, step: timedelta) -> None:
        """Let time pass at once. Never backwards: what was committed keeps its order."""
        if step < timedelta(0):
            raise ValueError("time in the sandbox only goes forward")
        self._advanced += step


def stamp(moment: datetime) -> str:
    """ISO text in UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
