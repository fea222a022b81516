"""A journal file by its documented schema, with nothing but SQLite and JSON: the checker's eyes, and none of the program's."""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPEN = frozenset({"ARMED", "UNKNOWN", "APPLIED", "NEEDS_REVIEW"})
GENESIS = bytes(32)
_EVENT = ("n", "op_id", "epoch", "kind", "utc", "mono_ns", "body", "prev_hash", "hash")


@dataclass(frozen=True)
class Event:
    """One step of an op."""

    n: int
    op_id: str
    epoch: int
    kind: str
    utc: str
    body: Mapping[str, Any]
    hash: str


@dataclass
class JournalFile:
    """Runs and ops by id, events in order. ``broken``: the first event whose hash does not follow from what is there, or 0."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ops: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    broken: int = 0

    def of(self, op_id: str) -> list[Event]:
        """The steps of an op."""
        return [event for event in self.events if event.op_id == op_id]

    def state_at(self, op_id: str, number: int) -> str:
        """The state of an op after the event of this number."""
        return next((event.kind for event in reversed(self.events) if event.op_id == op_id and event.n <= number), "")

    def run_of(self, op_id: str) -> dict[str, Any]:
        """The run an op belongs to."""
        return self.runs[self.ops[op_id]["run_id"]]


def canonical(value: object) -> bytes:
    """Canonical JSON as the schema describes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def read_journal(path: Path) -> JournalFile:
    """Everything in a journal."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        found = JournalFile()
        tables = {row["name"] for row in db.execute("SELECT name FROM sqlite_master")}
        if "run" not in tables:
            return found
        for row in db.execute("SELECT * FROM run"):
            found.runs[row["run_id"]] = dict(row) | {"plan": json.loads(row["plan_json"])}
        for row in db.execute("SELECT * FROM op"):
            found.ops[row["op_id"]] = dict(row) | {"change": json.loads(row["change"])}
        previous, number = GENESIS, 0
        if "anchor" in tables:
            number, previous = tuple(db.execute("SELECT n, hash FROM anchor").fetchone())
        for row in db.execute("SELECT * FROM op_event ORDER BY n"):
            number += 1
            if not found.broken and not _follows(row, number, previous):
                found.broken = number
            previous = bytes(row["hash"])
            found.events.append(Event(
                n=row["n"], op_id=row["op_id"], epoch=row["epoch"], kind=row["kind"], utc=row["utc"], body=json.loads(row["body"]),
                hash=previous.hex(),
            ))
    return found


def _follows(row: sqlite3.Row, number: int, previous: bytes) -> bool:
    event = {name: row[name] for name in _EVENT[:6]} | {"body": row["body"].decode()}
    own = hashlib.sha256(previous + canonical(event)).digest()
    return bool(row["n"] == number and row["prev_hash"] == previous and row["hash"] == own)
