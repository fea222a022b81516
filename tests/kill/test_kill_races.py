"""Two processes that push to one tenant at once."""

import os
import random
from dataclasses import replace

import pytest

from tests.kill.harness import Lane
from tests.kill.judge import Records
from tests.kill.races import overlaps, race

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def test_two_processes_never_push_at_once_and_the_refused_one_learns_who_does(lane: Lane, set_lane: Lane) -> None:
    ended = [race(lane, random.Random(number)) for number in range(2)] + [race(set_lane, random.Random(2))]
    assert [faults for _, _, faults in ended if faults] == []
    refused = [message for outcome, message, _ in ended if outcome == "one refused"]
    assert refused
    assert all(" is pushing since " in message for message in refused)


def test_requests_and_pushes_that_overlap_are_noticed() -> None:
    ledger = [{"connection": "a", "time": "2026-11-26T10:00:00.100Z"}, {"connection": "b", "time": "2026-11-26T10:00:00.120Z"}]
    noon = 1_795_687_200.0
    first, second = {"at": noon, "connection": "a", "path": "/1"}, {"at": noon + 0.110, "connection": "b", "path": "/2"}
    empty = Records()
    assert overlaps(ledger, [first, second], [empty, empty]) == []
    assert overlaps(ledger, [first, second | {"at": noon + 0.05}], [empty, empty])
    early, late = (Records(events=[{"utc": f"2026-11-26T10:00:0{s}+00:00"} for s in pair]) for pair in ((0, 2), (1, 3)))
    assert overlaps([], [], [early, late])
    assert overlaps([], [], [early, replace(late, events=[{"utc": "2026-11-26T10:00:03+00:00"}])]) == []
