"""Many attempts: lanes side by side until so many processes were killed, and the sums of what came of them."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.kill.attempts import attempt_of
from tests.kill.harness import Ended, Kill, Lane
from tests.kill.trail import STEPS

LANES = 2

FAULTS = ("doubled", "lost", "unexplained", "chain", "sent unarmed", "recovery", "words", "history")
"""What can be wrong: a change sent twice; one said to be what it is not; one that nobody can explain; a damaged journal; a request
without ARMED; recovery that sends, changes or leaves something; a wrong sentence; a wrong history."""


@dataclass(slots=True)
class Sums:
    """What came of all attempts. ``boundaries``: those met, of pushes that replace lines (true) and of others; ``gaps``: lines that
    ended without a new one because the push was ended between the two."""

    kills: list[Kill] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    boundaries: set[tuple[bool, int]] = field(default_factory=set)
    gaps: int = 0
    slowest_recovery: float = 0.0
    seconds: float = 0.0

    def add(self, ended: Ended) -> None:
        self.attempts += 1
        self.kills += ended.kills
        if ended.attempt.kind == "boundary" and ended.kills:
            self.boundaries.add((ended.attempt.rows[0]["replaced"], ended.attempt.kill["nth"]))
        self.gaps += ended.gaps
        self.faults.update(fault.kind for fault in ended.faults)
        self.slowest_recovery = max(self.slowest_recovery, ended.recovery_seconds)

    def include(self, other: Sums) -> None:
        """Add what came of the attempts on another PSA at the same time."""
        self.kills += other.kills
        self.faults += other.faults
        self.attempts += other.attempts
        self.boundaries |= other.boundaries
        self.gaps += other.gaps
        self.slowest_recovery = max(self.slowest_recovery, other.slowest_recovery)
        self.seconds = max(self.seconds, other.seconds)

    @property
    def by_step(self) -> dict[str, int]:
        """Kills by step of the protocol."""
        found = Counter(kill.step for kill in self.kills)
        return {step: found[step] for step in STEPS}

    @property
    def by_kind(self) -> dict[str, int]:
        """Kills by what chose their moment."""
        found = Counter(kill.kind for kill in self.kills)
        return {kind: found[kind] for kind in ("step", "boundary", "random", "undo", "recovery")}

    def too_few(self, wanted: int) -> list[str]:
        """Steps that were met less often than so many kills must meet each: one in a hundred, from 200 on."""
        least = 0 if wanted < 200 else 1 if wanted < 2_000 else wanted // 100
        return [step for step, count in self.by_step.items() if count < least]


@contextmanager
def lanes(kind: str, count: int, operators: tuple[str, ...] = ("kim",)) -> Iterator[list[Lane]]:
    """So many lanes in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="reconcile-lanes-"))
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(Lane(kind, folder / str(number), operators)) for number in range(count)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


OpenLanes = Callable[[str, int], AbstractContextManager[list[Lane]]]
"""Opens lanes as ``lanes`` does."""


def side_by_side(opened: list[Lane], work: Callable[[Lane, int], bool], numbers: Iterator[int] | None = None) -> None:
    """Number the work and hand it to whichever lane is free, until ``work`` says that there is enough; errors end all of it."""
    numbers, lock, enough = numbers or itertools.count(), threading.Lock(), threading.Event()

    def one(lane: Lane) -> None:
        try:
            while not enough.is_set():
                with lock:
                    number = next(numbers)
                if work(lane, number):
                    enough.set()
        except BaseException:
            enough.set()
            raise

    with ThreadPoolExecutor(len(opened)) as pool:
        for done in [pool.submit(one, lane) for lane in opened]:
            done.result()


Tell = Callable[[str, Ended], None]
"""Told of every attempt, with the kind of PSA."""


def kill_in(opened: list[Lane], kills: int, seed: int, tell: Tell, numbers: Iterator[int] | None = None) -> Sums:
    """Attempts of this seed by their numbers (from 0 on), in whichever lane is free, until so many processes were killed."""
    sums, lock, started = Sums(), threading.Lock(), time.perf_counter()

    def work(lane: Lane, number: int) -> bool:
        ended = lane.carry_out(attempt_of(seed, number, lane.rows))
        with lock:
            if len(sums.kills) < kills:
                sums.add(ended)
                tell(lane.scene.name, ended)
            return len(sums.kills) >= kills

    side_by_side(opened, work, numbers)
    sums.seconds = time.perf_counter() - started
    return sums


def kill_all(
    kinds: Sequence[str], kills: int, seed: int, tell: Tell, count: int = LANES, opener: OpenLanes = lanes
) -> dict[str, Sums]:
    """The kills divided over several kinds of PSA, side by side; each takes every other number, so that together they are all."""
    lock = threading.Lock()

    def told(kind: str, ended: Ended) -> None:
        with lock:
            tell(kind, ended)

    def one(place: int) -> Sums:
        share = kills // len(kinds) + (place < kills % len(kinds))
        with opener(kinds[place], max(1, count // len(kinds))) as opened:
            return kill_in(opened, share, seed, told, itertools.count(place, len(kinds)))

    with ThreadPoolExecutor(len(kinds)) as pool:
        return dict(zip(kinds, pool.map(one, range(len(kinds))), strict=True))


def replay(kind: str, seed: int, number: int, at: str = "", opener: OpenLanes = lanes) -> Ended:
    """One attempt again; ``at`` ends it at a place (``name:nth``) instead of the moment that chance chose."""
    with opener(kind, 1) as (lane,):
        attempt = attempt_of(seed, number, lane.rows)
        if at:
            point, _, nth = at.rpartition(":")
            attempt = replace(attempt, share=None, kill={"point": point, "nth": int(nth)})
        return lane.carry_out(attempt)
