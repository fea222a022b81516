"""Run one seed: every profile lives and dies as its scenario says; in the end the wire is calm and everything is looked at."""

import asyncio
import contextlib
import hashlib
import logging
import random
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from reconcile_app.core.errors import ReconcileError
from tests.simulation.bench import Bench
from tests.simulation.bench_compared import ComparedBench
from tests.simulation.checker import Violation, check
from tests.simulation.comparing import ComparingLife
from tests.simulation.operating import Life
from tests.simulation.scenario import Scenario, draw
from tests.simulation.scene import Profile, Scene
from tests.simulation.story import Story

_LATER = 3_600.0
FAST = Path("/dev/shm")
"""Memory instead of a disk, where there is one: syncing to it costs nothing."""


@dataclass(frozen=True)
class Result:
    """One seed, run and judged. ``states``: how the ops ended. ``stops``: what the pushes said in the end. ``digest`` stands for
    every journal and ledger entry."""

    story: Story
    violations: list[Violation]
    states: list[str]
    digest: str
    stops: list[str]


def simulate(
    scenario: Scenario | int, *, say: Callable[[str], None] | None = None, bench: Bench | None = None, kind: str = "",
) -> Result:
    """Run a scenario, or the one of a seed, and judge it."""
    scenario = draw(scenario, kind) if isinstance(scenario, int) else scenario
    if scenario.compared and scenario.kind == "autotask" and bench is None:
        bench = ComparedBench(Random(f"world {scenario.seed}"))
    folder = Path(tempfile.mkdtemp(prefix="reconcile-sim-", dir=FAST if FAST.is_dir() else None))
    try:
        with _settled_chance(scenario.seed):
            scene = Scene(scenario, folder, bench, say)
            with _overheard(scene):
                play(scene)
            story = scene.finish()
        violations = check(story)
        states, digest = _ends(story)
        return Result(story, violations, states, digest, scene.stops)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(scene: Scene) -> None:
    """From the first start to the last look."""
    try:
        scene.loop.run_until_complete(_everything(scene))
    finally:
        scene.loop.close()


async def _everything(scene: Scene) -> None:
    await asyncio.gather(*(_lives(scene, profile, start) for profile, start in zip(
        scene.profiles, (0.0, scene.scenario.second or 0.0), strict=False,
    )))
    scene.net.calm = True
    await asyncio.sleep(_LATER)
    for profile in scene.profiles:
        await _one(scene, profile, lambda life: _finish(scene, life))


async def _lives(scene: Scene, profile: Profile, start: float) -> None:
    await asyncio.sleep(start)
    while True:
        death = await _one(scene, profile, lambda life: life.run())
        if death is None:
            break
        dying = profile.dyings.popleft()
        await asyncio.sleep(dying.away)
    await asyncio.sleep(_LATER)
    await _one(scene, profile, lambda life: life.watch())


async def _one(scene: Scene, profile: Profile, use: Callable[[Life], object]) -> str | None:
    process = scene.new_life(profile)
    made = ComparingLife if isinstance(scene.bench, ComparedBench) else Life
    process.start(use(made(scene, profile, process)))  # type: ignore[arg-type]  # the two kinds of life take the same order
    death = await process.ended
    if process.failure is not None:
        scene.story.failures.append(f"{type(process.failure).__name__}: {process.failure}")
    return death


async def _finish(scene: Scene, life: Life) -> None:
    """Recover twice, look at everything, and recover never again."""
    await life.recover()
    await asyncio.sleep(1)
    first = _state_of(life.profile)
    await life.recover()
    scene.story.recoveries.append((life.profile.name, first, _state_of(life.profile)))
    await life.last_look()


def _state_of(profile: Profile) -> str:
    """Everything the journal says but the lease, which every opening raises."""
    said = hashlib.sha256()
    for path in profile.disk.journals():
        with contextlib.closing(sqlite3.connect(path)) as db:
            for query in ("SELECT hash FROM op_event ORDER BY n", "SELECT op_id, state, message FROM op ORDER BY op_id"):
                said.update(repr(db.execute(query).fetchall()).encode())
    return said.hexdigest()


def _ends(story: Story) -> tuple[list[str], str]:
    states: list[str] = []
    said = hashlib.sha256(repr([{**entry} for entry in story.ledger]).encode())
    for path in story.journals.values():
        with contextlib.closing(sqlite3.connect(path)) as db:
            states += [row[0] for row in db.execute("SELECT state FROM op")]
            said.update(repr(db.execute("SELECT n, hash FROM op_event ORDER BY n").fetchall()).encode())
    return states, said.hexdigest()


@contextlib.contextmanager
def _settled_chance(seed: int) -> Iterator[None]:
    """Pauses and run ids come from the seed too."""
    state, token = random.getstate(), secrets.token_hex
    random.seed(seed)
    own = Random(f"ids {seed}")
    secrets.token_hex = lambda count=None: f"{own.getrandbits(8 * (count or 32)):0{2 * (count or 32)}x}"  # type: ignore[assignment]  # the seed decides the ids of runs too
    try:
        yield
    finally:
        random.setstate(state)
        secrets.token_hex = token


class _Ear(logging.Handler):
    """Hears what the program writes to its log."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def emit(self, record: logging.LogRecord) -> None:
        if self._scene.is_sweeping():
            return
        text = record.getMessage()
        self._scene.story.artefacts.append(("log", text.encode()))
        told = record.exc_info is not None and isinstance(record.exc_info[1], ReconcileError)
        if record.levelno >= logging.ERROR and not told:
            self._scene.say(f"log: {text}")
            self._scene.story.failures.append(f"log: {text}: {record.exc_info[1]!r}" if record.exc_info else f"log: {text}")


@contextlib.contextmanager
def _overheard(scene: Scene) -> Iterator[None]:
    loggers, ear = [logging.getLogger(name) for name in ("reconcile_app", "stamina")], _Ear(scene)
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(ear)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, spreads) in zip(loggers, before, strict=True):
            logger.removeHandler(ear)
            logger.setLevel(level)
            logger.propagate = spreads
