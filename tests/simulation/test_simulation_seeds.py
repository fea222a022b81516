"""A few hundred seeds in every suite, and those that failed once. Thousands more by ``python -m tests.simulation``."""

import pytest

from tests.simulation.command import run_seeds
from tests.simulation.seeds import FAILED

CHUNK = 25


@pytest.mark.parametrize("first", range(10_001, 10_226, CHUNK))
def test_no_seed_violates_an_invariant(first: int) -> None:
    tally = run_seeds(first, CHUNK)
    assert tally.seeds == CHUNK
    assert tally.writes > 0
    told = [f"python -m tests.simulation --seed {seed} --trace: {invariant} {text}" for seed, invariant, text in tally.violations]
    assert not told, "\n".join(told)


@pytest.mark.parametrize(("seed", "kind", "about"), FAILED)
def test_a_seed_that_failed_once_holds(seed: int, kind: str, about: str) -> None:
    tally = run_seeds(seed, 1, kind)
    assert not tally.violations, (about, tally.violations)
