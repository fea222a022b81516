"""Unknown is not zero: what was not read is never pushed."""

from typing import Any

import pytest

from reconcile_app.core.findings import Kind
from tests.fakes.comparing import World, codes_of, log_of, provider, row_of


def two() -> World:
    """ASP and BIR, both to be raised, and a service of BIR that is gone."""
    world = provider().line("1", "C174", "650", 10).line("2", "C175", "650", 10).line("3", "C175", "712", 4)
    return world.bill("ASP", "650", 12).bill("BIR", "650", 12).bill_before("BIR", "712", 4)


def statuses(world: World) -> dict[str, str]:
    rows = world.run().rows
    return dict(zip(rows["key"], rows["status"], strict=True))


def test_everything_read_is_the_measure() -> None:
    assert statuses(two()) == {"ASP/C174/650": "raise", "BIR/C175/650": "raise", "BIR/C175/712": "zero"}


@pytest.mark.parametrize(("side", "title"), [("billing_side", "Atria"), ("psa_side", "Autotask")])
def test_a_side_that_broke_off_makes_every_row_unknown(side: str, title: str) -> None:
    world = two()
    getattr(world, side).update(complete=False, error="time-out\nafter 30 s")
    run = world.run()
    assert set(run.rows["status"]) == {"unknown"}
    assert run.rows["change"].isna().all()
    assert run.rows["difference"].isna().all()
    assert ("RC19", f"Not Read : {title} could not be read completely: time-out after 30 s") in log_of(run)
    assert set(run.rows["codes"]) == {"RC19"}
    assert log_of(run)[-1][1].endswith("Failed")
    assert run.rows["billed_quantity"].isna().all() == (side == "billing_side")


@pytest.mark.parametrize(
    ("side", "kind", "codes"),
    [
        ("billing_side", Kind.BILLING_UNREACHABLE, ["AT22", "AT03", "RC19", "AT01", "AT20", "AT21", "AT24"]),
        ("psa_side", Kind.PSA_UNREACHABLE, ["AT22", "AT01", "AT02", "RC19", "AT20", "AT21", "AT24"]),
    ],
)
def test_a_side_that_failed_is_told_with_its_code(side: str, kind: Kind, codes: list[str]) -> None:
    world = two()
    getattr(world, side).update(complete=False, error="refused", failure=kind)
    assert [code for code, _ in log_of(world.run())] == codes


def test_nothing_is_called_missing_in_a_psa_that_was_not_read() -> None:
    world = provider().bill("ASP", "650", 1).bill("BIR", "999", 1).bill("ZED", "650", 1).bill("CED", None, 1)
    world.companies, world.contracts, world.services = world.companies[1:], world.contracts[2:], []
    world.psa_side.update(complete=False, error="broken")
    assert codes_of(world.run()) == ["RC19", "AT07", "AT04"]


@pytest.mark.parametrize("part", ["company:174", "contract:C174"])
def test_an_unread_part_of_the_psa_makes_its_rows_unknown(part: str) -> None:
    world = two()
    world.psa_side.update(complete=False, unread={part: "403"})
    run = world.run()
    assert statuses(world) == {
        "ASP/C174/650" if "C" in part else "ASP//650": "unknown",
        "BIR/C175/650": "raise",
        "BIR/C175/712": "zero",
    }
    assert ("RC19", "ASP Not Read : Autotask could not be read completely: 403") in log_of(run)


def test_a_company_that_could_not_be_read_at_all_is_not_missing() -> None:
    world = two()
    world.companies, world.contracts = world.companies[1:], world.contracts[1:]
    world.psa_side.update(complete=False, unread={"company:174": "403"})
    assert codes_of(world.run())[0] == "RC19"
    assert codes_of(world.map_customer("ASP", "174", "C174").run())[0] == "RC19"


def test_an_unread_contract_that_a_rule_names_is_not_gone() -> None:
    world = two()
    world.contracts = world.contracts[1:]
    world.psa_side.update(complete=False, unread={"contract:C174": "403"})
    assert codes_of(world.map_customer("ASP", "174", "C174").run())[0] == "RC19"
    world.rules = provider().map_line("ASP", "650", "C174", "1").rules
    run = world.run()
    assert ("RC19", "ASP Not Read : Autotask could not be read completely: 403") in log_of(run)
    assert run.rows["status"].tolist()[0] == "unknown"


def test_an_unnamed_part_of_the_psa_makes_everything_unknown() -> None:
    world = two()
    world.psa_side.update(complete=False, unread={"company:174": "403", "services": "404"})
    assert set(statuses(world).values()) == {"unknown"}


def test_an_unread_customer_is_unknown_and_nobody_is_zeroed() -> None:
    world = two()
    world.billing_side.update(complete=False, error="", unread={"ASP": "500", "NEW": "500"})
    run = world.run()
    assert statuses(world) == {"ASP/C174/650": "unknown", "BIR/C175/650": "raise", "BIR/C175/712": "unknown"}
    told = [message for code, message in log_of(run) if code == "RC19"]
    assert told == [
        "ASP Not Read : Atria could not be read completely: 500",
        "BIR Not Read : Atria could not be read completely: the selected period was not read completely",
        "NEW Not Read : Atria could not be read completely: 500",
    ]


def test_with_paying_customers_an_unread_one_leaves_all_unknown() -> None:
    world = two()
    world.basis_values["customer_key"] = "bill_to"
    world.billing_side.update(complete=False, unread={"ASP": "500"})
    assert set(statuses(world).values()) == {"unknown"}


def test_without_the_whole_period_before_nobody_is_zeroed() -> None:
    world = two()
    world.previous_complete = False
    run = world.run()
    assert row_of(run, "BIR/C175/712")["status"] == "unknown"
    assert row_of(run, "BIR/C175/712")["previous_quantity"] is None
    assert row_of(run, "BIR/C175/650")["status"] == "raise"


def test_without_any_period_before_leftover_lines_are_still_told() -> None:
    world = two().map_product("X", "712")
    world.earlier, world.has_previous = [], False
    assert row_of(world.run(), "BIR/C175/712")["status"] == "psa_only"


def test_a_rejected_row_makes_its_customer_unknown() -> None:
    world = two()
    world.rejected = [{"side": "billing", "source": "invoice", "customer_code": "ASP", "reason": "not an object"}]
    run = world.run()
    assert statuses(world)["ASP/C174/650"] == "unknown"
    assert row_of(run, "ASP/C174/650")["billed_quantity"] is None
    assert ("RC19", "ASP Not Read : Atria could not be read completely: a row could not be read: not an object") in log_of(run)


@pytest.mark.parametrize(("rejected", "expected"), [({"source": "invoice"}, "unknown"), ({"source": "parameters"}, "zero")])
def test_a_rejected_row_without_customer_keeps_everything_from_being_zeroed(rejected: dict[str, Any], expected: str) -> None:
    world = two()
    world.rejected = [{"side": "billing", "reason": "no customer", **rejected}]
    assert statuses(world) == {"ASP/C174/650": "raise", "BIR/C175/650": "raise", "BIR/C175/712": expected}


def test_a_line_without_quantity_is_unknown() -> None:
    world = provider().line("1", "C174", "650", None).bill("ASP", "650", 3)
    run = world.run()
    row = row_of(run, "ASP/C174/650")
    assert (row["status"], row["difference"], row["billed_quantity"]) == ("unknown", None, 30_000)
    assert ("RC19", "ASP Not Read : Autotask could not be read completely: the quantity of this line") in log_of(run)


def test_with_rejected_lines_nothing_is_taken_for_absent() -> None:
    world = provider().bill("ASP", "650", 3).with_options(allow_create=True)
    world.psa_rejected = [{"side": "psa", "source": "lines", "reason": "no id"}]
    assert statuses(world) == {"ASP/C174/650": "unknown"}


def test_missing_permissions_are_told_and_block_nothing() -> None:
    world = two()
    world.psa_side.update(permissions=("Contracts: edit", "Services: view"))
    run = world.run()
    assert [message for code, message in log_of(run) if code == "RC05"] == [
        "Missing permission on Autotask: Contracts: edit",
        "Missing permission on Autotask: Services: view",
    ]
    assert statuses(world)["ASP/C174/650"] == "raise"
