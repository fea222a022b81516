"""Reading both sides: as few questions as possible, and what could not be read is unknown."""

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    PermissionDenied,
    ReconcileError,
    SettingsError,
    SignInFailed,
)
from reconcile_app.core.findings import Kind
from reconcile_app.core.mapping_rules import CustomerRule, MappingRules
from reconcile_app.core.ports import CheckResult, PermissionCheck
from reconcile_app.services.fetch import denied_permission, side_failure
from tests.fakes.comparing import BEFORE, row_of
from tests.fakes.office import Office

GONE = ConnectionFailed("Could not be reached.", "No route.")


def office() -> Office:
    """ASP has to rise, BIR is equal, CED has a service without a line."""
    office = Office()
    office.bill("ASP", "650", 12, held=10)
    office.bill("BIR", "712", 3, held=3)
    office.bill("CED", "800", 4, held=None)
    return office


def statuses(run: Run) -> dict[str, str]:
    return dict(zip(run.rows["key"], run.rows["status"], strict=True))


def without_changes(run: Run) -> bool:
    return not bool(run.rows["selectable"].any()) and bool(run.rows["change"].isna().all())


async def test_a_comparison_takes_four_billing_calls_and_asks_the_psa_once_for_everything() -> None:
    desk = office()
    run = await desk.compare()
    assert desk.billing.asked == ["periods", "customers", "invoice", "previous"]
    assert run.basis.billing.side.calls == 4
    assert desk.psa.asked == [
        ("services", ()),
        ("companies", ("174", "175", "176")), ("contracts", ("174", "175", "176")), ("lines", ("C174", "C175", "C176")),
    ]
    assert run.basis.psa.side.calls == 5
    assert (run.basis.billing.side.rows, run.basis.psa.side.rows) == (3, 2)
    assert run.basis.billing.side.complete
    assert run.basis.psa.side.complete
    assert run.basis.psa.tenant == "tenant-1"
    assert statuses(run) == {"ASP/C174/650": "raise", "BIR/C175/712": "equal", "CED/C176/800": "missing"}
    assert desk.everything_released()


async def test_calls_of_an_earlier_comparison_are_not_counted_again() -> None:
    desk = office()
    await desk.compare()
    assert (await desk.compare()).basis.billing.side.calls == 4


async def test_the_sides_say_what_the_connectors_say_of_themselves() -> None:
    psa = (await office().compare()).basis.psa
    assert (psa.contract_type, psa.sku_field, psa.sku_is_number, psa.whole_units) == (
        "Recurring Service", "ServiceId", True, True,
    )
    desk = office()
    desk.capabilities = None
    desk.new_session()
    assert not (await desk.compare()).basis.psa.whole_units


async def test_an_identifier_that_only_the_invoices_know_is_asked_in_a_second_round() -> None:
    desk = office()
    desk.world.customers = [{"customer_code": "ASP", "customer_name": "ASP Limited", "billing_identifier": "174"}]
    run = await desk.compare()
    assert [wanted for name, wanted in desk.psa.asked if name == "companies"] == [("174",), ("175", "176")]
    assert statuses(run)["BIR/C175/712"] == "equal"


async def test_a_company_that_comes_twice_is_kept_once() -> None:
    desk = office()
    desk.world.customers = [{"customer_code": "ASP", "customer_name": "ASP Limited", "billing_identifier": "174"}]
    desk.workspace.kept_rules["atria", "autotask"] = MappingRules(
        version=1, customers={"ASP": CustomerRule(customer_code="ASP", company_id="175")}
    )
    run = await desk.compare()
    assert [wanted for name, wanted in desk.psa.asked if name == "companies"] == [("174", "175"), ("175", "176")]
    assert run.basis.psa.companies["company_id"].is_unique
    assert run.basis.psa.lines["line_id"].is_unique


async def test_companies_that_only_a_rule_names_are_read() -> None:
    desk = office()
    desk.world.customers = [{"customer_code": "ASP", "customer_name": "ASP Limited"}]
    desk.world.billed = [row | {"billing_identifier": None} for row in desk.world.billed if row["customer_code"] == "ASP"]
    desk.world.earlier = []
    desk.workspace.kept_rules["atria", "autotask"] = MappingRules(
        version=1, customers={"ASP": CustomerRule(customer_code="ASP", company_id="174")}
    )
    assert statuses(await desk.compare()) == {"ASP/C174/650": "raise"}


async def test_where_no_company_is_found_nothing_below_is_asked() -> None:
    desk = office()
    desk.world.companies.clear()
    run = await desk.compare()
    assert sorted(desk.psa.names()) == ["companies", "services"]
    assert run.basis.psa.side.complete
    assert set(statuses(run).values()) == {"blocked"}


async def test_where_no_contract_is_found_no_lines_are_asked() -> None:
    desk = office()
    desk.world.contracts.clear()
    await desk.compare()
    assert "lines" not in desk.psa.names()


async def test_the_customer_filter_reaches_both_sides() -> None:
    desk = office()
    run = await desk.compare(customers_filter=("asp", "BIR "))
    assert [wanted for name, wanted in desk.psa.asked if name == "companies"] == [("174", "175")]
    assert set(statuses(run)) == {"ASP/C174/650", "BIR/C175/712"}
    assert run.basis.billing.customers["customer_code"].tolist() == ["ASP", "BIR"]


async def test_without_an_earlier_period_nothing_is_asked_for_it() -> None:
    desk = office()
    desk.billing.known.remove(BEFORE)
    run = await desk.compare()
    assert "previous" not in desk.billing.asked
    assert run.basis.billing.previous is None
    assert not run.basis.billing.previous_complete


# the paying customer -----------------------------------------------------------------------------------------------------------


def paid_office() -> Office:
    """BIR pays for what ASP uses; CED pays for itself. BIR's company has 12 of the service on its contract."""
    desk = Office()
    desk.match_by_payer()
    payer = {"bill_to_code": "BIR", "bill_to_name": "BIR Limited", "bill_to_identifier": "175"}
    desk.world.bill("ASP", "650", 5, **payer).bill("BIR", "650", 7).bill("CED", "800", 2)
    desk.psa.add_line("L1", 12, contract_id="C175", service_id="650")
    desk.psa.add_line("L2", 2, contract_id="C176", service_id="800")
    return desk


async def test_with_bill_to_the_identifiers_of_those_who_pay_are_asked_for() -> None:
    desk = paid_office()
    run = await desk.compare()
    assert [wanted for name, wanted in desk.psa.asked if name == "companies"] == [("175", "176")]
    assert statuses(run) == {"BIR/C175/650": "equal", "CED/C176/800": "equal"}


async def test_with_bill_to_a_filter_means_those_who_pay() -> None:
    desk = paid_office()
    run = await desk.compare(customers_filter=("bir",))
    assert statuses(run) == {"BIR/C175/650": "equal"}
    assert row_of(run, "BIR/C175/650")["parts"] == 2
    assert run.basis.billing.side.rows == 2


# a side that fails -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["companies", "contracts", "lines", "services", "tenant"])
async def test_a_psa_that_breaks_off_is_unknown_and_the_bills_are_still_shown(call: str) -> None:
    desk = office()
    desk.psa.failures[call] = GONE
    run = await desk.compare(allow_create=True)
    side = run.basis.psa.side
    assert not side.complete
    assert (side.failure, side.unread, side.error) == (Kind.PSA_UNREACHABLE, {}, "Could not be reached. No route.")
    assert set(statuses(run).values()) == {"unknown"}
    assert without_changes(run)
    assert run.rows["billed_quantity"].notna().all()
    assert {"AT02", "RC19"} <= set(run.log["code"])
    assert desk.everything_released()


async def test_a_psa_that_breaks_off_after_a_part_was_named_is_unknown_as_a_whole() -> None:
    desk = office()
    desk.psa.unread["contracts"] = {"company:175": "timed out"}
    desk.psa.failures["lines"] = GONE
    run = await desk.compare(allow_create=True)
    assert run.basis.psa.side.unread == {}
    assert set(statuses(run).values()) == {"unknown"}
    assert without_changes(run)


async def test_a_part_without_a_name_makes_the_whole_psa_unknown() -> None:
    desk = office()
    desk.psa.unread = {"companies": {}, "lines": {"contract:C174": "timed out"}}
    run = await desk.compare(allow_create=True)
    assert run.basis.psa.side.unread == {}
    assert run.basis.psa.side.error == "Parts are missing."
    assert set(statuses(run).values()) == {"unknown"}


async def test_only_the_rows_of_an_unread_contract_are_unknown() -> None:
    desk = office()
    desk.psa.unread["lines"] = {"contract:C175": "timed out"}
    run = await desk.compare(allow_create=True)
    assert statuses(run) == {"ASP/C174/650": "raise", "BIR/C175/712": "unknown", "CED/C176/800": "add"}
    assert row_of(run, "BIR/C175/712")["contract_quantity"] is None
    assert not row_of(run, "BIR/C175/712")["selectable"]
    assert run.basis.psa.side.unread == {"contract:C175": "timed out"}
    assert run.basis.psa.side.error == "timed out"


async def test_an_invoice_that_cannot_be_read_leaves_the_psa_shown() -> None:
    desk = office()
    desk.billing.failures["invoice"] = GONE
    run = await desk.compare()
    side = run.basis.billing.side
    assert (side.complete, side.failure, side.unread) == (False, Kind.BILLING_UNREACHABLE, {})
    assert set(statuses(run).values()) == {"unknown"}
    assert without_changes(run)
    assert row_of(run, "BIR/C175/712")["contract_quantity"] == 30_000
    assert row_of(run, "BIR/C175/712")["billed_quantity"] is None
    assert "AT03" in set(run.log["code"])


async def test_an_invoice_without_one_customer_leaves_that_customer_unknown() -> None:
    desk = office()
    desk.billing.unread["invoice"] = {"BIR": "a record could not be read"}
    run = await desk.compare()
    assert statuses(run) == {"ASP/C174/650": "raise", "BIR/C175/712": "unknown", "CED/C176/800": "missing"}
    assert run.basis.billing.side.unread == {"BIR": "a record could not be read"}


async def test_customers_that_cannot_be_listed_make_the_bills_unknown() -> None:
    desk = office()
    desk.billing.failures["customers"] = GONE
    run = await desk.compare(customers_filter=("ASP",))
    assert not run.basis.billing.side.complete
    assert run.basis.billing.side.failure is None
    assert set(statuses(run).values()) == {"unknown"}


async def test_nothing_is_taken_for_removed_when_the_period_before_was_not_read() -> None:
    desk = office()
    desk.world.billed = [row for row in desk.world.billed if row["customer_code"] != "BIR"]
    assert statuses(await desk.compare())["BIR/C175/712"] == "zero"
    desk.billing.unread["previous"] = {"ASP": "a record could not be read"}
    run = await desk.compare()
    assert not run.basis.billing.previous_complete
    assert statuses(run)["BIR/C175/712"] == "unknown"
    desk.billing.failures["previous"] = GONE
    assert "BIR/C175/712" not in statuses(await desk.compare())


@pytest.mark.parametrize("error", [
    AnswerUnreadable("Not JSON."), SignInFailed("Refused."), SettingsError("Not usable.", kind=Kind.ADDRESS_INVALID),
])
async def test_whatever_the_reason_a_side_that_fails_does_not_stop_the_other(error: ReconcileError) -> None:
    desk = office()
    desk.psa.failures["services"] = error
    run = await desk.compare()
    assert run.basis.psa.side.failure is side_failure(error, "psa")
    assert set(statuses(run).values()) == {"unknown"}


async def test_a_fault_of_the_program_is_not_taken_for_an_unread_side() -> None:
    desk = office()
    desk.world.billed[0]["quantity"] = "many"
    with pytest.raises(ExceptionGroup):
        await desk.compare()
    assert desk.everything_released()


def test_the_kind_of_a_failure() -> None:
    assert side_failure(GONE, "billing") is Kind.BILLING_UNREACHABLE
    assert side_failure(GONE, "psa") is Kind.PSA_UNREACHABLE
    assert side_failure(AnswerUnreadable("?"), "psa") is Kind.ANSWER_UNREADABLE


async def test_missing_permissions_are_told_with_the_side() -> None:
    desk = office()
    desk.psa.checks.append(PermissionCheck(name="Contracts: edit", needed_for="push", result=CheckResult.MISSING))
    await desk.session.verify("autotask")
    desk.psa.failures["lines"] = PermissionDenied("Not allowed.", subject="ContractServices: query")
    run = await desk.compare()
    assert run.basis.psa.side.permissions == ("ContractServices: query", "Contracts: edit")
    assert run.basis.billing.side.permissions == ()
    assert denied_permission(PermissionDenied("Not allowed.", "No view.")) == "Not allowed. No view."
