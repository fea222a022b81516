"""Customer → company → contract."""

from datetime import date

import pytest

from reconcile_app.core.findings import Kind
from reconcile_app.core.mapping import map_lines, successor
from tests.fakes.comparing import World, codes_of, log_of, provider, row_of


def test_a_blank_identifier_stops_the_customer_once() -> None:
    run = provider().bill("ZED", "650", 1).bill("ZED", "712", 1, billing_identifier="  ").run()
    assert codes_of(run) == ["AT04"]
    assert run.rows["status"].tolist() == ["blocked", "blocked"]
    assert run.rows["codes"].tolist() == ["AT04", "AT04"]
    assert run.mapped["finding"].tolist() == ["no_billing_identifier"] * 2


def test_an_unknown_identifier_gives_the_published_text() -> None:
    run = provider().bill("ASP", "650", 1, billing_identifier="29683512").run()
    assert log_of(run)[2] == (
        "AT05",
        (
            "No Company with Customer Number for 29683512 Found. Check Autotask to see if the customer: ASP Limited with "
            "Company Number: 29683512 exists in Autotask."
        ),
    )


@pytest.mark.parametrize(
    ("identifier", "found"), [("174", True), (" 174 ", True), ("0174", True), ("174.0", False), ("17 4", False)]
)
def test_ids_are_compared_as_whole_numbers(identifier: str, found: bool) -> None:
    run = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1, billing_identifier=identifier).run()
    assert (run.rows["status"].tolist() == ["equal"]) is found


def test_a_company_number_is_text() -> None:
    world = World().company("1", match="0174").contract("C", "1").service("650", "Exchange").line("1", "C", "650", 1)
    assert world.bill("ASP", "650", 1, billing_identifier="174").run().rows["status"].tolist() == ["blocked"]
    world.billed[0]["billing_identifier"] = "0174"
    assert world.run().rows["status"].tolist() == ["equal"]


def test_a_number_that_two_companies_carry_is_not_guessed_but_an_inactive_one_yields() -> None:
    world = World().company("1", match="7").company("2", match="7").contract("C", "2").service("650", "Exchange")
    world.line("1", "C", "650", 1).bill("ASP", "650", 1, billing_identifier="7")
    run = world.run()
    assert codes_of(run) == ["AT05"]
    assert run.mapped["finding_count"].tolist() == [2]
    world.companies[0]["active"] = False
    assert world.run().rows["status"].tolist() == ["equal"]


def test_two_customers_with_one_identifier_stop_both() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1).bill("AAA", "650", 2, billing_identifier="0174")
    run = world.run()
    assert [entry for entry in log_of(run) if entry[0] == "RC07"] == [
        ("RC07", "AAA Billing Identifier Shared : 0174 is also used by ASP"),
        ("RC07", "ASP Billing Identifier Shared : 174 is also used by AAA"),
    ]
    assert run.rows["status"].tolist() == ["blocked", "blocked"]


def test_a_customer_without_lines_shares_its_identifier_too() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1)
    world.customers = [
        {"customer_code": "ASP", "customer_name": "ASP", "billing_identifier": "174"},
        {"customer_code": "OLD", "customer_name": "Old", "billing_identifier": "174"},
        {"customer_code": "NEW", "customer_name": "New"},
    ]
    assert codes_of(world.run()) == ["RC07"]
    assert codes_of(world.map_customer("OLD", "175").run()) == ["AT10"]


def test_a_rule_gives_the_shared_company_to_one_of_them() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1).bill("AAA", "712", 2, billing_identifier="174")
    run = world.map_customer("AAA", "174").run()
    assert row_of(run, "AAA/C174/712")["status"] == "missing"
    assert row_of(run, "ASP//650")["codes"] == "RC07"
    run = world.map_customer("AAA", "175").run()
    assert row_of(run, "ASP/C174/650")["status"] == "equal"


def test_a_customer_of_the_period_before_does_not_stop_the_one_that_took_its_place() -> None:
    world = provider().line("1", "C174", "650", 5).bill("ASP", "650", 6).bill_before("OLD", "650", 5, billing_identifier="174")
    world.customers = [{"customer_code": "ASP", "customer_name": "ASP", "billing_identifier": "174"}]
    run = world.run()
    assert run.rows["key"].tolist() == ["ASP/C174/650"]
    assert run.rows["status"].tolist() == ["raise"]


def test_without_any_contract_the_customer_is_stopped() -> None:
    world = provider().bill("ASP", "650", 1)
    world.contracts = []
    assert log_of(world.run())[2] == (
        "AT06",
        (
            "No Contract exists for the Customer ASP Limited. Check Autotask to see if customer ASP Limited and a Recurring "
            "Service Contract with Contract Number : 174 exists in Autotask."
        ),
    )


def test_several_contracts_are_ambiguous_until_a_rule_chooses() -> None:
    world = provider().contract("C2", "174").line("1", "C2", "650", 1).bill("ASP", "650", 1)
    run = world.run()
    assert log_of(run)[2] == (
        "RC01",
        "ASP Ambiguous Contract : 2 contracts of type Recurring Service found for Customer ASP Limited; choose one",
    )
    assert run.rows["key"].tolist() == ["ASP//650"]
    assert row_of(world.map_customer("ASP", "174", "C2").run(), "ASP/C2/650")["status"] == "equal"
    assert codes_of(world.map_customer("ASP", "174").run()) == ["RC01"]


@pytest.mark.parametrize(
    ("start", "end", "entry"),
    [
        ("2026-11-27", "2027-12-31", ("RC02", "ASP Contract Not Started : Contract C starts on 2026-11-27; nothing was written")),
        ("2025-01-01", "2026-11-25", ("RC03", "ASP Contract Expired : Contract C ended on 2026-11-25; nothing was written")),
    ],
)
@pytest.mark.parametrize("ruled", [False, True])
def test_a_contract_outside_the_effective_date_is_named(start: str, end: str, entry: tuple[str, str], ruled: bool) -> None:
    world = World().company("174").service("650", "Exchange").contract("C", "174", start, end).line("1", "C", "650", 1)
    world.bill("ASP", "650", 3)
    run = (world.map_customer("ASP", "174", "C") if ruled else world).run()
    assert log_of(run)[2] == entry
    assert codes_of(run) == [entry[0]]
    row = row_of(run, "ASP/C/650")
    assert (row["status"], row["change"], row["contract_quantity"]) == ("blocked", None, 10_000)


def test_dates_are_inclusive_and_may_be_absent() -> None:
    for start, end in (("2026-11-26", "2026-11-26"), ("", "")):
        world = World().company("174").service("650", "Exchange").contract("C", "174", start, end).line("1", "C", "650", 1)
        assert world.bill("ASP", "650", 1).run().rows["status"].tolist() == ["equal"]


def test_of_future_and_ended_contracts_the_next_one_is_named_and_of_ended_ones_the_last() -> None:
    world = World().company("174").service("650", "Exchange").bill("ASP", "650", 3)
    world.contract("A", "174", "2020-01-01", "2024-12-31").contract("B", "174", "2020-01-01", "2023-12-31")
    assert "Contract A ended on 2024-12-31" in log_of(world.run())[2][1]
    world.contract("D", "174", "2028-01-01").contract("E", "174", "2027-01-01", "2029-01-01")
    assert "Contract E starts on 2027-01-01" in log_of(world.run())[2][1]


def test_a_contract_that_is_switched_off_is_none() -> None:
    world = World().company("174").service("650", "Exchange").contract("C", "174", active=False).bill("ASP", "650", 1)
    assert codes_of(world.run()) == ["AT06"]
    assert log_of(world.map_customer("ASP", "174", "C").run())[2] == (
        "RC06",
        "ASP Mapping Broken : active contract C no longer exists in Autotask; map again",
    )


@pytest.mark.parametrize(("company", "contract", "what"), [("999", "", "company 999"), ("174", "C9", "contract C9")])
def test_a_rule_whose_target_is_gone_is_broken(company: str, contract: str, what: str) -> None:
    run = provider().bill("ASP", "650", 1).map_customer("ASP", company, contract).run()
    assert log_of(run)[2] == ("RC06", f"ASP Mapping Broken : {what} no longer exists in Autotask; map again")
    assert run.rows["status"].tolist() == ["blocked"]


def test_a_rule_needs_no_identifier() -> None:
    world = provider().line("1", "C175", "650", 2).bill("ZED", "650", 2).map_customer("ZED", "175")
    assert row_of(world.run(), "ZED/C175/650")["status"] == "equal"


def test_a_customer_with_two_identifiers_has_two_accounts() -> None:
    world = provider().bill("ASP", "650", 1).bill("ASP", "650", 2, billing_identifier="999")
    run = world.line("1", "C174", "650", 1).run()
    assert run.rows["key"].tolist() == ["ASP//650", "ASP/C174/650"]
    assert codes_of(run) == ["AT05", "AT10"]


def test_a_corrected_identifier_leads_the_period_before_as_well() -> None:
    world = provider().line("1", "C174", "650", 5).line("2", "C174", "712", 3).bill("ASP", "650", 6)
    world.bill_before("ASP", "650", 5, billing_identifier="999").bill_before("ASP", "712", 3, billing_identifier=None)
    for other in (world, world.bill("CED", "650", 1).bill("CED", "650", 1, billing_identifier="998")):
        run = other.run()
        assert row_of(run, "ASP/C174/650")["previous_quantity"] == 50_000
        assert row_of(run, "ASP/C174/712")["status"] == "zero"


def test_of_two_identifiers_each_leads_its_own_lines_of_the_period_before() -> None:
    world = provider().line("1", "C174", "650", 1).line("2", "C175", "650", 2).bill("ASP", "650", 1)
    world.bill("ASP", "650", 2, billing_identifier="175").bill_before("ASP", "650", 9, billing_identifier="175")
    rows = world.run().rows.set_index("key")["previous_quantity"]
    assert rows.fillna(0).to_dict() == {"ASP/C174/650": 0, "ASP/C175/650": 90_000}


def test_a_customer_that_is_gone_keeps_its_old_name() -> None:
    world = provider().line("1", "C174", "650", 1).bill_before("ASP", "650", 1, customer_name="Old name").bill("BIR", "650", 1)
    world.bill("BIR", "712", 1, customer_name="Another")
    assert row_of(world.run(), "ASP/C174/650")["customer_name"] == "Old name"


def test_names_that_disagree_give_the_first_in_the_alphabet() -> None:
    world = provider().bill("ASP", "650", 1, customer_name="Zulu").bill("ASP", "712", 1, customer_name="Alpha")
    assert set(world.run().rows["customer_name"]) == {"Alpha"}
    world.billed[0]["customer_name"] = world.billed[1]["customer_name"] = None
    assert set(world.run().rows["customer_name"]) == {"ASP"}


def test_billed_to_another_is_told_and_changes_nothing_by_default() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1, bill_to_code="RES", bill_to_identifier="175")
    world.bill("BIR", "712", 1, bill_to_code="BIR")
    run = world.run()
    assert ("RC08", "ASP Billed To RES : processed for ASP") in log_of(run)
    assert row_of(run, "ASP/C174/650")["status"] == "equal"
    assert codes_of(run).count("RC08") == 1


def test_the_paying_customer_is_matched_when_the_connection_says_so() -> None:
    world = provider().line("1", "C175", "650", 5)
    paid = {"bill_to_code": "RES", "bill_to_name": "Reseller", "bill_to_identifier": "175"}
    world.bill("ASP", "650", 2, **paid).bill("BIR", "650", 3, **paid).bill("CED", "712", 1)
    world.basis_values["customer_key"] = "bill_to"
    run = world.run()
    row = row_of(run, "RES/C175/650")
    assert (row["status"], row["parts"], row["customer_name"]) == ("equal", 2, "Reseller")
    assert row_of(run, "CED/C176/712")["status"] == "missing"
    assert ("RC08", "ASP Billed To RES : processed for RES") in log_of(run)
    assert run.mapped["matched_identifier"].tolist() == ["175", "175", "176"]


def test_lines_can_be_mapped_on_their_own() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1).bill("ZED", "650", 1)
    basis = world.basis()
    mapped = map_lines(basis.billing.lines, basis.psa, world.map_customer("ZED", "9").rules, "customer", basis.effective_date)
    assert mapped.lines["line_id"].tolist()[0] == "1"
    assert mapped.customers == [("ZED", Kind.MAPPING_BROKEN, {"object": "company", "id": "9"})]


def test_the_successor_is_the_end_of_the_renewals_or_the_only_other_contract() -> None:
    world = World().contract("A", "174", end="2025-12-31").contract("B", "174", follows="A").contract("D", "174", follows="B")
    contracts, on = world.basis().psa.contracts, date(2026, 11, 26)
    assert successor(contracts, "A", "174", on) == "D"
    assert successor(contracts, "D", "174", on) == "B"
    assert successor(contracts, "X", "174", on) == ""
    assert successor(contracts, "X", "999", on) == ""
    world.contract("E", "174", follows="A")
    assert successor(world.basis().psa.contracts, "A", "174", on) == ""
    circle = World().contract("A", "1", follows="B").contract("B", "1", follows="A").basis().psa.contracts
    assert successor(circle, "A", "1", on) == "B"
