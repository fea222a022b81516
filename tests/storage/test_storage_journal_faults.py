"""The journal on bad disks and damaged files."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile_app.core.errors import Busy, DiskFull, JournalDamaged, NewerFormat, StorageError
from reconcile_app.core.judge import OpState
from reconcile_app.storage.ballast import ROOM_NEEDED, SIZE, Ballast
from reconcile_app.storage.journal import open_journal
from tests.fakes.clock import VirtualClock
from tests.fakes.failing_sqlite import BROKEN, FULL, Disk, sqlite_error
from tests.fakes.journal_records import op_record, run_record

ROOT = Path(__file__).resolve().parents[2]
CLOCK = VirtualClock()
OPS = [op_record("op-1"), op_record("op-2", seq=2, line_id="8002"), op_record("op-3", seq=3, line_id="8003")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "a1b2c3.db"


async def states(path: Path) -> list[OpState]:
    journal = await open_journal(path, CLOCK)
    found = [op.state for op in await journal.ops(run_record().run_id)]
    await journal.aclose()
    return found


# disk full -------------------------------------------------------------------------------------------------------------------
async def test_when_the_disk_fills_up_the_result_in_flight_is_kept_and_nothing_more_is_armed(path: Path) -> None:
    disk = Disk()
    journal = await open_journal(path, CLOCK, connection=disk.connection())
    ballast = path.with_suffix(".ballast")
    assert ballast.stat().st_size == SIZE
    await journal.begin(run_record(), OPS)
    assert await journal.arm("op-1", {})
    disk.full_while(ballast)
    await journal.record("op-1", OpState.APPLIED, {"receipt": "77"})
    assert not ballast.exists()
    with pytest.raises(DiskFull):
        await journal.arm("op-2", {})
    with pytest.raises(DiskFull):
        await journal.begin(run_record("later"), [])
    await journal.record("op-1", OpState.VERIFIED, {})
    await journal.record("op-2", OpState.CANCELLED, {})
    await journal.aclose()
    assert await states(path) == [OpState.VERIFIED, OpState.CANCELLED, OpState.PLANNED]
    assert ballast.exists()


async def test_a_change_that_cannot_be_armed_is_not_sent_but_can_still_be_closed(path: Path) -> None:
    disk = Disk()
    journal = await open_journal(path, CLOCK, connection=disk.connection())
    await journal.begin(run_record(), OPS)
    disk.full_while(path.with_suffix(".ballast"))
    with pytest.raises(DiskFull):
        await journal.arm("op-1", {})
    assert [op.state for op in await journal.ops(run_record().run_id)] == [OpState.PLANNED] * 3
    await journal.record("op-1", OpState.CANCELLED, {})
    await journal.aclose()
    assert await states(path) == [OpState.CANCELLED, OpState.PLANNED, OpState.PLANNED]


async def test_when_even_the_ballast_is_not_enough_the_op_stays_armed_for_recovery(path: Path) -> None:
    disk = Disk()
    journal = await open_journal(path, CLOCK, connection=disk.connection())
    await journal.begin(run_record(), OPS)
    await journal.arm("op-1", {})
    disk.fault = lambda statement: FULL if statement == "COMMIT" else None
    with pytest.raises(DiskFull):
        await journal.record("op-1", OpState.APPLIED, {})
    disk.fault = lambda statement: None
    with pytest.raises(DiskFull):
        await journal.record("op-1", OpState.APPLIED, {})
    await journal.aclose()
    assert await states(path) == [OpState.ARMED, OpState.PLANNED, OpState.PLANNED]


async def test_a_run_is_not_started_with_little_room(path: Path) -> None:
    free = {"bytes": ROOM_NEEDED - 1}
    journal = await open_journal(path, CLOCK, free=lambda folder: free["bytes"])
    with pytest.raises(DiskFull):
        await journal.begin(run_record(), OPS)
    free["bytes"] = ROOM_NEEDED
    await journal.begin(run_record(), OPS)
    await journal.aclose()


def test_a_disk_that_cannot_be_asked_has_no_room(tmp_path: Path) -> None:
    def fails(folder: Path) -> int:
        raise OSError("gone")

    assert not Ballast(tmp_path / "x.ballast", fails).has_room()


def test_a_ballast_that_cannot_be_made_is_no_reason_to_stop(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "no such folder" / "x.ballast").keep()


def test_a_ballast_of_the_wrong_size_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.ballast"
    path.write_bytes(b"1")
    assert Ballast(path).keep()
    assert path.stat().st_size == SIZE
    before = path.read_bytes()
    assert Ballast(path).keep()
    assert path.read_bytes() == before


# I/O errors ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "UPDATE op", "INSERT INTO op_event", "COMMIT"])
async def test_after_an_io_error_the_process_writes_nothing_more(path: Path, statement: str) -> None:
    disk = Disk()
    journal = await open_journal(path, CLOCK, connection=disk.connection())
    await journal.begin(run_record(), OPS)
    await journal.arm("op-1", {})
    disk.fault = lambda sql: BROKEN if sql.startswith(statement) else None
    with pytest.raises(StorageError) as first:
        await journal.record("op-1", OpState.APPLIED, {})
    assert first.value.details == "SQLITE_IOERR_FSYNC"
    disk.fault = lambda sql: None
    for attempt in (
        journal.record("op-1", OpState.UNKNOWN, {}),
        journal.arm("op-2", {}),
        journal.raise_epoch(),
        journal.begin(run_record("later"), []),
        journal.request_cancel(run_record().run_id),
    ):
        with pytest.raises(StorageError):
            await attempt
    await journal.aclose()
    assert await states(path) == [OpState.ARMED, OpState.PLANNED, OpState.PLANNED]


async def test_an_error_while_reading_ends_writing_too(path: Path) -> None:
    disk = Disk()
    journal = await open_journal(path, CLOCK, connection=disk.connection())
    await journal.begin(run_record(), OPS)
    corrupt = sqlite_error(sqlite3.SQLITE_CORRUPT_INDEX, "SQLITE_CORRUPT_INDEX", "database disk image is malformed")
    disk.fault = lambda sql: corrupt if sql.startswith("SELECT") else None
    with pytest.raises(JournalDamaged):
        await journal.ops(run_record().run_id)
    disk.fault = lambda sql: None
    with pytest.raises(JournalDamaged):
        await journal.arm("op-1", {})
    await journal.aclose()


async def test_a_setting_that_does_not_take_is_refused(path: Path) -> None:
    class Deaf(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            return super().execute("PRAGMA synchronous=NORMAL" if sql == "PRAGMA synchronous=FULL" else sql, parameters)  # type: ignore[arg-type]  # passed on

    with pytest.raises(StorageError, match="synchronous"):
        await open_journal(path, CLOCK, connection=Deaf)


async def test_a_file_that_sqlite_cannot_open_is_told(path: Path) -> None:
    class Refusing(sqlite3.Connection):
        def __init__(self, *arguments: object, **named: object) -> None:
            raise sqlite_error(sqlite3.SQLITE_CANTOPEN, "SQLITE_CANTOPEN", "unable to open database file")

    with pytest.raises(StorageError, match="unable to open"):
        await open_journal(path, CLOCK, connection=Refusing)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FULL, DiskFull),
        (BROKEN, StorageError),
        (sqlite_error(sqlite3.SQLITE_BUSY, "SQLITE_BUSY", "locked"), Busy),
        (sqlite_error(sqlite3.SQLITE_READONLY, "SQLITE_READONLY", "read-only"), StorageError),
    ],
)
async def test_errors_while_opening_are_told(path: Path, error: Exception, kind: type[Exception]) -> None:
    disk = Disk()
    disk.fault = lambda sql: error if sql.startswith("BEGIN") else None
    with pytest.raises(kind):
        await open_journal(path, CLOCK, connection=disk.connection())


@pytest.mark.fault("F-55", "W", "before")
@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be replaced")
@pytest.mark.parametrize(
    "loss", [lambda path: path.unlink(), lambda path: shutil.copy(path, f"{path}.2") and Path(f"{path}.2").replace(path)]
)
async def test_a_file_that_is_removed_or_replaced_while_open_ends_writing(path: Path, loss: Callable[[Path], object]) -> None:
    journal = await open_journal(path, CLOCK)
    await journal.begin(run_record(), OPS)
    loss(path)
    with pytest.raises(JournalDamaged):
        await journal.arm("op-1", {})
    with pytest.raises(JournalDamaged):
        await journal.record("op-2", OpState.CANCELLED, {})
    await journal.aclose()


# damaged files ---------------------------------------------------------------------------------------------------------------
async def filled(path: Path) -> sqlite3.Connection:
    journal = await open_journal(path, CLOCK)
    await journal.raise_epoch()
    await journal.begin(run_record(), OPS)
    await journal.arm("op-1", {"attempt": 1})
    await journal.record("op-1", OpState.APPLIED, {})
    await journal.aclose()
    return sqlite3.connect(path, isolation_level=None)


UNGUARD = ("DROP TRIGGER event_stays", "DROP TRIGGER event_kept", "DROP TRIGGER op_frozen", "DROP TRIGGER run_frozen")


def guards(db: sqlite3.Connection) -> list[str]:
    return [
        row[0]
        for row in db.execute("SELECT sql FROM sqlite_schema WHERE name IN('event_stays','event_kept','op_frozen','run_frozen')")
    ]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE op_event SET body=replace(body, '1', '2') WHERE kind='ARMED'",
        "UPDATE op_event SET utc='2020' WHERE n=2",
        "UPDATE op_event SET epoch=9 WHERE n=4",
        "DELETE FROM op_event WHERE n=2",
        "DELETE FROM op_event WHERE n=5",
        "UPDATE op_event SET hash=zeroblob(32) WHERE n=5",
        "UPDATE op_event SET n=9 WHERE n=5",
        "UPDATE op SET state='VERIFIED' WHERE op_id='op-1'",
        "UPDATE op SET state='PLANNED' WHERE op_id='op-1'",
        "UPDATE op SET qty_target='13' WHERE op_id='op-2'",
        "UPDATE op SET change=replace(change, '125000', '130000') WHERE op_id='op-2'",
        "UPDATE run SET operator='Somebody'",
        "UPDATE run SET plan_json=x'7b7d'",
    ],
)
async def test_tampering_is_found_when_the_journal_is_opened(path: Path, tampering: str) -> None:
    db = await filled(path)
    kept = guards(db)
    for statement in (*UNGUARD, tampering, *kept):
        db.execute(statement)
    db.close()
    with pytest.raises(JournalDamaged):
        await open_journal(path, CLOCK)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE op_event SET body=x''",
        "DELETE FROM op_event",
        "DELETE FROM op",
        "DELETE FROM run",
        "UPDATE op SET qty_target='1'",
        "UPDATE run SET plan_json=x''",
        "INSERT OR REPLACE INTO op_event SELECT n,op_id,epoch,kind,'x',mono_ns,body,prev_hash,hash FROM op_event",
        "INSERT INTO op_event SELECT 99,'op-9',epoch,kind,utc,mono_ns,body,prev_hash,hash FROM op_event LIMIT 1",
    ],
)
async def test_the_file_itself_refuses_to_forget(path: Path, statement: str) -> None:
    db = await filled(path)
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA recursive_triggers=ON")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)
    db.close()
    await (await open_journal(path, CLOCK)).aclose()


async def test_a_missing_guard_is_found(path: Path) -> None:
    db = await filled(path)
    db.execute("DROP INDEX one_open_op_per_line")
    db.close()
    with pytest.raises(JournalDamaged, match="one_open_op_per_line"):
        await open_journal(path, CLOCK)


async def test_a_newer_format_is_refused_and_not_touched(path: Path) -> None:
    db = await filled(path)
    db.execute("PRAGMA user_version=2")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerFormat):
        await open_journal(path, CLOCK)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"this is not a database, but long enough to look at" * 100, b"SQLite format 3\0" + b"\xff" * 5_000]
)
async def test_what_is_no_database_is_damaged_and_stays(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalDamaged):
        await open_journal(path, CLOCK)
    assert path.read_bytes() == content


async def test_another_programs_database_is_not_taken_over(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other(x)")
    db.commit()
    db.close()
    with pytest.raises(JournalDamaged, match="no journal"):
        await open_journal(path, CLOCK)


@pytest.mark.fault("F-55")
async def test_torn_pages_are_found(path: Path) -> None:
    """Every page but the first is overwritten in turn; nothing of it may pass unseen or raise anything foreign."""
    (await filled(path)).close()
    whole = path.read_bytes()
    for start in range(4_096, len(whole), 4_096):
        path.write_bytes(whole[:start] + b"\xa5" * 4_096 + whole[start + 4_096 :])
        with pytest.raises(JournalDamaged):
            await open_journal(path, CLOCK)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
async def test_a_link_is_not_followed(path: Path) -> None:
    path.parent.mkdir()
    target = path.parent / "elsewhere.db"
    target.touch()
    path.symlink_to(target)
    with pytest.raises(StorageError):
        await open_journal(path, CLOCK)
    assert target.read_bytes() == b""


async def test_a_synchronized_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "OneDrive - Contoso" / "journal" / "a1.db"
    with pytest.raises(StorageError, match="OneDrive"):
        await open_journal(path, CLOCK)
    assert not path.parent.exists()


# processes -------------------------------------------------------------------------------------------------------------------
KILLED = """
import asyncio, sys
from pathlib import Path
from reconcile_app.core.judge import OpState
from reconcile_app.storage.journal import open_journal
from tests.fakes.clock import VirtualClock
from tests.fakes.journal_records import op_record, run_record

async def main():
    journal = await open_journal(Path(sys.argv[1]), VirtualClock())
    number = len(await journal.runs())
    while True:
        run = run_record(f"run-{number}", minutes=number)
        await journal.begin(run, [op_record(f"op-{number}", run_id=run.run_id, line_id=str(number))])
        await journal.arm(f"op-{number}", {})
        print(f"armed op-{number}", flush=True)
        await journal.record(f"op-{number}", OpState.APPLIED, {})
        await journal.record(f"op-{number}", OpState.VERIFIED, {})
        print(f"done op-{number}", flush=True)
        number += 1

asyncio.run(main())
"""


async def test_a_killed_process_leaves_every_intent_and_result_it_reported(path: Path) -> None:
    told: dict[str, str] = {}
    for lines in (1, 7, 24):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        for _ in range(lines):
            word, op_id = process.stdout.readline().split()
            told[op_id] = word
        with pytest.raises(Busy):
            await open_journal(path, CLOCK)
        process.kill()
        rest, _ = process.communicate()
        told |= {op_id: word for word, op_id in (line.split() for line in rest.splitlines() if line.count("-") == 1)}
        journal = await open_journal(path, CLOCK)
        found = {op.op_id: op.state for run in await journal.runs() for op in await journal.ops(run.run_id)}
        for op_id, word in told.items():
            assert found[op_id] is OpState.VERIFIED if word == "done" else found[op_id] is not OpState.PLANNED
        for op in await journal.unfinished():
            if op.state is OpState.ARMED:
                await journal.record(op.op_id, OpState.UNKNOWN, {})
                await journal.record(op.op_id, OpState.NOT_APPLIED, {})
                told.pop(op.op_id, None)
        await journal.aclose()
