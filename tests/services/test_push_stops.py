"""What ends a push early, and what a fault at one customer means for the others."""

import asyncio
import logging

import pytest

from reconcile_app.core.errors import DiskFull, StorageError
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Budget, Outcome, PreparedWrite
from reconcile_app.services.desk import PushView
from tests.fakes.clock import VirtualClock
from tests.fakes.planning import change_of
from tests.fakes.psa import FakePsa, Fault, unreachable
from tests.fakes.pushing import Bench

V, C, U, R = OpState.VERIFIED, OpState.CANCELLED, OpState.UNKNOWN, OpState.NEEDS_REVIEW


def lines(bench: Bench, *customers: str) -> list:
    """One line and one change for each letter; equal letters are one customer with one contract."""
    changes = []
    for n, code in enumerate(customers):
        bench.psa.add_line(f"L{n}", 10, contract_id=code, service_id=f"S{n}")
        changes.append(change_of(f"L{n}", customer=code, contract_id=code, service_id=f"S{n}"))
    return changes


async def test_a_line_in_review_stops_its_customer_only() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.ACKNOWLEDGED_NOT_DONE]
    view = await bench.push(lines(bench, "A", "A", "B"))
    assert [op.state for op in view.ops] == [R, C, V]
    assert view.ops[1].message == "Not sent: another change of this customer is in doubt."


async def test_a_refused_or_stale_line_does_not_stop_its_customer() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.REFUSED]
    changes = lines(bench, "A", "A", "A")
    plan = await bench.plan(changes)
    bench.psa.touch("L1")
    view = await bench.engine.run(plan, "", bench.views.append)
    assert [op.state for op in view.ops] == [OpState.REJECTED, OpState.STALE, V]


async def test_a_line_in_doubt_does_not_hold_up_other_customers() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.LOST_BEFORE]
    view = await bench.push(lines(bench, "A", "A", "B"))
    assert [op.state for op in view.ops] == [OpState.NOT_APPLIED, V, V]
    assert [entry.line_id for entry in bench.psa.commits()] == ["L2", "L1"]


async def test_a_line_that_stays_in_doubt_stops_its_customer() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.LOST_BEFORE]
    bench.psa.reads += [None, *[unreachable() for _ in range(200)]]
    view = await bench.push(lines(bench, "A", "A"))
    assert [op.state for op in view.ops] == [U, C]
    assert view.result == "finished, 1 open"


async def test_an_acknowledged_line_that_cannot_be_read_back_stays_open_until_the_last_look() -> None:
    bench = Bench()
    bench.psa.reads += [None, unreachable(), unreachable(), unreachable()]
    view = await bench.push(lines(bench, "A", "A"))
    assert [op.state for op in view.ops] == [V, C]
    blind = Bench()
    blind.psa.reads += [None, *[unreachable() for _ in range(9)]]
    view = await blind.push(lines(blind, "A"))
    assert [op.state for op in view.ops] == [OpState.APPLIED]
    assert view.result == "finished, 1 open"


async def test_three_changes_without_a_usable_answer_stop_the_run() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.LOST_BEFORE] * 3
    view = await bench.push(lines(bench, "A", "B", "C", "D"))
    assert [op.state for op in view.ops] == [OpState.NOT_APPLIED] * 3 + [C]
    assert view.ops[3].message == "Not sent: 3 changes in a row had no usable answer."
    assert view.message == "3 not applied · 1 not sent. 3 changes in a row had no usable answer."


async def test_lines_that_cannot_be_read_count_too() -> None:
    bench = Bench()
    bench.psa.reads += [unreachable(), unreachable(), unreachable()]
    view = await bench.push(lines(bench, "A", "B", "C", "D"))
    assert [op.state for op in view.ops] == [OpState.BLOCKED] * 3 + [C]


async def test_a_usable_answer_starts_the_count_anew() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.LOST_AFTER, Fault.LOST_AFTER, Fault.NONE, Fault.LOST_AFTER, Fault.LOST_AFTER]
    view = await bench.push(lines(bench, "A", "B", "C", "D", "E"))
    assert C not in [op.state for op in view.ops]


async def test_two_lines_that_do_not_read_as_written_stop_the_run() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.ACKNOWLEDGED_NOT_DONE, Fault.NONE, Fault.REFUSED_YET_DONE]
    view = await bench.push(lines(bench, "A", "B", "C", "D"))
    assert [op.state for op in view.ops] == [R, V, R, C]
    assert view.message.endswith("2 lines did not read as they were written.")


async def test_a_used_up_allowance_stops_the_run() -> None:
    bench = Bench()
    bench.psa.allowance = Budget(used=0, allowed=12, window_minutes=60, share=0.5)
    view = await bench.push(lines(bench, "A", "B"))
    assert [op.state for op in view.ops] == [V, C]
    assert view.calls_left == 3
    assert "used up" in view.message


async def test_a_plan_that_expires_on_the_way_stops_the_run() -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")
    bench.journal.boundary = lambda name: bench.clock.advance(1_800) if name == "after VERIFIED" else None
    view = await bench.push(changes)
    assert [op.state for op in view.ops] == [V, C]
    assert "expired" in view.message


async def test_a_wait_that_outlives_the_plan_ends_in_nothing() -> None:
    bench = Bench()
    bench.psa.writes += [Fault.WAIT]
    changes = lines(bench, "A")
    bench.psa.on_access = lambda name: bench.clock.advance(1_798) if name == "write" else None
    view = await bench.push(changes)
    assert [op.state for op in view.ops] == [C]
    assert bench.psa.requests.count("write") == 1


@pytest.mark.parametrize(("fingerprint", "states"), [("tenant-1", [V, V]), ("tenant-2", [V, C])])
async def test_after_sleep_the_tenant_is_asked_again(fingerprint: str, states: list[OpState]) -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")

    def nap(name: str) -> None:
        if name == "after VERIFIED" and bench.psa.requests.count("tenant") == 1:
            bench.clock.suspend(300)
            bench.psa.fingerprint = fingerprint

    bench.journal.boundary = nap
    view = await bench.push(changes)
    assert [op.state for op in view.ops] == states
    assert bench.psa.requests.count("tenant") == 2
    assert ("After this computer woke up" in view.message) is (C in states)


async def test_an_answer_that_was_read_counts_even_if_the_computer_slept() -> None:
    bench = Bench()
    changes = lines(bench, "A")
    bench.psa.on_access = lambda name: bench.clock.suspend(60) if name == "write" else None
    assert (await bench.push(changes)).ops[0].state is V


async def test_stop_ends_after_the_current_change() -> None:
    bench = Bench()
    changes = lines(bench, "A", "B", "C")
    plan = await bench.plan(changes)
    bench.psa.gate = asyncio.Event()
    running = asyncio.ensure_future(bench.engine.run(plan, "", bench.views.append))
    while "write" not in bench.psa.requests:
        await asyncio.sleep(0)
    await bench.engine.stop()
    assert bench.journal.stored.cancelled == {"P1"}
    assert bench.views[-1].message == "Stopping after the current change."
    assert not running.done()
    bench.psa.gate.set()
    view = await running
    assert [op.state for op in view.ops] == [V, C, C]
    assert view.ops[1].message == "Not sent: Stopped by the operator."
    assert view.result == "finished"


async def test_stop_before_the_start_sends_nothing() -> None:
    bench = Bench()
    changes = lines(bench, "A")
    await bench.engine.stop()
    view = await bench.push(changes)
    assert [op.state for op in view.ops] == [C]
    assert bench.journal.stored.cancelled == {"P1"}
    assert view.result == "refused"


async def test_stop_ends_a_wait() -> None:
    class Patient(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    clock = Patient()
    bench = Bench(psa=FakePsa(clock))
    changes = lines(bench, "A", "B")
    bench.psa.writes += [Fault.WAIT]
    running = asyncio.ensure_future(bench.push(changes))
    while not any("asks us to wait" in view.ops[0].message for view in bench.views):
        await asyncio.sleep(0)
    await bench.engine.stop()
    view = await running
    assert [op.state for op in view.ops] == [C, C]


async def test_a_stop_set_by_another_process_counts_at_arming() -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")
    bench.journal.boundary = lambda name: bench.journal.stored.cancelled.add("P1") if name == "before arm" else None
    view = await bench.push(changes)
    assert [op.state for op in view.ops] == [C, C]
    assert "write" not in bench.psa.requests


async def test_a_lost_lease_sends_nothing_more() -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")

    def take_over(name: str) -> None:
        if name == "after VERIFIED":
            bench.journal.stored.epoch += 1

    bench.journal.boundary = take_over
    view = await bench.push(changes)
    assert [op.state for op in view.ops] == [V, C]
    assert "taken over" in view.message


async def test_cancelling_the_caller_never_cuts_a_transmission() -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")
    plan = await bench.plan(changes)
    bench.psa.gate = asyncio.Event()
    running = asyncio.ensure_future(bench.engine.run(plan, "", bench.views.append))
    while "write" not in bench.psa.requests:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    bench.psa.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.states() == [V, C]
    assert bench.views[-1].result == "finished"


async def test_an_error_while_stopping_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    plan = await bench.plan(lines(bench, "A"))
    bench.psa.gate = asyncio.Event()
    running = asyncio.ensure_future(bench.engine.run(plan, "", bench.views.append))
    while "write" not in bench.psa.requests:
        await asyncio.sleep(0)

    def broken(name: str) -> None:
        if name == "before APPLIED":
            raise StorageError("The journal could not be written.")

    bench.journal.boundary = broken
    running.cancel()
    await asyncio.sleep(0)
    bench.psa.gate.set()
    with caplog.at_level(logging.ERROR), pytest.raises(asyncio.CancelledError):
        await running
    assert "being stopped ended in an error" in caplog.text
    assert bench.states() == [OpState.ARMED]


async def test_the_end_of_the_event_loop_is_like_a_crash() -> None:
    class Recorded(FakePsa):
        async def write(self, prepared: PreparedWrite) -> Outcome:
            tasks.extend(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
            return await super().write(prepared)

    tasks: list[asyncio.Task[object]] = []
    bench = Bench(psa=Recorded(VirtualClock()))
    plan = await bench.plan(lines(bench, "A"))
    bench.psa.gate = asyncio.Event()
    running = asyncio.ensure_future(bench.engine.run(plan, "", bench.views.append))
    while not tasks:
        await asyncio.sleep(0)
    test = asyncio.current_task()
    for task in tasks:
        if task not in (test, running):
            task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    bench.psa.gate.set()
    for _ in range(9):
        await asyncio.sleep(0)
    assert bench.states() == [OpState.ARMED]


@pytest.mark.parametrize(("moment", "states", "writes"), [
    ("before begin", [], 0),
    ("before arm", [OpState.PLANNED, OpState.PLANNED], 0),
    ("before APPLIED", [OpState.ARMED, OpState.PLANNED], 1),
    ("before VERIFIED", [OpState.APPLIED, OpState.PLANNED], 1),
])
async def test_a_journal_that_cannot_be_written_stops_everything(moment: str, states: list[OpState], writes: int) -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")

    def full(name: str) -> None:
        if name == moment:
            raise DiskFull("The disk is full.")

    bench.journal.boundary = full
    with pytest.raises(DiskFull):
        await bench.push(changes)
    assert bench.states() == states
    assert bench.psa.requests.count("write") == writes


async def test_an_error_of_the_program_cancels_what_was_not_sent() -> None:
    bench = Bench()
    changes = lines(bench, "A", "B")
    bench.psa.reads.append(RuntimeError("a fault of ours"))
    with pytest.raises(RuntimeError):
        await bench.push(changes)
    assert bench.states() == [C, C]
    assert bench.messages()[0] == "Not sent: the program met an error of its own."


async def test_a_fault_at_one_customer_leaves_the_others_as_they_would_be() -> None:
    ledgers = []
    for fault in (Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.REFUSED, Fault.ACKNOWLEDGED_NOT_DONE, Fault.NOT_SENT):
        bench = Bench()
        bench.psa.writes.append(fault)
        await bench.push(lines(bench, "A", "B", "B", "C"))
        ledgers.append([
            (e.line_id, e.before, e.after, e.body_sha256) for e in bench.psa.commits() if e.line_id != "L0"
        ])
    assert all(ledger == ledgers[0] for ledger in ledgers)
    assert len(ledgers[0]) == 3


def test_view_type_is_what_the_window_expects() -> None:
    assert {"plan", "ops", "stages", "calls_left", "result", "message"} <= set(PushView.__slots__)
