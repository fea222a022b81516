"""Whether the judge of killed pushes bites: true stories are made false in one point each."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kill.aftermath import judge_history, judge_recovery, sentence
from tests.kill.harness import Lane
from tests.kill.judge import Records, World, judge, read_journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

Story = tuple[Records, Records, World, dict[str, Any], Path]


@pytest.fixture(scope="module")
def story(lane: Lane, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A push of five lines that was ended while the third answer came in, and its recovery."""
    data, keys = lane.fresh(), [row["key"] for row in lane.rows if row["quantity_only"] and row["line_id"]][:5]
    initial = lane.quantities()
    lane.zygotes[0].run(lane.order("push", data, run=lane.run, keys=keys, kill={"point": "answer", "nth": 3}))
    before = lane.records(data)
    told = lane.live("recover", data)
    kept = tmp_path_factory.mktemp("story")
    shutil.copytree(data, kept / "data")
    return before, lane.records(data), lane.world(initial), told, kept / "data"


def kinds(records: Records, world: World) -> set[str]:
    return {fault.kind for fault in judge(records, world)}


def test_the_true_story_has_no_fault(story: Story) -> None:
    before, after, world, told, data = story
    assert kinds(after, world) == set()
    assert judge_recovery(before, after, told, frozenset()) == []
    assert len(world.ours) == 3
    assert sentence(before, after) == "The last push was interrupted: 3 done, 2 not sent."
    run = next(iter(after.runs.values()))["source_run"]
    assert judge_history(after, run, "finished", data / "workspace.db") == []


def _twice(world: World) -> World:
    again = world.ours[-1] | {"seq": 999, "before": world.ours[-1]["after"]}
    again["after"] += world.ours[-1]["after"] - world.ours[-1]["before"]
    return replace(world, ledger=[*world.ledger, again], final={**world.final, again["line"]: again["after"]})


def _never(world: World) -> World:
    gone = world.ours[0]
    return replace(world, ledger=world.ledger[1:], final={**world.final, gone["line"]: gone["before"]})


def _by_nobody(world: World) -> World:
    return replace(world, ledger=[*world.ledger[:-1], world.ledger[-1] | {"body_sha256": "0" * 64}])


def _more_than_approved(world: World) -> World:
    last = world.ledger[-1] | {"after": world.ledger[-1]["after"] + 10_000}
    return replace(world, ledger=[*world.ledger[:-1], last], final={**world.final, last["line"]: last["after"]})


def _moved_unseen(world: World) -> World:
    line = world.ours[0]["line"]
    return replace(world, final={**world.final, line: world.final[line] + 10_000})


def _arrived_unarmed(world: World) -> World:
    return replace(world, arrivals=[*world.arrivals, world.arrivals[0] | {"body_sha256": "0" * 64}])


def _arrived_too_early(world: World) -> World:
    return replace(world, arrivals=[world.arrivals[0] | {"at": world.arrivals[0]["at"] - 3_600}, *world.arrivals[1:]])


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_twice, "doubled"), (_never, "lost"), (_by_nobody, "unexplained"), (_more_than_approved, "unexplained"),
        (_moved_unseen, "unexplained"), (_arrived_unarmed, "sent unarmed"), (_arrived_too_early, "sent unarmed"),
    ],
)
def test_a_world_that_does_not_fit_the_journal_is_noticed(story: Story, change: Callable[[World], World], kind: str) -> None:
    _, after, world, _, _ = story
    assert kind in kinds(after, change(world))


@pytest.mark.parametrize("state", ["CANCELLED", "NOT_APPLIED", "STALE", "REJECTED"])
def test_an_op_that_claims_to_be_without_effect_is_found_in_the_ledger(story: Story, state: str) -> None:
    _, after, world, _, _ = story
    lying = deepcopy(after)
    next(op for op in lying.ops.values() if op["state"] == "VERIFIED")["state"] = state
    assert "lost" in kinds(lying, world)


def test_a_commit_after_the_settle_window_is_no_fault_of_the_program(story: Story) -> None:
    _, after, world, _, _ = story
    late = deepcopy(after)
    next(op for op in late.ops.values() if op["state"] == "VERIFIED")["state"] = "NOT_APPLIED"
    assert "lost" not in kinds(late, replace(world, settle=-1.0))


DAMAGES = {
    "a changed body": "UPDATE op_event SET body = replace(body, 'before', 'beforE') WHERE kind = 'ARMED'",
    "a missing event": "DELETE FROM op_event WHERE n = (SELECT max(n) - 1 FROM op_event)",
    "a missing tail": "DELETE FROM op_event WHERE n = (SELECT max(n) FROM op_event)",
    "a changed state": "UPDATE op SET state = 'VERIFIED' WHERE state = 'CANCELLED'",
    "an older epoch": "UPDATE op_event SET epoch = 0 WHERE n = 3",
    "a changed op": "UPDATE op SET change = replace(change, 'line_id', 'line_iD')",
    "a changed plan": "UPDATE run SET plan_json = replace(plan_json, 'rows', 'roWs')",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_noticed(story: Story, tmp_path: Path, damage: str) -> None:
    copy = Path(shutil.copy(next((story[4] / "journal").glob("*.db")), tmp_path))
    connection = sqlite3.connect(copy)
    connection.create_function("replace", 3, lambda blob, old, new: bytes(blob).replace(old.encode(), new.encode()))
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    assert connection.execute(DAMAGES[damage]).rowcount >= 1
    connection.commit()
    connection.close()
    try:
        found = read_journal(copy).faults
    except KeyError:  # the plan no longer has rows
        assert damage == "a changed plan"
        return
    assert found, damage


def test_a_recovery_that_leaves_or_tells_something_wrong_is_noticed(story: Story) -> None:
    before, after, _, told, _ = story
    assert {fault.kind for fault in judge_recovery(before, before, told, frozenset())} >= {"recovery", "words"}
    assert judge_recovery(before, after, told | {"words": []}, frozenset())
    assert judge_recovery(before, after, told | {"problems": ["?"]}, frozenset())
    assert judge_recovery(before, after, told | {"open": ["x"]}, frozenset())
    needs = deepcopy(after)
    op = next(iter(needs.ops.values()))
    op["state"] = "NEEDS_REVIEW"
    contract = json.loads(op["change"])["contract_id"]
    assert "recovery" in {fault.kind for fault in judge_recovery(before, needs, told, frozenset())}
    assert "recovery" not in {fault.kind for fault in judge_recovery(before, needs, told, frozenset({contract}))}


def test_a_wrong_history_is_noticed(story: Story, tmp_path: Path) -> None:
    _, after, _, _, data = story
    run = next(iter(after.runs.values()))["source_run"]
    assert judge_history(after, run, "compared", data / "workspace.db")
    assert judge_history(after, "another run", "finished", data / "workspace.db")
    forgetful = Path(shutil.copy(data / "workspace.db", tmp_path))
    connection = sqlite3.connect(forgetful)
    connection.execute("DELETE FROM pushed")
    connection.commit()
    connection.close()
    assert len(judge_history(after, run, "finished", forgetful)) == 3
