"""The operator's month by command line, against a sandbox in another process; the ledger is the judge."""

import json
from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.end_to_end.conftest import Installation

ROW_KEYS = [
    "key", "customer_code", "customer_name", "company_id", "company_name", "contract_id", "contract_name", "line_id", "service_id",
    "service_name", "sku", "description", "billed_quantity", "previous_quantity", "contract_quantity", "last_pushed_quantity",
    "difference", "unit_price", "money_difference", "status", "change", "codes", "selected",
]  # fmt: skip


def test_compare_tells_both_sides_in_the_promised_shape(installation: Installation) -> None:
    told = installation.compare()
    assert set(told) == {"run_id", "schema", "period", "effective_date", "sources", "summary", "rows", "log"}
    assert told["schema"] == 1
    assert told["sources"]["billing"]["complete"] is True
    assert told["sources"]["billing"]["calls"] <= 4
    assert told["sources"]["psa"]["calls"] < 30
    assert told["summary"]["rows"] == len(told["rows"])
    assert all(set(ROW_KEYS) <= set(row) for row in told["rows"])
    raised = next(row for row in told["rows"] if row["status"] == "raise" and row["selected"])
    assert raised["change"] == "set_quantity"
    assert int(raised["difference"]) == int(raised["billed_quantity"]) - int(raised["contract_quantity"])
    assert {entry["code"] for entry in told["log"][:1]} == {"AT22"}
    assert told["log"][-1]["message"] == "Billing Process Completed with status CompletedWithWarnings"


def test_a_push_commits_exactly_the_approved_changes_and_nothing_twice(installation: Installation, tmp_path: Path) -> None:
    told = installation.compare()
    chosen = {row["key"]: row for row in told["rows"] if row["selected"]}
    done = installation.run("push", "--run", told["run_id"], "--yes", "--json", "-", "--xlsx", str(tmp_path / "log.xlsx"))
    assert done.status == 0, done.err
    pushed = done.json
    assert pushed["result"] == "finished"
    assert {op["key"] for op in pushed["ops"]} == set(chosen)
    assert {op["state"] for op in pushed["ops"]} == {"VERIFIED"}
    committed = {entry["line"]: entry for entry in installation.ledger()}
    assert len(committed) == len(installation.ledger()) == len(chosen)
    assert sorted(entry["after"] for entry in committed.values()) == sorted(
        int(row["billed_quantity"]) * 10_000 for row in chosen.values()
    )
    results = CalamineWorkbook.from_path(tmp_path / "log.xlsx").get_sheet_by_name("Changes").to_python()
    assert sum("written and confirmed" in row for row in results) == len(chosen)

    again = installation.compare()
    assert not [row for row in again["rows"] if row["selected"]]
    after = {row["key"]: row for row in again["rows"]}
    assert {after[key]["last_pushed_quantity"] for key in chosen} == {row["billed_quantity"] for row in chosen.values()}
    assert {after[key]["status"] for key in chosen} == {"equal"}

    stale = installation.run("push", "--run", told["run_id"], "--yes", "--json", "-")
    assert stale.status == 4
    assert stale.json["result"] == "refused"
    assert len(installation.ledger()) == len(chosen)


def test_a_selection_file_names_rows_and_customers_restrict(installation: Installation, tmp_path: Path) -> None:
    told = installation.compare()
    changeable = [row for row in told["rows"] if row["change"] == "set_quantity" and row["selected"]]
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps([row["key"] for row in changeable[:3]]), encoding="utf-8")
    only = changeable[0]["customer_code"]
    done = installation.run("push", "--run", told["run_id"], "--select", str(keys), "--customers", only, "--yes", "--json", "-")
    assert done.status == 0, done.err
    wanted = [row["key"] for row in changeable[:3] if row["customer_code"] == only]
    assert [op["key"] for op in done.json["ops"]] == wanted
    assert len(installation.ledger()) == len(wanted)

    keys.write_text('["no/such/row"]', encoding="utf-8")
    refused = installation.run("push", "--run", told["run_id"], "--select", str(keys), "--yes")
    assert refused.status == 2
    assert "rows without a change" in refused.err


def test_zeroing_needs_its_own_word_and_a_push_needs_yes(installation: Installation) -> None:
    told = installation.compare()
    zero = {row["key"] for row in told["rows"] if row["change"] == "zero_line"}
    assert zero
    assert not [row for row in told["rows"] if row["key"] in zero and row["selected"]]
    without = installation.run("push", "--run", told["run_id"], "--include-zero")
    assert without.status == 2
    assert "--yes" in without.err
    assert installation.ledger() == []
    done = installation.run("push", "--run", told["run_id"], "--include-zero", "--yes", "--json", "-")
    assert done.status == 0, done.err
    assert zero <= {op["key"] for op in done.json["ops"]}


def test_saved_runs_open_offline(installation: Installation, tmp_path: Path) -> None:
    told = installation.compare()
    installation.secrets.clear()  # without secrets nothing can be asked of anybody
    shown = installation.run("runs", "show", told["run_id"], "--json", "-").json
    assert shown["rows"] == told["rows"]
    assert shown["log"] == told["log"]
    listed = installation.run("runs", "list", "--json", "-").json
    assert [run["run_id"] for run in listed] == [told["run_id"]]
    done = installation.run("export", "--run", told["run_id"], str(tmp_path / "log.xlsx"))
    assert done.status == 0, done.err
    assert CalamineWorkbook.from_path(tmp_path / "log.xlsx").sheet_names == [
        "Summary", "To do", "Changes", "Comparison", "Log", "Ignored", "Rejected rows",
    ]  # fmt: skip


def test_verify_names_every_permission(installation: Installation) -> None:
    for name in installation.settings:
        done = installation.run("connections", "verify", name, "--json", "-")
        assert done.status == 0, done.err
        assert {check["result"] for check in done.json["checks"]} <= {"ok", "cannot tell"}
    listed = installation.run("connections", "list", "--json", "-").json
    assert [view["name"] for view in listed] == ["atria", "autotask", "connectwise"]
    hidden = [value for name, value in installation.secrets.items() if not name.endswith("USERNAME")]  # also the zone user
    assert all(secret not in json.dumps(listed) for secret in hidden)


def test_periods_are_told_newest_first(installation: Installation) -> None:
    told = installation.run("periods", "--billing", "atria", "--json", "-").json
    assert told == sorted(told, key=lambda period: period["start"], reverse=True)


def test_wrong_settings_and_wrong_use_end_with_2_and_say_the_next_step(installation: Installation) -> None:
    cases = [
        (("compare", "--billing", "atria", "--psa", "nothing"), "no connection named nothing"),
        (("compare", "--billing", "atria", "--psa", "autotask", "--period", "soon"), "period"),
        (("push", "--run", "no-such-run", "--yes"), "no-such-run"),
        (("frobnicate",), "No such command"),
        (("connections", "add", "x", "--kind", "nonsense"), "no connector nonsense"),
    ]
    for arguments, words in cases:
        done = installation.run(*arguments)
        assert done.status == 2, (arguments, done.err)
        assert words in done.err
    (installation.folder / "connections.toml").write_text("[connections\n", encoding="utf-8")
    broken = installation.run("connections", "list")
    assert broken.status == 2
    assert "connections.toml" in broken.err
    assert (installation.folder / "connections.toml").read_text(encoding="utf-8") == "[connections\n"


def test_a_wrong_token_is_a_side_that_could_not_be_read(installation: Installation) -> None:
    done = installation.run(
        "compare", "--billing", "atria", "--psa", "autotask", "--json", "-", RECONCILE_SECRET_ATRIA_TOKEN="wrong-token-4711"
    )
    assert done.status == 3
    assert [entry["code"] for entry in done.json["log"]] == ["AT22", "AT03", "AT24"]
    assert done.json["rows"] == []
    assert "wrong-token-4711" not in done.out + done.err

    done = installation.run(
        "compare", "--billing", "atria", "--psa", "autotask", "--json", "-", RECONCILE_SECRET_AUTOTASK_SECRET="wrong-secret-4712"
    )
    assert done.status == 3
    told = done.json
    assert told["sources"]["psa"]["complete"] is False
    assert {row["status"] for row in told["rows"]} <= {"unknown", "blocked"}
    assert not [row for row in told["rows"] if row["change"]]
    assert "AT02" in {entry["code"] for entry in told["log"]}
    assert "wrong-secret-4712" not in done.out + done.err


def test_recover_finds_nothing_when_nothing_is_open(installation: Installation) -> None:
    done = installation.run("recover", "--json", "-")
    assert done.status == 0, done.err
    assert done.json == {"ops": [], "problems": []}
