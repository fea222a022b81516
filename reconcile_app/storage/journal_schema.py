"""The journal as a file: its tables, the settings every opening makes and reads back, and the checks it must pass.

Anybody may read a journal with nothing but SQLite: quantities are decimal text, times ISO 8601 in UTC, event bodies JSON. The
``hash`` of an event is SHA-256 over the hash before it and the canonical JSON of its other columns, the body as text; the first
event follows 32 zero bytes, or the hash in ``anchor`` where older runs were let go.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reconcile_app.core.errors import Busy, DiskFull, JournalDamaged, NewerFormat, ReconcileError, StorageError
from reconcile_app.core.ids import Json, canonical_json, sha256_hex

VERSION: Final = 1
APPLICATION_ID: Final = 0x52434A4C
GENESIS: Final = bytes(32)

RUN_COLUMNS: Final = (
    "run_id",
    "source_run",
    "tenant_fp",
    "psa",
    "operator",
    "machine",
    "created_utc",
    "expires_utc",
    "plan_json",
    "plan_sha256",
    "snapshot_sha256",
    "app_version",
    "kind",
    "undoes_run",
)
"""What is frozen of a run; only ``cancel_requested`` may change."""

OP_COLUMNS: Final = (
    "op_id",
    "run_id",
    "seq",
    "customer_key",
    "line_key",
    "semantics",
    "qty_before",
    "qty_target",
    "effective_date",
    "evidence_sha256",
    "change",
)
"""What is frozen of an op; only ``state``, ``message``, ``quantity_after`` and ``updated_utc`` may change."""

EVENT_COLUMNS: Final = ("n", "op_id", "epoch", "kind", "utc", "mono_ns", "body", "prev_hash", "hash")
"""Events never change at all."""

TABLES: Final = (
    """CREATE TABLE run(run_id TEXT PRIMARY KEY, source_run TEXT NOT NULL, tenant_fp TEXT NOT NULL, psa TEXT NOT NULL,
      operator TEXT NOT NULL, machine TEXT NOT NULL, created_utc TEXT NOT NULL, expires_utc TEXT NOT NULL, plan_json BLOB NOT NULL,
      plan_sha256 TEXT NOT NULL, snapshot_sha256 TEXT NOT NULL, app_version TEXT NOT NULL,
      kind TEXT NOT NULL CHECK(kind IN('push','undo')), undoes_run TEXT REFERENCES run(run_id),
      cancel_requested INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE op(op_id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES run, seq INTEGER NOT NULL,
      customer_key TEXT NOT NULL, line_key TEXT NOT NULL, semantics TEXT NOT NULL CHECK(semantics IN('delta','set','document')),
      qty_before TEXT NOT NULL, qty_target TEXT NOT NULL, effective_date TEXT, evidence_sha256 TEXT NOT NULL, change BLOB NOT NULL,
      state TEXT NOT NULL, message TEXT NOT NULL DEFAULT '', quantity_after INTEGER, updated_utc TEXT, UNIQUE(run_id, line_key))""",
    """CREATE TABLE op_event(n INTEGER PRIMARY KEY, op_id TEXT NOT NULL REFERENCES op, epoch INTEGER NOT NULL, kind TEXT NOT NULL,
      utc TEXT NOT NULL, mono_ns INTEGER NOT NULL, body BLOB NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL)""",
    "CREATE TABLE lease(tenant_fp TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT NOT NULL, taken_utc TEXT NOT NULL)",
    """CREATE UNIQUE INDEX one_open_op_per_line ON op(line_key)
      WHERE state IN('ARMED','UNKNOWN','APPLIED','NEEDS_REVIEW')""",
    "CREATE INDEX event_of_op ON op_event(op_id, n)",
    "CREATE TRIGGER event_stays BEFORE UPDATE ON op_event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    "CREATE TRIGGER event_kept BEFORE DELETE ON op_event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    "CREATE TRIGGER op_kept BEFORE DELETE ON op BEGIN SELECT RAISE(ABORT, 'ops are kept'); END",
    "CREATE TRIGGER run_kept BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'runs are kept'); END",
    f"CREATE TRIGGER op_frozen BEFORE UPDATE OF {','.join(OP_COLUMNS)} ON op BEGIN SELECT RAISE(ABORT, 'ops are frozen'); END",
    f"CREATE TRIGGER run_frozen BEFORE UPDATE OF {','.join(RUN_COLUMNS)} ON run BEGIN SELECT RAISE(ABORT, 'runs are frozen'); END",
)

ANCHOR_TABLE: Final = "CREATE TABLE anchor(n INTEGER NOT NULL, hash BLOB NOT NULL)"
"""Only in a journal whose oldest runs were let go: number and hash of the last event that left."""

# locking_mode stands first: before the first access, so that there is no second process and no shared-memory file
# (SQLite before 3.51.3 can corrupt a WAL database that two connections write).
SETTINGS: Final = (
    ("locking_mode", "EXCLUSIVE", "exclusive"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("fullfsync", "ON", 1),
    ("checkpoint_fullfsync", "ON", 1),
    ("foreign_keys", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("recursive_triggers", "ON", 1),
)

_HEADER = 100
_FULL = sqlite3.SQLITE_FULL
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def prepare(db: sqlite3.Connection) -> None:
    """Settings, lock, tables and every check of a journal that has just been opened.

    Raises:
        NewerFormat: written by a newer version; nothing was touched.
        JournalDamaged: not a journal, or a check fails.
        Busy: another process holds it.
        StorageError: a setting did not take.
    """
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    fresh = _is_fresh(db)
    for name, value, expected in SETTINGS:
        db.execute(f"PRAGMA {name}={value}")
        took = db.execute(f"PRAGMA {name}").fetchone()[0]
        if took != expected:
            raise StorageError(
                "The journal cannot be used safely.",
                f"SQLite keeps {name} at {took}.",
                meaning="Nothing was sent.",
                next_step="Choose a data folder on a local disk with --data-dir.",
            )
    db.execute("BEGIN EXCLUSIVE")
    if fresh:
        for statement in TABLES:
            db.execute(statement)
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={VERSION}")
    db.execute("COMMIT")
    check(db)


def refuse_stub(path: Path) -> None:
    """SQLite takes a file that is shorter than its own header for an empty database, and would write over what is left of one.

    Raises:
        JournalDamaged: the file is such a stub.
    """
    if path.exists() and 0 < path.stat().st_size < _HEADER:
        raise damaged("The file was cut off.")


def _is_fresh(db: sqlite3.Connection) -> bool:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if application == APPLICATION_ID and version > VERSION:
        raise NewerFormat(
            "The journal was written by a newer version.",
            f"It has format {version}; this program knows {VERSION}.",
            meaning="Nothing was sent.",
            next_step="Update this program, or push with the newer one.",
        )
    if application == APPLICATION_ID and version == VERSION:
        return False
    if application or version or db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise damaged("The file is no journal of this program.")
    return True


def check(db: sqlite3.Connection) -> None:
    """File structure, guards, hash chain, and ops against their events.

    Raises:
        JournalDamaged: with the first thing that is wrong.
    """
    # Not quick_check: an index that leaves out an op would hide it from recovery.
    found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(f"SQLite says: {found}.")
    missing = {statement.split()[-1] for statement in _names(TABLES)} - {
        row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type IN('table','index','trigger')")
    }
    if missing:
        raise damaged(f"A guard is missing: {', '.join(sorted(missing))}.")
    try:
        _check_ops(db, _check_chain(db))
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        raise damaged("A record is not what this program writes.") from error


def _names(statements: Sequence[str]) -> Iterator[str]:
    for statement in statements:
        kind = "INDEX" if "INDEX" in statement else statement.split()[1]
        yield statement.partition(kind)[2].partition("(")[0].split()[0]


def _check_chain(db: sqlite3.Connection) -> dict[str, tuple[str, bytes]]:
    """The last state of each op and the body of its first event."""
    last: dict[str, tuple[str, bytes]] = {}
    before, previous = anchor(db)
    expected = before + 1
    for n, op_id, epoch, kind, utc, mono_ns, body, prev_hash, own in db.execute(
        f"SELECT {','.join(EVENT_COLUMNS)} FROM op_event ORDER BY n"  # noqa: S608 - our own column names
    ):
        if n != expected or prev_hash != previous or own != event_hash(previous, n, op_id, epoch, kind, utc, mono_ns, body):
            raise damaged(f"The chain of events breaks at event {expected}.")
        last[op_id] = (kind, last[op_id][1] if op_id in last else body)
        previous, expected = own, expected + 1
    return last


def anchor(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the event before the first one in the file; 0 and the genesis where none ever left."""
    if not db.execute("SELECT count(*) FROM sqlite_schema WHERE type='table' AND name='anchor'").fetchone()[0]:
        return 0, GENESIS
    n, own = db.execute("SELECT n, hash FROM anchor").fetchone()
    return int(n), bytes(own)


def _check_ops(db: sqlite3.Connection, last: dict[str, tuple[str, bytes]]) -> None:
    runs = {row[0]: digest(row) for row in db.execute(f"SELECT {','.join(RUN_COLUMNS)} FROM run")}  # noqa: S608 - our own column names
    for row in db.execute(f"SELECT {','.join(OP_COLUMNS)}, state FROM op"):  # noqa: S608 - our own column names
        op_id, run_id, state = row[0], row[1], row[-1]
        kind, first = last.get(op_id, ("", b"{}"))
        frozen = json.loads(first)
        if kind != state or frozen.get("op_sha256") != digest(row[:-1]) or frozen.get("run_sha256") != runs[run_id]:
            raise damaged(f"The change {op_id} does not agree with its events.")


def event_hash(previous: bytes, n: int, op_id: str, epoch: int, kind: str, utc: str, mono_ns: int, body: bytes) -> bytes:
    """The chain's next link."""
    event: Json = {
        "n": n,
        "op_id": op_id,
        "epoch": epoch,
        "kind": kind,
        "utc": utc,
        "mono_ns": mono_ns,
        "body": body.decode("utf-8", "replace"),
    }
    return hashlib.sha256(previous + canonical_json(event)).digest()


def digest(row: Sequence[object]) -> str:
    """SHA-256 of a frozen row, columns in order; bytes as hexadecimal."""
    plain: list[Json] = [cell.hex() if isinstance(cell, bytes) else cell for cell in row]  # type: ignore[misc]  # cells are SQLite's
    return sha256_hex(canonical_json(plain))


def damaged(happened: str) -> JournalDamaged:
    """The error of a journal that fails a check."""
    return JournalDamaged(
        "The journal is damaged; it stays as it is.",
        happened,
        meaning="Nothing was sent.",
        next_step="Do not delete the file. Check the open changes in the PSA, then ask for help with this file.",
    )


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk is full."""
    return _code(error) == _FULL


def disk_full(happened: str) -> DiskFull:
    """The error of a journal without room."""
    return DiskFull(
        "The disk is full.", happened, meaning="No further change is sent.", next_step="Make room on the disk, then start again."
    )


def open_error(error: sqlite3.Error) -> ReconcileError:
    """What an error while opening means."""
    code = _code(error)
    if code in _BUSY:
        return Busy(
            "The journal is in use.",
            "Another window or program is pushing to this tenant.",
            meaning="Nothing was sent.",
            next_step="Wait until it has finished.",
        )
    if code in _DAMAGED:
        return damaged(f"SQLite says: {error}.")
    if code == _FULL:
        return disk_full("The journal cannot be opened.")
    return write_error(error)


def write_error(error: sqlite3.Error) -> StorageError:
    """What an error while the journal was in use means."""
    if _code(error) in _DAMAGED:
        return damaged(f"SQLite says: {error}.")
    return StorageError(
        "The journal could not be written reliably.",
        f"SQLite says: {error}.",
        meaning="Nothing more is sent; what was in flight is checked at the next start.",
        next_step="Restart the program.",
        details=getattr(error, "sqlite_errorname", ""),
    )


def _code(error: sqlite3.Error) -> int:
    """The primary result code; errors that Python's module raises itself have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
