"""Findings: what blocks a row, what holds it back, what is only told."""

from datetime import date

import pytest

from reconcile_app.core.run import LastPush
from tests.fakes.comparing import World, codes_of, day, log_of, provider, row_of, units


def asp(contract_quantity: str | int | None = 10, **values: object) -> World:
    """ASP with one line of service 650."""
    return provider().line("1", "C174", "650", contract_quantity, **values)


@pytest.mark.parametrize(
    ("quantity", "told"), [("-1", "-1.00"), ("2.5", "2.50"), ("many", "many"), (None, "None"), ("1_000", "1_000")]
)
def test_a_quantity_that_cannot_be_used_is_shown_as_it_was_sent(quantity: str | None, told: str) -> None:
    run = asp().bill("ASP", "650", quantity).run()
    assert log_of(run)[2] == ("RC18", f"ASP Quantity Not Usable : Plan 650 with SKU 650 has quantity {told}")
    assert row_of(run, "ASP/C174/650")["status"] == "blocked"


def test_fractions_are_usable_where_the_psa_takes_them() -> None:
    world = asp().bill("ASP", "650", "2.5")
    world.psa["whole_units"] = False
    assert row_of(world.run(), "ASP/C174/650")["status"] == "lower"


@pytest.mark.parametrize("parts", [("1", "-1"), ("0.5", "0.5"), ("-3", "1")])
def test_every_part_must_be_usable(parts: tuple[str, str]) -> None:
    assert codes_of(asp().bill("ASP", "650", parts[0]).bill("ASP", "650", parts[1]).run()) == ["RC18"]


def test_the_sum_must_be_usable_too() -> None:
    run = asp().bill("ASP", "650", "1000000").bill("ASP", "650", "1").run()
    assert log_of(run)[2][1].endswith("has quantity 1000001.00")


def test_a_posted_period_holds_the_row_back_but_lets_it_be_ticked() -> None:
    for until, held in (("2026-11-26", True), ("2026-11-25", False)):
        run = asp(posted_until=day(until)).bill("ASP", "650", 12).run()
        row = row_of(run, "ASP/C174/650")
        assert (row["selected"], row["selectable"], row["status"]) == (not held, True, "raise")
        assert codes_of(run) == (["AT09", "RC15"] if held else ["AT09"])
    assert codes_of(asp(posted_until=day("2027-01-01")).bill("ASP", "650", 10).run()) == ["AT10"]


def test_a_planned_change_holds_the_row_back() -> None:
    planned = {"pending_quantity": units(15), "pending_date": day("2026-12-01")}
    run = asp(**planned).bill("ASP", "650", 12).run()
    assert ("RC16", "ASP Pending Change : Plan 650 with SKU 650 changes to 15.00 on 2026-12-01") in log_of(run)
    assert run.rows["selected"].tolist() == [False]
    assert run.rows["selectable"].tolist() == [True]


def test_a_change_in_the_psa_since_our_push_is_told() -> None:
    world = asp().bill("ASP", "650", 12)
    world.basis_values["last_pushed"] = {
        "1": LastPush(quantity=90_000, pushed_on=date(2026, 10, 27)),
        "gone": LastPush(quantity=1, pushed_on=date(2026, 1, 1)),
    }
    run = world.run()
    assert (
        "RC17",
        "ASP Changed In Autotask : Plan 650 with SKU 650 was 9.00 after our push on 2026-10-27 and is 10.00 now",
    ) in log_of(run)
    row = row_of(run, "ASP/C174/650")
    assert (row["last_pushed_quantity"], row["selected"], row["codes"]) == (90_000, True, "")
    world.basis_values["last_pushed"] = {"1": LastPush(quantity=100_000, pushed_on=date(2026, 10, 27))}
    assert "RC17" not in codes_of(world.run())


@pytest.mark.parametrize("name", ["1", "line:1", "line:1:cost"])
def test_a_line_in_doubt_is_blocked(name: str) -> None:
    world = asp().bill("ASP", "650", 12).bill("BIR", "650", 1)
    world.basis_values["open_lines"] = {name: "no answer yet", "77": "another"}
    run = world.run()
    assert ("RC21", "ASP In Doubt : Plan 650 with SKU 650: no answer yet") in log_of(run)
    assert row_of(run, "ASP/C174/650")["status"] == "blocked"


def test_a_line_whose_creation_is_in_doubt_is_blocked() -> None:
    world = provider().bill("ASP", "650", 12).with_options(allow_create=True)
    world.basis_values["open_lines"] = {"contract:C174:service:650": "no answer yet", "contract:C174:service:9": "x"}
    assert row_of(world.run(), "ASP/C174/650")["codes"] == "RC21"


def test_waiting_for_reprocess_blocks_the_customer_until_it_is_cleared() -> None:
    world = asp().bill("ASP", "650", 12).with_rules(waiting={"ASP": "SKU", "XXX": "SKU"})
    run = world.run()
    assert log_of(run)[2] == ("RC11", "ASP Waiting For Reprocess : change of SKU is not in the billing records yet")
    assert row_of(run, "ASP/C174/650")["status"] == "blocked"
    assert len([entry for entry in log_of(run) if entry[0] == "RC11"]) == 1


def test_a_customer_that_was_read_again_is_told() -> None:
    world = asp().bill("ASP", "650", 10)
    world.basis_values["retried"] = ("ASP",)
    assert log_of(world.run())[2] == ("RC14", "ASP Retried : processed alone")


def test_an_ignored_row_is_left_out_of_everything_but_the_list() -> None:
    world = provider().bill("ASP", "999", 3).ignore("ASP/C174/sku:999", until=date(2026, 12, 31)).ignore("no/such/row")
    run = world.run()
    assert codes_of(run) == []
    assert run.ignored.to_dict("records") == [{"key": "ASP/C174/sku:999", "reason": "agreed", "until": "2026-12-31", "by": "kim"}]
    row = row_of(run, "ASP/C174/sku:999")
    assert (row["status"], row["codes"], row["selectable"]) == ("ignored", "", False)


def test_an_ignore_rule_ends_on_its_day_and_wakes_above_its_guard() -> None:
    base = asp().bill("ASP", "650", 12)
    assert base.ignore("ASP/C174/650", until=date(2026, 11, 27)).run().rows["status"].tolist() == ["ignored"]
    assert base.ignore("ASP/C174/650", until=date(2026, 11, 26)).run().rows["status"].tolist() == ["raise"]
    assert base.ignore("ASP/C174/650", wake_above=units(12)).run().rows["status"].tolist() == ["ignored"]
    assert base.ignore("ASP/C174/650", wake_above=units(11)).run().rows["status"].tolist() == ["raise"]


def test_a_customer_whose_rows_are_all_ignored_is_not_told_of() -> None:
    world = provider().bill("ZED", "650", 3).bill("ZED", "712", 3).ignore("ZED//650")
    assert codes_of(world.run()) == ["AT04"]
    assert codes_of(world.ignore("ZED//712").run()) == []


def test_findings_are_sorted_and_hold_what_the_row_does_not() -> None:
    world = asp(posted_until=day("2026-12-25")).bill("ASP", "650", 12).bill("ZED", "650", 1)
    found = world.run().findings
    assert found["kind"].tolist() == ["period_posted", "no_billing_identifier"]
    assert found["scope"].tolist() == ["selection", "customer"]
    assert found["row"].fillna(-1).tolist() == [0, -1]
    assert found["fields"].tolist()[0] == '{"end_date": "2026-12-25"}'
