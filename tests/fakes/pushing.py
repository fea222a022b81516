"""A desk for tests of the write protocol: clock, PSA, journal and one push, ready to go."""

from collections.abc import Sequence

from reconcile_app.core.changes import Change
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.services.desk import PushView
from reconcile_app.services.push import Push
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import MemoryJournal
from tests.fakes.planning import plan_of
from tests.fakes.psa import FakePsa


class Bench:
    """Everything one push needs. ``views`` are what the listener was told."""

    def __init__(self, *, settle_seconds: float = 180.0, psa: FakePsa | None = None, clock: VirtualClock | None = None) -> None:
        self.clock = clock or (psa.clock if psa and isinstance(psa.clock, VirtualClock) else VirtualClock())
        self.psa = psa or FakePsa(self.clock)
        self.journal = MemoryJournal(self.clock)
        self.settle_seconds = settle_seconds
        self.views: list[PushView] = []
        self.engine = self.new_engine()

    def new_engine(self) -> Push:
        return Push(self.psa, self.journal, self.clock, "Ada", "desk-1", self.settle_seconds, jitter=lambda: 0.5)

    async def plan(self, changes: Sequence[Change], run_id: str = "P1") -> Plan:
        return await plan_of(self.psa, self.clock, changes, run_id=run_id)

    async def push(self, changes: Sequence[Change], run_id: str = "P1") -> PushView:
        """Plan and push at once."""
        return await self.engine.run(await self.plan(changes, run_id), "", self.views.append)

    def states(self) -> list[OpState]:
        """The states in the journal, in order of the plan."""
        return [op.state for op in sorted(self.journal.stored.ops.values(), key=lambda op: (op.run_id, op.seq))]

    def messages(self) -> list[str]:
        return [op.message for op in sorted(self.journal.stored.ops.values(), key=lambda op: (op.run_id, op.seq))]

    def kinds(self, op_id: str = "P1-0001") -> list[str]:
        """The journalled steps of an op."""
        return [str(event["kind"]) for event in self.journal.stored.events if event["op_id"] == op_id]
