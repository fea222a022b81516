"""This computer's disk: full, failing, damaged, cut off, in the middle of a push to a real (simulated) PSA."""

import errno
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.errors import DiskFull, JournalDamaged, NewerFormat, ReconcileError, StorageError
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import FINAL, OpState
from reconcile_app.core.settings import Limits
from reconcile_app.services.connections import Connections
from reconcile_app.services.pushes import Pushes
from reconcile_app.storage.connections_file import ConnectionsFile
from reconcile_app.storage.journal import Journal, Journals, open_journal
from reconcile_app.storage.journal_remains import ReadOnlyJournal
from reconcile_app.storage.locks import TenantLocks
from reconcile_app.storage.logs import start_logging
from reconcile_app.storage.paths import DataPaths
from reconcile_app.storage.snapshots import Snapshots
from reconcile_app.storage.store import WorkspaceStore
from tests.end_to_end.desk_fixture import Bench, row_of, two_customers
from tests.fakes.clock import VirtualClock
from tests.fakes.failing_sqlite import BROKEN, FULL, Disk

COMMITS = range(1, 9)
"""Opening, recovery, the lease, the plan, arming, the answer, the read-back, and one more than there are."""


class OnDisk(Journals):
    """Journals on a disk that may fail."""

    def __init__(self, paths: DataPaths, bench: Bench, disk: Disk) -> None:
        super().__init__(paths, bench.clock)
        self._files, self._time, self._disk = paths, bench.clock, disk

    async def __call__(self, tenant: str) -> Journal:
        return await open_journal(self._files.journal_file(tenant), self._time, connection=self._disk.connection())


class Workplace:
    """The program's pushes over a bench, with a journal on ``disk``."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.disk = Disk()
        self.paths = DataPaths(root=bench.folder, locks_dir=folder / "locks")
        connections = Connections(CONNECTORS, ConnectionsFile(self.paths.connections_file, CONNECTORS), bench.secrets, bench.clock)
        self.store = WorkspaceStore(self.paths.workspace_db)
        self.journals = OnDisk(self.paths, bench, self.disk)
        self.bench = bench
        locks = TenantLocks(self.paths.locks_dir, name="Ada", machine="desk-1", clock=bench.clock)
        self.pushes = Pushes(
            connections, self.journals, locks, self.store, Snapshots(self.paths.runs_dir), bench.clock, operator="Ada", machine="x"
        )

    def fail(self, error: Exception, nth: int, *, ballast_helps: bool = True) -> None:
        """The nth commit from now on fails; a full disk goes on failing as long as the ballast takes up room."""
        seen = [0]

        def fault(statement: str) -> Exception | None:
            if statement != "COMMIT":
                return None
            seen[0] += 1
            held = any(self.paths.journal_dir.glob("*.ballast"))
            return error if seen[0] == nth or (error is FULL and seen[0] > nth and held and ballast_helps) else None

        self.disk.fault = fault

    async def ops(self) -> list[OpRecord]:
        """What the journal says, opened anew on a disk that works."""
        self.disk.fault = lambda statement: None
        (tenant,) = self.journals.known()
        journal = await self.journals(tenant)
        found = [op for run in await journal.runs() for op in await journal.ops(run.run_id)]
        await journal.aclose()
        return found


async def push_one(place: Workplace, error: Exception, nth: int) -> ReconcileError | None:
    """A push of one line, whose nth commit fails; the error the operator sees."""
    run = await place.bench.compare()
    run = await place.bench.select(row_of(run, "ONE", "601")["key"])
    plan = await place.pushes.review(run, Limits())
    place.fail(error, nth)
    try:
        await place.pushes.push(run, plan, "1", lambda view: None)
    except ReconcileError as told:
        return told
    return None


@pytest.mark.fault("F-53", "W", "before")
@pytest.mark.fault("F-53", "W", "after")
@pytest.mark.parametrize("nth", COMMITS)
async def test_a_disk_that_fills_up_sends_nothing_or_keeps_the_result(tmp_path: Path, nth: int) -> None:
    with Bench(tmp_path, two_customers) as bench:
        place = Workplace(bench, tmp_path)
        told = await push_one(place, FULL, nth)
        sent, ops = len(bench.ledger()), await place.ops()
        assert sent == sum(op.state in (OpState.APPLIED, OpState.VERIFIED) for op in ops)
        assert not any(op.state in (OpState.ARMED, OpState.UNKNOWN) for op in ops), "nothing is in doubt"
        if told is not None:
            assert isinstance(told, DiskFull)
            assert told.title == "The disk is full."
            assert "Make room" in told.next_step
        place.store.close()


@pytest.mark.fault("F-54", "W", "before")
@pytest.mark.fault("F-54", "W", "after")
@pytest.mark.parametrize("nth", COMMITS)
async def test_a_disk_that_fails_ends_the_right_to_write_and_recovery_settles_the_rest(tmp_path: Path, nth: int) -> None:
    with Bench(tmp_path, two_customers) as bench:
        place = Workplace(bench, tmp_path)
        told = await push_one(place, BROKEN, nth)
        sent = len(bench.ledger())
        if told is not None:
            assert told.title == "The journal could not be written reliably."
            assert told.next_step == "Restart the program."
            assert "checked at the next start" in told.meaning
        await place.ops()
        await place.pushes.recover()
        ops = await place.ops()
        assert len(bench.ledger()) == sent <= 1, "recovery writes nothing"
        assert all(op.state in FINAL for op in ops)
        done = [op for op in ops if op.state in (OpState.VERIFIED, OpState.CONFIRMED_BY_STATE)]
        assert len(done) == sent
        place.store.close()


# damaged journals ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


async def pushed_once(bench: Bench) -> Path:
    run = await bench.compare()
    await bench.push(*(row_of(run, code, "601")["key"] for code in ("ONE", "TWO")))
    (journal,) = (bench.folder / "journal").glob("*.db")
    return journal


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version=99")


def break_chain(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("DROP TRIGGER event_stays")
        database.execute("UPDATE op_event SET utc='2020-01-01' WHERE n=2")
        database.commit()


def cut_off(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 // 4096 * 4096])


@pytest.mark.fault("F-55")
@pytest.mark.fault("F-62")
@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (newer, NewerFormat, "Update this program"),
        (break_chain, JournalDamaged, "Do not delete the file"),
        (cut_off, JournalDamaged, "Do not delete the file"),
    ],
)
async def test_a_journal_that_cannot_be_used_can_still_be_read(
    bench: Bench, spoil: Callable[[Path], None], kind: type[StorageError], words: str
) -> None:
    file = await pushed_once(bench)
    spoil(file)
    content = file.read_bytes()
    journals = Journals(DataPaths(root=bench.folder, locks_dir=bench.folder / "locks"), bench.clock)
    journal = await journals.look(file.stem)
    assert isinstance(journal, ReadOnlyJournal)
    assert isinstance(journal.why, kind)
    assert words in journal.why.next_step
    runs = await journal.runs()
    ops = [op for run in runs for op in await journal.ops(run.run_id)]
    if spoil is not cut_off:
        assert [(op.change.customer_code, op.state) for op in ops] == [("ONE", OpState.VERIFIED), ("TWO", OpState.VERIFIED)]
        assert await journal.unfinished() == []
        assert [event["kind"] for event in await journal.events(ops[0].op_id)][:2] == ["PLANNED", "ARMED"]
        assert len(await journal.head()) == 64
        assert (await journal.armed_body(ops[0].op_id) or {})["method"] == "POST"
    else:
        assert journal.remains.lost
    for write in (
        journal.raise_epoch(), journal.request_cancel("r"), journal.arm("o", {}), journal.begin(runs[0] if runs else None, []),  # type: ignore[arg-type]  # refused before it is looked at
        journal.record("o", OpState.APPLIED, {}),
    ):  # fmt: skip
        with pytest.raises(kind):
            await write
    assert await journal.cancel_requested("r")
    assert await journal.armed_body("nobody") is None
    await journal.aclose()
    assert file.read_bytes() == content
    assert len(bench.ledger()) == 2


@pytest.mark.fault("F-55")
async def test_a_journal_that_is_well_is_opened_as_ever(bench: Bench) -> None:
    file = await pushed_once(bench)
    journals = Journals(DataPaths(root=bench.folder, locks_dir=bench.folder / "locks"), bench.clock)
    journal = await journals.look(file.stem)
    assert isinstance(journal, Journal)
    await journal.aclose()


# the workbook ----------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-56")
async def test_a_workbook_that_has_no_place_loses_nothing_and_says_so(bench: Bench, tmp_path: Path) -> None:
    file = await pushed_once(bench)
    content = file.read_bytes()
    for target in (tmp_path / ("x" * 300) / "log.xlsx", Path("/proc/no/such/drive/log.xlsx")):
        with pytest.raises(StorageError) as caught:
            await bench.session.export(target)
        assert caught.value.title == "The Excel log could not be written."
        assert caught.value.meaning == "The run and the journal are untouched; nothing was lost."
    assert file.read_bytes() == content
    written = await bench.session.export(tmp_path / "log.xlsx")
    assert written.name == "log.xlsx"


# the power -------------------------------------------------------------------------------------------------------------------
FRAME = 4_096 + 24
HEADER = 32


@pytest.mark.fault("F-58", "W", "before")
@pytest.mark.fault("F-58", "W", "after")
async def test_after_a_power_failure_the_journal_is_a_beginning_of_what_was_written(bench: Bench, tmp_path: Path) -> None:
    """At every step of the push the journal is copied as the disk may hold it: cut behind every block of its log, and within."""
    copies: list[tuple[Path, int]] = []
    run = await bench.compare()
    await bench.select(*(row_of(run, code, "601")["key"] for code in ("ONE", "TWO")))
    plan = await bench.session.review(Limits())

    def copy(view: object) -> None:
        (journal,) = (bench.folder / "journal").glob("*.db")
        target = tmp_path / "copies" / f"{len(copies)}"
        shutil.copytree(journal.parent, target, ignore=shutil.ignore_patterns("*.ballast"))
        copies.append((target / journal.name, len(bench.ledger())))

    await bench.session.push(plan, "2", copy)
    assert len(bench.ledger()) == 2
    seen: set[tuple[str, ...]] = set()
    for file, sent in copies:
        whole = await _states(file, None)
        armed = sum(state != "PLANNED" for state in whole)
        assert armed >= sent, "nothing was sent whose intent was not on the disk"
    file = copies[-1][0]
    length = (file.with_name(f"{file.name}-wal")).stat().st_size
    for end in [*range(HEADER, length + 1, FRAME * 2), *range(HEADER + 100, length, FRAME * 7)]:
        seen.add(tuple(await _states(file, end)))
    assert ("PLANNED", "PLANNED") in seen
    assert ("VERIFIED", "PLANNED") in seen
    assert all(states in {(), *ORDER} for states in seen)


_STEPS = ("PLANNED", "ARMED", "APPLIED", "VERIFIED")
ORDER = {(step, "PLANNED") for step in _STEPS} | {("VERIFIED", step) for step in _STEPS}


async def _states(file: Path, end: int | None) -> list[str]:
    """States of the ops in a copy of the journal whose log ends after so many bytes. Opening it checks the whole chain."""
    folder = file.parent.with_name(f"{file.parent.name}-cut")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(file.parent, folder)
    log = folder / f"{file.name}-wal"
    if end is not None:
        log.write_bytes(log.read_bytes()[:end])
    if (folder / file.name).stat().st_size == 0:
        return []
    journal = await open_journal(folder / file.name, VirtualClock())
    ops = [op for run in await journal.runs() for op in await journal.ops(run.run_id)]
    await journal.aclose()
    return [op.state.value for op in ops]


@pytest.mark.fault("F-53")
def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    log = start_logging(tmp_path / "logs")
    (handler,) = (each for each in logging.getLogger().handlers if getattr(each, "baseFilename", "").startswith(str(tmp_path)))
    failures: list[int] = []

    class Full:
        def write(self, text: str) -> None:
            failures.append(errno.ENOSPC)
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            """Nothing was written."""

        def tell(self) -> int:
            return 0

        def seek(self, *where: int) -> None:
            """There is no place to go."""

        def close(self) -> None:
            """Nothing is open."""

    stream = handler.stream  # type: ignore[attr-defined]  # a file handler
    handler.stream = Full()  # type: ignore[attr-defined]  # as above
    try:
        logging.getLogger("anybody").error("something happened")
    finally:
        handler.stream = stream  # type: ignore[attr-defined]  # as above
        log.close()
    assert failures
