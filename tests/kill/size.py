"""How long recovery takes over a journal of many ops, and how long plain SQLite and hashing take over the same file."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from reconcile_app.clock import SystemClock
from reconcile_app.core.change_json import change_fields
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.ids import canonical_json, sha256_hex
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import OpState
from reconcile_app.storage.ballast import Ballast
from reconcile_app.storage.journal_file import JournalFile
from tests.kill.aftermath import judge_recovery
from tests.kill.harness import Lane
from tests.kill.judge import Fault, judge
from tests.kill.loop import lanes
from tests.kill.scenes import Scene

RUN = 500
"""Ops of one earlier push."""

CUT_OFF = 100
"""Ops that the last of them never came to."""

_WALK = (OpState.APPLIED, OpState.VERIFIED)
_ROW = {"id": "91001", "quantity": 100_000, "start": "2026-10-26", "end": "2026-11-25"}
_BODY = {"body_sha256": "0" * 64, "before": {"evidence": [_ROW] * 3}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Seconds: ``build`` to make the journal, ``recovery`` from the start of the program's recovery to what it shows,
    ``plain`` for quick_check and the chain alone."""

    ops: int
    events: int
    size: int
    build: float
    recovery: float
    plain: float
    words: str
    faults: tuple[Fault, ...]


def measure(kind: str, ops: int) -> Measured:
    """End a push in flight, make up so many ops of other pushes in its journal, and recover."""
    with lanes(kind, 1) as (lane,):
        data = lane.fresh()
        initial = lane.quantities()
        rows = [row["key"] for row in lane.rows]
        lane.zygotes[0].run(lane.order("push", data, run=lane.run, keys=rows[:5], kill={"point": "commit APPLIED after", "nth": 3}))
        started = time.perf_counter()
        _grow(lane.journal_file(data), ops, lane.scene)
        build = time.perf_counter() - started
        before = lane.records(data)
        plain = _plain(lane, data)
        told = lane.live("recover", data)
        after = lane.records(data)
        faults = (*judge(after, lane.world(initial)), *judge_recovery(before, after, told, frozenset()))
        real = [fault for fault in faults if "grown" not in fault.words]
        return Measured(
            ops=len(after.ops), events=len(after.events), size=lane.journal_file(data).stat().st_size, build=build,
            recovery=told["seconds"], plain=plain, words=" ".join(told["words"]), faults=tuple(real),
        )


def _plain(lane: Lane, data: Path) -> float:
    """Read the file as little as its checks allow: pages, and one hash for every event."""
    aside = lane.folder / "plain"
    aside.mkdir()
    for file in lane.journal_file(data).parent.glob("*.db*"):
        shutil.copy(file, aside)
    started = time.perf_counter()
    connection = sqlite3.connect(next(aside.glob("*.db")))
    checked = connection.execute("PRAGMA quick_check").fetchone()[0]
    digest = b""
    for body, own in connection.execute("SELECT body, hash FROM op_event ORDER BY n"):
        digest = hashlib.sha256(digest + body + own).digest()
    connection.close()
    seconds = time.perf_counter() - started
    shutil.rmtree(aside)
    if checked != "ok":
        raise AssertionError(checked)
    return seconds


class _Unsynced(sqlite3.Connection):
    """Writes without waiting for the disk: years of pushes are made up here in seconds."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE":
            super().execute("PRAGMA synchronous=OFF")
        return super().execute(sql, parameters)


def _grow(path: Path, ops: int, scene: Scene) -> None:
    """Earlier pushes, event by event through the real journal; the last of them was cut off."""
    journal = JournalFile(path, SystemClock(), "earlier pushes", Ballast(path.with_suffix(".ballast")), _Unsynced)
    try:
        for number, count in enumerate(_parts(ops)):
            run, records = _run(number, count, scene)
            journal.begin(run, records)
            done = records if (number + 1) * RUN < ops else records[:-CUT_OFF]
            for op in done:
                journal.arm(op.op_id, _BODY)
                for state in _WALK:
                    journal.record(op.op_id, state, _BODY, "Written and confirmed by reading.", 100_000)
    finally:
        journal.close()


def _parts(ops: int) -> Iterator[int]:
    while ops > 0:
        yield min(RUN, ops)
        ops -= RUN


def _run(number: int, count: int, scene: Scene) -> tuple[RunRecord, list[OpRecord]]:
    created = datetime.now(UTC) - timedelta(days=30 * (20 - number % 20))
    run_id = f"grown-{number:04d}"
    records = [
        OpRecord(
            op_id=f"{run_id}-{seq:04d}", run_id=run_id, seq=seq, change=_change(number, seq), semantics=scene.semantics,
            evidence_sha256="0" * 64, state=OpState.PLANNED,
        )
        for seq in range(1, count + 1)
    ]
    plan = canonical_json({"rows": [{"op": op.op_id, "change": change_fields(op.change)} for op in records]})
    run = RunRecord(
        run_id=run_id, source_run=f"earlier-{number:04d}", tenant="0" * 64, psa=scene.kind, operator="kim", machine="desk",
        created=created, expires=created + timedelta(minutes=30), plan_json=plan, plan_sha256=sha256_hex(plan),
        snapshot_sha256="0" * 64, app_version="1",
    )
    return run, records


def _change(number: int, seq: int) -> Change:
    line = f"{900_000 + number * RUN + seq}"
    return Change(
        key=f"OLD/1/{line}", kind=ChangeKind.SET_QUANTITY, customer_code=f"OLD{seq % 40:02d}", customer_name="Old Customer Limited",
        company_id="1", contract_id="1", contract_name="Cloud", line_id=line, service_id="601", service_name="Mailbox", sku="601",
        description="Mailbox, Basic", quantity_before=90_000, quantity_target=100_000, effective_date=date(2026, 1, 26),
    )
