"""Writes that get an answer which proves nothing, and answers that prove that nothing happened."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.sandbox.server import Sandbox
from tests.faults.wire_bench import COMMITS, check_doubt, on, running

WHENS = ("before", "after", "late")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running() as started:
        yield started


@pytest.mark.fault("F-12", "W", "before")
@pytest.mark.parametrize(
    ("name", "least", "most"), [("seconds", 7, 7), ("date", 38, 40), ("negative", 5, 10), ("huge", 600, 600), ("garbage", 5, 10)]
)
async def test_a_psa_that_asks_to_wait_is_waited_for_and_asked_again(box: Sandbox, name: str, least: float, most: float) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-12", name)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.VERIFIED], 2, ["us"])
        told = [view.ops[0].message for view in bench.views if "asks us to wait" in view.ops[0].message]
        assert told
        seconds = float(told[0].removeprefix("The PSA asks us to wait ").partition(" s.")[0])
        assert least <= seconds <= most
        assert seconds == pytest.approx(max(bench.clock.waits), abs=1)


@pytest.mark.fault("F-13", "W", "before")
async def test_a_storm_of_429_ends_after_four_sends_five_seconds_apart(box: Sandbox) -> None:
    async with on(box) as bench:
        sent: list[float] = []
        bench.clock.sleeping = lambda seconds: sent.append(bench.clock.monotonic())
        pushed = await bench.struck("F-13", "storm", count=1)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.REJECTED], 4, [])
        assert pushed.messages[0].startswith("The PSA did not take the change: in use, or too many calls; skipped.")
        assert all(wait >= 5 for wait in bench.clock.waits)
        assert all(later - earlier >= 5 for earlier, later in pairwise(sent))
        assert pushed.window == "1 refused"


@pytest.mark.fault("F-13", "W", "before")
async def test_one_429_without_a_time_is_waited_out(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-13", "once", count=2)
        assert (pushed.states, pushed.sends) == ([OpState.VERIFIED] * 2, 3)


@pytest.mark.fault("F-14", "W", "before")
async def test_too_many_at_once_is_waited_out_too(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-14", "threads")
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.VERIFIED], 2, ["us"])


@pytest.mark.fault("F-15", "W", "before")
@pytest.mark.fault("F-15", "W", "after")
@pytest.mark.fault("F-15", "W", "late")
@pytest.mark.parametrize("when", WHENS)
async def test_an_internal_error_proves_nothing(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-15", "error", when), when)


@pytest.mark.fault("F-16", "W", "before")
@pytest.mark.fault("F-16", "W", "after")
@pytest.mark.fault("F-16", "W", "late")
@pytest.mark.parametrize("when", WHENS)
async def test_an_internal_error_that_reads_like_a_refusal_is_shown_and_proves_nothing(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-16", "refusal", when)
        check_doubt(pushed, when)
        text = "The unitChange value is not valid for this contract service."
        in_doubt = next(view for view in bench.views if view.ops[0].state is OpState.UNKNOWN)
        assert in_doubt.ops[0].message == f"It is not known yet whether the PSA made the change. It said: {text}"
        if when == "before":
            assert pushed.messages[0].endswith(f"The PSA had said: {text}")


@pytest.mark.fault("F-17", "W", "before")
@pytest.mark.fault("F-17", "W", "after")
@pytest.mark.fault("F-17", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["502", "503", "504"])
async def test_a_gateways_page_proves_nothing_and_is_never_shown(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-17", name, when)
        check_doubt(pushed, when)
        told = " ".join(op.message for view in bench.views for op in view.ops)
        assert f"Autotask answered with status {name}." in told
        assert "<" not in told
        assert "Service Unavailable" not in told


@pytest.mark.fault("F-18", "W", "before")
@pytest.mark.fault("F-18", "W", "after")
@pytest.mark.fault("F-18", "W", "late")
@pytest.mark.parametrize("when", WHENS)
async def test_a_sign_in_page_is_no_receipt(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-18", "sign_in", when), when)


@pytest.mark.fault("F-19", "W", "before")
@pytest.mark.fault("F-19", "W", "after")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["same_host", "other_host", "http", "relative"])
async def test_a_redirect_of_a_write_is_never_followed(box: Sandbox, status: int, where: str, when: str) -> None:
    trap = box.trap()
    async with on(box) as bench:
        pushed = await bench.struck("F-19", f"{status}_{where}", when)
        check_doubt(pushed, when)
        assert any(f"status {status}" in view.ops[0].message for view in bench.views)
        assert (trap.connections, trap.received) == (0, b"")


@pytest.mark.fault("F-19", "W", "late")
async def test_a_redirect_with_a_late_commit_is_confirmed_by_reading(box: Sandbox) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-19", "303_other_host", "late"), "late")


@pytest.mark.fault("F-20", "W", "before")
@pytest.mark.fault("F-20", "W", "after")
@pytest.mark.fault("F-20", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["accepted", "accepted_empty"])
async def test_accepted_for_later_is_no_receipt(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-20", name, when), when)


@pytest.mark.fault("F-21", "W", "before")
async def test_a_line_that_is_gone_is_not_written_and_not_created(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(2))
        line = box.world.autotask.lines[int(plan.changes[0].change.line_id)]
        box.call(lambda: box.world.autotask.remove_line(line))
        pushed = await bench.push(plan)
        assert pushed.states == [OpState.STALE, OpState.VERIFIED]
        assert pushed.messages[0] == "Skipped: the line is gone. It was not created again."
        assert (pushed.sends, bench.commits(plan.changes[0].change.line_id)[-1:]) == (1, ["other"])
        assert pushed.window == "1 written and confirmed · 1 had changed in the PSA"


@pytest.mark.fault("F-21", "W", "before")
async def test_a_not_found_of_the_psas_own_is_a_refusal(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-21", "not_found")
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.REJECTED], 1, [])
        assert pushed.messages[0] == "The PSA refused the change. It said: Record not found."


@pytest.mark.fault("F-21", "W", "before")
@pytest.mark.fault("F-21", "W", "after")
@pytest.mark.fault("F-21", "W", "late")
@pytest.mark.parametrize("when", WHENS)
async def test_a_not_found_of_a_gateway_proves_nothing(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-21", "gateway", when), when)


@pytest.mark.fault("F-22", "W", "before")
async def test_a_conflict_is_read_again_and_tried_again(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-22", "conflict", times=2)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.VERIFIED], 3, ["us"])


@pytest.mark.fault("F-22", "W", "before")
async def test_a_conflict_that_lasts_is_a_refusal_and_the_next_customer_goes_on(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-22", "conflict", times=4, count=2)
        assert (pushed.states, pushed.sends) == ([OpState.REJECTED, OpState.VERIFIED], 5)
        assert pushed.first_commits == []
        assert pushed.messages[0].startswith("The PSA did not take the change: in use, or too many calls; skipped.")
        assert "Another user is working with this record." in pushed.messages[0]


@pytest.mark.fault("F-22", "W", "before")
@pytest.mark.fault("F-22", "W", "after")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_failed_precondition_is_never_written_twice(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-22", "precondition", when, times=None)
        assert pushed.first_commits == COMMITS[when]
        assert (
            pushed.states[0]
            in {"before": {OpState.REJECTED, OpState.NOT_APPLIED}, "after": {OpState.CONFIRMED_BY_STATE, OpState.SKIPPED_ALREADY}}[
                when
            ]
        )


@pytest.mark.fault("F-23", "W", "before")
@pytest.mark.fault("F-23", "W", "after")
@pytest.mark.fault("F-23", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["long_header", "many_headers", "many_cookies"])
async def test_headers_without_measure_make_the_answer_unusable(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-23", name, when)
        check_doubt(pushed, when)
        assert any("Unusable answer" in view.ops[0].message for view in bench.views)
