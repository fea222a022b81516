"""The sheets of the Excel log: order, titles, values, marks, and the checksum of the decisions."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import Change, ChangeKind, Status, build_changes
from reconcile_app.core.decisions import decisions_digest
from reconcile_app.core.frames import REJECTED
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.push_log import push_log
from reconcile_app.core.replacing import ending_of, successor_of
from reconcile_app.core.report import PushReport
from reconcile_app.core.run import with_decisions
from reconcile_app.core.settings import CompareOptions
from reconcile_app.core.sheet import Cell, Origin, Sheet
from reconcile_app.core.sheets import MARKS, change_words, sheets
from reconcile_app.core.summary_sheet import result_words
from tests.fakes.comparing import provider
from tests.fakes.sample_run import sample_run

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
ORIGIN = Origin(operator="Ada", machine="desk-1", version="1.2", written=AT)
TITLES = {
    "Summary": ["What", "Text", "Number", "Money"],
    "To do": ["Level", "Code", "Customer code", "Customer", "SKU", "Line", "Message", "What to do"],
    "Changes": [
        "", "Customer code", "Customer", "Contract", "Service", "SKU", "Change", "Before", "After", "Difference",
        "Money per period", "Effective date", "Decision", "Result", "Quantity read back", "Verified at", "Note", "Row key",
        "Checksum",
    ],
    "Comparison": [
        "", "Status", "Customer code", "Customer", "Billing identifier", "Company", "Contract", "Service", "SKU", "Line", "Billed",
        "Billed before", "In the PSA", "Last pushed", "Difference", "Unit price", "Money per period", "Codes",
    ],
    "Log": [
        "Time (UTC)", "Level", "Code", "Customer code", "Customer", "Billing identifier", "Line", "SKU", "Old quantity",
        "New quantity", "Planned or written", "Message", "What to do",
    ],
    "Ignored": ["Customer", "Service", "SKU", "Line", "Reason", "Until", "By", "Row key"],
    "Rejected rows": ["Side", "Call", "Customer code", "Reason", "Row as received"],
}


def run() -> Run:
    """ASP rises with a new unit cost, BIR is to zero and has a row left alone, CED gets a line and a new unit cost."""
    world = provider().with_options(allow_create=True, overwrite_cost=True, customers_filter=("ASP", "BIR", "CED"), prorated=True)
    world.both("ASP", "650", 12, 12).bill_before("BIR", "712", 3).both("BIR", "650", 2, 2).both("CED", "800", 4, 4)
    world.both("CED", "712", 5, 5).bill("BIR", "999", 1).bill("CED", None, 1)
    world.line("L1", "C174", "650", 10, unit_cost=10_000).line("L2", "C175", "712", 3).line("L3", "C175", "650", 1)
    world.line("L4", "C176", "712", 5).ignore("BIR/C175/650", until=date(2026, 12, 31))
    world.services[1]["unit_cost"] = 30_000
    return world.run()


def by_name(compared: Run, *pushes: PushReport) -> dict[str, Sheet]:
    return {sheet.name: sheet for sheet in sheets(compared, pushes, ORIGIN)}


def column(sheet: Sheet, title: str) -> list[Any]:
    (found,) = [each for each in sheet.columns if each.title == title]
    return list(found.values)


def records(sheet: Sheet) -> list[dict[str, Any]]:
    return [dict(zip(TITLES[sheet.name], values, strict=True)) for values in zip(*(c.values for c in sheet.columns), strict=True)]


def op(compared: Run, number: int, change: Change, state: OpState = OpState.VERIFIED, **values: Any) -> OpRecord:
    return replace(
        OpRecord(
            op_id=f"op-{number}", run_id="P1", seq=number, change=change, semantics="delta", evidence_sha256="0" * 64, state=state,
            message="Read back.", quantity_after=change.quantity_target, updated=AT,
        ), **values,
    )


def report(compared: Run, *ops: OpRecord, push_id: str = "P1") -> PushReport:
    return PushReport(
        push_id=push_id, result="finished", ops=ops, operator="Ada on desk-1", finished=AT, journal_head="ab12",
        log=push_log(compared, ops, (), CODES, "Autotask", AT),
    )


def changes_of(compared: Run) -> dict[tuple[str, ChangeKind], Change]:
    return {(change.key, change.kind): change for change in build_changes(compared, compared.rows["key"].tolist())}


@pytest.mark.parametrize("compared", [run(), sample_run()], ids=["small", "sample"])
def test_sheets_come_in_reading_order_with_columns_of_one_length(compared: Run) -> None:
    made = sheets(compared, (), ORIGIN)
    assert [sheet.name for sheet in made] == list(TITLES)
    for sheet in made:
        assert [each.title for each in sheet.columns] == TITLES[sheet.name]
        assert len({len(each.values) for each in sheet.columns}) == 1
        assert len(sheet.status) in (0, len(sheet.columns[0].values))


def test_how_columns_are_shown() -> None:
    cells = {sheet.name: {c.title: c.cell for c in sheet.columns} for sheet in sheets(run(), (), ORIGIN)}
    assert cells["Summary"] == {"What": Cell.TEXT, "Text": Cell.LONG_TEXT, "Number": Cell.COUNT, "Money": Cell.MONEY}
    assert cells["Changes"][""] is cells["Comparison"][""] is Cell.MARK
    assert {cells["Changes"][title] for title in ("Before", "After", "Difference", "Quantity read back")} == {Cell.QUANTITY}
    assert cells["Changes"]["Money per period"] is cells["Comparison"]["Unit price"] is Cell.MONEY
    assert cells["Changes"]["Effective date"] is cells["Ignored"]["Until"] is Cell.DATE
    assert cells["Changes"]["Verified at"] is cells["Log"]["Time (UTC)"] is Cell.TIME


# Summary -----------------------------------------------------------------------------------------------------------------------


def summary_of(compared: Run, *pushes: PushReport) -> dict[str, dict[str, Any]]:
    return {line["What"]: line for line in records(by_name(compared, *pushes)["Summary"])}


def test_the_summary_tells_who_what_and_when() -> None:
    compared = run()
    lines = summary_of(compared)
    texts = {what: line["Text"] for what, line in lines.items() if line["Text"]}
    assert texts == {
        "Run": compared.run_id, "Compared at": "2026-11-27 08:15 UTC", "Log written at": "2026-11-27 09:30 UTC",
        "Operator": "Ada on desk-1", "Program": "Reconcile 1.2", "Billing source": "Atria (atria), read completely",
        "PSA": "Autotask (autotask), read completely", "Billing period": "2026-10-26 to 2026-11-25", "Effective date": "2026-11-26",
        "Options": "period Previous; customers ASP, BIR, CED; prorated; lines may be created; removed services proposed to zero; "
                   "unit cost overwritten",
        "Pushed": "nothing was pushed from this run",
    }
    numbers = {what: line["Number"] for what, line in lines.items() if line["Number"] is not None}
    assert numbers == {
        "Lines compared": 7, "Equal": 1, "To raise": 1, "To lower": 0, "New lines": 1, "To zero": 1, "Line missing": 0,
        "Blocked": 2, "Not read": 0, "Ignored": 1, "Only in the PSA": 0, "Selected": 2, "Rejected rows": 0,
    }
    assert lines["Money per period, selected lines"]["Money"] == compared.summary.money_per_period == 270_000


def test_the_summary_says_what_was_not_read_and_what_was_rejected() -> None:
    rejected = REJECTED.build({"side": ["psa"], "source": ["lines"], "reason": ["No id."], "raw": ["{}"]})
    world = provider().with_options(zero_removed=False).bill("ASP", "650", 1)
    world.psa_side = {"complete": False, "error": "timed out"}
    compared = world.run()
    compared = replace(compared, basis=replace(compared.basis, psa=replace(compared.basis.psa, rejected=rejected)))
    lines = summary_of(compared)
    assert lines["PSA"]["Text"] == "Autotask (autotask), NOT read completely: timed out"
    assert lines["Options"]["Text"] == "period Previous; all customers"
    assert (lines["Not read"]["Number"], lines["Rejected rows"]["Number"]) == (1, 1)
    (row,) = records(by_name(compared)["Rejected rows"])
    assert row == {"Side": "psa", "Call": "lines", "Customer code": None, "Reason": "No id.", "Row as received": "{}"}


def test_the_summary_tells_each_push_with_its_counts() -> None:
    compared = run()
    changes = list(changes_of(compared).values())
    ops = [op(compared, 1, changes[0]), op(compared, 2, changes[1], OpState.NEEDS_REVIEW), op(compared, 3, changes[2])]
    lines = records(by_name(compared, report(compared, *ops), report(compared, push_id="P2"))["Summary"])
    pushed = [(line["What"], line["Text"], line["Number"]) for line in lines[-10:]]
    assert pushed == [
        ("Push P1", "finished", None), ("Pushed by", "Ada on desk-1", None), ("Push finished at", "2026-11-27 09:30 UTC", None),
        ("Journal hash", "ab12", None), ("  written and confirmed", None, 2), ("  in doubt, look in the PSA", None, 1),
        ("Push P2", "finished", None), ("Pushed by", "Ada on desk-1", None), ("Push finished at", "2026-11-27 09:30 UTC", None),
        ("Journal hash", "ab12", None),
    ]


def test_every_state_and_every_change_has_its_words() -> None:
    assert all(result_words(state) for state in OpState)
    assert result_words(OpState.ARMED) == result_words(OpState.UNKNOWN) == "in doubt"
    assert len({change_words(kind) for kind in ChangeKind}) == len(ChangeKind)
    assert set(Status) <= set(MARKS)


# To do and Log -----------------------------------------------------------------------------------------------------------------


def test_to_do_has_errors_first_then_warnings_by_code() -> None:
    compared = sample_run()
    todo = by_name(compared)["To do"]
    order = list(zip(column(todo, "Level"), column(todo, "Code"), strict=True))
    assert order == sorted(order)
    assert {level for level, _ in order} == {"Error", "Warning"}
    assert len(order) == int(compared.log["level"].isin(["Error", "Warning"]).sum())
    assert all(column(todo, "What to do"))


def test_to_do_takes_what_a_push_left_to_do() -> None:
    compared = run()
    change = next(iter(changes_of(compared).values()))
    pushed = report(compared, op(compared, 1, change, OpState.NEEDS_REVIEW))
    made = by_name(compared, pushed)
    assert column(made["To do"], "Code") == ["RC21", "AT07", "AT08"]
    assert column(made["Log"], "Code") == [*compared.log["code"], *pushed.log["code"]]


def test_the_log_has_times_and_says_what_is_planned() -> None:
    compared = run()
    log = by_name(compared)["Log"]
    assert set(column(log, "Time (UTC)")) == {compared.basis.created}
    planned = dict(zip(column(log, "Code"), column(log, "Planned or written"), strict=True))
    assert (planned["AT09"], planned["AT08"]) == ("planned", None)
    nothing = pd.array([None] * len(compared.log), dtype=pd.StringDtype("python"))
    timeless = replace(compared, log=compared.log.assign(time=nothing))
    assert set(column(by_name(timeless)["Log"], "Time (UTC)")) == {None}


# Changes -----------------------------------------------------------------------------------------------------------------------


def test_changes_that_were_not_pushed() -> None:
    compared = with_decisions(run(), {"CED/C176/800": False})
    rows = records(by_name(compared)["Changes"])
    told = [(row["Row key"], row["Change"], row["Before"], row["After"], row["Decision"], row["Result"]) for row in rows]
    assert told == [
        ("ASP/C174/650", "set quantity", 100_000, 120_000, "push", "selected, not pushed"),
        ("BIR/C175/712", "set to zero", 30_000, 0, "leave", "not selected"),
        ("CED/C176/800", "create line", None, 40_000, "leave", "not selected"),
        ("CED/C176/712", "set unit cost", 50_000, 50_000, "leave", "not selected"),
    ]
    assert [row[""] for row in rows] == ["▲", "0", "+", "="]
    assert {row["Effective date"] for row in rows} == {date(2026, 11, 26)}
    assert {(row["Quantity read back"], row["Verified at"], row["Note"]) for row in rows} == {(None, None, None)}
    assert by_name(compared)["Changes"].status == ["raise", "zero", "add", "equal"]


def test_every_op_has_exactly_one_row() -> None:
    compared = run()
    changes = changes_of(compared)
    quantity = changes["ASP/C174/650", ChangeKind.SET_QUANTITY]
    gone = replace(quantity, key="ASP/C1/gone", customer_name="", quantity_before=20_000, quantity_target=50_000)
    first = report(compared, op(compared, 1, quantity, OpState.NOT_APPLIED, quantity_after=100_000), op(compared, 2, gone))
    second = report(
        compared, op(compared, 3, quantity),
        op(compared, 4, changes["CED/C176/712", ChangeKind.SET_UNIT_COST], OpState.CONFIRMED_BY_STATE),
        op(compared, 5, changes["CED/C176/800", ChangeKind.CREATE_LINE], OpState.UNKNOWN, quantity_after=None), push_id="P2",
    )
    sheet = by_name(compared, first, second)["Changes"]
    rows = records(sheet)
    told = [(row["Row key"], row["Change"], row["Result"], row["Quantity read back"], row["Verified at"]) for row in rows]
    assert told == [
        ("ASP/C174/650", "set quantity", "written and confirmed", 120_000, AT),
        ("BIR/C175/712", "set to zero", "not selected", None, None),
        ("CED/C176/800", "create line", "in doubt", None, None),
        ("CED/C176/712", "set unit cost", "written, confirmed by reading", 50_000, AT),
        ("ASP/C174/650", "set quantity", "not applied", 100_000, None),
        ("ASP/C1/gone", "set quantity", "written and confirmed", 50_000, AT),
    ]
    assert sum(row["Note"] == "Read back." for row in rows) == 5
    assert rows[5] | {"Verified at": None} == {
        "": None, "Customer code": "ASP", "Customer": None, "Contract": "Contract C174", "Service": "Hosted Exchange", "SKU": "650",
        "Change": "set quantity", "Before": 20_000, "After": 50_000, "Difference": 30_000, "Money per period": None,
        "Effective date": date(2026, 11, 26), "Decision": None, "Result": "written and confirmed", "Quantity read back": 50_000,
        "Verified at": None, "Note": "Read back.", "Row key": "ASP/C1/gone", "Checksum": None,
    }
    assert list(sheet.status) == ["raise", "zero", "add", "equal", None, None]


def test_a_replaced_line_stands_in_its_row_and_the_end_of_the_old_one_below() -> None:
    compared = run()
    changes = changes_of(compared)
    quantity, zero = changes["ASP/C174/650", ChangeKind.SET_QUANTITY], changes["BIR/C175/712", ChangeKind.ZERO_LINE]
    pushed = report(compared, *(
        op(compared, number, change) for number, change in enumerate([ending_of(quantity), successor_of(quantity), ending_of(zero)])
    ))
    rows = records(by_name(compared, pushed)["Changes"])
    told = [(row["Row key"], row["Change"], row["Before"], row["After"], row["Result"]) for row in rows]
    assert told == [
        ("ASP/C174/650", "set quantity", 100_000, 120_000, "written and confirmed"),
        ("BIR/C175/712", "set to zero", 30_000, 0, "written and confirmed"),
        ("CED/C176/800", "create line", None, 40_000, "selected, not pushed"),
        ("CED/C176/712", "set unit cost", 50_000, 50_000, "not selected"),
        ("ASP/C174/650", "end line", 100_000, 0, "written and confirmed"),
    ]
    gap = report(compared, op(compared, 1, ending_of(quantity)), op(compared, 2, successor_of(quantity), OpState.REJECTED))
    words = column(by_name(compared, gap)["Summary"], "Text")
    assert "1 line ended without a new one. Look at the sheet Changes for what to make." in words


def test_the_unit_cost_beside_a_quantity_has_a_row_of_its_own() -> None:
    compared = run()
    changes = changes_of(compared)
    keys = [("ASP/C174/650", ChangeKind.SET_QUANTITY), ("ASP/C174/650", ChangeKind.SET_UNIT_COST)]
    pushed = report(compared, *(op(compared, number, changes[key]) for number, key in enumerate(keys)))
    rows = records(by_name(compared, pushed)["Changes"])
    assert [row["Change"] for row in rows if row["Row key"] == "ASP/C174/650"] == ["set quantity", "set unit cost"]


def test_the_checksum_stands_for_exactly_these_changes_of_this_run() -> None:
    compared = run()
    (digest,) = set(column(by_name(compared)["Changes"], "Checksum"))
    keys, targets = column(by_name(compared)["Changes"], "Row key"), column(by_name(compared)["Changes"], "After")
    assert digest == decisions_digest(keys, targets, compared.run_id)
    assert len(digest) == 16
    assert digest != decisions_digest(keys[::-1], targets, compared.run_id)
    assert digest != decisions_digest(keys, [*targets[:-1], 1], compared.run_id)
    assert digest != decisions_digest(keys, targets, "another run")
    ticked = with_decisions(compared, {"BIR/C175/712": True})
    assert set(column(by_name(ticked)["Changes"], "Checksum")) == {digest}


# Comparison, Ignored -----------------------------------------------------------------------------------------------------------


def test_the_comparison_has_every_row_with_its_mark() -> None:
    compared = sample_run()
    sheet = by_name(compared)["Comparison"]
    statuses = compared.rows["status"].tolist()
    assert column(sheet, "Status") == statuses == list(sheet.status)
    assert column(sheet, "") == [MARKS[status] for status in statuses]
    billed = column(sheet, "Billed")
    assert [value is None for value in billed] == compared.rows["billed_quantity"].isna().tolist()
    assert all(isinstance(value, int) for value in billed if value is not None)


def test_what_is_left_alone_says_why_until_when_and_by_whom() -> None:
    (row,) = records(by_name(run())["Ignored"])
    assert row == {
        "Customer": "BIR Limited", "Service": "Hosted Exchange", "SKU": "650", "Line": "Plan 650", "Reason": "agreed",
        "Until": date(2026, 12, 31), "By": "kim", "Row key": "BIR/C175/650",
    }
    assert set(column(by_name(sample_run())["Ignored"], "Until")) == {None}


def test_an_empty_run_has_all_sheets() -> None:
    world = provider()
    world.options = CompareOptions()
    made = by_name(world.run())
    assert list(made) == list(TITLES)
    assert column(made["To do"], "Code") == ["AT15"]
    assert records(made["Changes"]) == records(made["Comparison"]) == records(made["Ignored"]) == []
