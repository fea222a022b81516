"""What can still be read of a journal that may not be used: damaged, written by a newer version, or not writable.

The file itself is never opened for writing and never repaired. It is copied with the log that belongs to it, and the copy is read
row by row, as far as it goes.
"""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never, TypeVar

from reconcile_app.core.errors import StorageError
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import FINAL, OpState
from reconcile_app.storage.files import file_errors, refuse_link
from reconcile_app.storage.journal_file import OP_SELECT, event_of, op_of, run_of
from reconcile_app.storage.journal_schema import RUN_COLUMNS

T = TypeVar("T")

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What of a journal could be read. ``lost``: how many rows could not, as far as that can be told."""

    runs: tuple[RunRecord, ...] = ()
    ops: tuple[OpRecord, ...] = ()
    events: Mapping[str, Sequence[Mapping[str, object]]]
    head: str = ""
    lost: int = 0


def read_damaged(path: Path) -> Remains:
    """Everything that can be read of the journal at ``path``, without touching it.

    Raises:
        StorageError: it is a link, or cannot be copied at all.
    """
    refuse_link(path)
    with file_errors("The journal could not be read.", path), tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        copy = Path(folder) / "journal.db"
        shutil.copyfile(path, copy)
        log = path.with_name(f"{path.name}-wal")
        if log.is_file():
            shutil.copyfile(log, Path(folder) / "journal.db-wal")
        with _opened(copy) as db:
            return _Salvage(db).remains()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        with suppress(sqlite3.Error):
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        yield db
    finally:
        db.close()


class _Salvage:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._lost = 0

    def remains(self) -> Remains:
        runs = self._rows(f"SELECT {','.join(RUN_COLUMNS)} FROM run ORDER BY created_utc, rowid", run_of)  # noqa: S608 - our own column names
        ops = self._rows(f"{OP_SELECT} ORDER BY run_id, seq", op_of)
        told = self._rows("SELECT op_id, n, epoch, kind, utc, mono_ns, body, hash FROM op_event ORDER BY n", _with_owner)
        events: dict[str, list[Mapping[str, object]]] = {}
        for op_id, event in told:
            events.setdefault(op_id, []).append(event)
        head = str(told[-1][1]["hash"]) if told else ""
        return Remains(runs=tuple(runs), ops=tuple(ops), events=events, head=head, lost=self._lost)

    def _rows(self, query: str, make: Callable[[Any], T]) -> list[T]:
        """Row by row, up to the first that the database cannot give; a row that means nothing is left out."""
        found: list[T] = []
        try:
            for row in self._db.execute(query):
                try:
                    found.append(make(row))
                except _UNREADABLE:
                    self._lost += 1
        except (sqlite3.Error, OverflowError):
            self._lost += 1
        return found


def _with_owner(row: Any) -> tuple[str, dict[str, object]]:
    return str(row[0]), event_of(row[1:])


class ReadOnlyJournal:
    """The reading half of ``core.ports.JournalPort`` over what remains; every attempt to write is refused with ``why``."""

    def __init__(self, remains: Remains, why: StorageError) -> None:
        self._remains = remains
        self.why = why

    @property
    def remains(self) -> Remains:
        """What could be read."""
        return self._remains

    async def runs(self) -> list[RunRecord]:
        """Every run that could be read, oldest first."""
        return list(self._remains.runs)

    async def ops(self, run_id: str) -> list[OpRecord]:
        """Ops of a run in order, as far as they could be read."""
        return [op for op in self._remains.ops if op.run_id == run_id]

    async def unfinished(self) -> list[OpRecord]:
        """Ops that are not in a final state, over all runs."""
        return [op for op in self._remains.ops if op.state not in FINAL]

    async def armed_body(self, op_id: str) -> dict[str, object] | None:
        """The body of the op's last ARMED event, with its time as ``utc``."""
        armed = [event for event in await self.events(op_id) if event["kind"] == OpState.ARMED.value]
        body = armed[-1]["body"] if armed else None
        return {"utc": armed[-1]["utc"], **body} if isinstance(body, dict) else None

    async def events(self, op_id: str) -> list[dict[str, object]]:
        """Every event of an op that could be read."""
        return [dict(event) for event in self._remains.events.get(op_id, ())]

    async def head(self) -> str:
        """The last hash that could be read; it proves nothing here."""
        return self._remains.head

    async def cancel_requested(self, run_id: str) -> bool:
        """A run of this journal does not go on."""
        return True

    async def aclose(self) -> None:
        """There is nothing open."""

    async def begin(self, run: RunRecord, ops: Sequence[OpRecord]) -> Never:
        """Refused."""
        raise self.why

    async def arm(self, op_id: str, body: Mapping[str, object]) -> Never:
        """Refused."""
        raise self.why

    async def record(
        self, op_id: str, state: OpState, body: Mapping[str, object], *, message: str = "", quantity_after: int | None = None
    ) -> Never:
        """Refused."""
        raise self.why

    async def request_cancel(self, run_id: str) -> Never:
        """Refused."""
        raise self.why

    async def raise_epoch(self) -> Never:
        """Refused."""
        raise self.why


async def open_remains(path: Path, why: StorageError) -> ReadOnlyJournal:
    """A journal that could not be opened because of ``why``, for reading only.

    Raises:
        StorageError: not even that is possible.
    """
    return ReadOnlyJournal(await asyncio.to_thread(read_damaged, path), why)
