"""Letting go of old runs in a journal whose events may never change: they leave as a whole, from the oldest on.

What stays is copied, event by event with the hashes it had, into a new file that takes the old one's place. The hash of the last
event that left is its *anchor*: the chain goes on from there, and a hash printed in an Excel log still leads to its event.
"""

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reconcile_app.core.errors import WrongUse
from reconcile_app.core.judge import FINAL
from reconcile_app.storage import journal_schema as schema
from reconcile_app.storage.files import file_errors, make_private, sync_folder

_LAST_EVENT: Final = "SELECT run_id, max(n), max(op_event.utc) FROM op JOIN op_event USING(op_id) GROUP BY run_id"
_FIRST_EVENT: Final = "SELECT run_id, min(n) FROM op JOIN op_event USING(op_id) GROUP BY run_id"


def forget_runs_before(path: Path, limit: datetime) -> int:
    """Take the runs out of a journal whose last event is older than ``limit``; how many left.

    A run with an op that is not settled stays, and so does every run with events after it. The caller holds the tenant's lock, and
    nobody has the journal open.

    Raises:
        WrongUse: ``limit`` has no time zone.
        Busy, JournalDamaged, NewerFormat, StorageError: the journal cannot be used; it stays as it is.
    """
    if limit.tzinfo is None:
        raise WrongUse("A limit needs a time zone.")
    waiting = path.with_name(f"{path.name}.new")
    try:
        with closing(_opened(path)) as old:
            schema.prepare(old)
            leaving = _leaving(old, limit.astimezone(UTC).isoformat(timespec="microseconds"))
            if not leaving:
                return 0
            waiting.unlink(missing_ok=True)
            make_private(waiting)
            _copy(old, waiting, leaving)
    except sqlite3.Error as error:
        raise schema.open_error(error) from error
    else:
        with file_errors("Old runs could not be taken out of the journal.", path):
            waiting.replace(path)
            sync_folder(path.parent)
        return len(leaving)
    finally:
        with suppress(OSError):
            waiting.unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def _leaving(db: sqlite3.Connection, limit: str) -> set[str]:
    """The runs that may go: the oldest ones, up to the first event of a run that stays."""
    last = {run: (n, utc) for run, n, utc in db.execute(_LAST_EVENT)}
    first = dict(db.execute(_FIRST_EVENT).fetchall())
    final = ",".join(f"'{state.value}'" for state in sorted(FINAL))
    open_runs = {run for (run,) in db.execute(f"SELECT DISTINCT run_id FROM op WHERE state NOT IN({final})")}  # noqa: S608 - our own words
    leaving = {run for run, (_, utc) in last.items() if utc < limit and run not in open_runs}
    undone = dict(db.execute("SELECT run_id, undoes_run FROM run WHERE undoes_run IS NOT NULL").fetchall())
    newest = max((n for n, _ in last.values()), default=0)
    while True:
        cut = min((first[run] for run in last.keys() - leaving), default=newest + 1)
        needed = {undoes for run, undoes in undone.items() if run not in leaving}
        going = {run for run in leaving if last[run][0] < cut} - needed
        if going == leaving:
            return leaving
        leaving = going


def _copy(old: sqlite3.Connection, path: Path, leaving: set[str]) -> None:
    with closing(_opened(path)) as new:
        schema.prepare(new)
        new.execute("BEGIN EXCLUSIVE")
        for run in old.execute("SELECT * FROM run ORDER BY rowid"):
            if run[0] not in leaving:
                _insert(new, "run", run)
        gone = {op for run in leaving for (op,) in old.execute("SELECT op_id FROM op WHERE run_id=?", (run,))}
        for op in old.execute("SELECT * FROM op ORDER BY rowid"):
            if op[0] not in gone:
                _insert(new, "op", op)
        new.execute(schema.ANCHOR_TABLE)
        _insert(new, "anchor", _anchor(old, gone))
        for event in old.execute(f"SELECT {','.join(schema.EVENT_COLUMNS)} FROM op_event ORDER BY n"):  # noqa: S608 - our own column names
            if event[1] not in gone:
                _insert(new, "op_event", event)
        for lease in old.execute("SELECT * FROM lease"):
            _insert(new, "lease", lease)
        new.execute("COMMIT")
        schema.check(new)


def _anchor(old: sqlite3.Connection, gone: set[str]) -> tuple[int, bytes]:
    n, own = schema.anchor(old)
    for number, op_id, digest in old.execute("SELECT n, op_id, hash FROM op_event ORDER BY n"):
        if op_id in gone:
            n, own = number, digest
    return n, own


def _insert(db: sqlite3.Connection, table: str, row: tuple[object, ...]) -> None:
    db.execute(f"INSERT INTO {table} VALUES({','.join('?' * len(row))})", row)
