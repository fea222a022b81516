"""Power loss: everything that was not synced is gone, or half there.

A push is ended right after a commit. What that commit wrote may not be on the disk yet, what the commits before it wrote is: so the
write-ahead log is cut, zeroed or filled with rubbish at a point behind the last commit but one, and the program starts again.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.kill.aftermath import judge_recovery
from tests.kill.attempts import BOUNDARIES, OPS
from tests.kill.harness import Lane
from tests.kill.judge import Fault, Records, World, judge, read_journal
from tests.kill.loop import lanes, side_by_side

PAGE = 4_096
SECTOR = 512


@dataclass(slots=True)
class Losses:
    """What came of all cuts. ``forgotten``: cuts that really took the last commit away."""

    cuts: Counter[str] = field(default_factory=Counter)
    forgotten: int = 0
    faults: list[tuple[int, str, Fault]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A push that ended right after a commit. ``synced`` and ``size``: bytes of the log before and after that commit."""

    data: Path
    journal: Path
    synced: int
    size: int
    initial: Mapping[str, int]
    whole: Records

    @property
    def log(self) -> Path:
        return self.journal.with_name(f"{self.journal.name}-wal")


def lose_many(kind: str, cuts: int, seed: int, *, recover: bool = True, count: int = 2, of_each: int = 12) -> Losses:
    """So many cut points, commit after commit, ``of_each`` of them in one interrupted push.

    With ``recover`` the program starts after each, otherwise only SQLite does.
    """
    losses, lock, started = Losses(), threading.Lock(), time.perf_counter()
    with lanes(kind, count) as opened:

        def work(lane: Lane, number: int) -> bool:
            found = lose(lane, number, random.Random(f"{seed}/power/{number}"), of_each, recover=recover)
            with lock:
                for name, forgotten, faults in found:
                    losses.cuts[name] += 1
                    losses.forgotten += forgotten
                    losses.faults += [(number, name, fault) for fault in faults]
                return losses.cuts.total() >= cuts

        side_by_side(opened, work)
    losses.seconds = time.perf_counter() - started
    return losses


def lose(lane: Lane, number: int, dice: random.Random, cuts: int, *, recover: bool) -> list[tuple[str, bool, list[Fault]]]:
    """One interrupted push, cut in so many ways: each way, whether the last commit is gone, and what is wrong."""
    base = interrupted(lane, number, dice)
    world = lane.world(base.initial)
    found = []
    for index in range(cuts):
        name = list(WAYS)[index % len(WAYS)]
        aside = lane.folder / f"cut-{index}"
        part = "." if recover else base.journal.parent.name
        shutil.copytree(base.data / part, aside / part, copy_function=_link_ballast)
        journal = aside / base.journal.relative_to(base.data)
        WAYS[name](base, journal, dice)
        before = lane.records(aside) if recover else read_journal(journal)
        faults = _judged(base, before, world)
        faults += _recovered(lane, aside, before, world) if recover else []
        found.append((name, _forgotten(base, before), faults))
        shutil.rmtree(aside)
    return found


def _forgotten(base: Base, before: Records) -> bool:
    """Whether the last commit is gone."""
    return len(before.events) < len(base.whole.events) or before.runs != base.whole.runs


def _judged(base: Base, before: Records, world: World) -> list[Fault]:
    """What is wrong with what is left: the chain, or a request that nothing tells of any more."""
    faults = [fault for fault in judge(before, world) if fault.kind in ("chain", "doubled", "sent unarmed", "unexplained")]
    if base.whole.events[: len(before.events)] != before.events:
        faults.append(Fault("chain", "what is left is not the beginning of what was written"))
    return faults


def _recovered(lane: Lane, data: Path, before: Records, world: World) -> list[Fault]:
    """What is wrong after the next start."""
    told = lane.live("recover", data)
    after = lane.records(data)
    faults = [*judge(after, world), *judge_recovery(before, after, told, frozenset())]
    if lane.box.ask("arrivals") != world.arrivals:
        faults.append(Fault("recovery", "recovery sent something"))
    return faults


def interrupted(lane: Lane, number: int, dice: random.Random) -> Base:
    """Push quantities until right after a commit, and end there."""
    data = lane.fresh()
    initial = lane.quantities()
    keys = [row["key"] for row in dice.sample([row for row in lane.rows if row["quantity_only"]], OPS)]
    commit = number * 5 % (BOUNDARIES // 2) + 1
    order = lane.order("push", data, run=lane.run, keys=keys, kill={"point": "commit*", "nth": commit * 2})
    lane.zygotes[0].run(order)
    trail = Path(order["trail"])
    sizes = [int(size) for _, point, size in map(_fields, trail.read_text(encoding="utf-8").splitlines()) if _is_commit(point)]
    trail.unlink()
    assert len(sizes) == commit, "the push was not ended at its commit"
    assert sizes == sorted(sizes), "the log was not only appended to"
    return Base(
        data=data, journal=lane.journal_file(data), synced=[0, *sizes][-2], size=sizes[-1], initial=initial,
        whole=lane.records(data),
    )


def _fields(line: str) -> list[str]:
    return line.split("\t")


def _is_commit(point: str) -> bool:
    return point.startswith("commit ") and point.endswith(" after")


def _link_ballast(source: str, target: str) -> str:
    """The ballast has no content worth copying."""
    if source.endswith(".ballast"):
        os.link(source, target)
        return target
    return str(shutil.copy2(source, target))


# ways to lose what was not synced ---------------------------------------------------------------------------------------------


def _log_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}-wal")


def _place(base: Base, dice: random.Random) -> int:
    return dice.randrange(base.synced, base.size)


def _cut(base: Base, journal: Path, dice: random.Random) -> None:
    """The file ends somewhere in what the last commit wrote."""
    os.truncate(_log_of(journal), _place(base, dice))


def _cut_all(base: Base, journal: Path, dice: random.Random) -> None:
    """Nothing of the last commit is there."""
    os.truncate(_log_of(journal), base.synced)


def _cut_last_frame(base: Base, journal: Path, dice: random.Random) -> None:
    """Only the last frame is torn, by as little as a byte."""
    os.truncate(_log_of(journal), max(base.synced, base.size - dice.choice((1, SECTOR, PAGE, PAGE + 24))))


def _zeros(base: Base, journal: Path, dice: random.Random) -> None:
    """The file has its length, but from somewhere on no content."""
    place = _place(base, dice)
    _overwrite(_log_of(journal), place, bytes(base.size - place))


def _rubbish(base: Base, journal: Path, dice: random.Random) -> None:
    """From somewhere on the file holds what lay on the disk before."""
    place = _place(base, dice)
    _overwrite(_log_of(journal), place, dice.randbytes(base.size - place))


def _hole(base: Base, journal: Path, dice: random.Random) -> None:
    """Sectors reached the disk out of order: one is missing, later ones are there."""
    place = _place(base, dice) // SECTOR * SECTOR
    place = max(place, base.synced)
    _overwrite(_log_of(journal), place, dice.randbytes(min(SECTOR, base.size - place)))


def _torn_checkpoint(base: Base, journal: Path, dice: random.Random) -> None:
    """The log was being copied into the database, and some of its pages arrived; the log itself is whole."""
    if not journal.stat().st_size:
        return
    copied = journal.with_name("copied.db")
    shutil.copy(journal, copied)
    shutil.copy(_log_of(journal), _log_of(copied))
    connection = sqlite3.connect(copied)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    pages = copied.read_bytes()
    for start in range(0, len(pages), PAGE):
        if dice.random() < 0.5:
            _overwrite(journal, start, pages[start : start + PAGE])
    for file in journal.parent.glob("copied.db*"):
        file.unlink()


def _overwrite(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


WAYS: Mapping[str, Callable[[Base, Path, random.Random], None]] = {
    "cut": _cut, "cut at the commit": _cut_all, "last frame torn": _cut_last_frame, "zeros": _zeros, "rubbish": _rubbish,
    "hole": _hole, "torn checkpoint": _torn_checkpoint,
}
