"""A PSA in memory: contract lines with dated unit rows, quantities that change by deltas, a ledger, and every way to go wrong."""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import Enum

from reconcile_app.core.amounts import SCALE, is_whole
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import ConnectionFailed, PlanRefused, ReconcileError
from reconcile_app.core.judge import OutcomeClass
from reconcile_app.core.ports import (
    Budget,
    Clock,
    EvidenceItem,
    Fetched,
    LineState,
    Outcome,
    PermissionCheck,
    PreparedWrite,
    Tenant,
    WriteSemantics,
)

LAST_DAY = date(2027, 1, 25)


class Fault(Enum):
    """What happens to one write."""

    NONE = "none"
    REFUSED = "refused"
    REFUSED_YET_DONE = "refused, and yet done"
    ACKNOWLEDGED_NOT_DONE = "acknowledged, and not done"
    DONE_TWICE = "acknowledged, and done twice"
    LOST_BEFORE = "lost before it was done"
    LOST_AFTER = "lost after it was done"
    NOT_SENT = "not sent"
    WAIT = "wait"
    REFRESH = "refresh"
    FORBIDDEN = "forbidden"
    RAISES = "raises"
    CUT_OFF = "task cut off"


@dataclass(frozen=True, kw_only=True)
class Late:
    """The answer is lost, and the PSA carries the write out so many seconds later."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Wait:
    """The PSA asks to wait; ``seconds`` as it says, or None when it does not say."""

    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One committed write."""

    actor: str
    line_id: str
    before: int
    after: int
    body_sha256: str
    at: float


@dataclass(kw_only=True)
class Line:
    """A contract line."""

    line_id: str
    contract_id: str
    service_id: str
    cost: int
    rows: list[EvidenceItem] = field(default_factory=list)
    ended: date | None = None


class FakePsa:
    """Implements ``core.ports.PsaPort`` as far as pushing needs it.

    ``writes`` are the faults of the next writes, one each; without one a write succeeds. ``reads`` are the errors of the next
    readings of a line (None: succeeds). ``on_access`` is called before every request with its name, so that another user can act
    at any moment. ``blocked`` maps line ids to why they may not be written. ``gate`` holds every write back until it is set.
    ``whole`` maps line ids to why they are changed in place where lines are replaced. ``in_place``: a change on the first day of a
    row keeps the row's id, and only a note tells of it.
    """

    def __init__(self, clock: Clock, *, semantics: WriteSemantics = WriteSemantics.DELTA, in_place: bool = False) -> None:
        self.clock = clock
        self.in_place = in_place
        self.semantics = semantics
        self.lines_by_id: dict[str, Line] = {}
        self.ledger: list[Entry] = []
        self.writes: deque[Fault | Late | Wait] = deque()
        self.reads: deque[ReconcileError | Exception | None] = deque()
        self.renewals: deque[ReconcileError | None] = deque()
        self.on_access: Callable[[str], None] = lambda name: None
        self.blocked: dict[str, str] = {}
        self.whole: dict[str, str] = {}
        self.attribution = ""
        self.fingerprint = "tenant-1"
        self.clock_skew: float | None = 0.5
        self.tenant_error: ReconcileError | None = None
        self.allowance: Budget | ReconcileError | None = None
        self.requests: list[str] = []
        self.gate: asyncio.Event | None = None
        self._late: list[tuple[float, Callable[[], None]]] = []
        self._in_flight = 0
        self._next_row = 1

    # the world ---------------------------------------------------------------------------------------------------------------

    def add_line(
        self, line_id: str, quantity: int, *, contract_id: str = "C1", service_id: str = "S1", cost: int = 10_000,
        starts: Sequence[date] = (date(2026, 10, 26), date(2026, 11, 26), date(2026, 12, 26)),
    ) -> Line:
        """A line with one unit row per period and a whole quantity in units."""
        ends = [start - timedelta(days=1) for start in starts[1:]] + [LAST_DAY]
        rows = [self._row(start, end, quantity * SCALE) for start, end in zip(starts, ends, strict=True)]
        line = Line(line_id=line_id, contract_id=contract_id, service_id=service_id, cost=cost, rows=rows)
        self.lines_by_id[line_id] = line
        return line

    def quantity(self, line_id: str, day: date = date(2026, 11, 26)) -> int:
        """The quantity in force, after everything that is due."""
        self.pass_time()
        return self._on(self.lines_by_id[line_id], day)

    def other_user(self, line_id: str, units: int, day: date = date(2026, 11, 26)) -> None:
        """Somebody else changes the line."""
        self._change(line_id, units * SCALE, day, "other", "")

    def touch(self, line_id: str) -> None:
        """Somebody changes the line and takes it back: same quantity, other rows."""
        line = self.lines_by_id[line_id]
        line.rows = [replace(row, id=self._new_id()) for row in line.rows]

    def commits(self, actor: str = "us") -> list[Entry]:
        """What was committed by one actor, what is due included."""
        self.pass_time()
        return [entry for entry in self.ledger if entry.actor == actor]

    def pass_time(self) -> None:
        """Let happen what is due."""
        now = self.clock.monotonic()
        due = [act for at, act in self._late if at <= now]
        self._late = [(at, act) for at, act in self._late if at > now]
        for act in due:
            act()

    def _row(self, start: date, end: date, quantity: int) -> EvidenceItem:
        return EvidenceItem(id=self._new_id(), start=start.isoformat(), end=end.isoformat(), quantity=quantity)

    def _new_id(self) -> str:
        self._next_row += 1
        return f"row-{self._next_row}"

    @staticmethod
    def _on(line: Line, day: date) -> int:
        covering = [row for row in line.rows if row.start <= day.isoformat() <= row.end]
        return covering[-1].quantity if covering else 0

    def _change(self, line_id: str, delta: int, day: date, actor: str, sha: str) -> None:
        line = self.lines_by_id.get(line_id)
        if line is None:
            return
        before = self._on(line, day)
        rows: list[EvidenceItem] = []
        for row in line.rows:
            if row.start < day.isoformat() <= row.end:
                cut = (day - timedelta(days=1)).isoformat()
                rows.append(replace(row, end=cut))
                rows.append(replace(row, id=self._new_id(), start=day.isoformat(), quantity=row.quantity + delta))
            elif row.start >= day.isoformat():
                fresh = row.start == day.isoformat() and not self.in_place
                rows.append(replace(row, id=self._new_id() if fresh else row.id, quantity=row.quantity + delta))
            else:
                rows.append(row)
        line.rows = rows or [self._row(day, LAST_DAY, delta)]
        if self.in_place:
            self.attribution = f"{actor} (note {len(self.ledger) + 1})"
        self.ledger.append(Entry(
            actor=actor, line_id=line_id, before=before, after=before + delta, body_sha256=sha, at=self.clock.monotonic(),
        ))

    # the port ----------------------------------------------------------------------------------------------------------------

    async def check(self) -> list[PermissionCheck]:
        return []

    async def tenant(self) -> Tenant:
        await self._request("tenant")
        if self.tenant_error is not None:
            raise self.tenant_error
        return Tenant(fingerprint=self.fingerprint, label="Contoso PSA", clock_skew=self.clock_skew)

    async def budget(self) -> Budget | None:
        if isinstance(self.allowance, ReconcileError):
            raise self.allowance
        return self.allowance

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        raise AssertionError("pushing reads no companies")

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        raise AssertionError("pushing reads no contracts")

    async def services(self) -> Fetched:
        raise AssertionError("pushing reads no services")

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        raise AssertionError("pushing reads no whole contracts")

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        return {change.line_key: self._state(change) for change in changes}

    async def read_line(self, change: Change) -> LineState:
        await self._request("read")
        error = self.reads.popleft() if self.reads else None
        if error is not None:
            raise error
        return self._state(change)

    def prepare(self, change: Change, state: LineState) -> PreparedWrite:
        if not is_whole(change.delta) or state.unmet:
            raise PlanRefused("Whole units only.", state.unmet)
        body: dict[str, object] = {"line": change.line_id, "contract": change.contract_id, "service": change.service_id}
        if change.kind is ChangeKind.SET_UNIT_COST:
            body["cost"] = change.unit_cost_target
        else:
            delta = change.quantity_target - state.quantity
            body |= {"change": delta, "to": change.quantity_target, "from": change.effective_date.isoformat()}
            body |= {"ends": change.kind is ChangeKind.CANCEL_LINE, "cost_of_new": change.unit_cost_target or state.takes_over}
        return PreparedWrite(method="POST", path=f"contracts/{change.contract_id}", body=json.dumps(body).encode())

    async def write(self, prepared: PreparedWrite) -> Outcome:
        fault = self.writes.popleft() if self.writes else Fault.NONE
        await self._request("write")
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(fault, Late):
            due = self.clock.monotonic() + fault.seconds
            self._late.append((due, lambda: self._commit(prepared, "us")))
            return Outcome(outcome=OutcomeClass.UNKNOWN, message="timed out")
        if isinstance(fault, Wait):
            return Outcome(outcome=OutcomeClass.WAIT, status=429, retry_after=fault.seconds)
        return self._answer(fault, prepared)

    def _answer(self, fault: Fault, prepared: PreparedWrite) -> Outcome:
        done = {Fault.NONE: 1, Fault.LOST_AFTER: 1, Fault.REFUSED_YET_DONE: 1, Fault.DONE_TWICE: 2}.get(fault, 0)
        for _ in range(done):
            self._commit(prepared, "us")
        if fault is Fault.RAISES:
            raise ValueError("the answer surprised the connector")
        if fault is Fault.CUT_OFF:
            raise asyncio.CancelledError
        outcome, status, message = {
            Fault.REFUSED: (OutcomeClass.REJECTED, 400, "The date is outside the contract."),
            Fault.REFUSED_YET_DONE: (OutcomeClass.REJECTED, 400, "No."),
            Fault.LOST_BEFORE: (OutcomeClass.UNKNOWN, None, "connection reset"),
            Fault.LOST_AFTER: (OutcomeClass.UNKNOWN, None, "connection reset"),
            Fault.NOT_SENT: (OutcomeClass.NOT_SENT, None, "connection refused"),
            Fault.WAIT: (OutcomeClass.WAIT, 409, ""),
            Fault.REFRESH: (OutcomeClass.REFRESH, 401, "token expired"),
            Fault.FORBIDDEN: (OutcomeClass.FORBIDDEN, 403, "not allowed"),
        }.get(fault, (OutcomeClass.APPLIED, 200, ""))
        return Outcome(outcome=outcome, status=status, message=message)

    def _commit(self, prepared: PreparedWrite, actor: str) -> None:
        body = json.loads(prepared.body)
        line = self.lines_by_id.get(body["line"])
        if "cost" in body:
            if line is not None:
                entry = Entry(actor=actor, line_id=line.line_id, before=line.cost, after=body["cost"],
                              body_sha256=prepared.body_sha256, at=self.clock.monotonic())
                line.cost = body["cost"]
                self.ledger.append(entry)
            return
        day = date.fromisoformat(body["from"])
        if line is None:
            # As the real thing does: a line that is not found is created.
            cost = int(body["cost_of_new"] or 0)
            line = Line(line_id=f"new-{self._new_id()}", contract_id=body["contract"], service_id=body["service"], cost=cost)
            self.lines_by_id[line.line_id] = line
        absolute = self.semantics is WriteSemantics.SET
        delta = body["to"] - self._on(line, day) if absolute else body["change"]
        line.ended = day if body["ends"] else line.ended
        self._change(line.line_id, delta, day, actor, prepared.body_sha256)

    async def renew(self) -> None:
        self.requests.append("renew")
        error = self.renewals.popleft() if self.renewals else None
        if error is not None:
            raise error

    @property
    def calls(self) -> int:
        return len(self.requests)

    async def aclose(self) -> None:
        return None

    async def _request(self, name: str) -> None:
        self._in_flight += 1
        try:
            if self._in_flight > 1:
                raise AssertionError("two requests in flight")
            self.pass_time()
            self.on_access(name)
            self.requests.append(name)
            await asyncio.sleep(0)
        finally:
            self._in_flight -= 1

    def _state(self, change: Change) -> LineState:
        if change.kind is ChangeKind.REPLACE_LINE:
            old = self.lines_by_id[change.replaces]
            unmet = "" if old.ended == change.effective_date else f"{old.line_id} does not end on {change.effective_date}."
            return replace(self._line_state(change), takes_over=str(old.cost), unmet=unmet)
        return replace(self._line_state(change), in_place=self.whole.get(change.line_id, ""))

    def _line_state(self, change: Change) -> LineState:
        found = self._find(change)
        of_contract = [line for line in self.lines_by_id.values() if line.contract_id == change.contract_id]
        neighbours = hashlib.sha256(repr(sorted(
            (line.line_id, line.rows) for line in of_contract if line not in found
        )).encode()).hexdigest()
        if len(found) != 1:
            return LineState(line_id="", present=bool(found), quantity=0, neighbours=neighbours, attribution=self.attribution)
        line = found[0]
        since = change.effective_date.isoformat()
        return LineState(
            line_id=line.line_id, present=True, quantity=self._on(line, change.effective_date), unit_cost=line.cost,
            blocked=self.blocked.get(line.line_id, ""), evidence=tuple(row for row in line.rows if row.end >= since),
            neighbours=neighbours, attribution=self.attribution,
        )

    def _find(self, change: Change) -> list[Line]:
        if change.line_id:
            return [line for line in self.lines_by_id.values() if line.line_id == change.line_id]
        return [
            line for line in self.lines_by_id.values()
            if (line.contract_id, line.service_id) == (change.contract_id, change.service_id)
            and line.ended is None and line.line_id != change.replaces
        ]


def unreachable() -> ConnectionFailed:
    """A reading that failed."""
    return ConnectionFailed("Cannot reach the PSA.")
