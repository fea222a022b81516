"""Processes that are ended while they push to a PSA that takes quantities as they are to be."""

import os
from collections import Counter
from dataclasses import replace

import pytest

from tests.kill.attempts import Attempt
from tests.kill.harness import Lane
from tests.kill.judge import Records, World, judge

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def attempt(lane: Lane, point: str, nth: int, lines: int = 3) -> Attempt:
    """Quantities of the first lines, ended at a place."""
    rows = tuple(row for row in lane.rows if row["quantity_only"] and row["line_id"])[:lines]
    return Attempt(number=0, kind="step", step="", rows=rows, kill={"point": point, "nth": nth})


@pytest.mark.parametrize(
    ("point", "states"),
    [
        ("commit ARMED after", {"VERIFIED": 1, "NOT_APPLIED": 1, "CANCELLED": 1}),
        ("answer", {"VERIFIED": 1, "CONFIRMED_BY_STATE": 1, "CANCELLED": 1}),
        ("commit APPLIED after", {"VERIFIED": 2, "CANCELLED": 1}),
    ],
)
def test_what_is_left_depends_on_where_it_ended(set_lane: Lane, point: str, states: dict[str, int]) -> None:
    ended = set_lane.carry_out(attempt(set_lane, point, 2))
    assert [kill.point for kill in ended.kills] == [point]
    assert not ended.faults, ended.kept
    assert Counter(op["state"] for op in set_lane.records(set_lane.folder / "data").ops.values()) == states


def test_a_fractional_quantity_is_set_exactly(set_lane: Lane) -> None:
    row = next(row for row in set_lane.rows if row["billed_quantity"] % 10_000 and row["line_id"])
    ended = set_lane.carry_out(Attempt(number=1, kind="step", step="", rows=(row,), kill={"point": "answer", "nth": 1}))
    assert not ended.faults, ended.kept
    assert set_lane.quantities()[row["line_id"]] == row["billed_quantity"]


@pytest.fixture(scope="module")
def erased(set_lane: Lane) -> tuple[Records, World]:
    """A push that was ended by its answer, after another user had changed the line between its reading and its change."""
    chosen = attempt(set_lane, "answer", 1, lines=1)
    line = chosen.rows[0]["line_id"]
    data = set_lane.fresh()
    initial = set_lane.quantities()
    meddling = {"at": {"point": "send", "nth": 1}, "meddle": set_lane.meddling(line)}
    keys = [row["key"] for row in chosen.rows]
    set_lane.zygotes[0].run(set_lane.order("push", data, run=set_lane.run, keys=keys, kill=chosen.kill, **meddling))
    set_lane.live("recover", data)
    return set_lane.records(data), set_lane.world(initial)


def test_a_change_made_after_our_reading_is_erased_and_the_last_writer_counts(erased: tuple[Records, World]) -> None:
    records, world = erased
    assert [entry["actor"] for entry in world.ledger] == ["other", "us"]
    other, ours = world.ledger
    assert ours["before"] == other["after"] != other["before"]
    assert world.final[ours["line"]] == ours["after"]
    assert judge(records, world) == []


def test_erasing_what_our_reading_must_have_shown_would_be_noticed(erased: tuple[Records, World]) -> None:
    records, world = erased
    early = [world.ledger[0] | {"time": "2020-01-01T00:00:00.000Z"}, world.ledger[1]]
    found = judge(records, replace(world, ledger=early))
    assert [(fault.kind, "must have read" in fault.words) for fault in found] == [("unexplained", True)]


def test_the_same_quantity_sent_again_is_doubled_although_the_line_is_right(erased: tuple[Records, World]) -> None:
    records, world = erased
    again = world.ledger[1] | {"seq": 999, "before": world.ledger[1]["after"]}
    found = judge(records, replace(world, ledger=[*world.ledger, again]))
    assert "doubled" in {fault.kind for fault in found}


def test_another_quantity_than_the_approved_one_is_noticed(erased: tuple[Records, World]) -> None:
    records, world = erased
    more = world.ledger[1] | {"after": world.ledger[1]["after"] + 10_000}
    final = {**world.final, more["line"]: more["after"]}
    assert [fault.kind for fault in judge(records, replace(world, ledger=[world.ledger[0], more], final=final))] == ["unexplained"]
