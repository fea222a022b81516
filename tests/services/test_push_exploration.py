"""Every interleaving of one change with a lossy PSA, crashes and one other user, run with the real engine.

The number of paths is asserted, so that the explorer cannot silently shrink. The explorer is ``tests/simulation/exploration.py``;
``python -m tests.simulation --explore`` walks two changes with two crashes and two acts of others.
"""

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import WriteSemantics
from tests.simulation.exploration import LARGE, Family, explore

SET, DOCUMENT = WriteSemantics.SET, WriteSemantics.DOCUMENT
EVERY_END = {
    None, OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.NOT_APPLIED, OpState.NEEDS_REVIEW, OpState.REJECTED, OpState.STALE,
    OpState.SKIPPED_ALREADY, OpState.CANCELLED,
}
"""Every end that one change can have, so that the assertions of the explorer are about something."""


@pytest.mark.parametrize(("family", "paths"), [
    (Family(), 1_636),
    (Family(in_place=True), 1_636),
    (Family(away=3_600.0), 1_546),
    (Family(crashes=2), 6_759),
    (Family(semantics=SET, in_place=True), 1_606),
    (Family(semantics=SET, in_place=True, compared=True), 1_606),
    (Family(semantics=DOCUMENT, in_place=True), 1_606),
])
async def test_no_interleaving_writes_twice_or_says_what_is_not_so(family: Family, paths: int) -> None:
    explored = await explore(family)
    assert explored.paths == paths, explored.ends
    assert explored.states == EVERY_END
    # A PSA that takes a quantity and compares nothing lets a change made between our reading and our write disappear; one that is
    # told what we read does not. A difference erases nothing.
    assert bool(explored.unseen) is (family.semantics is not WriteSemantics.DELTA and not family.compared)


async def test_the_larger_exploration_begins_well() -> None:
    explored = await explore(LARGE, most=300)
    assert explored.paths == 300
