"""A few customers again: laid over the run, healing a side only when everything that was missing has been read."""

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import ConnectionFailed, SideUnreadable
from reconcile_app.core.findings import Kind
from tests.fakes.comparing import codes_of, row_of
from tests.fakes.office import Office

GONE = ConnectionFailed("Could not be reached.")


def office() -> Office:
    """Three customers whose lines all are equal."""
    desk = Office()
    desk.bill("ASP", "650", 12, held=12)
    desk.bill("BIR", "712", 3, held=3)
    desk.bill("CED", "800", 4, held=4)
    return desk


def statuses(run: Run) -> dict[str, str]:
    return dict(zip(run.rows["key"], run.rows["status"], strict=True))


async def test_only_that_customer_is_read_again() -> None:
    desk = office()
    before = await desk.compare()
    desk.psa.other_user("L-ASP-650", -2, before.basis.effective_date)
    desk.psa.other_user("L-BIR-712", 5, before.basis.effective_date)
    desk.psa.asked.clear()
    run = await desk.recheck("ASP")
    assert statuses(run) == {"ASP/C174/650": "raise", "BIR/C175/712": "equal", "CED/C176/800": "equal"}
    assert ("lines", ("C174",)) in desk.psa.asked
    assert run.run_id == before.run_id
    assert run.basis.retried == ("ASP",)
    assert "RC14" in codes_of(run)
    assert run.basis.psa.side.calls == before.basis.psa.side.calls + 5
    assert (await desk.recheck("BIR")).basis.retried == ("ASP", "BIR")
    assert desk.everything_released()


async def test_the_same_period_is_read_whatever_day_it_is_now() -> None:
    desk = office()
    run = await desk.compare()
    desk.clock.suspend(60 * 86_400)
    assert (await desk.recheck("ASP")).basis.billing.period == run.basis.billing.period


async def test_bills_are_replaced_and_not_added_to() -> None:
    desk = office()
    await desk.compare()
    desk.world.billed = [row for row in desk.world.billed if row["customer_code"] != "ASP"]
    desk.world.bill("ASP", "650", 20)
    run = await desk.recheck("ASP")
    assert row_of(run, "ASP/C174/650")["billed_quantity"] == 200_000
    assert run.basis.billing.side.rows == 3
    assert len(run.basis.billing.customers) == 3


async def test_what_a_customer_is_not_billed_for_any_more_is_gone() -> None:
    desk = office()
    await desk.compare()
    desk.world.billed = [row for row in desk.world.billed if row["customer_code"] != "ASP"]
    assert statuses(await desk.recheck("ASP"))["ASP/C174/650"] == "zero"


async def test_the_paying_customer_takes_everything_it_pays_along() -> None:
    desk = Office()
    desk.match_by_payer()
    payer = {"bill_to_code": "BIR", "bill_to_name": "BIR Limited", "bill_to_identifier": "175"}
    desk.world.bill("ASP", "650", 5, **payer).bill("BIR", "650", 7)
    desk.psa.add_line("L1", 12, contract_id="C175", service_id="650")
    await desk.compare()
    run = await desk.recheck("BIR")
    assert row_of(run, "BIR/C175/650")["billed_quantity"] == 120_000
    assert run.basis.billing.side.rows == 2


async def test_a_company_that_is_gone_takes_its_contracts_and_lines_along() -> None:
    desk = office()
    await desk.compare()
    desk.world.companies = [row for row in desk.world.companies if row["company_id"] != "174"]
    run = await desk.recheck("ASP")
    assert statuses(run) == {"ASP//650": "blocked", "BIR/C175/712": "equal", "CED/C176/800": "equal"}
    assert "C174" not in set(run.basis.psa.contracts["contract_id"])
    assert "L-ASP-650" not in set(run.basis.psa.lines["line_id"])


async def test_a_part_of_the_psa_heals_when_it_was_read() -> None:
    desk = office()
    desk.psa.unread["lines"] = {"contract:C174": "timed out", "contract:C175": "timed out"}
    run = await desk.compare()
    assert set(run.basis.psa.side.unread) == {"contract:C174", "contract:C175"}
    desk.psa.unread.clear()
    run = await desk.recheck("ASP")
    assert not run.basis.psa.side.complete
    assert run.basis.psa.side.unread == {"contract:C175": "timed out"}
    assert run.basis.psa.side.error == "timed out"
    assert statuses(run) == {"ASP/C174/650": "equal", "BIR/C175/712": "unknown", "CED/C176/800": "equal"}
    run = await desk.recheck("BIR")
    assert run.basis.psa.side.complete
    assert run.basis.psa.side.error == ""
    assert set(statuses(run).values()) == {"equal"}


async def test_a_company_without_its_contracts_heals_too() -> None:
    desk = office()
    desk.psa.unread["contracts"] = {"company:174": "timed out"}
    assert statuses(await desk.compare())["ASP//650"] == "unknown"
    desk.psa.unread.clear()
    run = await desk.recheck("ASP")
    assert run.basis.psa.side.complete
    assert statuses(run)["ASP/C174/650"] == "equal"


async def test_a_part_that_breaks_off_this_time_is_unknown_from_now_on() -> None:
    desk = office()
    await desk.compare()
    desk.psa.unread["contracts"] = {"company:174": "timed out"}
    run = await desk.recheck("ASP")
    assert run.basis.psa.side.unread == {"company:174": "timed out"}
    assert statuses(run) == {"ASP//650": "unknown", "BIR/C175/712": "equal", "CED/C176/800": "equal"}


async def test_a_customer_of_the_bill_heals_when_it_was_read() -> None:
    desk = office()
    desk.billing.unread["invoice"] = {"BIR": "a record", "CED": "a record"}
    await desk.compare()
    desk.billing.unread["invoice"] = {"CED": "another record"}
    run = await desk.recheck("BIR", "CED")
    assert run.basis.billing.side.unread == {"CED": "another record"}
    assert statuses(run)["BIR/C175/712"] == "equal"
    desk.billing.unread.clear()
    run = await desk.recheck("CED")
    assert run.basis.billing.side.complete
    assert statuses(run)["CED/C176/800"] == "equal"


@pytest.mark.parametrize("side", ["billing", "psa"])
async def test_a_side_that_was_unknown_as_a_whole_does_not_heal_by_one_customer(side: str) -> None:
    desk = office()
    failures = desk.billing.failures if side == "billing" else desk.psa.failures
    failures["invoice" if side == "billing" else "lines"] = GONE
    before = await desk.compare()
    failures.clear()
    desk.psa.unread["lines"] = {"contract:C175": "timed out"}
    run = await desk.recheck("BIR")
    known = run.basis.billing.side if side == "billing" else run.basis.psa.side
    assert not known.complete
    assert known.unread == {}
    assert known.failure is (before.basis.billing if side == "billing" else before.basis.psa).side.failure
    assert set(statuses(run).values()) == {"unknown"}


@pytest.mark.parametrize(("side", "call"), [("billing", "invoice"), ("psa", "lines"), ("billing", "customers")])
async def test_a_reading_that_fails_leaves_the_run_as_it_was(side: str, call: str) -> None:
    desk = office()
    before = await desk.compare()
    (desk.billing.failures if side == "billing" else desk.psa.failures)[call] = GONE
    with pytest.raises(SideUnreadable) as caught:
        await desk.recheck("ASP")
    assert caught.value.meaning == "The comparison is as it was."
    assert "Could not be reached." in caught.value.happened
    assert caught.value.exit_code == 3
    assert desk.session.run is before
    assert desk.everything_released()


async def test_a_source_that_cannot_even_tell_its_periods_leaves_the_run_as_it_was() -> None:
    desk = office()
    before = await desk.compare()
    desk.billing.failures["periods"] = GONE
    with pytest.raises(ConnectionFailed):
        await desk.recheck("ASP")
    assert desk.session.run is before


async def test_rejected_rows_are_those_of_the_last_reading() -> None:
    desk = office()
    nameless = {"side": "billing", "source": "invoice", "reason": "It names no customer.", "raw": "{}"}
    desk.world.rejected = [nameless, {**nameless, "customer_code": "ASP", "raw": '{"a": 1}'}]
    desk.world.psa_rejected = [{"side": "psa", "source": "lines", "reason": "No id.", "raw": "[]"}]
    before = await desk.compare()
    assert len(before.basis.billing.rejected) == 2
    desk.world.rejected = [nameless]
    run = await desk.recheck("ASP")
    assert run.basis.billing.rejected["customer_code"].isna().tolist() == [True]
    assert len(run.basis.psa.rejected) == 1


async def test_ticks_and_what_can_be_taken_back_stay() -> None:
    desk = office()
    desk.world.bill("BIR", "650", 1).bill_before("BIR", "650", 1)
    desk.psa.add_line("L9", 5, contract_id="C175", service_id="650")
    await desk.compare()
    await desk.session.decide(["BIR/C175/650"], False)
    run = await desk.recheck("ASP")
    assert not row_of(run, "BIR/C175/650")["selected"]
    assert desk.session.can_undo == "unticking 1 row"
    assert row_of(await desk.session.undo(), "BIR/C175/650")["selected"]


async def test_the_saved_run_follows() -> None:
    desk = office()
    run = await desk.compare()
    desk.workspace.set_result(run.run_id, "finished")
    desk.psa.other_user("L-ASP-650", -2, run.basis.effective_date)
    again = await desk.recheck("ASP")
    assert desk.workspace.runs()[0].result == "finished"
    assert len(desk.workspace.runs()) == 1
    opened = await Office.new_session(desk).open_run(run.run_id)
    assert opened.rows.equals(again.rows)
    assert opened.log.equals(again.log)


async def test_a_failure_has_its_kind() -> None:
    desk = office()
    await desk.compare()
    desk.psa.failures["services"] = GONE
    with pytest.raises(SideUnreadable) as caught:
        await desk.recheck("ASP")
    assert caught.value.kind is Kind.PSA_UNREACHABLE
