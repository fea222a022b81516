"""SQLite connections that fail at a chosen statement, as a full or broken disk makes them fail."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any


def sqlite_error(code: int, name: str, words: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


FULL = sqlite_error(sqlite3.SQLITE_FULL, "SQLITE_FULL", "database or disk is full")
BROKEN = sqlite_error(sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC", "disk I/O error")


class Disk:
    """What the connections over it suffer. ``fault`` is asked before every statement and gives the error to raise, or None."""

    def __init__(self) -> None:
        self.fault: Callable[[str], Exception | None] = lambda statement: None
        self.statements: list[str] = []

    def full_while(self, ballast: Path) -> None:
        """Commits fail as long as the ballast file takes up the last room."""
        self.fault = lambda statement: FULL if statement == "COMMIT" and ballast.exists() else None

    def connection(self) -> type[sqlite3.Connection]:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                disk.statements.append(sql)
                error = disk.fault(sql)
                if error is not None:
                    raise error
                return super().execute(sql, parameters)

        return Connection
