"""Where a push is: every place it passes is noted in a file that survives the process, and one of them may be its last.

The places are seen from outside: a subclass of the journal's SQLite connection, and wrappers around the PSA, the lock, the opening
of the journal and the workspace. The program itself knows nothing of them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from reconcile_app.core.changes import Change
from reconcile_app.core.ports import LineState, Outcome, PreparedWrite, PsaPort
from reconcile_app.storage.journal import Journal, Journals, open_journal
from reconcile_app.storage.locks import TenantLocks
from reconcile_app.storage.store import WorkspaceStore

T = TypeVar("T")

_PHASES = {"UNKNOWN": "settle", "APPLIED": "back", "CONFIRMED_BY_STATE": "sweep", "NOT_APPLIED": "sweep"}
_RESULTS = {"APPLIED", "UNKNOWN", "REJECTED"}
_SETTLED = {"CONFIRMED_BY_STATE", "NOT_APPLIED"}


class Trail:
    """The places one process passes.

    Args:
        path: the file they are noted in, one line each: wall clock, name, bytes of the write-ahead log.
        kill: where this process ends: ``{"point": name, "nth": n}`` (``point`` ``*``: any, ``commit*``: any commit boundary) or
            ``{"wire": n, "delay": seconds}``; empty: nowhere.
        act: called once at ``{"point": name, "nth": n}`` of ``at``: what somebody else does at that moment.
    """

    def __init__(self, path: Path, kill: Mapping[str, Any], at: Mapping[str, Any], act: Callable[[], None]) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._kill, self._at, self._act = kill, at, act
        self._passed: Counter[str] = Counter()
        self._writes = 0
        self._line_of: dict[str, str] = {}
        self._state_of: dict[str, str] = {}
        self.wal: Path | None = None

    def visit(self, point: str) -> None:
        """Note a place, let the other user act there, and end there where that was ordered."""
        names = [point, "*", *(["commit*"] if point.startswith("commit ") else [])]
        self._passed.update(names)
        size = self.wal.stat().st_size if self.wal is not None and self.wal.exists() else 0
        os.write(self._file, f"{time.time():.6f}\t{point}\t{size}\n".encode())
        if self._due(self._at, names):
            self._act()
        if self._due(self._kill, names):
            end()

    def _due(self, order: Mapping[str, Any], names: Sequence[str]) -> bool:
        return order.get("point") in names and self._passed[order["point"]] == order["nth"]

    def planned(self, op_id: str, line_key: str) -> None:
        """An op became part of the journal."""
        self._line_of[op_id] = line_key

    def moved(self, op_id: str, state: str) -> None:
        """An op took a state."""
        self._state_of[self._line_of.get(op_id, op_id)] = state

    def phase(self, line_key: str) -> str:
        """Why a line is being read."""
        return _PHASES.get(self._state_of.get(line_key, ""), "read")

    def on_the_wire(self) -> None:
        """A request is leaving: where ordered, this process ends a moment later."""
        self._writes += 1
        if self._kill.get("wire") == self._writes:
            asyncio.get_running_loop().call_later(self._kill["delay"], self._end_on_the_wire)

    def _end_on_the_wire(self) -> None:
        self.visit("wire")
        end()


def end() -> None:
    """This process ends at once, as by power switch."""
    os.kill(os.getpid(), signal.SIGKILL)


# the journal -------------------------------------------------------------------------------------------------------------------


def watched_connection(trail: Trail) -> type[sqlite3.Connection]:
    """A class of SQLite connections that pass places of the trail before and after every commit."""

    class Connection(sqlite3.Connection):
        label = "open"

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            self._note(sql, parameters)
            place = _place(sql, self.label)
            if not place:
                return super().execute(sql, parameters)
            trail.visit(f"{place} before")
            cursor = super().execute(sql, parameters)
            trail.visit(f"{place} after")
            return cursor

        def _note(self, sql: str, parameters: Any) -> None:
            if sql.startswith("BEGIN"):
                self.label = "open" if "EXCLUSIVE" in sql else "other"
            elif sql.startswith("INSERT INTO op("):
                trail.planned(parameters[0], parameters[4])
                self.label = "begin"
            elif sql.startswith("INSERT INTO op_event(") and self.label != "begin":
                self.label = parameters[3]
                trail.moved(parameters[1], parameters[3])
            elif sql.startswith("INSERT INTO lease("):
                self.label = "epoch"

    return Connection


def _place(sql: str, label: str) -> str:
    if sql == "COMMIT":
        return f"commit {label}"
    if sql.startswith("SELECT cancel_requested FROM run WHERE run_id=?"):
        return "check"
    return "watch" if "kind='ARMED' ORDER BY n DESC" in sql else ""


class WatchedJournals(Journals):
    """Opens journals over watched connections."""

    def __init__(self, paths: Any, clock: Any, trail: Trail) -> None:
        super().__init__(paths, clock)
        self._files, self._time, self._trail = paths, clock, trail

    async def __call__(self, tenant: str) -> Journal:
        path = self._files.journal_file(tenant)
        self._trail.wal = path.with_name(f"{path.name}-wal")
        self._trail.visit("journal before")
        return await open_journal(path, self._time, connection=watched_connection(self._trail))


# everything else ---------------------------------------------------------------------------------------------------------------


class WatchedLocks(TenantLocks):
    """Makes the real locks."""

    def __init__(self, trail: Trail, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._trail = trail

    def __call__(self, tenant: str) -> Any:
        return self._held(tenant)

    @contextmanager
    def _held(self, tenant: str) -> Iterator[object]:
        self._trail.visit("lock before")
        with super().__call__(tenant) as lock:
            self._trail.visit("lock after")
            yield lock


class WatchedStore(WorkspaceStore):
    """The real workspace."""

    trail: Trail

    def set_result(self, run_id: str, result: str) -> None:
        self.trail.visit("results before")
        super().set_result(run_id, result)
        self.trail.visit("results after")


class WatchedPsa:
    """The real connector; what is not listed here goes through unseen."""

    def __init__(self, psa: PsaPort, trail: Trail) -> None:
        self._psa, self._trail = psa, trail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._psa, name)

    async def tenant(self) -> Any:
        return await self._around("tenant", self._psa.tenant())

    async def budget(self) -> Any:
        return await self._around("budget", self._psa.budget())

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        return await self._around("review", self._psa.read_lines(changes))

    async def read_line(self, change: Change) -> LineState:
        return await self._around(self._trail.phase(change.line_key), self._psa.read_line(change))

    async def write(self, prepared: PreparedWrite) -> Outcome:
        self._trail.visit("send")
        self._trail.on_the_wire()
        outcome = await self._psa.write(prepared)
        self._trail.visit("answer")
        return outcome

    async def _around(self, name: str, call: Awaitable[T]) -> T:
        self._trail.visit(f"{name} before")
        result = await call
        self._trail.visit(f"{name} after")
        return result


# steps -------------------------------------------------------------------------------------------------------------------------

STEPS = (*map(str, range(14)), "recovery")
"""The steps of the write protocol, and recovery."""

POINTS: Mapping[str, tuple[str, ...]] = {
    "0": ("lock before", "lock after", "journal before", "commit open before", "commit open after", "tenant before", "tenant after",
          "budget before", "commit epoch before", "commit epoch after"),
    "1": ("opened", "selected", "review before"),
    "2": ("review after", "frozen"),
    "3": ("commit begin before", "commit begin after"),
    "4": ("check before", "check after"),
    "5": ("read before", "read after"),
    "6": ("commit ARMED before", "commit ARMED after"),
    "7": ("send", "wire"),
    "8": ("answer",),
    "9": ("commit result before", "commit result after"),
    "10": ("settle before", "settle after", "commit settled before", "commit settled after"),
    "11": ("back before", "back after", "commit VERIFIED before", "commit VERIFIED after"),
    "12": ("sweep before", "sweep after", "results before", "results after", "finished"),
    "13": ("watch before", "watch after"),
}
"""Where each step can be met in a push; several connections and ops give each place many times."""


STARTED = "started"
"""Where a process is before it has passed any place."""


def step_of(life: str, point: str) -> str:
    """The step that a place belongs to, in a process that did ``life``."""
    if life == "recover":
        return "recovery"
    if life in ("look", "finish"):
        return "13"
    if point == STARTED:
        return "0"
    name, word = point, point.split(" ")
    if word[0] == "commit" and word[1] in _RESULTS | _SETTLED:
        name = f"commit {'result' if word[1] in _RESULTS else 'settled'} {word[2]}"
    found = [step for step, points in POINTS.items() if name in points]
    return found[0] if found else "12"
