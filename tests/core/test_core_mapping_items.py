"""SKU → service → line."""

import pytest

from tests.fakes.comparing import codes_of, log_of, provider, row_of


def test_a_line_without_sku_gives_the_published_text_and_a_row_of_its_own() -> None:
    world = provider().bill("ASP", None, 1, line_description="Hosted Exchange, Advanced")
    world.bill("ASP", None, 3, line_description="Hosted Exchange, Advanced").bill("ASP", None, 2, line_description=None)
    run = world.run()
    assert codes_of(run) == ["AT07"] * 3
    assert (
        "AT07",
        (
            "ASP Limited SKU Missing in Atria : ASP Limited : Skipped Line Hosted Exchange, Advanced for Customer ASP Limited as "
            "no SKU was provided"
        ),
    ) in log_of(run)
    keys = sorted(run.rows["key"])
    assert len(set(keys)) == 3
    assert sum(key.endswith("~2") for key in keys) == 1


def test_equal_lines_without_sku_meet_their_earlier_selves_but_empty_ones_never_do() -> None:
    world = provider().bill("ASP", None, 5, line_description="Odd").bill_before("ASP", None, 4, line_description="Odd")
    world.bill("ASP", None, 7, line_description=None).bill_before("ASP", None, 6, line_description=None)
    run = world.run()
    assert sorted(zip(run.rows["billed_quantity"], run.rows["previous_quantity"].fillna(-1), strict=True)) == [
        (50_000, 40_000),
        (70_000, -1),
    ]


def test_an_unknown_sku_gives_the_published_text() -> None:
    run = provider().bill("ASP", "999", 1, line_description="Hosted Exchange, Advanced").run()
    assert log_of(run)[2] == (
        "AT08",
        (
            "ASP Limited Service Missing in Autotask : ASP Limited : Skipped Line Hosted Exchange, Advanced for Customer ASP "
            "Limited as no SKU was provided"
        ),
    )
    assert run.rows["key"].tolist() == ["ASP/C174/sku:999"]


def test_a_text_where_a_number_is_needed_is_not_valid() -> None:
    run = provider().bill("ASP", "HEX-1", 1).run()
    assert log_of(run)[2] == ("RC10", "ASP SKU Not Valid : HEX-1 is not a whole number as required by ServiceId")


@pytest.mark.parametrize("sku", ["650", " 650 ", "0650"])
def test_numbers_are_compared_as_numbers(sku: str) -> None:
    run = provider().line("1", "C174", "650", 1).bill("ASP", sku, 1).run()
    assert row_of(run, "ASP/C174/650")["status"] == "equal"


@pytest.mark.parametrize("sku", ["Café", "CAFÉ", "cafe\u0301", " café "])
def test_texts_are_compared_without_case_in_one_form(sku: str) -> None:
    world = provider().service("9", "Café", match="Café").line("1", "C174", "9", 1).bill("ASP", sku, 1)
    world.psa.update(sku_is_number=False, sku_field="name")
    assert row_of(world.run(), "ASP/C174/9")["status"] == "equal"


def test_a_catalogue_value_that_is_no_number_never_matches_a_number() -> None:
    world = provider().service("9", "Odd", match="abc").service("10", "Blank", match=" ").bill("ASP", "abc", 1)
    assert codes_of(world.run()) == ["RC10"]


def test_a_sku_that_two_services_carry_is_not_guessed_but_an_inactive_one_yields() -> None:
    world = provider().service("9", "One", match="77").service("10", "Two", match="77").line("1", "C174", "10", 1)
    run = world.bill("ASP", "77", 1).run()
    assert log_of(run)[2] == ("RC04", "ASP Duplicate Service : SKU 77 appears 2 times on the service catalog; nothing was written")
    assert run.mapped["finding_count"].tolist() == [2]
    world.services[3]["active"] = False
    assert row_of(world.run(), "ASP/C174/10")["status"] == "equal"


def test_a_service_twice_on_the_contract_blocks_both_lines() -> None:
    world = provider().line("1", "C174", "650", 1).line("2", "C174", "650", 2).bill("ASP", "650", 3)
    run = world.run()
    assert log_of(run)[2] == ("RC04", "ASP Duplicate Service : SKU 650 appears 2 times on Contract C174; nothing was written")
    assert run.rows["key"].tolist() == ["ASP/C174/650"]
    row = row_of(run, "ASP/C174/650")
    assert (row["status"], row["line_id"], row["contract_quantity"]) == ("blocked", None, None)


def test_a_rule_tells_twins_apart_and_the_other_one_is_left_over() -> None:
    world = provider().line("8002", "C174", "650", 2).line("8001", "C174", "650", 3).bill("ASP", "650", 3)
    run = world.map_line("ASP", "650", "C174", "8001").run()
    assert row_of(run, "ASP/C174/line:8001")["status"] == "equal"
    assert row_of(run, "ASP/C174/line:8002")["status"] == "psa_only"


def test_a_line_rule_that_only_confirms_keeps_the_key() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 1).map_line("ASP", "650", "C174", "1")
    assert row_of(world.run(), "ASP/C174/650")["status"] == "equal"


def test_two_skus_that_lead_to_one_line_are_summed() -> None:
    world = provider().line("1", "C174", "650", 5).bill("ASP", "650", 2).bill("ASP", "712", 3).map_line("ASP", "712", "C174", "1")
    run = world.run()
    row = row_of(run, "ASP/C174/650")
    assert (row["parts"], row["billed_quantity"], row["status"]) == (2, 50_000, "equal")
    assert run.part_row.tolist() == [0, 0]


def test_a_line_rule_works_for_a_customer_that_leads_nowhere_itself() -> None:
    world = provider().line("1", "C174", "650", 5).bill("ZED", "650", 5).bill("ZED", "712", 1).map_line("ZED", "650", "C174", "1")
    run = world.run()
    row = row_of(run, "ZED/C174/650")
    assert (row["status"], row["company_id"], row["codes"]) == ("equal", "174", "")
    assert row_of(run, "ZED//712")["codes"] == "AT04"


@pytest.mark.parametrize(
    ("contract", "line", "what"), [("C9", "1", "contract C9"), ("C174", "9", "line 9"), ("C174", "2", "line 2")]
)
def test_a_line_rule_whose_target_is_gone_is_broken(contract: str, line: str, what: str) -> None:
    world = provider().line("1", "C174", "650", 1).line("2", "C175", "650", 1).bill("ASP", "650", 1).bill("BIR", "650", 1)
    run = world.map_line("ASP", "650", contract, line).run()
    assert log_of(run)[2] == ("RC06", f"ASP Mapping Broken : {what} no longer exists in Autotask; map again")
    assert run.rows["status"].tolist() == ["blocked", "equal"]


def test_a_line_rule_into_an_ended_contract_stops_that_line_only() -> None:
    world = provider().contract("OLD", "174", "2020-01-01", "2024-12-31").line("1", "C174", "712", 1).line("2", "OLD", "650", 1)
    run = world.bill("ASP", "650", 4).bill("ASP", "712", 1).map_line("ASP", "650", "OLD", "2").run()
    assert row_of(run, "ASP/OLD/650")["codes"] == "RC03"
    assert row_of(run, "ASP/C174/712")["status"] == "equal"
    assert ("RC03", "ASP Contract Expired : Contract OLD ended on 2024-12-31; nothing was written") in log_of(run)


def test_line_rules_for_others_change_nothing() -> None:
    world = (
        provider()
        .line("1", "C174", "650", 1)
        .bill("ASP", "650", 1)
        .map_line("ASP", "999", "C174", "1")
        .map_line("BIR", "650", "C", "1")
    )
    assert row_of(world.run(), "ASP/C174/650")["status"] == "equal"


def test_a_product_rule_wins_over_the_catalogue() -> None:
    world = provider().line("1", "C174", "712", 1).bill("ASP", "650", 1).map_product("650", "712")
    assert row_of(world.run(), "ASP/C174/712")["status"] == "equal"


def test_a_product_rule_whose_service_is_gone_is_broken() -> None:
    run = provider().bill("ASP", "650", 1).map_product("650", "9").run()
    assert log_of(run)[2] == ("RC06", "ASP Mapping Broken : service 9 no longer exists in Autotask; map again")


def test_a_sku_that_is_no_product_is_left_alone() -> None:
    run = provider().bill("ASP", "999", 1).map_product("999", "").run()
    assert codes_of(run) == []
    assert run.rows["status"].tolist() == ["ignored"]
    assert run.ignored.to_dict("records")[0]["reason"] == "SKU 999 is no product of Autotask"


def test_a_line_of_a_service_that_left_the_catalogue_can_still_be_mapped() -> None:
    world = (
        provider().line("1", "C174", "4711", 2, service_name="Retired").bill("ASP", "650", 3).map_line("ASP", "650", "C174", "1")
    )
    row = row_of(world.run(), "ASP/C174/4711")
    assert (row["status"], row["service_name"]) == ("raise", "Retired")


def test_a_line_without_service_can_still_be_mapped() -> None:
    world = provider().line("1", "C174", None, 2).bill("ASP", "650", 3).map_line("ASP", "650", "C174", "1")
    row = row_of(world.run(), "ASP/C174/sku:650")
    assert (row["status"], row["line_id"], row["change"]) == ("raise", "1", "set_quantity")


def test_two_rows_that_would_write_one_line_are_both_stopped() -> None:
    world = provider().line("1", "C174", None, 2).bill("ASP", "650", 3).bill("ASP", "712", 4)
    run = world.map_line("ASP", "650", "C174", "1").map_line("ASP", "712", "C174", "1").run()
    assert run.rows["codes"].tolist() == ["RC07", "RC07"]


def test_two_customers_on_one_line_are_both_stopped() -> None:
    world = provider().line("1", "C174", "650", 2).bill("ASP", "650", 3).bill("BIR", "650", 4).map_line("BIR", "650", "C174", "1")
    run = world.run()
    assert [entry for entry in log_of(run) if entry[0] == "RC07"] == [
        ("RC07", "ASP Billing Identifier Shared : 174 is also used by BIR"),
        ("RC07", "BIR Billing Identifier Shared : 175 is also used by ASP"),
    ]
    assert run.rows["selectable"].tolist() == [False, False]


def test_two_customers_that_would_create_one_line_are_both_stopped() -> None:
    world = (
        provider().with_options(allow_create=True).bill("ASP", "650", 3).bill("BIR", "650", 4).map_customer("BIR", "174", "C174")
    )
    world.map_customer("ASP", "174", "C174")
    assert world.run().rows["status"].tolist() == ["blocked", "blocked"]
