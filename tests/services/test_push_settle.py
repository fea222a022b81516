"""Lost answers: when lines are looked at, what a look may decide, how long it goes on."""

import logging

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.judge import OpState
from reconcile_app.services.watch import alarm, watch_items
from tests.fakes.planning import change_of
from tests.fakes.psa import Fault, Late, unreachable
from tests.fakes.pushing import Bench


def bench_with(*faults: Fault | Late, settle_seconds: float = 180.0) -> Bench:
    bench = Bench(settle_seconds=settle_seconds)
    bench.psa.add_line("L1", 10)
    bench.psa.writes += faults
    return bench


def looks_of(bench: Bench) -> list[float]:
    """Fills, while the push runs, with the seconds after the send at which the line was read."""
    seconds: list[float] = []

    def note(name: str) -> None:
        if name == "read" and "write" in bench.psa.requests:
            seconds.append(round(bench.clock.monotonic() - 1_000.0, 3))

    bench.psa.on_access = note
    return seconds


async def test_the_looks_of_a_line_in_doubt() -> None:
    bench = bench_with(Fault.LOST_BEFORE)
    looks = looks_of(bench)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.NOT_APPLIED
    assert looks == [0, 5, 15, 30, 60, 120, 180, 180]  # and the last look


@pytest.mark.parametrize(("seconds", "expected"), [
    (5.0, [0, 5, 5]), (20.0, [0, 5, 15, 20, 20]), (0.0, [0, 0]), (300.0, [0, 5, 15, 30, 60, 120, 300, 300]),
])
async def test_another_settle_window(seconds: float, expected: list[float]) -> None:
    bench = bench_with(Fault.LOST_BEFORE, settle_seconds=seconds)
    looks = looks_of(bench)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.NOT_APPLIED
    assert looks == expected


async def test_a_lost_answer_is_confirmed_at_the_first_look_and_once_more_after_the_window() -> None:
    bench = bench_with(Fault.LOST_AFTER)
    looks = looks_of(bench)
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.CONFIRMED_BY_STATE
    assert looks == [0, 180]
    assert len(bench.psa.commits()) == 1


@pytest.mark.parametrize("seconds", [1.0, 50.0, 179.0])
async def test_a_late_write_is_found(seconds: float) -> None:
    bench = bench_with(Late(seconds=seconds))
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.CONFIRMED_BY_STATE
    assert view.ops[0].quantity_after == 13 * SCALE


async def test_the_same_change_by_somebody_else_and_then_ours_is_not_taken_for_ours() -> None:
    bench = bench_with(Late(seconds=90))
    bench.psa.on_access = lambda name: (
        bench.psa.other_user("L1", 3) if bench.psa.requests[-1:] == ["write"] else None
    )
    view = await bench.push([change_of()])
    assert bench.kinds() == ["ARMED", "UNKNOWN", "CONFIRMED_BY_STATE", "NEEDS_REVIEW"]
    assert view.ops[0].message.startswith("May have been applied twice")
    assert view.result == "finished, 1 open"


async def test_a_line_that_cannot_be_read_stays_in_doubt_ten_minutes_after_the_window() -> None:
    bench = bench_with(Fault.LOST_AFTER)
    looks = looks_of(bench)
    bench.psa.reads += [None, *[unreachable() for _ in range(200)]]
    view = await bench.push([change_of()])
    assert (view.ops[0].state, view.stages["P1-0001"]) == (OpState.UNKNOWN, "in doubt")
    assert view.message == "1 in doubt, being watched"
    assert looks[6:9] == [180, 210, 240]
    assert looks[-1] == 780


async def test_a_line_that_can_be_read_again_in_time_is_decided() -> None:
    bench = bench_with(Fault.LOST_BEFORE)
    bench.psa.reads += [None, *[unreachable() for _ in range(10)]]
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.NOT_APPLIED
    assert view.ops[0].message.startswith("Not applied as of 08:20 UTC.")


async def test_a_surprising_error_while_reading_is_no_reading(caplog: pytest.LogCaptureFixture) -> None:
    bench = bench_with(Fault.LOST_AFTER)
    bench.psa.reads += [None, RuntimeError("surprise")]
    with caplog.at_level(logging.ERROR):
        view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.CONFIRMED_BY_STATE
    assert "reading a line after a write failed" in caplog.text


async def test_a_read_back_waits_for_a_psa_that_shows_changes_late() -> None:
    bench = bench_with(Fault.NONE)
    bench.psa.reads += [None, unreachable()]
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert bench.clock.waits == [2.0]


async def test_the_last_look_finds_what_moved_after_it_was_not_applied() -> None:
    bench = bench_with(Fault.LOST_BEFORE)
    reads = iter(range(99))
    bench.psa.on_access = lambda name: (
        bench.psa.other_user("L1", 3) if name == "read" and next(reads) == 8 else None
    )
    view = await bench.push([change_of()])
    assert bench.kinds() == ["ARMED", "UNKNOWN", "NOT_APPLIED", "NEEDS_REVIEW"]
    assert "It may have come late." in view.ops[0].message


async def test_the_last_look_that_fails_changes_nothing() -> None:
    bench = bench_with(Fault.LOST_BEFORE)
    bench.psa.reads += [None] * 8
    bench.psa.reads.append(unreachable())
    assert (await bench.push([change_of()])).ops[0].state is OpState.NOT_APPLIED


async def test_a_write_later_than_the_window_raises_an_alarm_at_the_next_fetch() -> None:
    bench = bench_with(Late(seconds=500))
    view = await bench.push([change_of()])
    assert view.ops[0].state is OpState.NOT_APPLIED
    bench.clock.advance(1_000)
    (item,) = await watch_items(bench.journal, bench.clock)
    assert alarm(item, bench.psa.quantity("L1")).startswith("Was reported as not applied, and has moved since")
