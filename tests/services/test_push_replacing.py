"""A line that ends and the new one that takes its place: in this order, never one without a word about the other."""

import asyncio
from collections.abc import Callable

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Budget, WriteSemantics
from reconcile_app.services.desk import PushView
from reconcile_app.services.recovery import Recovery
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import Crash
from tests.fakes.planning import change_of, cost_of, plan_of
from tests.fakes.psa import FakePsa, Fault, Late, Wait, unreachable
from tests.fakes.pushing import Bench

GAP = "Line L1 ends on 2026-11-26 and nothing takes its place. In the PSA, create 13 of Hosted Exchange on Cloud from that day on."
MAYBE = "Whether line L1 ends on 2026-11-26 is not known yet. If it does, create 13 of Hosted Exchange on Cloud from that day on."
DONE, NOT = OpState.VERIFIED, OpState.CANCELLED


def bench_of(*faults: Fault | Late | Wait, lines: int = 1) -> Bench:
    bench = Bench(psa=FakePsa(VirtualClock(), semantics=WriteSemantics.SET))
    for number in range(1, lines + 1):
        bench.psa.add_line(f"L{number}", 10, contract_id=f"C{number}", cost=7)
    bench.psa.writes += faults
    return bench


def changes_of(lines: int = 1) -> list[Change]:
    return [change_of(f"L{number}", contract_id=f"C{number}", customer=f"K{number}") for number in range(1, lines + 1)]


async def push(bench: Bench, changes: list[Change] | None = None) -> PushView:
    plan = await plan_of(bench.psa, bench.clock, changes or changes_of(), replaces=True)
    return await bench.engine.run(plan, "", bench.views.append)


def told(view: PushView) -> list[OpState]:
    return [op.state for op in view.ops]


def stop_at_request(bench: Bench, kind: str, nth: int) -> None:
    """The operator stops the push while the nth request of a kind (empty: of any) is on its way."""
    seen, stopping = 0, list[asyncio.Future[None]]()

    def listen(name: str) -> None:
        nonlocal seen
        seen += kind in ("", name)
        if seen == nth and not stopping:
            stopping.append(asyncio.ensure_future(bench.engine.stop()))

    bench.psa.on_access = listen


async def test_the_new_line_is_made_after_the_old_one_was_read_back() -> None:
    bench = bench_of()
    view = await push(bench)
    assert (told(view), view.result) == ([DONE, DONE], "finished")
    assert bench.psa.requests == ["tenant", *["read", "write", "read"] * 2]
    (old, new) = bench.psa.lines_by_id.values()
    assert (bench.psa.quantity("L1"), bench.psa.quantity(new.line_id), new.cost) == (0, 13 * SCALE, old.cost)
    assert [(entry.line_id, entry.after) for entry in bench.psa.commits()] == [("L1", 0), (new.line_id, 13 * SCALE)]


async def test_a_new_unit_cost_belongs_to_the_new_line_and_other_lines_wait_for_their_own_quantity() -> None:
    bench = bench_of()
    bench.psa.add_line("L2", 10, contract_id="C2", cost=SCALE)
    bench.psa.whole["L2"] = "it is new."
    bench.psa.lines_by_id["L1"].cost = SCALE
    changes = [change_of(), cost_of(), change_of("L2", contract_id="C2"), cost_of("L2")]
    view = await push(bench, changes)
    assert [op.change.kind.value for op in view.ops] == ["cancel_line", "replace_line", "set_quantity", "set_unit_cost"]
    assert told(view) == [DONE] * 4
    assert [line.cost for line in bench.psa.lines_by_id.values()] == [SCALE, 2 * SCALE, 2 * SCALE]


@pytest.mark.parametrize(("faults", "states", "words"), [
    ([Fault.REFUSED], [OpState.REJECTED, NOT], "Not sent: line L1 was not ended by this push."),
    ([Fault.LOST_BEFORE], [OpState.NOT_APPLIED, NOT], "Not sent: line L1 was not ended by this push."),
    ([Fault.LOST_AFTER], [OpState.CONFIRMED_BY_STATE, DONE], ""),
    ([Fault.ACKNOWLEDGED_NOT_DONE], [OpState.NEEDS_REVIEW, NOT], MAYBE),
    ([Fault.NONE, Fault.REFUSED], [DONE, OpState.REJECTED], GAP),
    ([Fault.NONE, Fault.LOST_BEFORE], [DONE, OpState.NOT_APPLIED], GAP),
    ([Fault.NONE, Fault.LOST_AFTER], [DONE, OpState.CONFIRMED_BY_STATE], ""),
    ([Fault.NONE, Fault.FORBIDDEN], [DONE, OpState.REJECTED], GAP),
    ([Fault.NONE, *[Fault.NOT_SENT] * 3], [DONE, OpState.NOT_SENT], GAP),
    ([Fault.NONE, Wait(seconds=60), Fault.NONE], [DONE, DONE], ""),
    ([Fault.NONE, Fault.ACKNOWLEDGED_NOT_DONE], [DONE, OpState.NEEDS_REVIEW], ""),
])
async def test_what_becomes_of_the_two(faults: list[Fault | Late | Wait], states: list[OpState], words: str) -> None:
    bench = bench_of(*faults)
    view = await push(bench)
    assert told(view) == states
    assert view.ops[1].message.endswith(words)
    gap = words == GAP
    assert (view.result == "finished, 1 line ended without a new one") is gap
    assert ("1 line ended without a new one" in view.message) is gap
    assert (GAP in view.ops[1].message) is gap
    made = [entry for entry in bench.psa.commits() if entry.line_id != "L1"]
    assert len(made) == (states[1] in (DONE, OpState.CONFIRMED_BY_STATE))


async def test_a_stop_at_any_time_leaves_no_line_without_its_successor() -> None:
    for at in range(1, 14):
        bench = bench_of(lines=2)
        stop_at_request(bench, "", at)
        view = await push(bench, changes_of(2))
        states = told(view)
        assert states[:2] in ([DONE, DONE], [NOT, NOT])
        assert states[2:] in ([DONE, DONE], [NOT, NOT])
        assert "without" not in view.result


async def test_a_wait_between_the_two_is_not_cut_short_by_a_stop() -> None:
    bench = bench_of(Fault.NONE, Wait(seconds=60), lines=2)
    stop_at_request(bench, "write", 2)
    view = await push(bench, changes_of(2))
    assert told(view) == [DONE, DONE, NOT, NOT]
    assert 60.0 in bench.clock.waits


async def test_no_line_is_ended_when_the_calls_would_not_last_for_the_new_one() -> None:
    bench = bench_of()
    bench.psa.allowance = Budget(used=0, allowed=14, window_minutes=60, share=0.5)
    view = await push(bench)
    assert told(view) == [NOT, NOT]
    assert "used up" in view.ops[0].message
    assert view.ops[1].message.startswith("Not sent: The calls this program may make are used up.")


async def test_a_line_that_somebody_ended_is_not_replaced() -> None:
    bench = bench_of()
    plan = await plan_of(bench.psa, bench.clock, changes_of(), replaces=True)
    bench.psa.other_user("L1", -10)
    view = await bench.engine.run(plan, "", bench.views.append)
    assert told(view) == [OpState.SKIPPED_ALREADY, NOT]
    assert view.ops[1].message == "Not sent: line L1 was not ended by this push."


async def test_an_end_that_somebody_took_back_keeps_the_new_line_from_being_made() -> None:
    bench = bench_of()
    plan = await plan_of(bench.psa, bench.clock, changes_of(), replaces=True)
    reads = iter(range(10))

    def take_back(name: str) -> None:
        if name == "read" and next(reads) == 2:
            bench.psa.lines_by_id["L1"].ended = None

    bench.psa.on_access = take_back
    view = await bench.engine.run(plan, "", bench.views.append)
    assert told(view) == [DONE, OpState.BLOCKED]
    assert "L1 does not end on 2026-11-26." in view.ops[1].message
    assert view.ops[1].message.endswith(GAP)


# crashes -----------------------------------------------------------------------------------------------------------------------


def crash_at(moment: str, nth: int) -> Callable[[str], None]:
    seen = 0

    def boundary(name: str) -> None:
        nonlocal seen
        seen += name == moment
        if name == moment and seen == nth:
            raise Crash(name)

    return boundary


async def crashed(moment: str, nth: int) -> Bench:
    bench = bench_of()
    bench.journal.boundary = crash_at(moment, nth)
    with pytest.raises(Crash):
        await push(bench)
    bench.journal.boundary = lambda name: None
    bench.journal = bench.journal.reopen()
    bench.psa.requests.clear()
    return bench


@pytest.mark.parametrize(("moment", "nth", "states", "words"), [
    ("before arm", 1, [NOT, NOT], "if you still want it."),
    ("after arm", 1, [OpState.NOT_APPLIED, NOT], "if you still want it."),
    ("before APPLIED", 1, [OpState.CONFIRMED_BY_STATE, NOT], GAP),
    ("after APPLIED", 1, [DONE, NOT], GAP),
    ("after VERIFIED", 1, [DONE, NOT], GAP),
    ("before arm", 2, [DONE, NOT], GAP),
    ("after arm", 2, [DONE, OpState.NOT_APPLIED], GAP),
    ("before APPLIED", 2, [DONE, OpState.CONFIRMED_BY_STATE], ""),
])
async def test_after_a_crash_at_any_time_the_operator_is_told_what_is_missing(
    moment: str, nth: int, states: list[OpState], words: str
) -> None:
    bench = await crashed(moment, nth)
    summary = await Recovery(bench.psa, bench.journal, bench.clock, bench.settle_seconds).run()
    assert "write" not in bench.psa.requests
    assert bench.states() == states
    assert bench.messages()[1].endswith(words)
    ended = states[0] in (DONE, OpState.CONFIRMED_BY_STATE) and states[1] in (NOT, OpState.NOT_APPLIED)
    assert ("1 line ended without a new one: make what is missing in the PSA." in summary.words) is ended


async def test_while_nobody_can_look_whether_the_line_ends_the_operator_is_told_that_it_is_open() -> None:
    bench = await crashed("after APPLIED", 1)
    bench.psa.tenant_error = unreachable()
    summary = await Recovery(bench.psa, bench.journal, bench.clock, bench.settle_seconds).run()
    assert bench.states() == [OpState.APPLIED, NOT]
    assert bench.messages()[1].endswith(MAYBE)
    assert "ended without a new one" not in summary.words
