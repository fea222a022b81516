"""What only two runs of one seed can show: a seed is always the same (I13), and customers do not suffer for each other (I8)."""

from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.checker import Violation
from tests.simulation.run import Result, simulate
from tests.simulation.scenario import Scenario, draw
from tests.simulation.story import Story
from tests.simulation.wire import Weather


def compare_runs(seed: int, first: Result, kind: str = "") -> list[Violation]:
    """Violations of I13 and I8."""
    return [*_same(first, simulate(seed, kind=kind)), *isolation(seed, kind)]


def _same(first: Result, second: Result) -> list[Violation]:
    if first.digest != second.digest:
        return [Violation("I13", f"the same seed gave two journals: {first.digest[:16]} and {second.digest[:16]}")]
    workbooks = [[book.data for book in result.story.books] for result in (first, second)]
    return [] if workbooks[0] == workbooks[1] else [Violation("I13", "the same seed gave two workbooks")]


def isolation(seed: int, kind: str = "") -> list[Violation]:
    """The same push with and without faults on one customer: what is committed for the others is the same."""
    calm = _calm(seed, kind)
    without = simulate(calm)
    customers = sorted({truth.customer for truth in without.story.initial.values()})
    unlucky = Random(f"unlucky {seed}").choice(customers)
    # Few enough faults that the run as a whole may go on; what stops a run for everybody is none of this invariant's business.
    stormy = simulate(replace(calm, weather=Weather(reads=0.15, writes=0.5, only=unlucky)))
    if any("in a row" in each or "did not read" in each for each in [*without.stops, *stormy.stops]):
        return []
    expected, found = (_ledger(result.story, unlucky) for result in (without, stormy))
    problems = [*without.violations, *stormy.violations]
    if expected != found:
        problems.append(Violation("I8", f"faults on customer {unlucky} changed what others got: {expected} became {found}"))
    return problems


def _calm(seed: int, kind: str) -> Scenario:
    drawn = draw(seed, kind)
    return Scenario(seed=drawn.seed, kind=drawn.kind, clean=True, weather=Weather(), wished=8, think=5.0)


def _ledger(story: Story, unlucky: str) -> list[Any]:
    of = {line: truth.customer for line, truth in {**story.initial, **story.final}.items()}
    ours = [entry for entry in story.ledger if entry["actor"] != "other"]
    entries = [(of.get(entry["line"], ""), entry["kind"], entry["before"] or 0, entry["after"] or 0) for entry in ours]
    return sorted(entry for entry in entries if entry[0] != unlucky)
