"""Push, then undo, over real sockets: the sandbox's ledger is the judge of what was really taken back."""

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.settings import Limits
from reconcile_app.core.undo import UndoReview
from reconcile_app.services.desk import PushView
from tests.end_to_end.desk_fixture import EFFECTIVE, Bench, row_of

RAISED, LOWERED = ("ASP", "602"), ("RATA", "604")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.box.switch("autotask", same_day_adjustment="accepted")
        yield made


async def pushed(bench: Bench, *rows: tuple[str, str], **options: bool) -> None:
    run = await bench.compare(**options)
    view = await bench.push(*(row_of(run, *row)["key"] for row in rows))
    assert {op.state for op in view.ops} == {OpState.VERIFIED}


async def review(bench: Bench) -> UndoReview:
    run = bench.session.run
    assert run is not None
    return await bench.session.review_undo(run.run_id, Limits())


async def undo(bench: Bench) -> PushView:
    plan = (await review(bench)).plan
    assert plan is not None
    return await bench.session.push(plan, str(plan.totals.lines), lambda view: None)


def contract_of(bench: Bench, line: str) -> int:
    return int(bench.box.call(lambda: bench.box.world.autotask.lines[int(line)].contract_id))


def units_on(bench: Bench, line: str, day: date) -> int:
    return int(bench.box.call(lambda: bench.box.world.autotask.lines[int(line)].units_on(day)))


def moved(bench: Bench) -> dict[str, int]:
    """The sum of everything that was committed, by line: where it is zero the line is as it was."""
    sums: dict[str, int] = defaultdict(int)
    for entry in bench.ledger():
        sums[f"{entry['kind'] == 'set_cost'} {entry['line']}"] += entry["after"] - (entry["before"] or 0)
    return dict(sums)


async def test_push_then_undo_on_an_untouched_world_restores_everything(bench: Bench) -> None:
    run = await bench.compare(overwrite_cost=True)
    wanted = run.rows.loc[run.rows["selected"], "key"].tolist()
    view = await bench.push(*wanted)
    assert {op.state for op in view.ops} == {OpState.VERIFIED}
    assert "set_unit_cost" in {op.change.kind.value for op in view.ops}
    before = len(bench.ledger())
    back = await undo(bench)
    assert (back.result, {op.state for op in back.ops}) == ("finished", {OpState.VERIFIED})
    assert len(bench.ledger()) == 2 * before == 2 * len(view.ops)
    assert set(moved(bench).values()) == {0}
    assert bench.session.runs()[0].result == "finished, undone"

    again = await review(bench)
    assert (again.plan, {line.way for line in again.lines}) == (None, {Way.DONE})
    bench.clock.advance(60)
    fresh = await bench.compare(overwrite_cost=True)
    columns = ["key", "contract_quantity", "unit_cost", "status"]
    assert fresh.rows[columns].equals(run.rows[columns])
    assert len(bench.ledger()) == 2 * before


async def test_a_line_touched_before_the_undo_is_left_out_and_one_touched_after_the_review_is_stale(bench: Bench) -> None:
    await pushed(bench, RAISED, LOWERED)
    lines = {entry["line"]: entry for entry in bench.ledger()}
    first, second = lines
    bench.control("autotask", "adjust", line=first, change=3, date="2026-11-26")
    made = await review(bench)
    (late,) = made.of(Way.TOO_LATE)
    assert "somebody changed it since" in late.words
    assert made.plan is not None
    bench.control("autotask", "adjust", line=second, change=1, date="2026-12-01")
    view = await bench.session.push(made.plan, str(made.plan.totals.lines), lambda view: None)
    assert (view.result, [op.state for op in view.ops]) == ("refused", [OpState.STALE])
    assert len(bench.ledger()) == 2, "zero writes of ours"


async def test_autotask_that_takes_one_adjustment_a_day_is_undone_from_the_next_day_on(bench: Bench) -> None:
    bench.box.switch("autotask", same_day_adjustment="refused")
    await pushed(bench, RAISED)
    (entry,) = bench.ledger()
    refused = await undo(bench)
    assert [op.state for op in refused.ops] == [OpState.NOT_APPLIED]
    assert "duplicate data" in refused.ops[0].message
    made = await review(bench)
    (line,) = made.of(Way.COMPENSATING)
    assert line.words == (
        "The PSA refused a second change on 2026-11-26. From 2026-11-27 on it goes back from 14 to 12; what is billed for the days "
        "before that stays."
    )
    assert made.plan is not None
    assert "1 line had an attempt in the last day" in made.plan.confirm_reasons[0]
    view = await bench.session.push(made.plan, "1", lambda view: None)
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert [units_on(bench, entry["line"], day) for day in (EFFECTIVE, date(2026, 11, 27))] == [14, 12]
    assert bench.session.runs()[0].result == "finished, undone"


async def test_a_posted_period_is_compensated_after_it_and_an_ended_contract_is_too_late(bench: Bench) -> None:
    await pushed(bench, RAISED, LOWERED)
    first, second = (entry["line"] for entry in bench.ledger())
    posted, ended = contract_of(bench, first), contract_of(bench, second)
    bench.control("autotask", "post", contract=posted, through="2026-11-26")
    bench.control("autotask", "contract", contract=ended, status=0)
    made = await review(bench)
    assert [(line.way, line.op.change.customer_code) for line in made.lines] == [(Way.TOO_LATE, "RATA"), (Way.COMPENSATING, "ASP")]
    assert "is not active" in made.lines[0].words
    assert "is approved and posted" in made.lines[1].words
    assert made.plan is not None
    (planned,) = made.plan.changes
    view = await bench.session.push(made.plan, "1", lambda view: None)
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert units_on(bench, first, EFFECTIVE) == 14
    assert units_on(bench, first, planned.change.effective_date) == 12


async def test_a_created_line_goes_to_zero_and_stays(bench: Bench) -> None:
    await pushed(bench, ("TOTARA", "612"), allow_create=True)
    (entry,) = bench.ledger()
    made = await review(bench)
    (line,) = made.of(Way.COMPENSATING)
    assert "The line itself stays where it is" in line.words
    assert made.plan is not None
    with pytest.raises(PlanRefused, match="confirmation is missing"):
        await bench.session.push(made.plan, "", lambda view: None)
    view = await bench.session.push(made.plan, "1", lambda view: None)
    assert [(op.state, op.change.line_id) for op in view.ops] == [(OpState.VERIFIED, entry["line"])]
    assert units_on(bench, entry["line"], EFFECTIVE) == 0


async def test_a_crash_in_the_middle_is_recovered_by_reading_and_the_rest_undone_afterwards(bench: Bench, tmp_path: Path) -> None:
    await pushed(bench, RAISED, LOWERED)
    plan = (await review(bench)).plan
    assert plan is not None
    left = tmp_path / "as the crash left it"
    stops: list[asyncio.Future[None]] = []

    def crash(view: PushView) -> None:
        """What is on disk while the first change is on its way; what the process does afterwards is not."""
        if "sending" in view.stages.values() and not stops:
            shutil.copytree(bench.folder, left)
            stops.append(asyncio.ensure_future(bench.session.stop_push()))

    await bench.session.push(plan, str(plan.totals.lines), crash)
    await asyncio.gather(*stops)
    bench.shut()
    shutil.rmtree(bench.folder)
    shutil.copytree(left, bench.folder)
    await bench.open().open_run(plan.source_run)
    writes = len(bench.ledger())
    assert [op.state for op in await bench.session.recover()] == [OpState.CONFIRMED_BY_STATE, OpState.CANCELLED]
    assert bench.session.recovery_words.startswith("The last push was interrupted: 1 done, 1 not sent")
    assert await bench.session.recover() == []
    assert len(bench.ledger()) == writes == 3, "recovery sends nothing"
    assert bench.session.runs()[0].result == "finished, partly undone"
    view = await undo(bench)
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert set(moved(bench).values()) == {0}
