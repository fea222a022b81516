"""Decisions go out in the Excel log, are edited there, and come back by command line; the ledger is the judge."""

from pathlib import Path

from openpyxl import load_workbook

from tests.end_to_end.conftest import Installation


def decide(path: Path, wanted: set[str]) -> None:
    """Edit the Decision column as an operator does in Excel."""
    book = load_workbook(path)
    page = book["Changes"]
    places = {cell.value: cell.column for cell in page[1]}
    for row in range(2, page.max_row + 1):
        page.cell(row, places["Decision"]).value = "push" if page.cell(row, places["Row key"]).value in wanted else "leave"
    book.save(path)


def test_the_rows_that_the_workbook_says_push_for_are_pushed(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    told = installation.compare("--xlsx", str(path))
    raised = [row["key"] for row in told["rows"] if row["change"] == "set_quantity" and row["selected"]]
    zero = [row["key"] for row in told["rows"] if row["change"] == "zero_line" and row["selectable"]]
    wanted = {raised[0], zero[0]}
    decide(path, wanted)
    done = installation.run("push", "--run", told["run_id"], "--select", str(path), "--yes", "--json", "-")
    assert done.status == 0, done.err
    assert {op["key"] for op in done.json["ops"]} == wanted
    assert len(installation.ledger()) == 2

    stale = installation.run("push", "--run", told["run_id"], "--select", str(path), "--yes", "--json", "-")
    assert (stale.status, stale.json["result"]) == (4, "refused")
    assert [entry["code"] for entry in stale.json["log"]][:2] == ["AT10", "AT10"]
    assert stale.json["log"][-1]["message"] == "Billing Process Completed with status Failed"

    other = installation.compare()
    refused = installation.run("push", "--run", other["run_id"], "--select", str(path), "--yes", "--json", "-")
    assert (refused.status, refused.json["log"]) == (4, [])
    assert "The workbook belongs to another comparison" in refused.err
    assert refused.json["error"].startswith("The decisions were not taken over.")
    wrong = installation.run("push", "--run", told["run_id"], "--select", str(path.with_suffix(".xls")), "--yes")
    assert wrong.status == 2
    assert "no .xlsx file" in wrong.err
    assert len(installation.ledger()) == 2
