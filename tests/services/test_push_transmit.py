"""One change on its way: what the reading right before the write forbids, and what each answer leads to."""

import logging
from dataclasses import replace

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PermissionDenied, PlanRefused, SignInFailed
from reconcile_app.core.judge import OpState
from reconcile_app.services.desk import PushView
from tests.fakes.planning import change_of, cost_of, plan_of
from tests.fakes.psa import Fault, Wait, unreachable
from tests.fakes.pushing import Bench


def bench_with(*faults: Fault | Wait) -> Bench:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.writes += faults
    return bench


async def changed_after_approval(bench: Bench, act: str) -> PushView:
    plan = await bench.plan([change_of()])
    if act == "raise":
        bench.psa.other_user("L1", 5)
    elif act == "raise by Bob":
        bench.psa.other_user("L1", 5)
        bench.psa.attribution = "Bob at 14:03"
    elif act == "same":
        bench.psa.other_user("L1", 3)
    elif act == "touch":
        bench.psa.touch("L1")
    elif act == "remove":
        del bench.psa.lines_by_id["L1"]
    elif act == "block":
        bench.psa.blocked["L1"] = "The contract has ended."
    return await bench.engine.run(plan, "", bench.views.append)


@pytest.mark.parametrize(("act", "state", "message"), [
    ("raise", OpState.STALE, "Skipped: was 10 when you approved, is 15 now."),
    ("raise by Bob", OpState.STALE, "Skipped: was 10 when you approved, is 15 now (last changed by Bob at 14:03)."),
    ("same", OpState.SKIPPED_ALREADY, "Already 13; nothing to do."),
    ("touch", OpState.STALE, "Skipped: still 10, but the line was touched since you approved."),
    ("remove", OpState.STALE, "Skipped: the line is gone. It was not created again."),
    ("block", OpState.BLOCKED, "Skipped: The contract has ended."),
])
async def test_what_is_not_as_approved_is_not_written(act: str, state: OpState, message: str) -> None:
    bench = bench_with()
    view = await changed_after_approval(bench, act)
    assert (view.ops[0].state, view.ops[0].message) == (state, message)
    assert view.result == ("finished" if state is OpState.SKIPPED_ALREADY else "refused")
    assert not bench.psa.commits()
    assert bench.kinds() == [state]


async def test_a_line_that_somebody_created_is_not_created_again() -> None:
    bench = bench_with()
    change = change_of("", 0, 5, service_id="S9", kind=ChangeKind.CREATE_LINE)
    plan = await bench.plan([change])
    bench.psa.add_line("L9", 4, service_id="S9")
    view = await bench.engine.run(plan, "", bench.views.append)
    assert (view.ops[0].state, view.ops[0].message) == (OpState.STALE, "Skipped: the line is there meanwhile, with 4.")


async def test_a_cost_nobody_can_read_is_not_written() -> None:
    bench = bench_with()
    plan = await bench.plan([cost_of()])
    bench.psa.lines_by_id["L1"].cost = 5 * SCALE
    view = await bench.engine.run(plan, "", bench.views.append)
    assert view.ops[0].message == "Skipped: was 1 when you approved, is 5 now."


async def test_what_the_psa_cannot_take_is_blocked() -> None:
    bench = bench_with()
    half = replace(change_of(), quantity_target=125_000)
    plan = await plan_of(bench.psa, bench.clock, [half], whole_units=False)
    view = await bench.engine.run(plan, "", bench.views.append)
    assert (view.ops[0].state, view.ops[0].message) == (OpState.BLOCKED, "Skipped: Whole units only.")


async def test_a_reading_that_fails_is_no_reason_to_write() -> None:
    bench = bench_with()
    bench.psa.reads.append(unreachable())
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.BLOCKED
    assert view.ops[0].message == "Could not be read right before the write: Cannot reach the PSA. Nothing was sent."


async def test_a_line_the_connector_cannot_even_ask_for_is_left_alone() -> None:
    bench = bench_with()
    bench.psa.add_line("L2", 10, contract_id="C2")
    bench.psa.reads.append(PlanRefused("This change cannot be written.", "Line 'x' is no id."))
    view = await bench.push([change_of(), change_of("L2", contract_id="C2", customer="B")])
    assert [op.state for op in view.ops] == [OpState.BLOCKED, OpState.VERIFIED]
    assert "Line 'x' is no id." in view.ops[0].message


@pytest.mark.parametrize("error", [SignInFailed("The token was refused."), PermissionDenied("Not allowed.")])
async def test_a_lost_sign_in_stops_the_run(error: SignInFailed | PermissionDenied) -> None:
    bench = bench_with()
    bench.psa.add_line("L2", 10, contract_id="C2")
    bench.psa.reads.append(error)
    view = await bench.push([change_of(), change_of("L2", contract_id="C2", customer="B")])
    assert [op.state for op in view.ops] == [OpState.CANCELLED, OpState.CANCELLED]
    assert view.message == f"2 not sent. The sign-in was lost: {error.title}"
    assert view.ops[1].message == f"Not sent: The sign-in was lost: {error.title}"


async def test_a_refusal_is_confirmed_by_one_reading() -> None:
    bench = bench_with(Fault.REFUSED)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.REJECTED
    assert view.ops[0].message == "The PSA refused the change. It said: The date is outside the contract."
    assert bench.psa.requests == ["tenant", "read", "write", "read"]
    assert view.result == "finished"


async def test_a_refusal_whose_line_moved_needs_a_person() -> None:
    bench = bench_with(Fault.REFUSED_YET_DONE)
    view = await bench.push([change_of()])
    assert bench.kinds() == ["ARMED", "REJECTED", "NEEDS_REVIEW"]
    assert view.result == "finished, 1 open"


async def test_a_refusal_that_cannot_be_confirmed_stands() -> None:
    bench = bench_with(Fault.REFUSED)
    bench.psa.reads += [None, unreachable()]
    assert (await bench.push([change_of()])).ops[0].state is OpState.REJECTED


async def test_not_sent_is_tried_twice_more_through_a_fresh_reading() -> None:
    bench = bench_with(Fault.NOT_SENT, Fault.NOT_SENT)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert bench.psa.requests == ["tenant", "read", "write", "read", "write", "read", "write", "read"]
    assert bench.clock.waits == [5.0, 10.0]
    bodies = [e["body"] for e in bench.journal.stored.events if e["kind"] == "ARMED"]
    assert [body["attempt"] for body in bodies if isinstance(body, dict)] == [1, 2, 3]
    gone = bench_with(Fault.NOT_SENT, Fault.NOT_SENT, Fault.NOT_SENT)
    view = await gone.push([change_of()])
    assert (view.ops[0].state, view.result) == (OpState.NOT_SENT, "refused")
    assert not gone.psa.commits()


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (0.0, 5.0), (None, 5.0)])
async def test_the_psa_asks_to_wait(asked: float | None, waited: float) -> None:
    bench = bench_with(Wait(seconds=asked))
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert bench.clock.waits == [waited]
    assert any(v.ops[0].message == f"The PSA asks us to wait {waited:.0f} s." for v in bench.views)


async def test_waiting_grows_and_ends() -> None:
    bench = bench_with(*[Wait(seconds=None)] * 4)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.REJECTED
    assert bench.clock.waits == [5.0, 10.0, 20.0]
    assert bench.psa.requests.count("write") == 4
    assert not bench.psa.commits()


async def test_a_change_made_by_others_while_waiting_is_seen() -> None:
    bench = bench_with(Wait(seconds=60.0))
    writes = iter(range(5))
    bench.psa.on_access = lambda name: bench.psa.other_user("L1", 1) if name == "write" and next(writes) == 0 else None
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.STALE
    assert bench.psa.requests.count("write") == 1


async def test_a_token_is_renewed_once() -> None:
    bench = bench_with(Fault.REFRESH)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert bench.psa.requests == ["tenant", "read", "write", "renew", "read", "write", "read"]


async def test_a_second_refusal_of_the_token_stops_the_run() -> None:
    bench = bench_with(Fault.REFRESH, Fault.REFRESH)
    bench.psa.add_line("L2", 10, contract_id="C2")
    view = await bench.push([change_of(), change_of("L2", contract_id="C2", customer="B")])
    assert [op.state for op in view.ops] == [OpState.REJECTED, OpState.CANCELLED]
    assert bench.psa.requests.count("renew") == 1


async def test_the_token_is_not_renewed_twice_in_a_minute() -> None:
    bench = bench_with(Fault.REFRESH, Fault.NONE, Fault.REFRESH)
    bench.psa.add_line("L2", 10, contract_id="C2")
    view = await bench.push([change_of(), change_of("L2", contract_id="C2", customer="B")])
    assert [op.state for op in view.ops] == [OpState.VERIFIED, OpState.REJECTED]
    later = bench_with(Fault.REFRESH, Fault.NONE, Fault.REFRESH)
    later.psa.add_line("L2", 10, contract_id="C2")
    later.psa.on_access = lambda name: later.clock.advance(61) if later.psa.requests[-2:] == ["write", "read"] else None
    view = await later.push([change_of(), change_of("L2", contract_id="C2", customer="B")])
    assert [op.state for op in view.ops] == [OpState.VERIFIED, OpState.VERIFIED]


async def test_a_renewal_that_fails_leaves_nothing_in_doubt() -> None:
    bench = bench_with(Fault.REFRESH)
    bench.psa.renewals.append(SignInFailed("Sign-in failed."))
    view = await bench.push([change_of()])
    assert (view.ops[0].state, view.result) == (OpState.CANCELLED, "refused")
    assert view.message == "1 not sent. The sign-in failed: Sign-in failed."


async def test_a_lost_permission_stops_the_run() -> None:
    bench = bench_with(Fault.FORBIDDEN)
    bench.psa.add_line("L2", 10, contract_id="C2")
    view = await bench.push([change_of(), change_of("L2", contract_id="C2", customer="B")])
    assert [op.state for op in view.ops] == [OpState.REJECTED, OpState.CANCELLED]
    assert "The API user may no longer write. not allowed" in view.message


@pytest.mark.parametrize("fault", [Fault.RAISES, Fault.CUT_OFF])
async def test_whatever_goes_wrong_after_arming_is_unknown(fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    bench = bench_with(fault)
    with caplog.at_level(logging.CRITICAL):
        view = await bench.push([change_of()])
    assert bench.kinds() == ["ARMED", "UNKNOWN", "NOT_APPLIED"]
    assert view.ops[0].state is OpState.NOT_APPLIED


async def test_an_old_reading_is_read_again_before_the_send() -> None:
    bench = bench_with()
    slow = iter([2.5, 0.0])
    bench.journal.boundary = lambda name: bench.clock.advance(next(slow)) if name == "after arm" else None
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert bench.kinds() == ["ARMED", "PLANNED", "ARMED", "APPLIED", "VERIFIED"]
    assert bench.psa.requests == ["tenant", "read", "read", "write", "read"]


async def test_a_computer_that_is_always_too_slow_sends_nothing() -> None:
    bench = bench_with()
    bench.journal.boundary = lambda name: bench.clock.advance(2.5) if name == "after arm" else None
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.NOT_SENT
    assert "write" not in bench.psa.requests


async def test_a_suspended_computer_reads_again_before_the_send() -> None:
    bench = bench_with()
    naps = iter([600.0, 0.0])
    bench.journal.boundary = lambda name: bench.clock.suspend(next(naps)) if name == "after arm" else None
    view = await bench.push([change_of()])
    assert bench.kinds() == ["ARMED", "PLANNED", "ARMED", "APPLIED", "VERIFIED"]
    assert view.result == "finished"


async def test_a_line_with_an_open_change_gets_no_second_one() -> None:
    bench = bench_with(Fault.ACKNOWLEDGED_NOT_DONE)
    await bench.push([change_of()])
    bench.engine = bench.new_engine()
    view = await bench.push([change_of()], run_id="P2")
    assert (view.ops[0].state, view.result) == (OpState.BLOCKED, "refused")
    assert bench.psa.requests.count("write") == 1
