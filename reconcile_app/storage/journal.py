"""The journal as the rest of the program sees it: async, one worker thread, one connection."""

import asyncio
import os
import platform
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from reconcile_app.core.errors import StorageError
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Clock
from reconcile_app.storage.ballast import Ballast, free_bytes
from reconcile_app.storage.files import make_private, private_folder
from reconcile_app.storage.journal_file import JournalFile
from reconcile_app.storage.journal_remains import ReadOnlyJournal, open_remains
from reconcile_app.storage.paths import DataPaths, refuse_unsafe_place

P = ParamSpec("P")
T = TypeVar("T")


class Journal:
    """Implements ``core.ports.JournalPort`` over one SQLite file.

    A call that was started is finished even when the caller is cancelled: a result is never lost on its way to the disk.
    """

    def __init__(self, file: JournalFile, worker: ThreadPoolExecutor) -> None:
        self._file = file
        self._worker = worker
        self._closed = False

    async def begin(self, run: RunRecord, ops: Sequence[OpRecord]) -> None:
        """Store a frozen plan and its ops durably. Refused with DiskFull below 64 MiB of free room."""
        await self._ask(self._file.begin, run, tuple(ops))

    async def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        """Commit ARMED; false when the line is locked (BLOCKED is recorded), cancelling was requested or the epoch is not ours."""
        return await self._ask(self._file.arm, op_id, body)

    async def record(
        self, op_id: str, state: OpState, body: Mapping[str, object], *, message: str = "", quantity_after: int | None = None
    ) -> None:
        """Commit a transition with its evidence.

        Raises:
            StorageError: the state table has no such step; nothing was recorded, and the journal stays usable.
        """
        await self._ask(self._file.record, op_id, state, body, message, quantity_after)

    async def request_cancel(self, run_id: str) -> None:
        """Set the durable flag."""
        await self._ask(self._file.request_cancel, run_id)

    async def cancel_requested(self, run_id: str) -> bool:
        """Whether the flag is set."""
        return await self._ask(self._file.cancel_requested, run_id)

    async def runs(self) -> list[RunRecord]:
        """Every run, oldest first."""
        return await self._ask(self._file.runs)

    async def ops(self, run_id: str) -> list[OpRecord]:
        """Ops of a run in order."""
        return await self._ask(self._file.ops, run_id)

    async def unfinished(self) -> list[OpRecord]:
        """Ops that are not in a final state, over all runs."""
        return await self._ask(self._file.unfinished)

    async def armed_body(self, op_id: str) -> dict[str, object] | None:
        """The body of the op's last ARMED event, with its time as ``utc``."""
        return await self._ask(self._file.armed_body, op_id)

    async def events(self, op_id: str) -> list[dict[str, object]]:
        """Every event of an op: n, kind, utc, mono_ns, epoch, body, hash."""
        return await self._ask(self._file.events, op_id)

    async def raise_epoch(self) -> int:
        """Take the lease."""
        return await self._ask(self._file.raise_epoch)

    async def head(self) -> str:
        """The last hash of the chain."""
        return await self._ask(self._file.head)

    async def aclose(self) -> None:
        """Close the file; closing again does nothing."""
        if self._closed:
            return
        await self._ask(self._file.close)
        self._closed = True
        self._worker.shutdown(wait=False)

    async def _ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed:
            raise StorageError("The journal is closed.", next_step="Start the push again.")
        return await _in_worker(self._worker, lambda: call(*args, **kwargs))


async def open_journal(
    path: Path, clock: Clock, *, connection: type[sqlite3.Connection] = sqlite3.Connection, free: Callable[[Path], int] = free_bytes
) -> Journal:
    """Opens the journal of one tenant for this process alone, makes it when it is not there, and checks all of it.

    Args:
        path: see ``DataPaths.journal_file``.
        clock: for the times of events.
        connection: the class of the SQLite connection; tests hand over one that fails.
        free: tells how many bytes are free in a folder.

    Raises:
        Busy: another process holds it.
        JournalDamaged: a check fails; the file is left as it is.
        NewerFormat: written by a newer version; the file is left as it is.
        DiskFull, StorageError: it cannot be made, lies in an unsafe place, or a setting does not take.
    """

    def work() -> JournalFile:
        refuse_unsafe_place(path)
        private_folder(path.parent)
        make_private(path)
        ballast = Ballast(path.with_suffix(".ballast"), free)
        file = JournalFile(path, clock, f"{platform.node()} {os.getpid()}", ballast, connection)
        ballast.keep()
        return file

    worker = ThreadPoolExecutor(1, thread_name_prefix="journal")
    try:
        return Journal(await _in_worker(worker, work), worker)
    except BaseException:
        worker.shutdown(wait=False)
        raise


class Journals:
    """The journals of this installation, one per tenant."""

    def __init__(self, paths: DataPaths, clock: Clock) -> None:
        self._paths = paths
        self._clock = clock

    async def __call__(self, tenant: str) -> Journal:
        """Open a tenant's journal; see ``open_journal`` for the errors."""
        return await open_journal(self._paths.journal_file(tenant), self._clock)

    async def look(self, tenant: str) -> Journal | ReadOnlyJournal:
        """A tenant's journal for reading: the journal itself, or what can be read of one that is damaged or cannot be used.

        Raises:
            Busy: another process holds it.
            StorageError: not even a part of it can be read.
        """
        try:
            return await self(tenant)
        except StorageError as error:
            return await open_remains(self._paths.journal_file(tenant), error)

    def known(self) -> list[str]:
        """Fingerprints of the tenants that have a journal on this computer."""
        return sorted(path.stem for path in self._paths.journal_dir.glob("*.db"))


async def _in_worker(worker: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    future = asyncio.wrap_future(worker.submit(work))
    # Whoever stopped waiting will not ask for the error; the next call meets it again.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(future)
