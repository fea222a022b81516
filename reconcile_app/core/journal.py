"""The journal's records and port: what was approved, what was sent, what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reconcile_app.core.changes import Change
from reconcile_app.core.judge import OpState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A frozen plan as the journal keeps it. ``kind`` is ``push`` or ``undo``; ``source_run`` is the comparison's run id."""

    run_id: str
    source_run: str
    tenant: str
    psa: str
    operator: str
    machine: str
    created: datetime
    expires: datetime
    plan_json: bytes
    plan_sha256: str
    snapshot_sha256: str
    app_version: str
    kind: str = "push"
    undoes_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRecord:
    """One op as the journal keeps it. ``change`` is the frozen change; ``state_before`` the evidence it was approved on."""

    op_id: str
    run_id: str
    seq: int
    change: Change
    semantics: str
    evidence_sha256: str
    state: OpState
    message: str = ""
    quantity_after: int | None = None
    updated: datetime | None = None


class JournalPort(Protocol):
    """The append-only record of ops of one tenant. Every method commits and syncs before it returns.

    Raises (all methods): JournalDamaged, DiskFull, StorageError. After any of them but DiskFull the journal refuses to write.
    """

    async def begin(self, run: RunRecord, ops: Sequence[OpRecord]) -> None:
        """Store a frozen plan and its ops durably, before the first request."""

    async def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        """Commit ARMED for an op. False (and BLOCKED is recorded) when its line has another open op; also false when cancelling
        was requested or the epoch is no longer ours (the op then stays PLANNED)."""

    async def record(
        self, op_id: str, state: OpState, body: Mapping[str, object], *, message: str = "", quantity_after: int | None = None
    ) -> None:
        """Commit a transition with its evidence. Refuses one that the state table does not have."""

    async def request_cancel(self, run_id: str) -> None:
        """Set the durable flag: no further op is armed."""

    async def cancel_requested(self, run_id: str) -> bool:
        """Whether the flag is set."""

    async def runs(self) -> list[RunRecord]:
        """Every run, oldest first."""

    async def ops(self, run_id: str) -> list[OpRecord]:
        """Ops of a run in order."""

    async def unfinished(self) -> list[OpRecord]:
        """Ops that are PLANNED, ARMED, UNKNOWN, APPLIED or NEEDS_REVIEW, over all runs."""

    async def armed_body(self, op_id: str) -> dict[str, object] | None:
        """The body of the op's last ARMED event: evidence, request digest, time."""

    async def events(self, op_id: str) -> list[dict[str, object]]:
        """Every event of an op: kind, utc (ISO text), mono_ns (monotonic clock of this computer), body."""

    async def raise_epoch(self) -> int:
        """Take the lease: a new, higher epoch is ours from now on."""

    async def head(self) -> str:
        """The last hash of the chain, for the workbook."""

    async def aclose(self) -> None:
        """Close the file."""
