"""Statuses and changes of rows that nothing stands against."""

from datetime import date

import numpy as np
import pytest

from reconcile_app.core.changes import Change, ChangeKind, build_changes
from reconcile_app.core.comparison import money_of
from reconcile_app.core.run import with_decisions
from tests.fakes.comparing import EFFECTIVE, World, codes_of, log_of, provider, row_of, units


def asp(held: str | int | None = 10, **values: object) -> World:
    """ASP with one line of service 650."""
    return provider().line("1", "C174", "650", held, **values)


@pytest.mark.parametrize(
    ("billed", "held", "status", "change", "selected"),
    [
        (12, 10, "raise", "set_quantity", True),
        (8, 10, "lower", "set_quantity", True),
        (10, 10, "equal", None, False),
        (0, 10, "zero", "zero_line", False),
        (0, 0, "equal", None, False),
        (3, 0, "raise", "set_quantity", True),
    ],
)
def test_numbers_make_the_status(billed: int, held: int, status: str, change: str | None, selected: bool) -> None:
    row = row_of(asp(held).bill("ASP", "650", billed).run(), "ASP/C174/650")
    assert (row["status"], row["change"], row["selected"], row["selectable"]) == (status, change, selected, change is not None)


def test_a_missing_line_is_reported_or_created() -> None:
    world = provider().bill("ASP", "650", 3, line_description="Hosted Exchange, Advanced")
    run = world.run()
    row = row_of(run, "ASP/C174/650")
    assert (row["status"], row["change"], row["codes"], row["selectable"]) == ("missing", None, "AT12", False)
    assert (row["difference"], row["money_difference"], row["contract_quantity"]) == (30_000, 135_000, None)
    assert log_of(run)[2] == (
        "AT12",
        (
            "ASP Limited Contract Line Missing in Autotask : Skipped Line Hosted Exchange, Advanced with Product ID 650 for "
            "Customer ASP Limited as the Contract Service SKU could not be located in Autotask"
        ),
    )
    run = world.with_options(allow_create=True).run()
    row = row_of(run, "ASP/C174/650")
    assert (row["status"], row["change"], row["codes"], row["selected"]) == ("add", "create_line", "", True)
    assert log_of(run)[2] == (
        "AT11",
        "ASP Limited Contract Line Added : New Line added for Hosted Exchange, Advanced with Service ID 650",
    )
    assert build_changes(run, ["ASP/C174/650"])[0] == Change(
        key="ASP/C174/650",
        kind=ChangeKind.CREATE_LINE,
        customer_code="ASP",
        customer_name="ASP Limited",
        company_id="174",
        contract_id="C174",
        contract_name="Contract C174",
        line_id="",
        service_id="650",
        service_name="Hosted Exchange",
        sku="650",
        description="Hosted Exchange, Advanced",
        quantity_before=0,
        quantity_target=30_000,
        effective_date=EFFECTIVE,
        unit_price=45_000,
    )


def test_nothing_is_created_for_a_quantity_of_zero_or_a_service_that_is_switched_off() -> None:
    world = provider().service("9", "Old", active=False).with_options(allow_create=True).bill("ASP", "650", 0).bill("ASP", "9", 2)
    run = world.run()
    assert (row_of(run, "ASP/C174/650")["status"], row_of(run, "ASP/C174/9")["status"]) == ("equal", "missing")
    assert codes_of(run) == ["AT12"]


def test_a_new_cost_goes_with_the_quantity_and_stands_alone_where_the_quantity_is_right() -> None:
    world = asp(unit_cost=units("1.5")).line("2", "C174", "712", 5, unit_cost=units("1")).line("3", "C174", "800", 5)
    world.bill("ASP", "650", 12).bill("ASP", "712", 5).bill("ASP", "800", 5)
    assert world.run().rows["new_unit_cost"].isna().all()
    run = world.with_options(overwrite_cost=True).run()
    row = row_of(run, "ASP/C174/712")
    assert (row["status"], row["change"], row["selected"], row["selectable"]) == ("equal", "set_unit_cost", False, True)
    assert row_of(run, "ASP/C174/800")["change"] is None
    changes = build_changes(run, run.rows["key"].tolist())
    assert [(change.kind.value, change.line_key, change.delta) for change in changes] == [
        ("set_quantity", "line:1", 20_000),
        ("set_unit_cost", "line:1:cost", 0),
        ("set_unit_cost", "line:2:cost", 0),
    ]
    assert (changes[1].unit_cost_before, changes[1].unit_cost_target, changes[1].quantity_before) == (15_000, 20_000, 100_000)


def test_a_line_going_to_zero_keeps_its_cost() -> None:
    run = asp(unit_cost=units("1")).bill("ASP", "650", 0).with_options(overwrite_cost=True).run()
    assert [
        (change.kind.value, change.quantity_before, change.quantity_target) for change in build_changes(run, ["ASP/C174/650"])
    ] == [("zero_line", 100_000, 0)]


def test_rows_without_change_give_none() -> None:
    run = asp().bill("ASP", "650", 10).run()
    assert build_changes(run, ["ASP/C174/650", "no/such/row"]) == []


def test_the_run_is_named_by_its_basis() -> None:
    assert asp().run().run_id == "20261127-081500-3fa9c1"


def test_the_line_key_of_a_new_line_names_contract_and_service() -> None:
    run = provider().bill("ASP", "650", 1).with_options(allow_create=True).run()
    assert build_changes(run, ["ASP/C174/650"])[0].line_key == "contract:C174:service:650"


def test_prices_come_from_the_line_or_else_from_the_catalogue() -> None:
    world = asp(unit_price=units("9")).line("2", "C174", "712", 1, unit_price=None, unit_cost=None)
    run = world.bill("ASP", "650", 11).bill("ASP", "712", 2).run()
    assert row_of(run, "ASP/C174/650")["money_difference"] == 90_000
    assert (row_of(run, "ASP/C174/712")["unit_price"], row_of(run, "ASP/C174/712")["unit_cost"]) == (45_000, 20_000)


def test_money_is_rounded_half_to_even_and_absent_where_it_does_not_fit() -> None:
    known = np.array([True, True, True, False])
    money, fits = money_of(np.array([5, 15, -15, 1]), known, np.array([1_000, 1_000, 1_000, 5]), np.array([True] * 4))
    assert (money.tolist(), fits.tolist()) == ([0, 2, -2, 0], [True, True, True, False])
    money, fits = money_of(
        np.array([10**10, 10**10, 3]), np.array([True] * 3), np.array([10**16, 10**12, 10**16]), np.array([True] * 3)
    )
    assert (money.tolist(), fits.tolist()) == ([0, 10**18, 3 * 10**12], [False, True, True])


def test_decisions_win_where_a_row_can_be_ticked() -> None:
    world = asp().line("2", "C175", "650", 5).bill("ASP", "650", 12).bill("BIR", "650", 0).bill("ZED", "650", 1)
    decisions = {"ASP/C174/650": False, "BIR/C175/650": True, "ZED//650": True, "gone": True}
    run = world.run()
    assert run.rows["selected"].tolist() == [True, False, False]
    decided = with_decisions(run, decisions)
    assert decided.rows["selected"].tolist() == [False, True, False]
    assert run.rows["selected"].tolist() == [True, False, False]
    assert (decided.summary.selected, decided.summary.money_per_period) == (1, -225_000)
    assert decided.summary.raised_units == run.summary.raised_units == 20_000
    world.basis_values["decisions"] = decisions
    again = world.run()
    assert again.rows["selected"].tolist() == [False, True, False]
    assert again.summary == decided.summary
    assert again.basis.decisions == decided.basis.decisions
    assert with_decisions(decided, {}).rows["selected"].tolist() == [True, False, False]


def test_untouched_ticks_hold_back_what_a_finding_holds_back() -> None:
    run = asp(posted_until=np.datetime64("2026-12-25", "s")).bill("ASP", "650", 12).run()
    assert with_decisions(run, {}).rows["selected"].tolist() == [False]


def test_the_effective_date_is_part_of_the_change() -> None:
    world = asp().bill("ASP", "650", 12)
    world.basis_values["effective_date"] = date(2026, 12, 1)
    assert build_changes(world.run(), ["ASP/C174/650"])[0].effective_date == date(2026, 12, 1)
