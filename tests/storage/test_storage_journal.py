"""The journal as the engine uses it."""

import asyncio
import json
import os
import sqlite3
import stat
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import Busy, StorageError
from reconcile_app.core.judge import FINAL, TRANSITIONS, OpState
from reconcile_app.storage.journal import Journals, open_journal
from reconcile_app.storage.journal_file import LONGEST_TEXT
from reconcile_app.storage.journal_schema import SETTINGS
from reconcile_app.storage.paths import DataPaths
from tests.fakes.clock import VirtualClock
from tests.fakes.failing_sqlite import Disk
from tests.fakes.journal_records import change, op_record, run_record

CLOCK = VirtualClock()
ROUTES = {
    OpState.PLANNED: (),
    OpState.STALE: (OpState.STALE,),
    OpState.BLOCKED: (OpState.BLOCKED,),
    OpState.SKIPPED_ALREADY: (OpState.SKIPPED_ALREADY,),
    OpState.CANCELLED: (OpState.CANCELLED,),
    OpState.ARMED: (OpState.ARMED,),
    OpState.NOT_SENT: (OpState.ARMED, OpState.NOT_SENT),
    OpState.REJECTED: (OpState.ARMED, OpState.REJECTED),
    OpState.APPLIED: (OpState.ARMED, OpState.APPLIED),
    OpState.VERIFIED: (OpState.ARMED, OpState.APPLIED, OpState.VERIFIED),
    OpState.UNKNOWN: (OpState.ARMED, OpState.UNKNOWN),
    OpState.CONFIRMED_BY_STATE: (OpState.ARMED, OpState.UNKNOWN, OpState.CONFIRMED_BY_STATE),
    OpState.NOT_APPLIED: (OpState.ARMED, OpState.UNKNOWN, OpState.NOT_APPLIED),
    OpState.NEEDS_REVIEW: (OpState.ARMED, OpState.APPLIED, OpState.NEEDS_REVIEW),
    OpState.CLOSED_AS_APPLIED: (OpState.ARMED, OpState.UNKNOWN, OpState.NEEDS_REVIEW, OpState.CLOSED_AS_APPLIED),
    OpState.CLOSED_AS_NOT_APPLIED: (OpState.ARMED, OpState.UNKNOWN, OpState.NEEDS_REVIEW, OpState.CLOSED_AS_NOT_APPLIED),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "a1b2c3.db"


async def take(journal: object, op_id: str, state: OpState) -> None:
    if state is OpState.ARMED:
        assert await journal.arm(op_id, {"attempt": 1})  # type: ignore[attr-defined]  # the journal under test
    else:
        await journal.record(op_id, state, {})  # type: ignore[attr-defined]  # the journal under test


async def test_a_run_and_its_ops_are_there_after_reopening(path: Path) -> None:
    run = run_record()
    ops = [op_record("op-1"), op_record("op-2", seq=2, line_id="8002")]
    journal = await open_journal(path, CLOCK)
    await journal.begin(run, ops)
    await journal.aclose()
    again = await open_journal(path, CLOCK)
    assert await again.runs() == [run]
    assert await again.ops(run.run_id) == ops
    assert await again.unfinished() == ops
    await again.aclose()


async def test_every_change_comes_back_as_it_was_frozen(path: Path) -> None:
    frozen = replace(
        change(kind=ChangeKind.SET_UNIT_COST),
        unit_cost_before=1,
        unit_cost_target=2,
        unit_price=None,
        effective_date=date(2027, 2, 28),
    )
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [replace(op_record(), change=frozen, semantics="set")])
    assert (await journal.ops(run_record().run_id))[0].change == frozen
    await journal.aclose()


async def test_the_whole_way_of_an_op_is_told_by_its_events(path: Path) -> None:
    clock = VirtualClock()
    journal = await open_journal(path, clock)
    await journal.begin(run_record(), [op_record()])
    epoch = await journal.raise_epoch()
    clock.advance(1.5)
    assert await journal.arm("op-1", {"method": "POST", "attempt": 1, "evidence": [["1", "2026-11-26"]]})
    await journal.record("op-1", OpState.APPLIED, {"receipt": "77"}, message="Accepted.")
    await journal.record("op-1", OpState.VERIFIED, {}, message="Done.", quantity_after=125_000)
    events = await journal.events("op-1")
    assert [event["kind"] for event in events] == ["PLANNED", "ARMED", "APPLIED", "VERIFIED"]
    assert [event["epoch"] for event in events] == [0, epoch, epoch, epoch]
    assert datetime.fromisoformat(str(events[1]["utc"])) == clock.now()
    assert (await journal.armed_body("op-1") or {})["evidence"] == [["1", "2026-11-26"]]
    [op] = await journal.ops(run_record().run_id)
    assert (op.state, op.message, op.quantity_after, op.updated) == (OpState.VERIFIED, "Done.", 125_000, clock.now())
    assert await journal.head() == events[-1]["hash"]
    await journal.aclose()


async def test_no_op_that_was_never_armed_has_an_armed_body(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    assert await journal.armed_body("op-1") is None
    await journal.aclose()


async def test_the_last_arming_counts(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    for attempt in (1, 2):
        assert await journal.arm("op-1", {"attempt": attempt})
        if attempt == 1:
            await journal.record("op-1", OpState.PLANNED, {"reason": "429"})
    assert (await journal.armed_body("op-1") or {})["attempt"] == 2
    await journal.aclose()


@pytest.mark.parametrize("start", list(OpState))
async def test_only_the_steps_of_the_table_are_taken(path: Path, start: OpState) -> None:
    """From every state every step is tried, on an op of its own."""
    journal = await open_journal(path, CLOCK)
    targets = list(OpState)
    await journal.begin(run_record(), [op_record(f"op-{n}", seq=n, line_id=str(n)) for n in range(len(targets))])
    for n, target in enumerate(targets):
        op_id = f"op-{n}"
        for step in ROUTES[start]:
            await take(journal, op_id, step)
        if target in TRANSITIONS[start]:
            await take(journal, op_id, target)
            expected = target
        else:
            with pytest.raises(StorageError):
                await take(journal, op_id, target)
            expected = start
        assert (await journal.ops(run_record().run_id))[n].state is expected
    await journal.aclose()
    await (await open_journal(path, CLOCK)).aclose()


async def test_arming_goes_through_arm_only(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    with pytest.raises(StorageError):
        await journal.record("op-1", OpState.ARMED, {})
    with pytest.raises(StorageError):
        await journal.arm("op-99", {})
    assert await journal.arm("op-1", {})
    await journal.aclose()


async def test_a_line_with_an_open_op_gets_no_second_one(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    later = run_record("20261126-090000-cccccc", minutes=45)
    await journal.begin(run_record(), [op_record()])
    await journal.begin(later, [op_record("op-2", run_id=later.run_id)])
    assert await journal.arm("op-1", {})
    assert not await journal.arm("op-2", {})
    [blocked] = await journal.ops(later.run_id)
    assert blocked.state is OpState.BLOCKED
    assert "still open" in blocked.message
    assert [op.op_id for op in await journal.unfinished()] == ["op-1"]
    await journal.aclose()
    await (await open_journal(path, CLOCK)).aclose()


async def test_a_settled_line_can_be_armed_again_by_a_later_run(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    later = run_record("20261126-090000-cccccc", minutes=45, kind="undo", undoes=run_record().run_id)
    await journal.begin(run_record(), [op_record()])
    await journal.arm("op-1", {})
    await journal.record("op-1", OpState.APPLIED, {})
    await journal.record("op-1", OpState.VERIFIED, {})
    await journal.begin(later, [op_record("op-2", run_id=later.run_id)])
    assert await journal.arm("op-2", {})
    assert [run.undoes_run for run in await journal.runs()] == ["", run_record().run_id]
    await journal.aclose()


async def test_a_review_that_comes_too_late_for_its_line_is_refused_and_the_journal_goes_on(path: Path) -> None:
    """NOT_APPLIED may turn into NEEDS_REVIEW, but not while a later op holds the line."""
    journal = await open_journal(path, CLOCK)
    later = run_record("20261126-090000-cccccc", minutes=45)
    await journal.begin(run_record(), [op_record()])
    await journal.begin(later, [op_record("op-2", run_id=later.run_id)])
    await journal.arm("op-1", {})
    await journal.record("op-1", OpState.UNKNOWN, {})
    await journal.record("op-1", OpState.NOT_APPLIED, {})
    assert await journal.arm("op-2", {})
    with pytest.raises(StorageError):
        await journal.record("op-1", OpState.NEEDS_REVIEW, {})
    await journal.record("op-2", OpState.APPLIED, {})
    await journal.aclose()
    await (await open_journal(path, CLOCK)).aclose()


async def test_after_cancelling_nothing_is_armed(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    assert not await journal.cancel_requested(run_record().run_id)
    await journal.request_cancel(run_record().run_id)
    assert await journal.cancel_requested(run_record().run_id)
    assert not await journal.arm("op-1", {})
    assert [op.state for op in await journal.ops(run_record().run_id)] == [OpState.PLANNED]
    await journal.aclose()
    again = await open_journal(path, CLOCK)
    assert await again.cancel_requested(run_record().run_id)
    await again.aclose()


@pytest.mark.fault("F-45", "W", "before")
async def test_epochs_rise_and_an_old_one_arms_nothing(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    assert [await journal.raise_epoch() for _ in range(3)] == [1, 2, 3]
    await journal.begin(run_record(), [op_record()])
    journal._file._epoch = 2  # what a process would hold whose lease was taken over
    assert not await journal.arm("op-1", {})
    assert await journal.raise_epoch() == 4
    assert await journal.arm("op-1", {})
    await journal.aclose()
    again = await open_journal(path, CLOCK)
    assert await again.raise_epoch() == 5
    await again.aclose()


async def test_unfinished_ops_come_over_all_runs_in_order(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    for number, minutes in ((1, 60), (2, 0)):
        run = run_record(f"run-{number}", minutes=minutes)
        await journal.begin(
            run, [op_record(f"op-{number}-{seq}", run_id=run.run_id, seq=seq, line_id=f"{number}{seq}") for seq in (1, 2)]
        )
    await journal.record("op-1-1", OpState.CANCELLED, {})
    assert [op.op_id for op in await journal.unfinished()] == ["op-2-1", "op-2-2", "op-1-2"]
    assert all(op.state not in FINAL for op in await journal.unfinished())
    await journal.aclose()


async def test_a_second_process_is_kept_out_and_let_in_afterwards(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    with pytest.raises(Busy):
        await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    await journal.aclose()
    again = await open_journal(path, CLOCK)
    assert await again.runs()
    await again.aclose()


async def test_every_setting_is_read_back(path: Path) -> None:
    disk = Disk()
    journal = await open_journal(path, CLOCK, connection=disk.connection())
    await journal.aclose()
    for name, value, _ in SETTINGS:
        read_back = disk.statements.index(f"PRAGMA {name}")
        assert disk.statements[read_back - 1] == f"PRAGMA {name}={value}"
    assert disk.statements[0] == "PRAGMA locking_mode=EXCLUSIVE"
    assert not path.with_name(path.name + "-shm").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists")
async def test_everything_beside_the_journal_is_private(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    path.touch(mode=0o666)
    path.chmod(0o666)
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert found == {"a1b2c3.db": 0o600, "a1b2c3.db-wal": 0o600, "a1b2c3.ballast": 0o600}
    await journal.aclose()


async def test_a_result_is_never_lost_for_the_type_or_length_of_a_detail(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    body = {
        "wait": 2.5,
        "day": date(2026, 11, 26),
        "states": {OpState.ARMED},
        "items": ({"a": None},),
        "error": ValueError("x"),
        "answer": "é" * (LONGEST_TEXT + 5),
        "flag": True,
    }
    await journal.arm("op-1", body)
    stored = await journal.armed_body("op-1") or {}
    assert (stored["wait"], stored["day"], stored["states"], stored["items"]) == ("2.5", "2026-11-26", ["ARMED"], [{"a": None}])
    assert (stored["error"], stored["flag"]) == ("x", True)
    assert str(stored["answer"]).startswith("é" * LONGEST_TEXT)
    assert str(stored["answer"]).endswith("[cut: 65,541 characters]")
    await journal.aclose()


async def test_a_caller_that_stops_waiting_does_not_stop_the_commit(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    await journal.arm("op-1", {})
    task = asyncio.create_task(journal.record("op-1", OpState.UNKNOWN, {}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [op.state for op in await journal.ops(run_record().run_id)] == [OpState.UNKNOWN]
    await journal.aclose()


async def test_a_closed_journal_says_so(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.aclose()
    await journal.aclose()
    with pytest.raises(StorageError):
        await journal.runs()


async def test_one_journal_per_tenant(tmp_path: Path) -> None:
    journals = Journals(DataPaths(root=tmp_path, locks_dir=tmp_path), CLOCK)
    assert journals.known() == []
    for tenant in ("b2", "a1"):
        await (await journals(tenant)).aclose()
    assert journals.known() == ["a1", "b2"]


async def test_anybody_can_read_it_with_sqlite_alone(path: Path) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), [op_record()])
    await journal.aclose()
    db = sqlite3.connect(path)
    row = db.execute("SELECT line_key, qty_before, qty_target, effective_date, change FROM op").fetchone()
    assert row[:4] == ("line:8001", "10", "12.5", "2026-11-26")
    assert json.loads(row[4])["sku"] == "650"
    db.close()
