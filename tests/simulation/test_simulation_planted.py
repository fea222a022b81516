"""The planted bugs are caught, each by the seed that is known to catch it; ``--planted`` looks for all of them from seed 1."""

import pytest

from tests.simulation.planted import BUGS, catch
from tests.simulation.run import simulate


def test_there_are_fifteen() -> None:
    assert len(BUGS) == 15


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught_and_its_absence_is_not(name: str) -> None:
    bug = BUGS[name]
    seed, violation = catch(bug, iter([bug.known]))
    assert seed == bug.known, f"seed {bug.known} no longer catches it: look for another with --planted"
    assert violation
    assert not simulate(bug.scenario(bug.known)).violations
