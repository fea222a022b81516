"""A journal in memory with the rules of the real one: state table, one open op per line, cancel flag, epoch, growing chain.

The stored content outlives the object, as a file outlives its process: ``reopen`` gives a new object over the same content.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconcile_app.core.errors import StorageError
from reconcile_app.core.ids import canonical_json
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import OPEN, TRANSITIONS, OpState
from reconcile_app.core.ports import Clock


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Stored:
    """What is on disk."""

    runs: dict[str, RunRecord] = field(default_factory=dict)
    ops: dict[str, OpRecord] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    events: list[dict[str, object]] = field(default_factory=list)
    epoch: int = 0
    head: str = ""


class MemoryJournal:
    """Implements ``core.ports.JournalPort``.

    ``boundary`` is called before and after every commit, with the name of the method; it may raise ``Crash`` or a storage error.
    """

    def __init__(self, clock: Clock, stored: Stored | None = None, *, boundary: Callable[[str], None] | None = None) -> None:
        self._clock = clock
        self.stored = stored or Stored()
        self.boundary = boundary or (lambda name: None)
        self._epoch = self.stored.epoch
        self.closed = False

    def reopen(self) -> "MemoryJournal":
        """The next process over the same content, with the same ``boundary``."""
        return MemoryJournal(self._clock, self.stored, boundary=self.boundary)

    async def begin(self, run: RunRecord, ops: Sequence[OpRecord]) -> None:
        self.boundary("before begin")
        if run.run_id in self.stored.runs:
            raise StorageError("This run is in the journal already.")
        self.stored.runs[run.run_id] = run
        for op in ops:
            self.stored.ops[op.op_id] = replace(op, updated=self._clock.now())
        self.boundary("after begin")

    async def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        self.boundary("before arm")
        op = self.stored.ops[op_id]
        if op.run_id in self.stored.cancelled or self._epoch != self.stored.epoch:
            return False
        if any(o.state in OPEN and o.change.line_key == op.change.line_key for o in self.stored.ops.values()):
            self._commit(op_id, OpState.BLOCKED, {}, "Another change of this line is not settled yet.", None)
            return False
        self._commit(op_id, OpState.ARMED, body, "", None)
        self.boundary("after arm")
        return True

    async def record(
        self, op_id: str, state: OpState, body: Mapping[str, object], *, message: str = "", quantity_after: int | None = None,
    ) -> None:
        self.boundary(f"before {state}")
        self._commit(op_id, state, body, message, quantity_after)
        self.boundary(f"after {state}")

    def _commit(self, op_id: str, state: OpState, body: Mapping[str, object], message: str, quantity: int | None) -> None:
        op = self.stored.ops[op_id]
        if state not in TRANSITIONS[op.state]:
            raise StorageError("The journal has no such step.", f"{op.state} to {state}.")
        # Through bytes and back, as a file would: what is no plain value does not get in.
        plain = json.loads(canonical_json(dict(body)))
        now = self._clock.now()
        self.stored.ops[op_id] = replace(op, state=state, message=message, quantity_after=quantity, updated=now)
        event = {
            "op_id": op_id, "epoch": self._epoch, "kind": state.value, "utc": now.isoformat(),
            "mono_ns": int(self._clock.monotonic() * 1e9), "body": plain,
        }
        self.stored.events.append(event)
        self.stored.head = hashlib.sha256(self.stored.head.encode() + canonical_json(event)).hexdigest()

    async def request_cancel(self, run_id: str) -> None:
        self.boundary("before cancel")
        self.stored.cancelled.add(run_id)

    async def cancel_requested(self, run_id: str) -> bool:
        return run_id in self.stored.cancelled

    async def runs(self) -> list[RunRecord]:
        return list(self.stored.runs.values())

    async def ops(self, run_id: str) -> list[OpRecord]:
        return sorted((op for op in self.stored.ops.values() if op.run_id == run_id), key=lambda op: op.seq)

    async def unfinished(self) -> list[OpRecord]:
        return [op for op in self.stored.ops.values() if op.state in OPEN | {OpState.PLANNED}]

    async def armed_body(self, op_id: str) -> dict[str, object] | None:
        bodies = [e["body"] for e in self.stored.events if e["op_id"] == op_id and e["kind"] == OpState.ARMED]
        return bodies[-1] if bodies else None

    async def events(self, op_id: str) -> list[dict[str, object]]:
        return [event for event in self.stored.events if event["op_id"] == op_id]

    async def raise_epoch(self) -> int:
        self.boundary("before epoch")
        self.stored.epoch += 1
        self._epoch = self.stored.epoch
        return self._epoch

    async def head(self) -> str:
        return self.stored.head

    async def aclose(self) -> None:
        self.closed = True
