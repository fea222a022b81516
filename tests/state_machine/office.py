"""One workstation, one PSA, other people: what the state machine does things with."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change
from reconcile_app.core.errors import Busy, ReconcileError
from reconcile_app.core.journal import JournalPort, OpRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.plan import Fresh, Plan, draft
from reconcile_app.core.ports import Capabilities, PreparedWrite, WriteSemantics
from reconcile_app.services.desk import PushView
from reconcile_app.services.push import Push
from reconcile_app.services.recovery import Recovery
from reconcile_app.services.undo import ask_journal, review
from reconcile_app.services.watch import alarm, watch_items
from reconcile_app.storage.journal import open_journal
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import Crash, MemoryJournal
from tests.fakes.planning import EFFECTIVE, NO_LIMITS, change_of
from tests.fakes.psa import Fault, Late, Wait, unreachable
from tests.state_machine.observed import ObservedPsa, WatchedJournal

LINES = ("L0", "L1", "L2", "L3")
START = 10
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Memory, where there is such a folder: what is judged is the engine, not the disk."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens while the engine works: ``faults`` of the writes; ``crash``: at which boundary the process ends; ``meanwhile``:
    number of the request → what somebody does right before it; ``unread``: numbers of readings that fail."""

    faults: tuple[Fault | Late | Wait, ...] = ()
    crash: int | None = None
    meanwhile: tuple[tuple[int, str, str], ...] = ()
    unread: tuple[int, ...] = ()


@dataclass
class Office:
    """``on_disk``: with the real journal file instead of the one in memory."""

    semantics: WriteSemantics
    on_disk: bool = False
    settle_seconds: float = 180.0
    clock: VirtualClock = field(default_factory=VirtualClock)
    runs: int = 0
    crashed: bool = False
    cancelled: dict[str, int] = field(default_factory=dict)
    verified: dict[str, tuple[int, int]] = field(default_factory=dict)
    fetched: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.psa = ObservedPsa(self.clock, semantics=self.semantics)
        for number, line in enumerate(LINES):
            self.psa.add_line(line, START, contract_id=f"C{number // 2}", service_id=f"S{number}")
        self.psa.armed = self._armed
        self._folder = tempfile.TemporaryDirectory(dir=FAST) if self.on_disk else None
        self._memory = MemoryJournal(self.clock)
        self._inner: JournalPort = self._memory
        self._crash_in = -1
        self._requests = 0
        self._meanwhile: dict[int, list[tuple[str, str]]] = {}
        self._engine: Push | None = None
        self._stops: set[asyncio.Task[None]] = set()
        self.open_journal()

    def close(self) -> None:
        """Let go of everything."""
        self.loop.run_until_complete(self._inner.aclose())
        self.loop.close()
        if self._folder is not None:
            self._folder.cleanup()

    # the journal -------------------------------------------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / "journal" / "a1b2c3.db"

    def open_journal(self) -> None:
        """The next process over the same content."""
        if self.on_disk:
            self.loop.run_until_complete(self._inner.aclose())
            self._inner = self.loop.run_until_complete(open_journal(self._path, self.clock))
        else:
            self._inner = MemoryJournal(self.clock, self._memory.stored)
        self.journal = WatchedJournal(self._inner, self._boundary)

    def second_process(self) -> None:
        """Another program wants the same journal: the file refuses it; in memory it takes the lease over."""
        if not self.on_disk:
            MemoryJournal(self.clock, self._memory.stored).stored.epoch += 1
            return
        try:
            self.loop.run_until_complete(open_journal(self._path, self.clock))
        except Busy:
            return
        raise AssertionError("two processes hold one journal")

    def ops(self) -> list[OpRecord]:
        """Every op, oldest run first."""
        return self.loop.run_until_complete(self._ops())

    async def _ops(self) -> list[OpRecord]:
        return [op for run in await self._inner.runs() for op in await self._inner.ops(run.run_id)]

    def epochs(self) -> list[int]:
        """The epoch of every event, in order."""
        if not self.on_disk:
            return [int(str(event["epoch"])) for event in self._memory.stored.events]
        events = [event for op in self.ops() for event in self.loop.run_until_complete(self._inner.events(op.op_id))]
        return [int(str(event["epoch"])) for event in sorted(events, key=lambda event: int(str(event["n"])))]

    def _boundary(self, name: str, subject: str) -> None:
        if self._crash_in == 0:
            raise Crash(name)
        self._crash_in -= 1
        if name == "after arm":
            run_id = subject.rpartition("-")[0]
            assert run_id not in self.cancelled, "armed after a stop that was acknowledged (I11)"
        if name == f"before {OpState.VERIFIED.value}":
            self._note_verified(subject)

    def _note_verified(self, op_id: str) -> None:
        change = self.changes[op_id]
        now = self.psa.quantity(change.line_id, change.effective_date)
        self.verified[op_id] = (now, self.psa.versions.get(change.line_id, 0))

    def _armed(self, prepared: PreparedWrite) -> str:
        """Which op a write is for, by what is on record before its first byte (I1)."""
        stored = self._memory.stored.ops.values() if not self.on_disk else self._ops_now()
        armed = [op for op in stored if op.state is OpState.ARMED]
        assert len(armed) == 1, "a write without an ARMED event, or two at a time (I1, I10)"
        op, body = armed[0], json.loads(prepared.body)
        assert (body["line"], body["from"], body["to"]) == (
            op.change.line_id,
            op.change.effective_date.isoformat(),
            op.change.quantity_target,
        ), "a write that is not that of its op (I3)"
        return op.op_id

    def _ops_now(self) -> list[OpRecord]:
        """Read within a running loop: the file is open to this process, in its own thread."""
        file = self._inner._file  # type: ignore[attr-defined]  # the real journal
        return self._inner._worker.submit(lambda: [op for run in file.runs() for op in file.ops(run.run_id)]).result()  # type: ignore[attr-defined]  # what a person reads with SQLite is read here through the journal's own file

    # people ------------------------------------------------------------------------------------------------------------------

    def act(self, what: str, line: str) -> None:
        """Somebody else does something to a line, or the clock does."""
        deeds: dict[str, Callable[[], object]] = {
            "one more": lambda: self._other_user(line, 1),
            "three more": lambda: self._other_user(line, 3),
            "three fewer": lambda: self._other_user(line, -3),
            "touch": lambda: line in self.psa.lines_by_id and self.psa.touch(line),
            "delete": lambda: self.psa.delete(line),
            "sleep": lambda: self.clock.suspend(3_600),
            "clock back": lambda: self.clock.suspend(-7_200),
            "stop": self._stop,
            "takeover": lambda: self.on_disk or self.second_process(),
        }
        deeds[what]()

    def _other_user(self, line: str, units: int) -> None:
        if line in self.psa.lines_by_id and self.psa.quantity(line) + units * SCALE >= 0:
            self.psa.other_user(line, units)

    def _stop(self) -> None:
        if self._engine is None:
            return
        task = self.loop.create_task(self._stopped())
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stopped(self) -> None:
        engine = self._engine
        if engine is not None and engine._run_id:
            await engine.stop()
            self.cancelled.setdefault(engine._run_id, len(self.psa.sent))

    def _before_request(self, name: str) -> None:
        self._requests += 1
        for what, line in self._meanwhile.pop(self._requests, []):
            self.act(what, line)

    # the operator ------------------------------------------------------------------------------------------------------------

    def fetch(self) -> list[str]:
        """Read every line, and what the watch list says about them."""
        self.psa.pass_time()
        self.fetched = {line: self.psa.quantity(line, EFFECTIVE) for line in LINES if line in self.psa.lines_by_id}
        items = self.loop.run_until_complete(watch_items(self.journal, self.clock))
        return [item.op.op_id for item in items if alarm(item, self.fetched.get(item.change.line_id))]

    def plan(self, targets: dict[str, int]) -> Plan | None:
        """Review these targets in units; None when nothing is left to push."""
        return self.loop.run_until_complete(self._plan(targets))

    async def _plan(self, targets: dict[str, int]) -> Plan | None:
        changes = [
            change_of(
                line,
                self.fetched[line] // SCALE,
                target,
                customer=f"K{int(line[1:]) // 2}",
                contract_id=f"C{int(line[1:]) // 2}",
                service_id=f"S{line[1:]}",
            )
            for line, target in targets.items()
            if line in self.fetched
        ]
        if not changes:
            return None
        open_lines = {op.change.line_key: "open" for op in await self.journal.unfinished()}
        fresh = Fresh(states=await self.psa.read_lines(changes), writes=self.semantics, whole_units=True, open_lines=open_lines)
        self.runs += 1
        try:
            plan = draft(
                changes,
                fresh,
                run_id=f"P{self.runs}",
                source_run="R1",
                tenant=self.psa.fingerprint,
                psa_kind="autotask",
                created=self.clock.now(),
                effective_date=EFFECTIVE,
                limits=NO_LIMITS,
                snapshot_sha256="0" * 64,
            )
        except ReconcileError:
            return None
        keys = [planned.change.line_key for planned in plan.changes]
        assert len(set(keys)) == len(keys), "a line twice in a plan"
        assert not set(keys) & set(open_lines), "a line with an open change in a plan (I6)"
        return plan

    def push(self, plan: Plan, script: Script) -> PushView | None:
        """Push; None when the process ended or the engine refused."""
        self._begin(script)
        self._engine = Push(self.psa, self.journal, self.clock, "Ada", "desk-1", self.settle_seconds, jitter=lambda: 0.5)
        try:
            view = self.loop.run_until_complete(self._engine.run(plan, str(plan.totals.lines), lambda view: None))
        except Crash:
            self.crashed = True
            view = None
        except ReconcileError:
            view = None
        finally:
            self._end()
        return view

    def recover(self, script: Script) -> bool:
        """Start the program again; False when the process ended once more."""
        self._begin(script)
        self.open_journal()
        before = len(self.psa.sent)
        try:
            self.loop.run_until_complete(Recovery(self.psa, self.journal, self.clock, self.settle_seconds).run())
            self.crashed = False
        except Crash:
            self.crashed = True
        finally:
            self._end()
        assert len(self.psa.sent) == before, "recovery wrote (I9)"
        return not self.crashed

    def undo(self, run_id: str, script: Script) -> PushView | None:
        """Undo a push as far as it can be; None when nothing can."""
        try:
            plan = self.loop.run_until_complete(self._undo_plan(run_id))
        except ReconcileError:
            return None
        return None if plan is None else self.push(plan, script)

    async def _undo_plan(self, run_id: str) -> Plan | None:
        capabilities = Capabilities(
            writes=self.semantics,
            creates_lines=True,
            sets_unit_cost=True,
            has_effective_dates=self.semantics is WriteSemantics.DELTA,
            whole_units=True,
        )
        told = await ask_journal(self.journal, run_id, (), {})
        found = await review(told, self.psa, capabilities, self.clock, NO_LIMITS, "0" * 64)
        if found.plan is not None:
            await self._judge_undo(run_id, found.plan)
        return found.plan

    async def _judge_undo(self, run_id: str, plan: Plan) -> None:
        """Only lines that are exactly as our write left them are taken back, and to what they were (I12)."""
        pushed = {op.change.line_id: op for op in await self._inner.ops(run_id)}
        for planned in plan.changes:
            op = pushed[planned.change.line_id]
            assert planned.change.quantity_target == op.change.quantity_before, "undo aims elsewhere"
            assert self.psa.quantity(op.change.line_id, EFFECTIVE) == op.change.quantity_target, "undo of a line that moved"
            if op.op_id in self.verified:
                assert self.verified[op.op_id][1] == self.psa.versions.get(op.change.line_id, 0), "undo of a line that was touched"

    # a script ----------------------------------------------------------------------------------------------------------------

    def _begin(self, script: Script) -> None:
        self._crash_in = -1 if script.crash is None else script.crash
        self._requests = 0
        self._meanwhile = {}
        for number, what, line in script.meanwhile:
            self._meanwhile.setdefault(number, []).append((what, line))
        self.psa.writes.clear()
        self.psa.writes.extend(script.faults)
        self.psa.reads.clear()
        self.psa.reads.extend(
            unreachable() if number in script.unread else None for number in range(max(script.unread, default=-1) + 1)
        )
        self.psa.on_access = self._before_request

    def _end(self) -> None:
        self._engine = None
        self._crash_in = -1
        self.psa.on_access = lambda name: None
        self.psa.writes.clear()
        self.psa.reads.clear()
        self.loop.run_until_complete(self._all_stopped())

    async def _all_stopped(self) -> None:
        await asyncio.gather(*self._stops, return_exceptions=True)

    @property
    def changes(self) -> dict[str, Change]:
        """Every op's change."""
        stored = self._memory.stored.ops.values() if not self.on_disk else self._ops_now()
        return {op.op_id: op.change for op in stored}

    def open_lines(self, ops: Sequence[OpRecord]) -> list[str]:
        """Lines with an op that is not settled."""
        return [op.change.line_key for op in ops if op.state in OPEN]
