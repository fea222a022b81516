"""Journals after a loss of power, cut where the disk may have been cut."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.kill.harness import Lane
from tests.kill.judge import judge, read_journal
from tests.kill.power import WAYS, interrupted, lose

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.mark.fault("F-58", "W")
def test_a_hundred_cuts_leave_a_valid_chain_and_every_sent_change_armed(lane: Lane) -> None:
    found = [cut for number in range(4) for cut in lose(lane, number, random.Random(number), 28, recover=False)]
    assert len(found) >= 100
    assert {name for name, _, _ in found} == set(WAYS)
    assert sum(forgotten for _, forgotten, _ in found) > 30
    assert [faults for _, _, faults in found if faults] == []


@pytest.mark.parametrize(("kind", "number"), [("lane", 1), ("set_lane", 2)])
def test_the_program_recovers_from_every_kind_of_cut(request: pytest.FixtureRequest, kind: str, number: int) -> None:
    found = lose(request.getfixturevalue(kind), number, random.Random(number), len(WAYS), recover=True)
    assert [name for name, _, _ in found] == list(WAYS)
    assert [faults for _, _, faults in found if faults] == []


def test_losing_what_was_synced_would_be_noticed(lane: Lane, tmp_path: Path) -> None:
    base = interrupted(lane, 2, random.Random(1))
    world = lane.world(base.initial)
    assert world.arrivals
    for file in base.journal.parent.glob("*.db*"):
        shutil.copy(file, tmp_path)
    log = tmp_path / base.log.name
    os.truncate(log, base.synced // 2)
    kinds = {fault.kind for fault in judge(read_journal(tmp_path / base.journal.name), world)}
    assert kinds >= {"sent unarmed", "unexplained"}
