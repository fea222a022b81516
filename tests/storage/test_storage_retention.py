"""How long data is kept, and how all of it goes."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from reconcile_app.core.errors import Busy, JournalDamaged, SecretsUnavailable, SettingsError, StorageError, WrongUse
from reconcile_app.core.history import StoredRun
from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import Secret
from reconcile_app.storage.journal import open_journal
from reconcile_app.storage.journal_pruning import forget_runs_before
from reconcile_app.storage.locks import TenantLocks
from reconcile_app.storage.paths import DataPaths
from reconcile_app.storage.retention import (
    Keeping,
    delete_everything,
    let_go_of_pushes,
    let_go_of_runs,
    open_changes,
    read_keeping,
    write_keeping,
)
from reconcile_app.storage.secrets import SecretStore
from tests.fakes.clock import VirtualClock
from tests.fakes.journal_records import op_record, run_record
from tests.fakes.keyrings import MemoryKeyring, RaisingKeyring
from tests.fakes.stores import MemoryWorkspace

NOW = datetime(2026, 12, 3, 12, tzinfo=UTC)
YEAR = 365 * 86_400.0


# the setting -----------------------------------------------------------------------------------------------------------------
def test_two_years_and_thirty_days_unless_told_otherwise(tmp_path: Path) -> None:
    assert read_keeping(tmp_path / "keeping.json") == Keeping(journal_months=24, snapshot_days=30)
    write_keeping(tmp_path / "keeping.json", Keeping(journal_months=36, snapshot_days=7))
    assert read_keeping(tmp_path / "keeping.json") == Keeping(journal_months=36, snapshot_days=7)


def test_months_are_calendar_months() -> None:
    assert Keeping(journal_months=1).journals_since(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert Keeping().journals_since(NOW) == datetime(2024, 12, 3, 12, tzinfo=UTC)
    assert Keeping().snapshots_since(NOW) == datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("values", [{"journal_months": 0}, {"snapshot_days": -1}, {"journal_months": 241}, {"snapshot_days": 9999}])
def test_a_time_that_makes_no_sense_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        Keeping(**values)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"journal_months": "24", "snapshot_days": 3}', b'{"journal_months": true, "snapshot_days": 1}']
)
def test_a_damaged_setting_deletes_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keeping.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError):
        read_keeping(file)
    assert file.read_bytes() == content


# runs ------------------------------------------------------------------------------------------------------------------------
class Fetched:
    """What was fetched, by run id."""

    def __init__(self, *kept: str) -> None:
        self.ids = list(kept)

    def kept(self) -> list[str]:
        return sorted(self.ids)

    def delete(self, run_id: str) -> None:
        self.ids = [each for each in self.ids if each != run_id]


def stored(run_id: str, days: float) -> StoredRun:
    return StoredRun(
        run_id=run_id, created=NOW - timedelta(days=days), period_start=date(2026, 10, 26), period_end=date(2026, 11, 25),
        billing="atria", psa="autotask", rows=1, warnings=0, money=0, complete=True, result="compared", document="{}",
    )  # fmt: skip


def test_old_data_leaves_first_and_old_runs_later() -> None:
    runs = MemoryWorkspace()
    for run in (stored("new", 1), stored("month", 31), stored("years", 800), stored("open", 900)):
        runs.save_run(run)
    fetched = Fetched("new", "month", "years", "open", "20200101-080000-lonely", "20261201-080000-lonely", "no date at all")
    gone = let_go_of_runs(runs, fetched, Keeping(), NOW, spare={"open"})
    assert gone.snapshots == ("20200101-080000-lonely", "month", "years")
    assert gone.runs == ("years",)
    assert fetched.kept() == ["20261201-080000-lonely", "new", "no date at all", "open"]
    assert {run.run_id for run in runs.runs()} == {"new", "month", "open"}


# journals --------------------------------------------------------------------------------------------------------------------
async def pushed(path: Path, *runs: tuple[str, float, OpState]) -> str:
    """Runs with one op each, so many seconds after the start, left in these states. The last hash."""
    clock = VirtualClock(datetime(2023, 1, 1, tzinfo=UTC))
    journal = await open_journal(path, clock)
    for number, (name, later, state) in enumerate(runs):
        clock.advance(later)
        await journal.begin(run_record(name, minutes=number), [op_record(f"op-{name}", run_id=name, line_id=str(number))])
        if state is not OpState.PLANNED:
            await journal.arm(f"op-{name}", {})
            await journal.record(f"op-{name}", OpState.UNKNOWN if state is OpState.UNKNOWN else OpState.APPLIED, {})
        if state is OpState.VERIFIED:
            await journal.record(f"op-{name}", state, {})
    head = await journal.head()
    await journal.aclose()
    return head


async def kept(path: Path) -> list[str]:
    journal = await open_journal(path, VirtualClock())
    names = [run.run_id for run in await journal.runs()]
    await journal.aclose()
    return names


DONE = OpState.VERIFIED


async def test_old_pushes_leave_and_the_chain_of_the_others_stands(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    head = await pushed(path, ("one", 0, DONE), ("two", 60, DONE), ("three", 3 * YEAR, DONE))
    limit = datetime(2025, 1, 1, tzinfo=UTC)
    assert forget_runs_before(path, limit) == 2
    assert await kept(path) == ["three"]
    assert forget_runs_before(path, limit) == 0
    journal = await open_journal(path, VirtualClock())
    assert await journal.head() == head
    events = await journal.events("op-three")
    assert [event["n"] for event in events] == [9, 10, 11, 12]
    # And it goes on as a journal does.
    await journal.begin(run_record("four", minutes=9), [op_record("op-four", run_id="four", line_id="77")])
    assert await journal.arm("op-four", {})
    await journal.aclose()
    assert await kept(path) == ["three", "four"]


async def test_a_journal_can_be_emptied_and_goes_on_from_its_last_hash(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    head = await pushed(path, ("one", 0, DONE), ("two", 60, DONE))
    assert forget_runs_before(path, NOW) == 2
    journal = await open_journal(path, VirtualClock())
    assert await journal.head() == head
    await journal.begin(run_record("three"), [op_record("op-three", run_id="three")])
    assert (await journal.events("op-three"))[0]["n"] == 9
    await journal.aclose()
    assert await kept(path) == ["three"]


async def test_what_is_open_stays_and_everything_after_it(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await pushed(path, ("one", 0, DONE), ("open", 60, OpState.UNKNOWN), ("three", 60, DONE))
    assert forget_runs_before(path, NOW) == 1
    assert await kept(path) == ["open", "three"]


async def test_a_push_whose_undo_stays_stays_too(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await pushed(path, ("one", 0, DONE))
    journal = await open_journal(path, VirtualClock())
    undo = replace(run_record("undo", minutes=1, kind="undo", undoes="one"))
    await journal.begin(undo, [op_record("op-undo", run_id="undo", line_id="9")])
    await journal.aclose()
    assert forget_runs_before(path, datetime(2025, 1, 1, tzinfo=UTC)) == 0
    assert await kept(path) == ["one", "undo"]


async def test_a_chain_that_was_cut_by_hand_is_damaged_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await pushed(path, ("one", 0, DONE), ("two", 3 * YEAR, DONE))
    forget_runs_before(path, datetime(2025, 1, 1, tzinfo=UTC))
    db = sqlite3.connect(path)
    db.execute("UPDATE anchor SET hash=zeroblob(32)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalDamaged):
        forget_runs_before(path, NOW)
    assert path.read_bytes() == before


async def test_a_limit_without_a_zone_is_a_fault_of_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await pushed(path, ("one", 0, DONE))
    with pytest.raises(WrongUse):
        forget_runs_before(path, datetime(2025, 1, 1))


async def test_a_journal_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a1.db"
    await pushed(path, ("one", 0, DONE))
    journal = await open_journal(path, VirtualClock())
    with pytest.raises(Busy):
        forget_runs_before(path, NOW)
    assert not list(path.parent.glob("*.new"))
    await journal.aclose()


# everything ------------------------------------------------------------------------------------------------------------------
class Locks:
    """Tenant locks that only count."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    @contextmanager
    def __call__(self, tenant: str) -> Iterator[None]:
        self.taken.append(tenant)
        yield


def installed(tmp_path: Path) -> DataPaths:
    paths = DataPaths(root=tmp_path / "data", locks_dir=tmp_path / "locks")
    paths.prepare()
    for name in ("connections.toml", "workspace.db", "workspace.db-wal", "window.json", "keeping.json"):
        (paths.root / name).write_bytes(b"x")
    (paths.runs_dir / "20261203-120000-aaaaaa").mkdir()
    (paths.logs_dir / "reconcile.log").write_bytes(b"x")
    return paths


def filled_keyring() -> tuple[SecretStore, MemoryKeyring]:
    keyring = MemoryKeyring()
    secrets = SecretStore(backend=keyring, environ={})
    secrets.set("atria", "token", Secret("t" * 4_000))
    secrets.set("autotask", "secret", Secret("s"))
    return secrets, keyring


FIELDS = {"atria": ("token",), "autotask": ("username", "secret", "integration_code")}


async def test_pushes_of_every_tenant_leave_under_their_locks(tmp_path: Path) -> None:
    paths, locks = installed(tmp_path), Locks()
    for tenant in ("a1", "b2"):
        await pushed(paths.journal_file(tenant), ("one", 0, DONE), ("two", 3 * YEAR, DONE))
    assert let_go_of_pushes(paths, locks, Keeping(), datetime(2027, 1, 1, tzinfo=UTC)).pushes == 2
    assert locks.taken == ["a1", "b2"]


async def test_deleting_everything_leaves_no_file_and_no_secret(tmp_path: Path) -> None:
    paths, locks = installed(tmp_path), Locks()
    await pushed(paths.journal_file("a1"), ("one", 0, DONE))
    secrets, keyring = filled_keyring()
    delete_everything(paths, locks, secrets, FIELDS)
    assert keyring.entries == {}
    assert locks.taken == ["a1"]
    assert [path for path in paths.root.rglob("*") if path.is_file()] == []
    delete_everything(paths, locks, secrets, FIELDS)  # nothing left is no error


async def test_what_is_not_settled_stops_the_deletion_unless_it_is_meant(tmp_path: Path) -> None:
    paths = installed(tmp_path)
    await pushed(paths.journal_file("a1"), ("one", 0, DONE), ("two", 60, OpState.UNKNOWN))
    secrets, keyring = filled_keyring()
    assert open_changes(paths) == 1
    with pytest.raises(WrongUse, match="Nothing was deleted"):
        delete_everything(paths, Locks(), secrets, FIELDS)
    assert keyring.entries
    assert paths.journal_file("a1").exists()
    delete_everything(paths, Locks(), secrets, FIELDS, open_ones_too=True)
    assert not paths.journal_file("a1").exists()


def test_secrets_that_cannot_be_deleted_keep_the_files_that_name_them(tmp_path: Path) -> None:
    paths = installed(tmp_path)
    keyring = RaisingKeyring(RuntimeError("denied"))
    secrets = SecretStore(backend=keyring, environ={})
    with pytest.raises(SecretsUnavailable):
        delete_everything(paths, Locks(), secrets, FIELDS)
    assert paths.connections_file.exists()


async def test_while_somebody_pushes_nothing_is_deleted(tmp_path: Path) -> None:
    paths = installed(tmp_path)
    await pushed(paths.journal_file("a1"), ("one", 0, DONE))
    locks = TenantLocks(paths.locks_dir, name="Kim", machine="desk-7", clock=VirtualClock())
    secrets, keyring = filled_keyring()
    with locks("a1"), pytest.raises(Busy, match="Kim on desk-7"):
        delete_everything(paths, locks, secrets, FIELDS)
    assert keyring.entries
    assert paths.journal_file("a1").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_folder_that_cannot_be_deleted_is_told_and_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    paths = installed(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_bytes(b"x")
    paths.runs_dir.rename(tmp_path / "moved")
    paths.runs_dir.symlink_to(elsewhere)
    secrets, _ = filled_keyring()
    with pytest.raises(StorageError, match="could not be deleted"):
        delete_everything(paths, Locks(), secrets, FIELDS)
    assert (elsewhere / "precious").exists()


def test_the_setting_is_plain_text(tmp_path: Path) -> None:
    write_keeping(tmp_path / "keeping.json", Keeping())
    assert json.loads((tmp_path / "keeping.json").read_text()) == {"journal_months": 24, "snapshot_days": 30}
