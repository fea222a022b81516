"""The sandbox's own record of what it really committed. Tests judge the program by it, so nothing else may write it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import msgspec

from reconcile_app.sandbox.clock import stamp

Actor = Literal["us", "other", "late"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who caused a write: ``us`` by a request, ``late`` the same after the client gave up, ``other`` another user."""

    actor: Actor = "other"
    connection: str = ""
    path: str = ""
    body_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One committed write.

    ``before`` and ``after`` are ten-thousandths: the quantity on the effective date (``adjustment``, ``create_line``) or the unit
    cost (``set_cost``); None where there is no such number.
    """

    seq: int
    time: str
    actor: Actor
    product: str
    connection: str
    path: str
    body_sha256: str
    kind: str
    line: str
    before: int | None
    after: int | None
    effective_date: str | None
    note: str


class Ledger:
    """Append-only list of entries, with an optional file of JSON lines that is complete after every entry."""

    def __init__(self, now: Callable[[], datetime], path: Path | None = None) -> None:
        self._now = now
        self._entries: list[Entry] = []
        self._file = path.open("ab") if path is not None else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything committed so far, in order."""
        return tuple(self._entries)

    def append(
        self,
        product: str,
        kind: str,
        origin: Origin,
        *,
        line: str = "",
        before: int | None = None,
        after: int | None = None,
        effective: date | None = None,
        note: str = "",
    ) -> Entry:
        """Record a write that has just been committed."""
        entry = Entry(
            seq=len(self._entries) + 1,
            time=stamp(self._now()),
            actor=origin.actor,
            product=product,
            connection=origin.connection,
            path=origin.path,
            body_sha256=origin.body_sha256,
            kind=kind,
            line=line,
            before=before,
            after=after,
            effective_date=effective.isoformat() if effective else None,
            note=note,
        )
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(msgspec.json.encode(asdict(entry)) + b"\n")
            self._file.flush()
        return entry

    def records(self) -> list[dict[str, object]]:
        """All entries as plain values, ready for JSON."""
        return [asdict(entry) for entry in self._entries]

    def close(self) -> None:
        """Close the file; the list stays readable."""
        if self._file is not None:
            self._file.close()
            self._file = None
