"""What a push does to ConnectWise when somebody else is at work, when answers are lost, and when the server compares first."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.settings import Limits
from reconcile_app.sandbox.world import World
from reconcile_app.services.desk import PushView
from tests.end_to_end.desk_fixture import Bench, row_of
from tests.fakes.connectwise_books import BILLED, HELD, SEAT, STORE, Books, two_customers, whole

Open = Callable[..., AbstractContextManager[Bench]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def make(scenario: Callable[[World], None] = two_customers) -> Bench:
        return Bench(tmp_path, scenario, psa="connectwise", one_time=True)

    return make


@pytest.fixture
def bench(opened: Open) -> Iterator[Bench]:
    with opened() as made:
        yield made


def strike(bench: Bench, act: str, *, when: str = "before", method: str = "PATCH", **order: Any) -> None:
    """Somebody else does something right before or after the next request of this method is carried out."""
    bench.control("connectwise", "moment", do=act, order=order, when=when, method=method)


async def push_one(bench: Bench) -> PushView:
    return await bench.push(row_of(await bench.compare(), "ONE", SEAT)["key"])


def line_of(bench: Bench, customer: int = 0) -> int:
    return int(bench.box.call(lambda: list(bench.box.world.connectwise.additions)[customer]))


def quantity_of(bench: Bench, line: int) -> int | None:
    held: int | None = bench.box.call(lambda: bench.box.world.connectwise.additions[line].quantity)
    return held


def steps(bench: Bench, actor: str = "us") -> list[tuple[str, int | None, int | None]]:
    return [(entry["kind"], entry["before"], entry["after"]) for entry in bench.ledger(actor)]


# one change ------------------------------------------------------------------------------------------------------------------
async def test_a_change_is_one_request_of_one_member_and_is_read_back(bench: Bench) -> None:
    run = await bench.compare()
    view = await bench.push(row_of(run, "ONE", SEAT)["key"])
    (op,) = view.ops
    assert (op.state, op.quantity_after, op.semantics) == (OpState.VERIFIED, BILLED, "set")
    assert steps(bench) == [("set_quantity", HELD, BILLED)]
    assert quantity_of(bench, line_of(bench)) == BILLED
    assert row_of(await bench.compare(), "ONE", SEAT)["status"] == "equal"


@pytest.mark.parametrize("quantity", [25_000, 1, 123_456_789])
async def test_fractions_of_four_decimals_are_written_exactly(opened: Open, quantity: int) -> None:
    def fill(world: World) -> None:
        books = Books(world)
        books.line(books.agreement(books.customer("ONE", "NORTH", {SEAT: quantity})), SEAT, HELD)

    with opened(fill) as bench:
        view = await push_one(bench)
        assert [(op.state, op.quantity_after) for op in view.ops] == [(OpState.VERIFIED, quantity)]
        assert steps(bench) == [("set_quantity", HELD, quantity)]


async def test_undo_writes_the_old_quantity_back_exactly(bench: Bench) -> None:
    await push_one(bench)
    run = bench.session.run
    assert run is not None
    review = await bench.session.review_undo(run.run_id, Limits())
    assert [line.way for line in review.lines] == [Way.EXACT]
    assert review.plan is not None
    back = await bench.session.push(review.plan, "1", lambda view: None)
    assert [op.state for op in back.ops] == [OpState.VERIFIED]
    assert steps(bench) == [("set_quantity", HELD, BILLED), ("set_quantity", BILLED, HELD)]


# other people ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("act", "order", "state", "words"),
    [
        ("set-quantity", {"quantity": 5}, OpState.STALE, "Skipped: was 2 when you approved, is 5 now"),
        ("change-line", {"invoiceDescription": "Other"}, OpState.STALE, "Skipped: still 2, but the line was touched"),
        ("cancel-line", {"date": "2026-11-26"}, OpState.BLOCKED, "Skipped: The addition was cancelled as of 2026-11-26."),
        ("remove-line", {}, OpState.STALE, "Skipped: the line is gone. It was not created again."),
    ],
)
async def test_what_somebody_does_after_the_review_stops_the_write(
    bench: Bench, act: str, order: dict[str, Any], state: OpState, words: str
) -> None:
    await bench.select(row_of(await bench.compare(), "ONE", SEAT)["key"])
    plan = await bench.session.review(Limits())
    bench.control("connectwise", act, line=line_of(bench), **order)
    view = await bench.session.push(plan, "1", lambda view: None)
    assert [op.state for op in view.ops] == [state]
    assert view.ops[0].message.startswith(words)
    assert bench.ledger() == []


async def test_without_a_comparing_server_a_change_in_the_last_moment_is_replaced_by_what_was_approved(bench: Bench) -> None:
    strike(bench, "set-quantity", line=line_of(bench), quantity=7)
    view = await push_one(bench)
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert steps(bench, "other") == [("set_quantity", HELD, whole(7))]
    assert steps(bench) == [("set_quantity", whole(7), BILLED)]


async def test_another_member_that_moves_beside_our_write_needs_a_person(bench: Bench) -> None:
    strike(bench, "change-line", line=line_of(bench), unitPrice=99)
    view = await push_one(bench)
    (op,) = view.ops
    assert op.state is OpState.NEEDS_REVIEW
    assert op.message.startswith("The quantity is as written, but something else moved beside it at the same time.")
    assert steps(bench) == [("set_quantity", HELD, BILLED)]


# the server compares ---------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-22", "W", "before")
@pytest.mark.parametrize("answer", ["honored", "honored_400"])
async def test_a_server_that_compares_refuses_what_comes_too_late_and_nothing_is_written(bench: Bench, answer: str) -> None:
    bench.connect("connectwise", server_compare="yes")
    bench.box.switch("connectwise", patch_test=answer)
    strike(bench, "set-quantity", line=line_of(bench), quantity=7)
    view = await push_one(bench)
    (op,) = view.ops
    assert op.state is OpState.STALE
    assert op.message.startswith("Skipped: was 2 when you approved, is 7 now")
    assert bench.ledger() == []
    assert quantity_of(bench, line_of(bench)) == whole(7)


@pytest.mark.parametrize("answer", ["honored", "honored_400", "ignored"])
async def test_a_line_that_nobody_touched_is_written_with_the_comparison(bench: Bench, answer: str) -> None:
    bench.connect("connectwise", server_compare="yes")
    bench.box.switch("connectwise", patch_test=answer)
    view = await push_one(bench)
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert steps(bench) == [("set_quantity", HELD, BILLED)]


async def test_a_server_that_does_not_know_the_comparison_refuses_and_nothing_is_written(bench: Bench) -> None:
    bench.connect("connectwise", server_compare="yes")
    view = await push_one(bench)
    (op,) = view.ops
    assert op.state is OpState.REJECTED
    assert "The operation test is not supported." in op.message
    assert bench.ledger() == []
    assert quantity_of(bench, line_of(bench)) == HELD


# lost answers ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("when", "state", "held"),
    [
        ("after", OpState.CONFIRMED_BY_STATE, BILLED),
        ("late", OpState.CONFIRMED_BY_STATE, BILLED),
        ("before", OpState.NOT_APPLIED, HELD),
    ],
)
async def test_a_lost_answer_is_settled_by_reading_and_nothing_is_sent_twice(
    bench: Bench, when: str, state: OpState, held: int
) -> None:
    bench.connect("connectwise", settle_seconds="180")
    late = {"late_by": 60.0} if when == "late" else {}
    bench.control("connectwise", "faults", kind="reset", when=when, method="PATCH", **late)
    view = await push_one(bench)
    assert [op.state for op in view.ops] == [state]
    assert quantity_of(bench, line_of(bench)) == held
    assert len([entry for actor in ("us", "late") for entry in bench.ledger(actor)]) == (held == BILLED)


async def test_a_500_that_committed_is_confirmed_and_not_sent_again(bench: Bench) -> None:
    bench.control("connectwise", "faults", kind="status", status=500, when="after", method="PATCH")
    view = await push_one(bench)
    assert [op.state for op in view.ops] == [OpState.CONFIRMED_BY_STATE]
    assert steps(bench) == [("set_quantity", HELD, BILLED)]


async def test_a_lost_answer_on_a_line_that_somebody_changed_meanwhile_needs_a_person(bench: Bench) -> None:
    line = line_of(bench)
    bench.control("connectwise", "faults", kind="lost_answer", method="PATCH")
    strike(bench, "set-quantity", when="after", line=line, quantity=9)
    view = await push_one(bench)
    (op,) = view.ops
    assert op.state is OpState.NEEDS_REVIEW
    assert "Before 2, intended 3, now 9. Last touched by hwhitford" in op.message
    assert steps(bench) == [("set_quantity", HELD, BILLED)]


@pytest.mark.parametrize("when", ["after", "before"])
async def test_a_creation_whose_answer_is_lost_is_found_by_its_product_and_never_made_twice(opened: Open, when: str) -> None:
    def fill(world: World) -> None:
        books = Books(world)
        books.line(books.agreement(books.customer("ONE", "NORTH", {SEAT: HELD, STORE: BILLED})), SEAT, HELD)

    with opened(fill) as bench:
        bench.control("connectwise", "faults", kind="reset", when=when, method="POST")
        run = await bench.compare(allow_create=True)
        view = await bench.push(row_of(run, "ONE", STORE)["key"])
        expected = OpState.CONFIRMED_BY_STATE if when == "after" else OpState.NOT_APPLIED
        assert [op.state for op in view.ops] == [expected]
        assert steps(bench) == ([("create_line", None, BILLED)] if when == "after" else [])
        assert len(bench.box.world.connectwise.additions) == (2 if when == "after" else 1)


async def test_too_many_requests_while_writing_are_waited_out_and_written_once(bench: Bench) -> None:
    limited = {"status": 429, "body": "<h1>1015</h1>", "content_type": "text/html"}
    bench.control("connectwise", "faults", kind="status", method="PATCH", **limited)
    before = bench.clock.monotonic()
    view = await push_one(bench)
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert bench.clock.monotonic() - before >= 30.0
    assert steps(bench) == [("set_quantity", HELD, BILLED)]
