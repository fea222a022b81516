"""A PSA and a journal that are watched from outside the engine: who sent what, when, and what was on record at that moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reconcile_app.core.journal import JournalPort, OpRecord, RunRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Outcome, PreparedWrite, WriteSemantics
from tests.fakes.clock import VirtualClock
from tests.fakes.psa import Entry, FakePsa, Fault, Late, Wait


@dataclass(kw_only=True)
class Sent:
    """One transmission. ``commits`` are the places in the ledger that came of it."""

    op_id: str
    body: bytes
    fault: Fault | Late | Wait
    commits: list[int] = field(default_factory=list)


class ObservedPsa(FakePsa):
    """Knows of every write which op it was for, and which entries of the ledger came of it. ``armed`` tells the op that is ARMED.

    ``versions`` counts what was done to each line by anybody.
    """

    def __init__(self, clock: VirtualClock, *, semantics: WriteSemantics) -> None:
        super().__init__(clock, semantics=semantics)
        self.sent: list[Sent] = []
        self.armed: Callable[[PreparedWrite], str] = lambda prepared: ""
        self.versions: dict[str, int] = {}
        self._by_body: dict[int, Sent] = {}

    async def write(self, prepared: PreparedWrite) -> Outcome:
        fault = self.writes[0] if self.writes else Fault.NONE
        own = PreparedWrite(method=prepared.method, path=prepared.path, body=bytes(bytearray(prepared.body)))
        sent = Sent(op_id=self.armed(prepared), body=prepared.body, fault=fault)
        self.sent.append(sent)
        self._by_body[id(own)] = sent
        self._kept = [*getattr(self, "_kept", []), own]  # so that no two writes ever have one identity
        return await super().write(own)

    def commits_of(self, op_id: str) -> list[Entry]:
        """What was committed for an op, what is due included."""
        self.pass_time()
        return [self.ledger[place] for sent in self.sent if sent.op_id == op_id for place in sent.commits]

    def faults_of(self, op_id: str) -> list[Fault | Late | Wait]:
        """What happened to the transmissions of an op."""
        return [sent.fault for sent in self.sent if sent.op_id == op_id]

    def touch(self, line_id: str) -> None:
        super().touch(line_id)
        self._moved(line_id)

    def delete(self, line_id: str) -> None:
        """Somebody deletes the line."""
        self.lines_by_id.pop(line_id, None)
        self._moved(line_id)

    def _moved(self, line_id: str) -> None:
        self.versions[line_id] = self.versions.get(line_id, 0) + 1

    def _commit(self, prepared: PreparedWrite, actor: str) -> None:
        known = len(self.ledger)
        super()._commit(prepared, actor)
        self._by_body[id(prepared)].commits += range(known, len(self.ledger))

    def _change(self, line_id: str, delta: int, day: object, actor: str, sha: str) -> None:
        super()._change(line_id, delta, day, actor, sha)  # type: ignore[arg-type]  # as the parent has it
        self._moved(line_id)


class WatchedJournal:
    """Passes every call on; ``boundary`` is told before and after every commit, and may end the process there."""

    def __init__(self, inner: JournalPort, boundary: Callable[[str, str], None]) -> None:
        self.inner = inner
        self._boundary = boundary

    async def begin(self, run: RunRecord, ops: Sequence[OpRecord]) -> None:
        self._boundary("before begin", run.run_id)
        await self.inner.begin(run, ops)
        self._boundary("after begin", run.run_id)

    async def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        self._boundary("before arm", op_id)
        armed = await self.inner.arm(op_id, body)
        self._boundary("after arm" if armed else "after refusing", op_id)
        return armed

    async def record(
        self, op_id: str, state: OpState, body: Mapping[str, object], *, message: str = "", quantity_after: int | None = None
    ) -> None:
        self._boundary(f"before {state.value}", op_id)
        await self.inner.record(op_id, state, body, message=message, quantity_after=quantity_after)
        self._boundary(f"after {state.value}", op_id)

    async def request_cancel(self, run_id: str) -> None:
        self._boundary("before cancel", run_id)
        await self.inner.request_cancel(run_id)

    async def raise_epoch(self) -> int:
        self._boundary("before epoch", "")
        return await self.inner.raise_epoch()

    async def cancel_requested(self, run_id: str) -> bool:
        return await self.inner.cancel_requested(run_id)

    async def runs(self) -> list[RunRecord]:
        return await self.inner.runs()

    async def ops(self, run_id: str) -> list[OpRecord]:
        return await self.inner.ops(run_id)

    async def unfinished(self) -> list[OpRecord]:
        return await self.inner.unfinished()

    async def armed_body(self, op_id: str) -> dict[str, object] | None:
        return await self.inner.armed_body(op_id)

    async def events(self, op_id: str) -> list[dict[str, object]]:
        return await self.inner.events(op_id)

    async def head(self) -> str:
        return await self.inner.head()

    async def aclose(self) -> None:
        await self.inner.aclose()
