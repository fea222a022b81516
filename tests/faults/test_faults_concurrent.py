"""Other people at work while a push is under way: at every moment between two of its steps, through real sockets."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.errors import Busy, PlanRefused
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import Limits
from reconcile_app.services.desk import PushView
from tests.end_to_end.desk_fixture import Bench, row_of, told, two_customers

ADJUSTMENTS = "serviceadjustments$"
EARLIER = "2026-11-20"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def watch(act: Callable[[], None], state: OpState) -> Callable[[PushView], None]:
    """Acts the first time that the first change is in this state."""
    done: list[bool] = []

    def listen(view: PushView) -> None:
        if view.ops[0].state is state and not done:
            done.append(True)
            act()

    return listen


async def pushed(bench: Bench, after_review: Callable[[dict[str, Any]], None], *, state: OpState | None = None) -> PushView:
    """A push of both customers; something happens to the line of the first one between the review and the first reading, or, where
    ``state`` is given, when the first change has come to it."""
    run = await bench.compare()
    first, second = row_of(run, "ONE", "601"), row_of(run, "TWO", "601")
    await bench.select(first["key"], second["key"])
    plan = await bench.session.review(Limits())
    if state is None:
        after_review(first)
    listener = (lambda view: None) if state is None else watch(lambda: after_review(first), state)
    view = await bench.session.push(plan, "2", listener)
    assert view.ops[1].state is OpState.VERIFIED, "the other customer is not concerned"
    return view


def ours(bench: Bench, op: OpRecord) -> list[tuple[int, int]]:
    """What we really changed of the line of an op."""
    return [(entry["before"], entry["after"]) for entry in bench.ledger() if entry["line"] == op.change.line_id]


def adjust(bench: Bench, change: int, day: str = EARLIER) -> Callable[[dict[str, Any]], None]:
    return lambda row: bench.control("autotask", "adjust", line=row["line_id"], change=change, date=day)


# F-41 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-41", "W", "before")
async def test_a_line_that_changed_before_the_approval_is_left_out_of_the_plan(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "ONE", "601")
    adjust(bench, 5)(row)
    with pytest.raises(PlanRefused, match="Was 2 when you compared, is 7 now"):
        await bench.push(row["key"])
    assert bench.ledger() == []


@pytest.mark.fault("F-41", "W", "before")
async def test_a_line_that_changed_after_the_approval_is_skipped_with_both_quantities(bench: Bench) -> None:
    view = await pushed(bench, adjust(bench, 5))
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.STALE, [])
    assert view.ops[0].message.startswith("Skipped: was 2 when you approved, is 7 now")


@pytest.mark.fault("F-41", "W", "before")
@pytest.mark.fault("F-41", "W", "after")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_line_that_changes_around_the_write_needs_a_person(bench: Bench, when: str) -> None:
    run = await bench.compare()
    order = {"line": row_of(run, "ONE", "601")["line_id"], "change": 5, "date": EARLIER}
    bench.control("autotask", "moment", do="adjust", order=order, when=when, path=ADJUSTMENTS)
    view = await pushed(bench, lambda row: None)
    (op, _) = view.ops
    assert (op.state, len(ours(bench, op))) == (OpState.NEEDS_REVIEW, 1), "one commit, nothing taken back"
    assert all(number in op.message for number in ("2", "3", "8"))
    assert view.result == "finished, 1 open"
    assert len(told(bench.pushed_log, "RC21", "ONE")) == 1
    assert row_of(await bench.compare(), "ONE", "601")["status"] == "blocked"


@pytest.mark.fault("F-41", "W", "after")
async def test_a_line_that_changed_after_the_read_back_is_found_by_the_next_comparison(bench: Bench) -> None:
    view = await pushed(bench, lambda row: None)
    adjust(bench, 5)({"line_id": view.ops[0].change.line_id})
    run = await bench.compare()
    (entry,) = told(run.log, "RC17", "ONE")
    assert "was 3.00 after our push on 2026-12-03 and is 8.00 now" in entry.message
    assert len(bench.ledger()) == 2


# F-42 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-42", "W", "before")
async def test_our_change_made_by_somebody_else_is_not_made_again(bench: Bench) -> None:
    view = await pushed(bench, adjust(bench, 1))
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.SKIPPED_ALREADY, [])
    assert view.ops[0].message == "Already 3; nothing to do."


@pytest.mark.fault("F-42", "W", "before")
async def test_our_change_made_and_taken_back_shows_in_the_evidence(bench: Bench) -> None:
    def there_and_back(row: dict[str, Any]) -> None:
        adjust(bench, 1)(row)
        adjust(bench, -1, "2026-11-21")(row)

    view = await pushed(bench, there_and_back)
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.STALE, [])
    assert view.ops[0].message.startswith("Skipped: still 2, but the line was touched since you approved")


@pytest.mark.fault("F-42", "W", "after")
async def test_our_write_without_an_answer_that_somebody_took_back_is_not_sent_again(bench: Bench) -> None:
    bench.control("autotask", "faults", kind="lost_answer", path=ADJUSTMENTS)
    view = await pushed(bench, adjust(bench, -1, "2026-11-21"), state=OpState.UNKNOWN)
    assert (view.ops[0].state, len(ours(bench, view.ops[0]))) == (OpState.NEEDS_REVIEW, 1)
    assert "touched" in view.ops[0].message


@pytest.mark.fault("F-42", "W", "before")
async def test_a_write_that_was_lost_and_made_by_somebody_else_is_done_but_not_claimed(bench: Bench) -> None:
    bench.control("autotask", "faults", kind="cut", keep_bytes=0, path=ADJUSTMENTS)
    view = await pushed(bench, adjust(bench, 1), state=OpState.UNKNOWN)
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.CONFIRMED_BY_STATE, [])
    assert "cannot tell who set it" in view.ops[0].message


# F-43 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-43", "W", "before")
@pytest.mark.parametrize("act", ["remove-line", "remove-contract", "remove-company"])
async def test_what_was_deleted_after_the_approval_is_skipped_and_not_created_again(bench: Bench, act: str) -> None:
    name = act.removeprefix("remove-")
    view = await pushed(bench, lambda row: bench.control("autotask", act, **{name: row[f"{name}_id"]}))
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.STALE, [])
    assert view.ops[0].message == "Skipped: the line is gone. It was not created again."
    assert [entry["kind"] for entry in bench.ledger()] == ["adjustment"]


@pytest.mark.fault("F-43", "W", "before")
async def test_a_line_that_is_deleted_right_before_the_write_is_not_created_by_it(bench: Bench) -> None:
    order = {"line": row_of(await bench.compare(), "ONE", "601")["line_id"]}
    bench.control("autotask", "moment", do="remove-line", order=order, when="before", path=ADJUSTMENTS)
    view = await pushed(bench, lambda row: None)
    assert view.ops[0].state in {OpState.NEEDS_REVIEW, OpState.UNKNOWN}
    assert ours(bench, view.ops[0]) == []
    assert [entry["kind"] for entry in bench.ledger()] == ["adjustment"], "only the other customer's line"
    assert "1 open" in view.result


# F-44 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-44", "W", "before")
async def test_a_contract_that_became_inactive_blocks_its_line(bench: Bench) -> None:
    view = await pushed(bench, lambda row: bench.control("autotask", "contract", contract=row["contract_id"], status=0))
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.BLOCKED, [])
    assert view.ops[0].message == "Skipped: Cloud is not active in Autotask."


@pytest.mark.fault("F-44", "W", "before")
async def test_a_period_that_was_posted_after_the_approval_stops_its_line(bench: Bench) -> None:
    posted = {"through": "2026-12-01"}
    view = await pushed(bench, lambda row: bench.control("autotask", "post", contract=row["contract_id"], **posted))
    assert (view.ops[0].state, ours(bench, view.ops[0])) == (OpState.STALE, [])
    assert "touched since you approved" in view.ops[0].message


# F-45 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-45", "W", "before")
async def test_a_second_copy_with_another_data_folder_is_refused_while_the_first_one_pushes(bench: Bench, tmp_path: Path) -> None:
    refused: list[Busy] = []
    with Bench(tmp_path / "other", two_customers) as other:
        await _lead_to(other, bench)
        mine, theirs = await bench.compare(), await other.compare()
        await bench.select(row_of(mine, "ONE", "601")["key"])
        await other.select(row_of(theirs, "TWO", "601")["key"])
        plan, others = await bench.session.review(Limits()), await other.session.review(Limits())
        bench.control("autotask", "faults", kind="latency", seconds=0.2, path=ADJUSTMENTS)
        await _push_both(bench, plan, other, others, refused)
        (error,) = refused
        assert "is pushing since" in error.title
        assert error.meaning == "Nothing was sent."
    assert len(bench.ledger()) == 1


async def _lead_to(other: Bench, bench: Bench) -> None:
    """The other installation uses the sandbox of the first one."""
    for kind, fields in bench.settings.items():
        secrets = {name: str(value) for name, value in fields["secrets"].items()}
        plain = {name: str(value) for name, value in fields.items() if name != "secrets"}
        other.session.save_connection(kind, kind, plain, secrets)


async def _push_both(bench: Bench, plan: Any, other: Bench, others: Any, refused: list[Busy]) -> None:
    first = asyncio.create_task(bench.session.push(plan, "1", lambda view: None))
    await asyncio.sleep(0.1)
    try:
        await other.session.push(others, "1", lambda view: None)
    except Busy as error:
        refused.append(error)
    view = await first
    assert {op.state for op in view.ops} == {OpState.VERIFIED}
