"""Comparing: a run that is kept and opens again offline, or a log that tells why there is none."""

import pytest

from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    NotFound,
    PermissionDenied,
    ReconcileError,
    SecretsUnavailable,
    SettingsError,
    SignInFailed,
    StorageError,
)
from reconcile_app.core.findings import Kind
from reconcile_app.core.judge import OpState
from reconcile_app.core.mapping_rules import CustomerRule, ProductRule
from reconcile_app.core.settings import CompareOptions, LogLevel, Secret
from reconcile_app.services.comparing import RunStopped
from tests.fakes.clock import VirtualClock
from tests.fakes.comparing import BEFORE, OPEN, PERIOD, row_of
from tests.fakes.journal import MemoryJournal, Stored
from tests.fakes.office import Office, unwatched
from tests.fakes.planning import change_of, plan_of
from tests.fakes.psa import FakePsa, Fault
from tests.fakes.pushing import Bench


def office() -> Office:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=3)
    return desk


async def stopped(desk: Office, **options: object) -> RunStopped:
    with pytest.raises(RunStopped) as caught:
        await desk.compare(**options)
    assert desk.session.run is None
    assert desk.workspace.runs() == []
    assert desk.snapshots.saves == []
    assert desk.billing.closed + desk.psa.closed == desk.opened
    return caught.value


def told(error: RunStopped) -> list[tuple[str, str]]:
    return list(zip(error.log["code"], error.log["message"], strict=True))


# a run that is kept ------------------------------------------------------------------------------------------------------------


async def test_a_run_is_kept_with_its_figures() -> None:
    desk = office()
    desk.bill("CED", "999", 1, held=None)
    run = await desk.compare()
    (view,) = desk.session.runs()
    assert (view.run_id, view.created, view.period) == (run.run_id, desk.clock.now(), PERIOD)
    assert (view.billing, view.psa, view.rows, view.complete, view.result) == ("atria", "autotask", 3, True, "compared")
    assert view.warnings == 1
    assert view.money_per_period == 90_000
    assert run.run_id.startswith("20261127-081500-")
    assert run.basis.today == desk.clock.today()


async def test_an_incomplete_run_says_so_in_the_list() -> None:
    desk = office()
    desk.psa.unread["lines"] = {"contract:C174": "timed out"}
    await desk.compare()
    assert not desk.session.runs()[0].complete


async def test_runs_come_newest_first() -> None:
    desk = office()
    first = await desk.compare()
    desk.clock.advance(60)
    second = await desk.compare()
    assert [view.run_id for view in desk.session.runs()] == [second.run_id, first.run_id]


async def test_a_run_opens_as_it_was_without_asking_anybody() -> None:
    desk = office()
    before = await desk.compare(allow_create=True, log_level=LogLevel.WARNING)
    ticked = await desk.session.decide(["ASP/C174/650"], False)
    desk.billing.asked.clear()
    desk.psa.asked.clear()
    opened_before = desk.opened
    run = await desk.new_session().open_run(before.run_id)
    assert run.rows.equals(ticked.rows)
    assert run.log.equals(ticked.log)
    assert run.summary == ticked.summary
    assert run.basis.options == before.basis.options
    assert desk.opened == opened_before
    assert desk.session.run is run
    assert desk.session.can_undo == ""
    await desk.session.decide(["ASP/C174/650"], True)
    assert row_of(await desk.new_session().open_run(before.run_id), "ASP/C174/650")["selected"]


async def test_a_tick_that_was_taken_back_is_not_there_when_the_run_opens_again() -> None:
    desk = office()
    run = await desk.compare()
    await desk.session.decide(["ASP/C174/650"], False)
    await desk.recheck("ASP")
    await desk.session.undo()
    assert row_of(await desk.new_session().open_run(run.run_id), "ASP/C174/650")["selected"]


async def test_an_old_run_takes_a_mapping_without_losing_later_ones() -> None:
    desk = office()
    old = await desk.compare()
    desk.clock.advance(60)
    await desk.compare()
    later = ProductRule(sku="999", service_id="712")
    await desk.session.map_product(later)
    session = desk.new_session()
    assert (await session.open_run(old.run_id)).basis.rules.products == {}
    rule = CustomerRule(customer_code="ASP", company_id="174")
    run = await session.map_customer(rule)
    assert (run.basis.rules.products, run.basis.rules.customers) == ({"999": later}, {"ASP": rule})
    await session.undo()
    assert desk.workspace.rules("atria", "autotask").products == {"999": later}


async def test_a_run_that_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(NotFound):
        await Office().session.open_run("20260101-000000-aaaaaa")


@pytest.mark.parametrize(("options", "day"), [
    ({}, "2026-11-26"), ({"prorated": True}, "2026-11-27"), ({"billing_period": "2026-10-01"}, "2026-11-26"),
])
async def test_the_effective_date_follows_the_options(options: dict[str, object], day: str) -> None:
    assert (await office().compare(**options)).basis.effective_date.isoformat() == day


async def test_the_period_before_the_selected_one_is_read_with_it() -> None:
    run = await office().compare(billing_period="Current")
    assert (run.basis.billing.period, run.basis.billing.previous) == (OPEN, PERIOD)


async def test_what_was_pushed_and_what_is_open_come_from_this_computer() -> None:
    desk = office()
    desk.workspace.save_pushed("tenant-1", "L-ASP-650", 90_000, desk.clock.today(), "old")
    desk.workspace.save_pushed("tenant-2", "L-BIR-712", 90_000, desk.clock.today(), "old")
    await in_doubt(desk, "L-BIR-712", "C175", "712")
    run = await desk.compare()
    assert row_of(run, "ASP/C174/650")["last_pushed_quantity"] == 90_000
    assert row_of(run, "BIR/C175/712")["last_pushed_quantity"] is None
    assert row_of(run, "BIR/C175/712")["codes"] == "RC21"
    assert row_of(run, "BIR/C175/712")["status"] == "blocked"
    desk.locks.held.add("tenant-1")
    assert row_of(await desk.compare(), "BIR/C175/712")["status"] == "equal"


async def in_doubt(desk: Office, line_id: str, contract: str, service: str) -> None:
    """The journal of the tenant has an op that a person must look at."""
    clock = VirtualClock()
    psa = FakePsa(clock)
    psa.add_line(line_id, 3, contract_id=contract, service_id=service)
    bench = Bench(psa=psa, clock=clock)
    psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    change = change_of(line_id, 3, 5, contract_id=contract, service_id=service)
    await bench.engine.run(await plan_of(psa, clock, [change]), "", bench.views.append)
    assert bench.states() == [OpState.NEEDS_REVIEW]
    desk.journals.stored["tenant-1"] = bench.journal.stored


async def test_a_line_that_is_being_created_is_found_by_contract_and_service() -> None:
    desk = office()
    stored = Stored()
    journal = MemoryJournal(desk.clock, stored)
    clock = VirtualClock()
    psa = FakePsa(clock)
    bench = Bench(psa=psa, clock=clock)
    bench.journal = journal
    psa.writes.append(Fault.ACKNOWLEDGED_NOT_DONE)
    change = change_of("", 0, 4, contract_id="C176", service_id="800", kind=ChangeKind.CREATE_LINE)
    await bench.new_engine().run(await plan_of(psa, clock, [change]), "", bench.views.append)
    desk.journals.stored["tenant-1"] = stored
    desk.bill("CED", "800", 4, held=None)
    assert row_of(await desk.compare(allow_create=True), "CED/C176/800")["codes"] == "RC21"


# a run that never was ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "code", "exit_code", "words"), [
    (ConnectionFailed("No answer.", "Late."), "AT03", 3, "Failed to connect to Atria: Error reported was : No answer. Late."),
    (SignInFailed("Refused."), "AT03", 3, "Failed to connect to Atria: Error reported was : Refused."),
    (AnswerUnreadable("Not JSON."), "AT23", 3, "Failed to Deserialize object: Error reported was: Not JSON."),
])
async def test_a_billing_source_that_does_not_tell_its_periods(
    error: ReconcileError, code: str, exit_code: int, words: str
) -> None:
    desk = office()
    desk.billing.failures["periods"] = error
    stop = await stopped(desk)
    assert told(stop) == [
        ("AT22", f"Autotask Worker Task Service {stop.run_id} started."), (code, words),
        ("AT24", "Billing Process Completed with status Failed"),
    ]
    assert (stop.exit_code, stop.title, stop.happened, stop.cause) == (exit_code, error.title, error.happened, error)
    assert (stop.billing, stop.psa) == ("atria", "autotask")
    assert stop.run_id.startswith("20261127-081500-")


async def test_the_period_entry_means_nothing() -> None:
    desk = office()
    stop = await stopped(desk, billing_period="yesterday")
    assert told(stop)[1] == ("AT19", "Incorrect billing period date or format recognized.")
    assert stop.exit_code == 2
    stop = await stopped(desk, billing_period="2019-01-31")
    assert told(stop)[1] == ("AT15", "No records found in Atria for billing period: 2019-01-31")
    assert told(stop)[2] == ("AT24", "Billing Process Completed with status CompletedWithWarnings")


async def test_a_secret_is_missing_or_cannot_be_read() -> None:
    desk = office()
    del desk.secrets.held["autotask", "username"]
    stop = await stopped(desk)
    assert told(stop)[1] == ("AT18", "Failed to validate Autotask secrets. UserName must have a valid value")
    assert stop.exit_code == SecretsUnavailable.exit_code
    desk.secrets.unreadable = "the keyring is locked"
    code, words = told(await stopped(desk))[1]
    assert code == "AT16"
    assert "the keyring is locked" in words


@pytest.mark.parametrize(("error", "code"), [
    (SettingsError("The zone user is no email address.", kind=Kind.ADDRESS_INVALID), "AT17"),
    (ConnectionFailed("The zone look-up did not answer."), "AT02"),
    (SettingsError("The CA file cannot be read."), "AT02"),
])
async def test_the_psa_cannot_be_opened(error: ReconcileError, code: str) -> None:
    desk = office()
    desk.build_failures["autotask"] = error
    stop = await stopped(desk)
    assert told(stop)[1][0] == code
    assert stop.exit_code == error.exit_code
    assert desk.billing.closed == 1


async def test_the_billing_source_cannot_be_opened() -> None:
    desk = office()
    desk.build_failures["atria"] = SettingsError("The address cannot be used.")
    assert told(await stopped(desk))[1][0] == "AT03"
    assert desk.opened == 0


@pytest.mark.parametrize(("name", "title"), [("atria", "Atria"), ("autotask", "Autotask")])
async def test_a_permission_that_is_missing_is_told_beside_the_failure(name: str, title: str) -> None:
    desk = office()
    denied = PermissionDenied("Not allowed.", subject="Service Provider Developer")
    if name == "atria":
        desk.billing.failures["periods"] = denied
    else:
        desk.build_failures["autotask"] = denied
    codes = dict(told(await stopped(desk)))
    assert codes["RC05"] == f"Missing permission on {title}: Service Provider Developer"
    assert ("AT03" if name == "atria" else "AT02") in codes


async def test_a_fault_of_the_program_closes_what_was_opened() -> None:
    desk = office()
    desk.build_failures["autotask"] = RuntimeError("a fault")
    with pytest.raises(RuntimeError):
        await desk.compare()
    assert desk.billing.closed == 1


async def test_without_psa_connection_or_workspace_there_is_no_log() -> None:
    desk = office()
    with pytest.raises(NotFound):
        await desk.session.compare("atria", "other", CompareOptions(), unwatched)
    desk.workspace.failing.add("rules")
    with pytest.raises(StorageError):
        await desk.compare()
    assert desk.opened == 0


async def test_a_run_that_could_not_be_made_leaves_the_one_on_the_desk() -> None:
    desk = office()
    run = await desk.compare()
    desk.billing.failures["periods"] = ConnectionFailed("No answer.")
    with pytest.raises(RunStopped):
        await desk.compare()
    assert desk.session.run is run


async def test_the_periods_of_a_source() -> None:
    desk = Office()
    assert await desk.session.periods("atria") == [OPEN, PERIOD, BEFORE]
    desk.billing.failures["periods"] = ConnectionFailed("No answer.")
    with pytest.raises(ConnectionFailed):
        await desk.session.periods("atria")
    assert desk.everything_released()
    desk.secrets.held["atria", "token"] = Secret("")
    with pytest.raises(SecretsUnavailable):
        await desk.session.periods("atria")
