"""Lines that end and are made anew, so that ConnectWise prorates: the ledger is the judge of what was written, how often."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.settings import Limits
from reconcile_app.sandbox.connectwise_additions import Addition
from reconcile_app.sandbox.world import World
from reconcile_app.services.desk import PushView
from tests.end_to_end.desk_fixture import EFFECTIVE, Bench, row_of
from tests.fakes.connectwise_books import BILLED, HELD, SEAT, Books, whole
from tests.fakes.journal import Crash
from tests.fakes.world_clock import WorldClock

CANCEL, CREATE = ("cancel_line", None), ("create_line", BILLED)
REFUSAL = '{"code":"InvalidObject","message":"addition object is invalid","errors":[{"message":"No more lines here."}]}'


def two_that_prorate(world: World, **more: Any) -> None:
    """Customers ONE and TWO with two of three seats on agreements that prorate; the line says more than the catalog does."""
    books = Books(world)
    for code, identifier in (("ONE", "NORTH"), ("TWO", "SOUTH")):
        agreement = books.agreement(books.customer(code, identifier, {SEAT: BILLED}), **{"prorateFlag": True, **more})
        books.line(
            agreement, SEAT, HELD, effective=books.start, price=99_900, cost=60_000, invoice_description="Seat, as agreed",
            taxable=False, less_included=5_000, extra={"purchaseItemFlag": True, "specialOrderFlag": False},
        )


Open = Callable[..., AbstractContextManager[Bench]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def make(scenario: Callable[[World], None] = two_that_prorate) -> Bench:
        return Bench(tmp_path, scenario, psa="connectwise", one_time=True)

    return make


@pytest.fixture
def bench(opened: Open) -> Iterator[Bench]:
    with opened() as made:
        made.connect("connectwise", change_by="replace")
        yield made


async def plan_of(bench: Bench, *customers: str, **options: bool) -> Plan:
    run = await bench.compare(**options)
    await bench.select(*(row_of(run, customer, SEAT)["key"] for customer in customers or ("ONE",)))
    return await bench.session.review(Limits())


async def pushed(bench: Bench, plan: Plan) -> PushView:
    return await bench.session.push(plan, str(plan.totals.lines), lambda view: None)


def lines(bench: Bench) -> list[Addition]:
    return list(bench.box.call(lambda: list(bench.box.world.connectwise.additions.values())))


def steps(bench: Bench, actor: str = "us") -> list[tuple[str, int | None]]:
    return [(entry["kind"], entry["after"]) for entry in bench.ledger(actor)]


def states(view: PushView) -> list[OpState]:
    return [op.state for op in view.ops]


# both ------------------------------------------------------------------------------------------------------------------------
async def test_a_line_ends_and_a_new_one_takes_everything_over_and_starts_that_day(bench: Bench) -> None:
    plan = await plan_of(bench)
    assert [(each.change.kind.value, each.change.quantity_target) for each in plan.changes] == [
        ("cancel_line", 0), ("replace_line", BILLED),
    ]
    totals = plan.totals
    assert (totals.lines, totals.units_up, totals.units_down, totals.to_zero, totals.created) == (1, whole(1), 0, 0, 0)
    assert totals.money == 99_900
    view = await pushed(bench, plan)
    assert (view.result, states(view)) == ("finished", [OpState.VERIFIED, OpState.VERIFIED])
    assert steps(bench) == [CANCEL, CREATE]
    old, _, new = lines(bench)
    assert (old.quantity, old.effective != EFFECTIVE, old.cancelled) == (HELD, True, EFFECTIVE)
    assert (new.quantity, new.effective, new.cancelled) == (BILLED, EFFECTIVE, None)
    kept = ("unit_price", "unit_cost", "invoice_description", "taxable", "less_included", "bill_customer", "product_id", "extra")
    assert [getattr(new, name) for name in kept] == [getattr(old, name) for name in kept]
    assert row_of(await bench.compare(), "ONE", SEAT)["status"] == "equal"


async def test_the_review_says_what_follows_and_undo_that_it_is_taken_back_in_the_psa(bench: Bench) -> None:
    plan = await plan_of(bench)
    first, second = plan.changes
    line = first.change.line_id
    assert first.notes == (f"Line {line} ends on 2026-11-26 and keeps its quantity of 2 until then.",)
    assert second.notes[0].startswith(f"Takes the place of line {line} on 2026-11-26: a line of its own with another id.")
    await pushed(bench, plan)
    review = await bench.session.review_undo(plan.source_run, Limits())
    assert (review.plan, {each.way for each in review.lines}) == (None, {Way.TOO_LATE})
    assert review.lines[0].words.startswith("Replaced lines are taken back in the PSA: end the new line on 2026-11-26 too")


async def test_a_new_unit_cost_goes_into_the_new_line(bench: Bench) -> None:
    view = await pushed(bench, await plan_of(bench, overwrite_cost=True))
    assert states(view) == [OpState.VERIFIED, OpState.VERIFIED]
    assert steps(bench) == [CANCEL, CREATE]
    assert [line.unit_cost for line in lines(bench)] == [60_000, 60_000, 71_000]


async def test_a_service_that_is_gone_ends_its_line_and_nothing_takes_its_place(opened: Open) -> None:
    def fill(world: World) -> None:
        two_that_prorate(world)
        for assignment in list(world.atria.assignments):
            world.atria.remove(assignment, end=datetime(2026, 10, 26))
        other = list(world.atria.plans.values())[1]
        for customer in list(world.atria.customers.values()):
            world.atria.assign(customer, other, start=datetime(2026, 10, 1), quantity=HELD)

    with opened(fill) as bench:
        bench.connect("connectwise", change_by="replace")
        plan = await plan_of(bench)
        assert plan.totals.to_zero == 1
        view = await pushed(bench, plan)
        assert (view.result, states(view), steps(bench)) == ("finished", [OpState.VERIFIED], [CANCEL])
        assert [line.quantity for line in lines(bench)] == [HELD, HELD]
        review = await bench.session.review_undo(plan.source_run, Limits())
        assert review.lines[0].words.startswith("Ended lines are taken back in the PSA: remove the end of line")


# as a whole ------------------------------------------------------------------------------------------------------------------
async def test_where_nothing_is_prorated_the_line_is_changed_in_place_and_the_review_says_why(opened: Open) -> None:
    with opened(lambda world: two_that_prorate(world, prorateFlag=False)) as bench:
        bench.connect("connectwise", change_by="replace")
        plan = await plan_of(bench)
        assert [each.notes for each in plan.changes] == [("Changed as a whole: the agreement does not prorate.",)]
        await pushed(bench, plan)
        assert steps(bench) == [("set_quantity", BILLED)]


async def test_a_price_that_cannot_be_taken_over_is_kept_by_a_change_in_place(bench: Bench) -> None:
    bench.control("connectwise", "member", block_price=True)
    (planned,) = (await plan_of(bench)).changes
    assert planned.change.kind.value == "set_quantity"
    assert "its price or cost is not shown to the API member" in planned.notes[0]


async def test_a_line_that_starts_on_that_day_is_corrected_in_place(bench: Bench) -> None:
    await pushed(bench, await plan_of(bench))
    bench.control("connectwise", "set-quantity", line=lines(bench)[2].id, quantity=9)
    (planned,) = (await plan_of(bench)).changes
    assert planned.change.kind.value == "set_quantity"
    assert planned.notes[0] == "Changed as a whole: the line itself starts on that day."


# what goes wrong -------------------------------------------------------------------------------------------------------------
async def test_a_refused_new_line_is_told_with_what_is_left_to_do(bench: Bench) -> None:
    plan = await plan_of(bench, "ONE", "TWO")
    bench.control("connectwise", "faults", kind="status", status=400, method="POST", body=REFUSAL)
    view = await pushed(bench, plan)
    assert states(view) == [OpState.VERIFIED, OpState.REJECTED, OpState.VERIFIED, OpState.VERIFIED]
    old = lines(bench)[0].id
    assert view.ops[1].message.endswith(
        f"Line {old} ends on 2026-11-26 and nothing takes its place. In the PSA, create 3 of Seat on Hosting from that day on."
    )
    assert "No more lines here." in view.ops[1].message
    assert view.result == "finished, 1 line ended without a new one"
    assert view.message == "3 written and confirmed · 1 refused by the PSA · 1 line ended without a new one"
    assert steps(bench) == [CANCEL, CANCEL, CREATE]
    assert bench.session.runs()[0].result == view.result
    entries = bench.pushed_log
    assert entries["level"].tolist().count("Error") == 1


@pytest.mark.parametrize(("when", "expected", "written"), [
    ("after", [OpState.CONFIRMED_BY_STATE, OpState.VERIFIED], [CANCEL, CREATE]),
    ("before", [OpState.NOT_APPLIED, OpState.CANCELLED], []),
])
async def test_the_new_line_waits_until_it_is_known_that_the_old_one_ends(
    bench: Bench, when: str, expected: list[OpState], written: list[tuple[str, int | None]]
) -> None:
    bench.connect("connectwise", settle_seconds="180", change_by="replace")
    plan = await plan_of(bench)
    bench.control("connectwise", "faults", kind="reset", when=when, method="PATCH")
    view = await pushed(bench, plan)
    assert (states(view), steps(bench), view.result) == (expected, written, "finished")
    if when == "before":
        assert view.ops[1].message == f"Not sent: line {lines(bench)[0].id} was not ended by this push."


@pytest.mark.parametrize("when", ["after", "before"])
async def test_a_new_line_whose_answer_is_lost_is_never_made_twice(bench: Bench, when: str) -> None:
    bench.connect("connectwise", settle_seconds="180", change_by="replace")
    plan = await plan_of(bench)
    bench.control("connectwise", "faults", kind="reset", when=when, method="POST")
    view = await pushed(bench, plan)
    made = when == "after"
    assert states(view) == [OpState.VERIFIED, OpState.CONFIRMED_BY_STATE if made else OpState.NOT_APPLIED]
    assert steps(bench) == ([CANCEL, CREATE] if made else [CANCEL])
    assert view.result == ("finished" if made else "finished, 1 line ended without a new one")


async def test_a_cancellation_that_needs_a_person_holds_the_new_line_back(bench: Bench) -> None:
    plan = await plan_of(bench)
    old = lines(bench)[0].id
    bench.control("connectwise", "moment", do="change-line", order={"line": old, "unitPrice": 7}, when="after", method="PATCH")
    view = await pushed(bench, plan)
    assert states(view) == [OpState.NEEDS_REVIEW, OpState.CANCELLED]
    assert f"Whether line {old} ends on 2026-11-26 is not known yet. If it does, create 3 of Seat" in view.ops[1].message
    assert steps(bench) == [CANCEL]


@pytest.mark.parametrize(("act", "order", "state", "words"), [
    ("change-line", {"invoiceDescription": "Other"}, OpState.STALE, "the line was touched since you approved"),
    ("change-line", {"cancelledDate": None}, OpState.BLOCKED, "is not cancelled as of 2026-11-26."),
    ("add-line", {"quantity": 5}, OpState.STALE, "the line is there meanwhile, with 5."),
])
async def test_what_somebody_does_between_the_two_is_seen_before_the_new_line_is_made(
    bench: Bench, act: str, order: dict[str, Any], state: OpState, words: str
) -> None:
    plan = await plan_of(bench)
    old = lines(bench)[0]
    added = {"agreement": old.agreement_id, "product": SEAT, "effectiveDate": EFFECTIVE.isoformat()}
    target = added if act == "add-line" else {"line": old.id}
    bench.control(
        "connectwise", "moment", do=act, order={**target, **order}, method="GET", path=f"{old.agreement_id}/additions$", nth=3,
    )
    view = await pushed(bench, plan)
    assert states(view) == [OpState.VERIFIED, state]
    assert words in view.ops[1].message
    assert steps(bench) == [CANCEL]
    assert view.result == "finished, 1 line ended without a new one"


async def test_a_stop_between_the_two_comes_after_the_new_line(bench: Bench) -> None:
    plan = await plan_of(bench, "ONE", "TWO")
    asked: list[Any] = []

    def listen(view: PushView) -> None:
        if view.ops[0].state is OpState.APPLIED and not asked:
            asked.append(asyncio.ensure_future(bench.session.stop_push()))

    view = await bench.session.push(plan, str(plan.totals.lines), listen)
    assert states(view) == [OpState.VERIFIED, OpState.VERIFIED, OpState.CANCELLED, OpState.CANCELLED]
    assert view.ops[2].message == "Not sent: Stopped by the operator."
    assert steps(bench) == [CANCEL, CREATE]


async def test_a_new_line_that_does_not_say_what_the_old_one_said_needs_a_person(bench: Bench) -> None:
    plan = await plan_of(bench)
    new = max(line.id for line in lines(bench)) + 1
    bench.control("connectwise", "moment", do="change-line", order={"line": new, "unitPrice": 7}, when="after", method="POST")
    view = await pushed(bench, plan)
    assert states(view) == [OpState.VERIFIED, OpState.NEEDS_REVIEW]
    assert "something else moved" in view.ops[1].message


# crashes ---------------------------------------------------------------------------------------------------------------------


class DyingClock(WorldClock):
    """The time of the sandbox's world. Once ``dying`` is set the program dies when it next asks for the time."""

    dying = False

    def monotonic(self) -> float:
        if self.dying:
            self.dying = False
            raise Crash("the computer is off")
        return super().monotonic()


@pytest.mark.parametrize(("number", "state", "after", "written"), [
    (0, OpState.VERIFIED, [OpState.CANCELLED], [CANCEL]),
    (1, OpState.APPLIED, [OpState.VERIFIED], [CANCEL, CREATE]),
])
async def test_after_a_crash_between_the_two_recovery_sends_nothing_and_says_what_is_missing(
    tmp_path: Path, number: int, state: OpState, after: list[OpState], written: list[tuple[str, int | None]]
) -> None:
    made = Bench(tmp_path, two_that_prorate, psa="connectwise", one_time=True)
    made.clock = clock = DyingClock(made.box)
    with made as bench:
        bench.connect("connectwise", change_by="replace")
        plan = await plan_of(bench)

        def listen(view: PushView) -> None:
            clock.dying = view.ops[number].state is state

        with pytest.raises(Crash):
            await bench.session.push(plan, str(plan.totals.lines), listen)
        session = bench.open()
        assert [op.state for op in await session.recover()] == after
        assert steps(bench) == written
        missing = written == [CANCEL]
        assert ("1 line ended without a new one" in session.recovery_words) is missing
        assert ("without a new one" in session.runs()[0].result) is missing
        row = row_of(await bench.compare(allow_create=True), "ONE", SEAT)
        assert row["status"] == ("add" if missing else "equal")
