"""The watch list: which lines later fetches compare again, and what raises an alarm."""

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.judge import OpState
from reconcile_app.services.watch import alarm, watch_items
from tests.fakes.planning import change_of, cost_of
from tests.fakes.psa import Fault
from tests.fakes.pushing import Bench


async def pushed(*faults: Fault) -> Bench:
    bench = Bench()
    changes = []
    for n in range(len(faults)):
        bench.psa.add_line(f"L{n}", 10, contract_id=f"C{n}")
        changes.append(change_of(f"L{n}", contract_id=f"C{n}", customer=f"K{n}"))
    bench.psa.writes += faults
    await bench.push(changes)
    return bench


async def watched(bench: Bench) -> list[str]:
    return [item.change.line_id for item in await watch_items(bench.journal, bench.clock)]


async def test_what_is_watched() -> None:
    bench = await pushed(Fault.NONE, Fault.LOST_BEFORE, Fault.REFUSED, Fault.LOST_AFTER, Fault.ACKNOWLEDGED_NOT_DONE)
    assert bench.states() == [
        OpState.VERIFIED, OpState.NOT_APPLIED, OpState.REJECTED, OpState.CONFIRMED_BY_STATE, OpState.NEEDS_REVIEW,
    ]
    assert await watched(bench) == ["L1", "L3", "L4"]
    (first, *_) = await watch_items(bench.journal, bench.clock)
    assert first.before.quantity == 10 * SCALE


async def test_watching_ends_after_a_day() -> None:
    bench = await pushed(Fault.LOST_BEFORE)
    bench.clock.advance(86_400 - 1)
    assert await watched(bench) == ["L0"]
    bench.clock.advance(2)
    assert await watched(bench) == []
    bench.clock.advance(2 * 86_400)
    assert await watched(bench) == []


async def test_a_later_push_of_the_line_ends_watching_and_a_skipped_one_does_not() -> None:
    bench = await pushed(Fault.LOST_BEFORE)
    bench.engine = bench.new_engine()
    await bench.push([change_of("L0", contract_id="C0")], run_id="P2")
    assert await watched(bench) == []
    other = await pushed(Fault.LOST_BEFORE)
    other.engine = other.new_engine()
    plan = await other.plan([change_of("L0", contract_id="C0")], run_id="P2")
    other.psa.touch("L0")
    await other.engine.run(plan, "", other.views.append)
    assert other.states()[-1] is OpState.STALE
    assert await watched(other) == ["L0"]


async def test_a_line_whose_reading_is_lost_is_not_compared() -> None:
    bench = await pushed(Fault.LOST_BEFORE)
    bench.journal.stored.events.clear()
    assert await watched(bench) == []


async def test_alarms() -> None:
    bench = await pushed(Fault.LOST_BEFORE, Fault.LOST_AFTER)
    missed, found = await watch_items(bench.journal, bench.clock)
    assert alarm(missed, None) == alarm(missed, 10 * SCALE) == alarm(found, 13 * SCALE) == alarm(found, 12 * SCALE) == ""
    assert alarm(missed, 13 * SCALE) == (
        "Was reported as not applied, and has moved since; it may have come late: before 10, intended 13, now 13."
    )
    assert alarm(found, 16 * SCALE) == (
        "May have been applied twice: before 10, intended 13, now 16. Check in the PSA before doing anything."
    )


async def test_a_unit_cost_has_no_quantity_to_watch() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.writes.append(Fault.LOST_BEFORE)
    await bench.push([cost_of()])
    (item,) = await watch_items(bench.journal, bench.clock)
    assert alarm(item, 99 * SCALE) == ""
