"""How many requests of one kind run side by side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Lane:
    """Requests of one entity side by side; narrowed for good when the server says it is too many."""

    def __init__(self, width: int) -> None:
        self._free = asyncio.Semaphore(width)
        self._width = width
        self._surplus = 0

    def narrow(self) -> None:
        """From now on one request at a time."""
        self._surplus += self._width - 1
        self._width = 1

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and keep it."""
        await self._free.acquire()
        try:
            yield
        finally:
            if self._surplus:
                self._surplus -= 1
            else:
                self._free.release()
