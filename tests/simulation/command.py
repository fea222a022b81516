"""``python -m tests.simulation``: many seeds on every core, what they covered, and how to replay the one that failed."""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.bench import KINDS
from tests.simulation.exploration import LARGE, explore
from tests.simulation.faults import READ_FAULTS, WRITE_FAULTS
from tests.simulation.pairs import compare_runs
from tests.simulation.run import Result, simulate

_CHUNK = 25
_PAIRED = 10
_ENOUGH_FOR_COVERAGE = 2_000


@dataclass
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    violations: list[tuple[int, str, str]] = field(default_factory=list)
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    writes: int = 0
    clean: int = 0
    virtual: float = 0.0

    def add(self, seed: int, result: Result) -> None:
        """Count one seed."""
        story = result.story
        self.seeds += 1
        self.violations += [(seed, each.invariant, each.text) for each in result.violations]
        self.hits.update(story.hits)
        self.states.update(result.states)
        self.crashes.update(story.crashes)
        self.kinds[story.kind] += 1
        self.modes.update(story.modes)
        self.commits += story.commits
        self.writes += sum(bool(sent.carried_out) for sent in story.sent)
        self.clean += not story.hits
        self.virtual += story.virtual

    def merge(self, other: "Tally") -> None:
        """Add what another process counted."""
        self.seeds += other.seeds
        self.violations += other.violations
        for mine, theirs in ((self.hits, other.hits), (self.states, other.states), (self.crashes, other.crashes),
                             (self.kinds, other.kinds), (self.modes, other.modes)):
            mine.update(theirs)  # type: ignore[arg-type]  # the fields of a tally are counters of one kind each
        self.commits += other.commits
        self.writes += other.writes
        self.clean += other.clean
        self.virtual += other.virtual


def run_seeds(first: int, count: int, kind: str = "") -> Tally:
    """Run seeds one after the other. Every tenth is run twice, and once more without the faults of one customer (I13, I8)."""
    tally = Tally()
    for seed in range(first, first + count):
        try:
            result = simulate(seed, kind=kind)
            tally.add(seed, result)
            if seed % _PAIRED == 0:
                tally.violations += [(seed, each.invariant, each.text) for each in compare_runs(seed, result, kind)]
        except Exception as error:  # noqa: BLE001 - a seed that cannot be run is told like one that fails
            tally.violations.append((seed, "P", f"the simulation itself: {type(error).__name__}: {error}"))
    return tally


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """The command; its exit status is 1 where anything is not as it must be."""
    asked = _parser().parse_args(arguments)
    if asked.planted:
        from tests.simulation.planted import tell

        return tell(asked.seeds if asked.seeds is not None else 1_000, say)
    if asked.explore:
        return _explore(asked.most, say)
    if asked.seed is not None:
        return _one(asked.seed, asked.psa, say if asked.trace else None, say)
    seeds = 2_000 if asked.seeds is None else asked.seeds
    began = time.perf_counter()
    tally = Tally()
    for part in _parts(asked.start, seeds, asked.psa, asked.jobs):
        tally.merge(part)
        for seed, invariant, text in part.violations:
            say(f"\nSeed {seed} violates {invariant}: {text}")
            say(f"  replay: python -m tests.simulation --seed {seed} --trace{_psa(asked.psa)}")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{tally.seeds} of {seeds}")
    return _report(tally, time.perf_counter() - began, complete=not asked.psa, say=say)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many seeds (2,000)")
    parser.add_argument("--start", type=int, default=1, help="the first one")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--trace", action="store_true", help="with --seed: every step")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    parser.add_argument("--psa", choices=KINDS, default="", help="this PSA only")
    parser.add_argument("--explore", action="store_true", help="every path of two changes, two crashes, two acts of others")
    parser.add_argument("--most", type=int, default=0, help="with --explore: only so many paths")
    parser.add_argument("--planted", action="store_true", help="for each planted bug, the first seed that catches it")
    return parser


def _explore(most: int, say: Callable[[str], None]) -> int:
    """Walk the larger exploration; a wrong path ends it with what it was."""
    began = time.perf_counter()

    def tell(count: int) -> None:
        if count % 10_000 == 0:
            say(f"{count:,} paths in {time.perf_counter() - began:.0f} s")

    explored = asyncio.run(explore(LARGE, most, tell))
    say(f"{explored.paths:,} paths, no violation; {len(explored.ends)} different ends, in {time.perf_counter() - began:.1f} s")
    return 0


def _psa(kind: str) -> str:
    return f" --psa {kind}" if kind else ""


def _parts(start: int, seeds: int, kind: str, jobs: int) -> Iterator[Tally]:
    chunks = [(first, min(_CHUNK, start + seeds - first), kind) for first in range(start, start + seeds, _CHUNK)]
    if jobs <= 1:
        yield from (run_seeds(*chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_seeds, *zip(*chunks, strict=True))


def _one(seed: int, kind: str, trace: Callable[[str], None] | None, say: Callable[[str], None]) -> int:
    result = simulate(seed, kind=kind, say=trace)
    violations = result.violations + compare_runs(seed, result, kind)
    say(f"Seed {seed} ({result.story.kind}): {', '.join(result.states) or 'nothing was pushed'}; digest {result.digest[:16]}")
    for each in violations:
        say(f"VIOLATION {each}")
    return 1 if violations else 0


def _report(tally: Tally, seconds: float, *, complete: bool, say: Callable[[str], None]) -> int:
    say(f"{tally.seeds:,} seeds in {seconds:.1f} s: {tally.seeds / seconds:.1f} a second; {len(tally.violations)} violations")
    say(f"virtual time: {tally.virtual / 86_400:,.1f} days, {tally.virtual / seconds:,.0f} seconds in each real one")
    each = tally.hits.total() / max(1, tally.seeds)
    say(f"seeds by PSA: {_counts(tally.kinds)}; {tally.clean:,} without a fault; {each:.1f} faults each")
    say(f"settings out of the usual: {_counts(tally.modes)}")
    say(f"changes by end: {_counts(tally.states)}")
    say(f"writes carried out: {tally.writes:,}; journal commits: {tally.commits:,}; deaths: {_counts(tally.crashes)}")
    unhit = _coverage(tally, say)
    if unhit and complete and tally.seeds >= _ENOUGH_FOR_COVERAGE:
        say(f"NEVER HIT: {', '.join(unhit)}")
        return 1
    return 1 if tally.violations else 0


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counter.most_common()) or "none"


def _coverage(tally: Tally, say: Callable[[str], None]) -> list[str]:
    """The table of faults; what of it was never hit."""
    wanted = [(fault.name, fault.when, "W") for fault in WRITE_FAULTS] + [(fault.name, fault.when, "R") for fault in READ_FAULTS]
    say(f"\n{'fault':18}{'R':>9}{'W never':>9}{'before':>9}{'after':>9}{'late':>9}")
    for name in dict.fromkeys(name for name, _, _ in [*wanted, ("network_lost", "", "")]):
        reads = sum(tally.hits[name, when, "R"] for when in ("before", "never"))
        writes = [tally.hits[name, when, "W"] for when in ("never", "before", "after", "late")]
        say(f"{name:18}{reads or '':>9}" + "".join(f"{count or '':>9}" for count in writes))
    return [f"{name} {when} {side}" for name, when, side in wanted
            if not tally.hits[name, when, side] and not (side == "R" and tally.hits[name, "never", side])]
