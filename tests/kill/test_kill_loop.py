"""Processes that are ended by SIGKILL while they push, and what the next start makes of it."""

import os
import re
from collections import Counter

import pytest

from tests.kill.__main__ import main
from tests.kill.attempts import BOUNDARIES, Attempt, attempt_of
from tests.kill.harness import Kill, Lane
from tests.kill.loop import FAULTS, OpenLanes, Sums
from tests.kill.scenes import SCENES
from tests.kill.trail import POINTS, STEPS, step_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.mark.fault("F-57", "W", "before")
@pytest.mark.fault("F-57", "W", "after")
@pytest.mark.timeout(300)  # real processes and real settle windows: slow where many others work
def test_killed_pushes_and_undos_leave_nothing_doubled_lost_or_unexplained(
    opener: OpenLanes, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["--kills", "12", "--seed", "205", "--trace"], opener)
    told = capsys.readouterr().out
    assert status == 0, told
    assert re.search("by PSA:   autotask [4-6], connectwise [4-6], connectwise-replace [4-6]$", told, re.MULTILINE)
    assert ", ".join(f"{kind} 0" for kind in FAULTS) in told
    assert len(set(re.findall(r"at step (\w+),", told))) >= 6
    numbers = [(int(number), kind) for number, kind in re.findall(r"^ +([0-9]+)  ([\w-]+): ", told, re.MULTILINE)]
    assert all(kind == sorted(SCENES)[number % 3] for number, kind in numbers)


@pytest.mark.parametrize(
    ("point", "nth", "states"),
    [
        ("commit begin after", 1, {"CANCELLED": 4}),
        ("send", 2, {"VERIFIED": 1, "NOT_APPLIED": 1, "CANCELLED": 2}),
        ("answer", 2, {"VERIFIED": 1, "CONFIRMED_BY_STATE": 1, "CANCELLED": 2}),
        ("back before", 3, {"VERIFIED": 3, "CANCELLED": 1}),
        ("results before", 1, {"VERIFIED": 4}),
    ],
)
def test_what_is_left_depends_on_where_it_ended(lane: Lane, point: str, nth: int, states: dict[str, int]) -> None:
    rows = tuple(row for row in lane.rows if row["quantity_only"] and row["line_id"])[:4]
    ended = lane.carry_out(Attempt(number=0, kind="step", step="", rows=rows, kill={"point": point, "nth": nth}))
    assert [kill.point for kill in ended.kills] == [point]
    assert ended.at == f"{point}:{nth}"
    assert not ended.faults, ended.kept
    assert Counter(op["state"] for op in lane.records(lane.folder / "data").ops.values()) == states


def test_the_same_number_is_the_same_attempt_and_ends_at_the_same_place(lane: Lane) -> None:
    number = next(n for n in range(100) if attempt_of(5, n, lane.rows).step == "6" and not attempt_of(5, n, lane.rows).line)
    attempt = attempt_of(5, number, lane.rows)
    assert attempt == attempt_of(5, number, lane.rows)
    assert attempt != attempt_of(6, number, lane.rows)
    first, second = (lane.carry_out(attempt).kills for _ in range(2))
    assert first == second


def test_another_user_s_change_while_nobody_of_ours_works_is_never_taken_for_ours(lane: Lane) -> None:
    rows = tuple(row for row in lane.rows if row["quantity_only"] and row["line_id"])[:2]
    kill = {"point": "send", "nth": 1}
    ended = lane.carry_out(
        Attempt(number=0, kind="step", step="7", rows=rows, kill=kill, between=True, line=rows[0]["line_id"])
    )
    assert not ended.faults, ended.kept
    states = [op["state"] for op in lane.records(lane.folder / "data").ops.values()]
    assert states == ["NEEDS_REVIEW", "CANCELLED"]


def test_two_hundred_attempts_meet_every_step_and_every_commit_boundary(lane: Lane) -> None:
    planned = [attempt_of(1, number, lane.rows) for number in range(200)]
    steps = Counter(attempt.step for attempt in planned if attempt.kind == "step")
    assert set(steps) == set(STEPS)
    assert min(steps.values()) >= 8
    assert {attempt.kill["nth"] for attempt in planned if attempt.kind == "boundary"} == set(range(1, BOUNDARIES + 1))
    assert sum(attempt.kind == "random" for attempt in planned) == 40
    assert sum(bool(attempt.faults) for attempt in planned) > 40
    assert sum(bool(attempt.line) for attempt in planned) > 10
    undos = [attempt for attempt in planned if attempt.undo]
    assert len(undos) > 20
    assert {attempt.kind for attempt in undos} == {"step", "random"}


def test_every_place_of_a_push_belongs_to_its_step() -> None:
    assert {step for step, points in POINTS.items() for point in points if step_of("push", point) != step} == set()
    assert step_of("push", "commit UNKNOWN after") == "9"
    assert step_of("push", "commit NOT_APPLIED before") == "10"
    assert step_of("recover", "commit UNKNOWN after") == "recovery"
    assert step_of("look", "watch before") == "13"


def test_one_attempt_can_be_carried_out_again_with_every_place_it_passed(
    opener: OpenLanes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--psa", "connectwise", "--replay", "4", "--seed", "11", "--at", "commit ARMED after:2", "--trace"], opener) == 0
    told = capsys.readouterr().out
    assert "connectwise: random at step 6, commit ARMED after" in told
    assert "push\tkilled at commit ARMED after" in told
    assert "recover\ttold" in told


def test_sums_miss_a_step_that_was_met_too_rarely() -> None:
    sums = Sums(kills=[Kill("step", step, "anywhere") for step in STEPS[1:] for _ in range(20)])
    assert sums.too_few(150) == []
    assert sums.too_few(200) == ["0"]
    assert sums.too_few(2_000) == ["0"]
    assert sums.too_few(3_000) == list(STEPS)
