"""Recovery after a crash: settles by reading, sends nothing, and doing it twice changes nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconcile_app.core.errors import WrongUse
from reconcile_app.core.judge import OpState
from reconcile_app.services.recovery import Recovery, RecoverySummary, close_op
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import Crash
from tests.fakes.planning import change_of
from tests.fakes.psa import Fault, Late, unreachable
from tests.fakes.pushing import Bench


def crash_at(moment: str) -> Callable[[str], None]:
    def boundary(name: str) -> None:
        if name == moment:
            raise Crash(name)

    return boundary


async def crashed(moment: str, *faults: Fault | Late) -> Bench:
    """A push of three lines that died at its first line."""
    bench = Bench()
    changes = []
    for n in range(3):
        bench.psa.add_line(f"L{n}", 10, contract_id=f"C{n}")
        changes.append(change_of(f"L{n}", contract_id=f"C{n}", customer=f"K{n}"))
    bench.psa.writes += faults
    bench.journal.boundary = crash_at(moment)
    with pytest.raises(Crash):
        await bench.push(changes)
    bench.journal.boundary = lambda name: None
    bench.journal = bench.journal.reopen()
    bench.psa.requests.clear()
    return bench


async def recover(bench: Bench) -> RecoverySummary:
    summary = await Recovery(bench.psa, bench.journal, bench.clock, bench.settle_seconds).run()
    assert "write" not in bench.psa.requests
    return summary


@pytest.mark.parametrize(("moment", "faults", "state"), [
    ("before arm", [], OpState.CANCELLED),
    ("after arm", [], OpState.NOT_APPLIED),
    ("before APPLIED", [], OpState.CONFIRMED_BY_STATE),
    ("after APPLIED", [], OpState.VERIFIED),
    ("before REJECTED", [Fault.REFUSED], OpState.NOT_APPLIED),
    ("after REJECTED", [Fault.REFUSED], OpState.REJECTED),
    ("after UNKNOWN", [Fault.LOST_AFTER], OpState.CONFIRMED_BY_STATE),
    ("after UNKNOWN", [Late(seconds=170)], OpState.CONFIRMED_BY_STATE),
    ("after VERIFIED", [], OpState.VERIFIED),
    ("after NEEDS_REVIEW", [Fault.ACKNOWLEDGED_NOT_DONE], OpState.NEEDS_REVIEW),
])
async def test_every_moment(moment: str, faults: list[Fault | Late], state: OpState) -> None:
    bench = await crashed(moment, *faults)
    summary = await recover(bench)
    assert bench.states() == [state, OpState.CANCELLED, OpState.CANCELLED]
    assert summary.interrupted
    assert [op.state for op in summary.ops] == bench.states()
    assert len(bench.psa.commits()) == (state in {OpState.CONFIRMED_BY_STATE, OpState.VERIFIED})
    events = list(bench.journal.stored.events)
    again = await recover(bench)
    assert bench.journal.stored.events == events
    assert again.interrupted is False


async def test_what_was_found_and_what_became_of_it_in_words() -> None:
    summary = await recover(await crashed("before APPLIED"))
    assert summary.words == "The last push was interrupted: 1 done, 2 not sent."
    assert [op.state for op in summary.found] == [OpState.ARMED, OpState.PLANNED, OpState.PLANNED]
    assert summary.open == ()


async def test_nothing_to_recover() -> None:
    bench = Bench()
    summary = await recover(bench)
    assert (summary.found, summary.words, bench.psa.requests) == ((), "", [])
    assert bench.journal.stored.epoch == 1


async def test_lines_for_a_person_are_told_without_asking_the_psa() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    await bench.push([change_of()])
    bench.psa.requests.clear()
    summary = await recover(bench)
    assert summary.words == "Left from earlier pushes: 1 to be looked at by you."
    assert bench.psa.requests == []


async def test_the_settle_window_counts_from_the_end_of_the_transmission() -> None:
    bench = await crashed("after UNKNOWN", Fault.LOST_BEFORE)
    bench.clock.advance(100)
    await recover(bench)
    assert bench.clock.waits == [20.0, 60.0]
    assert bench.states()[0] is OpState.NOT_APPLIED


async def test_a_change_found_armed_has_the_whole_window_ahead() -> None:
    bench = await crashed("after arm")
    bench.clock.advance(86_400)
    await recover(bench)
    assert sum(bench.clock.waits) == 180.0


async def test_a_second_recovery_goes_on_with_the_window_of_the_first() -> None:
    bench = await crashed("after arm")
    bench.journal.boundary = crash_at("after UNKNOWN")
    with pytest.raises(Crash):
        await recover(bench)
    bench.journal.boundary = lambda name: None
    bench.journal = bench.journal.reopen()
    bench.clock.advance(100)
    await recover(bench)
    assert sum(bench.clock.waits) == 80.0


async def test_after_a_long_time_one_look_is_enough() -> None:
    bench = await crashed("after UNKNOWN", Fault.LOST_BEFORE)
    bench.clock.advance(86_400)
    await recover(bench)
    assert bench.psa.requests == ["tenant", "read"]


@pytest.mark.parametrize(("skew", "back"), [(400.0, 0.0), (0.0, -3_600.0)])
async def test_a_clock_nobody_can_trust_means_the_whole_window(skew: float, back: float) -> None:
    bench = await crashed("after UNKNOWN", Fault.LOST_BEFORE)
    bench.clock.advance(100)
    bench.clock.suspend(back)
    bench.psa.clock_skew = skew
    await recover(bench)
    assert sum(bench.clock.waits) == 180.0


async def test_a_clock_that_was_set_forward_shortens_no_window() -> None:
    bench = await crashed("after UNKNOWN", Fault.LOST_BEFORE)
    bench.clock.suspend(290)
    await recover(bench)
    assert sum(bench.clock.waits) == 180.0


async def test_after_a_restart_of_the_computer_its_new_time_counts() -> None:
    bench = await crashed("after UNKNOWN", Fault.LOST_BEFORE)
    bench.clock = VirtualClock(bench.clock.now() + timedelta(seconds=3_600), monotonic=70.0)
    bench.psa.clock = bench.clock
    await recover(bench)
    assert sum(bench.clock.waits) == 110.0


async def test_several_lines_share_the_window() -> None:
    bench = Bench()
    changes = []
    for n in range(3):
        bench.psa.add_line(f"L{n}", 10, contract_id=f"C{n}")
        changes.append(change_of(f"L{n}", contract_id=f"C{n}", customer=f"K{n}"))
    bench.psa.writes += [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LOST_BEFORE]
    bench.psa.reads += [None, unreachable()] * 3
    bench.journal.boundary = crash_at("before CONFIRMED_BY_STATE")
    with pytest.raises(Crash):
        await bench.push(changes)
    bench.journal.boundary = lambda name: None
    bench.psa.reads.clear()
    bench.clock.waits.clear()
    bench.journal = bench.journal.reopen()
    bench.psa.requests.clear()
    await recover(bench)
    assert bench.states() == [OpState.NOT_APPLIED, OpState.CONFIRMED_BY_STATE, OpState.NOT_APPLIED]
    assert sum(bench.clock.waits) <= 180.0


async def test_without_the_psa_lines_stay_locked_and_nothing_is_lost() -> None:
    bench = await crashed("before APPLIED")
    bench.psa.tenant_error = unreachable()
    summary = await recover(bench)
    assert bench.states() == [OpState.UNKNOWN, OpState.CANCELLED, OpState.CANCELLED]
    assert summary.words == (
        "The last push was interrupted: 1 being checked, 2 not sent. "
        "The lines cannot be checked now: Cannot reach the PSA."
    )
    bench.psa.tenant_error = None
    assert (await recover(bench)).ops[0].state is OpState.CONFIRMED_BY_STATE


async def test_another_tenant_is_never_asked_about_these_lines() -> None:
    bench = await crashed("before APPLIED")
    bench.psa.fingerprint = "tenant-2"
    summary = await recover(bench)
    assert bench.psa.requests == ["tenant"]
    assert summary.open[0].state is OpState.UNKNOWN
    assert "belong to another PSA" in summary.problem


async def test_a_journal_without_the_reading_leaves_the_line_to_a_person() -> None:
    bench = await crashed("before APPLIED")
    bench.journal.stored.events.clear()
    summary = await recover(bench)
    assert summary.open[0].state is OpState.UNKNOWN
    assert "look at them in the PSA" in summary.problem


async def test_a_damaged_reading_is_not_taken_for_one() -> None:
    bench = await crashed("before APPLIED")
    body = bench.journal.stored.events[0]["body"]
    assert isinstance(body, dict)
    body["before"] = "nothing"
    with pytest.raises(TypeError):
        await recover(bench)


async def in_review() -> Bench:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.writes.append(Fault.DONE_TWICE)
    await bench.push([change_of()])
    return bench


@pytest.mark.parametrize(("applied", "state", "word"), [
    (True, OpState.CLOSED_AS_APPLIED, "applied"), (False, OpState.CLOSED_AS_NOT_APPLIED, "not applied"),
])
async def test_a_person_closes_a_line(applied: bool, state: OpState, word: str) -> None:
    bench = await in_review()
    await close_op(bench.journal, "P1-0001", applied=applied, by=" Ada ", reason=" took 3 back by hand ")
    assert bench.states() == [state]
    assert bench.messages() == [f"Closed as {word} by Ada: took 3 back by hand"]
    assert bench.journal.stored.events[-1]["body"] == {"by": "Ada", "reason": "took 3 back by hand"}
    assert await bench.journal.unfinished() == []


@pytest.mark.parametrize(("by", "reason"), [("", "seen"), ("Ada", "  ")])
async def test_closing_needs_a_name_and_a_reason(by: str, reason: str) -> None:
    bench = await in_review()
    with pytest.raises(WrongUse, match="reason is missing"):
        await close_op(bench.journal, "P1-0001", applied=True, by=by, reason=reason)
    assert bench.states() == [OpState.NEEDS_REVIEW]


async def test_only_a_line_in_review_can_be_closed() -> None:
    bench = await crashed("before arm")
    for op_id in ("P1-0001", "unknown"):
        with pytest.raises(WrongUse, match="not waiting"):
            await close_op(bench.journal, op_id, applied=True, by="Ada", reason="seen")
