"""Every interleaving of a push with a lossy PSA, crashes and another user, run with the real engine. The ledger is the judge.

Not a sample: each choice (how a write is answered, whether the process dies at this commit, whether somebody acts before this
request) is a branch, and every branch is walked.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OPEN, OpState, OutcomeClass
from reconcile_app.core.ports import Outcome, PreparedWrite, WriteSemantics
from reconcile_app.services.push import Push
from reconcile_app.services.recovery import Recovery
from reconcile_app.services.watch import alarm, watch_items
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import Crash, MemoryJournal
from tests.fakes.planning import EFFECTIVE, change_of, plan_of
from tests.fakes.psa import Entry, FakePsa, Fault, Late

BEFORE, TARGET, NEIGHBOUR = 10, 13, 4
ANSWERS = (Fault.NONE, Fault.REFUSED, Fault.LOST_BEFORE, Fault.LOST_AFTER, Late(seconds=3), Late(seconds=100), Late(seconds=179))
OTHERS = (1, TARGET - BEFORE, BEFORE - TARGET)
FEWER_ANSWERS = (Fault.NONE, Fault.LOST_AFTER, Late(seconds=100))
WITHOUT_EFFECT = {
    OpState.STALE, OpState.BLOCKED, OpState.SKIPPED_ALREADY, OpState.CANCELLED, OpState.NOT_SENT, OpState.REJECTED,
    OpState.NOT_APPLIED,
}
WITH_TARGET = {OpState.VERIFIED, OpState.CONFIRMED_BY_STATE}


@dataclass(frozen=True, kw_only=True)
class Family:
    """What is explored together. ``compared``: the PSA writes only where the quantity is still what the caller says it is.

    ``crashes`` and ``changes`` are how often the process may die and another user may act; ``away`` is how long the next start
    takes. ``lines``: changes in the plan, each of another customer. ``ways`` are how a write may be answered, ``others`` by how
    many units another user may change the first line.
    """

    semantics: WriteSemantics = WriteSemantics.DELTA
    compared: bool = False
    in_place: bool = False
    crashes: int = 1
    changes: int = 1
    away: float = 1.0
    lines: int = 1
    ways: tuple[Fault | Late, ...] = ANSWERS
    others: tuple[int, ...] = OTHERS


LARGE = Family(crashes=2, changes=2, lines=2, ways=FEWER_ANSWERS, others=(TARGET - BEFORE, BEFORE - TARGET))
"""Two changes, two crashes, two acts of others: by command only."""


class Choices:
    """Walks a tree of choices depth first: each path repeats a prefix and takes the first way everywhere after it."""

    def __init__(self, prefix: list[int]) -> None:
        self._prefix = prefix
        self.taken: list[tuple[int, int]] = []

    def choose(self, count: int) -> int:
        index = len(self.taken)
        way = self._prefix[index] if index < len(self._prefix) else 0
        self.taken.append((way, count))
        return way

    def following(self) -> list[int] | None:
        ways = list(self.taken)
        while ways:
            way, count = ways.pop()
            if way + 1 < count:
                return [w for w, _ in ways] + [way + 1]
        return None


class StrictPsa(FakePsa):
    """A PSA that takes a quantity, or a whole contract, and not a difference.

    ``compared``: only where the line still has the quantity that the caller read. A document carries the other lines as they were
    read, and they are written back as well.
    """

    compared = False
    read_as: dict[str, int]

    def prepare(self, change, state):  # type: ignore[no-untyped-def]  # as the fake
        prepared = super().prepare(change, state)
        body = json.loads(prepared.body) | {"was": state.quantity}
        if self.semantics is WriteSemantics.DOCUMENT:
            body["others"] = {line: self.quantity(line) for line in self.lines_by_id if line != change.line_id}
        return PreparedWrite(method=prepared.method, path=prepared.path, body=json.dumps(body).encode())

    def _answer(self, fault: Fault, prepared: PreparedWrite) -> Outcome:
        body = json.loads(prepared.body)
        if self.compared and fault in (Fault.NONE, Fault.LOST_AFTER) and self.quantity(body["line"]) != body["was"]:
            if fault is Fault.LOST_AFTER:
                return Outcome(outcome=OutcomeClass.UNKNOWN, message="connection reset")
            return Outcome(outcome=OutcomeClass.REJECTED, status=400, message="The quantity is another one.")
        return super()._answer(fault, prepared)

    def _commit(self, prepared: PreparedWrite, actor: str) -> None:
        body = json.loads(prepared.body)
        if self.compared and self._on(self.lines_by_id[body["line"]], EFFECTIVE) != body["was"]:
            return
        semantics, self.semantics = self.semantics, WriteSemantics.SET
        super()._commit(prepared, actor)
        self.semantics = semantics
        for line, quantity in body.get("others", {}).items():
            moved = quantity - self._on(self.lines_by_id[line], EFFECTIVE)
            if moved:
                self._change(line, moved, EFFECTIVE, actor, prepared.body_sha256)


@dataclass
class Path:
    """One path: the choices on it, and what has happened so far. ``acts``: what others did to the first line, in units."""

    family: Family
    choices: Choices
    crashes_left: int
    clock: VirtualClock = field(default_factory=VirtualClock)
    acts: list[int] = field(default_factory=list)
    readings: dict[tuple[str, OpState], int] = field(default_factory=dict)

    def crash_or_not(self, name: str) -> None:
        if self.crashes_left and self.choices.choose(2):
            self.crashes_left -= 1
            raise Crash(name)

    def other_or_not(self, psa: FakePsa) -> None:
        if len(self.acts) < self.family.changes:
            way = self.choices.choose(len(self.family.others) + 1)
            if way:
                self.acts.append(self.family.others[way - 1])
                psa.other_user("L1", self.acts[-1])


@dataclass
class Explored:
    """What all paths came to. ``unseen``: paths on which another user's change was overwritten and nothing says so."""

    ends: Counter[tuple[OpState | None, ...]] = field(default_factory=Counter)
    unseen: int = 0

    @property
    def paths(self) -> int:
        return self.ends.total()

    @property
    def states(self) -> set[OpState | None]:
        return {state for ends in self.ends for state in ends}


async def explore(family: Family, most: int = 0, say: Callable[[int], None] = lambda count: None) -> Explored:
    """Walk every path of a family (``most``: only so many)."""
    explored = Explored()
    prefix: list[int] | None = []
    while prefix is not None and not (most and explored.paths >= most):
        path = Path(family=family, choices=Choices(prefix), crashes_left=family.crashes)
        await _walk(path, explored)
        prefix = path.choices.following()
        say(explored.paths)
    return explored


async def _walk(path: Path, explored: Explored) -> None:
    psa = _world(path)
    wishes = [change_of(f"L{n}", BEFORE, TARGET, customer=f"K{n}", contract_id=f"C{n}") for n in range(1, path.family.lines + 1)]
    plan = await plan_of(psa, path.clock, wishes)
    psa.writes += [path.family.ways[path.choices.choose(len(path.family.ways))] for _ in wishes]
    psa.on_access = lambda name: path.other_or_not(psa)
    journal = MemoryJournal(path.clock)
    journal.boundary = _noting(path, psa, journal)
    try:
        await Push(psa, journal, path.clock, "Ada", "desk-1", jitter=lambda: 0.5).run(plan, "", lambda view: None)
    except Crash:
        path.clock.advance(path.family.away)
    for _ in range(2):  # recovering twice must be recovering once
        journal = await _recovered(journal, psa, path)
    path.other_or_not(psa)
    path.clock.advance(1_000)
    await _judge(path, psa, journal, explored)


def _world(path: Path) -> FakePsa:
    family = path.family
    strict = family.semantics is not WriteSemantics.DELTA
    psa = (StrictPsa if strict else FakePsa)(path.clock, semantics=family.semantics, in_place=family.in_place)
    if isinstance(psa, StrictPsa):
        psa.compared = family.compared
    for n in range(1, family.lines + 1):
        psa.add_line(f"L{n}", BEFORE, contract_id=f"C{n}")
    psa.add_line("N", NEIGHBOUR, contract_id="C1", service_id="S2")
    return psa


async def _recovered(journal: MemoryJournal, psa: FakePsa, path: Path) -> MemoryJournal:
    while True:
        journal = journal.reopen()
        journal.boundary = _noting(path, psa, journal)
        try:
            await Recovery(psa, journal, path.clock).run()
        except Crash:
            path.clock.advance(1)
        else:
            return journal


def _noting(path: Path, psa: FakePsa, journal: MemoryJournal) -> Callable[[str], None]:
    """Crash anywhere; note what the lines had when an op took a state."""
    before: dict[str, OpState] = {}

    def boundary(name: str) -> None:
        for op_id, op in journal.stored.ops.items():
            if before.get(op_id) is not op.state:
                path.readings.setdefault((op_id, op.state), psa.quantity(op.change.line_id))
                before[op_id] = op.state
        path.crash_or_not(name)

    return boundary


async def _judge(path: Path, psa: FakePsa, journal: MemoryJournal, explored: Explored) -> None:
    ops = sorted(journal.stored.ops.values(), key=lambda op: op.seq)
    explored.ends[tuple(op.state for op in ops) or (None,)] += 1
    if not ops:
        assert not psa.commits("us"), "sent before the plan was on disk"
    assert psa.requests.count("write") <= max(1, len(ops)), "sent twice"
    for op in ops:
        _judge_op(path, psa, op)
    for op in ops:
        if op.state in WITH_TARGET:
            await _judge_applied(path, psa, journal, op)
    explored.unseen += _overwritten(path, psa, ops)
    if path.family.semantics is not WriteSemantics.DOCUMENT:
        assert psa.quantity("N") == NEIGHBOUR * SCALE


def _ours(psa: FakePsa, line: str) -> list[Entry]:
    return [entry for entry in psa.commits("us") if entry.line_id == line]


def _judge_op(path: Path, psa: FakePsa, op: OpRecord) -> None:
    ours = _ours(psa, op.change.line_id)
    assert len(ours) <= 1, "written twice"
    assert op.state not in OPEN - {OpState.NEEDS_REVIEW}, "everything could be read, so everything is settled"
    if op.state in WITHOUT_EFFECT:
        assert not ours, f"said {op.state}, and was applied"


async def _judge_applied(path: Path, psa: FakePsa, journal: MemoryJournal, op: OpRecord) -> None:
    line = op.change.line_id
    ours, acts = _ours(psa, line), path.acts if line == "L1" else []
    seen = path.readings.get((op.op_id, op.state), TARGET * SCALE)
    assert seen == op.quantity_after == TARGET * SCALE, "the target was there when we said so"
    if op.state is OpState.VERIFIED or not acts:
        assert len(ours) == 1, "nobody but us can have done it"
    else:
        assert ours or TARGET - BEFORE in _sums(acts), "said applied, and nobody did it"
    delta = path.family.semantics is WriteSemantics.DELTA
    if delta and psa.quantity(line) == (2 * TARGET - BEFORE) * SCALE and op.state is OpState.CONFIRMED_BY_STATE:
        watched = await watch_items(journal, path.clock)
        assert any(alarm(item, psa.quantity(line)) for item in watched), "a doubled quantity is never silent"


def _sums(acts: list[int]) -> set[int]:
    return {sum(acts[:count]) for count in range(len(acts) + 1)}


def _overwritten(path: Path, psa: FakePsa, ops: Iterable[OpRecord]) -> bool:
    """Whether our write put an end to a change of somebody else that it did not know of, and the op is said to be well."""
    if path.family.semantics is WriteSemantics.DELTA:
        return False
    well = any(op.change.line_id == "L1" and op.state in WITH_TARGET for op in ops)
    return well and any(entry.before != BEFORE * SCALE for entry in _ours(psa, "L1"))
