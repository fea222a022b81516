"""Processes that are ended while they take a finished push back."""

import os
from collections import Counter
from typing import Any

import pytest

from tests.kill.aftermath import judge_history
from tests.kill.attempts import Attempt
from tests.kill.harness import Ended, Lane

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

LINES = 3


def undo(lane: Lane, point: str, nth: int, **more: Any) -> tuple[Ended, Counter[str]]:
    """Push some quantities, end the undo at a place; what came of it, and the states of the undo's ops."""
    rows = tuple(row for row in lane.rows if row["quantity_only"] and row["line_id"])[:LINES]
    kill = {"point": point, "nth": nth}
    ended = lane.carry_out(Attempt(number=0, kind="step", step="", rows=rows, kill=kill, undo=True, **more))
    records = lane.records(lane.folder / "data")
    undos = [run_id for run_id, run in records.runs.items() if run["kind"] == "undo"]
    return ended, Counter(op["state"] for op in records.ops.values() if op["run_id"] in undos)


@pytest.mark.parametrize(
    ("kind", "point", "states"),
    [
        ("lane", "commit begin after", {"CANCELLED": 3}),
        ("set_lane", "commit ARMED after", {"NOT_APPLIED": 1, "CANCELLED": 2}),
    ],
)
def test_an_undo_that_was_ended_is_settled(request: pytest.FixtureRequest, kind: str, point: str, states: dict[str, int]) -> None:
    ended, found = undo(request.getfixturevalue(kind), point, 1)
    assert [(kill.kind, kill.point) for kill in ended.kills] == [("undo", point)]
    assert not ended.faults, ended.kept
    assert found == states


@pytest.mark.parametrize("kind", ["lane", "set_lane"])
def test_undoing_once_more_takes_the_rest_back_and_nothing_twice(request: pytest.FixtureRequest, kind: str) -> None:
    lane: Lane = request.getfixturevalue(kind)
    ended, found = undo(lane, "answer", 2, finish=True)
    assert not ended.faults, ended.kept
    assert found == {"VERIFIED": 2, "CONFIRMED_BY_STATE": 1, "CANCELLED": 1}
    lines = Counter(entry["line"] for entry in lane.box.ask("ledger"))
    assert list(lines.values()) == [2] * LINES, "each line was written once by the push and once by the undos"
    _told_as_undone(lane)


def _told_as_undone(lane: Lane) -> None:
    """The history says that all of the push was taken back, and the judge of it would notice anything else."""
    data = lane.folder / "data"
    result = lane.live("recover", data)["results"][lane.run]
    records = lane.records(data)
    assert result == "finished, undone"
    assert judge_history(records, lane.run, result, data / "workspace.db") == []
    for wrong in ("finished", "finished, partly undone"):
        assert judge_history(records, lane.run, wrong, data / "workspace.db")


def test_another_user_s_change_is_not_undone(set_lane: Lane) -> None:
    row = next(row for row in set_lane.rows if row["quantity_only"] and row["line_id"])
    ended, found = undo(set_lane, "commit ARMED before", 1, line=row["line_id"], at={"point": "frozen", "nth": 1}, finish=True)
    assert not ended.faults, ended.kept
    assert found["STALE"] + found["VERIFIED"] >= 1
    held = set_lane.quantities()[row["line_id"]]
    assert held == row["billed_quantity"] + 70_000, "the other user's change stands on what was pushed"
