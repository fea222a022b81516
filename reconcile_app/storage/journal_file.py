"""The journal, one call at a time: every method is one committed and synced transaction. Used by one thread only."""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from reconcile_app.core.amounts import format_amount
from reconcile_app.core.change_json import change_from_json, change_to_json
from reconcile_app.core.errors import StorageError
from reconcile_app.core.ids import Json, canonical_json
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import FINAL, TRANSITIONS, OpState
from reconcile_app.core.ports import Clock
from reconcile_app.storage import journal_schema as schema
from reconcile_app.storage.ballast import Ballast

T = TypeVar("T")

LONGEST_TEXT: Final = 64 * 1024
"""Characters of one text in an event's body; what is beyond is cut, with a mark."""

_LEASE = "tenant"
_OP = "op_id, run_id, seq, change, semantics, evidence_sha256, state, message, quantity_after, updated_utc"
OP_SELECT: Final = f"SELECT {_OP} FROM op"  # noqa: S608 - our own column names
"""What ``op_of`` makes a record of."""


class JournalFile:
    """One open journal.

    Args:
        path: the file; made, private, when it is not there.
        clock: for the times of events.
        holder: who holds the lease, for people.
        ballast: the room kept for the last result.
        connection: the class of the SQLite connection.

    Raises:
        Busy, NewerFormat, JournalDamaged, DiskFull, StorageError: see ``journal_schema.prepare``.
    """

    def __init__(self, path: Path, clock: Clock, holder: str, ballast: Ballast, connection: type[sqlite3.Connection]) -> None:
        self._path, self._clock, self._holder, self._ballast = path, clock, holder, ballast
        self._broken: StorageError | None = None
        self._full = False
        schema.refuse_stub(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0, factory=connection)
        except sqlite3.Error as error:
            raise schema.open_error(error) from error
        try:
            schema.prepare(self._db)
            self._identity = self._file_identity()
            self._epoch = self._stored_epoch()
            last = self._db.execute("SELECT n, hash FROM op_event ORDER BY n DESC LIMIT 1").fetchone()
            self._tail = last or schema.anchor(self._db)
        except sqlite3.Error as error:
            self.close()
            raise schema.open_error(error) from error
        except UnicodeDecodeError as error:  # SQLite quotes damaged tables, and Python cannot read the quotation
            self.close()
            raise schema.damaged("Its tables cannot be read.") from error
        except BaseException:
            self.close()
            raise

    # writing -----------------------------------------------------------------------------------------------------------------
    def begin(self, run: RunRecord, ops: Sequence[OpRecord]) -> None:
        """See ``JournalPort.begin``."""
        if self._full or not self._ballast.has_room():
            raise schema.disk_full(f"Fewer than {self._ballast.room_needed // 2**20} MiB are free; a push is not started.")
        run_row = _run_row(run)
        rows = [_op_row(op) for op in ops]
        run_sha256 = schema.digest(run_row)

        def work() -> None:
            self._insert("run", schema.RUN_COLUMNS, run_row)
            for op, row in zip(ops, rows, strict=True):
                self._insert("op", (*schema.OP_COLUMNS, "state"), (*row, OpState.PLANNED.value))
                self._append(op.op_id, OpState.PLANNED, {"op_sha256": schema.digest(row), "run_sha256": run_sha256})

        self._write(work, vital=False)

    def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        """See ``JournalPort.arm``."""
        if self._full:
            raise schema.disk_full("The room kept for the last result is used up.")
        return self._write(lambda: self._arm(op_id, body), vital=False)

    def _arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        self._require_step(op_id, OpState.ARMED)
        cancelled = self._db.execute(
            "SELECT cancel_requested FROM run WHERE run_id=(SELECT run_id FROM op WHERE op_id=?)", (op_id,)
        ).fetchone()[0]
        if cancelled or self._stored_epoch() != self._epoch:
            return False
        try:
            self._move(op_id, OpState.ARMED, "", None)
        except sqlite3.IntegrityError:
            words = "Another change of this line is still open."
            self._move(op_id, OpState.BLOCKED, words, None)
            self._append(op_id, OpState.BLOCKED, {"reason": words})
            return False
        self._append(op_id, OpState.ARMED, body)
        return True

    def record(self, op_id: str, state: OpState, body: Mapping[str, object], message: str, quantity_after: int | None) -> None:
        """See ``JournalPort.record``."""
        if state is OpState.ARMED:
            raise _refused(op_id, "it can be armed by arm() only")

        def work() -> None:
            self._require_step(op_id, state)
            self._move(op_id, state, message, quantity_after)
            self._append(op_id, state, body)

        self._write(work, vital=True)

    def request_cancel(self, run_id: str) -> None:
        """See ``JournalPort.request_cancel``."""
        self._write(lambda: self._db.execute("UPDATE run SET cancel_requested=1 WHERE run_id=?", (run_id,)), vital=True)

    def raise_epoch(self) -> int:
        """See ``JournalPort.raise_epoch``."""

        def work() -> int:
            self._db.execute(
                "INSERT INTO lease(tenant_fp, epoch, holder, taken_utc) VALUES(?, 1, ?, ?) ON CONFLICT(tenant_fp) DO UPDATE SET "
                "epoch=epoch+1, holder=excluded.holder, taken_utc=excluded.taken_utc",
                (_LEASE, self._holder, self._now()),
            )
            return self._stored_epoch()

        self._epoch = self._write(work, vital=True)
        return self._epoch

    # reading -----------------------------------------------------------------------------------------------------------------
    def cancel_requested(self, run_id: str) -> bool:
        """See ``JournalPort.cancel_requested``."""
        return any(row[0] for row in self._read("SELECT cancel_requested FROM run WHERE run_id=?", run_id))

    def runs(self) -> list[RunRecord]:
        """See ``JournalPort.runs``."""
        return [run_of(row) for row in self._read(f"SELECT {','.join(schema.RUN_COLUMNS)} FROM run ORDER BY created_utc, rowid")]  # noqa: S608 - our own column names

    def ops(self, run_id: str) -> list[OpRecord]:
        """See ``JournalPort.ops``."""
        return self._ops(f"{OP_SELECT} WHERE run_id=? ORDER BY seq", run_id)

    def unfinished(self) -> list[OpRecord]:
        """See ``JournalPort.unfinished``."""
        states = sorted(set(OpState) - FINAL)
        order = "ORDER BY (SELECT created_utc FROM run WHERE run.run_id=op.run_id), run_id, seq"
        return self._ops(f"{OP_SELECT} WHERE state IN({','.join('?' * len(states))}) {order}", *states)

    def armed_body(self, op_id: str) -> dict[str, object] | None:
        """See ``JournalPort.armed_body``; ``utc`` is the time of arming where the body has none itself."""
        for utc, body in self._read("SELECT utc, body FROM op_event WHERE op_id=? AND kind='ARMED' ORDER BY n DESC LIMIT 1", op_id):
            return {"utc": utc} | _body_of(body)
        return None

    def events(self, op_id: str) -> list[dict[str, object]]:
        """See ``JournalPort.events``."""
        rows = self._read("SELECT n, epoch, kind, utc, mono_ns, body, hash FROM op_event WHERE op_id=? ORDER BY n", op_id)
        return [event_of(row) for row in rows]

    def head(self) -> str:
        """See ``JournalPort.head``."""
        return bytes(self._tail[1]).hex()

    def close(self) -> None:
        """Release the file; closing again does nothing."""
        with suppress(sqlite3.Error):
            self._db.close()

    # one transaction ---------------------------------------------------------------------------------------------------------
    def _write(self, work: Callable[[], T], *, vital: bool) -> T:
        """Commits ``work``. ``vital``: a result, for which the ballast is given away when the disk is full."""
        if self._broken is not None:
            raise self._broken
        try:
            return self._commit(work)
        except sqlite3.IntegrityError as error:
            raise _refused("", str(error)) from error
        except sqlite3.Error as error:
            if not schema.is_full(error):
                raise self._break(error) from error
            self._full = True
            self._ballast.release()
            if not vital:
                raise schema.disk_full("The change was not sent.") from error
        try:
            return self._commit(work)
        except sqlite3.Error as error:
            raise self._break(error) from error

    def _commit(self, work: Callable[[], T]) -> T:
        if self._file_identity() != self._identity:
            self._broken = schema.damaged("The file was removed or replaced while it was open.")
            raise self._broken
        tail = self._tail
        try:
            self._db.execute("BEGIN IMMEDIATE")
            result = work()
            self._db.execute("COMMIT")
        except BaseException:
            self._tail = tail
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        return result

    def _break(self, error: sqlite3.Error) -> StorageError:
        """After a failed sync the system may report later ones as good although the data is gone: no more writing here."""
        self._broken = schema.disk_full("The last result did not fit.") if schema.is_full(error) else schema.write_error(error)
        return self._broken

    def _require_step(self, op_id: str, state: OpState) -> None:
        row = self._db.execute("SELECT state FROM op WHERE op_id=?", (op_id,)).fetchone()
        if row is None:
            raise _refused(op_id, "there is no such change")
        if state not in TRANSITIONS[OpState(row[0])]:
            raise _refused(op_id, f"{row[0]} does not lead to {state.value}")

    def _move(self, op_id: str, state: OpState, message: str, quantity_after: int | None) -> None:
        self._db.execute(
            "UPDATE op SET state=?, message=?, quantity_after=coalesce(?, quantity_after), updated_utc=? WHERE op_id=?",
            (state.value, _cut(message), quantity_after, self._now(), op_id),
        )

    def _append(self, op_id: str, state: OpState, body: Mapping[str, object]) -> None:
        n, previous = self._tail[0] + 1, bytes(self._tail[1])
        stored = canonical_json(_plain(body))
        values = (n, op_id, self._epoch, state.value, self._now(), int(self._clock.monotonic() * 1e9), stored)
        own = schema.event_hash(previous, *values)
        self._insert("op_event", schema.EVENT_COLUMNS, (*values, previous, own))
        self._tail = (n, own)

    def _insert(self, table: str, columns: Sequence[str], row: Sequence[object]) -> None:
        self._db.execute(f"INSERT INTO {table}({','.join(columns)}) VALUES({','.join('?' * len(columns))})", row)

    def _ops(self, query: str, *values: object) -> list[OpRecord]:
        try:
            return [op_of(row) for row in self._read(query, *values)]
        except (ValueError, TypeError) as error:
            raise schema.damaged("A change is not what this program writes.") from error

    def _read(self, query: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._break(error) from error

    def _stored_epoch(self) -> int:
        row = self._db.execute("SELECT epoch FROM lease WHERE tenant_fp=?", (_LEASE,)).fetchone()
        return int(row[0]) if row else 0

    def _file_identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - the plain call, before every commit
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="microseconds")


def _refused(op_id: str, why: str) -> StorageError:
    return StorageError(
        "The journal refused a step.",
        f"{op_id}: {why}." if op_id else f"{why}.",
        next_step="Restart the program and look at the open changes.",
    )


def _run_row(run: RunRecord) -> tuple[str | bytes | None, ...]:
    return (
        run.run_id,
        run.source_run,
        run.tenant,
        run.psa,
        run.operator,
        run.machine,
        run.created.isoformat(),
        run.expires.isoformat(),
        run.plan_json,
        run.plan_sha256,
        run.snapshot_sha256,
        run.app_version,
        run.kind,
        run.undoes_run or None,
    )


def run_of(row: Any) -> RunRecord:
    """A row of ``RUN_COLUMNS`` as a record."""
    names = (
        "run_id",
        "source_run",
        "tenant",
        "psa",
        "operator",
        "machine",
        "created",
        "expires",
        "plan_json",
        "plan_sha256",
        "snapshot_sha256",
        "app_version",
        "kind",
        "undoes_run",
    )
    values = dict(zip(names, row, strict=True))
    times = {name: datetime.fromisoformat(values[name]) for name in ("created", "expires")}
    return RunRecord(**values | times | {"undoes_run": values["undoes_run"] or ""})


def _op_row(op: OpRecord) -> tuple[str | int | bytes, ...]:
    change = op.change
    return (
        op.op_id,
        op.run_id,
        op.seq,
        change.customer_code,
        change.line_key,
        op.semantics,
        format_amount(change.quantity_before),
        format_amount(change.quantity_target),
        change.effective_date.isoformat(),
        op.evidence_sha256,
        change_to_json(change),
    )


def op_of(row: Any) -> OpRecord:
    """A row of ``OP_SELECT`` as a record."""
    op_id, run_id, seq, change, semantics, evidence, state, message, quantity_after, updated = row
    return OpRecord(
        op_id=op_id,
        run_id=run_id,
        seq=seq,
        change=change_from_json(change),
        semantics=semantics,
        evidence_sha256=evidence,
        state=OpState(state),
        message=message,
        quantity_after=quantity_after,
        updated=datetime.fromisoformat(updated) if updated else None,
    )


def event_of(row: Any) -> dict[str, object]:
    """An event for its readers, from n, epoch, kind, time, monotonic time, body and hash."""
    n, epoch, kind, utc, mono_ns, body, own = row
    return {"n": n, "epoch": epoch, "kind": kind, "utc": utc, "mono_ns": mono_ns, "body": _body_of(body), "hash": own.hex()}


def _body_of(body: bytes) -> dict[str, object]:
    value = json.loads(body)
    return value if isinstance(value, dict) else {"value": value}


def _plain(value: object) -> Json:
    """What canonical JSON can hold: a result must never be lost because of the type of one of its details."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} [cut: {len(text):,} characters]"
