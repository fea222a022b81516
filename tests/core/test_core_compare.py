"""The join: which rows there are, and what they hold."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.run import assemble
from tests.fakes.comparing import CODES, World, codes_of, log_of, provider, row_of


def test_a_row_holds_both_sides() -> None:
    world = provider().line("8001", "C174", "650", 10).both("ASP", "650", 12, 11)
    row = row_of(world.run(), "ASP/C174/650")
    assert row["customer_name"] == "ASP Limited"
    assert (row["company_id"], row["company_name"], row["contract_id"], row["contract_name"]) == (
        "174",
        "Company 174",
        "C174",
        "Contract C174",
    )
    assert (row["line_id"], row["service_id"], row["service_name"], row["sku"]) == ("8001", "650", "Hosted Exchange", "650")
    assert (row["description"], row["billing_identifier"], row["parts"]) == ("Plan 650", "174", 1)
    assert (row["billed_quantity"], row["previous_quantity"], row["contract_quantity"]) == (120_000, 110_000, 100_000)
    assert (row["difference"], row["unit_price"], row["money_difference"]) == (20_000, 45_000, 90_000)
    assert (row["status"], row["change"], row["codes"], row["selected"], row["selectable"]) == (
        "raise",
        "set_quantity",
        "",
        True,
        True,
    )


def test_several_billed_lines_of_one_service_are_summed_and_stay_available() -> None:
    world = provider().line("1", "C174", "650", 10).bill("ASP", "650", 4, line_description="Zulu").bill("BIR", "650", 1)
    world.bill("ASP", "0650", 6, line_description="Alpha", service_name="Beta")
    run = world.run()
    row = row_of(run, "ASP/C174/650")
    assert (row["parts"], row["billed_quantity"], row["status"], row["sku"], row["description"]) == (
        2,
        100_000,
        "equal",
        "0650",
        "Alpha",
    )
    assert run.part_row.tolist() == [0, 1, 0]


def test_a_part_without_usable_quantity_makes_the_sum_unknown() -> None:
    world = provider().line("1", "C174", "650", 10).bill("ASP", "650", 4).bill("ASP", "650", "many")
    row = row_of(world.run(), "ASP/C174/650")
    assert (row["billed_quantity"], row["difference"], row["status"], row["codes"]) == (None, None, "blocked", "RC18")


def test_rows_come_by_customer_code_then_service_name() -> None:
    world = provider().bill("BIR", "650", 1).bill("ASP", "712", 1).bill("ASP", "800", 1).bill("ASP", "650", 1).bill("ASP", "9", 1)
    assert world.bill("ASP", None, 1).run().rows["sku"].fillna("-").tolist() == ["800", "650", "712", "9", "-", "650"]


def test_keys_are_quoted_where_they_must_be() -> None:
    world = provider().bill("A/B", "65 0%", 1, billing_identifier="174").bill("Ä", "650", 1)
    assert world.run().rows["key"].tolist() == ["A%2FB/C174/sku:65 0%25", "%C3%84//650"]


def test_a_service_that_is_gone_is_proposed_for_zero_and_never_preselected() -> None:
    world = provider().line("1", "C174", "650", 7).bill("ASP", "712", 1).line("2", "C174", "712", 1).bill_before("ASP", "650", 7)
    run = world.run()
    row = row_of(run, "ASP/C174/650")
    assert (row["billed_quantity"], row["previous_quantity"], row["status"], row["change"]) == (None, 70_000, "zero", "zero_line")
    assert (row["selected"], row["selectable"], row["difference"], row["money_difference"]) == (False, True, -70_000, -315_000)
    assert log_of(run)[2][0] == "AT10"
    assert log_of(run)[3] == (
        "AT13",
        (
            "ASP Limited Line located for Hosted Exchange mailbox with Service Name Hosted Exchange is been removed in the "
            "selected billing period. The Quantity is updated from 7.00 to 0.00"
        ),
    )
    assert run.log["planned"].tolist()[3]
    assert run.log["new_quantity"].tolist()[3] == 0


def test_a_customer_that_is_gone_is_told_between_the_two_marks() -> None:
    world = provider().line("1", "C174", "650", 7).line("2", "C175", "650", 2).bill("BIR", "650", 2).bill_before("ASP", "650", 7)
    assert [code for code, _ in log_of(world.run())] == ["AT22", "AT01", "AT10", "AT20", "AT13", "AT21", "AT24"]


def test_a_service_that_is_gone_on_both_sides_is_no_row_but_a_line_already_zero_is_equal() -> None:
    world = provider().line("1", "C174", "712", 0).bill("BIR", "650", 1).bill_before("ASP", "650", 7).bill_before("ASP", "712", 3)
    run = world.run()
    assert row_of(run, "ASP/C174/712")["status"] == "equal"
    assert len(run.rows) == 2


def test_zeroing_can_be_switched_off() -> None:
    world = (
        provider().line("1", "C174", "650", 7).bill("ASP", "712", 1).bill_before("ASP", "650", 7).with_options(zero_removed=False)
    )
    row = row_of(world.run(), "ASP/C174/650")
    assert (row["status"], row["change"], row["codes"]) == ("psa_only", None, "RC13")


def test_what_hides_the_line_of_a_service_that_is_gone_is_told() -> None:
    world = provider().contract("C2", "174").line("1", "C2", "650", 7).bill("BIR", "712", 1).bill_before("ASP", "650", 7)
    run = world.run()
    assert row_of(run, "ASP//650")["codes"] == "RC01"
    assert codes_of(run) == ["RC01", "AT12"]


def test_lines_of_ours_without_record_are_shown_and_others_are_not() -> None:
    world = provider().line("1", "C174", "650", 1).line("2", "C174", "712", 5, description="Plan B").line("3", "C174", "800", 5)
    world.line("4", "C175", "650", 5).line("5", "C176", "650", 5).line("6", "CX", "650", 9).line("7", "C175", "712", 0).line(
        "8", "C175", None, 3
    )
    run = world.bill("ASP", "650", 1).bill("BIR", "712", 4).bill("BIR", "999", 1).run()
    assert row_of(run, "ASP/C174/712")["status"] == "psa_only"
    assert sorted(run.rows.loc[run.rows["status"] == "psa_only", "line_id"]) == ["2", "4"]
    assert ("RC13", "ASP No Atria Record : Plan B with SKU 712 has quantity 5.00 in Autotask") in log_of(run)
    assert row_of(run, "ASP/C174/712")["difference"] == -50_000


def test_rules_and_earlier_pushes_make_a_line_ours() -> None:
    world = provider().line("1", "C174", "712", 5).line("2", "C174", "800", 5).bill("ASP", "650", 1)
    assert world.run().rows["line_id"].dropna().tolist() == []
    assert world.map_product("X", "712").run().rows["line_id"].dropna().tolist() == ["1"]
    assert sorted(world.map_line("ASP", "Y", "C174", "2").run().rows["line_id"].dropna()) == ["1", "2"]


def test_a_contract_of_two_customers_shows_a_leftover_line_once() -> None:
    world = provider().line("1", "C174", "712", 5).bill("ASP", "650", 1).bill("BIR", "800", 1).map_customer("BIR", "174", "C174")
    run = world.map_customer("ASP", "174", "C174").map_product("X", "712").run()
    assert run.rows.loc[run.rows["status"] == "psa_only", "key"].tolist() == ["ASP/C174/712"]


def test_the_customers_filter_leaves_the_others_out() -> None:
    world = provider().bill("ASP", "650", 1).bill("BIR", "650", 1).with_options(customers_filter=(" asp ",))
    assert world.run().rows["customer_code"].tolist() == ["ASP"]


def test_a_period_without_records_stops_everything() -> None:
    world = provider().line("1", "C174", "650", 7).bill_before("ASP", "650", 7)
    run = world.run()
    assert [code for code, _ in log_of(run)] == ["AT22", "AT15", "AT01", "AT20", "AT21", "AT24"]
    assert log_of(run)[1][1] == "No records found in Atria for billing period: 2026-11-25"
    row = row_of(run, "ASP/C174/650")
    assert (row["status"], row["change"], row["codes"]) == ("blocked", None, "AT15")


def test_nothing_at_all_is_an_empty_run() -> None:
    run = World().run()
    assert len(run.rows) == 0
    assert run.summary.compared_value_percent == 100
    assert log_of(run)[-1] == ("AT24", "Billing Process Completed with status CompletedWithWarnings")


_billed = st.lists(
    st.tuples(
        st.sampled_from(["ASP", "BIR", "CED", "ZED"]),
        st.sampled_from(["650", "712", "0650", "999", None]),
        st.integers(0, 30),
        st.sampled_from(["Plan", "Other", None]),
    ),
    max_size=14,
)
_held = st.lists(
    st.tuples(st.sampled_from(["C174", "C175", "C176"]), st.sampled_from(["650", "712", "800"]), st.integers(0, 30)), max_size=8
)


def _world(
    billed: list[tuple[str, str | None, int, str | None]],
    earlier: list[tuple[str, str | None, int, str | None]],
    held: list[tuple[str, str, int]],
) -> World:
    world = provider()
    for customer, sku, quantity, text in billed:
        world.bill(customer, sku, quantity, line_description=text)
    for customer, sku, quantity, text in earlier:
        world.bill_before(customer, sku, quantity, line_description=text)
    for place, (contract, service, quantity) in enumerate(held):
        world.line(str(place), contract, service, quantity)
    world.customers = [{"customer_code": code, "customer_name": code} for code in ("ASP", "BIR", "CED", "ZED")]
    return world


@settings(max_examples=60, deadline=None)
@given(billed=_billed, earlier=_billed, held=_held)
def test_the_join_never_multiplies_and_never_loses(
    billed: list[tuple[str, str | None, int, str | None]],
    earlier: list[tuple[str, str | None, int, str | None]],
    held: list[tuple[str, str, int]],
) -> None:
    run = _world(billed, earlier, held).run()
    assert run.rows["key"].is_unique
    assert run.rows["line_id"].dropna().is_unique
    assert (run.part_row >= 0).all()
    sums = run.mapped["quantity"].groupby(run.part_row.to_numpy()).sum()
    assert run.rows["billed_quantity"].dropna().tolist() == sums.tolist()
    assert int(run.rows["parts"].sum()) == len(billed)
    assert int(run.rows["contract_quantity"].fillna(0).sum()) <= sum(quantity for _, _, quantity in held) * 10_000
    assert not (run.rows["selected"] & run.rows["change"].isna()).any()


@settings(max_examples=40, deadline=None)
@given(billed=_billed, earlier=_billed, held=_held, order=st.randoms(use_true_random=False))
def test_the_order_of_what_was_read_does_not_matter(
    billed: list[tuple[str, str | None, int, str | None]],
    earlier: list[tuple[str, str | None, int, str | None]],
    held: list[tuple[str, str, int]],
    order: "object",
) -> None:
    world = _world(billed, earlier, held)
    run = world.run()
    for rows in (world.billed, world.earlier, world.companies, world.contracts, world.services, world.lines, world.customers):
        order.shuffle(rows)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    other = world.run()
    pd.testing.assert_frame_equal(run.rows, other.rows)
    pd.testing.assert_frame_equal(run.findings, other.findings)
    pd.testing.assert_frame_equal(run.log, other.log)
    assert run.summary == other.summary


@settings(max_examples=40, deadline=None)
@given(quantities=st.dictionaries(st.tuples(st.sampled_from(["ASP", "BIR"]), st.sampled_from(["650", "712"])), st.integers(0, 40)))
def test_equal_sides_need_no_change(quantities: dict[tuple[str, str], int]) -> None:
    world = provider()
    for place, ((customer, sku), quantity) in enumerate(sorted(quantities.items())):
        world.both(customer, sku, quantity, 3).line(str(place), {"ASP": "C174", "BIR": "C175"}[customer], sku, quantity)
    rows = world.run().rows
    assert rows["change"].isna().all()
    assert set(rows["status"]) <= {"equal"}


def test_the_same_basis_gives_the_same_run_also_on_what_was_coded_before() -> None:
    world = provider().line("1", "C174", "650", 7).both("ASP", "650", 8, 7).bill("ZED", "1", 1)
    basis = world.basis()
    first = assemble(basis, CODES)
    again = assemble(basis, CODES, first)
    assert again.prepared is first.prepared
    for name in ("rows", "mapped", "findings", "log", "ignored"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    assert assemble(world.basis(), CODES, first).prepared is not first.prepared
