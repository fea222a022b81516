"""The journals of this computer: one tenant's at a time, under its lock, and what is wrong with those that cannot be used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from reconcile_app.core.errors import Busy, StorageError
from reconcile_app.core.journal import JournalPort
from reconcile_app.services.stores import JournalFactory, TenantLockFactory

T = TypeVar("T")


class TenantJournals:
    """Opens journals. A journal that is damaged, of a newer version or not writable stops pushes to its tenant and nothing else:
    whoever only looks gets what can still be read, is told, and goes on with the others.

    ``problems``: what is wrong with journals that could not be opened when they were last looked at, by tenant, in sentences.
    """

    def __init__(self, journals: JournalFactory, locks: TenantLockFactory) -> None:
        self._journals = journals
        self._locks = locks
        self.problems: dict[str, str] = {}
        self._unread: dict[str, str] = {}

    def known(self) -> list[str]:
        """Tenants that have a journal on this computer."""
        return self._journals.known()

    def unread(self, tenant: str) -> str:
        """Why the last look at a tenant's journal saw nothing, or empty."""
        return self._unread.get(tenant, "")

    @asynccontextmanager
    async def open(self, tenant: str) -> AsyncIterator[JournalPort]:
        """The journal, for this program alone until the context ends.

        Raises:
            Busy: another program has it.
            StorageError: it cannot be used.
        """
        with self._locks(tenant):
            journal = await self._journals(tenant)
            try:
                yield journal
            finally:
                await journal.aclose()

    async def look(self, tenant: str, ask: Callable[[JournalPort], Awaitable[T]], otherwise: T) -> T:
        """What a question to the journal brings, or to what can be read of it; ``otherwise`` where another program has it open or
        nothing of it can be read."""
        self._unread.pop(tenant, None)
        try:
            with self._locks(tenant):
                journal = await self._journals.look(tenant)
                try:
                    answer = await ask(journal)
                finally:
                    await journal.aclose()
        except Busy as error:
            self._unread[tenant] = error.reason
            return otherwise
        except StorageError as error:
            self._note(tenant, error)
            return otherwise
        self.problems.pop(tenant, None)
        why = getattr(journal, "why", None)
        if isinstance(why, StorageError):
            self._note(tenant, why)
        return answer

    def _note(self, tenant: str, error: StorageError) -> None:
        self._unread[tenant] = error.reason
        parts = (error.reason, "Nothing can be pushed to this PSA until the journal can be used.", error.next_step)
        self.problems[tenant] = " ".join(part for part in parts if part)
