"""Writes when the transport fails: what provably never left is tried again, everything else is sent once and decided by reading."""

from collections.abc import Iterator

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.sandbox.server import Sandbox
from tests.faults.wire_bench import SHORT, check_doubt, on, running

WHENS = ("before", "after", "late")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running() as started:
        yield started


@pytest.mark.fault("F-06", "W", "before")
@pytest.mark.fault("F-06", "W", "after")
@pytest.mark.fault("F-06", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["slow_head", "silent"])
async def test_headers_that_do_not_arrive_end_at_the_deadline(box: Sandbox, name: str, when: str) -> None:
    async with on(box, SHORT) as bench:
        pushed = await bench.struck("F-06", name, when, seconds=0.05)
        check_doubt(pushed, when)


@pytest.mark.fault("F-07", "W", "before")
@pytest.mark.fault("F-07", "W", "after")
@pytest.mark.fault("F-07", "W", "late")
@pytest.mark.parametrize("when", WHENS)
async def test_single_bytes_do_not_renew_the_deadline_of_a_write(box: Sandbox, when: str) -> None:
    async with on(box, SHORT) as bench:
        check_doubt(await bench.struck("F-07", "endless", when, seconds=0.05), when)


@pytest.mark.fault("F-08", "W", "before")
@pytest.mark.parametrize("name", ["unread"])
async def test_a_reset_before_the_request_was_read_is_no_proof(box: Sandbox, name: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-08", name), "before")


@pytest.mark.fault("F-08", "W", "before")
@pytest.mark.fault("F-08", "W", "after")
@pytest.mark.fault("F-08", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["read", "mid_head", "mid_answer"])
async def test_a_reset_at_any_point_is_no_proof(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-08", name, when), when)


@pytest.mark.fault("F-08", "W", "before")
async def test_a_connection_that_is_cut_off_when_it_is_made_is_never_a_reason_to_send_twice(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(1))
        bench.outage_before_send("reset", 100.0)
        pushed = await bench.push(plan)
        # it depends on the system whether the cut is noticed while connecting (nothing left) or after it (in doubt)
        assert pushed.states[0] in {OpState.NOT_APPLIED, OpState.BLOCKED}
        assert (pushed.sends, pushed.commits) == (1, [])
        assert "Nothing was sent" in pushed.messages[0]


@pytest.mark.fault("F-09", "W", "after")
async def test_a_write_never_uses_a_connection_that_was_kept(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(3))
        # whoever sends a second request on a connection is cut off
        bench.strike("F-09", "kept_closed", "after", times=None)
        pushed = await bench.push(plan)
        assert pushed.states == [OpState.VERIFIED] * 3
        assert pushed.commits == ["us"] * 3


@pytest.mark.fault("F-09", "W", "after")
async def test_a_server_that_closes_after_its_answer_changes_nothing(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-09", "close_after", "after", count=2, times=None)
        assert pushed.states == [OpState.VERIFIED] * 2
        assert pushed.window == "2 written and confirmed"


@pytest.mark.fault("F-10", "W", "before")
@pytest.mark.fault("F-10", "W", "after")
@pytest.mark.fault("F-10", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["twice", "surplus"])
async def test_an_answer_with_another_one_behind_it_proves_nothing(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-10", name, when, count=2)
        check_doubt(pushed, when)
        assert pushed.states[1] is OpState.VERIFIED
        unknown = next(view for view in bench.views if view.ops[0].state is OpState.UNKNOWN)
        assert "more than one answer" in unknown.ops[0].message
