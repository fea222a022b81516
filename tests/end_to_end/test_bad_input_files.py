"""Files of this computer that are damaged, newer, locked or full: told with a next step, left as they are, nothing lost."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile_app.core.errors import DiskFull, JournalDamaged, NewerFormat, ReconcileError, SettingsError, StorageError
from reconcile_app.services.desk import Health
from reconcile_app.storage import workbook
from tests.end_to_end.desk_fixture import Bench, row_of, two_customers


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def check_told(error: ReconcileError) -> None:
    """An error for its reader: what failed, what it means, what to do."""
    assert error.title
    assert error.meaning
    assert len(error.next_step) > 10


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# connections.toml ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"[connections\n", SettingsError),
        (b"\xff\xfe\x00", SettingsError),
        (b'schema = "one"\n', SettingsError),
        (b"schema = 99\n", NewerFormat),
        (b"connections = 5\n", SettingsError),
        (b"a = " + b"[" * 100_000, SettingsError),
        (b"# " + b"x" * 2_000_000, StorageError),
    ],
)
async def test_a_connections_file_that_cannot_be_used_is_told_and_left_alone(
    bench: Bench, content: bytes, kind: type[ReconcileError]
) -> None:
    run = await bench.compare()
    file = bench.folder / "connections.toml"
    file.write_bytes(content)
    session = bench.open_without_connecting()
    for call in (session.connections, lambda: session.save_connection("atria", "atria", {"base_url": "https://b.example"}, {})):
        with pytest.raises(kind) as caught:
            call()
        check_told(caught.value)
        assert "canary" not in f"{caught.value} {caught.value.details}"
    with pytest.raises(kind):
        await bench.compare()
    assert file.read_bytes() == content
    assert [view.run_id for view in session.runs()] == [run.run_id]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('kind = "atria"\ntoken = "plain-canary-0815"\n', "renew"),
        ('base_url = "https://a.example"\n', "text editor"),
        ('kind = "atria"\nbase_url = ["https://a.example"]\n', "text editor"),
    ],
)
async def test_a_connection_that_is_written_wrongly_is_told_and_never_used(bench: Bench, lines: str, words: str) -> None:
    file = bench.folder / "connections.toml"
    content = f"[connections.atria]\n{lines}"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        bench.session.connections()
    assert words in caught.value.next_step
    assert "canary" not in f"{caught.value} {caught.value.details}"
    with pytest.raises(SettingsError):
        await bench.compare()
    assert file.read_text(encoding="utf-8") == content


async def test_a_connection_of_an_unknown_kind_does_not_hide_the_others(bench: Bench) -> None:
    file = bench.folder / "connections.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[connections.future]\nkind = "newpsa"\nspeed = "7"\n', encoding="utf-8")
    shown = {view.connection.name: view for view in bench.session.connections()}
    assert (shown["future"].health, "newpsa" in shown["future"].words) == (Health.FAILED, True)
    with pytest.raises(SettingsError) as caught:
        await bench.session.verify("future")
    check_told(caught.value)
    assert "newpsa" in str(caught.value)
    # What does not need it goes on.
    assert len((await bench.compare()).rows) == 2


# workspace.db ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content", [b"SQLite format 3\x00" + b"garbage" * 600, b"no database at all", b"\x00" * 5_000])
async def test_a_damaged_workspace_is_told_and_left_as_it_is(bench: Bench, content: bytes) -> None:
    await bench.compare()
    bench.shut()
    for ending in ("-wal", "-shm"):
        (bench.folder / f"workspace.db{ending}").unlink(missing_ok=True)
    (bench.folder / "workspace.db").write_bytes(content)
    before = bytes_below(bench.folder / "runs")
    with pytest.raises(StorageError) as caught:
        bench.open_without_connecting()
    check_told(caught.value)
    assert "damaged" in caught.value.title
    assert (bench.folder / "workspace.db").read_bytes() == content
    assert bytes_below(bench.folder / "runs") == before


@pytest.mark.fault("F-62")
async def test_a_newer_workspace_is_told_and_not_touched(bench: Bench) -> None:
    await bench.compare()
    bench.shut()
    with sqlite3.connect(bench.folder / "workspace.db") as database:
        database.execute("UPDATE alembic_version SET version_num='9999'")
    database.close()
    with pytest.raises(NewerFormat) as caught:
        bench.open_without_connecting()
    assert caught.value.next_step == "Update this program."
    with sqlite3.connect(bench.folder / "workspace.db") as database:
        assert database.execute("SELECT count(*) FROM run").fetchone() == (1,)
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    database.close()


async def test_a_damaged_saved_run_is_told_and_the_others_open(bench: Bench) -> None:
    first, second = await bench.compare(), await bench.compare()
    frames = sorted((bench.folder / "runs" / first.run_id).iterdir(), key=lambda path: path.stat().st_size)
    content = frames[-1].read_bytes()
    frames[-1].write_bytes(content[:-40] + b"\x00" * 40)
    with pytest.raises(StorageError) as caught:
        await bench.session.open_run(first.run_id)
    check_told(caught.value)
    assert (await bench.session.open_run(second.run_id)).rows.equals(second.rows)


# the journal -----------------------------------------------------------------------------------------------------------------
async def pushed_once(bench: Bench) -> Path:
    run = await bench.compare()
    await bench.push(row_of(run, "ONE", "601")["key"])
    (journal,) = (bench.folder / "journal").glob("*.db")
    return journal


def spoil_page(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    file.write_bytes(bytes(content))


def break_chain(file: Path) -> None:
    with sqlite3.connect(file) as database:
        triggers = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='trigger'")]
        for name in triggers:
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE op_event SET body=replace(body, '\"attempt\":1', '\"attempt\":2') WHERE kind='ARMED'")
        database.execute("UPDATE op_event SET kind='VERIFIED' WHERE n=1")
    database.close()


def newer(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version=99")
    database.close()


def no_database(file: Path) -> None:
    file.write_bytes(b"somebody's notes")


async def compare_and_push(bench: Bench) -> None:
    run = await bench.compare()
    await bench.push(row_of(run, "TWO", "601")["key"])


@pytest.mark.fault("F-55", "W", "before")
@pytest.mark.fault("F-62", "W", "before")
@pytest.mark.parametrize(
    ("spoil", "kind"),
    [(spoil_page, JournalDamaged), (break_chain, JournalDamaged), (no_database, JournalDamaged), (newer, NewerFormat)],
)
async def test_with_a_journal_that_cannot_be_trusted_nothing_is_pushed(
    bench: Bench, spoil: Callable[[Path], None], kind: type[ReconcileError]
) -> None:
    journal = await pushed_once(bench)
    for ending in ("-wal", "-shm"):
        assert not journal.with_name(journal.name + ending).exists()
    spoil(journal)
    content = journal.read_bytes()
    with pytest.raises(kind) as caught:
        await compare_and_push(bench)
    check_told(caught.value)
    assert len(bench.ledger()) == 1
    assert journal.read_bytes() == content


# the workbook ----------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-53")
@pytest.mark.fault("F-56")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
async def test_a_full_disk_leaves_no_half_workbook_and_the_run_as_it_was(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await bench.compare()
    target = tmp_path / "log.xlsx"
    await bench.session.export(target)
    before = target.read_bytes()

    def full(handle: int, mode: str) -> object:
        os.close(handle)
        return Path("/dev/full").open(mode)

    with monkeypatch.context() as patched:
        patched.setattr(workbook.os, "fdopen", full)
        with pytest.raises(DiskFull) as caught:
            await bench.session.export(target)
    check_told(caught.value)
    assert "nothing was lost" in caught.value.meaning
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".reconcile-*"))
    assert (await bench.session.open_run(run.run_id)).rows.equals(run.rows)


async def test_a_folder_that_cannot_be_made_is_told(bench: Bench, tmp_path: Path) -> None:
    await bench.compare()
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        await bench.session.export(tmp_path / "file" / "log.xlsx")
    check_told(caught.value)


@pytest.mark.fault("F-56")
async def test_a_target_that_is_a_folder_gets_another_name(bench: Bench, tmp_path: Path) -> None:
    await bench.compare()
    (tmp_path / "log.xlsx").mkdir()
    assert await bench.session.export(tmp_path / "log.xlsx") == tmp_path / "log (2).xlsx"
