"""Decisions from an edited Excel log: taken back only for exactly the changes it was written with."""

from dataclasses import replace

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.decisions import DecisionSheet, change_targets, decisions_digest, taken_back
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.run import with_decisions
from tests.fakes.comparing import provider

RAISED, ZEROED = "ASP/C174/650", "BIR/C175/712"


def run() -> Run:
    """ASP rises and is ticked, BIR is to zero and is not."""
    world = provider().both("ASP", "650", 12, 12).bill_before("BIR", "712", 3)
    return world.line("L1", "C174", "650", 10).line("L2", "C175", "712", 3).run()


def sheet_of(compared: Run, **decisions: bool) -> DecisionSheet:
    targets = change_targets(compared)
    checksum = decisions_digest(list(targets), list(targets.values()), compared.run_id)
    told = {RAISED: decisions.get("raised", True), ZEROED: decisions.get("zeroed", False)}
    return DecisionSheet(checksum=checksum, decisions=told, targets=targets)


def test_the_changes_and_what_each_line_is_to_get() -> None:
    assert change_targets(run()) == {RAISED: 120_000, ZEROED: 0}


@pytest.mark.parametrize("raised", [True, False])
@pytest.mark.parametrize("zeroed", [True, False])
def test_only_what_differs_from_the_ticks_is_taken_back(raised: bool, zeroed: bool) -> None:
    compared = run()
    told = taken_back(compared, sheet_of(compared, raised=raised, zeroed=zeroed))
    assert told == ({} if raised else {RAISED: False}) | ({ZEROED: True} if zeroed else {})
    after = with_decisions(compared, told).rows
    assert dict(zip(after["key"], after["selected"], strict=True)) == {RAISED: raised, ZEROED: zeroed}


def test_the_ticks_do_not_matter_for_the_checksum() -> None:
    compared = run()
    sheet = sheet_of(compared)
    assert taken_back(with_decisions(compared, {RAISED: False}), sheet) == {RAISED: True}


def test_a_row_that_may_not_be_ticked_is_left() -> None:
    compared = run()
    rows = compared.rows.assign(selectable=compared.rows["key"] != ZEROED)
    assert taken_back(replace(compared, rows=rows), sheet_of(compared, raised=False, zeroed=True)) == {RAISED: False}


def test_the_workbook_of_another_comparison_is_refused() -> None:
    compared = run()
    other = replace(compared, basis=replace(compared.basis, run_id="another run"))
    with pytest.raises(PlanRefused, match="The workbook belongs to another comparison") as told:
        taken_back(other, sheet_of(compared))
    assert told.value.meaning == "No tick was changed and nothing was sent."


def test_a_workbook_from_before_a_mapping_fix_is_refused() -> None:
    sheet = sheet_of(run())
    world = provider().both("ASP", "650", 13, 13).bill_before("BIR", "712", 3)
    with pytest.raises(PlanRefused, match="or mappings have changed"):
        taken_back(world.line("L1", "C174", "650", 10).line("L2", "C175", "712", 3).run(), sheet)


@pytest.mark.parametrize(("targets", "example"), [
    ({RAISED: 130_000, ZEROED: 0}, RAISED),
    ({RAISED: 120_000}, ZEROED),
    ({RAISED: 120_000, ZEROED: 0, "CED/C176/800": 10_000}, "CED/C176/800"),
])
def test_a_sheet_in_which_more_than_decisions_was_edited_is_refused(targets: dict[str, int], example: str) -> None:
    compared = run()
    edited = replace(sheet_of(compared), targets=targets)
    with pytest.raises(PlanRefused, match=f"1 rows? .*such as {example}"):
        taken_back(compared, edited)
