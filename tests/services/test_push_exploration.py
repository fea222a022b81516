"""Every interleaving of one change with a lossy PSA, one crash and one other user, run with the real engine.

The ledger of the PSA is the judge. The number of paths is asserted, so that the explorer cannot silently shrink.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.services.push import Push
from reconcile_app.services.recovery import Recovery
from reconcile_app.services.watch import alarm, watch_items
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import Crash, MemoryJournal
from tests.fakes.planning import change_of, plan_of
from tests.fakes.psa import FakePsa, Fault, Late

BEFORE, TARGET = 10, 13
ANSWERS = (Fault.NONE, Fault.REFUSED, Fault.LOST_BEFORE, Fault.LOST_AFTER, Late(seconds=3), Late(seconds=100), Late(seconds=179))
OTHERS = (1, TARGET - BEFORE, BEFORE - TARGET)
WITHOUT_EFFECT = {
    OpState.STALE, OpState.BLOCKED, OpState.SKIPPED_ALREADY, OpState.CANCELLED, OpState.NOT_SENT, OpState.REJECTED,
    OpState.NOT_APPLIED,
}
WITH_TARGET = {OpState.VERIFIED, OpState.CONFIRMED_BY_STATE}


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


@dataclass
class Path:
    """One path: the choices on it, and what went wrong so far."""

    choices: Choices
    crashes_left: int
    clock: VirtualClock = field(default_factory=VirtualClock)
    other: int = 0

    def crash_or_not(self, name: str) -> None:
        if self.crashes_left and self.choices.choose(2):
            self.crashes_left -= 1
            raise Crash(name)

    def other_or_not(self, psa: FakePsa) -> None:
        if not self.other:
            way = self.choices.choose(len(OTHERS) + 1)
            if way:
                self.other = OTHERS[way - 1]
                psa.other_user("L1", self.other)


async def walk(path: Path, in_place: bool, away: float) -> OpState | None:
    psa = FakePsa(path.clock, in_place=in_place)
    psa.add_line("L1", BEFORE)
    psa.add_line("L2", 4, service_id="S2")
    plan = await plan_of(psa, path.clock, [change_of("L1", BEFORE, TARGET)])
    psa.writes.append(ANSWERS[path.choices.choose(len(ANSWERS))])
    psa.on_access = lambda name: path.other_or_not(psa)
    readings: dict[OpState, int] = {}
    journal = MemoryJournal(path.clock, boundary=_noting(path, psa, readings))
    try:
        await Push(psa, journal, path.clock, "Ada", "desk-1", jitter=lambda: 0.5).run(plan, "", lambda view: None)
    except Crash:
        path.clock.advance(away)
    for _ in range(2):  # recovering twice must be recovering once
        journal = await recovered(journal, psa, path)
    path.other_or_not(psa)
    path.clock.advance(1_000)
    await judge(path, psa, journal, readings)
    return next((op.state for op in journal.stored.ops.values()), None)


async def recovered(journal: MemoryJournal, psa: FakePsa, path: Path) -> MemoryJournal:
    while True:
        journal = journal.reopen()
        try:
            await Recovery(psa, journal, path.clock).run()
        except Crash:
            path.clock.advance(1)
        else:
            return journal


def _noting(path: Path, psa: FakePsa, readings: dict[OpState, int]) -> Callable[[str], None]:
    """Crash anywhere; note what the world looked like when an op took a state."""

    def boundary(name: str) -> None:
        path.crash_or_not(name)
        when, _, what = name.partition(" ")
        if when == "before" and what in OpState.__members__:
            readings[OpState(what)] = psa.quantity("L1")

    return boundary


async def judge(path: Path, psa: FakePsa, journal: MemoryJournal, readings: dict[OpState, int]) -> None:
    ours = psa.commits("us")
    op = next(iter(journal.stored.ops.values()), None)
    if op is None:
        assert not ours, "sent before the plan was on disk"
        return
    assert len(ours) <= 1, "written twice"
    assert psa.requests.count("write") <= 1, "sent twice"
    assert op.state not in OPEN - {OpState.NEEDS_REVIEW}, "everything could be read, so everything is settled"
    if op.state in WITHOUT_EFFECT:
        assert not ours, f"said {op.state}, and was applied"
    if op.state in WITH_TARGET:
        await judge_applied(path, psa, journal, readings[op.state])
    assert psa.quantity("L2") == 4 * SCALE


async def judge_applied(path: Path, psa: FakePsa, journal: MemoryJournal, reading: int) -> None:
    ours, now = psa.commits("us"), psa.quantity("L1")
    op = next(iter(journal.stored.ops.values()))
    assert reading == op.quantity_after == TARGET * SCALE, "the target was there when we said so"
    if op.state is OpState.VERIFIED or not path.other:
        assert len(ours) == 1, "nobody but us can have done it"
    else:
        assert ours or path.other == TARGET - BEFORE, "said applied, and nobody did it"
    if now == (2 * TARGET - BEFORE) * SCALE and op.state is OpState.CONFIRMED_BY_STATE:
        watched = await watch_items(journal, path.clock)
        assert any(alarm(item, now) for item in watched), "a doubled quantity is never silent"


async def explore(in_place: bool, crashes: int, away: float) -> Counter[OpState | None]:
    ends: Counter[OpState | None] = Counter()
    prefix: list[int] | None = []
    while prefix is not None:
        path = Path(choices=Choices(prefix), crashes_left=crashes)
        ends[await walk(path, in_place, away)] += 1
        prefix = path.choices.following()
    return ends


@pytest.mark.parametrize(("in_place", "crashes", "away", "paths"), [
    (False, 1, 1.0, 1_636),
    (True, 1, 1.0, 1_636),
    (False, 1, 3_600.0, 1_384),
    (False, 2, 1.0, 6_759),
])
async def test_no_interleaving_writes_twice_or_says_what_is_not_so(
    in_place: bool, crashes: int, away: float, paths: int,
) -> None:
    ends = await explore(in_place, crashes, away)
    assert ends.total() == paths, ends
    # Every end that one change can have is reached, so that the assertions above are about something.
    assert set(ends) == {
        None, OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.NOT_APPLIED, OpState.NEEDS_REVIEW, OpState.REJECTED,
        OpState.STALE, OpState.SKIPPED_ALREADY, OpState.CANCELLED,
    }
