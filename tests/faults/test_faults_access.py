"""Sign-in, permission and clock: what is lost in the middle of a reading or a push, through real sockets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import PlanRefused, SideUnreadable
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Progress
from reconcile_app.core.settings import CompareOptions, Limits
from reconcile_app.services.desk import PushView
from tests.end_to_end.desk_fixture import Bench, row_of, told, two_customers

ADJUSTMENTS = "serviceadjustments$"
REFUSED = '{"errors":["The credentials are no longer valid."]}'


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def keys_of(run: Run) -> list[str]:
    return [row_of(run, code, "601")["key"] for code in ("ONE", "TWO")]


async def push_both(bench: Bench) -> PushView:
    run = await bench.compare()
    return await bench.push(*keys_of(run))


def check_nothing_is_known(run: Run, side: str, words: str) -> None:
    assert words in getattr(run.basis, side).side.error
    assert set(run.rows["status"]) <= {"unknown"}
    assert not run.rows["selectable"].any()
    assert words in " ".join(run.log["message"])


def states(view: PushView) -> list[OpState]:
    return [op.state for op in view.ops]


# between two answers of one reading ------------------------------------------------------------------------------------------
@pytest.mark.fault("F-30", "R")
async def test_a_billing_token_that_expires_between_two_calls_leaves_the_bills_unknown(bench: Bench) -> None:
    bench.control("atria", "moment", do="token", order={"expired": True}, when="after", path="parameters")
    run = await bench.compare()
    check_nothing_is_known(run, "billing", "The token is unknown, was deleted or replaced")
    assert run.basis.psa.side.complete
    assert bench.ledger() == []


@pytest.mark.fault("F-30", "R")
async def test_keys_revoked_between_two_lists_leave_the_psa_unknown_until_they_are_back(bench: Bench) -> None:
    bench.control("autotask", "moment", do="keys", order={"revoked": True}, when="after", path="companies/query")
    run = await bench.compare()
    check_nothing_is_known(run, "psa", "Autotask refused the sign-in.")
    assert run.rows["billed_quantity"].tolist() == [30_000, 30_000]
    bench.control("autotask", "keys", revoked=False)
    assert {row_of(await bench.compare(), code, "601")["status"] for code in ("ONE", "TWO")} == {"raise"}


@pytest.mark.fault("F-30", "R")
async def test_a_sign_in_that_moved_between_two_pages_is_found_again_and_the_page_repeated(bench: Bench) -> None:
    bench.control("autotask", "switch", page_rows="1")
    moved: list[str] = []

    def progress(news: Progress) -> None:
        if news.entity == "ContractServices" and not moved:
            moved.append(news.entity)
            bench.control("autotask", "switch", zone_moved="on")

    run = await bench.session.compare("atria", "autotask", CompareOptions(), progress)
    assert moved
    assert run.basis.psa.side.complete
    assert {row_of(run, code, "601")["status"] for code in ("ONE", "TWO")} == {"raise"}
    assert set(run.log["level"]) <= {"Info", "Verbose"}, "the operator need not know"


# before and during a write ---------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-31", "W", "before")
async def test_keys_revoked_before_the_second_write_stop_the_run_with_nothing_in_doubt(bench: Bench) -> None:
    bench.control("autotask", "moment", do="keys", order={"revoked": True}, when="before", path="serviceunits/query", nth=5)
    view = await push_both(bench)
    assert states(view)[1] is OpState.CANCELLED
    assert "The sign-in was lost: Autotask refused the sign-in." in view.message
    assert [entry["line"] for entry in bench.ledger()] == [view.ops[0].change.line_id]
    assert await bench.session.open_ops() == [op for op in view.ops if op.state is OpState.APPLIED]


@pytest.mark.fault("F-31", "W", "before")
async def test_a_refused_sign_in_of_a_write_is_renewed_once_and_the_change_sent_once(bench: Bench) -> None:
    bench.control("autotask", "faults", kind="status", status=401, body=REFUSED, path=ADJUSTMENTS)
    view = await push_both(bench)
    assert states(view) == [OpState.VERIFIED] * 2
    assert view.result == "finished"
    assert [(entry["before"], entry["after"]) for entry in bench.ledger()] == [(20_000, 30_000)] * 2


@pytest.mark.fault("F-31", "W", "after")
async def test_a_write_that_was_carried_out_and_told_as_refused_sign_in_is_not_sent_again(bench: Bench) -> None:
    bench.control("autotask", "faults", kind="status", status=401, body=REFUSED, path=ADJUSTMENTS, when="after")
    view = await push_both(bench)
    assert states(view) == [OpState.SKIPPED_ALREADY, OpState.VERIFIED]
    assert view.ops[0].message == "Already 3; nothing to do."
    assert len(bench.ledger()) == 2


@pytest.mark.fault("F-31", "W", "before")
async def test_a_401_without_words_proves_nothing_and_is_settled_by_reading(bench: Bench) -> None:
    bench.control("autotask", "faults", kind="status", status=401, path=ADJUSTMENTS)
    view = await push_both(bench)
    assert states(view) == [OpState.NOT_APPLIED, OpState.VERIFIED]
    assert "Nothing was sent again." in view.ops[0].message
    assert len(bench.ledger()) == 1


@pytest.mark.fault("F-32", "W", "before")
@pytest.mark.parametrize("broken", ["html", "not_json", "truncated"])
async def test_a_sign_in_that_cannot_be_renewed_pauses_the_run(bench: Bench, broken: str) -> None:
    run = await bench.compare()
    bench.control("autotask", "faults", kind="status", status=401, body=REFUSED, path=ADJUSTMENTS)
    await bench.select(*keys_of(run))
    plan = await bench.session.review(Limits())
    # The push asks for the tenant when it starts; only what comes after that meets the sign-in page.
    bench.control("autotask", "faults", kind=broken, path="zoneinformation", nth=2, times=None)
    view = await bench.session.push(plan, "2", lambda view: None)
    assert states(view) == [OpState.CANCELLED] * 2
    assert "The sign-in failed:" in view.message
    assert bench.ledger() == []
    assert await bench.session.open_ops() == []


@pytest.mark.fault("F-32", "W", "before")
async def test_a_sign_in_that_is_refused_again_after_it_was_renewed_is_not_tried_in_a_loop(bench: Bench) -> None:
    bench.control("autotask", "faults", kind="status", status=401, body=REFUSED, path=ADJUSTMENTS, times=None)
    view = await push_both(bench)
    assert states(view) == [OpState.REJECTED, OpState.CANCELLED]
    assert "The API user may no longer write." in view.message
    struck = bench.control("autotask", "faults")
    assert len(struck) == 2, "one renewal, then the end"
    assert bench.ledger() == []


# rights ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-33", "W", "before")
async def test_a_right_to_read_that_ends_during_the_run_stops_it(bench: Bench) -> None:
    order = {"entity": "ContractServiceUnits", "right": "query", "access": 0}
    bench.control("autotask", "moment", do="permission", order=order, when="after", path=ADJUSTMENTS)
    view = await push_both(bench)
    assert states(view) == [OpState.APPLIED, OpState.CANCELLED]
    assert "does not allow this" in view.message
    assert len(bench.ledger()) == 1
    order["access"] = 1
    bench.control("autotask", "permission", **order)
    await bench.session.recover()
    assert await bench.session.open_ops() == []
    assert len(bench.ledger()) == 1


@pytest.mark.fault("F-33", "R")
@pytest.mark.parametrize("entity", ["ContractServices", "ContractServiceUnits"])
async def test_a_list_that_silently_lost_a_row_leaves_its_customer_unknown(bench: Bench, entity: str) -> None:
    bench.control("autotask", "paging", kind="skip", entity=entity, times=None)
    run = await bench.compare()
    assert not run.basis.psa.side.complete
    first, second = row_of(run, "ONE", "601"), row_of(run, "TWO", "601")
    assert (first["status"], second["status"]) == ("unknown", "raise")
    words = {"ContractServices": "was not in its list", "ContractServiceUnits": "There are 2 unit rows, and 1 of them came."}[
        entity
    ]
    assert words in " ".join(entry.message for entry in told(run.log, "RC19", "ONE"))
    with pytest.raises(PlanRefused):
        await bench.push(first["key"])
    assert bench.ledger() == []


@pytest.mark.fault("F-33", "R")
@pytest.mark.parametrize("entity", ["ContractServices", "ContractServiceUnits"])
async def test_records_that_a_restricted_right_hides_are_not_taken_for_zero(bench: Bench, entity: str) -> None:
    bench.control("autotask", "permission", entity=entity, right="query", access=2)
    run = await bench.compare(allow_create=True)
    assert set(run.rows["status"]) == {"unknown"}
    assert run.rows["change"].isna().all()
    assert bench.ledger() == []


@pytest.mark.fault("F-33", "R")
async def test_a_line_is_not_created_where_existing_ones_may_be_hidden(bench: Bench) -> None:
    for entity in ("ContractServices", "ContractServiceUnits"):
        bench.control("autotask", "permission", entity=entity, right="query", access=2)
    run = await bench.compare(allow_create=True)
    row = row_of(run, "ONE", "601")
    assert row["status"] in {"add", "unknown"}
    with pytest.raises((PlanRefused, SideUnreadable)) as caught:
        await bench.push(row["key"])
    assert "sees only some" in str(caught.value)
    assert bench.ledger() == []


# the clock -------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-34", "W", "before")
@pytest.mark.parametrize(("seconds", "words"), [(86_400, "1440 minutes"), (-86_400, "1440 minutes"), (360, "6 minutes")])
async def test_a_clock_that_is_wrong_refuses_the_push(bench: Bench, seconds: float, words: str) -> None:
    bench.clock.suspend(seconds)
    run = await bench.compare()
    with pytest.raises(PlanRefused) as caught:
        await bench.push(*keys_of(run))
    assert caught.value.title == "This computer's clock is wrong."
    assert words in caught.value.happened
    assert bench.ledger() == []


@pytest.mark.fault("F-34", "W", "before")
async def test_a_clock_that_is_off_by_less_than_five_minutes_is_right_enough(bench: Bench) -> None:
    bench.clock.suspend(-240)
    assert states(await push_both(bench)) == [OpState.VERIFIED] * 2


@pytest.mark.fault("F-34", "W", "before")
@pytest.mark.parametrize("seconds", [-7_200, 1_000])
async def test_a_clock_that_is_set_during_the_run_stops_it_before_the_next_change(bench: Bench, seconds: float) -> None:
    run = await bench.compare()
    await bench.select(*keys_of(run))
    plan = await bench.session.review(Limits())
    view = await bench.session.push(plan, "2", _once(lambda: bench.clock.suspend(seconds), OpState.VERIFIED))
    assert states(view) == [OpState.VERIFIED, OpState.CANCELLED]
    assert "This computer's clock is wrong." in view.message
    assert len(bench.ledger()) == 1


def _once(act: Callable[[], None], state: OpState) -> Callable[[PushView], None]:
    """Acts the first time that the first change is in this state."""
    done: list[bool] = []

    def listen(view: PushView) -> None:
        if view.ops[0].state is state and not done:
            done.append(True)
            act()

    return listen


@pytest.mark.fault("F-34", "R")
@pytest.mark.fault("F-34", "W", "before")
async def test_dates_are_calendar_dates_at_any_hour_of_the_day(bench: Bench) -> None:
    # From noon to a minute before midnight in UTC: in half of the world's time zones that is another day already.
    for seconds in (0, 43_140):
        bench.clock.advance(seconds)
        bench.control("autotask", "advance", seconds=seconds)
        run = await bench.compare()
        assert str(run.basis.effective_date) == "2026-11-26"
    await bench.push(*keys_of(run))
    assert {entry["effective_date"] for entry in bench.ledger()} == {"2026-11-26"}


# another tenant --------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-35", "W", "before")
async def test_keys_of_another_tenant_are_refused_before_anything_is_written(bench: Bench) -> None:
    run = await bench.compare()
    bench.control("autotask", "tenant", ci=777)
    with pytest.raises(PlanRefused) as caught:
        await bench.push(*keys_of(run))
    assert caught.value.title == "These credentials belong to another PSA."
    assert "database 777" in caught.value.happened
    assert bench.ledger() == []


@pytest.mark.fault("F-35", "R")
async def test_a_customer_is_not_read_again_from_another_tenant(bench: Bench) -> None:
    run = await bench.compare()
    bench.control("autotask", "tenant", ci=777)
    with pytest.raises(PlanRefused, match="These credentials belong to another PSA"):
        await bench.session.recheck(["ONE"], lambda progress: None)
    assert bench.session.run is not None
    assert bench.session.run.basis.psa.tenant == run.basis.psa.tenant
