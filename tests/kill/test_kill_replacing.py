"""Processes that are ended between the end of a line and the new one that takes its place."""

import os
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kill.aftermath import judge_history, judge_recovery, sentence
from tests.kill.attempts import PAIR_BOUNDARIES, Attempt, attempt_of
from tests.kill.harness import Ended, Lane
from tests.kill.judge import Records, World, judge
from tests.kill.pairs import gaps, judge_pairs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

Story = tuple[Records, Records, World, dict[str, Any], str, Path]


def replaced(lane: Lane, count: int) -> tuple[dict[str, Any], ...]:
    return tuple(row for row in lane.rows if row["replaced"] and row["quantity_only"])[:count]


def end_one(lane: Lane, point: str, nth: int, **more: Any) -> tuple[Ended, list[str]]:
    """End the replacement of one line at a place; what came of it, and the states of its two ops."""
    kill = {"point": point, "nth": nth}
    ended = lane.carry_out(Attempt(number=1, kind="step", step="", rows=replaced(lane, 1), kill=kill, **more))
    assert [each.point for each in ended.kills] == [point]
    assert not ended.faults, ended.kept
    records = lane.records(lane.folder / "data")
    first = min(records.runs.values(), key=lambda run: str(run["created_utc"]))["run_id"]
    return ended, [op["state"] for op in records.ops.values() if op["run_id"] == first]


@pytest.mark.parametrize(
    ("point", "nth", "states", "missing"),
    [
        ("answer", 1, ["CONFIRMED_BY_STATE", "CANCELLED"], 1),
        ("commit ARMED after", 2, ["VERIFIED", "NOT_APPLIED"], 1),
        ("commit APPLIED after", 2, ["VERIFIED", "VERIFIED"], 0),
    ],
)
def test_where_it_ended_decides_whether_a_line_is_missing(
    replace_lane: Lane, point: str, nth: int, states: list[str], missing: int
) -> None:
    ended, found = end_one(replace_lane, point, nth)
    assert (found, ended.gaps) == (states, missing)


def test_the_next_comparison_makes_up_for_the_new_line(replace_lane: Lane) -> None:
    ended, states = end_one(replace_lane, "commit VERIFIED after", 1, finish=True)
    assert (states, ended.gaps) == (["VERIFIED", "CANCELLED"], 1)
    row = ended.attempt.rows[0]
    entries = replace_lane.box.ask("ledger")
    written = [(entry["kind"], entry["after"]) for entry in entries]
    assert written == [("cancel_line", None), ("create_line", row["billed_quantity"])]


def test_an_undo_that_was_ended_leaves_replaced_lines_alone(replace_lane: Lane) -> None:
    stays = next(row for row in replace_lane.rows if row["line_id"] and not row["replaced"] and row["quantity_only"])
    rows, kill = (*replaced(replace_lane, 1), stays), {"point": "commit ARMED after", "nth": 1}
    ended = replace_lane.carry_out(Attempt(number=1, kind="step", step="", rows=rows, kill=kill, undo=True, finish=True))
    assert [each.kind for each in ended.kills] == ["undo"]
    assert not ended.faults, ended.kept
    kinds = Counter(entry["kind"] for entry in replace_lane.box.ask("ledger"))
    assert kinds == {"cancel_line": 1, "create_line": 1, "set_quantity": 2}


def test_every_boundary_of_two_pairs_is_met(replace_lane: Lane) -> None:
    planned = [attempt_of(1, number, replace_lane.rows) for number in range(5 * PAIR_BOUNDARIES)]
    met = [attempt for attempt in planned if attempt.kind == "boundary"]
    assert {attempt.kill["nth"] for attempt in met} == set(range(1, PAIR_BOUNDARIES + 1))
    assert all(row["replaced"] and row["quantity_only"] for attempt in met for row in attempt.rows)


# whether the judge bites -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def story(replace_lane: Lane) -> Story:
    """Two lines were to be replaced: the first one was, and after the end of the second one the push was ended."""
    data, keys = replace_lane.fresh("story"), [row["key"] for row in replaced(replace_lane, 2)]
    initial = replace_lane.quantities()
    kill = {"point": "commit VERIFIED after", "nth": 3}
    replace_lane.zygotes[0].run(replace_lane.order("push", data, run=replace_lane.run, keys=keys, kill=kill))
    before = replace_lane.records(data)
    told = replace_lane.live("recover", data)
    return before, replace_lane.records(data), replace_lane.world(initial), told, replace_lane.run, data / "workspace.db"


def test_the_true_story_has_no_fault(story: Story) -> None:
    before, after, world, told, run, workspace = story
    assert [*judge(after, world), *judge_pairs(after, world), *judge_recovery(before, after, told, frozenset())] == []
    assert [op["state"] for op in after.ops.values()] == ["VERIFIED", "VERIFIED", "VERIFIED", "CANCELLED"]
    assert sentence(before, after) == (
        "The last push was interrupted: 3 done, 1 not sent. 1 line ended without a new one: make what is missing in the PSA."
    )
    assert gaps(after, set(after.runs)) == 1
    assert judge_history(after, run, "finished, 1 line ended without a new one", workspace) == []


def _entry(world: World, nth: int, **told: Any) -> World:
    ledger = [each | told if number == nth else each for number, each in enumerate(world.ledger)]
    return replace(world, ledger=ledger)


def _never_ended(world: World) -> World:
    return replace(world, ledger=world.ledger[1:])


def _made_before_the_end(world: World) -> World:
    return _entry(world, 1, seq=0)


def _made_elsewhere(world: World) -> World:
    return replace(world, places={**world.places, world.ledger[1]["line"]: "9-9"})


def _ended_another_day(world: World) -> World:
    return replace(world, ends={**world.ends, world.ledger[0]["line"]: "2020-01-01"})


def _made_twice(world: World) -> World:
    place = world.places[world.ledger[1]["line"]]
    return replace(world, places={**world.places, "999": place}, final={**world.final, "999": 10_000})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_never_ended, "unexplained"), (_made_before_the_end, "unexplained"), (_made_elsewhere, "unexplained"),
        (_ended_another_day, "unexplained"), (_made_twice, "doubled"),
    ],
)
def test_a_world_in_which_the_two_do_not_belong_together_is_noticed(
    story: Story, change: Callable[[World], World], kind: str
) -> None:
    assert {fault.kind for fault in judge_pairs(story[1], change(story[2]))} == {kind}


def test_an_end_that_counts_for_nothing_is_noticed(story: Story) -> None:
    _, after, world, *_ = story
    still = world.ledger[0]["line"]
    billed = replace(world, final={**world.final, still: world.initial[still]})
    assert "unexplained" in {fault.kind for fault in judge(after, billed)}
    other = _entry(world, 0, kind="set_quantity", before=world.initial[still], after=10_000)
    assert any("not what" in fault.words for fault in judge(after, other))


@pytest.mark.parametrize("words", ["", "Not sent: the push was interrupted.", "Whether line {} ends on {} is not known yet."])
def test_a_line_that_is_missing_without_a_plain_word_is_noticed(story: Story, words: str) -> None:
    _, after, world, *_ = story
    silent = deepcopy(after)
    op = next(op for op in silent.ops.values() if op["state"] == "CANCELLED")
    op["message"] = words.format(world.ledger[2]["line"], op["effective_date"])
    assert {fault.kind for fault in judge_pairs(silent, world)} == {"lost"}


def test_a_sentence_and_a_history_without_the_missing_line_are_noticed(story: Story) -> None:
    before, after, _, told, run, workspace = story
    short = told | {"words": ["The last push was interrupted: 3 done, 1 not sent."]}
    assert {fault.kind for fault in judge_recovery(before, after, short, frozenset())} == {"words"}
    assert {fault.kind for fault in judge_history(after, run, "finished", workspace)} == {"history"}
