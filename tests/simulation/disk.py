"""The disk of one profile: the real journal file, what of it has been synced, and what a killed process or a power cut leaves."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from reconcile_app.core.errors import Busy
from reconcile_app.core.ports import Clock
from reconcile_app.storage.ballast import Ballast
from reconcile_app.storage.journal import Journal
from reconcile_app.storage.journal_file import JournalFile
from tests.simulation.process import Death, InlineWorker, Killed, Process

_FULL = 2


class Disk:
    """One data folder. ``synced``: the number of the last event that is certain to survive a power cut.

    ``on_event`` is told every committed event (number, op, kind); ``at_commit`` is asked before and after every commit and may doom
    the process by raising ``Killed``.
    """

    def __init__(self, folder: Path, profile: str, dice: Random) -> None:
        self._folder = folder
        self.profile = profile
        self._dice = dice
        self._generation = 0
        self.synced = 0
        self.commits = 0
        self.copies: list[Path] = []
        self.on_event: Callable[[str, int, str, str], None] = lambda profile, number, op, kind: None
        self.at_commit: Callable[[str], None] = lambda when: None
        self._open: list[_Recorded] = []
        self._here.mkdir(parents=True)

    @property
    def _here(self) -> Path:
        return self._folder / f"{self.profile}-{self._generation}"

    def journal(self, tenant: str) -> Path:
        """Where the journal of a tenant is now."""
        return self._here / f"{tenant}.db"

    def journals(self) -> list[Path]:
        """Every journal that exists."""
        return sorted(self._here.glob("*.db"))

    def opened(self, path: Path, clock: Clock, process: Process) -> Journal:
        """The real journal on this disk, its thread replaced by a call.

        Raises:
            Busy: this very disk has it open already.
        """
        if process.dead:
            raise Killed
        if any(connection.live for connection in self._open):
            raise Busy("Another window is pushing.", meaning="Nothing was sent.")

        def connection(*given: Any, **more: Any) -> _Recorded:
            made = _Recorded(*given, **more)
            made.attach(self, path, process)
            self._open.append(made)
            return made

        ballast = Ballast(path.with_suffix(".ballast"), lambda folder: 2**40)
        file = JournalFile(path, clock, f"desk-1 {self.profile}", ballast, connection)  # type: ignore[arg-type]  # a connection class made for this file
        return Journal(file, InlineWorker(process))  # type: ignore[arg-type]  # a worker without a thread

    def died(self, death: Death) -> None:
        """Keep what the next life finds: all that was written; after a power cut all that was synced, and perhaps a little more."""
        old, wal_kept = self._here, [(each.path, each.synced_bytes) for each in self._open if each.live]
        self._generation += 1
        shutil.copytree(old, self._here)
        if death == "power":
            for path, kept in wal_kept:
                self._cut(self._here / f"{path.name}-wal", kept)
        self.copies += [path for path in self.journals() if path.stat().st_size]
        for each in self._open:
            each.abandon()
        self._open.clear()

    def _cut(self, wal: Path, kept: int) -> None:
        """Drop what no sync has promised; of a part of it the disk may have kept any beginning."""
        if not wal.exists():
            return
        data = wal.read_bytes()
        unsynced = len(data) - kept
        wal.write_bytes(data[: kept + (self._dice.randrange(unsynced) if unsynced > 0 else 0)])


class _Recorded(sqlite3.Connection):
    """The real connection, which also notes what each commit holds and whether it was synced."""

    def attach(self, disk: Disk, path: Path, process: Process) -> None:
        self.disk, self.path, self.process = disk, path, process
        self.live, self.synced_bytes = True, 0
        self._pending: list[tuple[int, str, str]] = []

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self.process.dead:
            raise Killed
        if sql == "COMMIT":
            return self._commit(sql)
        if sql.startswith("INSERT INTO op_event"):
            number, op, _, kind, *_ = values[0]
            self._pending.append((number, op, kind))
        elif sql in ("ROLLBACK", "BEGIN IMMEDIATE"):
            self._pending.clear()
        return super().execute(sql, *values)

    def _commit(self, sql: str) -> sqlite3.Cursor:
        self.disk.commits += 1
        self.disk.at_commit("before")
        done = super().execute(sql)
        wal = self.path.with_name(f"{self.path.name}-wal")
        if super().execute("PRAGMA synchronous").fetchone()[0] >= _FULL:
            self.synced_bytes = wal.stat().st_size if wal.exists() else 0
            self.disk.synced = max([self.disk.synced, *(number for number, _, _ in self._pending)])
        told, self._pending = self._pending, []
        for number, op, kind in told:
            self.disk.on_event(self.disk.profile, number, op, kind)
        self.disk.at_commit("after")
        return done

    def close(self) -> None:
        if self.process.dead:
            raise Killed
        self.live = False
        super().close()

    def abandon(self) -> None:
        """The process is gone; what it had open is of no use to anybody."""
        self.live = False
        super().close()
