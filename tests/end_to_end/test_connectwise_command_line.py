"""The month with ConnectWise by command line, against a sandbox in another process; the ledger is the judge."""

from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.end_to_end.conftest import Installation


def test_compare_push_undo_and_export_hold_exactly_what_was_approved(installation: Installation, tmp_path: Path) -> None:
    told = installation.compare("--allow-create", psa="connectwise")
    assert told["sources"]["psa"]["complete"] is True
    assert told["sources"]["psa"]["calls"] <= 8 + 45, "pages of five lists, and one call for each agreement in force"
    assert (told["log"][0]["code"], told["log"][-1]["code"]) == ("CW01", "CW23")
    chosen = {row["key"]: row for row in told["rows"] if row["selected"]}
    assert {row["change"] for row in chosen.values()} == {"set_quantity", "create_line"}
    assert any("." in row["billed_quantity"] for row in chosen.values()), "a fraction is written like any other quantity"

    done = installation.run("push", "--run", told["run_id"], "--yes", "--json", "-")
    assert done.status == 0, done.err
    assert done.json["result"] == "finished"
    assert {op["state"] for op in done.json["ops"]} == {"VERIFIED"}
    wanted = sorted((row["contract_quantity"] or "", row["billed_quantity"]) for row in chosen.values())
    assert sorted(steps(installation.ledger())) == wanted
    assert len({entry["line"] for entry in installation.ledger()}) == len(chosen)

    undone = installation.run("undo", "--run", told["run_id"], "--yes", "--json", "-", "--xlsx", str(tmp_path / "log.xlsx"))
    assert undone.status == 0, undone.err
    assert {op["state"] for op in undone.json["ops"]} == {"VERIFIED"}
    assert {line["way"] for line in undone.json["lines"]} == {"exact", "compensating"}
    created = next(line for line in undone.json["lines"] if line["way"] == "compensating")
    assert "The line itself stays where it is" in created["words"]
    after = steps(installation.ledger()[len(chosen) :])
    assert sorted(after) == sorted((billed, held or "0") for held, billed in wanted)
    again = installation.compare("--allow-create", psa="connectwise")
    back = {row["key"]: row["contract_quantity"] for row in again["rows"]}
    assert {key: back[key] for key in chosen} == {key: row["contract_quantity"] or "0" for key, row in chosen.items()}

    book = CalamineWorkbook.from_path(tmp_path / "log.xlsx")
    results = book.get_sheet_by_name("Changes").to_python()
    assert sum("undo: written and confirmed" in row for row in results) == len(chosen)


def steps(entries: "list[dict[str, object]]") -> list[tuple[str, str]]:
    """Quantity before and after of ledger entries, as the program writes quantities; nothing before a line there was."""

    def text(amount: object) -> str:
        return "" if amount is None else f"{int(str(amount)) / 10_000:.4f}".rstrip("0").rstrip(".")

    return [(text(entry["before"]), text(entry["after"])) for entry in entries]


def test_wrong_settings_of_a_connection_say_what_to_do(installation: Installation) -> None:
    installation.connect(connectwise={"agreement_type": "Cloud"})
    told = installation.compare(psa="connectwise", status=3)
    assert "CW21" in {entry["code"] for entry in told["log"]}
    assert {row["status"] for row in told["rows"]} <= {"unknown", "blocked"}
    checked = installation.run("connections", "verify", "connectwise", "--json", "-")
    assert checked.status == 1
    assert "Hosting and Cloud Services" in checked.json["checks"][-1]["grant"]
    installation.connect(connectwise={"base_url": ""})
    done = installation.run("compare", "--billing", "atria", "--psa", "connectwise")
    assert done.status == 2
    assert "Enter" in done.err
