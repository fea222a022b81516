"""The ops of one run while they are worked on: what the journal says of each, and who is told.

Every transition is committed to the journal first; only then do the copy held here and the listener learn of it.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import cast

from reconcile_app.core.journal import JournalPort, OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Clock
from reconcile_app.core.replacing import endings_of, gap_words

_logger = logging.getLogger(__name__)

WAITING, CHECKING, SENDING, CONFIRMING = "waiting", "checking", "sending", "confirming"
DONE, CHANGED, REFUSED, IN_DOUBT, NOT_SENT, NOT_APPLIED = (
    "done", "was changed meanwhile", "refused", "in doubt", "not sent", "not applied",
)

STAGE_OF: Mapping[OpState, str] = MappingProxyType({
    OpState.PLANNED: WAITING, OpState.ARMED: SENDING, OpState.APPLIED: CONFIRMING,
    OpState.VERIFIED: DONE, OpState.CONFIRMED_BY_STATE: DONE, OpState.SKIPPED_ALREADY: DONE, OpState.CLOSED_AS_APPLIED: DONE,
    OpState.STALE: CHANGED, OpState.BLOCKED: REFUSED, OpState.REJECTED: REFUSED,
    OpState.UNKNOWN: IN_DOUBT, OpState.NEEDS_REVIEW: IN_DOUBT,
    OpState.NOT_SENT: NOT_SENT, OpState.CANCELLED: NOT_SENT,
    OpState.NOT_APPLIED: NOT_APPLIED, OpState.CLOSED_AS_NOT_APPLIED: NOT_APPLIED,
})
"""The word the operator sees for a state."""


_SAID = re.compile(r" (?:It said|The PSA had said): (.+)$", re.DOTALL)


def said(answer: str) -> str:
    """What the PSA answered, as the end of an op's message."""
    return f" It said: {answer}" if answer else ""


def with_answer(message: str, earlier: str) -> str:
    """A later message with the answer that an earlier one quoted: it is why the PSA did not do what was asked."""
    found = _SAID.search(earlier)
    return f"{message} The PSA had said: {found[1]}" if found else message


class OpBook:
    """The ops of a run in the order of the plan. ``tell`` is called after every change; its errors are logged and never felt."""

    def __init__(self, journal: JournalPort, clock: Clock, ops: Iterable[OpRecord], tell: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._ops = {op.op_id: op for op in ops}
        self._stages = {op.op_id: STAGE_OF[op.state] for op in self._ops.values()}
        self._tell = tell

    def __getitem__(self, op_id: str) -> OpRecord:
        return self._ops[op_id]

    @property
    def ops(self) -> tuple[OpRecord, ...]:
        """Every op as the journal has it."""
        return tuple(self._ops.values())

    @property
    def stages(self) -> Mapping[str, str]:
        """The word for each op, as of now."""
        return MappingProxyType(dict(self._stages))

    def in_state(self, *states: OpState) -> list[OpRecord]:
        """Ops in one of these states, in order."""
        return [op for op in self._ops.values() if op.state in states]

    def stage(self, op_id: str, word: str) -> None:
        """Say what is being done with an op, between two transitions."""
        self._stages[op_id] = word
        self.notify()

    async def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        """Commit ARMED. False: nothing may be sent; the copy here then shows what the journal made of the op."""
        armed = await self._journal.arm(op_id, body)
        if armed:
            self._keep(replace(self._ops[op_id], state=OpState.ARMED, updated=self._clock.now()))
        else:
            for op in await self._journal.ops(self._ops[op_id].run_id):
                if op.op_id == op_id:
                    self._keep(op)
        return armed

    async def contradicted(self, op_id: str) -> bool:
        """Whether the PSA's answer confirmed something else than was sent; asked of the journal, so that a restart knows it too."""
        bodies = [cast(Mapping[str, object], event["body"]) for event in await self._journal.events(op_id)]
        return any(body.get("contradicts") for body in bodies)

    async def record(
        self, op_id: str, state: OpState, body: Mapping[str, object], *, message: str = "", quantity_after: int | None = None,
    ) -> None:
        """Commit a transition, then let everybody know. What a line that ended without a new one leaves to do is told as well."""
        message = f"{message} {gap_words(endings_of(self.ops), self._ops[op_id], state)}".strip()
        await self._journal.record(op_id, state, body, message=message, quantity_after=quantity_after)
        self._keep(replace(
            self._ops[op_id], state=state, message=message, quantity_after=quantity_after, updated=self._clock.now(),
        ))

    def _keep(self, op: OpRecord) -> None:
        self._ops[op.op_id] = op
        self._stages[op.op_id] = STAGE_OF[op.state]
        self.notify()

    def notify(self) -> None:
        """Tell the listener that something is new."""
        try:
            self._tell()
        except Exception:
            # The window may fail to draw; the write protocol may not fail with it.
            _logger.exception("telling about a push failed")
