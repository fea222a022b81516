"""Opens the workspace database: SQLite on this computer, PostgreSQL where a team shares it. Brings it to the newest form."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from reconcile_app.core.errors import DiskFull, NewerFormat, ReconcileError, SettingsError, StorageError
from reconcile_app.storage.files import file_errors, make_private
from reconcile_app.storage.tables import HEAD

MIGRATIONS: Final = Path(__file__).parent / "migrations"

_BUSY_MS = 5_000
_UPGRADE_LOCK = 0x5243_4E43
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class WorkspaceDamaged(StorageError):
    """The workspace fails its checks; it stays where it is until somebody restores it or sets it aside."""


def open_database(target: Path | str) -> Engine:
    """A checked database in the newest form, made when it is not there.

    Args:
        target: a file for SQLite, or an address such as ``postgresql://user@host/reconcile``.

    Raises:
        NewerFormat: a newer version of the program has changed it.
        WorkspaceDamaged, StorageError: damaged, or out of reach. A damaged file stays where it is, see ``set_aside``.
        SettingsError: the address cannot be used.
    """
    if isinstance(target, Path):
        make_private(target)
    engine = _engine(target)
    try:
        with database_errors():
            _check(engine)
            _upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def set_aside(path: Path, now: datetime) -> Path:
    """Renames a damaged SQLite database, so that the next opening makes a new one; the new name.

    Raises:
        StorageError: it cannot be renamed.
    """
    aside = path.with_name(f"{path.stem}.damaged-{now:%Y%m%d-%H%M%S}{path.suffix}")
    with file_errors("The workspace could not be set aside.", path):
        for ending in ("-wal", "-shm"):
            beside = path.with_name(path.name + ending)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + ending))
        path.rename(aside)
    return aside


@contextmanager
def database_errors() -> Iterator[None]:
    """Translates what the database says. Addresses, which may hold a password, are never quoted.

    Raises:
        DiskFull, StorageError: in its place.
    """
    try:
        yield
    except DBAPIError as error:
        raise _translated(error.orig) from error
    except sqlite3.Error as error:
        raise _translated(error) from error
    except (SQLAlchemyError, UnicodeEncodeError) as error:
        raise _translated(None) from error


def _translated(error: BaseException | None) -> ReconcileError:
    code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull("The disk is full.", "The workspace could not be saved.", next_step="Make room on the disk and try again.")
    if code in _DAMAGED:
        return damaged(str(error))
    if code in _BUSY:
        return StorageError(
            "The workspace is in use.", "Another program is writing to it and did not finish in time.", next_step="Try again."
        )
    name = type(error).__name__ if error is not None else "unexpected answer"
    return StorageError(
        "The workspace could not be used.",
        f"The database reports: {getattr(error, 'sqlite_errorname', name)}.",
        next_step="Check that the database can be reached and that you may write to it, then try again.",
        details=name,
    )


def damaged(words: str) -> WorkspaceDamaged:
    """The error of a database that fails its checks."""
    return WorkspaceDamaged(
        "The workspace is damaged.",
        f"SQLite says: {words}.",
        meaning="The file was left as it is. Nothing was sent.",
        next_step="Restore workspace.db from a backup, or start with an empty one after: reconcile-app workspace set-aside",
    )


def _engine(target: Path | str) -> Engine:
    try:
        url = URL.create("sqlite", database=str(target)) if isinstance(target, Path) else make_url(target)
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url)
    except (SQLAlchemyError, NoSuchModuleError, ImportError, ValueError) as error:
        raise SettingsError(
            "The workspace address cannot be used.",
            f"{type(error).__name__}.",
            next_step="Write it as postgresql://user@host/name, and install the extra for PostgreSQL.",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _check(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise damaged(found)


def _upgrade(engine: Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.begin() as connection:
        # Two programs may start at once: the second waits here and then finds nothing left to do.
        lock = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"
        connection.exec_driver_sql(lock)
        revision = _revision(connection)
        if revision != HEAD:
            _run_migrations(connection, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def _run_migrations(connection: Connection, revision: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise NewerFormat(
            "The workspace was changed by a newer version.",
            f"It has form {revision}; this program knows up to {HEAD}.",
            next_step="Update this program.",
        )
    command.upgrade(config, "head")
