import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from reconcile_app.core.errors import DiskFull, NewerFormat, ReconcileError, StorageError
from reconcile_app.storage.database import MIGRATIONS, database_errors, open_database, set_aside
from reconcile_app.storage.tables import HEAD, METADATA
from tests.fakes.failing_sqlite import BROKEN, FULL

NOW = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "100% mine" / "workspace.db"


@pytest.fixture(autouse=True)
def _folder(path: Path) -> None:
    path.parent.mkdir()


def test_the_migrations_build_the_declared_tables(path: Path) -> None:
    engine = open_database(path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_the_newest_step_is_the_one_that_is_expected() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_new_step_can_be_written_from_the_template(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    made = ScriptDirectory.from_config(config)
    template = (Path(made.dir) / "script.py.mako").read_text("utf-8")
    assert {"up_revision", "down_revision", "upgrades"} <= set(
        template.replace("(", " ").replace(")", " ").replace("}", " ").split()
    )


def test_settings_of_every_connection(path: Path) -> None:
    engine = open_database(path)
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "foreign_keys", "trusted_schema", "busy_timeout")
            }
            assert found == {"journal_mode": "wal", "foreign_keys": 1, "trusted_schema": 0, "busy_timeout": 5_000}
    engine.dispose()


def test_several_programs_may_start_at_once_on_a_new_folder(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for engine in pool.map(open_database, [path] * 8):
            engine.dispose()
    db = sqlite3.connect(path)
    assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    db.close()


def test_a_newer_database_is_left_alone(path: Path) -> None:
    open_database(path).dispose()
    db = sqlite3.connect(path)
    db.execute("UPDATE alembic_version SET version_num='0999'")
    db.commit()
    db.close()
    with pytest.raises(NewerFormat, match="0999"):
        open_database(path)
    with pytest.raises(NewerFormat):
        open_database(path)


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be looked at" * 50, b"SQLite format 3\0" + b"\xff" * 9_000]
)
def test_a_damaged_file_stays_until_it_is_set_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged") as refused:
        open_database(path)
    assert refused.value.next_step
    assert path.read_bytes() == content
    aside = set_aside(path, NOW)
    assert aside.name == "workspace.damaged-20261126-081500.db"
    assert aside.read_bytes() == content
    open_database(path).dispose()


def test_torn_pages_are_found_or_do_no_harm(path: Path) -> None:
    open_database(path).dispose()
    whole = path.read_bytes()
    for start in range(4_096, len(whole), 4_096):
        path.write_bytes(whole[:start] + b"\xa5" * 4_096 + whole[start + 4_096 :])
        with pytest.raises(StorageError, match="damaged"):
            open_database(path)


def test_setting_aside_takes_what_lies_beside_with_it(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).write_text(ending)
    set_aside(path, NOW)
    assert sorted(found.name.partition(".db")[2] for found in path.parent.iterdir()) == ["", "-shm", "-wal"]
    assert not path.exists()
    with pytest.raises(StorageError):
        set_aside(path, NOW)


@pytest.mark.parametrize(
    ("error", "kind"), [(FULL, DiskFull), (BROKEN, StorageError), (UnicodeEncodeError("utf-8", "x", 0, 1, "x"), StorageError)]
)
def test_what_a_database_says_is_translated(error: Exception, kind: type[ReconcileError]) -> None:
    with pytest.raises(kind) as told, database_errors():
        raise error
    assert type(told.value) is kind


def test_a_full_database_is_told_as_a_full_disk(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=2")
        connection.exec_driver_sql("CREATE TABLE first(x)")
        with pytest.raises(DiskFull), database_errors():
            connection.exec_driver_sql("CREATE TABLE second(x)")
    engine.dispose()
